#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#seccomp and #the-container-process-state
. "$(dirname "$0")/../lib/lib.sh"

place="config-linux.md#seccomp"

# filter NAME WANTED SECCOMP CALL...: runs the calls under the filter; WANTED is all that they print
filter() {
	local name=$1 wanted=$2 seccomp=$3 nnp
	shift 3
	for nnp in true false; do
		new_bundle ".process.noNewPrivileges = $nnp | .linux.seccomp = $seccomp"
		run_probe call "$@"
		is "$place: $name$([ $nnp = true ] || echo " (privileged)")" "${OUT//$'\n'/ }" "$wanted"
	done
}

rule() { # NAME ACTION [MORE]: one rule over a default of allow
	echo "{defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"$1\"], action: \"$2\"${3:+, $3}}]}"
}

actions() {
	filter "SCMP_ACT_ALLOW lets a call through" "getpgid,0=1" \
		'{defaultAction: "SCMP_ACT_ALLOW"}' getpgid,0
	filter "SCMP_ACT_ERRNO without errnoRet is EPERM" "getpgid,0=EPERM getsid,0=1" \
		"$(rule getpgid SCMP_ACT_ERRNO)" getpgid,0 getsid,0
	filter "SCMP_ACT_ERRNO with errnoRet" "getpgid,0=EBADMSG" \
		"$(rule getpgid SCMP_ACT_ERRNO 'errnoRet: 74')" getpgid,0
	filter "SCMP_ACT_TRAP sends SIGSYS" "sigsys" "$(rule getpgid SCMP_ACT_TRAP)" getpgid,0
	filter "SCMP_ACT_LOG lets a call through" "getpgid,0=1" "$(rule getpgid SCMP_ACT_LOG)" getpgid,0
	filter "SCMP_ACT_TRACE without a tracer is ENOSYS" "getpgid,0=ENOSYS" \
		"$(rule getpgid SCMP_ACT_TRACE 'errnoRet: 5')" getpgid,0
	filter "names of one entry, several" "getpgid,0=EPERM getsid,0=EPERM getppid=0" \
		'{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getpgid", "getsid"],
		action: "SCMP_ACT_ERRNO"}]}' getpgid,0 getsid,0 getppid
	filter "a name that the kernel or libseccomp does not know is ignored" "getpgid,0=1" \
		"$(rule no_such_call SCMP_ACT_ERRNO)" getpgid,0
	kills
}

kills() {
	local a
	for a in SCMP_ACT_KILL SCMP_ACT_KILL_THREAD SCMP_ACT_KILL_PROCESS; do
		new_bundle ".linux.seccomp = $(rule getpgid $a)"
		run_probe call getsid,0 getpgid,0 getppid
		is "$place: $a ends the process by SIGSYS" "$RC $OUT" "159 getsid,0=1"
	done
}

# The default denies: everything that the runtime and a static program need has to be listed. With
# noNewPrivileges alone, as the filter is then the last step before the program.
defaults() {
	local allowed='["access", "arch_prctl", "brk", "capget", "capset", "chdir", "close", "close_range",
		"dup2", "dup3", "epoll_ctl", "epoll_pwait", "execve", "execveat", "exit", "exit_group", "fchdir", "fcntl",
		"fstat", "fstatfs", "futex", "getcwd", "getdents64", "getegid", "geteuid", "getgid",
		"getpid", "getppid", "getrandom", "gettid", "getuid", "ioctl", "lseek", "madvise", "mmap",
		"mprotect", "munmap", "nanosleep", "newfstatat", "open", "openat", "openat2", "pipe2", "poll", "prctl", "pread64",
		"prlimit64", "read", "readlink", "readlinkat", "recvmsg", "rseq", "rt_sigaction",
		"rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "seccomp", "sendmsg",
		"set_robust_list", "set_tid_address", "setgid", "setgroups", "setresgid", "setresuid", "setuid",
		"setsid", "sigaltstack", "statfs", "statx", "tgkill", "uname", "umask", "write", "writev", "wait4", "clone", "clone3"]'
	local deny="defaultAction: \"SCMP_ACT_ERRNO\", syscalls: [{names: $allowed, action: \"SCMP_ACT_ALLOW\"}]"
	new_bundle ".linux.seccomp = {$deny}"
	run_probe call getpgid,0 getppid
	is "$place defaultAction: SCMP_ACT_ERRNO is EPERM" "${OUT//$'\n'/ }" "getpgid,0=EPERM getppid=0"
	new_bundle ".linux.seccomp = {$deny, defaultErrnoRet: 38}"
	run_probe call getpgid,0 getppid
	is "$place defaultErrnoRet: is the errno" "${OUT//$'\n'/ }" "getpgid,0=ENOSYS getppid=0"
}

arguments() {
	local row op value two yes no
	# operator value valueTwo: getpriority(PRIO_USER = 2, argument); matched, and not matched
	for row in NE:0:0:3:0 LT:5:0:4:5 LE:5:0:5:6 EQ:5:0:5:4 GE:5:0:5:4 GT:5:0:6:5 MASKED_EQ:6:4:5:2; do
		IFS=: read -r op value two yes no <<<"$row"
		new_bundle ".linux.seccomp = $(rule getpriority SCMP_ACT_ERRNO "errnoRet: 74, args: [{index: 1,
			value: $value, valueTwo: $two, op: \"SCMP_CMP_$op\"}]")"
		run_probe call "getpriority,2,$yes" "getpriority,2,$no"
		like "$place args: SCMP_CMP_$op" "${OUT//$'\n'/ }" "getpriority,2,$yes=EBADMSG getpriority,2,$no=!(EBADMSG)"
	done
	new_bundle ".linux.seccomp = $(rule getpriority SCMP_ACT_ERRNO 'errnoRet: 74, args: [
		{index: 0, value: 2, op: "SCMP_CMP_EQ"}, {index: 1, value: 7, op: "SCMP_CMP_EQ"}]')"
	run_probe call getpriority,2,7 getpriority,2,8 getpriority,0,7
	like "$place args: of several all have to match" "${OUT//$'\n'/ }" \
		"getpriority,2,7=EBADMSG getpriority,2,8=!(EBADMSG) getpriority,0,7=!(EBADMSG)"
}

flags_and_archs() {
	local f arch=SCMP_ARCH_X86_64
	case $(uname -m) in
	aarch64) arch=SCMP_ARCH_AARCH64 ;;
	ppc64le) arch=SCMP_ARCH_PPC64LE ;;
	s390x) arch=SCMP_ARCH_S390X ;;
	riscv64) arch=SCMP_ARCH_RISCV64 ;;
	esac
	for f in LOG SPEC_ALLOW TSYNC; do
		new_bundle ".linux.seccomp = ($(rule getpgid SCMP_ACT_ERRNO) + {flags: [\"SECCOMP_FILTER_FLAG_$f\"]})"
		run_probe call getpgid,0
		is "$place flags: SECCOMP_FILTER_FLAG_$f is accepted" "$OUT" "getpgid,0=EPERM"
	done
	new_bundle ".linux.seccomp = ($(rule getpgid SCMP_ACT_ERRNO) + {architectures: [\"$arch\"]})"
	run_probe call getpgid,0
	is "$place architectures: the native one" "$OUT" "getpgid,0=EPERM"
	new_bundle ".linux.seccomp = $(rule getpgid SCMP_ACT_ERRNO)"
	run_sh 'grep ^Seccomp: /proc/self/status'
	is "$place: a filter is in force" "${OUT##*[[:space:]]}" 2
}

notify() {
	new_bundle ".linux.seccomp = ($(rule getpgid SCMP_ACT_NOTIFY) +
		{listenerPath: \"\(\$ENV.WORK)/agent\", listenerMetadata: \"meta data\"})" \
		'.annotations = {"org.example.key": "value"}'
	bg "$PROBE" agent "$WORK/agent" "$WORK/state.json" >"$WORK/agent.out"
	wait_text "$WORK/agent.out" listening
	with_args /bin/probe call getpgid,0 getsid,0
	ct_create && ct_start
	wait_text "$BUNDLE/out" getsid
	is "$place SCMP_ACT_NOTIFY: the agent's answer is the result" "$(<"$BUNDLE/out")" \
		$'getpgid,0=EXDEV\ngetsid,0=1'
	process_state
	ct_drop
	refuses "$place listenerPath: if sending fails, an error MUST be generated" \
		".linux.seccomp = ($(rule getpgid SCMP_ACT_NOTIFY) + {listenerPath: \"\(\$ENV.WORK)/nobody\"})"
	new_bundle ".linux.seccomp = ($(rule getpgid SCMP_ACT_ERRNO) + {listenerPath: \"\(\$ENV.WORK)/nobody\"})"
	run_probe call getpgid,0
	is "$place listenerPath: is ignored without SCMP_ACT_NOTIFY" "$OUT" "getpgid,0=EPERM"
}

process_state() {
	local s="config-linux.md#the-container-process-state" doc=$WORK/state.json
	[ -s "$doc" ] || echo '{}' >"$doc"
	OUT=$(<"$WORK/agent.out")
	is "$s: one descriptor is sent with it" "$(val fds)" 1
	is "$s: the connection MUST be closed after it" "$(val closed)" 1
	is "$s: it is exactly one JSON document" "$(jq -s length "$doc")" 1
	is "$s: fds names the descriptor" "$(jq -c .fds "$doc")" '["seccompFd"]'
	is "$s: metadata is listenerMetadata" "$(jq -r .metadata "$doc")" "meta data"
	ok "$s: pid is there" jq -e '.pid > 0' "$doc"
	ok "$s: ociVersion is there" jq -e '.ociVersion | type == "string"' "$doc"
	is "$s: state has id and bundle" "$(jq -r '.state | .id + " " + .bundle' "$doc")" "$ID $BUNDLE"
	is "$s: state has the annotations" "$(jq -r '.state.annotations["org.example.key"]' "$doc")" value
	is "$s: state has the pid" "$(jq '.state.pid' "$doc")" "$(jq .pid "$doc")"
	is "$s: state has the status creating" "$(jq -r .state.status "$doc")" creating
}

wrong() {
	refuses "$place defaultAction: an unknown action MUST generate an error" \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_NOSUCH"}'
	refuses "$place action: an unknown action MUST generate an error" \
		".linux.seccomp = $(rule getpgid SCMP_ACT_NOSUCH)"
	refuses "$place architectures: an unknown one MUST generate an error" \
		".linux.seccomp = ($(rule getpgid SCMP_ACT_ERRNO) + {architectures: [\"SCMP_ARCH_NOSUCH\"]})"
	refuses "$place op: an unknown operator MUST generate an error" \
		".linux.seccomp = $(rule getpgid SCMP_ACT_ERRNO 'args: [{index: 0, value: 0, op: "SCMP_CMP_NO"}]')"
	refuses "$place names: MUST contain at least one entry" \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: [], action: "SCMP_ACT_ERRNO"}]}'
	refuses "$place errnoRet: with an action that has none MUST fail" \
		".linux.seccomp = $(rule getpgid SCMP_ACT_KILL_PROCESS 'errnoRet: 5')"
	refuses "$place defaultErrnoRet: with an action that has none MUST fail" \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 5,
		syscalls: [{names: ["getpgid"], action: "SCMP_ACT_ERRNO"}]}'
	refuses "$place listenerMetadata: MUST NOT be set without listenerPath" \
		".linux.seccomp = ($(rule getpgid SCMP_ACT_ERRNO) + {listenerMetadata: \"x\"})"
	refuses "$place flags: an unknown flag MUST generate an error" \
		".linux.seccomp = ($(rule getpgid SCMP_ACT_ERRNO) + {flags: [\"SECCOMP_FILTER_FLAG_NOSUCH\"]})"
}

shopt -s extglob
if [ ! -e /proc/sys/kernel/seccomp ]; then
	skip "$place" "the kernel has no seccomp"
	exit
fi
actions
defaults
arguments
flags_and_archs
notify
wrong
