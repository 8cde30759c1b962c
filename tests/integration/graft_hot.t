#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Grafts into running containers, and out of them, on the node of graft.t that pretends: ENXIO where the device filter
# allows, EPERM where it refuses.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

up() { # JQ-FILTER...: a running container
	new_bundle "$deny" "$@"
	with_args /bin/sleep 600
	ct_create && ct_start
}
inside() { rt exec "$ID" /bin/sh -c "$1" 2>&1 </dev/null | xargs; }
opens() { rt exec "$ID" /bin/probe open "$@" 2>&1 </dev/null | xargs; } # PATH rw...
devices() { jq -r '[.graft.devices[]?.path] | sort | join(" ")' "$STATE/$ID/state.json"; }
all_of() { # all that says what the container has, for a comparison
	local f
	for f in state.json graft.json; do
		[ ! -e "$STATE/$ID/$f" ] || jq -cS . "$STATE/$ID/$f"
	done
	inside 'ls -lR /dev; cat /proc/self/mountinfo' | sed 's/ [0-9]* [0-9]*:[0-9]* / /g; s/[0-9][0-9]:[0-9][0-9]//g'
}
change() { rt update "$@" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null; }
refused_change() { # NAME OPTION...
	local name=$1 before status
	shift
	before=$(all_of)
	change "$@"
	status=$?
	is "$name" "$status" 1
	is "$name: in one line" "$(grep -vc '\[GRAFT-GLIBC\]$' "$WORK/err")" 1
	is "$name: leaves everything as it was" "$(all_of)" "$before"
}

in_and_out() {
	local path=/dev/nvidia0
	up
	is "before: no node" "$(opens $path rw)" "$path:rw=ENOENT"
	ok "update --graft gpu=0" change --graft gpu=0
	is "the device and what it shares open, the others are not there" \
		"$(opens /dev/nvidia0 rw /dev/nvidiactl rw /dev/nvidia-uvm rw /dev/nvidia1 rw)" \
		"/dev/nvidia0:rw=ENXIO /dev/nvidiactl:rw=ENXIO /dev/nvidia-uvm:rw=ENXIO /dev/nvidia1:rw=ENOENT"
	is "a node of another one that is made can't be opened" \
		"$(inside 'mknod /dev/nvidia1 c 195 1; /bin/probe open /dev/nvidia1 rw; rm /dev/nvidia1')" "/dev/nvidia1:rw=EPERM"
	is "the record has it" "$(devices)" "/dev/nvidia-uvm /dev/nvidia0 /dev/nvidiactl"
	like "graft show tells it, and who asked" "$(rt graft show "$ID")" \
		"*device   /dev/nvidia0 *--graft gpu*request  gpu=0 (--graft gpu)*"
	ok "a second one" change --graft gpu=2
	is "... beside the first" "$(opens /dev/nvidia0 rw /dev/nvidia2 rw)" "/dev/nvidia0:rw=ENXIO /dev/nvidia2:rw=ENXIO"
	is "... and both requests are on record" "$(jq -c '.requests | map(.key + "=" + .value)' "$STATE/$ID/graft.json")" '["gpu=0,2"]'
	ok "the same again is no error" change --graft gpu=2
	is "... and is not mounted twice" "$(inside 'grep -c " /dev/nvidia2 " /proc/self/mountinfo')" 1
	ok "new device rules" rt update --resources - "$ID" <<<'{"devices": [{"allow": false, "access": "rwm"},
		{"allow": true, "type": "c", "major": 195, "minor": 3, "access": "rw"}]}'
	is "... keep both" "$(opens /dev/nvidia0 rw /dev/nvidia2 rw)" "/dev/nvidia0:rw=ENXIO /dev/nvidia2:rw=ENXIO"
	ok "update --ungraft gpu=0" change --ungraft gpu=0
	is "... takes one, and leaves what the other one needs" "$(opens /dev/nvidia0 rw /dev/nvidia2 rw /dev/nvidiactl rw)" \
		"/dev/nvidia0:rw=ENOENT /dev/nvidia2:rw=ENXIO /dev/nvidiactl:rw=ENXIO"
	is "... and the rule" "$(inside 'mknod /dev/nvidia0 c 195 0; /bin/probe open /dev/nvidia0 rw; rm /dev/nvidia0')" "/dev/nvidia0:rw=EPERM"
	is "... and the rules of the update stay" "$(inside 'mknod /dev/nvidia3 c 195 3; /bin/probe open /dev/nvidia3 rw; rm /dev/nvidia3')" \
		"/dev/nvidia3:rw=ENXIO"
	ok "update --ungraft gpu" change --ungraft gpu
	is "... takes all" "$(opens /dev/nvidia2 rw /dev/nvidiactl rw /dev/nvidia-uvm rw)" \
		"/dev/nvidia2:rw=ENOENT /dev/nvidiactl:rw=ENOENT /dev/nvidia-uvm:rw=ENOENT"
	is "... and no mount or file stays" "$(inside 'ls /dev | grep nvidia; grep nvidia /proc/self/mountinfo')" ""
	is "... nor anything on record" "$(devices)$(jq -c '[.requests, .devices]' "$STATE/$ID/graft.json")" "[[],[]]"
	refused_change "what is not grafted can't be taken out" --ungraft gpu
	ct_drop
}

# Devices that came with the container are taken out as well.
from_birth() {
	up "$(annotate gpu=0,1)"
	is "at birth: two" "$(opens /dev/nvidia0 rw /dev/nvidia1 rw)" "/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=ENXIO"
	ok "one comes beside them" change --graft gpu=3
	ok "one of birth goes" change --ungraft gpu=nvidia1
	is "... and the rest stays" "$(opens /dev/nvidia0 rw /dev/nvidia1 rw /dev/nvidia3 rw)" \
		"/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=ENOENT /dev/nvidia3:rw=ENXIO"
	ok "all go" change --ungraft gpu
	is "... with their nodes" "$(inside 'ls /dev | grep nvidia')" ""
	ct_drop
}

# A program that runs sees what comes, and keeps what it has open.
running_programs() {
	up
	rt exec -d "$ID" /bin/sh -c 'while ! [ -e /dev/nvidia1 ]; do sleep 0.05; done; /bin/probe open /dev/nvidia1 rw >/seen'
	ok "a device for a program that waits for it" change --graft gpu=1
	for _ in $(seq 100); do [ -s "$ROOTFS/seen" ] && break; sleep 0.05; done
	is "... which finds it allowed as soon as it is there" "$(cat "$ROOTFS/seen")" "/dev/nvidia1:rw=ENXIO"
	ct_drop
}

rdma() {
	up '.process.user = {uid: 1000, gid: 1000}'
	ok "an adapter for a user" change --graft rdma=mlx5_0 --graft memlock=65536
	like "what running processes can't get is told" "$(cat "$WORK/err")" "*groups*exec*\[GRAFT-HOT]*memlock*prlimit*\[GRAFT-HOT]*"
	is "... and exec's do" "$(inside 'id -G; ulimit -l; /bin/probe open /dev/infiniband/uverbs0 rw' | sed 's/=0$/=ENXIO/')" \
		"1000 27 64 /dev/infiniband/uverbs0:rw=ENXIO"
	ok "memlock goes alone" change --ungraft memlock
	is "... and the device stays" "$(devices)" "/dev/infiniband/rdma_cm /dev/infiniband/uverbs0"
	ok "the adapter goes" change --ungraft rdma=mlx5_0
	is "... with group and nodes" "$(inside 'id -G; ls /dev/infiniband')" "1000"
	ct_drop
}

refusals() {
	local f=/etc/greffon/graft.json
	up "$(annotate gpu=0)"
	refused_change "a device that does not exist" --graft gpu=7
	like "... names the option" "$(cat "$WORK/err")" "*--graft gpu*\[GRAFT-NOTFOUND]*"
	refused_change "what the policy does not enable" --graft xpmem=true
	like "... names the file" "$(cat "$WORK/err")" "*$f*\[GRAFT-POLICY]*"
	refused_change "an unknown key" --graft gup=0
	refused_change "a word without a value" --graft gpu
	refused_change "a key twice" --graft gpu=1 --graft gpu=2
	refused_change "a record's file" --graft record=/tmp/x.json
	refused_change "both at once" --graft gpu=1 --ungraft gpu
	refused_change "limits beside it" --graft gpu=1 --memory 64m
	refused_change "an unknown graft to take out" --ungraft gup
	ct_drop
	change --graft gpu=1
	is "a container that is gone" $? 1
}

# Not started yet, and frozen: nothing of the container has to run for it.
not_running() {
	new_bundle "$deny"
	with_args /bin/probe open /dev/nvidia0 rw
	ct_create
	ok "before the program starts" change --graft gpu=0
	ct_start
	wait_gone "$PID"
	is "... which finds the device" "$(cat "$BUNDLE/out")" "/dev/nvidia0:rw=ENXIO"
	ct_drop
	up
	rt pause "$ID" || { skip "a frozen container" "it can't be frozen here"; ct_drop; return; }
	ok "a frozen container" change --graft gpu=0
	rt resume "$ID"
	is "... has the device when it goes on" "$(opens /dev/nvidia0 rw)" "/dev/nvidia0:rw=ENXIO"
	ct_drop
}

# systemd makes a unit's device program anew, of what it was told.
reloads() {
	local made='mknod /dev/nvidia0 c 195 0; /bin/probe open /dev/nvidia0 rw; rm /dev/nvidia0'
	[ "${GREFFON_TEST_MODE:-}" = systemd ] || { skip "a hot graft survives daemon-reload" "no systemd driver in this mode"; return; }
	up
	ok "a graft into a unit" change --graft gpu=0
	systemctl daemon-reload
	is "a hot graft survives daemon-reload" "$(opens /dev/nvidia0 rw)" "/dev/nvidia0:rw=ENXIO"
	ok "... and out of it" change --ungraft gpu
	systemctl daemon-reload
	is "... which does not come back" "$(inside "$made")" "/dev/nvidia0:rw=EPERM"
	ct_drop
}

# Half-way: the second of three mounts fails, since the container has something else in its place.
undone() {
	up
	inside 'mkdir /dev/nvidia-uvm' >/dev/null
	refused_change "a place that is taken" --graft gpu=0
	is "... and the device is refused again" "$(inside 'mknod /dev/x c 195 0; /bin/probe open /dev/x rw; rm /dev/x')" "/dev/x:rw=EPERM"
	ct_drop
}

# A container whose root is somebody else on the host, and one whose root can't be written.
others() {
	new_bundle "$deny" '.root.readonly = true'
	with_args /bin/sleep 600
	ct_create && ct_start
	ok "a read-only root" change --graft gpu=0
	is "... has the device" "$(opens /dev/nvidia0 rw)" "/dev/nvidia0:rw=ENXIO"
	ct_drop
	# a new /proc is refused where the test's own is partly covered
	new_bundle "$deny" 'del(.mounts[] | select(.destination == "/proc")) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] |
		.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	with_args /bin/sleep 600
	if ! ct_create || ! ct_start; then
		skip "a user namespace of its own" "$(tail -n 1 "$WORK/err")"
		ct_drop
		return
	fi
	ok "a user namespace of its own" change --graft gpu=0
	is "... has the device as well" "$(opens /dev/nvidia0 rw)" "/dev/nvidia0:rw=ENXIO"
	ok "... and loses it" change --ungraft gpu
	is "... without a rest" "$(inside 'ls /dev | grep nvidia')" ""
	ct_drop
}

# Where the config has mounted something itself, that stays its own.
volumes() {
	local cache='strings /etc/ld.so.cache 2>/dev/null || tr -c "[:print:]" "\n" </etc/ld.so.cache' t
	mkdir "$WORK/volume" && echo mine >"$WORK/volume/mine.driver"
	new_bundle "$deny" "$(annotate rdma=mlx5_0)" \
		".mounts += [{destination: \"/etc/libibverbs.d\", type: \"bind\", source: \"$WORK/volume\", options: [\"rbind\"]}]"
	image_libc
	with_args /bin/sleep 600
	ct_create && ct_start
	ok "a volume in a graft's place" change --ungraft rdma
	is "... is not taken away with it" "$(inside 'ls /etc/libibverbs.d')" mine.driver
	ct_drop
	for t in /usr/local/lib /lib; do # with a library that the driver needs, and the C library, below
		new_bundle "$deny" \
			".mounts += [{destination: \"$t\", type: \"bind\", source: \"$([ $t = /lib ] && echo /lib || echo "$WORK/volume")\", options: [\"rbind\", \"ro\"]}]"
		[ $t = /lib ] || image_libc
		with_args /bin/sleep 600
		ct_create && ct_start
		ok "a graft with a volume on $t" change --graft gpu=0
		ct_drop
	done
	if ! [ -e "/usr/local/lib/libcuda.so.$driver" ]; then
		skip "the driver's library keeps all its names" "no compiler to make it"
		return
	fi
	up
	image_libc
	ok "a GPU and an adapter" change --graft gpu=0 --graft rdma=mlx5_0
	ok "... without the adapter" change --ungraft rdma
	is "... the driver's library keeps all its names" "$(rt exec "$ID" /bin/cat /etc/ld.so.cache </dev/null | tr -c '[:print:]' '\n' | grep -x 'libcuda.so\(\.1\)\?' | sort -u | xargs)" \
		"libcuda.so libcuda.so.1"
	ct_drop
}

# A root that is read-only from birth has no place for programs that the image lacks.
readonly_root() {
	local program=/usr/local/bin/nvidia-smi
	mount -t tmpfs -o mode=755 driver /usr/local/bin && cp /bin/true $program
	new_bundle "$deny" '.root.readonly = true'
	image_libc
	mkdir -p "$ROOTFS/etc" && : >"$ROOTFS/etc/ld.so.cache"
	with_args /bin/sleep 600
	ct_create && ct_start
	ok "a read-only root without a place for a program" change --graft gpu=0
	like "... which is said" "$(cat "$WORK/err")" "*'$program' is left out: the container's root is read-only*\[GRAFT-HOT]*"
	is "... gets the device" "$(opens /dev/nvidia0 rw)" "/dev/nvidia0:rw=ENXIO"
	is "... and the record is without it" "$(jq -c "[.files[]?.target | select(. == \"$program\")]" "$STATE/$ID/graft.json")" "[]"
	ok "... and loses it" change --ungraft gpu
	ct_drop
	umount -l /usr/local/bin
}

# A container that has cgroups of its own, as an init in it makes them: version 1 does not pass on what it allows.
nested() {
	local dir
	up
	dir=$(jq -r '.cgroups[] | select((.v2 | not) and (.controllers | test("devices"))) | .path' "$STATE/$ID/state.json")
	if [ -z "$dir" ]; then
		skip "cgroups below keep their rules, which is said" "version 2 checks all of them"
	else
		mkdir "$dir/own"
		change --graft gpu=0
		like "cgroups below keep their rules, which is said" "$(cat "$WORK/err")" "*below '$dir'*\[GRAFT-HOT]*"
		rmdir "$dir/own"
	fi
	ct_drop
}

# Killed between record and mounts: what is not there is brought the next time.
interrupted() {
	if ! command -v strace >/dev/null; then
		skip "an update that is killed" "strace is not installed"
		return
	fi
	new_bundle "$deny"
	image_libc
	mkdir -p "$ROOTFS/etc/libibverbs.d" # an image's own, empty
	with_args /bin/sleep 600
	ct_create && ct_start
	strace -f -o "$WORK/trace" -e trace=clone3,clone -e inject=clone3,clone:signal=KILL:when=1 \
		"${lib_runtime[@]}" --root "$STATE" update --graft rdma=mlx5_0 "$ID" >/dev/null 2>&1 </dev/null
	is "an update that is killed before its mounts" "$(inside 'ls /etc/libibverbs.d')" ""
	ok "... is done by the next one" change --graft rdma=mlx5_0
	is "... with all its files" "$(inside 'ls /etc/libibverbs.d | wc -l')" "$(find /etc/libibverbs.d -type f | wc -l)"
	ct_drop
}

if [ "$(id -u)" != 0 ]; then
	skip "grafts into running containers" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "grafts into running containers" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
elif [ "$("$PROBE" open /dev/nvidia0 rw)" != "/dev/nvidia0:rw=ENXIO" ]; then
	skip "grafts into running containers" "opening a device that has no driver gives no ENXIO here"
else
	in_and_out
	from_birth
	running_programs
	rdma
	refusals
	not_running
	reloads
	undone
	others
	pretend_driver 2>"$WORK/driver.log"
	volumes
	readonly_root
	nested
	interrupted
fi
