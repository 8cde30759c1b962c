#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Annotations: crun's run.oci.*, honoured or answered. The part below "unprivileged" runs again as root of a
# user namespace, where a path that an annotation names is opened with the caller's own rights only.
. "${BASH_SOURCE%/*}/../lib/lib.sh"
note() { printf '.annotations["%s"] = "%s"' "$1" "$2"; }

unprivileged() {
	lib_config="$lib_config"' | del(.linux.cgroupsPath) | .linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = .linux.uidMappings'
	new_bundle "$(note run.oci.hooks.stdout "$WORK/hook.out")" "$(note run.oci.hooks.stderr "$WORK/hook.err")" \
		'.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo to out; echo to err >&2"]}]' \
		'.hooks.poststop = .hooks.createRuntime'
	echo first >"$WORK/hook.out"
	ct_run
	is "without root: hooks.stdout is appended to" "$(xargs <"$WORK/hook.out")" "first to out to out"
	is "without root: hooks.stderr" "$(xargs <"$WORK/hook.err")" "to err to err"
	new_bundle "$(note run.oci.hooks.stdout /proc/absent/x)" '.hooks.createRuntime = [{path: "/bin/true"}]'
	ct_create
	is "without root: a file that can't be opened" "$(($? != 0))" 1
	like "without root: is told by its annotation" "$(<"$WORK/err")" "*run.oci.hooks.stdout: '/proc/absent/x'*"

	bg "$PROBE" pidfd "$WORK/pidfd.sock" >"$WORK/pidfd.log"
	wait_text "$WORK/pidfd.log" listening=1
	new_bundle "$(note run.oci.pidfd_receiver "$WORK/pidfd.sock")"
	ct_create
	wait_text "$WORK/pidfd.log" ^pid=
	is "without root: pidfd_receiver gets the init's" "$(sed -n s/^pid=//p "$WORK/pidfd.log")" "$PID"
	ct_drop
}

if [ -n "${ANNOTATIONS_USERNS:-}" ]; then
	unprivileged
	exit 0
fi

for name in handler seccomp.plugins seccomp_bpf_data systemd.force_cgroup_v1 delegate-cgroup; do
	refuses "run.oci.$name" "$(note "run.oci.$name" x)"
	like "run.oci.$name: the message names it" "$(<"$WORK/err")" "*'run.oci.$name' is not supported: *"
done

if needs_root "as root a path of an annotation has no effect" "a user's may have one"; then
	echo canary >"$WORK/canary"
	chmod 600 "$WORK/canary"
	new_bundle "$(note run.oci.hooks.stdout "$WORK/canary")" "$(note run.oci.hooks.stderr "$WORK/made")" \
		"$(note run.oci.pidfd_receiver "$WORK/none.sock")" \
		'.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo x; echo y >&2"]}]'
	run_sh 'echo runs'
	is "as root a path of an annotation has no effect" "$OUT $RC" "runs 0"
	is "its file is not touched" "$(<"$WORK/canary")" canary
	ok "nor made" not test -e "$WORK/made"
	like "a warning says what to use" "$(<"$WORK/err")" "*'run.oci.pidfd_receiver' has no effect as root*--pidfd-socket*"
fi

if needs_root "keep_original_groups: create, exec" "a user can't set his groups"; then
	new_bundle "$(note run.oci.keep_original_groups 1)" '.process.user.additionalGids = [7]'
	with_args /bin/sh -c 'id -G; sleep 60'
	write_config
	lib_live[$ID]=1
	setpriv --groups=4242,4243 "${lib_runtime[@]}" --root "$STATE" create -b "$BUNDLE" "$ID" >"$BUNDLE/out" 2>"$WORK/err" </dev/null
	ct_start
	wait_text "$BUNDLE/out" 4242
	like "keep_original_groups: create" "$(<"$BUNDLE/out")" "*4242 4243*"
	out=$(setpriv --groups=4244 "${lib_runtime[@]}" --root "$STATE" exec "$ID" /bin/id -G 2>"$WORK/err")
	like "keep_original_groups: exec" "$out" "*4244*"
	ct_drop
fi
new_bundle "$(note run.oci.keep_original_groups 0)" '.process.user.additionalGids = [7]'
run_sh 'id -G'
is "keep_original_groups: 0 is no" "$OUT" "0 7"

if [ -e /proc/self/ns/time ]; then
	new_bundle "$(note run.oci.timens_offset 'monotonic 86400 0\nboottime 172800 0')" '.linux.namespaces += [{type: "time"}]'
	run_sh 'cat /proc/self/timens_offsets'
	is "timens_offset" "$(tr -s ' ' <<<"$OUT" | xargs)" "monotonic 86400 0 boottime 172800 0"
else
	skip "timens_offset" "the kernel has no time namespaces"
fi

new_bundle "$(note run.oci.seccomp_fail_unknown_syscall 1)" \
	'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["no_such_call"], action: "SCMP_ACT_ERRNO"}]}'
ct_create
refused "seccomp_fail_unknown_syscall" $?
like "the message names the call" "$(<"$WORK/err")" "*no_such_call*"

bg "$PROBE" agent "$WORK/agent.sock" "$WORK/agent.json" >"$WORK/agent.log"
wait_text "$WORK/agent.log" listening=1
new_bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}]}'
export RUN_OCI_SECCOMP_RECEIVER=$WORK/agent.sock
run_sh 'busybox mkdir /x || true'
unset RUN_OCI_SECCOMP_RECEIVER
is "RUN_OCI_SECCOMP_RECEIVER names the agent" "$(jq -r .fds[0] "$WORK/agent.json" 2>/dev/null)" seccompFd
ok "which is asked" grep -q notified= "$WORK/agent.log"

new_bundle "$(note io.podman.annotations.init TRUE)" "$(note run.oci.unknown x)" "$(note krun.cpus 2)"
run_sh 'echo runs'
is "others are left alone" "$OUT$(<"$WORK/err")" runs

if ! unshare -Ur true 2>/dev/null; then
	skip "annotations without root" "unshare -Ur is not permitted"
else
	cp "$(command -v "${lib_runtime[0]}")" "$WORK/runtime"
	chmod 755 "$WORK"
	unshare -Urm env RUNTIME="$WORK/runtime ${lib_runtime[*]:1}" ANNOTATIONS_USERNS=1 LIB_TEMPLATE="$LIB_TEMPLATE" \
		bash "$0" &
	wait $!
fi
