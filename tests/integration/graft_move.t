#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# RDMA devices of a network namespace each (mode "exclusive"), over Soft-RoCE. Loads modules and changes the mode of the
# whole machine, so only in one that is thrown away. A kernel that says it can't move such a device is tested for what
# follows from that, and then made one that can (tests/vm/guest/modules).
. "$(dirname "$0")/../lib/lib.sh"
. "$lib_top/tests/lib/graft.sh"

exclusive() {
	modprobe ib_core netns_mode=0 && modprobe -a rdma_rxe rdma_ucm || return
	rdma system show | grep -q 'netns exclusive' || { echo "ib_core was loaded in mode shared"; return 1; }
	ip link add dummy0 type dummy && ip addr add 10.9.0.1/24 dev dummy0 && ip link set dummy0 up &&
		rdma link add rxe0 type rxe netdev dummy0 || return
	mkdir -p /etc/greffon && echo '{"version": 1, "enable": ["rdma"]}' >/etc/greffon/graft.json
}
net='.linux.namespaces += [{type: "network"}]'
opens='/bin/probe open /dev/infiniband/uverbs0 rw'
home() { rdma dev show 2>&1 | grep -c '^[0-9]*: rxe0:'; }

movable() {
	local r
	ip netns add movable
	rdma dev set rxe0 netns movable 2>"$WORK/why"
	r=$?
	ip netns del movable
	wait_for eval '[ "$(home)" = 1 ]'
	return $r
}

namespaces() {
	new_bundle "$deny" "$(annotate rdma=rxe0)"
	run_sh "$opens"
	is "in the host's network namespace the device opens" "$OUT" "/dev/infiniband/uverbs0:rw=0"
	new_bundle "$deny" "$(annotate rdma=rxe0)" "$net"
	run_sh "$opens"
	is "in one of the container's own it does not" "$OUT" "/dev/infiniband/uverbs0:rw=EPERM"
	like "... which a note tells" "$(cat "$WORK/err")" "*ask for ';move'*\[GRAFT-NETNS]*"
	refuses "a move into the host's namespace is refused" "$(annotate 'rdma=rxe0;move')"
	like "... with the reason" "$(cat "$WORK/err")" "*the runtime's own network namespace*\[GRAFT-NETNS]*"
	new_bundle "$deny" "$(annotate 'rdma=rxe0;move')" "$net"
	write_config
	like "greffon plan tells the move" "$(rt plan -b "$BUNDLE" 2>&1 | grep move=)" "rdma *move=rxe0 *graft rdma: annotation*"
}

immovable() {
	refuses "a device that the kernel can't move is refused, and nothing is left" "$deny" "$(annotate 'rdma=rxe0;move')" "$net"
	like "... in one line with the remedy" "$(grep -v MEMLOCK "$WORK/err")" \
		"greffon: create *moving 'rxe0': its driver can't move it*\[GRAFT-NETNS]"
	is "... and the device is where it was" "$(home)" 1
}

moves() {
	new_bundle "$deny" "$(annotate 'rdma=rxe0;move')" "$net"
	with_args /bin/sleep 600
	ok "create with a move" ct_create
	ct_start
	is "the host has the device no more" "$(home)" 0
	is "the container has it" "$(nsenter -n -t "$PID" rdma dev show | grep -c rxe0)" 1
	is "... and opens it" "$(rt exec "$ID" /bin/sh -c "$opens" 2>&1)" "/dev/infiniband/uverbs0:rw=0"
	ct_drop
	ok "it comes back when the container is gone" wait_for eval '[ "$(home)" = 1 ]'
	new_bundle "$deny" "$(annotate 'rdma=rxe0;move')" "$net" '.hooks.createRuntime = [{path: "/bin/false"}]'
	refused "a creation that fails" "$(ct_create; echo $?)"
	is "... gives it back at once" "$(home)" 1
	ip netns add kept
	new_bundle "$deny" "$(annotate 'rdma=rxe0;move')" '.linux.namespaces += [{type: "network", path: "/run/netns/kept"}]'
	with_args /bin/sleep 600
	ok "a network namespace that is joined gets it too" ct_create
	ct_start
	is "... and the container opens it" "$(rt exec "$ID" /bin/sh -c "$opens" 2>&1)" "/dev/infiniband/uverbs0:rw=0"
	is "the namespace has it" "$(ip netns exec kept rdma dev show | grep -c rxe0)" 1
	ct_drop
	is "delete brings it back from there" "$(home)" 1
	new_bundle "$deny" "$(annotate 'rdma=rxe0;move')" '.hooks.createRuntime = [{path: "/bin/false"}]' \
		'.linux.namespaces += [{type: "network", path: "/run/netns/kept"}]'
	refused "a creation that fails after the move there" "$(ct_create; echo $?)"
	is "... gives it back from there too" "$(home)" 1
	ip netns del kept
}

if [ -z "${GREFFON_VM:-}" ] || [ "$(id -u)" != 0 ]; then
	skip "RDMA devices of a network namespace each" "this machine is not thrown away (tests/run --vm)"
elif ! exclusive >"$WORK/rxe.log" 2>&1; then
	skip "RDMA devices of a network namespace each" "no exclusive mode here: $(tail -n 1 "$WORK/rxe.log")"
else
	namespaces
	movable || immovable
	if movable || { modprobe rdma_movable device=rxe0 2>"$WORK/why" && movable; }; then
		moves
	else
		skip "a device moves and comes back" "this kernel ($(uname -r)) can't move Soft-RoCE: $(<"$WORK/why")"
	fi
fi
