#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# linux.intelRdt on a tree with the files of resctrl, mounted in a mount namespace of this test's own: what
# the runtime makes, writes and removes. It can't show what a processor does with it.
if [ "${RDT_MOUNTS:-}" != "$$" ]; then
	if ! unshare -m true 2>/dev/null; then
		echo "1..0 # SKIP a mount namespace can't be made"
		exit 0
	fi
	exec unshare -m --propagation private env RDT_MOUNTS=$$ bash "$0" "$@"
fi
. "${BASH_SOURCE%/*}/../lib/lib.sh"

new_bundle '.linux.intelRdt = {closID: "c"}'
if [ -e /sys/fs/resctrl/schemata ]; then
	skip "without resctrl the error names the remedy" "this host has resctrl"
else
	refuses "without resctrl" '.linux.intelRdt = {l3CacheSchema: "L3:0=f"}'
	like "the error names the remedy" "$(<"$WORK/err")" "*linux.intelRdt: *mount -t resctrl*"
fi

tree=$WORK/fs
mkdir "$tree" && mount -t tmpfs tmpfs "$tree" && mkdir "$tree/cgroup" &&
	mount --rbind /sys/fs/cgroup "$tree/cgroup" || exit 1
r=$tree/resctrl
mkdir -p "$r"/{info/{L3,MB,L3_MON},mon_groups,gold/mon_groups}
printf '    L3:0=ffff\n    MB:0=100\n' >"$r/schemata"
printf '    L3:0=00f0\n    MB:0= 50\n' >"$r/gold/schemata"
: >"$r/gold/tasks"
: >"$r/tasks"
mount --rbind "$tree" /sys/fs || { skip "groups of resctrl" "/sys/fs can't be covered"; exit 0; }

new_bundle '.linux.intelRdt = {l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=20"}'
with_args /bin/sleep 60
ct_create
is "a container in a group of its own" $? 0
is "its shares are written" "$(cat "$r/$ID/schemata")" $'L3:0=f\nMB:0=20'
is "its init has entered" "$(cat "$r/$ID/tasks")" 0
is "the record has it" "$(jq -c .intelRdt "$STATE/$ID/state.json")" "{\"group\":\"$ID\",\"made\":true}"
ct_start
: >"$r/$ID/tasks"
rt exec "$ID" /bin/true
is "a process of exec enters too" "$(cat "$r/$ID/tasks")" 0
ok "update changes the shares" rt update --mem-bw-schema MB:0=30 "$ID"
like "they are written" "$(cat "$r/$ID/schemata")" "MB:0=30*"
is "events show them" "$(rt events --stats "$ID" | jq -r .data.intel_rdt.mem_bw_schema)" "MB:0=30"
rm "$r/$ID"/* # a plain directory does not lose its files by rmdir
ct_drop
ok "delete removes the group" not test -e "$r/$ID"

new_bundle '.linux.intelRdt = {closID: "gold", enableMonitoring: true}'
with_args /bin/sleep 60
ct_create
is "a class that is there, with monitoring" $? 0
is "the class is entered" "$(cat "$r/gold/tasks")" 0
is "and the monitoring group" "$(cat "$r/gold/mon_groups/$ID/tasks")" 0
rt update --l3-cache-schema L3:0=1 "$ID" 2>"$WORK/err"
like "update leaves a class alone that was not made for it" "$(<"$WORK/err")" "*--l3-cache-schema: *was not made for this container*"
rm "$r/gold/mon_groups/$ID/tasks"
ct_drop
ok "delete removes the monitoring group" not test -e "$r/gold/mon_groups/$ID"
ok "and leaves the class" test -e "$r/gold/schemata"

new_bundle '.linux.intelRdt = {closID: "gold", l3CacheSchema: "L3:0=f"}'
ct_create
refused "a class with other shares" $?
like "the message names it" "$(<"$WORK/err")" "*linux.intelRdt: the class 'gold' exists*"

new_bundle '.linux.intelRdt = {closID: "absent"}'
ct_create
refused "a class that is not there" $?

new_bundle '.linux.intelRdt = {}' '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "rm -f /sys/fs/resctrl/*/tasks /sys/fs/resctrl/*/schemata; exit 1"]}]'
printf '    L3:0=00f0\n' >"$r/gold/schemata"
ct_create
refused "a creation that fails" $?
ok "leaves no group behind" not test -e "$r/$ID"

new_bundle
with_args /bin/sleep 60
ct_create
rt update --l3-cache-schema L3:0=1 "$ID" 2>"$WORK/err"
like "update without linux.intelRdt" "$(<"$WORK/err")" "*no group of resctrl*"
ct_drop
is "without linux.intelRdt resctrl is left alone" "$(ls "$r")" $'gold\ninfo\nmon_groups\nschemata\ntasks'
