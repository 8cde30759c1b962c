#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The record of a run with grafts: graft.json in the state, the file that an annotation asks for, graft show and
# graft diff. On a node that pretends, as graft.t; the driver is a library of some megabytes.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

driver=580.95.05
lib=/usr/local/lib/libcuda.so.$driver
records=$WORK/records

install_driver() { # MEGABYTES
	echo 'int cuInit(void) { return 0; }' >"$WORK/cuda.c"
	cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$WORK/libcuda" "$WORK/cuda.c" || return
	# zeros behind an ELF file do not disturb it
	head -c "${1}M" /dev/zero >>"$WORK/libcuda"
	touch -d '1 hour ago' "$WORK/libcuda"
	mount -t tmpfs -o mode=755 driver /usr/local/lib && cp -p "$WORK/libcuda" $lib
}

policy() { # JQ-FILTER
	jq "$1" "$host/etc/greffon/graft.json" >/etc/greffon/graft.json
}

glibc_bundle() { # JQ-FILTER...
	new_bundle "$deny" "$@"
	local f
	for f in $(ldd /bin/true | grep -oE '/[^ ]+'); do
		mkdir -p "$ROOTFS${f%/*}" && cp -L "$f" "$ROOTFS$f"
	done
	with_args /bin/sleep 600
}

record_of() { rt graft show --format json "$1"; } # ID
# Whoever makes it whole has only what time the processors are idle: on a busy machine that can take a while.
wait_whole() { # ID
	local try
	for try in 1 2 3 4 5 6; do wait_for is_complete "$1" && return; done
}
is_complete() { jq -e '.digestsPending | not' "$STATE/$1/graft.json" >/dev/null; }

contents() {
	local sum numbers
	sum=$(sha256sum <$lib) sum=${sum%% *}
	glibc_bundle "$(annotate gpu=0 rdma=mlx5_0 memlock=65536)" '.linux.resources.memory.limit = 100000000' \
		'.annotations["org.opencontainers.image.ref.name"] = "example:1"'
	ct_create
	ok "the record is made whole while the container exists already" wait_whole "$ID"
	record_of "$ID" >"$WORK/a.json"
	is "a library: what it is called, its version, its digest" \
		"$(jq -r '.files[] | select(.soname == "libcuda.so.1") | "\(.source) \(.version) \(.sha256)"' "$WORK/a.json")" \
		"$lib $driver $sum"
	is "a device: number, model, driver, place, and the rule that allows it" \
		"$(jq -r '.devices[] | select(.path == "/dev/nvidia0") | "\(.major):\(.minor) \(.model) \(.driver) \(.pci) \(.rule)"' "$WORK/a.json")" \
		"195:0 NVIDIA L40S nvidia 0000:01:00.0 all"
	is "requests with their sources" "$(jq -r '.requests[] | "\(.key)=\(.value) \(.source)"' "$WORK/a.json" | xargs)" \
		"gpu=0 annotation $a.gpu rdma=mlx5_0 annotation $a.rdma memlock=65536 annotation $a.memlock"
	is "drivers, memlock, groups" "$(jq -c '[.drivers["gpu.driver"], .memlock, .groups]' "$WORK/a.json")" \
		"[\"$driver\",65536,[27]]"
	is "kernel and node" "$(jq -r '"\(.kernel.release) \(.run.node)"' "$WORK/a.json")" "$(uname -r) $(uname -n)"
	is "the config as it was read" "$(jq -r .image.configSha256 "$WORK/a.json")" "$(sha256sum <"$BUNDLE/config.json" | cut -d ' ' -f 1)"
	is "what is known of the image" "$(jq -r '.image.annotations | to_entries[] | "\(.key)=\(.value)"' "$WORK/a.json")" \
		"org.opencontainers.image.ref.name=example:1"
	like "limits of the cgroup" "$(jq -r '.cgroup | tojson' "$WORK/a.json")" "*100000000*"
	is "the version of greffon" "$(jq -r .greffon.version "$WORK/a.json")" "$("${lib_runtime[0]}" --version | sed -n '1s/.* //p')"
	is "only its owner reads it" "$(stat -c %a "$STATE/$ID/graft.json")" 600
	like "graft show tells it" "$(rt graft show "$ID")" "*device   /dev/nvidia0*file *libcuda.so.1 from $lib, sha256:$sum*driver   gpu.driver $driver*"
	numbers=$(sed 's/510 nvidia-uvm/509 nvidia-uvm/' "$host/proc/devices")
	cp "$host/proc/devices" "$WORK/devices" && echo "$numbers" >"$host/proc/devices"
	like "graft show: a number that is another driver's by now" "$(rt graft show "$ID"; echo "status $?")" "*stale *510*509*status 5"
	cp "$WORK/devices" "$host/proc/devices"
	ct_drop
}

unasked() {
	new_bundle "$deny"
	with_args /bin/sleep 600
	ct_create
	is "nothing asked: no record" "$(find "$STATE/$ID" -name 'graft*')" ""
	is "... as graft show says" "$(rt graft show "$ID")" "nothing is grafted"
	is "... to programs as well" "$(rt graft show --format json "$ID")" "{}"
	rt graft diff "$ID" "$ID" >/dev/null 2>"$WORK/err"
	is "... and graft diff fails on it" "$?" 2
	like "... with the reason" "$(cat "$WORK/err")" "*nothing was grafted into container*"
	ct_drop
}

differences() {
	glibc_bundle "$(annotate gpu=0 rdma=mlx5_0 memlock=65536)" '.linux.resources.memory.limit = 100000000' \
		'.annotations["org.opencontainers.image.ref.name"] = "example:1"'
	ct_create
	wait_whole "$ID"
	record_of "$ID" >"$WORK/same.json"
	# the bundle's folder and the id are part of config and rootfs here
	jq --slurpfile a "$WORK/a.json" '.image = $a[0].image' "$WORK/same.json" >"$WORK/b.json"
	rt graft diff "$WORK/a.json" "$WORK/b.json" >"$WORK/out"
	is "graft diff: the same" "$? $(cat "$WORK/out")" "0 the same"
	is "... to programs" "$(rt graft diff -f json "$WORK/a.json" "$WORK/b.json" | jq -c '[.same, (.differences | length)]')" "[true,0]"
	rt graft diff "$WORK/same.json" "$ID" >"$WORK/out"
	is "graft diff: a file and a container" "$? $(cat "$WORK/out")" "0 the same"
	jq '.drivers["gpu.driver"] = "580.105.08" | (.files[] | select(.soname == "libcuda.so.1") | .sha256) = ("0" * 64)
		| del(.cgroup["memory.limit_in_bytes"]) | .devices[0].minor = 7' "$WORK/b.json" >"$WORK/c.json"
	rt graft diff "$WORK/a.json" "$WORK/c.json" >"$WORK/out"
	is "graft diff: they differ" "$?" 1
	like "... in a table" "$(cat "$WORK/out")" "WHAT *drivers.gpu.driver *580.95.05 *580.105.08*libcuda.so.1.sha256 *000000000000...*"
	is "... to programs, with both values" "$(rt graft diff -f json "$WORK/a.json" "$WORK/c.json" | jq -r '.differences[] | select(.what == "drivers.gpu.driver") | "\(.a) \(.b)"')" \
		"580.95.05 580.105.08"
	rt graft diff "$WORK/a.json" "$WORK/none.json" >/dev/null 2>"$WORK/err"
	is "graft diff: a file that is not there" "$?" 2
	echo '{"graftRecord": 2}' >"$WORK/new.json"
	rt graft diff "$WORK/a.json" "$WORK/new.json" >/dev/null 2>"$WORK/err"
	is "graft diff: a record of a later greffon" "$?" 2
	rt graft diff "$WORK/a.json" >/dev/null 2>"$WORK/err"
	is "graft diff: one of two" "$?" 2
	ct_drop
}

# The second container of the same driver finds the digests; nobody is started for them.
caching() {
	local n
	# of what has just changed nothing is kept, as it could change again within the same second
	wait_for eval '[ $(($(date +%s) - $(stat -c %Z $lib))) -gt 3 ]'
	glibc_bundle "$(annotate gpu=0)"
	ct_create
	wait_whole "$ID"
	ct_drop
	n=$(find "$STATE/.cache/sha256" -type l | wc -l)
	ok "digests are kept ($n)" test "$n" -ge 1
	glibc_bundle "$(annotate gpu=0)"
	ct_create
	is "the next record is whole at once" "$(jq -r '.digestsPending // false' "$STATE/$ID/graft.json")" false
	ct_drop
	cp -p "$WORK/libcuda" "$WORK/libcuda.new" && echo changed >>"$WORK/libcuda.new" && cp -p "$WORK/libcuda.new" $lib
	glibc_bundle "$(annotate gpu=0)"
	ct_create
	wait_whole "$ID"
	is "another content has another digest, though time and name are the same" \
		"$(jq -r '.files[] | select(.soname == "libcuda.so.1").sha256' "$STATE/$ID/graft.json")" "$(sha256sum <$lib | cut -d ' ' -f 1)"
	ct_drop
}

# A container that is deleted while its digests are made: nothing is left, nobody waits.
deletion() {
	local i left=
	for i in 1 2 3 4 5; do
		touch -d "$i hours ago" $lib
		glibc_bundle "$(annotate gpu=0)"
		ct_create && ct_drop
		left+=$(clean_of "$ID" "$BUNDLE")
	done
	is "a deletion in the meantime leaves nothing" "$left" ""
	ok "... also a moment later" wait_for test -z "$(find "$STATE" -maxdepth 1 -name '.gone*')"
	ok "... and no process" wait_for not pgrep -f "root $STATE .*create"
}

asked() {
	local f=$records/one.json
	mkdir -p "$records/sub" && chmod 755 "$records"
	refuses "a record where no policy allows one is refused" "$(annotate gpu=0 record="$f")"
	like "... with the remedy" "$(cat "$WORK/err")" "*recordFolders*\[GRAFT-DENIED]*"
	policy ".recordFolders = [\"$records\"]"
	glibc_bundle "$(annotate gpu=0 record="$f")"
	ct_create
	wait_whole "$ID"
	ok "the record is where the annotation asks for it" cmp "$f" "$STATE/$ID/graft.json"
	is "... for others to read" "$(stat -c %a "$f")" 644
	ct_drop
	ok "... and outlives the container" jq -e .graftRecord "$f"
	refuses "a record never takes the place of a file" "$(annotate gpu=0 record="$f")"
	like "... which is told" "$(cat "$WORK/err")" "*exists*\[GRAFT-RECORD]*"
	ok "... and that file is as it was" jq -e .graftRecord "$f"
	new_bundle "$deny" "$(annotate gpu=0 gpu.caps=utility record="$records/sub/run.json")"
	run_sh 'exit 0'
	ok "run: the record stays when the container has gone" jq -e .graftRecord "$records/sub/run.json"
	new_bundle "$deny" "$(annotate record="$records/cpu.json")"
	run_sh 'exit 0'
	is "a run without any device can be recorded" "$(jq -r '.devices // [] | length' "$records/cpu.json")" 0
	new_bundle "$deny" "$(annotate gpu=0 gpu.caps=utility record="$records/failed.json")" '.process.args = ["/bin/none"]'
	ct_run
	is "a creation that fails takes its record away" "$(ls "$records/failed.json" 2>/dev/null)" ""
}

paths() {
	mkdir "$WORK/elsewhere"
	ln -s "$WORK/elsewhere" "$records/link"
	ln -s "$WORK/elsewhere/x.json" "$records/dangling.json"
	refuses "a record through a link is refused" "$(annotate gpu=0 record="$records/link/x.json")"
	refuses "a record onto a link is refused" "$(annotate gpu=0 record="$records/dangling.json")"
	refuses "a record above its folder is refused" "$(annotate gpu=0 record="$records/../x.json")"
	refuses "a record beside its folder is refused" "$(annotate gpu=0 record="${records}x/x.json")"
	refuses "a record at no absolute path is refused" "$(annotate gpu=0 record=x.json)"
	refuses "a record of another ending is refused" "$(annotate gpu=0 record="$records/authorized_keys")"
	refuses "a record in a folder that is not there is refused" "$(annotate gpu=0 record="$records/none/x.json")"
	is "... and none of them made a file" "$(ls -A "$WORK/elsewhere")$(ls "$WORK"/*x.json 2>/dev/null)" ""
	like "graft plan says where" "$("${lib_runtime[@]}" graft plan -a record="$records/p.json")" "record   $records/p.json (annotation $a.record)"
	policy '.recordFolders = ["relative"]'
	refuses "a policy with a relative folder is an error" "$(annotate gpu=0)"
	policy .
}

if [ "$(id -u)" != 0 ]; then
	skip "records" "only root can pretend"
elif ! command -v cc >/dev/null; then
	skip "records" "there is no C compiler"
elif ! pretend >"$WORK/pretend.log" 2>&1 || ! install_driver 8; then
	skip "records" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	contents
	unasked
	differences
	caching
	deletion
	asked
	paths
fi
