#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# podman and buildah, the distribution's, with the runtime under test as "greffon", as dist/podman/greffon.conf has it:
# builds, pods, networks, user namespaces, cgroups, readiness, health checks, devices of a CDI specification, the rest
# of podman's commands; then the commands of docs/podman.md and docs/moving.md. They run in a mount and a network
# namespace of the test's own, with a copy of /etc and an empty /run. tests/integration/podman.t has the containers' life.
[ "${PODMAN_T_INSIDE:-}" ] || [ "$(id -u)" != 0 ] || PODMAN_T_INSIDE=1 exec unshare -m --propagation private bash "$0"
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"

need podman podman buildah conmon python3
PD=$WORK/podman
mkdir -p "$PD"/{root,run,tmp} "$WORK/out.d"
client=$(command -v podman) builder=$(command -v buildah)

# podman makes the cgroups of its monitor in hierarchies that the machine doesn't have, as plain folders of the tmpfs
# that holds the others: here they go with a tmpfs of the test's own.
cgroup_view() {
	local d hold=$WORK/cgroup
	[ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ] || return 0
	mkdir "$hold"
	mount -t tmpfs -o mode=755 cgroup "$hold"
	for d in /sys/fs/cgroup/*; do
		[ -L "$d" ] && cp -d "$d" "$hold"
		mountpoint -q "$d" && mkdir -p "$hold/${d##*/}" && mount --bind "$d" "$hold/${d##*/}"
	done
	mount --move "$hold" /sys/fs/cgroup
}

# An /etc of the test's own, with the drop-in of dist/podman and a runtime that is not installed; a /run without the
# machine's engines.
machine() {
	local etc=$WORK/etc
	cp -a /etc "$etc"
	mount --bind "$etc" /etc
	mount -t tmpfs -o mode=755 run /run
	mkdir -p /etc/containers/containers.conf.d /etc/cdi
	sed "s|^greffon = .*|greffon = [\"$runtime_path\"]|" "$lib_top/dist/podman/greffon.conf" \
		>/etc/containers/containers.conf.d/greffon.conf
	# RLIMIT_NOFILE can only be raised with CAP_SYS_RESOURCE, which a nested root may lack; nothing of other tests'
	# locks, no systemd and its journal
	cat >/etc/containers/containers.conf <<-CONF
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		lock_type = "file"
	CONF
	cat >/etc/containers/storage.conf <<-CONF
		[storage]
		driver = "overlay"
		graphroot = "$PD/root"
		runroot = "$PD/run"
	CONF
	cgroup_view
	printf 'containers:2000000:1000000\n' | tee /etc/subuid >/etc/subgid
	cat >"$EB/podman" <<-SH
		#!/bin/sh
		exec nsenter -t $engine_net -n -- $client --tmpdir "$PD/tmp" "\$@"
	SH
	cat >"$EB/buildah" <<-SH
		#!/bin/sh
		exec nsenter -t $engine_net -n -- $builder "\$@"
	SH
	chmod +x "$EB/podman" "$EB/buildah"
}
P() { timeout --foreground -k 5 60 podman "$@"; }
run() { P run --runtime greffon --cgroup-parent "$CG" "$@" 2>"$WORK/err"; }
show() { P inspect -f "$2" "$1"; } # CONTAINER TEMPLATE

begin() {
	net_make
	machine
	make_image localhost/bb:1 "$WORK/bb.tar"
	ok "podman: an image is loaded" P load -i "$WORK/bb.tar"
	P create --runtime greffon --name first localhost/bb:1 true >/dev/null
	is "podman: the runtime of the drop-in" "$(show first '{{.OCIRuntime}}')" greffon
	P rm first >/dev/null
	is "podman: with greffon as the default" "$(sed -i 's/^#runtime = /runtime = /' /etc/containers/containers.conf.d/greffon.conf
		P info -f '{{.Host.OCIRuntime.Path}}')" "$runtime_path"
	like "podman: info has the runtime's version" "$(P info -f '{{.Host.OCIRuntime.Version}}')" "*spec*"
}

# The builds note how the runtime was called.
builds() {
	local d=$WORK/build noting=$PD/noting ctr
	mkdir "$d"
	printf '#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' "$PD/noted" "$runtime_path" >"$noting"
	chmod +x "$noting"
	cat >"$d/Containerfile" <<-FILE
		FROM localhost/bb:1
		ARG who=nobody
		RUN echo built for \$who >/f && id -u >>/f
		RUN --mount=type=tmpfs,target=/t touch /t/x && ls /t >>/f
		WORKDIR /srv
		USER 7
		RUN id -u >/tmp/g && pwd >>/tmp/g
		CMD cat /f /tmp/g
	FILE
	is "podman build: without network, and no word of the runtime" \
		"$(P build --runtime greffon --network none -q --build-arg who=me -t localhost/built "$d" 2>&1 | grep -vxE '[0-9a-f]{64}')" ""
	is "podman build: what it made" "$(run --rm --network none localhost/built | xargs)" "built for me 0 x 7 /srv"
	ok "podman build: layers, limits, the bridge" P build --runtime "$noting" --memory 64m --cgroup-parent "$CG/build" --layers --no-cache -q -t localhost/built "$d"
	like "podman build: by the runtime of the option" "$(cat "$PD/noted")" "*create*start*"
	printf 'FROM localhost/bb:1\nRUN exit 3\n' >"$d/Fails"
	P build --runtime greffon --network none -f "$d/Fails" "$d" >"$WORK/out" 2>&1
	is "podman build: fails when a step fails" "$(($? != 0)) $(grep -c 'exit status 3' "$WORK/out" | tr '2-9' 1)" "1 1"
	ok "buildah bud" buildah bud --runtime greffon --network none -q --build-arg who=you -t localhost/bud "$d"
	is "buildah bud: what it made" "$(run --rm --network none localhost/bud | xargs)" "built for you 0 x 7 /srv"
	: >"$PD/noted"
	ctr=$(buildah from localhost/bb:1)
	is "buildah run: output, user, volume" "$(buildah run --runtime "$noting" --network none --user 9 -v "$d:/d:ro" "$ctr" -- \
		sh -c 'id -u; ls /d; touch /d/x 2>/dev/null || echo ro' 2>"$WORK/err" | xargs)" "9 Containerfile Fails ro"
	like "buildah run: by the runtime of the option" "$(cat "$PD/noted")" "*create*start*"
	buildah run --runtime greffon --network none "$ctr" -- sh -c 'exit 42' 2>"$WORK/err"
	is "buildah run: exit status" $? 42
	is "buildah run: in a terminal" "$(in_tty buildah run --runtime greffon --network none --tty "$ctr" -- tty | tail -n 1)" /dev/pts/0
	is "buildah run: standard input" "$(echo ping | buildah run --runtime greffon --network none "$ctr" -- cat 2>"$WORK/err")" ping
	buildah run --runtime greffon --network none "$ctr" -- sh -c 'echo kept >/kept' 2>"$WORK/err"
	ok "buildah commit" buildah commit -q "$ctr" localhost/kept
	is "buildah commit: what it made" "$(run --rm --network none localhost/kept cat /kept)" kept
	buildah rm "$ctr" >/dev/null
}

pods() {
	local ns
	P pod create --runtime greffon --cgroup-parent "$CG" --name pod --hostname box --share net,ipc,uts,pid --publish 8081:81 >"$WORK/out" 2>"$WORK/err"
	run -d --pod pod --name server localhost/bb:1 sh -c 'echo "HTTP/1.0 200 OK

		served" >/tmp/page; echo shm >/dev/shm/f; while :; do nc -l -p 81 </tmp/page >/dev/null; done' >"$WORK/out"
	wait_for eval 'in_net ip -4 addr | grep -q 10.88'
	is "pod: containers share its ipc, uts and pid namespaces" "$(run --rm --pod pod localhost/bb:1 \
		sh -c 'cat /dev/shm/f; hostname; cat /proc/1/comm' | xargs)" "shm box catatonit"
	is "pod: and its network" "$(run --rm --pod pod localhost/bb:1 wget -qO - http://127.0.0.1:81/ | xargs)" served
	for ns in net ipc uts pid; do
		is "pod: $ns is the infra container's" "$(readlink "/proc/$(show server '{{.State.Pid}}')/ns/$ns")" \
			"$(readlink "/proc/$(show "$(P pod inspect pod -f '{{.InfraContainerID}}')" '{{.State.Pid}}')/ns/$ns")"
	done
	is "bridge: a published port" "$(in_net wget -qO - http://127.0.0.1:8081/ 2>"$WORK/err" | xargs)" served
	is "bridge: from another container" "$(run --rm localhost/bb:1 wget -qO - \
		"http://$(show "$(P pod inspect pod -f '{{.InfraContainerID}}')" '{{.NetworkSettings.IPAddress}}'):81/" | xargs)" served
	like "pod top" "$(P pod top pod user,args 2>"$WORK/err" | tr '\n' ' ')" "*catatonit*nc -l*"
	ok "pod pause" P pod pause pod
	is "pod pause: paused" "$(show server '{{.State.Status}}')" paused
	ok "pod unpause" P pod unpause pod
	ok "pod stop" P pod stop -t 1 pod
	is "pod stop: exited" "$(show server '{{.State.Status}}')" exited
	ok "pod start" P pod start pod
	is "pod start: running" "$(show server '{{.State.Status}}')" running
	ok "pod rm" P pod rm -f -t 0 pod
	networks
}

networks() {
	ok "network create" P network create --subnet 10.213.9.0/24 test
	is "network: an address of the network" "$(run --rm --network test --ip 10.213.9.7 localhost/bb:1 \
		ip -4 -o addr show eth0 | awk '{ print $4 }')" 10.213.9.7/24
	ok "network rm" P network rm test
	cat >"$WORK/pod.yaml" <<-YAML
		apiVersion: v1
		kind: Pod
		metadata: {name: kube}
		spec:
		  restartPolicy: Never
		  containers:
		  - name: one
		    image: localhost/bb:1
		    command: [sh, -c, "echo hello from kube; exit 4"]
		    resources: {limits: {memory: 64Mi}}
	YAML
	ok "play kube" P --runtime greffon play kube --network none "$WORK/pod.yaml"
	kube_pod=$(P pod inspect kube -f '{{.ID}}')
	like "play kube: its pod" "$kube_pod" "[0-9a-f][0-9a-f]*"
	is "play kube: exit status" "$(P wait kube-one)" 4
	is "play kube: logs" "$(P logs kube-one)" "hello from kube"
	ok "play kube: down" P play kube --down "$WORK/pod.yaml"
}

users() {
	local first
	run -d --name auto --network none --userns auto localhost/bb:1 sleep 1000 >"$WORK/out"
	like "userns auto: mapped" "$(P exec auto cat /proc/self/uid_map | xargs)" "0 2[0-9]* *"
	first=$(P exec auto awk 'NR == 1 { print $2 }' /proc/self/uid_map)
	is "userns auto: another container has other ids, as many as it asks for" "$(run --rm --network none --userns auto:size=5000 localhost/bb:1 \
		awk -v first="$first" '{ print ($2 != first), $3 }' /proc/self/uid_map)" "1 5000"
	is "userns auto: root of it owns its files" "$(P exec auto sh -c 'touch /x && stat -c %u /x')" 0
	is "userns container: the same namespace" "$(run --rm --network none --userns container:auto localhost/bb:1 readlink /proc/self/ns/user)" \
		"$(readlink "/proc/$(show auto '{{.State.Pid}}')/ns/user")"
	P rm -f -t 0 auto >/dev/null
	is "userns: ranges" "$(run --rm --network none --uidmap 0:3000:1000 --gidmap 0:4000:1000 localhost/bb:1 \
		cat /proc/self/uid_map /proc/self/gid_map | xargs)" "0 3000 1000 0 4000 1000"
}

# A plain user of this /etc alone, with ranges; as_guest COMMAND... or a script on its standard input.
rootless() {
	local home=$WORK/guest
	command -v newuidmap >/dev/null || { skip "rootless" "newuidmap is not installed"; return; }
	echo "guest:x:54321:54321::$home:/bin/sh" >>/etc/passwd
	echo 'guest:x:54321:' >>/etc/group
	printf 'guest:3000000:65536\n' | tee -a /etc/subuid >>/etc/subgid
	mkdir -p "$home/run"
	chown -R 54321:54321 "$home"
	chmod 700 "$home/run"
	cat >"$EB/as_guest" <<-SH
		#!/bin/sh
		[ \$# -gt 0 ] || set -- bash -e
		cd "$home"
		exec nsenter -t $engine_net -n -- setpriv --reuid 54321 --regid 54321 --clear-groups env -i PATH=/usr/bin:/bin \\
			HOME=$home XDG_RUNTIME_DIR=$home/run "\$@"
	SH
	chmod +x "$EB/as_guest"
	G() { timeout --foreground -k 5 90 as_guest podman "$@" 2>"$WORK/err"; }
	G load -q <"$WORK/bb.tar" >"$WORK/out"
	is "rootless: output" "$(G run --rm --network none localhost/bb:1 echo hello)" hello
	is "rootless: the user is root of the container" "$(G run --rm --network none localhost/bb:1 sh -c 'id -u; head -n 1 /proc/self/uid_map' | xargs)" "0 0 54321 1"
	is "rootless userns keep-id" "$(G run --rm --network none --userns keep-id -v "$home:/home/guest" localhost/bb:1 \
		sh -c 'id -u; touch /home/guest/made'; stat -c %u "$home/made")" "$(printf '54321\n54321')"
	is "rootless userns nomap" "$(G run --rm --network none --userns nomap localhost/bb:1 cat /proc/self/uid_map | xargs)" "0 1 65536"
	is "rootless userns host" "$(G run --rm --network none --userns host localhost/bb:1 id -u)" 0
	G run -d --name one --network none localhost/bb:1 sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' >"$WORK/out"
	is "rootless exec" "$(G exec --user 9 one id -u)" 9
	is "rootless exec -it" "$(in_tty as_guest podman exec -it one tty | tail -n 1)" /dev/pts/0
	ok "rootless stop" G stop -t 5 one
	is "rootless stop: exit status" "$(G inspect -f '{{.State.ExitCode}}' one)" 3
	G pod create --name pod --network none >"$WORK/out"
	is "rootless pod" "$(G run --rm --pod pod localhost/bb:1 hostname)" pod
	printf 'FROM localhost/bb:1\nRUN id -u >/f\nCMD cat /f\n' | G build --runtime greffon --network none -q -t localhost/built - >"$WORK/out"
	is "rootless build" "$(G run --rm --network none localhost/built)" 0
}

where() { # PID: its cgroup below those of the test, or "outside"
	local path
	path=$(awk -F: '$2 ~ /pids/ || ($1 == 0 && ! seen) { path = $3; seen = 1 } END { print path }' "/proc/$1/cgroup")
	case $path in
	"$CG"/libpod-*) echo container ;;
	"$CG"/conmon) echo conmon ;;
	"$CG"*) echo "$path" ;;
	*) echo outside ;;
	esac
}

cgroups() {
	local mode wanted
	while read -r mode wanted; do
		if [ "$mode" = disabled ]; then
			P run --runtime greffon -d --name cg --network none --cgroups "$mode" localhost/bb:1 sleep 1000 >"$WORK/out" 2>"$WORK/err"
		else
			run -d --name cg --network none --cgroups "$mode" localhost/bb:1 sleep 1000 >"$WORK/out"
		fi
		is "cgroups $mode: of the container and of conmon" \
			"$(where "$(show cg '{{.State.Pid}}')") $(where "$(show cg '{{.State.ConmonPid}}')")" "$wanted"
		is "cgroups $mode: exec" "$(P exec cg echo in 2>"$WORK/err")" in
		ok "cgroups $mode: rm" P rm -f -t 0 cg
	done <<-LIST
		enabled container conmon
		disabled outside outside
		no-conmon container outside
	LIST
	if [ "$(P info -f '{{.Host.CgroupsVersion}}')" = v1 ]; then
		skip "cgroups split" "podman knows it with cgroup v2 only"
	else
		ok "cgroups split" P run --runtime greffon --rm --network none --cgroups split localhost/bb:1 true
	fi
}

# What a service manager would hear; the container's probe is the program that says it is ready.
heard() { # NAME OPTION... -- COMMAND...: in LOG
	local socket=$WORK/$1.sock
	LOG=$WORK/$1.heard
	bg "$PROBE" manager "$socket" >"$LOG"
	wait_text "$LOG" listening=1
	managers+=("${lib_bg[-1]}")
	NOTIFY_SOCKET=$socket run -d --name "$1" --network none "${@:2}" >"$WORK/out"
}

readiness() {
	local image=localhost/bb:1 managers=()
	heard conmon --sdnotify conmon $image sleep 1000
	wait_text "$LOG" READY=1
	like "sdnotify conmon: ready, and conmon is the process to watch" "$(xargs <"$LOG")" "*MAINPID=$(show conmon '{{.State.ConmonPid}}')*READY=1*"
	is "sdnotify conmon: the container has no socket" "$(P exec conmon sh -c 'echo ${NOTIFY_SOCKET-none}')" none
	heard container --sdnotify container $image sh -c 'probe notify READY=1; exec sleep 1000'
	wait_text "$LOG" READY=1
	like "sdnotify container: ready when the container says so" "$(xargs <"$LOG")" "*READY=1*"
	heard ignore --sdnotify ignore $image sleep 1000
	wait_for eval '[ "$(show ignore "{{.State.Status}}")" = running ]'
	is "sdnotify ignore: nothing is said" "$(grep -c READY "$LOG")" 0
	P rm -f -t 0 conmon container ignore >/dev/null 2>&1
	kill "${managers[@]}"
}

commands() {
	local pid dir name=busy id
	run -d --name $name --network none --memory 64m --cpus 0.5 --pids-limit 50 --health-cmd 'test -e /well' --health-retries 1 \
		--health-interval disable localhost/bb:1 sh -c 'while :; do sleep 0.1; done' >"$WORK/out"
	id=$(<"$WORK/out")
	P healthcheck run $name >"$WORK/out" 2>&1
	is "healthcheck: unhealthy" "$? $(show $name '{{.State.Health.Status}}')" "1 unhealthy"
	P exec $name touch /well
	P healthcheck run $name >"$WORK/out" 2>&1
	is "healthcheck: healthy" "$? $(show $name '{{.State.Health.Status}}')" "0 healthy"
	printf 'echo a-$((40 + 2))\nexit 5\n' >"$WORK/typed"
	(sleep 1; cat "$WORK/typed"; sleep 2) | script -qec "podman exec -it $name sh" /dev/null >"$WORK/attached" 2>&1
	is "exec -it: what is typed is run, and its status" "$? $(tr -d '\r' <"$WORK/attached" | grep -c '^a-42')" "5 1"
	is "exec: detached, privileged, environment of a file" "$(echo A=b >"$WORK/env"; P exec -d --privileged --env-file "$WORK/env" $name sh -c 'echo $A >/d' >/dev/null
		wait_for eval 'P exec $name test -s /d'; P exec $name cat /d)" b
	like "stats" "$(P stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' $name 2>"$WORK/err")" "$name *B / 67.11MB [1-9]"
	like "top: podman's columns" "$(P top $name pid,user,seccomp,comm 2>"$WORK/err" | awk 'NR == 2 { print $1, $2, $3 }')" "1 root filter"
	ok "update" P update --cpus 0.25 --memory 128m $name
	pid=$(show $name '{{.State.Pid}}')
	if dir=$(cgroup_dir "$pid" memory); then
		is "update: memory" "$(cat "$dir"/memory.limit_in_bytes "$dir"/memory.max 2>/dev/null)" 134217728
	else
		skip "update: memory" "no memory controller here"
	fi
	if dir=$(cgroup_dir "$pid" cpu); then
		like "update: cpus" "$(cat "$dir"/cpu.cfs_quota_us "$dir"/cpu.max 2>/dev/null)" "25000*"
	else
		skip "update: cpus" "no cpu controller here"
	fi
	echo copied >"$WORK/c"
	P cp "$WORK/c" $name:/tmp/c 2>"$WORK/err"
	is "cp" "$(P exec $name cat /tmp/c)" copied
	like "diff" "$(P diff $name | xargs)" "*A /well*"
	ok "rename" P rename $name busier
	ok "kill: a signal" P kill -s KILL busier
	is "wait" "$(P wait busier)" 137
	is "events" "$(P events --stream=false --since 10m --filter container="$id" --format '{{.Status}}' | grep -E -x 'create|init|start|exec|kill|died|update|rename' | sort -u | xargs)" \
		"create died exec init kill rename start"
	P rm busier >/dev/null
	is "init: not started until start" "$(P create --runtime greffon --cgroup-parent "$CG" --name staged --network none localhost/bb:1 echo staged >/dev/null
		P init staged >/dev/null; show staged '{{.State.Status}}'; P start -a staged)" "$(printf 'initialized\nstaged')"
	P rm staged >/dev/null
}

# A CDI specification with a pretended device: a node, an environment variable, a file, a hook
devices() {
	echo library >"$WORK/library"
	cat >/etc/cdi/vendor.json <<-JSON
		{"cdiVersion": "0.5.0", "kind": "vendor.com/class", "devices": [{"name": "name", "containerEdits": {
			"deviceNodes": [{"path": "/dev/pretended", "hostPath": "/dev/full", "type": "c", "major": 1, "minor": 7}],
			"env": ["VENDOR=yes"],
			"mounts": [{"hostPath": "$WORK/library", "containerPath": "/usr/lib/vendor.so", "options": ["ro", "bind"]}],
			"hooks": [{"hookName": "createContainer", "path": "/bin/sh", "args": ["sh", "-c", "echo hooked >$WORK/hooked"]}]}}]}
	JSON
	is "CDI: the node, its rule, the environment, the file" "$(run --rm --network none --device vendor.com/class=name localhost/bb:1 \
		sh -c 'echo x 2>/dev/null >/dev/pretended || echo full; stat -c %t:%T /dev/pretended; echo $VENDOR; cat /usr/lib/vendor.so' | xargs)" \
		"full 1:7 yes library"
	is "CDI: the hook" "$(cat "$WORK/hooked")" hooked
	run --rm --network none --device vendor.com/class=other localhost/bb:1 true
	is "CDI: a device that is not there" "$? $(grep -c unresolvable "$WORK/err")" "126 1"
	is "device: with permissions" "$(run --rm --network none --device /dev/full:/dev/filled:r localhost/bb:1 \
		sh -c 'head -c 3 /dev/filled | wc -c; echo x 2>/dev/null >/dev/filled || echo read-only' | xargs)" "3 read-only"
}

checkpoint() {
	if ! criu check >"$WORK/out" 2>&1; then
		skip "checkpoint and restore" "criu can't work here: $(grep -o 'Error.*' "$WORK/out" | tail -n 1)"
		return
	fi
	run -d --name kept --network none localhost/bb:1 sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/n; sleep 0.1; done' >"$WORK/out"
	wait_for eval 'P exec kept test -s /n'
	ok "checkpoint" P container checkpoint kept
	ok "restore" P container restore kept
	is "restore: running" "$(show kept '{{.State.Status}}')" running
	P rm -f -t 0 kept >/dev/null
}

# The units of dist/podman, as a service manager would run them
units() {
	local unit=$WORK/hello.service line quadlet=/usr/libexec/podman/quadlet
	sed -e "s|/usr/bin/podman|$EB/podman|" -e "s|docker.io/library/busybox:latest|localhost/bb:1|" "$lib_top/dist/podman/hello.service" >"$unit"
	if command -v systemd-analyze >/dev/null; then
		ok "hello.service: systemd-analyze verify" systemd-analyze verify "$unit"
	else
		skip "hello.service: systemd-analyze verify" "systemd-analyze is not installed"
	fi
	LOG=$WORK/unit.heard
	bg "$PROBE" manager "$WORK/unit.sock" >"$LOG"
	wait_text "$LOG" listening=1
	line=$(sed -n 's/^ExecStart=//p' "$unit")
	NOTIFY_SOCKET=$WORK/unit.sock PODMAN_SYSTEMD_UNIT=hello.service timeout 60 sh -c "$line" >"$WORK/out" 2>"$WORK/err"
	is "hello.service: starts" "$? $(show hello '{{.State.Status}} {{.OCIRuntime}}')" "0 running greffon"
	like "hello.service: is ready, and says which process to watch" "$(xargs <"$LOG")" "*MAINPID=$(show hello '{{.State.ConmonPid}}')*READY=1*"
	kill "${lib_bg[-1]}"
	ok "hello.service: stops" timeout 60 sh -c "$(sed -n 's/^ExecStop=//p' "$unit")"
	ok "hello.service: after the stop" timeout 60 sh -c "$(sed -n 's/^ExecStopPost=//p' "$unit")"
	not P container exists hello && pass "hello.service: the container is gone" || fail "hello.service: the container is gone"
	if [ -x $quadlet ]; then
		mkdir "$WORK/quadlet"
		cp "$lib_top/dist/podman/hello.container" "$WORK/quadlet"
		like "hello.container: what Quadlet makes of it" "$(QUADLET_UNIT_DIRS=$WORK/quadlet $quadlet -dryrun 2>"$WORK/err")" \
			"*ExecStart=*run*--runtime=greffon*busybox*sleep infinity*"
	else
		skip "hello.container: what Quadlet makes of it" "$(podman --version) has no Quadlet, which came with 4.4"
	fi
}

# The page's commands, with this test's image and cgroup; a block that says so is run by the plain user.
page() {
	P tag localhost/bb:1 docker.io/library/busybox:latest
	[ -x "$EB/as_guest" ] || { skip "docs/podman.md" "newuidmap is not installed"; return; }
	as_guest podman tag localhost/bb:1 docker.io/library/busybox:latest
	sed "s|^greffon = .*|greffon = [\"$runtime_path\"]|" "$lib_top/dist/podman/greffon.conf" >"$WORK/greffon.conf"
	mkdir "$WORK/site"
	cd "$WORK/site" || return
	local script
	script="s|[^ ]*/examples/podman/greffon.conf|$WORK/greffon.conf|
		1 { /^# as a plain user\$/ { s//as_guest <<'EOF'/; :a; n; ba } }
		/^podman .*--network/!s/^podman run /podman run --network none /
		s/^podman run /podman run --cgroup-parent ${CG//\//\\/} /
		s/^podman pod create /podman pod create --cgroup-parent ${CG//\//\\/} /
		s/^podman build /podman build --network none /
		s/^buildah run /buildah run --network none /
		s|/bin/busybox |$(command -v busybox) |"
	page_blocks podman.md "$script"
	rootless_page
	if ! is_greffon; then
		skip "docs/moving.md" "it is about greffon's own commands"
	elif ! command -v runc >/dev/null; then
		skip "docs/moving.md" "runc is not installed"
	else
		page_blocks moving.md "$script"
	fi
	cd "$lib_top" || return
}

# What docs/rootless.md says of podman, by the plain user; tests/integration/rootless.t runs the rest of it.
rootless_page() {
	local conf=$WORK/guest/.config/containers/containers.conf page=$lib_top/docs/rootless.md command
	[ -e "$EB/greffon" ] || ln -s "$runtime_path" "$EB/greffon"
	as_guest podman tag localhost/bb:1 docker.io/library/alpine:latest
	command=$(sed -n '/^podman .* alpine sh$/s/-it alpine sh/--network none -t alpine tty/p' "$page")
	is "docs/rootless.md: podman --runtime" \
		"$(in_tty as_guest env PATH="/usr/bin:/bin:$EB" sh -c "${command:-echo no command}" | tail -n 1)" /dev/pts/0
	as_guest mkdir -p "${conf%/*}"
	sed -n '/^```toml$/,/^```$/{/^```/d;p}' "$page" | sed "s|/usr/local/bin/greffon|$EB/greffon|" >"$conf"
	is "docs/rootless.md: containers.conf" "$(G info -f '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}')" "greffon $EB/greffon"
	is "docs/rootless.md: with it" "$(G run --rm --network none --cgroups disabled localhost/bb:1 echo hello)" hello
	rm "$conf"
}

finish() {
	local pid
	P pod rm -f -t 0 --all >/dev/null 2>&1
	P rm -f -t 0 --all >/dev/null 2>&1
	buildah rm --all >/dev/null 2>&1
	[ ! -x "$EB/as_guest" ] || as_guest sh -c 'podman pod rm -f -t 0 --all; podman rm -f -t 0 --all; podman unshare rm -rf .local' >/dev/null 2>&1
	pid=$(cat "$WORK/guest/run/libpod/tmp/pause.pid" 2>/dev/null) && kill "$pid" # podman's own, which holds the user namespace
	wait_for eval '[ -z "$(engine_procs)" ]'
	is "nothing is left: containers" "$(P ps -aq; find /run/{greffon,crun,runc} "$XDG_RUNTIME_DIR" -mindepth 1 -maxdepth 2 -type d -name '[0-9a-f]*' 2>/dev/null |
		grep -E '/(buildah|[0-9a-f]{64}$)')" ""
	umount -l "$PD/root/overlay" 2>/dev/null # podman's own, which stays until the store goes
	# its monitors' as well, and those of pods in hierarchies that podman does not know; where those of play kube are it says itself
	rmdir /sys/fs/cgroup/*"$CG"/conmon /sys/fs/cgroup"$CG"/conmon /sys/fs/cgroup/{systemd,unified}{"$CG"/*,/libpod_parent/"${kube_pod:-none}"} 2>/dev/null
	rmdir /sys/fs/cgroup/{*/,}libpod_parent 2>/dev/null # where no other pod is
	is "nothing is left: the pods' cgroups" "$(find /sys/fs/cgroup -type d -path "*/libpod_parent/${kube_pod:-none}*")" ""
	engine_leftovers
}

begin
builds
pods
users
rootless
cgroups
readiness
commands
devices
checkpoint
units
page
finish
