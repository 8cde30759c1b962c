#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real verbs in containers, over Soft-RoCE on two dummy interfaces. Loads modules and makes RDMA links, so only in
# a machine that is thrown away.
. "$(dirname "$0")/../lib/lib.sh"
. "$lib_top/tests/lib/graft.sh"

soft_roce() {
	local i
	modprobe -a rdma_rxe rdma_ucm ib_umad || return
	for i in 0 1; do
		ip link add "dummy$i" type dummy && ip addr add "10.9.$i.1/24" dev "dummy$i" &&
			ip link set "dummy$i" up && rdma link add "rxe$i" type rxe netdev "dummy$i" || return
	done
	mkdir -p /etc/greffon && echo '{"version": 1, "enable": ["rdma"], "memlockMax": "unlimited"}' \
		>/etc/greffon/graft.json
}

# The machine's own libraries and programs, so that a container has a libibverbs with rxe's provider.
verbs_bundle() { # JQ-FILTER...
	local d
	new_bundle "$deny" "$@" '.mounts += [("/usr", "/etc/libibverbs.d") |
		{destination: ., source: ., type: "bind", options: ["rbind", "ro"]}]'
	for d in lib lib64; do ln -s "usr/$d" "$ROOTFS/$d"; done
	set_config '.process.env = ["PATH=/usr/bin:/bin"]'
}

numbers() {
	new_bundle "$deny" "$(annotate rdma=rxe0)"
	run_sh 'ls /dev/infiniband; mknod /dev/infiniband/uverbs1 c 231 193; mknod /dev/infiniband/umad0 c 231 0
		cd /dev/infiniband; /bin/probe open uverbs0 rw uverbs1 rw umad0 rw rdma_cm rw'
	is "one of two devices, with rdma_cm and nothing else" "$(xargs <<<"$OUT")" \
		"rdma_cm uverbs0 uverbs0:rw=0 uverbs1:rw=EPERM umad0:rw=EPERM rdma_cm:rw=0"
	new_bundle "$deny" "$(annotate rdma=net:dummy1)"
	run_sh 'ls /dev/infiniband'
	is "a device is found by its interface" "$(xargs <<<"$OUT")" "rdma_cm uverbs1"
}

pingpong() {
	command -v ibv_rc_pingpong >/dev/null || { skip "two containers exchange data" "ibverbs-utils are missing"; return; }
	local server
	verbs_bundle "$(annotate rdma=rxe0)"
	with_args ibv_rc_pingpong -d rxe0 -g 1 -n 20
	ct_create && ct_start
	server=$BUNDLE
	sleep 3 # it says nothing before a client comes
	verbs_bundle "$(annotate rdma=rxe0)"
	with_args ibv_rc_pingpong -d rxe0 -g 1 -n 20 10.9.0.1
	ct_run
	like "two containers exchange data by RDMA" "$OUT" "*20 iters in*"
	wait_text "$server/out" "20 iters in"
	like "... which the other one sees too" "$(cat "$server/out")" "*20 iters in*"
	verbs_bundle
	with_args ibv_rc_pingpong -d rxe0 -g 1
	ct_run
	ok "without the graft there is no device" test "$RC" -ne 0
}

limits() {
	new_bundle "$(annotate rdma=rxe0 rdma.limit=rxe0:hca_handle=3,hca_object=500)"
	with_args /bin/sleep 600
	ct_create
	local dir
	dir=$(cgroup_dir "$PID" rdma)
	if [ -z "$dir" ]; then
		skip "rdma.max holds what was asked for" "there is no rdma controller"
	else
		like "rdma.max holds what was asked for" "$(cat "$dir/rdma.max")" "*rxe0 hca_handle=3 hca_object=500*"
	fi
	ct_drop
	verbs_bundle "$(annotate rdma=rxe0 rdma.limit=rxe0:hca_handle=0)"
	with_args ibv_devinfo -d rxe0
	ct_run
	ok "no handle, no device" test "$RC" -ne 0
	verbs_bundle "$(annotate rdma=rxe0 rdma.limit=rxe0:hca_handle=1)"
	with_args ibv_devinfo -d rxe0
	ct_run
	is "one handle, one device" "$RC" 0
}

locked_memory() {
	local small='.process.user = {uid: 1000, gid: 1000} | .process.capabilities = {} |
		.process.rlimits = [{type: "RLIMIT_MEMLOCK", soft: 65536, hard: 65536}]'
	verbs_bundle "$small" "$(annotate rdma=rxe0)"
	with_args ibv_rc_pingpong -d rxe0 -g 1 -s 4194304 10.9.0.9
	ct_run
	like "a small memlock limit is told" "$(cat "$WORK/err")" "*65536 bytes*\[GRAFT-MEMLOCK]*"
	like "... and is in the way of RDMA" "$(cat "$WORK/err")" "*Couldn't register MR*"
	verbs_bundle "$small" "$(annotate rdma=rxe0 memlock=unlimited)"
	with_args ibv_rc_pingpong -d rxe0 -g 1 -s 4194304 10.9.0.9
	ct_run
	is "... until the annotation raises it" "$(grep -c "register MR" "$WORK/err")" 0
}

# The kernel keeps 32 numbers for verbs devices; the others are of a major of their own.
many() {
	local i dev
	for ((i = 2; i < 40; i++)); do
		ip link add "dummy$i" type dummy && rdma link add "rxe$i" type rxe netdev "dummy$i" ||
			{ fail "40 RDMA links"; return; }
	done 2>"$WORK/err"
	dev=$(cat /sys/class/infiniband_verbs/uverbs39/dev)
	new_bundle "$deny" "$(annotate rdma=rxe39)"
	run_sh "ls /dev/infiniband; mknod /dev/infiniband/uverbs38 c ${dev%:*} $((${dev#*:} - 1))
		mknod /dev/infiniband/uverbs0 c 231 192; cd /dev/infiniband; /bin/probe open uverbs39 rw uverbs38 rw uverbs0 rw"
	ok "of 40 devices the last one has another major" test "${dev%:*}" -ne 231
	is "... and is granted alone" "$(xargs <<<"$OUT")" \
		"rdma_cm uverbs39 uverbs39:rw=0 uverbs38:rw=EPERM uverbs0:rw=EPERM"
	new_bundle "$deny" "$(annotate rdma=all)"
	run_sh 'cd /dev/infiniband; ls | wc -l; for n in uverbs*; do /bin/probe open $n rw; done | grep -c =0'
	is "all 40 of them, with rdma_cm" "$(xargs <<<"$OUT")" "41 40"
}

if [ -z "${GREFFON_VM:-}" ] || [ "$(id -u)" != 0 ]; then
	skip "RDMA in containers" "this machine is not thrown away (tests/run --vm)"
elif ! soft_roce >"$WORK/rxe.log" 2>&1; then
	skip "RDMA in containers" "no Soft-RoCE here: $(tail -n 1 "$WORK/rxe.log")"
else
	# Each makes its own containers: a slow machine can take some of them. By name only, as it has not been seen to
	# pass yet: many.
	for part in ${RDMA_TESTS:-numbers pingpong limits locked_memory}; do
		$part
	done
fi
