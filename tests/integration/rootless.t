#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# greffon without root. As root this runs itself as a user who has nothing but his own id, and as root of a user
# namespace (unshare -Ur); started by a plain user it runs as him, with his ranges of /etc/subuid where he has some.
kind=${ROOTLESS_KIND:-}
[ -n "$kind" ] || [ "$(id -u)" = 0 ] || kind=caller

if [ -z "$kind" ]; then
	. "$(dirname "$0")/../lib/lib.sh"
	mkdir "$WORK/group" && echo shared >"$WORK/group/file"
	mkdir "$WORK/locked"
	chown -R 0:4242 "$WORK/group" && chmod 750 "$WORK/group" && chmod 640 "$WORK/group/file"
	cp "$(command -v "${lib_runtime[0]}")" "$WORK/runtime"
	user=(setpriv --reuid=65534 --regid=65534 --groups=4242)
	export GROUP_DIR=$WORK/group LOCKED_DIR=$WORK/locked TMPDIR=/tmp
	script=$(realpath "$0")
	flags=" ${lib_runtime[*]:1} "
	flags=${flags/ --systemd-cgroup / } # this user has no systemd of his own
	run_as() { # KIND COMMAND...
		env -u XDG_RUNTIME_DIR GREFFON_TEST_ARGS= RUNTIME="$WORK/runtime $flags" ROOTLESS_KIND="$1" \
			unshare -m --propagation private sh -c 'mount -t tmpfs -o nosuid,nodev,mode=1777 locked "$LOCKED_DIR" && exec "$@"' \
			sh "${@:2}" bash "$script" &
		wait $!
	}
	if ! setpriv --reuid=65534 --regid=65534 --clear-groups unshare -Ur true 2>"$WORK/err"; then
		skip "rootless" "user namespaces are not permitted to users: $(head -c 100 "$WORK/err")"
	else
		run_as user "${user[@]}"
	fi
	if unshare -Urm true 2>/dev/null; then
		run_as userns unshare -Ur
	else
		skip "in a user namespace" "unshare -Ur is not permitted"
	fi
	exit 0
fi
[ -n "${GROUP_DIR:-}" ] || TMPDIR=/tmp
. "$(dirname "$0")/../lib/lib.sh"
: "${GROUP_DIR:=$WORK}"
me=$(id -u) mine=$(id -g)
export me mine
lib_config="$lib_config"' | del(.linux.cgroupsPath) | .linux.namespaces += [{type: "user"}] |
	.linux.uidMappings = [{containerID: 0, hostID: ($ENV.me | tonumber), size: 1}] |
	.linux.gidMappings = [{containerID: 0, hostID: ($ENV.mine | tonumber), size: 1}]'

t() { echo "rootless $kind: $1"; }
# Root of a user namespace may still be the host's root to the cgroup file system.
may_make_cgroups() {
	local d own
	own=$(sed -n 's|^0::\(.*\)/[^/]*$|\1|p' /proc/self/cgroup)
	for d in "/sys/fs/cgroup$own" "/sys/fs/cgroup/unified$own" /sys/fs/cgroup/*/; do
		[ -w "$d" ] && [ -e "$d/cgroup.procs" ] && return
	done
	return 1
}
error_line() { grep -v '^$' "$WORK/err" | tail -n 1; }

runs() {
	new_bundle
	run_sh 'id -u; id -g; cat /proc/self/uid_map; echo x >/dev/null && echo null; pwd; exit 7'
	is "$(t "run: root of a namespace that maps the caller only")" "$(xargs <<<"$OUT")" "0 0 0 $me 1 null /"
	is "$(t "run: the program's exit status")" "$RC" 7
	is "$(t "run: nothing is left")" "$(clean_of "$ID" "$BUNDLE")" ""
	new_bundle
	run_sh 'echo hello >/made; stat -c %u:%g /made'
	is "$(t "run: files made inside belong to the caller")" "$OUT $(stat -c %u:%g "$ROOTFS/made")" "0:0 $me:$mine"
	mkdir -m 700 "$BUNDLE/private" && mv "$ROOTFS" "$BUNDLE/private/image" && ln -s private/image "$ROOTFS"
	run_sh 'cat /made'
	is "$(t "run: root.path is a link")" "$OUT" hello
}

life() {
	new_bundle
	with_args /bin/sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
	ct_create
	is "$(t "state: created")" "$(status_of "$ID")" created
	is "$(t "state: pid")" "$(state_of "$ID" | jq .pid)" "$PID"
	ct_start && wait_text "$BUNDLE/out" up
	is "$(t "state: running")" "$(status_of "$ID")" running
	is "$(t "list")" "$(rt list -q)" "$ID"
	like "$(t "ps")" "$(rt ps --format json "$ID")" "*$PID*"
	is "$(t "exec: in the container's namespaces")" \
		"$(rt exec "$ID" sh -c 'id -u; ls -d /proc/1; readlink /proc/self/ns/pid' 2>"$WORK/err" | xargs)" \
		"0 /proc/1 $(readlink "/proc/$PID/ns/pid")"
	is "$(t "exec: standard input and output")" "$(echo ping | rt exec "$ID" cat 2>"$WORK/err")" ping
	rt exec "$ID" sh -c 'exit 9' 2>"$WORK/err"
	RC=$?
	is "$(t "exec: exit status")" "$RC" 9
	is "$(t "exec: no capability is more than asked for")" \
		"$(rt exec "$ID" sh -c 'grep CapEff /proc/1/status /proc/self/status | cut -f2 | sort -u | wc -l' 2>"$WORK/err")" 1
	ok "$(t "exec: in a terminal")" exec_tty
	pauses
	ok "$(t "kill: TERM")" rt kill "$ID" TERM
	wait_gone "$PID"
	is "$(t "state: stopped")" "$(status_of "$ID")" stopped
	ok "$(t "delete")" ct_delete
	is "$(t "delete: nothing is left")" "$(clean_of "$ID" "$BUNDLE")" ""
}

exec_tty() {
	command -v script >/dev/null || return 0
	mkfifo "$WORK/silence"
	script -qec "$(printf '%q ' "${lib_runtime[@]}" --root "$STATE" exec -t "$ID" tty)" /dev/null <>"$WORK/silence" |
		grep /dev/pts/0
}

pauses() {
	if cgroup_dir "$PID" freezer >/dev/null || [ -e "/sys/fs/cgroup$(cut -d: -f3 "/proc/$PID/cgroup" | tail -n 1)/cgroup.freeze" ]; then
		if rt pause "$ID" 2>"$WORK/err"; then
			is "$(t "pause")" "$(status_of "$ID")" paused
			ok "$(t "resume")" rt resume "$ID"
			return
		fi
	fi
	rt pause "$ID" 2>"$WORK/err"
	like "$(t "pause: without a cgroup of its own is one clear error")" "$(<"$WORK/err")" "*cannot pause*cgroup*"
}

forced() {
	new_bundle
	with_args /bin/sleep 1000
	ct_create && ct_start
	local pid=$PID
	ok "$(t "delete --force")" ct_delete --force
	ok "$(t "delete --force: the process is gone")" is_gone "$pid"
	is "$(t "delete --force: nothing is left")" "$(clean_of "$ID" "$BUNDLE")" ""
}

mounts() {
	new_bundle '.root.readonly = true | .linux.maskedPaths = ["/proc/kcore", "/sys/firmware"] |
		.linux.readonlyPaths = ["/proc/sys"] |
		.mounts += [{destination: "/data", source: "data", type: "bind", options: ["rbind", "ro"]}]'
	mkdir "$BUNDLE/data" && echo kept >"$BUNDLE/data/file"
	mkdir -m 711 "$ROOTFS/data"
	run_sh 'cat /data/file; for f in /x /data/x /proc/sys/kernel/hostname; do (echo x >$f) 2>/dev/null && echo wrote $f; done
		head -c 1 /proc/kcore | wc -c; ls /sys/firmware | wc -l; ls /sys | grep -c class; echo y >/dev/shm/y && cat /dev/shm/y'
	is "$(t "mounts: read-only root and bind, masks, sysfs, shm")" "$(xargs <<<"$OUT")" "kept 0 0 1 y"
	run_sh 'for d in $(grep " /sys" /proc/mounts | cut -d" " -f2); do mkdir $d/greffon-x 2>/dev/null && rmdir $d/greffon-x && echo $d; done
		for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do [ -w $f ] && (echo $$ >$f) 2>/dev/null && echo $f; done'
	is "$(t "mounts: nothing of the host's /sys can be written to")" "$OUT" ""
	new_bundle 'del(.linux.namespaces[] | select(.type == "pid"))'
	run_sh 'readlink /proc/self; echo $$; ls -d /proc/'"$$"
	is "$(t "mounts: /proc without a pid namespace is the caller's")" "$(sed -n 3p <<<"$OUT")" "/proc/$$"
	like "$(t "mounts: /proc without a pid namespace works")" "$(head -n 1 <<<"$OUT")" "[0-9]*"
	new_bundle 'del(.linux.namespaces[] | select(.type == "ipc")) |
		.mounts += [{destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid"]}]'
	if grep -q ' /dev/mqueue mqueue ' /proc/mounts; then
		run_sh 'grep -c " /dev/mqueue mqueue" /proc/mounts'
		is "$(t "mounts: mqueue without an ipc namespace is the caller's")" "$OUT" 1
	else
		skip "$(t "mounts: mqueue without an ipc namespace is the caller's")" "/dev/mqueue is not mounted here"
	fi
}

locked() { # a mount whose flags the user namespace may not take away
	local at=${LOCKED_DIR:-/dev/shm}
	if ! grep -q " $at [^ ]* [^ ]*nosuid[^ ]*nodev" /proc/mounts || [ ! -w "$at" ]; then
		skip "$(t "locked flags")" "$at is not a writable mount with nosuid and nodev"
		return
	fi
	LOCKED=$at/${WORK##*/}
	export LOCKED
	mkdir "$LOCKED" && echo in >"$LOCKED/file"
	new_bundle '.mounts += [{destination: "/data", source: $ENV.LOCKED, type: "bind", options: ["rbind", "ro", "noexec"]}]'
	run_sh 'cat /data/file; grep " /data " /proc/mounts | cut -d" " -f4'
	like "$(t "locked flags: stay when others are added")" "$(xargs <<<"$OUT")" "in ro,*nosuid,nodev,noexec*"
	set_config '.mounts[-1].options = ["rbind", "ro"]' '.mounts += [.mounts[-1] | .type = "none" | .options = ["remount", "bind", "noexec"]]'
	run_sh 'cat /data/file; grep " /data " /proc/mounts | cut -d" " -f4'
	like "$(t "locked flags: stay in a remount")" "$(xargs <<<"$OUT")" "in *nosuid,nodev,noexec*"
	new_bundle '.mounts += [{destination: "/data", source: $ENV.LOCKED, type: "bind", options: ["rbind", "suid"]}]'
	run_sh true
	like "$(t "locked flags: an option that would clear one is refused by name")" "$RC $(error_line)" "1 *mounts*.options*nosuid*"
	rm -r "$LOCKED"
}

groups() {
	if [ "$GROUP_DIR" = "$WORK" ] || [ "$kind" != user ]; then
		skip "$(t "groups: what only a group of the caller may read")" "needs a caller with a supplementary group"
	else
		new_bundle '.mounts += [{destination: "/shared", source: $ENV.GROUP_DIR, type: "bind", options: ["bind"]}] |
			.annotations["run.oci.keep_original_groups"] = "1"'
		run_sh 'cat /shared/file'
		is "$(t "groups: what only a group of the caller may read")" "$OUT" shared
		ct_create && ct_start
		is "$(t "groups: kept for exec")" "$(with_args /bin/sleep 9; ct_drop; ct_create && ct_start && rt exec "$ID" cat /shared/file)" shared
		ct_drop
	fi
	new_bundle '.process.user.additionalGids = [5]'
	run_sh true
	like "$(t "groups: that can't be set are refused by name")" "$RC $(error_line)" "1 *process.user.additionalGids*"
}

devices() {
	new_bundle '.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438}]'
	if [ -e /dev/fuse ]; then
		run_sh 'stat -c %t:%T /dev/fuse'
		is "$(t "devices: the host's node is bound")" "$OUT" a:e5
	else
		skip "$(t "devices: the host's node is bound")" "no /dev/fuse here"
	fi
	new_bundle '.linux.devices = [{path: "/dev/greffon-zero", type: "c", major: 1, minor: 5}]'
	run_sh 'stat -c %t:%T /dev/greffon-zero; head -c 1 /dev/greffon-zero | wc -c'
	is "$(t "devices: the host's node of another name is found by its numbers")" "$(xargs <<<"$OUT")" "1:5 1"
	new_bundle '.linux.devices = [{path: "/dev/greffon-none", type: "c", major: 10, minor: 250}]'
	run_sh true
	like "$(t "devices: one that the host has not is refused by name")" "$RC $(error_line)" "1 *linux.devices\[0\]*"
}

limits() {
	new_bundle '.process.oomScoreAdj = 700'
	run_sh 'cat /proc/self/oom_score_adj'
	is "$(t "oomScoreAdj: raised")" "$OUT" 700
	with_args /bin/sleep 100
	ct_create && ct_start
	is "$(t "oomScoreAdj: raised for exec")" "$(rt exec "$ID" cat /proc/self/oom_score_adj 2>"$WORK/err")" 700
	ct_drop
	new_bundle '.process.oomScoreAdj = -700'
	run_sh 'cat /proc/self/oom_score_adj'
	is "$(t "oomScoreAdj: that can't be lowered stays")" "$RC $OUT" "0 $(</proc/self/oom_score_adj)"
	is "$(t "oomScoreAdj: that can't be lowered is one warning")" "$(grep -c oomScoreAdj "$WORK/err")" 1
	new_bundle '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 30, hard: 40}]'
	run_sh 'ulimit -Sn; ulimit -Hn'
	is "$(t "rlimits: few descriptors")" "$(xargs <<<"$OUT")" "30 40"
	local most
	most=$(ulimit -Hn)
	if [ "$most" = unlimited ] || [ "$(cat /proc/sys/fs/nr_open)" -le "$most" ]; then
		skip "$(t "rlimits: more than the caller's are refused by name")" "the limit of descriptors is as high as can be"
	else
		new_bundle ".process.rlimits = [{type: \"RLIMIT_NOFILE\", soft: 10, hard: $((most + 1))}]"
		run_sh true
		like "$(t "rlimits: more than the caller's are refused by name")" "$RC $(error_line)" "1 *process.rlimits\[0\]*"
	fi
	new_bundle '.linux.sysctl = {"kernel.shm_rmid_forced": "1", "kernel.domainname": "x"} | .linux.sysctl |= del(.["kernel.domainname"])'
	run_sh 'cat /proc/sys/kernel/shm_rmid_forced'
	if [ "$RC" -eq 0 ]; then
		is "$(t "sysctl: of a namespace of its own")" "$OUT" 1
	else # before 5.19
		like "$(t "sysctl: not permitted is refused by name")" "$(error_line)" "*linux.sysctl*kernel.shm_rmid_forced*"
	fi
	new_bundle '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	run_sh true
	like "$(t "sysctl: of the host is refused by name")" "$RC $(error_line)" "1 *linux.sysctl*net.ipv4.ip_forward*"
}

cgroups_own() {
	new_bundle '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}}'
	with_args /bin/sleep 100
	if ! ct_create; then
		like "$(t "cgroup: limits need their controllers")" "$(error_line)" "*linux.resources.*controller*"
		return
	fi
	local dir
	dir=$(cgroup_dir "$PID" memory)
	is "$(t "cgroup: the limit of memory")" "$(cat "$dir/memory.max" "$dir/memory.limit_in_bytes" 2>/dev/null)" 67108864
	is "$(t "cgroup: the limit of processes")" "$(cat "$(cgroup_dir "$PID" pids)/pids.max")" 50
	ct_start
	ok "$(t "cgroup: exec enters it")" rt exec "$ID" cmp /proc/1/cgroup /proc/self/cgroup
	ok "$(t "cgroup: update")" rt update --pids-limit 60 "$ID"
	is "$(t "cgroup: update changes the limit")" "$(cat "$(cgroup_dir "$PID" pids)/pids.max")" 60
	ct_drop
	is "$(t "cgroup: nothing is left of it")" "$(clean_of "$ID" "$BUNDLE")" ""
}

cgroups() {
	if may_make_cgroups; then
		cgroups_own
		skip "$(t "cgroup: none can be made")" "the caller may make cgroups"
		return
	fi
	new_bundle '.linux.cgroupsPath = "/greffon-rootless/\($ENV.ID)"'
	run_sh 'echo ran'
	is "$(t "cgroup: one that can't be made does not stop the container")" "$RC $OUT" "0 ran"
	is "$(t "cgroup: one that can't be made is one warning")" "$(grep -c . "$WORK/err") $(grep -c linux.cgroupsPath "$WORK/err")" "1 1"
	new_bundle
	run_sh 'echo ran'
	is "$(t "cgroup: none asked for, nothing said")" "$RC $OUT $(wc -l <"$WORK/err")" "0 ran 0"
	new_bundle '.linux.resources = {memory: {limit: 67108864}}'
	run_sh true
	like "$(t "cgroup: limits without one are refused by name, with the remedy")" "$RC $(error_line)" \
		"1 *linux.resources.memory.limit*Delegate=yes*"
	is "$(t "cgroup: nothing is left of a refused one")" "$(clean_of "$ID" "$BUNDLE")" ""
}

maps() {
	new_bundle 'del(.linux.namespaces[] | select(.type == "user")) | del(.linux.uidMappings, .linux.gidMappings)'
	if [ "$kind" = userns ]; then
		run_sh 'id -u; cat /proc/self/uid_map'
		is "$(t "maps: no user namespace of its own")" "$(xargs <<<"$OUT")" "0 0 0 1"
	else
		lib_user_namespace=. run_sh true
		like "$(t "maps: a config for root is refused with the remedy")" "$RC $(error_line)" "1 *linux.namespaces*greffon spec --rootless*"
	fi
	new_bundle '.linux.uidMappings += [{containerID: 1, hostID: 100000, size: 1}]'
	if grep -q "^$(id -un 2>/dev/null || echo none):" /etc/subuid 2>/dev/null && [ "$kind" = caller ]; then
		ranges
	else
		run_sh true
		like "$(t "maps: ids that are not the caller's are refused by name")" "$RC $(error_line)" "1 *linux.uidMappings*"
		is "$(t "maps: nothing is left of a refused one")" "$(clean_of "$ID" "$BUNDLE")" ""
	fi
	new_bundle '.process.user.uid = 33'
	run_sh true
	like "$(t "maps: a user that is not mapped is refused by name")" "$RC $(error_line)" "1 *process.user.uid*"
}

ranges() { # /etc/subuid has some for the caller
	sub=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subuid)
	subg=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subgid)
	export sub subg
	local many='.linux.uidMappings += [{containerID: 1, hostID: ($ENV.sub | tonumber), size: 1000}] |
		.linux.gidMappings += [{containerID: 1, hostID: ($ENV.subg | tonumber), size: 1000}]'
	new_bundle "$many" '.process.user = {uid: 33, gid: 34, additionalGids: [5, 6]}'
	chmod 777 "$ROOTFS/tmp"
	run_sh 'id -u; id -G; touch /tmp/x; stat -c %u /tmp/x; id -u'
	is "$(t "ranges: newuidmap gives more ids")" "$(xargs <<<"$OUT")" "33 34 5 6 33 33"
	is "$(t "ranges: the owner outside")" "$(stat -c %u "$ROOTFS/tmp/x")" $((sub + 32))
	rm -f "$ROOTFS/tmp/x" "$WORK/err" # the container's user owns its standard error
	set_config '.linux.uidMappings[1].hostID += 1000000'
	run_sh true
	like "$(t "ranges: others than one's own are refused by name")" "$RC $(error_line)" "1 *linux.uidMappings*newuidmap*"
	# root of the container is not the caller and may not walk to the bundle
	new_bundle '.linux.uidMappings = [{containerID: 0, hostID: ($ENV.sub | tonumber), size: 1000}] |
		.linux.gidMappings = [{containerID: 0, hostID: ($ENV.subg | tonumber), size: 1000}] |
		.mounts += [{destination: "/data", source: "data", type: "bind", options: ["bind"]}]'
	mkdir "$BUNDLE/data" && echo kept >"$BUNDLE/data/file"
	chmod 755 "$BUNDLE/data" "$ROOTFS" && mkdir "$ROOTFS/data"
	chmod 700 "$BUNDLE"
	run_sh 'id -u; cat /data/file; cat /proc/self/uid_map'
	is "$(t "ranges: a bundle that the container's root may not walk to")" "$(xargs <<<"$OUT")" "0 kept 0 $sub 1000"
	chmod 755 "$BUNDLE"
}

hooks() {
	new_bundle '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "id -u >$BUNDLE/hook1"], env: ["BUNDLE=\($ENV.BUNDLE)", "PATH=/bin:/usr/bin"]}],
		createContainer: [{path: "/bin/sh", args: ["sh", "-c", "id -u >$BUNDLE/hook2; cat $BUNDLE/rootfs/proc/sys/kernel/ostype >>$BUNDLE/hook2"],
			env: ["BUNDLE=\($ENV.BUNDLE)", "PATH=/bin:/usr/bin"]}]}'
	run_sh true
	is "$(t "hooks: of the runtime run as the caller")" "$(cat "$BUNDLE/hook1" 2>&1)" "$me"
	is "$(t "hooks: of the container run as its root and see its mounts")" "$(xargs <"$BUNDLE/hook2" 2>&1)" "0 Linux"
}

roots() {
	new_bundle
	write_config
	with_args /bin/true
	local bare=("${lib_runtime[@]}") said
	[ "$(id -u)" != 0 ] || { skip "$(t "--root: the default")" "the caller is root of its namespace"; return; }
	if [ -d "/run/user/$me" ]; then
		skip "$(t "--root: none without XDG_RUNTIME_DIR")" "/run/user/$me exists"
	else
		said=$(env -u XDG_RUNTIME_DIR "${bare[@]}" run -b "$BUNDLE" "$ID" 2>&1)
		RC=$?
		like "$(t "--root: none without XDG_RUNTIME_DIR, and the remedy")" "$RC $said" "1 *XDG_RUNTIME_DIR*--root*"
	fi
	mkdir -m 700 "$WORK/xdg"
	XDG_RUNTIME_DIR=$WORK/xdg "${bare[@]}" create -b "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err" </dev/null
	is "$(t "--root: is below XDG_RUNTIME_DIR")" "$(find "$WORK/xdg/greffon" -mindepth 1 -maxdepth 1 -printf %f)" "$ID"
	XDG_RUNTIME_DIR=$WORK/xdg "${bare[@]}" delete --force "$ID" 2>>"$WORK/err"
	chmod 777 "$WORK/xdg"
	said=$(XDG_RUNTIME_DIR=$WORK/xdg "${bare[@]}" list 2>&1)
	RC=$?
	like "$(t "--root: not below a folder that everyone may write to")" "$RC $said" "1 *everyone may write*"
}

specs() {
	new_bundle
	rt spec --rootless -b "$BUNDLE" 2>"$WORK/err"
	jq '.process.terminal = false | .process.args = ["/bin/sh", "-c", "id -u; cat /proc/self/uid_map"]' \
		"$BUNDLE/config.json" >"$BUNDLE/c" && mv "$BUNDLE/c" "$BUNDLE/config.json"
	is "$(t "spec --rootless: runs as it is")" "$(rt run -b "$BUNDLE" "$ID" 2>"$WORK/err" </dev/null | xargs)" "0 0 $me 1"
}

# The commands of docs/rootless.md as they stand: the second block needs ranges; the third, podman's, is run by tests/engines/podman.t.
page() {
	local page=$lib_top/docs/rootless.md n
	mkdir -p "$WORK/page/job" && mkdir -m 700 "$WORK/page/run" && cp -a "$LIB_TEMPLATE" "$WORK/page/job/rootfs"
	awk -v d="$WORK/page/block" '/^```sh$/ { n++; in_block = 1; next } /^```$/ { in_block = 0 } in_block { print >(d n) }' "$page"
	printf '#!/bin/sh\nexec %s "$@"\n' "${lib_runtime[*]}" >"$WORK/page/greffon" && chmod +x "$WORK/page/greffon"
	for n in 1 2; do
		if [ $n = 2 ] && { [ "$kind" != caller ] || ! grep -q "^$(id -un):" /etc/subuid; }; then
			skip "$(t "docs/rootless.md: with ranges")" "the user has none in /etc/subuid"
			continue
		fi
		ok "$(t "docs/rootless.md: $(head -n 1 "$WORK/page/block$n" | cut -c -50)")" \
			env -C "$WORK/page" PATH="$WORK/page:$PATH" XDG_RUNTIME_DIR="$WORK/page/run" timeout -k 5 60 bash -e "$WORK/page/block$n"
		sed -i 's/sleep 100/true/' "$WORK/page/job/config.json"
	done
}

runs
life
forced
mounts
locked
groups
devices
limits
cgroups
maps
hooks
roots
specs
page
exit 0
