#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SELinux: the label of the process from its first instruction on, that of its mounts and of its keyring.
#
# In a machine that is thrown away (tests/run --vm selinux) a policy of this test's own is loaded and enforced, from
# $SELINUX_POLICY; elsewhere what a host's policy with the types container_t and container_file_t can show is shown.
. "$(dirname "$0")/../lib/lib.sh"

[ -e /sys/fs/selinux/enforce ] || { skip "selinux" "this kernel runs without SELinux"; exit 0; }
[ "$(id -u)" = 0 ] || { skip "selinux" "needs root to give labels"; exit 0; }

own_policy=
if [ -n "${GREFFON_VM:-}" ] && [ -n "${SELINUX_POLICY:-}" ]; then
	cat "$SELINUX_POLICY" >/sys/fs/selinux/load || { fail "selinux: the policy loads"; exit 1; }
	own_policy=1
	echo 1 >/sys/fs/selinux/enforce
	selinux_end() { echo 0 >/sys/fs/selinux/enforce; lib_cleanup; }
	trap selinux_end EXIT
fi
process=system_u:system_r:container_t:s0:c1,c2
other=system_u:system_r:container_t:s0:c0
file=system_u:object_r:container_file_t:s0:c1,c2
# the kernel's own question whether a label is one of the policy's
printf %s "$process" 2>/dev/null >/sys/fs/selinux/context ||
	{ skip "selinux" "the policy here has no $process"; exit 0; }

label_of() { getfattr -h --absolute-names --only-values -n security.selinux "$1" 2>/dev/null | tr -d '\0'; }

bundle() { # [JQ...]
	new_bundle '.process.selinuxLabel = "'$process'" | .linux.mountLabel = "'$file'"
		| .mounts += [{destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]}]
		| .mounts += [{destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=64k"]}]' "$@"
	[ -z "$own_policy" ] || return 0
	chcon -R "$file" "$ROOTFS" || skip "selinux: labels of the rootfs" "chcon failed"
}

for nnp in true false; do
	bundle ".process.noNewPrivileges = $nnp"
	run_sh "cat /proc/self/attr/current | tr -d '\\0'"
	is "run: labelled from the start, noNewPrivileges $nnp" "$OUT" "$process"
done

bundle
with_args /bin/sh -c 'echo up; sleep 1000'
ct_create
is "create: init itself has the caller's label" "$(tr -d '\0' <"/proc/$PID/attr/current")" "$(tr -d '\0' <"/proc/$$/attr/current")"
for mount in /dev /scratch /dev/mqueue; do
	is "create: the label of $mount" "$(label_of "/proc/$PID/root$mount")" "$file"
done
ct_start && wait_text "$BUNDLE/out" up
is "start: the program is labelled" "$(tr -d '\0' <"/proc/$PID/attr/current")" "$process"
is "exec: has the container's label" "$(rt exec "$ID" cat /proc/self/attr/current 2>"$WORK/err" | tr -d '\0')" "$process"
is "exec --process-label: another one" \
	"$(rt exec --process-label "$other" "$ID" cat /proc/self/attr/current 2>"$WORK/err" | tr -d '\0')" "$other"
rt exec --process-label bad:label "$ID" true 2>"$WORK/err"
RC=$?
like "exec --process-label: one that no policy has" "$RC $(<"$WORK/err")" "255 *bad:label*"
if [ -n "$own_policy" ]; then
	is "keyring: the container's is its own by label, and no other is seen" \
		"$(rt exec "$ID" awk '{ print $9 }' /proc/keys 2>"$WORK/err" | xargs)" "_ses.$ID:"
fi
ct_drop

if [ -n "$own_policy" ]; then
	bundle
	echo secret >"$ROOTFS/secret"
	setfattr -n security.selinux -v system_u:object_r:secret_t:s0 "$ROOTFS/secret"
	run_sh 'cat /secret || echo denied; echo x >/scratch/new && echo written'
	is "enforced: the policy's rules hold inside" "$(xargs <<<"$OUT")" "denied written"
fi

for field in process.selinuxLabel linux.mountLabel; do
	refuses "create: a label that no policy has, $field" ".$field = \"bad:label\""
	bundle ".$field = \"bad:label\""
	ct_create
	like "create: its one line names $field" "$(<"$WORK/err")" "*$field*"
	is "create: $field's refusal is one line" "$(wc -l <"$WORK/err")" 1
done
exit 0
