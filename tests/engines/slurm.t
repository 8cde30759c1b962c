#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Slurm, the distribution's: a controller and two node daemons on this host, with dist/slurm/oci.conf naming the runtime
# under test. Steps in containers for root and for an unprivileged user: output, exit status, environment, cgroups,
# scancel; and an Open MPI program as one job over two containers.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"

need Slurm munged slurmctld slurmd srun jq
case $("${lib_runtime[@]}" --version) in
runc*) skip "Slurm" "this runtime has no --cgroup-manager, which oci.conf asks for"; exit 0 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
SL=$WORK/slurm
one=${WORK##*-}1 two=${WORK##*-}2 # the nodes' names, which name their cgroups too
# the job's user has to reach everything
install -m 755 "$runtime_path" "$EB/greffon"
mkdir -m 755 "$SL" "$SL/conf" "$SL/munge"
mkdir "$SL/state"
export SLURM_CONF=$SL/conf/slurm.conf

configure() {
	local cgroup=linuxproc task=affinity
	if [ -d /sys/fs/cgroup/freezer ] && [ -d /sys/fs/cgroup/memory ]; then
		cgroup=cgroup task=cgroup,task/affinity
	fi
	cat >"$SLURM_CONF" <<-CONF
		ClusterName=test
		SlurmctldHost=$(hostname -s)(127.0.0.1)
		SlurmUser=root
		SlurmctldPort=16817
		AuthType=auth/munge
		AuthInfo=socket=$SL/munge/socket
		StateSaveLocation=$SL/state
		SlurmdSpoolDir=$SL/spool-%n
		SlurmctldPidFile=$SL/slurmctld.pid
		SlurmdPidFile=$SL/slurmd-%n.pid
		SlurmctldLogFile=$SL/slurmctld.log
		SlurmdLogFile=$SL/slurmd-%n.log
		ProctrackType=proctrack/$cgroup
		TaskPlugin=task/$task
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core_Memory
		DefMemPerCPU=200
		SlurmdParameters=config_overrides
		MpiDefault=none
		SwitchType=switch/none
		KillWait=3
		SlurmdDebug=debug
		ReturnToService=2
		NodeName=$one NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=16821 CPUs=2 RealMemory=2000
		NodeName=$two NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=16822 CPUs=2 RealMemory=2000
		PartitionName=test Nodes=$one,$two Default=YES State=UP
	CONF
	printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainCores=yes\nConstrainRAMSpace=yes\nConstrainDevices=yes\n' \
		>"$SL/cgroup.conf"
	sed "s|/tmp/greffon-|$TMPDIR/oci-|; s|/usr/bin/greffon|$EB/greffon|" "$lib_top/dist/slurm/oci.conf" >"$SL/oci.conf"
	[ "$cgroup" = cgroup ] && has_cgroups=1 || has_cgroups=
}

on_net() { timeout --foreground -k 5 "${limit:-20}" nsenter -t "$engine_net" -n -- "$@" 2>"$WORK/err"; }
step() { on_net env -i PATH="$PATH" SLURM_CONF="$SLURM_CONF" srun --container="$BUNDLE_DIR" "$@"; }
user_step() { on_net setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" HOME=/ SLURM_CONF="$SLURM_CONF" \
	srun --chdir=/ --container="$BUNDLE_DIR" "$@"; }
idle() { wait_for eval '[ -z "$(on_net squeue -h)" ]'; }
containers() { find "$TMPDIR" -mindepth 2 -maxdepth 2 -path '*/oci-*/*.*.*.*' | wc -l; }
no_containers() { [ "$(containers)" = 0 ]; }

begin() {
	local n
	configure
	net_make
	head -c 64 /dev/urandom >"$SL/munge/key"
	chmod 600 "$SL/munge/key"
	engine_start munged munged --foreground --force --socket "$SL/munge/socket" --key-file "$SL/munge/key" \
		--pid-file "$SL/munge/pid" --log-file "$SL/munge/log" --seed-file "$SL/munge/seed"
	wait_for test -S "$SL/munge/socket"
	engine_start slurmctld slurmctld -D -f "$SLURM_CONF"
	limit=3 wait_for on_net sinfo || { fail "slurmctld answers"; engine_log slurmctld; tail -n 3 "$SL/slurmctld.log" | sed 's/^/#   /'; exit 0; }
	for n in "$one" "$two"; do
		# two nodes of one host would meet in PMIx' folder below /tmp
		mkdir "$SL/spool-$n" "$SL/$n"
		mkdir -m 1777 "$SL/tmp-$n"
		cp "$SLURM_CONF" "$SL/cgroup.conf" "$SL/oci.conf" "$SL/$n/"
		echo "PMIxCliTmpDirBase=$SL/tmp-$n" >"$SL/$n/mpi.conf"
		SLURM_CONF=$SL/$n/slurm.conf engine_start "slurmd-$n" slurmd -D -N "$n" -f "$SL/$n/slurm.conf"
	done
	wait_for eval '[ "$(on_net sinfo -h -t idle -o %D)" = 2 ]' ||
		{ fail "two nodes come up"; engine_log slurmctld; engine_log "slurmd-$one"; exit 0; }
	pass "two nodes come up"
	BUNDLE_DIR=$WORK/hello
	mkdir -p "$BUNDLE_DIR"
	cp -a "$LIB_TEMPLATE" "$BUNDLE_DIR/rootfs"
	jq -n '{ociVersion: "1.0.2", root: {path: "rootfs"}, process: {user: {uid: 0, gid: 0}, args: ["sh"], cwd: "/",
		env: ["PATH=/bin"]}, mounts: [{destination: "/proc", type: "proc", source: "proc"},
		{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"]}],
		linux: {namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}]}}' >"$BUNDLE_DIR/config.json"
}

steps() { # WHO RUN
	local who=$1 run=$2
	is "$who: output" "$($run -N 1 echo hello)" hello
	$run -N 1 sh -c 'exit 7'
	is "$who: exit status" $? 7
	$run -N 1 no-such-program
	is "$who: no such program fails" "$(($? != 0))" 1
	is "$who: a container on each node" "$($run -N 2 echo hello | xargs)" "hello hello"
	is "$who: its own root and processes" "$($run -N 1 sh -c 'echo $$; ls -d /mnt' | xargs)" "1 /mnt"
	is "$who: the job's environment" "$(FOO=bar; $run -N 1 --export=ALL,FOO=bar sh -c 'echo ${SLURM_JOB_ID:+id} $FOO')" "id bar"
	is "$who: standard input" "$(echo ping | $run -N 1 cat)" ping
	is "$who: the network of the node" "$($run -N 1 readlink /proc/self/ns/net)" "$(readlink "/proc/$engine_net/ns/net")"
	in_cgroups "$who" "$run"
	cancel "$who" "$run"
	wait_for no_containers || grep -h 'container\|RunTime' "$SL"/slurmd-*.log | tail -n 12 | sed 's/^/#   /'
	is "$who: no container is left" "$(containers)" 0
}

in_cgroups() { # WHO RUN: what Slurm gave the step holds inside
	if [ -z "$has_cgroups" ]; then
		skip "$1: Slurm's cgroups" "no cgroup v1 with freezer and memory here"
		return
	fi
	$2 -N 1 cat /proc/self/cgroup >"$WORK/out"
	like "$1: Slurm's cgroup of devices" "$(grep :devices: "$WORK/out")" "*/job_*/step_0/task_0"
	like "$1: Slurm's cgroup of memory" "$(grep :memory: "$WORK/out")" "*/job_*/step_0/task_0"
	like "$1: Slurm's freezer" "$(grep :freezer: "$WORK/out")" "*/job_*/step_0"
	is "$1: the cores that Slurm gave" "$($2 -N 1 nproc)" 1
}

cancel() { # WHO RUN
	local began=$SECONDS
	(limit=55 $2 -N 2 -J long sh -c 'echo up; sleep 1000' >"$WORK/long"; echo $? >"$WORK/long.rc") &
	wait_for eval '[ "$(grep -c up "$WORK/long")" = 2 ]'
	on_net scancel -n long
	wait $!
	is "$1: scancel ends the step" "$(($(cat "$WORK/long.rc") != 0 && SECONDS - began < 50))" 1
	idle
	is "$1: scancel ends the containers" "$(ps -eo pid,args | grep -c '[s]leep 1000$')" 0
}

mpi() {
	if ! command -v mpicc >/dev/null; then
		skip "MPI" "mpicc is not installed"
		return
	fi
	mkdir -p "$WORK/mpi/lib"
	mpicc -o "$WORK/mpi/lib/allreduce" "$here/allreduce.c" >"$WORK/out" 2>&1 || { fail "MPI: the program is built" "$(cat "$WORK/out")"; return; }
	# one host has both nodes: no memory is shared between the containers, so the ranks talk by TCP
	on_net env -i PATH="$PATH" SLURM_CONF="$SLURM_CONF" OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo \
		srun -N 2 --mpi=pmix "$here/mpi-task" "$EB/greffon" "$WORK/mpi" "$WORK/mpi/lib/allreduce" >"$WORK/out"
	sort "$WORK/out" >"$WORK/ranks"
	[ -s "$WORK/out" ] || grep -h error "$SL"/slurmd-*.log | tail -n 5 | sed 's/^/#   /'
	is "MPI: two ranks are one job" "$(grep -o '^rank [01] of 2: sum 3, host [01]' "$WORK/ranks" | xargs)" \
		"rank 0 of 2: sum 3, host 0 rank 1 of 2: sum 3, host 1"
	is "MPI: in two containers" "$( (grep -o 'mnt:.*' "$WORK/ranks"; readlink /proc/self/ns/mnt) | sort -u | wc -l)" 3
}

page() {
	mkdir "$WORK/page"
	tar -C "$LIB_TEMPLATE" -cf "$WORK/page/image.tar" .
	chown 65534 "$WORK/page"
	printf '#!/bin/sh\nexec nsenter -t %s -n -- setpriv --reuid 65534 --regid 65534 --clear-groups %s "$@"\n' \
		"$engine_net" "$(command -v srun)" >"$EB/srun"
	chmod +x "$EB/srun"
	page_blocks slurm.md "1s|^|cd $WORK/page; |
		s|greffon spec|setpriv --reuid 65534 --regid 65534 --clear-groups $EB/greffon spec|; s|srun |srun --chdir=/ |
		s|^(cd hello|chown 65534 hello; &|"
}

finish() {
	local n
	for n in "slurmd-$one" "slurmd-$two" slurmctld munged; do
		engine_stop "$n"
	done
	is "nothing is left: Slurm's cgroups are empty" "$(find /sys/fs/cgroup -path "*/slurm_$one/*/cgroup.procs" -exec cat {} +)" ""
	slurm_cgroups
	engine_leftovers
}
slurm_cgroups() { # which Slurm leaves for its next start
	local d
	for d in /sys/fs/cgroup/*/slurm_"$one" /sys/fs/cgroup/*/slurm_"$two"; do
		[ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} + 2>/dev/null
	done
}
slurm_end() {
	trap '' INT TERM HUP
	local name
	for name in "${!engine_pid[@]}"; do
		engine_stop "$name"
	done
	local pid
	for pid in $(engine_procs); do
		kill -KILL "$pid" 2>/dev/null
	done
	slurm_cgroups
	engine_cleanup
}
trap slurm_end EXIT

begin
steps root step
# what 'greffon spec --rootless' adds: the user is root inside
jq '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}]
	| .linux.gidMappings = .linux.uidMappings' "$BUNDLE_DIR/config.json" >"$WORK/user.json"
mv "$WORK/user.json" "$BUNDLE_DIR/config.json"
steps user user_step
mpi
page
finish
