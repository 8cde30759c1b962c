#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Grafts in real containers on a node that only pretends to have GPUs and RDMA: in a mount namespace of its own
# the node's /dev, /proc/driver and /sys are those of tests/hosts/graft quad. No driver answers for the
# numbers: a node that the device filter allows opens with ENXIO, one that it refuses with EPERM.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"

. "$(dirname "$0")/../lib/graft.sh"

# The result of opening each path in the container; those that are missing are made there first.
opens() { # "PATH MAJOR MINOR"...
	local line script=
	for line in "$@"; do
		# shellcheck disable=SC2086
		set -- $line
		script+="[ -e $1 ] || { mkdir -p ${1%/*}; mknod $1 c $2 $3 && echo $1 made; }; /bin/probe open $1 rw; "
	done
	run_sh "$script"
}

nvidia_numbers() {
	local numbers=("/dev/nvidia0 195 0" "/dev/nvidia1 195 1" "/dev/nvidia2 195 2" "/dev/nvidia3 195 3"
		"/dev/nvidiactl 195 255" "/dev/nvidia-uvm 510 0" "/dev/nvidia-uvm-tools 510 1")
	local list="0 EPERM EPERM EPERM EPERM EPERM EPERM EPERM"
	new_bundle "$deny"
	opens "${numbers[@]}"
	is "nothing asked: no node, and one that is made can't be opened" "$OUT" \
		"$(for n in "${numbers[@]}"; do echo "${n%% *} made"; echo "${n%% *}:rw=EPERM"; done)"
	new_bundle "$deny" "$(annotate gpu=0,2)"
	opens "${numbers[@]}"
	is "two of four: those and what they share open, the others don't" "$OUT" "/dev/nvidia0:rw=ENXIO
/dev/nvidia1 made
/dev/nvidia1:rw=EPERM
/dev/nvidia2:rw=ENXIO
/dev/nvidia3 made
/dev/nvidia3:rw=EPERM
/dev/nvidiactl:rw=ENXIO
/dev/nvidia-uvm:rw=ENXIO
/dev/nvidia-uvm-tools made
/dev/nvidia-uvm-tools:rw=EPERM"
	new_bundle "$deny" '.process.env += ["NVIDIA_VISIBLE_DEVICES=all"]'
	opens "${numbers[0]}"
	is "an image's environment grants nothing" "$(val /dev/nvidia0:rw)" EPERM
	like "... which is told" "$(cat "$WORK/err")" "*NVIDIA_VISIBLE_DEVICES=all*\[GRAFT-ENVIGNORED]*"
	new_bundle "$deny" "$(annotate gpu=all)" '.process.env += ["NVIDIA_VISIBLE_DEVICES=1"]'
	opens "${numbers[0]}" "${numbers[1]}"
	is "the environment narrows what the annotation asks for" \
		"$(val /dev/nvidia0:rw) $(val /dev/nvidia1:rw)" "EPERM ENXIO"
	new_bundle "$deny" "$(annotate gpu=all none=true)"
	opens "${numbers[0]}"
	is "none=true grants nothing" "$(val /dev/nvidia0:rw)" EPERM
}

requests() {
	local dir=/var/run/nvidia-container-devices
	new_bundle "$deny" ".mounts += [{destination: \"$dir/GPU-43\", source: \"/dev/null\", options: [\"bind\"]}]"
	run_sh "ls -d $dir; /bin/probe open /dev/nvidia3 rw"
	is "a mount of /dev/null asks for a GPU and is no mount" "$OUT" "/dev/nvidia3:rw=ENXIO"
	new_bundle "$deny" "$(annotate profile=one)"
	run_sh '/bin/probe open /dev/nvidia1 rw; echo "debug=$NCCL_DEBUG"'
	is "a profile brings its devices and its variables" "$OUT" "/dev/nvidia1:rw=ENXIO
debug=WARN"
	refuses "a GPU that does not exist is refused before anything is made" "$(annotate gpu=4)"
	like "... with those that exist" "$(cat "$WORK/err")" "*nvidia0, nvidia1, nvidia2, nvidia3*\[GRAFT-NOTFOUND]*"
	refuses "a graft that the policy does not enable is refused" "$(annotate xpmem=true)"
	like "... with the file's name" "$(cat "$WORK/err")" "*/etc/greffon/graft.json*\[GRAFT-POLICY]*"
	refuses "strict turns a note into an error" "$(annotate gpu=0 strict=true)" 'del(.linux.resources)'
	like "... and says which" "$(cat "$WORK/err")" "*\[GRAFT-FILTER]*"
}

# In a machine that has verbs devices a driver answers for their numbers.
allowed() { sed 's/\(uverbs.*\)=0$/\1=ENXIO/' <<<"$OUT"; }

rdma_numbers() {
	new_bundle "$deny" "$(annotate rdma=mlx5_0 strict=false)" '.process.user = {uid: 1000, gid: 1000}'
	run_sh 'id -G; ls /dev/infiniband; /bin/probe open /dev/infiniband/uverbs0 rw'
	is "a user gets the group that the node wants, and this node only" "$(allowed)" "1000 27
rdma_cm
uverbs0
/dev/infiniband/uverbs0:rw=ENXIO"
	new_bundle "$deny" "$(annotate rdma=mlx5_0)"
	opens "/dev/infiniband/uverbs0 231 192" "/dev/infiniband/uverbs1 231 193" "/dev/infiniband/umad0 231 0" \
		"/dev/infiniband/issm0 231 64"
	is "one of two adapters, without the management nodes of either" "$(allowed | grep -v made)" \
		"/dev/infiniband/uverbs0:rw=ENXIO
/dev/infiniband/uverbs1:rw=EPERM
/dev/infiniband/umad0:rw=EPERM
/dev/infiniband/issm0:rw=EPERM"
}

memlock() {
	local hard small
	hard=$(ulimit -H -l)
	small=64
	new_bundle "$(annotate memlock=$((small * 1024)))"
	run_sh 'ulimit -l; ulimit -H -l'
	is "memlock is set, soft and hard" "$(xargs <<<"$OUT")" "$small $small"
	if [ "$hard" = unlimited ] || capsh --print 2>/dev/null | grep -q '^Bounding.*cap_sys_resource'; then
		skip "memlock above what the runtime may give is refused" "the runtime may give any"
		return
	fi
	refuses "memlock above what the runtime may give is refused" "$(annotate memlock=unlimited)"
	like "... with the remedy" "$(cat "$WORK/err")" "*LimitMEMLOCK*\[GRAFT-PERM]*"
}

numbers_of_others() {
	local uvm='{path: "/dev/nvidia-uvm", type: "c", minor: 0, fileMode: 438, major'
	new_bundle "$deny" "$(annotate gpu=0)" ".linux.devices = [$uvm: 510}]"
	run_sh '/bin/probe open /dev/nvidia-uvm rw'
	is "a node that the engine brings as well is no conflict" "$OUT" "/dev/nvidia-uvm:rw=ENXIO"
	refuses "a number of another boot is refused, whoever brought it" ".linux.devices = [$uvm: 508}]"
	like "... with both numbers" "$(cat "$WORK/err")" "*508*510*\[GRAFT-STALE]*"
	refuses "another device in a graft's place is refused" "$(annotate gpu=0)" \
		'.linux.devices = [{path: "/dev/nvidia0", type: "c", major: 195, minor: 3}]'
	like "... with its number and the host's" "$(cat "$WORK/err")" "*195:3*195:0*\[GRAFT-CONFLICT]*"
}

policy_files() {
	local f=/etc/greffon/graft.json
	chmod 666 "$f"
	refuses "a policy that others may write grants nothing" "$(annotate gpu=0)"
	like "... and is named" "$(cat "$WORK/err")" "*$f*\[GRAFT-POLICY]*"
	new_bundle
	run_sh 'echo started'
	is "... but who asks for nothing starts" "$OUT" started
	chmod 644 "$f"
	chown 1000 "$f"
	refuses "a policy of another owner grants nothing" "$(annotate gpu=0)"
	chown 0 "$f"
	chmod 777 /etc/greffon
	refuses "a policy in a folder that others may write grants nothing" "$(annotate gpu=0)"
	chmod 755 /etc/greffon
	mv "$f" "$WORK/real.json"
	ln -s "$WORK/real.json" "$f"
	refuses "a policy that is a link grants nothing" "$(annotate gpu=0)"
	rm "$f"
	refuses "without a policy nothing is granted" "$(annotate gpu=0)"
	like "... which the error says" "$(cat "$WORK/err")" "*no policy file*\[GRAFT-POLICY]*"
	mv "$WORK/real.json" "$f"
	echo '{"version": 1, "enabel": ["gpu"]}' >/etc/greffon/typo.json
	mkdir /etc/greffon/graft.d && mv /etc/greffon/typo.json /etc/greffon/graft.d
	refuses "a misspelt member is an error" "$(annotate gpu=0)"
	like "... that names it" "$(cat "$WORK/err")" "*graft.d/typo.json*enabel*\[GRAFT-POLICY]*"
	rm -r /etc/greffon/graft.d
}

# What create found out is remembered: the bundle's config knows nothing of it.
later_commands() {
	local deny_all='{"devices": [{"allow": false, "access": "rwm"}]}'
	new_bundle "$deny" "$(annotate profile=one rdma=mlx5_0 memlock=65536)" '.process.user = {uid: 1000, gid: 1000}'
	with_args /bin/sleep 600
	ct_create && ct_start
	is "exec: the groups, variables and limits of the graft" \
		"$(rt exec "$ID" /bin/sh -c 'id -G; echo $NCCL_DEBUG; ulimit -l
			/bin/probe open /dev/infiniband/uverbs0 rw' 2>&1 | sed 's/=0$/=ENXIO/' | xargs)" \
		"1000 27 WARN 64 /dev/infiniband/uverbs0:rw=ENXIO"
	is "the record says what was grafted" "$(jq -c '[.graft.devices[].path] | sort' "$STATE/$ID/state.json")" \
		'["/dev/infiniband/rdma_cm","/dev/infiniband/uverbs0","/dev/nvidia-uvm","/dev/nvidia1","/dev/nvidiactl"]'
	like "graft show tells it, with the reason" "$(rt graft show "$ID")" \
		"*device   /dev/nvidia1 *c 195:1  nvidia1 (profile one)*group    27*env      NCCL_DEBUG=WARN*"
	ok "update: new device rules" rt update --resources - "$ID" <<<"$deny_all"
	is "update: new device rules keep what was grafted" \
		"$(rt exec "$ID" /bin/probe open /dev/nvidia1 rw /dev/nvidia0 rw 2>&1 | xargs)" \
		"/dev/nvidia1:rw=ENXIO /dev/nvidia0:rw=ENOENT"
	ct_drop
}

# systemd makes the device program of a unit anew when it is told to load its files again, or a property of the
# unit changes, and it makes it of what it was told: a device that came another way is lost.
reloads() {
	local unit open='/bin/probe open /dev/nvidia0 rw /dev/nvidia1 rw'
	[ "${GREFFON_TEST_MODE:-}" = systemd ] || { skip "a graft survives daemon-reload" "no systemd driver in this mode"; return; }
	new_bundle "$deny" "$(annotate gpu=0)"
	with_args /bin/sh -c 'mknod /dev/nvidia1 c 195 1; exec sleep 600'
	ct_create
	ct_start
	unit=$(sed -n 's|.*/\([^/]*\.scope\).*|\1|p' "/proc/$PID/cgroup" | head -n 1)
	is "a graft in a unit" "$(rt exec "$ID" /bin/sh -c "$open" 2>&1 | xargs)" \
		"/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=EPERM"
	systemctl daemon-reload
	is "... survives daemon-reload" "$(rt exec "$ID" /bin/sh -c "$open" 2>&1 | xargs)" \
		"/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=EPERM"
	systemctl set-property --runtime "$unit" MemoryMax=700M
	is "... and a change of the unit" "$(rt exec "$ID" /bin/sh -c "$open" 2>&1 | xargs)" \
		"/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=EPERM"
	ct_drop
}

costs() {
	local n
	command -v strace >/dev/null || { skip "nothing asked costs nothing" "strace is not installed"; return; }
	new_bundle "$deny" '.process.env += ["PATH=/bin"]'
	write_config
	lib_live[$ID]=1
	rt_trace() { timeout 60 strace -f -qq -e trace=file -o "$WORK/trace" "${lib_runtime[@]}" --root "$STATE" "$@"; }
	rt_trace run -b "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err" </dev/null
	n=$(grep -cE '"/?(sys/class|sys/bus|proc/driver|proc/devices)' "$WORK/trace")
	is "nothing asked: no file of a fabric is looked at" "$n" 0
	n=$(grep -cE '"[^"]*(greffon/|graft)[^"]*json"' "$WORK/trace")
	ok "... and one policy file is read ($n calls)" test "$n" -le 2
	[ ! -e "$STATE/$ID" ] || ct_drop
}

if [ "$(id -u)" != 0 ]; then
	skip "grafts in containers" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "grafts in containers" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
elif [ "$("$PROBE" open /dev/nvidia0 rw)" != "/dev/nvidia0:rw=ENXIO" ]; then
	skip "grafts in containers" "opening a device that has no driver gives no ENXIO here"
else
	nvidia_numbers
	requests
	rdma_numbers
	memlock
	numbers_of_others
	policy_files
	later_commands
	reloads
	costs
fi
