#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# greffon update --graft and --ungraft, killed before one of its system calls, and likewise the process that it sends into
# the container: tests/lib/killpoints.sh, on the node of graft.t that pretends.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$lib_top/tests/lib/graft.sh"
. "$lib_top/tests/lib/killpoints.sh"

nodes=(/dev/nvidia0 /dev/nvidiactl /dev/nvidia-uvm)
opens() { rt exec "$ID" /bin/probe open "${nodes[0]}" rw "${nodes[1]}" rw "${nodes[2]}" rw 2>&1 </dev/null | xargs; }
all_open='/dev/nvidia0:rw=ENXIO /dev/nvidiactl:rw=ENXIO /dev/nvidia-uvm:rw=ENXIO'

# What can be opened in the container is on record, so that an update of the rules keeps it and ungraft takes it.
record_says_it() {
	local n
	for n in $(opens | tr ' ' '\n' | sed -n 's/:rw=ENXIO$//p'); do
		jq -e --arg n "$n" '[.graft.devices[]?.path] | index($n)' "$STATE/$ID/state.json" >/dev/null || echo "$n opens and is not on record"
	done
}
taken() {
	rt update --ungraft gpu "$ID" 2>&1 </dev/null
	is_left=$(rt exec "$ID" /bin/sh -c 'ls /dev/nvidia* 2>/dev/null; grep -o " /dev/nvidia[^ ]*" /proc/self/mountinfo' 2>&1 </dev/null | xargs)
	[ -z "$is_left" ] || echo "after --ungraft: $is_left"
}
graft_again() {
	local out
	still_runs
	record_says_it
	out=$(rt update --graft gpu=0 "$ID" 2>&1 </dev/null | grep -v 'GRAFT-[A-Z]*\]$')
	[ -z "$out" ] || echo "--graft again: $out"
	out=$(opens)
	[ "$out" = "$all_open" ] || echo "after --graft again: $out"
	taken
}
ungraft_again() {
	still_runs
	record_says_it
	# it may be done already
	[ "$(jq '[.graft.devices[]?] | length' "$STATE/$ID/state.json")" = 0 ] || taken
	[ "$(opens | grep -c ENXIO)" = 0 ] || echo "after --ungraft: $(opens)"
}

if [ "$(id -u)" != 0 ]; then
	skip "kill points of hot grafts" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "kill points of hot grafts" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	new_bundle "$deny"
	kill_bundle
	EXTRA=graft_again
	kills "update --graft, killed" running "" 31 update --graft gpu=0 "$ID"
	kills "update --graft, its process in the container killed" running -i 11 update --graft gpu=0 "$ID"
	EXTRA=ungraft_again
	kills "update --ungraft, killed" grafted "" 23 update --ungraft gpu "$ID"
	kills "update --ungraft, its process in the container killed" grafted -i 11 update --ungraft gpu "$ID"
fi
