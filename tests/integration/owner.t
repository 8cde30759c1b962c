#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Root with a user's --root, as a workload manager calls (Slurm asks, kills and deletes as root what ran as the user):
# it acts as that user, so that a forged record turns none of root's rights against anybody else.
. "$(dirname "$0")/../lib/lib.sh"
if ! setpriv --reuid=65534 --regid=65534 --clear-groups unshare -Ur true 2>"$WORK/err"; then
	skip "root in a user's folder" "user namespaces are not permitted to users"
	exit 0
fi
cp "$(command -v "${lib_runtime[0]}")" "$WORK/runtime"
lib_runtime=("$WORK/runtime") # with no driver of cgroups, as there are none
rt_options=(--cgroup-manager disabled)
chown 65534:65534 "$STATE"
chmod 700 "$STATE"
as_user() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "${lib_runtime[@]}" --root "$STATE" "${rt_options[@]}" "$@" 2>"$WORK/err" </dev/null
}

user_container() { # runs a container of the user's; pid in PID
	new_bundle 'del(.linux.cgroupsPath) | .linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}] | .linux.gidMappings = .linux.uidMappings'
	with_args /bin/sleep 1000
	write_config
	lib_live[$ID]=1
	as_user create -b "$BUNDLE" "$ID" >"$BUNDLE/out" && as_user start "$ID"
	PID=$(as_user state "$ID" | jq .pid)
}

user_container
is "root in a user's folder: state" "$(status_of "$ID")" running
is "root in a user's folder: list" "$(rt list -q)" "$ID"
ok "root in a user's folder: kill -a" rt kill -a "$ID" KILL
ok "root in a user's folder: the process is gone" wait_gone "$PID"
ok "root in a user's folder: delete --force" rt delete --force "$ID"
is "root in a user's folder: nothing is left" "$(find "$STATE" -mindepth 1 -maxdepth 1 -name "$ID")" ""

# the user says that his container is a process of root's
user_container
bg sleep 1000
victim=${lib_bg[-1]}
start=$(sed 's/.*) //' "/proc/$victim/stat" | cut -d ' ' -f 20)
record=$(grep -rl "$PID" "$STATE/$ID" | head -n 1)
old=$(sed 's/.*) //' "/proc/$PID/stat" | cut -d ' ' -f 20)
sed -i "s/\b$PID\b/$victim/; s/\b$old\b/$start/; s/\"pidfsInode\":[0-9]*,//" "$record"
is "a forged record: names the other process" "$(status_of "$ID") $(state_of "$ID" | jq .pid)" "running $victim"
rt kill "$ID" KILL 2>"$WORK/err"
rt kill -a "$ID" KILL 2>"$WORK/err"
rt delete --force "$ID" 2>"$WORK/err"
ok "a forged record: the other process lives" test "$(proc_state "$victim")" = S
kill -KILL "$PID"
rm -rf "${STATE:?}/$ID"

# a folder of the user's is no place for root's own containers
new_bundle
with_args /bin/true
ct_create
like "root in a user's folder: create is refused" "$(cat "$WORK/err")" "*belongs to user 65534, not to user 0*"
