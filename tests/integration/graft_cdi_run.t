#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# CDI in real containers on a node that only pretends (tests/lib/graft.sh): names that greffon resolves itself where the
# policy asks, and names that podman resolves out of greffon's documents. The folders of CDI are private to the test.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

cdi=/etc/cdi # of the test's own /etc
policy=/etc/greffon/graft.json
quad_policy() { # JQ-FILTER
	jq "$1" "$host$policy" >"$WORK/policy" && cp "$WORK/policy" $policy
}
asks() { echo ".annotations[\"cdi.k8s.io/test\"] = \"$1\""; }

# The pretended node may have folders of the machine's own run-time documents: not in this test.
private_cdi() {
	mkdir -p $cdi && rm -f $cdi/* && mkdir -p /run/cdi && mount -t tmpfs -o mode=755 cdi /run/cdi &&
		"${lib_runtime[@]}" graft cdi --out $cdi >"$WORK/out" 2>"$WORK/err"
}

document() { # NAME EDITS [VERSION]: a vendor's
	echo "{\"cdiVersion\": \"${3:-0.5.0}\", \"kind\": \"test.org/$1\", \"devices\": [{\"name\": \"x\", \"containerEdits\": $2}]}" >$cdi/$1.json
}

resolves() {
	local open='for d in nvidia0 nvidia2 nvidiactl nvidia-uvm infiniband/uverbs0 infiniband/rdma_cm; do
		[ -e /dev/$d ] && /bin/probe open /dev/$d rw || echo $d missing; done; mknod /dev/nvidia1 c 195 1; /bin/probe open /dev/nvidia1 rw'
	quad_policy '.cdi = {resolve: "on"}'
	new_bundle "$deny" "$(asks greffon.org/gpu-rdma=0)"
	run_sh "$open"
	is "a GPU with its adapter comes as one device" "$(sed 's/\(uverbs.*\)=0$/\1=ENXIO/; s/\(rdma_cm:rw\)=.*/\1=any/' <<<"$OUT")" "/dev/nvidia0:rw=ENXIO
nvidia2 missing
/dev/nvidiactl:rw=ENXIO
/dev/nvidia-uvm:rw=ENXIO
/dev/infiniband/uverbs0:rw=ENXIO
/dev/infiniband/rdma_cm:rw=any
/dev/nvidia1:rw=EPERM"
	new_bundle "$deny" "$(asks greffon.org/gpu=0,greffon.org/gpu=GPU-42)"
	run_sh "$open"
	is "a list of names" "$(grep -c 'nvidia[02]:rw=ENXIO' <<<"$OUT")" 2
	new_bundle "$deny" '.mounts += [{destination: "/var/run/nvidia-container-devices/cdi/greffon.org/gpu/0", source: "/dev/null"}]'
	run_sh "ls -d /var/run/nvidia-container-devices; /bin/probe open /dev/nvidia0 rw"
	is "a mount of the device plugin asks, and is no mount" "$OUT" "/dev/nvidia0:rw=ENXIO"
	new_bundle "$deny" "$(asks greffon.org/rdma=mlx5_0)" '.process.user = {uid: 1000, gid: 1000}'
	run_sh 'id -G; ls -ln /dev/infiniband/uverbs0 | cut -d" " -f1,3-'
	like "the group and the owner of a node" "$(xargs <<<"$OUT")" "1000 27 crw-rw---- *0 27 *"
	new_bundle "$deny" "$(asks greffon.org/gpu=0)" "$(annotate none=true)"
	run_sh 'ls /dev/nvidia0 2>/dev/null || echo none'
	is "none=true grants nothing" "$OUT" none
	quad_policy .
	new_bundle "$deny" "$(asks greffon.org/gpu=0)"
	run_sh 'ls /dev/nvidia0 2>/dev/null || echo none'
	is "without the policy's word names are the engine's" "$OUT" none
	quad_policy '.cdi = {resolve: "on", allow: ["greffon.org/*"], deny: ["*=all"]}'
	refuses "a name that the policy does not allow" "$deny" "$(asks nvidia.com/gpu=0)"
	like "... says which policy" "$(cat "$WORK/err")" "*$policy does not allow 'nvidia.com/gpu=0' (cdi)*\[GRAFT-DENIED]*"
	refuses "one that it denies" "$deny" "$(asks greffon.org/gpu=all)"
	refuses "one that is in no file" "$deny" "$(asks greffon.org/gpu=9)"
	like "... with those that are" "$(cat "$WORK/err")" "*'greffon.org/gpu=9' is in no file of /etc/cdi, /var/run/cdi; of that kind are 0,*\[GRAFT-NOTFOUND]*"
}

edits() {
	quad_policy '.cdi = {resolve: "on"}'
	echo from-host >"$WORK/etc/cdi-file"
	document all '{"env": ["A=new", "B=2"], "additionalGids": [0, 7], "deviceNodes": [{"path": "/dev/other", "hostPath": "/dev/nvidia1"}],
		"mounts": [{"hostPath": "/etc/cdi-file", "containerPath": "/mnt/deep/file", "options": ["ro", "bind"]},
			{"hostPath": "tmpfs", "containerPath": "/mnt", "type": "tmpfs", "options": ["mode=755"]}]}' 0.7.0
	new_bundle "$deny" "$(asks test.org/all=x)" '.process.env = ["PATH=/bin", "A=old"]'
	run_sh 'echo $A $B; id -G; cat /mnt/deep/file; /bin/probe open /dev/other rw'
	is "variables, groups, a node under another path, mounts by depth" "$OUT" "new 2
0 7
from-host
/dev/other:rw=ENXIO"
	rt plan --bundle "$BUNDLE" >"$WORK/plan" 2>&1
	is "greffon plan names the device and its file for each" \
		"$(grep -c '(cdi test.org/all=x of /etc/cdi/all.json)$' "$WORK/plan")" 6
	like "... and for the config's own entries still theirs" "$(grep '/mnt/deep\|target=/proc' "$WORK/plan" | head -n 1)" "*(mounts\[0\])*"
	document bad '{"env": ["A=b"], "deviceNodes": [{"path": "/dev/x", "typ": "c"}]}'
	refuses "an unknown member is an error" "$deny" "$(asks test.org/bad=x)"
	like "... with the file and the path" "$(cat "$WORK/err")" "*/etc/cdi/bad.json devices\[0\].containerEdits.deviceNodes\[0\].typ: unknown property*"
	document bad '{"additionalGids": [7]}'
	refuses "a version that is too low" "$deny" "$(asks test.org/bad=x)"
	like "... with what needs more" "$(cat "$WORK/err")" "*additionalGids needs 0.7.0*"
	rm -f $cdi/bad.json
	echo 'kind: test.org/yaml' >$cdi/yaml.yaml
	refuses "YAML is not read" "$deny" "$(asks test.org/yaml=x)"
	like "... which is said" "$(cat "$WORK/err")" "*is YAML, and greffon reads JSON only*"
	rm -f $cdi/yaml.yaml
	document old '{"deviceNodes": [{"path": "/dev/nvidia-uvm", "type": "c", "major": 499, "minor": 0}]}'
	refuses "a number of another boot" "$deny" "$(asks test.org/old=x)"
	like "... with both numbers and the remedy" "$(cat "$WORK/err")" "*'/dev/nvidia-uvm' is c 499:0 there, but c 510:0 on this node; *\[GRAFT-STALE]*"
	document gone '{"deviceNodes": [{"path": "/dev/nvidia9"}]}'
	refuses "a node that is gone" "$deny" "$(asks test.org/gone=x)"
	document mount '{"mounts": [{"hostPath": "/etc/cdi-file", "containerPath": "/proc/x", "options": ["bind"]}]}'
	refuses "a mount that no config may have" "$deny" "$(asks test.org/mount=x)"
	like "... is told as the file's" "$(cat "$WORK/err")" "*cdi test.org/mount=x of /etc/cdi/mount.json.destination: '/proc/x'*"
	chmod 666 $cdi/mount.json
	refuses "a file that others may write is not read" "$deny" "$(asks test.org/mount=x)"
	like "... which is said" "$(cat "$WORK/err")" "*/etc/cdi/mount.json may be written by others*"
	rm -f $cdi/mount.json
}

hooks() {
	printf '#!/bin/sh\ncat >/dev/null; echo "$0 $1 A=$A" >>%s\n' "$WORK/hooks" >"$WORK/etc/cdi-hook"
	chmod 755 "$WORK/etc/cdi-hook"
	document hook '{"hooks": [{"hookName": "createRuntime", "path": "/etc/cdi-hook", "args": ["h", "create"], "env": ["A=1"]},
		{"hookName": "poststop", "path": "/etc/cdi-hook", "args": ["h", "stop"]}]}'
	refuses "a hook runs only where the policy says so" "$deny" "$(asks test.org/hook=x)"
	like "... which is said" "$(cat "$WORK/err")" "*brings the hook '/etc/cdi-hook'*(cdi.hooks)*"
	quad_policy '.cdi = {resolve: "on", hooks: true}'
	new_bundle "$deny" "$(asks test.org/hook=x)" '.process.env += ["A=image"]'
	run_sh true
	is "hooks run at their stages, also at the end, without the image's variables" \
		"$(sed 's/^[^ ]* //' "$WORK/hooks" 2>/dev/null | xargs)" "create A=1 stop A="
	chmod 777 "$WORK/etc/cdi-hook"
	refuses "... but none that others may write" "$deny" "$(asks test.org/hook=x)"
}

later_commands() {
	quad_policy '.cdi = {resolve: "on"}'
	document env '{"env": ["A=cdi"], "deviceNodes": [{"path": "/dev/nvidia0", "permissions": "rw"}]}'
	new_bundle "$deny" "$(asks test.org/env=x)"
	with_args sleep 100
	ct_create && ct_start
	is "exec has the variables" "$(rt exec "$ID" /bin/sh -c 'echo $A' 2>&1)" cdi
	echo '{"devices": [{"allow": false, "access": "rwm"}]}' | rt update --resources - "$ID" 2>"$WORK/err"
	is "update keeps the device" "$(rt exec "$ID" /bin/probe open /dev/nvidia0 rw 2>&1)" "/dev/nvidia0:rw=ENXIO"
	like "graft show names the device" "$(rt graft show "$ID" 2>&1)" "*/dev/nvidia0*195:0*test.org/env=x*"
	ct_drop
}

costs() {
	local n
	command -v strace >/dev/null || { skip "no name costs nothing" "strace is not installed"; return; }
	new_bundle "$deny"
	write_config
	lib_live[$ID]=1
	timeout 60 strace -f -qq -e trace=file -o "$WORK/trace" "${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	n=$(grep -c '"[^"]*cdi[/"]' "$WORK/trace")
	is "without a name no folder of CDI is opened" "$n" 0
	[ ! -e "$STATE/$ID" ] || ct_drop
}

# podman resolves the names itself, out of the documents that greffon made.
podman_resolves() {
	local p=$WORK/podman out
	command -v podman >/dev/null || { skip "podman resolves the documents" "podman is not installed"; return; }
	quad_policy .
	rm -f $cdi/*
	"${lib_runtime[@]}" graft cdi --out $cdi --domain gpu >"$WORK/out" 2>&1
	mkdir -p "$p"/{root,run,tmp}
	cat >"$p/containers.conf" <<-CONF
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
		[engine]
		runtime = "$(command -v "${lib_runtime[0]}")"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
	CONF
	pd() {
		CONTAINERS_CONF=$p/containers.conf timeout --foreground -k 5 60 podman --root "$p/root" --runroot "$p/run" \
			--tmpdir "$p/tmp" --cgroup-manager cgroupfs --events-backend file --runtime "$(command -v "${lib_runtime[0]}")" "$@"
	}
	tar -C "$LIB_TEMPLATE" -c . | pd import - localhost/bb:1 >"$WORK/out" 2>"$WORK/err"
	out=$(pd run --rm --network none --device greffon.org/gpu=GPU-42 localhost/bb:1 sh -c \
		'ls /dev | grep nvidia | xargs; /bin/probe open /dev/nvidia2 rw' 2>"$WORK/err")
	is "podman --device: the GPU by its UUID, and what it shares" "$out" "nvidia-uvm nvidia2 nvidiactl
/dev/nvidia2:rw=ENXIO"
	[ "$out" != "" ] || diag "$(head -c 400 "$WORK/err")"
	pd run --rm --network none --device greffon.org/gpu=9 localhost/bb:1 true >"$WORK/out" 2>"$WORK/err"
	ok "... and a name that is not there is refused" test $? -ne 0
	pd rm --all --force --time 0 >/dev/null 2>&1
	pd rmi --all --force >/dev/null 2>&1
	umount -l "$p/root/overlay" 2>/dev/null
}

if [ "$(id -u)" != 0 ]; then
	skip "CDI in containers" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "CDI in containers" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
elif [ "$("$PROBE" open /dev/nvidia0 rw)" != "/dev/nvidia0:rw=ENXIO" ]; then
	skip "CDI in containers" "opening a device that has no driver gives no ENXIO here"
elif ! private_cdi; then
	fail "the node's documents are written" "$(cat "$WORK/err")"
else
	resolves
	edits
	hooks
	later_commands
	costs
	podman_resolves
fi
umount -l /run/cdi 2>/dev/null || :
