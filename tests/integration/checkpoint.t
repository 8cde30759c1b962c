#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# checkpoint and restore by criu: a counter that goes on counting, iterative dumps, terminals, mounts and namespaces
# of the host, cgroups, hooks, and what is left behind when criu refuses. podman's checkpoint on top of it.
. "$(dirname "$0")/../lib/lib.sh"

if [ "$(id -u)" != 0 ]; then
	new_bundle
	with_args /bin/sleep 100
	ct_create && ct_start
	like "checkpoint: without root" "$(rt checkpoint --image-path "$WORK/none" "$ID" 2>&1)" "*needs root's rights, which criu needs*"
	is "checkpoint: without root, it runs on" "$(status_of "$ID")" running
	like "restore: without root" "$(rt restore --bundle "$BUNDLE" --image-path "$WORK" "$ID-2" 2>&1)" "*needs root's rights*"
	ct_drop
	exit 0
fi

refuses_options() { # these need no criu that works
	new_bundle
	with_args /bin/sleep 100
	ct_create
	like "checkpoint: only of what runs" \
		"$(rt checkpoint --image-path "$WORK/none" "$ID" 2>&1)" "*cannot checkpoint*created*not running*"
	ct_start
	like "checkpoint: of an unknown container" \
		"$(rt checkpoint no-such-container 2>&1)" '*container "no-such-container" does not exist*'
	like "checkpoint: --parent-path has to be relative" \
		"$(rt checkpoint --image-path "$WORK/none" --parent-path /tmp "$ID" 2>&1)" "*--parent-path: must be relative*"
	like "checkpoint: --parent-path has to be there" \
		"$(rt checkpoint --image-path "$WORK/none" --parent-path ../nothing "$ID" 2>&1)" "*--parent-path: '../nothing'*"
	like "checkpoint: --manage-cgroups-mode" \
		"$(rt checkpoint --manage-cgroups-mode some "$ID" 2>&1)" "*must be soft, full, strict or ignore*"
	like "checkpoint: --empty-ns" "$(rt checkpoint --empty-ns mount "$ID" 2>&1)" "*--empty-ns: must be network*"
	like "checkpoint: --page-server" "$(rt checkpoint --page-server 10 "$ID" 2>&1)" "*must be ADDRESS:PORT*"
	like "checkpoint: --network-lock" "$(rt checkpoint --network-lock none "$ID" 2>&1)" "*iptables, nftables or skip*"
	like "checkpoint: --status-fd without --lazy-pages" \
		"$(rt checkpoint --status-fd 1 "$ID" 2>&1)" "*--status-fd: has a meaning with --lazy-pages only*"
	like "checkpoint: --criu of somebody else's" \
		"$(cp /bin/true "$WORK/criu"; chown 1 "$WORK/criu"
		rt --criu "$WORK/criu" checkpoint --image-path "$WORK/none" "$ID" 2>&1)" "*--criu: '*' is not a program that belongs to root*"
	is "checkpoint: a refused one leaves the container running" "$(status_of "$ID")" running
	rmdir "$WORK/none" 2>/dev/null
	ok "checkpoint: and no image" test ! -e "$WORK/none"
	ct_drop
	new_bundle
	like "restore: without an image" \
		"$(rt restore --bundle "$BUNDLE" --image-path "$WORK/none" "$ID" 2>&1)" "*--image-path*no such file or directory*"
	mkdir "$WORK/empty"
	like "restore: --no-pivot" \
		"$(rt restore --no-pivot --image-path "$WORK/empty" "$ID" 2>&1)" "*--no-pivot: criu always restores with pivot_root*"
	like "restore: --preserve-fds" \
		"$(rt restore --preserve-fds 1 --image-path "$WORK/empty" "$ID" 2>&1)" "*--preserve-fds*"
	like "restore: --lsm-profile" \
		"$(rt restore --lsm-profile x --image-path "$WORK/empty" "$ID" 2>&1)" "*apparmor:PROFILE or selinux:LABEL*"
	# podman's way of asking whether a runtime knows the option
	like "restore: --lsm-mount-context wants a value" "$(rt restore --lsm-mount-context 2>&1)" "*flag needs an argument*"
	ok "checkpoint: has a help" rt checkpoint --help
}
refuses_options

# What the machine can't do is criu's to say.
if ! command -v criu >/dev/null; then
	skip "checkpoint" "criu is not installed"
	exit 0
fi
if ! criu check >"$WORK/check" 2>&1; then
	skip "checkpoint" "criu refuses kernel $(uname -r): $(grep -m 1 Error "$WORK/check")"
	exit 0
fi

# The count is a link's text: criu wants a file that is open when it looks to be as long at each restore.
counter='i=0; while :; do i=$((i + 1)); ln -sfn $i /tmp/count; sleep 0.1; done'
count() { readlink "$ROOTFS/tmp/count" || echo 0; }
counts_on() { # FROM: the counter is above it, and moves
	wait_for sh -c '[ "$(readlink "$1" || echo 0)" -gt "$2" ]' sh "$ROOTFS/tmp/count" "$1"
}

start_counter() { # JQ-FILTER...
	new_bundle "$@"
	with_args /bin/sh -c "$counter"
	# of a file outside the container criu compares kind and size on restore: only /dev/null has them for sure
	write_config
	lib_live[$ID]=1
	rt --log "$WORK/err" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" "$ID" >/dev/null 2>&1 </dev/null &&
		ct_start
	PID=$(cat "$BUNDLE/pid" 2>/dev/null)
	counts_on 3
}

# shellcheck disable=SC2120
checkpoint() { rt checkpoint --image-path "$BUNDLE/image" --work-path "$BUNDLE/work" "$@" "$ID" 2>"$WORK/err"; }

# shellcheck disable=SC2120
restore() { # OPTION...
	lib_live[$ID]=1
	rt --log "$WORK/err" restore --bundle "$BUNDLE" --image-path "$BUNDLE/image" --work-path "$BUNDLE/work" --detach \
		--pid-file "$BUNDLE/pid" "$@" "$ID" </dev/null >/dev/null 2>&1 || return
	PID=$(<"$BUNDLE/pid")
}

goes_on() {
	local before pid
	start_counter
	pid=$PID before=$(count)
	ok "checkpoint --leave-running" checkpoint --leave-running
	ok "checkpoint --leave-running: the counter goes on" counts_on "$before"
	is "checkpoint --leave-running: it is the same process" "$(state_of "$ID" | jq .pid)" "$pid"
	ok "checkpoint" checkpoint
	ok "checkpoint: the process has ended" is_gone "$pid"
	ok "checkpoint: nothing but the image is left" clean_of "$ID" "$BUNDLE"
	before=$(count)
	ok "restore" restore
	ok "restore: the counter goes on where it was" counts_on "$before"
	is "restore: is running" "$(status_of "$ID")" running
	is "restore: the state has the pid of the pid file" "$(state_of "$ID" | jq .pid)" "$PID"
	is "restore: init is pid 1 of the container" "$(awk '/^NSpid/ { print $NF }' "/proc/$PID/status")" 1
	is "restore: exec finds the container" "$(rt exec "$ID" /bin/cat /proc/1/comm 2>>"$WORK/err")" sh
	like "restore: in the container's cgroup" "$(cat "/proc/$PID/cgroup")" "*$CG/$(cg_name "$ID")*"
	ok "restore: no mount is left on the host" not grep -F " $BUNDLE" /proc/self/mountinfo
	rt kill "$ID" KILL
	ok "restore: kill ends it" wait_gone "$PID"
	ok "restore: delete" ct_delete
	ok "restore: nothing is left" clean_of "$ID" "$BUNDLE"
	again
}

again() { # under another id, twice from the same image
	local first=$ID n
	n=$(count)
	ID=$ID-b restore
	ok "restore: under another id" counts_on "$n"
	ID=$first-b
	ct_drop
	ID=$first
	ok "restore: a second time from the same image" restore
	is "restore: refuses an id that is in use" "$(restore; echo $?)" 1
	is "restore: which then still runs" "$(status_of "$ID")" running
	ct_drop
}

iterative() {
	start_counter
	rt checkpoint --pre-dump --image-path "$BUNDLE/pre1" "$ID" 2>"$WORK/err"
	is "checkpoint --pre-dump" $? 0
	is "checkpoint --pre-dump: runs on" "$(status_of "$ID")" running
	rt checkpoint --pre-dump --image-path "$BUNDLE/pre2" --parent-path ../pre1 "$ID" 2>"$WORK/err"
	is "checkpoint --pre-dump --parent-path" $? 0
	ok "checkpoint --pre-dump: with pages" ls "$BUNDLE"/pre2/pages-*.img
	ok "checkpoint --parent-path" checkpoint --parent-path ../pre2
	ok "checkpoint --parent-path: refers to the dump before" test -e "$BUNDLE/image/parent/pagemap-1.img"
	local before
	before=$(count)
	ok "restore: from iterative dumps" restore
	ok "restore: from iterative dumps, goes on" counts_on "$before"
	ct_drop
}

paused() {
	start_counter
	rt pause "$ID" 2>"$WORK/err" || { skip "checkpoint: paused" "no freezer"; ct_drop; return; }
	local before
	ok "checkpoint: of a paused container" checkpoint
	before=$(count)
	ok "restore: of one that was paused" restore
	ok "restore: of one that was paused, runs" counts_on "$before"
	ct_drop
}

mounts() {
	mkdir -p "$WORK/vol/sub" && echo one >"$WORK/vol/sub/file" && echo host >"$WORK/hosts"
	start_counter '.mounts += [
		{destination: "/mnt", type: "bind", source: "\($ENV.WORK)/vol", options: ["bind", "ro"]},
		{destination: "/mnt/sub", type: "tmpfs", source: "tmpfs", options: ["size=1m"]},
		{destination: "/link/deep", type: "bind", source: "\($ENV.WORK)/vol", options: ["rbind"]},
		{destination: "/etc/hosts", type: "bind", source: "\($ENV.WORK)/hosts", options: ["bind"]}] |
		.linux.maskedPaths = ["/proc/kcore", "/proc/acpi", "/proc/timer_list", "/sys/firmware"] |
		.linux.readonlyPaths = ["/proc/sys", "/proc/bus"]'
	rt exec "$ID" /bin/sh -c 'echo mine >/mnt/sub/mine' 2>>"$WORK/err"
	ok "checkpoint: with mounts of the host" checkpoint
	# as podman does it: other sources behind the same names, in a rootfs without mount points
	echo other >"$WORK/hosts2"
	rmdir "$ROOTFS/link/deep" "$ROOTFS/link" 2>/dev/null
	sed -i "s#$WORK/hosts#$WORK/hosts2#" "$BUNDLE/config.json"
	ok "restore: with mounts of the host" restore
	is "restore: a bind of a file, from where the config has it now" \
		"$(rt exec "$ID" /bin/cat /etc/hosts 2>>"$WORK/err")" other
	is "restore: a bind of a directory" "$(rt exec "$ID" /bin/cat /link/deep/sub/file 2>>"$WORK/err")" one
	is "restore: the content of a tmpfs" "$(rt exec "$ID" /bin/cat /mnt/sub/mine 2>>"$WORK/err")" mine
	is "restore: a read-only bind" "$(rt exec "$ID" /bin/sh -c 'echo x 2>/dev/null >/mnt/x || echo ro' 2>/dev/null)" ro
	is "restore: masked paths" "$(rt exec "$ID" /bin/sh -c 'cat /proc/kcore /proc/timer_list | wc -c; ls /sys/firmware | wc -l' \
		2>>"$WORK/err" | tr '\n' ' ')" "0 0 "
	like "restore: read-only paths" \
		"$(rt exec "$ID" /bin/sh -c 'echo 1 >/proc/sys/kernel/panic' 2>&1)" "*Read-only file system*"
	ct_drop
}

hooks() {
	local h='#!/bin/sh\ncat >"%s/hook.$1"\n'
	# shellcheck disable=SC2059
	printf "$h" "$WORK" >"$WORK/hook" && chmod 755 "$WORK/hook"
	start_counter '.hooks = ({path: "\($ENV.WORK)/hook"} | {
		createRuntime: [. + {args: ["hook", "createRuntime"]}], poststop: [. + {args: ["hook", "poststop"]}]})'
	rm -f "$WORK"/hook.c*
	ok "checkpoint: with hooks" checkpoint
	ok "checkpoint: poststop hooks run when the container goes" test -s "$WORK/hook.poststop"
	ok "restore: with hooks" restore
	is "restore: createRuntime hooks get the container's pid" "$(jq .pid "$WORK/hook.createRuntime")" "$PID"
	ct_drop
}

network() {
	ip netns add "$ID" 2>"$WORK/err" || { skip "checkpoint: a network namespace by path" "no ip netns"; return; }
	local name=$ID
	start_counter ".linux.namespaces += [{type: \"network\", path: \"/run/netns/$name\"}]"
	ok "checkpoint: a network namespace by path" checkpoint
	ok "restore: a network namespace by path" restore
	is "restore: it is that network namespace" \
		"$(stat -L -c %i "/proc/$PID/ns/net")" "$(stat -L -c %i "/run/netns/$name")"
	ct_drop
	ip netns del "$name"
	start_counter '.linux.namespaces += [{type: "network"}]'
	ok "checkpoint: a network namespace of its own" checkpoint
	ok "restore: a network namespace of its own" restore
	ct_drop
}

limits() {
	local dir
	start_counter '.linux.resources = {pids: {limit: 37}}'
	dir=$(cgroup_dir "$PID" pids) || { skip "restore: limits" "no pids controller"; ct_drop; return; }
	ok "checkpoint: with limits" checkpoint
	ok "restore: with limits" restore
	is "restore: the limits of the config" "$(cat "$(cgroup_dir "$PID" pids)/pids.max")" 37
	like "restore: the state knows the cgroup" "$(rt events --stats "$ID" 2>&1)" '*"limit":37*'
	ct_drop
}

identity() { # criu's part: ids, capabilities, seccomp
	start_counter '.process.user = {uid: 0, gid: 0} | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		architectures: ["SCMP_ARCH_X86_64"], syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
	local before after
	before=$(grep -E '^(Cap|NoNewPrivs|Seccomp:)' "/proc/$PID/status")
	ok "checkpoint: with a filter" checkpoint
	ok "restore: with a filter" restore
	after=$(grep -E '^(Cap|NoNewPrivs|Seccomp:)' "/proc/$PID/status")
	is "restore: capabilities, no_new_privs and seccomp are what they were" "$after" "$before"
	ct_drop
}

# Its record is this run's; the file that the first run left is that one's.
grafted() {
	local f=$WORK/records/run.json before
	[ -n "${GREFFON_VM:-}" ] || { skip "restore: the record of a graft" "a policy in this machine's /etc (tests/run --vm)"; return; }
	mkdir -p /etc/greffon "$WORK/records"
	echo "{\"version\": 1, \"memlockMax\": \"unlimited\", \"recordFolders\": [\"$WORK/records\"]}" >/etc/greffon/graft.json
	start_counter '.annotations["org.greffon.graft.memlock"] = "131072"' \
		".annotations[\"org.greffon.graft.record\"] = \"$f\""
	is "checkpoint: with a graft" "$(jq .memlock "$STATE/$ID/graft.json" "$f" | xargs)" "131072 131072"
	checkpoint
	before=$(sha256sum "$f")
	sleep 1
	ok "restore: with a graft" restore
	is "restore: the record of a graft" "$(rt graft show --format json "$ID" 2>>"$WORK/err" | jq -c '[.memlock, .run.id]')" "[131072,\"$ID\"]"
	ok "restore: ... is of this run" not jq -e --slurpfile first "$f" '.run.created == $first[0].run.created' "$STATE/$ID/graft.json"
	is "restore: ... and the first run's file is as it was" "$(sha256sum "$f")" "$before"
	rm "$f"
	rt kill "$ID" KILL 2>"$WORK/err" && wait_gone "$PID" && ct_delete
	ok "restore: with a graft, on a node without that file" restore
	is "restore: ... which gets one" "$(jq -c '[.memlock, .run.id]' "$f")" "[131072,\"$ID\"]"
	ct_drop
	rm -r /etc/greffon
}

foreground() {
	start_counter
	ok "checkpoint: before a restore in the foreground" checkpoint
	lib_live[$ID]=1
	rt restore --bundle "$BUNDLE" --image-path "$BUNDLE/image" --work-path "$BUNDLE/work" "$ID" \
		</dev/null >/dev/null 2>&1 &
	local run=$!
	lib_bg+=("$run")
	wait_for rt state "$ID"
	counts_on "$(count)"
	rt kill "$ID" KILL 2>"$WORK/err"
	wait "$run"
	is "restore: in the foreground, the exit status of the program" $? 137
	ok "restore: in the foreground, deleted at the end" clean_of "$ID" "$BUNDLE"
}

pipes() { # the other ends are the caller's
	new_bundle
	with_args /bin/sh -c 'while read -r l; do echo "got $l"; done'
	write_config
	lib_live[$ID]=1
	mkfifo "$BUNDLE/in" "$BUNDLE/fifo"
	sleep 60 >"$BUNDLE/in" &
	lib_bg+=($!)
	cat <"$BUNDLE/in" 2>/dev/null | rt run --detach --bundle "$BUNDLE" "$ID" 2>/dev/null | cat >"$BUNDLE/out1" &
	lib_bg+=($!)
	wait_for sh -c '"$@" | grep -q running' sh "${lib_runtime[@]}" --root "$STATE" state "$ID"
	ok "checkpoint: standard streams that are pipes" checkpoint
	(echo word; sleep 3) | rt --log "$WORK/err" restore --bundle "$BUNDLE" --image-path "$BUNDLE/image" --work-path "$BUNDLE/work" --detach \
		"$ID" 2>/dev/null | cat >"$BUNDLE/out2"
	is "restore: standard streams are the caller's pipes" "$(cat "$BUNDLE/out2")" "got word"
	ct_drop
}

terminal() {
	[ -x "${PROBE:-}" ] || { skip "checkpoint: a terminal" "no probe"; return; }
	new_bundle '.process.terminal = true'
	with_args /bin/sh -c 'i=0; while :; do i=$((i + 1)); echo "tick $i"; ln -sfn $i /tmp/count; sleep 0.2; done'
	bg "$PROBE" console "$BUNDLE/console" >"$BUNDLE/received"
	wait_for test -S "$BUNDLE/console"
	ct_create --console-socket "$BUNDLE/console" && ct_start
	ok "checkpoint: a terminal, before" wait_text "$BUNDLE/received" "tick 2"
	ok "checkpoint: a terminal" checkpoint
	like "restore: a terminal needs a socket when detached" "$(rt restore --bundle "$BUNDLE" --image-path "$BUNDLE/image" \
		--detach "$ID" 2>&1)" "*needs --console-socket*"
	local before
	before=$(count)
	rm -f "$BUNDLE/console"
	bg "$PROBE" console "$BUNDLE/console" >"$BUNDLE/received2"
	wait_for test -S "$BUNDLE/console"
	ok "restore: a terminal" restore --console-socket "$BUNDLE/console"
	ok "restore: a terminal, its master is sent to the socket" wait_text "$BUNDLE/received2" "tick $((before + 2))"
	is "restore: a terminal, it has a name" "$(rt exec "$ID" /bin/readlink /proc/1/fd/0 2>>"$WORK/err")" /dev/pts/0
	ct_drop
}

refused_by_criu() {
	start_counter
	echo x >"$WORK/outside"
	# a file of the host that is open and of no mount of the container
	new_bundle
	with_args /bin/sh -c 'sleep 1000'
	write_config
	lib_live[$ID]=1
	rt run --detach --preserve-fds 1 --bundle "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err" </dev/null 3<"$WORK/outside"
	checkpoint
	is "checkpoint: refused by criu" $? 1
	like "checkpoint: says criu's reason and where its log is" "$(cat "$WORK/err")" "*criu: Error (*dump.log"
	is "checkpoint: refused, the container runs" "$(status_of "$ID")" running
	is "checkpoint: refused, no half image" "$(find "$BUNDLE/image" -name '*.img' -o -name descriptors.json)" ""
	ct_drop
	start_counter
	ok "checkpoint: before a refused restore" checkpoint
	rm "$BUNDLE/image/core-1.img"
	: >"$WORK/err"
	restore
	is "restore: refused by criu" $? 1
	like "restore: says criu's reason and where its log is" "$(cat "$WORK/err")" "*criu: Error (*restore.log*"
	ok "restore: refused, nothing is left" clean_of "$ID" "$BUNDLE"
}

port() { echo $((20000 + RANDOM % 10000)); }

user_namespace() {
	start_counter '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings' '.process.noNewPrivileges = false'
	[ -n "$PID" ] || { fail "checkpoint: in a user namespace of its own: create"; return; }
	local before
	ok "checkpoint: in a user namespace of its own" checkpoint
	before=$(count)
	ok "restore: in a user namespace of its own" restore
	ok "restore: in a user namespace of its own, the counter goes on" counts_on "$before"
	is "restore: in a user namespace of its own, its maps" "$(xargs <"/proc/$PID/uid_map")" "0 100000 65536"
	is "restore: in a user namespace of its own, exec" "$(rt exec "$ID" id -u 2>"$WORK/err")" 0
	ct_drop
}

# Rights over the host are what criu needs, whoever asks.
without_root() {
	unshare -Ur true 2>/dev/null || { skip "checkpoint: as root of a user namespace" "unshare -Ur is not permitted"; return; }
	start_counter
	like "checkpoint: as root of a user namespace" \
		"$(unshare -Ur "${lib_runtime[@]}" --root "$STATE" checkpoint --image-path "$BUNDLE/image" "$ID" 2>&1)" "*needs*of the host's root*"
	is "checkpoint: as root of a user namespace, it runs on" "$(status_of "$ID")" running
	ct_drop
}

page_server() {
	local at
	start_counter
	at=$(port)
	mkdir "$BUNDLE/image"
	bg criu page-server --images-dir "$BUNDLE/image" --address 127.0.0.1 --port "$at" >"$WORK/server" 2>&1
	wait_for grep -q "$(printf ':%04X 00000000:0000 0A' "$at")" /proc/net/tcp
	ok "checkpoint --page-server" checkpoint --page-server "127.0.0.1:$at"
	ok "checkpoint --page-server: the pages came by the network" ls "$BUNDLE"/image/pages-*.img
	local before
	before=$(count)
	ok "restore: from a page server's image" restore
	ok "restore: from a page server's image, goes on" counts_on "$before"
	ct_drop
}

lazy_pages() {
	local at before pid first
	criu check --feature uffd-noncoop >/dev/null 2>&1 ||
		{ skip "checkpoint --lazy-pages" "criu: this kernel has no userfaultfd for it"; return; }
	start_counter
	at=$(port) pid=$PID first=$ID
	mkfifo "$BUNDLE/status"
	exec 6<>"$BUNDLE/status"
	checkpoint --lazy-pages --page-server "127.0.0.1:$at" --status-fd 6 &
	local dump=$!
	lib_bg+=("$dump")
	is "checkpoint --lazy-pages: --status-fd tells when it serves pages" "$(timeout 30 head -c 1 <&6 | od -An -tu1 | xargs)" 0
	exec 6>&-
	before=$(count)
	criu lazy-pages --page-server --address 127.0.0.1 --port "$at" -D "$BUNDLE/image" -W "$BUNDLE/work" >"$WORK/server" 2>&1 &
	lib_bg+=($!)
	wait_for test -S "$BUNDLE/work/lazy-pages.socket"
	ID=$first-lazy
	sed -i "s#$CG_UNDER$first#&-lazy#" "$BUNDLE/config.json"
	ok "restore --lazy-pages" restore --lazy-pages
	ok "restore --lazy-pages: the counter goes on" counts_on "$before"
	ok "checkpoint --lazy-pages: ends when all pages are fetched" wait "$dump"
	ok "checkpoint --lazy-pages: the first one has ended" is_gone "$pid"
	ct_drop
	ID=$first
	ct_drop
}

tcp() {
	command -v iptables >/dev/null || { skip "checkpoint --tcp-established" "iptables, with which criu locks the network, is not installed"; return; }
	local at
	at=$(port)
	new_bundle
	with_args /bin/busybox nc -l -p "$at" -s 127.0.0.1
	ct_create && ct_start
	wait_for grep -q "$(printf ':%04X 00000000:0000 0A' "$at")" /proc/net/tcp
	mkfifo "$BUNDLE/talk"
	exec 6<>"$BUNDLE/talk"
	bg busybox nc 127.0.0.1 "$at" <&6 >/dev/null 2>&1
	echo before >&6
	wait_text "$BUNDLE/out" before
	checkpoint
	is "checkpoint: of a connection is refused" $? 1
	like "checkpoint: of a connection, the option is named" "$(<"$WORK/err")" "*--tcp-established*"
	rm -rf "$BUNDLE/image"
	ok "checkpoint --tcp-established" checkpoint --tcp-established
	: >"$BUNDLE/out"
	ok "restore --tcp-established" restore --tcp-established
	echo after >&6
	ok "restore --tcp-established: the connection lives" wait_text "$BUNDLE/out" after
	exec 6>&-
	ct_drop
}

file_locks() {
	new_bundle
	with_args /bin/busybox flock /tmp/lock /bin/sh -c "$counter"
	write_config
	lib_live[$ID]=1
	rt --log "$WORK/err" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" "$ID" >/dev/null 2>&1 </dev/null && ct_start
	counts_on 3
	checkpoint
	is "checkpoint: of a file lock is refused" $? 1
	like "checkpoint: of a file lock, the option is named" "$(<"$WORK/err")" "*--file-locks*"
	rm -rf "$BUNDLE/image"
	ok "checkpoint --file-locks" checkpoint --file-locks
	ok "restore --file-locks" restore --file-locks
	ok "restore --file-locks: the lock is held" not flock -n "$ROOTFS/tmp/lock" true
	ct_drop
}

podman_checkpoint() {
	command -v podman >/dev/null || { skip "podman checkpoint" "podman is not installed"; return; }
	local d=$WORK/podman n
	mkdir -p "$d"/{root,run,tmp}
	cat >"$d/containers.conf" <<-CONF
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
	CONF
	export CONTAINERS_CONF=$d/containers.conf
	local pd=(timeout --foreground -k 5 100 podman --root "$d/root" --runroot "$d/run" --tmpdir "$d/tmp"
		--cgroup-manager cgroupfs --events-backend file --runtime "$(command -v "${lib_runtime[0]}")")
	tar -C "$LIB_TEMPLATE" -c . | "${pd[@]}" import - localhost/bb:1 >"$WORK/out" 2>"$WORK/err"
	if ! "${pd[@]}" run -d --name c1 --network none localhost/bb:1 sh -c "$counter" >"$WORK/out" 2>"$WORK/err"; then
		fail "podman run"
	else
		sleep 2
		"${pd[@]}" container checkpoint c1 >"$WORK/out" 2>"$WORK/err"
		is "podman container checkpoint" $? 0
		n=$("${pd[@]}" inspect --format '{{.State.Status}}' c1 2>>"$WORK/err")
		is "podman container checkpoint: it has ended" "$n" exited
		"${pd[@]}" container restore c1 >"$WORK/out" 2>"$WORK/err"
		is "podman container restore" $? 0
		n=$("${pd[@]}" exec c1 readlink /tmp/count 2>>"$WORK/err")
		sleep 1
		ok "podman container restore: the counter goes on" \
			test "$("${pd[@]}" exec c1 readlink /tmp/count 2>>"$WORK/err")" -gt "${n:-0}"
		"${pd[@]}" container checkpoint --export "$d/c1.tar.gz" c1 >"$WORK/out" 2>"$WORK/err"
		is "podman container checkpoint --export" $? 0
		"${pd[@]}" rm -f -t 0 c1 >/dev/null 2>&1
		"${pd[@]}" container restore --import "$d/c1.tar.gz" --name c2 >"$WORK/out" 2>"$WORK/err"
		is "podman container restore --import" $? 0
		ok "podman container restore --import: runs" "${pd[@]}" exec c2 readlink /tmp/count
	fi
	"${pd[@]}" rm --all --force --time 0 >/dev/null 2>&1
	umount -l "$d/root/overlay" 2>/dev/null
}

# Each makes its own containers: a slow machine can take some of them. By name only, as they have not been seen to pass
# yet: user_namespace without_root lazy_pages tcp file_locks.
for part in ${CHECKPOINT_TESTS:-goes_on iterative paused mounts hooks network limits identity grafted foreground pipes terminal \
	refused_by_criu page_server podman_checkpoint}; do
	$part
done
exit 0
