#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The container's filter holds for its startContainer hooks too: they are programs of the image.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

[ -e /proc/sys/kernel/seccomp/actions_avail ] ||
	{ skip "the filter of startContainer hooks" "the kernel has no seccomp"; exit 0; }

filter() { # ACTION
	echo ".root.readonly = false | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\",
		syscalls: [{names: [\"mkdir\", \"mkdirat\"], action: \"$1\"}]}"
}
hook='.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "mkdir /made; touch /touched"], env: ["PATH=/bin"]}]'
killed='.hooks.startContainer = [{path: "/bin/mkdir", args: ["mkdir", "/made"]}]'
for privileges in true false; do
	as="noNewPrivileges $privileges"
	new_bundle "$(filter SCMP_ACT_ERRNO)" "$hook" ".process.noNewPrivileges = $privileges"
	run_sh 'ls -d /made /touched; mkdir /other || echo refused'
	is "$as: a hook's call is refused, others are not" "$(grep -v : <<<"$OUT" | xargs)" "/touched refused"
	new_bundle "$(filter SCMP_ACT_KILL_PROCESS)" "$killed" ".process.noNewPrivileges = $privileges"
	with_args /bin/true
	ct_run
	is "$as: a hook that is killed fails the start" "$RC" 1
	like "$as: and that is told" "$(<"$WORK/err")" "*hooks.startContainer?0?: *'/bin/mkdir' was killed by signal 31*"
	ok "$as: it has not got through" test ! -e "$ROOTFS/made"
	new_bundle "$(filter SCMP_ACT_ERRNO)" "$hook" ".process.noNewPrivileges = $privileges"
	with_args /bin/sleep 100
	ct_create && ct_start
	is "$as: the same with create and start" "$(status_of "$ID"), $(ls -d "$ROOTFS"/{made,touched} 2>/dev/null | sed 's|.*/||')" \
		"running, touched"
	ct_drop
done
