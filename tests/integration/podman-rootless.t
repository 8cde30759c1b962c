#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# podman as a plain user with ranges in /etc/subuid and a systemd session, with the runtime under test: run, exec,
# terminals, stop, limits, with both cgroup managers. Works with any runtime (RUNTIME=crun).
. "$(dirname "$0")/../lib/lib.sh"

[ "$(id -u)" != 0 ] || { skip "rootless podman" "needs a plain user"; exit 0; }
for tool in podman newuidmap script; do
	command -v $tool >/dev/null || { skip "rootless podman" "$tool is not installed"; exit 0; }
done
grep -q "^$(id -un):" /etc/subuid || { skip "rootless podman" "the user has no range in /etc/subuid"; exit 0; }
[ -d "${XDG_RUNTIME_DIR:-/none}" ] || { skip "rootless podman" "XDG_RUNTIME_DIR is not set"; exit 0; }

PD=$WORK/podman
mkdir -p "$PD"/{root,run,tmp}
# podman gives the runtime no environment, and the helper may not be installed yet
program=$(command -v "${lib_runtime[0]}")
runtime_path=$PD/runtime
printf '#!/bin/sh\nexport GREFFON_SYSTEMD_HELPER="%s"\nexec "%s" "$@"\n' \
	"${GREFFON_SYSTEMD_HELPER:-$(dirname "$program")/greffon-systemd}" "$program" >"$runtime_path"
chmod +x "$runtime_path"
manager=cgroupfs
cat >"$PD/containers.conf" <<-CONF
	[engine]
	runtime = "under-test"
	events_logger = "file"
	runtime_supports_json = ["under-test"]
	runtime_supports_nocgroup = ["under-test"]
	[engine.runtimes]
	under-test = ["$runtime_path"]
CONF
export CONTAINERS_CONF=$PD/containers.conf
pd() {
	timeout --foreground -k 5 90 podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" --storage-driver vfs \
		--cgroup-manager "$manager" --events-backend file --runtime under-test "$@"
}
pd_end() {
	pd rm --all --force --time 0 >/dev/null 2>&1
	podman unshare rm -rf "$PD/root" 2>/dev/null
	lib_cleanup
}
trap pd_end EXIT
in_tty() { # ARG...: podman with a terminal of its own
	[ -p "$WORK/silence" ] || mkfifo "$WORK/silence"
	script -qec "$(printf '%q ' podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" --storage-driver vfs \
		--cgroup-manager "$manager" --events-backend file --runtime under-test "$@")" /dev/null <>"$WORK/silence" | tr -d '\r'
}
t() { echo "rootless podman, $manager: $1"; }
run() { pd run --rm "$@" 2>"$WORK/err"; } # [OPTION...] IMAGE COMMAND...
image=localhost/bb:1

runs() {
	is "$(t "run: output")" "$(run --network none $image echo hello)" hello
	run --network none $image sh -c 'exit 42'
	RC=$?
	is "$(t "run: exit status of the program")" "$RC" 42
	run --network none $image no-such-program
	RC=$?
	is "$(t "run: 127 when the program is not found")" "$RC" 127
	is "$(t "run: in a terminal")" "$(in_tty run --rm -it --network none $image tty | tail -n 1)" /dev/pts/0
	is "$(t "run: users of the ranges")" "$(run --network none --user 33:34 $image sh -c 'echo $(id -u):$(id -g)')" 33:34
	is "$(t "run: a read-only root")" "$(run --network none --read-only $image sh -c 'touch /x 2>&1 | grep -c Read-only')" 1
}

life() {
	pd run -d --name life --network none --memory 64m --pids-limit 50 --cpus 0.5 $image \
		sh -c 'trap "exit 3" TERM; echo started; while :; do sleep 0.1; done' >"$WORK/out" 2>"$WORK/err"
	wait_for eval 'pd logs life 2>/dev/null | grep -q started'
	local pid dir
	pid=$(pd inspect -f '{{.State.Pid}}' life)
	dir=$(cgroup_dir "$pid" memory)
	is "$(t "limits: memory.max, pids.max, cpu.max")" "$(cat "$dir"/{memory,pids,cpu}.max | xargs)" "67108864 50 50000 100000"
	is "$(t "exec: output")" "$(pd exec life echo in 2>"$WORK/err")" in
	pd exec life sh -c 'exit 7' 2>"$WORK/err"
	RC=$?
	is "$(t "exec: exit status")" "$RC" 7
	is "$(t "exec: in a terminal")" "$(in_tty exec -it life tty | tail -n 1)" /dev/pts/0
	is "$(t "exec: user")" "$(pd exec --user 9 life id -u 2>"$WORK/err")" 9
	ok "$(t "update")" pd update --memory 128m life
	is "$(t "update: memory.max")" "$(<"$dir/memory.max")" 134217728
	ok "$(t "pause")" pd pause life
	is "$(t "pause: paused")" "$(pd inspect -f '{{.State.Status}}' life)" paused
	ok "$(t "unpause")" pd unpause life
	ok "$(t "stop")" pd stop -t 10 life
	is "$(t "stop: the program handled it")" "$(pd inspect -f '{{.State.Status}} {{.State.ExitCode}}' life)" "exited 3"
	ok "$(t "rm")" pd rm life
	ok "$(t "rm: the cgroup is gone")" not test -d "$dir"
}

network() {
	if command -v slirp4netns >/dev/null; then
		like "$(t "network: slirp4netns")" "$(run --network slirp4netns $image grep -c tap0 /proc/net/dev)" 1
	else
		skip "$(t "network: slirp4netns")" "slirp4netns is not installed"
	fi
	is "$(t "network: the host's, with its /sys read-only")" \
		"$(run --network host $image sh -c 'ls /sys/class/net >/dev/null && echo seen; mkdir /sys/x 2>/dev/null && echo wrote')" seen
}

userns() {
	is "$(t "userns: keep-id")" "$(run --network none --userns keep-id $image sh -c 'id -u; touch /tmp/x; stat -c %u /tmp/x' | xargs)" \
		"$(id -u) $(id -u)"
	is "$(t "userns: keep-groups")" "$(run --network none --group-add keep-groups $image sh -c 'id -u')" 0
	is "$(t "pid: the host's")" "$(run --network none --pid host $image sh -c '[ $$ -gt 1 ] && readlink /proc/self >/dev/null && echo own')" own
}

others() {
	is "$(t "no cgroup of its own")" "$(run --network none --cgroups disabled $image cat /proc/self/cgroup)" \
		"0::/$( (grep -q ' cgroup2 ' /proc/mounts && echo) || true)"
	is "$(t "a device by bind mount")" "$(run --network none --device /dev/null:/dev/xnull $image sh -c 'echo x >/dev/xnull && echo ok')" ok
	is "$(t "oom score")" "$(run --network none --oom-score-adj 500 $image cat /proc/self/oom_score_adj)" 500
	is "$(t "sysctl of its namespaces")" "$(run --network none --sysctl net.ipv4.ip_forward=1 $image cat /proc/sys/net/ipv4/ip_forward)" 1
	is "$(t "a volume, read-only")" "$(mkdir -p "$WORK/v" && echo v >"$WORK/v/f" && run --network none -v "$WORK/v:/v:ro" $image \
		sh -c 'cat /v/f; touch /v/g 2>/dev/null && echo wrote')" v
}

tar -C "$LIB_TEMPLATE" -c . | pd import - $image >"$WORK/out" 2>"$WORK/err"
ok "rootless podman: an image is imported" pd image exists $image
runs
life
network
userns
others
if [ -S "$XDG_RUNTIME_DIR/bus" ] || [ -S "$XDG_RUNTIME_DIR/systemd/private" ]; then
	manager=systemd
	life
else
	skip "rootless podman, systemd: a unit of its own" "no systemd session of the user"
fi
exit 0
