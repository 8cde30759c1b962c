#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# greffon-hook under the distribution's runc and crun, and under podman, on a node that pretends (tests/lib/graft.sh):
# a node that the device filter allows opens with ENXIO, one that it refuses with EPERM.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

own_runtime=("${lib_runtime[@]}")
HOOK=${GREFFON_HOOK:-$(realpath "$(dirname "$(command -v "${lib_runtime[0]}")")/greffon-hook")}
export HOOK

# As graft hook-config has it.
hook() { # STAGE...: a jq filter
	local f=. s
	for s in "$@"; do
		f+=" | .hooks.$s += [{path: \$ENV.HOOK, args: [\"greffon-hook\", \"$s\"], env: [\"PATH=/usr/bin\"]}]"
	done
	echo "$f"
}
allow() { # MAJOR:MINOR...: behind what the config has
	local f=. n
	for n in "$@"; do
		f+=" | .linux.resources.devices += [{allow: true, type: \"c\", major: ${n%:*}, minor: ${n#*:}, access: \"rw\"}]"
	done
	echo "$f"
}
one_gpu=(195:0 195:255 510:0)
# What a hook says; crun sends it nowhere but to a file that is asked for.
said() { cat "$WORK/err" "$BUNDLE/said" 2>/dev/null; }
heard='.annotations["run.oci.hooks.stderr"] = $ENV.BUNDLE + "/said"'
opens='/bin/probe open /dev/nvidia0 rw /dev/nvidiactl rw /dev/nvidia-uvm rw; ls /dev/nvidia1 2>/dev/null'
opened='/dev/nvidia0:rw=ENXIO
/dev/nvidiactl:rw=ENXIO
/dev/nvidia-uvm:rw=ENXIO'

use() { # NAME: the runtime of the tests that follow
	NAME=$1
	case $1 in
	greffon) lib_runtime=("${own_runtime[@]}") ;;
	crun) # refuses the hybrid layout
		lib_runtime=(crun)
		[ -e /sys/fs/cgroup/cgroup.controllers ] || lib_runtime=("$lib_dir/plain-v1" crun)
		;;
	*) lib_runtime=("$1") ;;
	esac
}
t() { echo "$NAME, $1"; }

stages() {
	local s
	for s in prestart createRuntime createContainer; do
		new_bundle "$deny" "$(annotate gpu=0)" "$(hook $s)" "$(allow "${one_gpu[@]}")"
		run_sh "$opens"
		is "$(t "$s: nodes that the filter allows are bound")" "$OUT" "$opened"
		new_bundle "$deny" "$(annotate gpu=0)" "$(hook $s)" "$(allow 195:255 510:0)" "$heard"
		run_sh "$opens"
		ok "$(t "$s: a node that the filter refuses is an error")" test "$RC" -ne 0
		like "$(t "$s: ... that names the engine's option")" "$(said)" "*--device /dev/nvidia0*--runtime greffon*GRAFT-FILTER*"
		new_bundle "$deny" "$(hook $s)"
		run_sh 'ls /dev/nvidia* /dev/.greffon 2>/dev/null; echo started'
		is "$(t "$s: nothing asked, nothing done")" "$OUT" started
	done
	new_bundle "$deny" "$(annotate gpu=0)" "$(hook prestart createRuntime createContainer createContainer)" "$(allow "${one_gpu[@]}")"
	run_sh "$opens; grep -c nvidia0 /proc/self/mountinfo"
	is "$(t "at all stages, one of them twice, is the same as once")" "$OUT" "$opened
1"
	new_bundle "$deny" '.process.env += ["NVIDIA_VISIBLE_DEVICES=void"]' "$(hook createContainer)"
	run_sh "ls /dev/nvidia* 2>/dev/null; echo started"
	is "$(t "NVIDIA_VISIBLE_DEVICES=void asks for nothing")" "$OUT" started
}

users() {
	new_bundle "$deny" "$(annotate rdma=mlx5_0)" "$(hook createContainer)" "$(allow 231:192 10:121)" \
		'.process.user = {uid: 1000, gid: 1000, additionalGids: [27]}'
	run_sh '/bin/probe open /dev/infiniband/uverbs0 rw; chmod 666 /dev/infiniband/uverbs0 2>/dev/null || echo refused'
	is "$(t "a user of the node's group opens it, and nobody changes the host's node")" "${OUT/=0/=ENXIO}" \
		"/dev/infiniband/uverbs0:rw=ENXIO
refused"
	is "$(t "... whose mode is what it was")" "$(stat -c %a /dev/infiniband/uverbs0)" 660
}

# What is made in a file system of a user namespace has to belong to somebody of it.
user_namespaces() {
	local s
	for s in prestart createRuntime createContainer; do
		# no proc of its own: parts of the node's are covered here, so the kernel gives a user namespace none
		new_bundle "$deny" "$(annotate gpu=0)" "$(hook $s)" "$(allow "${one_gpu[@]}" 1:3)" '.linux.namespaces += [{type: "user"}]
			| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings
			| .mounts |= map(select(.type != "sysfs") |
				if .type == "proc" then {destination, type: "bind", source: "/proc", options: ["rbind"]} else . end)'
		chown -R 100000:100000 "$ROOTFS"
		run_sh "$opens"
		is "$(t "$s: in a user namespace")" "$OUT" "$opened"
	done
}

# As rootless engines run it.
plain_user() {
	local as=(setpriv --reuid=1000 --regid=1000 --clear-groups)
	new_bundle "$deny" "$(annotate gpu=0)"
	write_config
	cp "$HOOK" "$WORK/hook"
	chown -R 1000:1000 "$BUNDLE"
	is "a plain user, precreate: devices and rules" "$("${as[@]}" "$WORK/hook" precreate <"$BUNDLE/config.json" 2>"$WORK/err" |
		jq -c '[.linux.devices[].path], [.linux.resources.devices[] | .allow]' | xargs)" \
		"[/dev/nvidia0,/dev/nvidiactl,/dev/nvidia-uvm] [false,true,true,true]"
	if ! "${as[@]}" unshare -Urm true 2>"$WORK/err"; then
		skip "a plain user, createContainer" "users may not make user namespaces here"
		return
	fi
	jq -n '{ociVersion: "1.0.2", id: $ENV.ID, status: "creating", pid: 1, bundle: $ENV.BUNDLE}' >"$BUNDLE/state"
	is "a plain user, createContainer: the node is bound" "$("${as[@]}" unshare -Urm sh -c '"$0" createContainer <"$1/state" &&
		"$2" open "$1/rootfs/dev/nvidia0" rw' "$WORK/hook" "$BUNDLE" "$PROBE" 2>"$WORK/err")" "$ROOTFS/dev/nvidia0:rw=ENXIO"
	ok "... and nothing is recorded" test ! -e "/run/greffon/.hooks/$ID"
}

record() {
	local f
	new_bundle "$deny" "$(annotate gpu=0)" "$(hook createContainer poststop)" "$(allow "${one_gpu[@]}")"
	with_args /bin/sleep 60
	f=/run/greffon/.hooks/$ID
	ct_create && ct_start
	is "$(t "what was grafted is on record, root's alone")" "$(stat -c %a "$f") $(jq -r '.devices[0].path' "$f")" "600 /dev/nvidia0"
	ct_delete --force
	ok "$(t "poststop takes the record away")" test ! -e "$f"
}

refusals() {
	new_bundle "$deny" "$(annotate gpu=0 memlock=65536)" "$(hook createContainer)" "$(allow "${one_gpu[@]}")" "$heard"
	run_sh true
	ok "$(t "a limit that a hook can't give is an error")" test "$RC" -ne 0
	like "$(t "... with the engine's option")" "$(said)" "*--ulimit memlock=65536:65536*GRAFT-STAGE*"
	set_config '.process.rlimits = [{type: "RLIMIT_MEMLOCK", hard: 65536, soft: 65536}]'
	run_sh "$opens"
	is "$(t "... unless the config has it")" "$OUT" "$opened"
	new_bundle "$deny" "$(annotate gpu=9)" "$(hook createContainer)" "$heard"
	run_sh true
	ok "$(t "a GPU that does not exist is an error")" test "$RC" -ne 0
	like "$(t "... with those that exist")" "$(said)" "*nvidia0, nvidia1*GRAFT-NOTFOUND*"
	is "$(t "... and is kept where it can be found")" "$(</run/greffon/.hooks/.last-error)" \
		"$ID createContainer: graft gpu: $(sed -n 's/.*graft gpu: \(.*NOTFOUND\]\).*/\1/p' <<<"$(said)" | head -n 1)"
}

native() {
	new_bundle "$deny" "$(annotate profile=one memlock=65536)" "$(hook createRuntime createContainer)"
	run_sh '/bin/probe open /dev/nvidia1 rw; grep -c nvidia /proc/self/mountinfo; echo $NCCL_DEBUG; ulimit -l'
	is "$(t "after the runtime's own graft the hook changes nothing")" "$OUT" "/dev/nvidia1:rw=ENXIO
0
WARN
64"
}

# ---- podman ----

pd() {
	timeout --foreground -k 5 60 podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" --storage-driver vfs \
		--cgroup-manager cgroupfs --events-backend file --runtime "$(command -v runc)" "$@"
}
pd_run() { # HOOKS-DIR WORD...: run's options and the image's program
	pd --hooks-dir "$1" run --rm --network none "${@:2}" 2>"$WORK/err"
}
pd_start() {
	PD=$WORK/podman
	mkdir -p "$PD"/{root,run,tmp} "$WORK"/{pre,inside,wrong}
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >"$PD/containers.conf"
	export CONTAINERS_CONF=$PD/containers.conf
	trap 'pd rm --all --force --time 0 >/dev/null 2>&1; unpretend; lib_cleanup' EXIT
	"${own_runtime[0]}" graft hook-config --stage precreate --hook "$HOOK" >"$WORK/pre/greffon.json" &&
		"${own_runtime[0]}" graft hook-config --stage createContainer --hook "$HOOK" >"$WORK/inside/greffon.json" &&
		tar -C "$LIB_TEMPLATE" -c . | pd import - localhost/bb:1 >"$WORK/out" 2>"$WORK/err"
}

precreate() {
	local gpu=(--annotation "$a.gpu=0" localhost/bb:1 /bin/sh -c "$opens")
	is "$(t "precreate: nodes and rules are in the container's own config")" "$(pd_run "$WORK/pre" "${gpu[@]}")" "$opened"
	is "$(t "precreate: limits and variables as well")" "$(pd_run "$WORK/pre" --annotation "$a.profile=one" \
		--annotation "$a.memlock=65536" localhost/bb:1 /bin/sh -c 'ls /dev/nvidia1; echo $NCCL_DEBUG; ulimit -l' | xargs)" \
		"/dev/nvidia1 WARN 64"
	is "$(t "precreate: a user gets the node's group")" "$(pd_run "$WORK/pre" --user 1000:1000 --annotation "$a.rdma=mlx5_0" \
		localhost/bb:1 /bin/sh -c 'id -G; /bin/probe open /dev/infiniband/uverbs0 rw' | sed 's/=0$/=ENXIO/' | xargs)" \
		"1000 27 /dev/infiniband/uverbs0:rw=ENXIO"
	is "$(t "precreate: nobody asks, nothing comes")" "$(pd_run "$WORK/pre" localhost/bb:1 \
		/bin/sh -c 'ls /dev/nvidia* 2>/dev/null; echo started')" started
	pd_run "$WORK/pre" --annotation "$a.gpu=9" localhost/bb:1 true
	RC=$?
	ok "$(t "precreate: an error is podman's")" test $RC -ne 0
	# podman drops what the hook says
	like "$(t "precreate: ... and is kept")" "$(</run/greffon/.hooks/.last-error)" "? precreate: *nvidia0, nvidia1*GRAFT-NOTFOUND?"
	pd_run "$WORK/inside" "${gpu[@]}" >"$WORK/out"
	RC=$?
	ok "$(t "createContainer: what podman's rules refuse is an error")" test $RC -ne 0
	like "$(t "createContainer: ... with podman's own option")" "$(<"$WORK/err")" "*--device /dev/nvidia0*GRAFT-FILTER*"
	is "$(t "createContainer: and with that option it works")" "$(pd_run "$WORK/inside" --device /dev/nvidia0 \
		--device /dev/nvidiactl --device /dev/nvidia-uvm "${gpu[@]}")" "$opened"
}

hook_configs() {
	"${own_runtime[0]}" graft hook-config --stage postmortem >/dev/null 2>"$WORK/err"
	RC=$?
	ok "hook-config: a stage that does not exist is refused" test $RC -ne 0
	like "hook-config: ... and those that do are told" "$(<"$WORK/err")" "*--stage*postmortem*precreate*poststop*"
	is "hook-config: the environment is said, and is no image's" \
		"$("${own_runtime[0]}" graft hook-config --stage prestart --always | jq -c '[.hook.env, .when, .stages]')" \
		'[["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],{"always":true},["prestart"]]'
}

if [ "$(id -u)" != 0 ]; then
	skip "hooks" "only root can pretend"
elif [ ! -x "$HOOK" ]; then
	skip "hooks" "greffon-hook is not beside the runtime under test"
elif ! { mkdir -p /run/greffon && mount -t tmpfs -o mode=700 records /run/greffon && pretend; } >"$WORK/pretend.log" 2>&1; then
	skip "hooks" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	for NAME in runc crun; do
		if ! command -v $NAME >/dev/null; then
			skip "$NAME" "$NAME is not installed"
			continue
		fi
		use $NAME
		stages
		users
		user_namespaces
		record
		refusals
	done
	use greffon
	native
	plain_user
	hook_configs
	use podman
	if ! command -v podman >/dev/null || ! command -v runc >/dev/null; then
		skip "podman" "podman or runc is not installed"
	elif ! pd_start; then
		skip "podman" "no image can be made: $(tail -n 1 "$WORK/err")"
	else
		precreate
	fi
fi
