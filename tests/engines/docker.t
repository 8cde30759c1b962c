#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docker, the distribution's, with the runtime under test as its runtime "greffon": run, exec, terminals, limits, health
# checks, stop, kill, pause, logs, exit codes, restarts, builds. Its daemons live in the test's network namespace.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"

need docker dockerd containerd
# a client from elsewhere may speak a newer interface than the daemon
client=/usr/bin/docker
[ -x $client ] || client=$(command -v docker)
DH=$WORK/docker
mkdir "$DH"
cat >"$DH/containerd.toml" <<-CONF
	version = 2
	root = "$DH/containerd/root"
	state = "$DH/containerd/state"
	disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
	[grpc]
	address = "$DH/containerd.sock"
	[ttrpc]
	address = "$DH/containerd.sock.ttrpc"
CONF
# what dist/docker/daemon.json says, and where this daemon lives
jq --arg d "$DH" --arg cg "$CG" --arg runtime "$runtime_path" '.runtimes.greffon.path = $runtime | . + {
	"data-root": ($d + "/data"), "exec-root": ($d + "/exec"), pidfile: ($d + "/pid"), hosts: ["unix://" + $d + "/sock"],
	bridge: "none", iptables: false, "ip-forward": false, "ip-masq": false, "storage-driver": "vfs",
	"cgroup-parent": $cg, "exec-opts": ["native.cgroupdriver=cgroupfs"], containerd: ($d + "/containerd.sock"),
	"default-ulimits": {nofile: {Name: "nofile", Soft: 1024, Hard: 1024}}, "live-restore": true}' \
	"$lib_top/dist/docker/daemon.json" >"$DH/daemon.json"
cat >"$EB/docker" <<-SH
	#!/bin/sh
	export DOCKER_BUILDKIT=0 DOCKER_CONFIG=$DH/client DOCKER_HOST=unix://$DH/sock DOCKER_CLI_HINTS=false
	exec $client "\$@"
SH
chmod +x "$EB/docker"
D() { timeout --foreground -k 5 60 docker "$@"; }
run() { D run --runtime greffon --network none "$@" 2>"$WORK/err"; }
has_sys_admin() { echo $((0x${1##*[!0-9a-f]} >> 21 & 1)); } # LINE of /proc/PID/status
show() { D inspect -f "$2" "$1"; } # ID TEMPLATE

daemon() {
	engine_start dockerd dockerd --config-file "$DH/daemon.json"
	wait_for docker version
}

begin() {
	net_make
	had_run_docker=$(ls -d /run/docker 2>/dev/null)
	engine_start containerd containerd -c "$DH/containerd.toml"
	wait_for test -S "$DH/containerd.sock"
	daemon || { fail "dockerd starts"; engine_log dockerd; exit 0; }
	pass "dockerd starts"
	make_image localhost/bb:1 "$WORK/bb.tar"
	ok "an image is loaded" D load -i "$WORK/bb.tar"
	like "info: the runtime is known" "$(D info -f '{{json .Runtimes}}' 2>/dev/null)" "*greffon*$runtime_path*"
}

runs() {
	is "run: output" "$(run --rm localhost/bb:1 echo hello)" hello
	run --rm localhost/bb:1 sh -c 'exit 42'
	is "run: exit status of the program" $? 42
	run --rm localhost/bb:1 no-such-program
	is "run: 127 when the program is not found" $? 127
	run --rm localhost/bb:1 /etc/passwd
	is "run: 126 when it can't be executed" $? 126
	run --rm --no-such-option localhost/bb:1 true
	is "run: 125 when docker itself refuses" $? 125
	is "run: in a terminal" "$(in_tty docker run --runtime greffon --network none --rm -it localhost/bb:1 \
		sh -c 'test -t 0 && test -t 1 && tty' | tail -n 1)" /dev/pts/0
	is "run: user, workdir, environment" "$(run --rm --user 7:8 --group-add 9 --workdir /tmp -e A=b localhost/bb:1 \
		sh -c 'echo $(id -u) $(id -G) $(pwd) $A')" "7 8 9 /tmp b"
	is "run: host name" "$(run --rm --hostname box localhost/bb:1 hostname)" box
	is "run: standard input" "$(echo ping | run --rm -i localhost/bb:1 cat)" ping
	is "run: read-only root" "$(run --rm --read-only localhost/bb:1 sh -c 'touch /x 2>/dev/null || echo ro')" ro
	is "run: volumes" "$(run --rm -v "$WORK:/mnt:ro" -v vol:/v localhost/bb:1 \
		sh -c 'test -d /mnt/docker && echo there; touch /mnt/x 2>/dev/null || echo ro; echo kept >/v/f' | xargs)" "there ro"
	is "run: a volume keeps" "$(run --rm -v vol:/v localhost/bb:1 cat /v/f)" kept
	is "run: tmpfs" "$(run --rm --tmpfs /t:size=1m,mode=711 localhost/bb:1 sh -c 'stat -c %a /t; stat -f -c %T /t' | xargs)" "711 tmpfs"
	is "run: docker's capabilities" "$(run --rm localhost/bb:1 grep CapEff /proc/self/status | awk '{ print $2 }')" 00000000a80425fb
	is "run: docker's seccomp profile" "$(run --rm localhost/bb:1 grep Seccomp: /proc/self/status | awk '{ print $2 }')" 2
	is "run: no new privileges" "$(run --rm --security-opt no-new-privileges localhost/bb:1 grep NoNewPrivs /proc/self/status | awk '{ print $2 }')" 1
	is "run: privileged: CAP_SYS_ADMIN" "$(has_sys_admin "$(run --rm --privileged localhost/bb:1 grep CapEff /proc/self/status)")" 1
	is "run: a device" "$(run --rm --device /dev/full:/dev/filled localhost/bb:1 sh -c 'echo x 2>/dev/null >/dev/filled || echo full')" full
	is "run: init" "$(run --rm --init localhost/bb:1 cat /proc/1/comm)" docker-init
	is "run: sysctl" "$(run --rm --sysctl net.ipv4.ip_unprivileged_port_start=0 localhost/bb:1 cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 0
	is "run: shared memory" "$(run --rm --shm-size 1m localhost/bb:1 df -k /dev/shm | awk 'END { print $2 }')" 1024
	is "run: the network of the host" "$(D run --rm --runtime greffon --network host localhost/bb:1 readlink /proc/self/ns/net 2>"$WORK/err")" \
		"$(readlink "/proc/$engine_net/ns/net")"
	is "run: pid of the host" "$(run --rm --pid host localhost/bb:1 readlink /proc/self/ns/pid)" "$(readlink /proc/self/ns/pid)"
}

limits() {
	local pid dir file value
	run -d --name limits --memory 64m --pids-limit 50 --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --ulimit nofile=512:512 \
		localhost/bb:1 sleep 1000 >"$WORK/out"
	pid=$(show limits '{{.State.Pid}}')
	while read -r value controller file; do
		if dir=$(cgroup_dir "$pid" "$controller"); then
			like "limits: $controller" "$(cat "$dir/$file" 2>/dev/null || cat "$dir/${controller%set}.max")" "$value"
		else
			skip "limits: $controller" "no $controller controller here"
		fi
	done <<-LIST
		67108864 memory memory.limit_in_bytes
		50 pids pids.max
		50000* cpu cpu.cfs_quota_us
		0 cpuset cpuset.cpus
	LIST
	is "limits: ulimit" "$(D exec limits sh -c 'ulimit -n')" 512
	ok "limits: stats" eval 'D stats --no-stream --format "{{.MemUsage}} {{.PIDs}}" limits | grep -q "/ 64MiB 1"'
	ok "update" D update --memory 128m --memory-swap -1 --pids-limit 60 --cpus 1 limits
	if dir=$(cgroup_dir "$pid" pids); then is "update: pids" "$(cat "$dir/pids.max")" 60; fi
	D rm -f limits >/dev/null 2>&1
	if ! dir=$(cgroup_dir $$ memory); then
		skip "limits: out of memory" "no memory controller here"
		return
	fi
	run --name oom --memory 16m localhost/bb:1 sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x); exec true' >/dev/null
	is "limits: out of memory" "$(show oom '{{.State.OOMKilled}}')" true
	D rm oom >/dev/null
}

life() {
	local pid
	run -d --name life localhost/bb:1 sh -c 'trap "echo stopping; exit 3" TERM; echo started; echo oops >&2; while :; do sleep 0.1; done' >"$WORK/out"
	wait_for eval 'D logs life 2>/dev/null | grep -q started'
	is "life: running" "$(show life '{{.State.Status}}')" running
	is "life: logs" "$(D logs life 2>/dev/null) $(D logs life 2>&1 >/dev/null)" "started oops"
	is "exec: output" "$(D exec life echo in 2>"$WORK/err")" in
	D exec life sh -c 'exit 7' 2>"$WORK/err"
	is "exec: exit status" $? 7
	D exec life no-such-program >/dev/null 2>"$WORK/err"
	like "exec: 126 or 127 when the program is not found" $? "12[67]"
	is "exec: user and environment" "$(D exec --user 9 -e A=b -w /tmp life sh -c 'echo $(id -u) $A $(pwd)' 2>"$WORK/err")" "9 b /tmp"
	is "exec: in a terminal" "$(in_tty docker exec -it life sh -c 'test -t 0 && echo tty' | tail -n 1)" tty
	is "exec: standard input" "$(echo ping | D exec -i life cat 2>"$WORK/err")" ping
	is "exec: privileged: CAP_SYS_ADMIN" "$(has_sys_admin "$(D exec --privileged life grep CapEff /proc/self/status)")" 1
	is "top" "$(D top life -o pid,comm 2>"$WORK/err" | awk 'NR == 1 { print $2 }')" COMMAND
	is "cp" "$(echo copied >"$WORK/c"; D cp "$WORK/c" life:/tmp/c >/dev/null 2>&1; D exec life cat /tmp/c)" copied
	ok "pause" D pause life
	is "pause: paused" "$(show life '{{.State.Status}}')" paused
	ok "unpause" D unpause life
	ok "stop" D stop -t 10 life
	is "stop: the program handled it" "$(show life '{{.State.Status}} {{.State.ExitCode}}')" "exited 3"
	ok "start: again" D start life
	ok "restart" D restart -t 5 life
	is "restart: running" "$(show life '{{.State.Status}}')" running
	pid=$(show life '{{.State.Pid}}')
	ok "kill" D kill -s KILL life
	wait_gone "$pid"
	is "kill: 137" "$(D wait life)" 137
	ok "rm" D rm life
	is "stop: insists" "$(run -d --name deaf localhost/bb:1 sleep 1000 >/dev/null; D stop -t 1 deaf >/dev/null; show deaf '{{.State.ExitCode}}')" 137
	D rm deaf >/dev/null
}

restarts() {
	run -d --name again --restart on-failure:2 localhost/bb:1 sh -c 'echo up; exit 1' >"$WORK/out"
	ok "restart policy: twice more" wait_for eval '[ "$(show again "{{.RestartCount}} {{.State.Status}}")" = "2 exited" ]'
	is "restart policy: the logs of all" "$(D logs again | xargs)" "up up up"
	D rm again >/dev/null
	run -d --name well --health-cmd 'test -e /tmp/well' --health-interval 1s --health-retries 1 localhost/bb:1 sleep 1000 >"$WORK/out"
	ok "health check: unhealthy" wait_for eval '[ "$(show well "{{.State.Health.Status}}")" = unhealthy ]'
	D exec well touch /tmp/well
	ok "health check: healthy" wait_for eval '[ "$(show well "{{.State.Health.Status}}")" = healthy ]'
	# live-restore: containers survive their daemon
	engine_stop dockerd
	daemon
	is "restart of dockerd: the container runs on" "$(show well '{{.State.Status}}')" running
	is "restart of dockerd: exec" "$(D exec well echo in)" in
	D rm -f well >/dev/null
}

attach() {
	run -dit --name tty localhost/bb:1 sh >"$WORK/out"
	printf 'echo a-$((40 + 2))\nexit 5\n' >"$WORK/typed"
	(sleep 1; cat "$WORK/typed"; sleep 2) | script -qec "docker attach tty" /dev/null >"$WORK/attached" 2>&1
	like "attach: what is typed is run" "$(tr -d '\r' <"$WORK/attached")" "*a-42*"
	is "attach: exit status" "$(D wait tty)" 5
	D rm tty >/dev/null
}

shared() {
	run -d --name one --ipc shareable --hostname one localhost/bb:1 sh -c 'echo first >/dev/shm/f; exec sleep 1000' >"$WORK/out"
	is "container:NAME: pid, ipc, network" "$(D run --rm --runtime greffon --network container:one --pid container:one --ipc container:one \
		localhost/bb:1 sh -c 'cat /dev/shm/f /proc/1/comm; hostname' 2>"$WORK/err" | xargs)" "first sleep one"
	D rm -f one >/dev/null
}

builds() {
	mkdir "$WORK/build"
	printf 'FROM localhost/bb:1\nRUN echo built >/f && id -u >>/f\nUSER 7\nRUN id -u >>/tmp/g\nCMD cat /f /tmp/g\n' >"$WORK/build/Dockerfile"
	# the classic builder takes the daemon's default runtime
	engine_stop dockerd
	jq '."default-runtime" = "greffon"' "$DH/daemon.json" >"$DH/daemon.json.new" && mv "$DH/daemon.json.new" "$DH/daemon.json"
	daemon
	ok "build: without network" D build -q --network none -t localhost/built "$WORK/build"
	is "build: what it made" "$(run --rm localhost/built | xargs)" "built 0 7"
	printf 'FROM localhost/bb:1\nRUN false\n' >"$WORK/build/Dockerfile"
	D build --network host "$WORK/build" >"$WORK/out" 2>&1
	is "build: fails when a step fails" "$(($? != 0)) $(grep -c 'non-zero code: 1' "$WORK/out")" "1 1"
	is "the default runtime" "$(D run --rm --network none localhost/bb:1 echo hello)" hello
}

# as the page shows it: systemctl starts this test's daemon anew
page() {
	cat >"$EB/systemctl" <<-SH
		#!/bin/sh
		kill -HUP $(cat "$DH/pid")
	SH
	chmod +x "$EB/systemctl"
	D tag localhost/bb:1 busybox
	page_blocks docker.md "s|docker run|docker run --network none|"
}

finish() {
	# shellcheck disable=SC2046
	D rm -f $(D ps -aq) >/dev/null 2>&1
	engine_stop dockerd
	engine_stop containerd
	umount "$DH/exec/netns/default" "$DH/data" 2>/dev/null # dockerd's own, which live-restore keeps
	[ -n "$had_run_docker" ] || rmdir /run/docker/plugins /run/docker 2>/dev/null
	wait_for eval '[ -z "$(engine_procs)" ]'
	engine_leftovers
}

begin
runs
limits
life
restarts
attach
shared
builds
page
finish
