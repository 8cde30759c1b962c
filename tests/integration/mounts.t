#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mounts beyond what the specification says: a read-only tmpfs that something has to be made in.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

readonly_dev='.mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end)'
new_bundle "$readonly_dev" '.mounts += [
	{destination: "/made", type: "tmpfs", source: "tmpfs", options: ["ro", "nosuid"]},
	{destination: "/made/below", type: "tmpfs", source: "tmpfs"},
	{destination: "/whole", type: "tmpfs", source: "tmpfs", options: ["rro"]},
	{destination: "/whole/below", type: "tmpfs", source: "tmpfs"}]'
run_sh 'ls -d /dev/null /dev/pts/ptmx /dev/shm /made/below /whole/below
	for d in /dev /dev/shm /made /made/below /whole /whole/below; do
		touch $d/x 2>/dev/null && echo "$d rw" || echo "$d ro"
	done
	grep " /made " /proc/self/mountinfo | cut -d" " -f6'
is "a container with a read-only /dev" "$RC" 0
is "its nodes and the mounts below are there" "$(head -n 5 <<<"$OUT" | xargs)" \
	"/dev/null /dev/pts/ptmx /dev/shm /made/below /whole/below"
is "read-only are those that say so, not what is below" "$(tail -n +6 <<<"$OUT" | head -n 6 | xargs)" \
	"/dev ro /dev/shm rw /made ro /made/below rw /whole ro /whole/below rw"
like "the other options stay" "$(tail -n 1 <<<"$OUT")" "ro,nosuid*"

new_bundle "$readonly_dev" '.root.readonly = true'
with_args /bin/sleep 100
ct_create && ct_start
if rt mounts add "$ID" <(echo '[{"destination": "/tmp", "type": "tmpfs", "options": ["ro"]},
	{"destination": "/tmp/below", "type": "tmpfs"}]') 2>"$WORK/err"; then
	is "mounts add, from a pipe: the same" \
		"$(rt exec "$ID" sh -c 'touch /tmp/below/x && echo below; touch /tmp/x 2>/dev/null || echo ro' | xargs)" "below ro"
else
	fail "mounts add, from a pipe" "$(<"$WORK/err")"
fi
is "exec: --process from a pipe" \
	"$(rt exec --process <(echo '{"args": ["/bin/echo", "piped"], "cwd": "/", "user": {"uid": 0, "gid": 0}}') "$ID" 2>"$WORK/err")" piped
ct_drop

# New file systems take one mount(2), and where that is refused the newer calls: the result is the same.
direct_or_not() {
	command -v strace >/dev/null || { skip "mount(2) refused" "strace is not installed"; return; }
	needs_root "mount(2) refused" "newuidmap has no rights while it is traced" || return 0
	local mounts='.mounts += [{destination: "/made", type: "tmpfs", source: "here", options: ["nosuid", "noatime", "size=1m"]},
		{destination: "/made/below", type: "tmpfs", source: "there", options: ["nodev", "strictatime", "mode=711", "nr_inodes=9"]},
		{destination: "/queue", type: "mqueue", source: "mqueue", options: ["nodev", "nodiratime"]},
		{destination: "/terminals", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666", "mode=0620"]}]'
	local print='cut -d" " -f4- /proc/self/mountinfo | sed "s/master:[0-9]* //"; stat -c "%n %a %u" /made /made/below /dev /dev/shm'
	new_bundle "$mounts"
	run_sh "$print"
	is "mount(2): a container with new file systems" "$RC" 0
	local direct=$OUT
	lib_live[$ID]=1
	OUT=$(timeout --foreground -k 2 20 strace -f -qq -o "$WORK/trace" -e inject=mount:error=EPERM:when=2+ \
		"${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" "$ID" 2>"$WORK/err" </dev/null)
	is "mount(2) refused: a container with them" $? 0
	ok "mount(2) refused: it was tried" grep -q 'mount(.*INJECTED' "$WORK/trace"
	is "mount(2) refused: the same mounts" "$OUT" "$direct"
	: >"$WORK/err"
}
direct_or_not

# A kernel before 5.12: each hierarchy has the options all the same.
cgroups_by_one() {
	command -v strace >/dev/null || { skip "cgroups without mount_setattr" "strace is not installed"; return; }
	needs_root "cgroups without mount_setattr" "newuidmap has no rights while it is traced" || return 0
	new_bundle '.mounts |= map(select(.destination != "/sys/fs/cgroup")) + [{destination: "/sys/fs/cgroup", type: "cgroup",
		source: "cgroup", options: ["ro", "nosuid", "nodev", "noexec"]}]' '.root.readonly = false'
	with_args /bin/sh -c 'cut -d" " -f5,6 /proc/self/mountinfo | grep "^/sys/fs/cgroup"'
	write_config
	lib_live[$ID]=1
	OUT=$(timeout --foreground -k 2 20 strace -f -qq -o /dev/null -e inject=mount_setattr:error=ENOSYS \
		"${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" "$ID" 2>"$WORK/err" </dev/null)
	is "without mount_setattr: a container with cgroups" $? 0
	is "without mount_setattr: all are read-only" "$(grep -v ' ro,nosuid,nodev,noexec' <<<"$OUT")" ""
	: >"$WORK/err"
}
cgroups_by_one

# What was made last is covered by what comes after it at the same place.
new_bundle '.mounts |= map(select(.destination | startswith("/dev") or startswith("/sys") | not)) + [
	{destination: "/dev", type: "tmpfs", source: "first", options: ["mode=755"]},
	{destination: "/dev", type: "tmpfs", source: "second", options: ["mode=755"]},
	{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"]},
	{destination: "/sys", type: "sysfs", source: "first", options: ["ro"]},
	{destination: "/sys", type: "sysfs", source: "second", options: ["nosuid"]},
	{destination: "/sys/fs/cgroup", type: "tmpfs", source: "third", options: ["mode=755", "ro"]}]'
# a plain user's container has a sysfs of its own with a network namespace only, and binds of the host's nodes
[ -z "$lib_rootless" ] || set_config '.linux.namespaces += [{type: "network"}]'
run_sh 'test -c /dev/null && test -c /dev/pts/ptmx && test -d /sys/class &&
	grep -E " /(dev|sys)[ /]" /proc/self/mounts | grep -vE " /dev/(null|zero|full|random|urandom|tty) " | cut -d" " -f1,2'
is "the upper of two is the one in use" "$(xargs <<<"$OUT")" \
	"first /dev second /dev devpts /dev/pts first /sys second /sys third /sys/fs/cgroup"

new_bundle '.mounts += [{destination: "/sys", type: "proc", source: "over", options: []}]' \
	'.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}]'
run_sh true
ok "cgroups below a /sys that is no sysfs any more are refused" test "$RC" -ne 0
