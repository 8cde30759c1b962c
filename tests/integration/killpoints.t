#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The runtime is killed (SIGKILL) before the N-th of its system calls, and its container's init likewise:
# tests/lib/killpoints.sh.
. "$(dirname "$0")/../lib/lib.sh"

. "$(dirname "$0")/../lib/killpoints.sh"

# What also has to hold after a verb was killed, before delete.
start_resumes() { # created and start works, or running; never both, never hanging
	local st
	st=$(status_of "$ID")
	if [ "$st" = created ]; then
		timeout -k 1 10 "${lib_runtime[@]}" --root "$STATE" start "$ID" >"$WORK/said" 2>&1 </dev/null ||
			echo "start again: status $?: $(<"$WORK/said")"
	fi
	wait_for runs_program || echo "status was '$st', is '$(status_of "$ID")', $(program_name)"
}

pause_resumes() { # what state says is what the kernel does; resume works
	case $(status_of "$ID") in
	paused) rt resume "$ID" 2>&1 </dev/null ;;
	running) rt pause "$ID" 2>&1 </dev/null && rt resume "$ID" 2>&1 </dev/null ;;
	*) echo "status: $(status_of "$ID")" ;;
	esac
	wait_for runs_program || echo "status: $(status_of "$ID")"
}

update_again() { rt update --pids-limit 30 "$ID" 2>&1 </dev/null; }

hooks='.hooks = ({path: "/bin/true"} | {prestart: [.], createRuntime: [.], createContainer: [.], poststart: [.], poststop: [.]})'
new_bundle "$hooks" '.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}]
	| .linux.maskedPaths = ["/proc/kcore", "/sys/firmware"] | .linux.readonlyPaths = ["/proc/sys"]
	| .linux.resources = {pids: {limit: 50}, devices: [{allow: false, access: "rwm"}]}'
mkdir "$ROOTFS/sys/fs" # what greffon itself makes in a rootfs is no leftover
kill_bundle

EXTRA=
kills "create, killed" none "" 13 create --bundle "$BUNDLE" --pid-file "$WORK/pid" "$ID"
kills "run --detach, killed" none "" 23 run --detach --bundle "$BUNDLE" "$ID"
kills "create, its init killed" none -i 17 create --bundle "$BUNDLE" "$ID"
EXTRA=start_resumes
kills "start, killed" created "" 7 start "$ID"
EXTRA=still_runs
kills "exec, killed" running "" 17 exec "$ID" true
kills "exec, its child killed" running -i 11 exec "$ID" true
EXTRA=
kills "delete of a created one, killed" created "" 11 delete "$ID"
kills "delete of a stopped one, killed" stopped "" 11 delete "$ID"
kills "delete --force, killed" running "" 11 delete --force "$ID"
kills "kill, killed" running "" 11 kill "$ID" TERM
EXTRA=pause_resumes
kills "pause, killed" running "" 11 pause "$ID"
kills "resume, killed" paused "" 11 resume "$ID"
EXTRA=update_again
kills "update, killed" running "" 13 update --pids-limit 40 "$ID"
