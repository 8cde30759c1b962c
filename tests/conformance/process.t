#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config.md#process: arguments, environment, user, capabilities, limits, and runtime-linux.md: descriptors.
. "$(dirname "$0")/../lib/lib.sh"

arguments() {
	new_bundle '.process.env = ["PATH=/bin", "B=two words", "EMPTY=", "a_1=x=y"]'
	run_probe argv one 'two words' '' '-x' $'line\nbreak' '*' '"'
	is "config.md#process args: are handed over as they are" "$OUT" \
		$'argv0=[argv]\nargv1=[one]\nargv2=[two words]\nargv3=[]\nargv4=[-x]\nargv5=[line\nbreak]\nargv6=[*]\nargv7=["]'
	run_probe env
	is "config.md#process env: the environment is what the config lists" \
		"$(grep -v '^HOME=' <<<"$OUT" | sort)" "$(sort <<<$'PATH=/bin\nB=two words\nEMPTY=\na_1=x=y')"
	OUTER=leak run_probe env
	ok "config.md#process env: the caller's variables are not in it" not grep -q OUTER <<<"$OUT"
}

exit_status() {
	new_bundle
	run_sh 'exit 42'
	is "runtime.md#start: runs the program as specified: its exit status" "$RC" 42
	new_bundle '.process.args = ["only-here", "arg"]' '.process.env = ["PATH=/opt/none:/opt/x:/bin"]'
	mkdir -p "$ROOTFS/opt/x"
	printf '#!/bin/sh\necho "found $1"\n' >"$ROOTFS/opt/x/only-here"
	chmod +x "$ROOTFS/opt/x/only-here"
	ct_run
	is "config.md#process args: a name without slash is looked up in the PATH of process.env" "$OUT" \
		"found arg"
	new_bundle '.process.args = ["./only-here", "arg"] | .process.cwd = "/opt/x"'
	mkdir -p "$ROOTFS/opt/x"
	printf '#!/bin/sh\necho "found $1"\n' >"$ROOTFS/opt/x/only-here"
	chmod +x "$ROOTFS/opt/x/only-here"
	ct_run
	is "config.md#process args: a relative path is taken from cwd" "$OUT" "found arg"
}

working_directory() {
	new_bundle '.process.cwd = "/opt/work dir"'
	mkdir -p "$ROOTFS/opt/work dir"
	run_sh 'pwd -P'
	is "config.md#process cwd: is the working directory" "$OUT" "/opt/work dir"
	new_bundle '.process.cwd = "/mnt/in"' \
		'.mounts += [{destination: "/mnt", type: "bind", source: "src", options: ["bind"]}]'
	mkdir -p "$BUNDLE/src/in"
	run_sh 'pwd -P'
	is "config.md#process cwd: is resolved with the mounts in place" "$OUT" "/mnt/in"
	new_bundle '.process.cwd = "/missing/in it" | .root.readonly = true'
	run_sh 'pwd; touch here 2>/dev/null || echo read-only'
	is "config.md#process cwd: a missing one is made, below a read-only root as well (not in the text; engines rely on it)" "$OUT" "/missing/in it
read-only"
	new_bundle '.process.cwd = "/link"'
	ln -s /opt "$ROOTFS/link"
	mkdir "$ROOTFS/opt"
	run_sh 'pwd -P'
	is "config.md#process cwd: a symlink is resolved inside the container" "$OUT" "/opt"
}

user() {
	local large=70000
	[ -z "$lib_rootless" ] || large=65000 # a user's range has 65536
	new_bundle ".process.user = {uid: 1234, gid: 567, additionalGids: [5, 100, $large]}"
	run_sh 'grep -e ^Uid -e ^Gid -e ^Groups /proc/self/status'
	is "config.md#user uid: real, effective, saved and file system" \
		"$(awk '/^Uid/ { print $2, $3, $4, $5 }' <<<"$OUT")" "1234 1234 1234 1234"
	is "config.md#user gid: real, effective, saved and file system" \
		"$(awk '/^Gid/ { print $2, $3, $4, $5 }' <<<"$OUT")" "567 567 567 567"
	is "config.md#user additionalGids: are added to the process" "$(awk '/^Groups/ {
		for (i = 2; i <= NF; i++) if ($i != 567) printf "%s ", $i }' <<<"$OUT")" "5 100 $large "
	new_bundle '.process.user = {uid: 0, gid: 0}'
	run_sh 'grep ^Groups /proc/self/status'
	is "config.md#user additionalGids: absent, the caller's groups are not kept" \
		"$(awk '/^Groups/ { for (i = 2; i <= NF; i++) if ($i != 0) printf "%s ", $i }' <<<"$OUT")" ""
	masks
}

masks() {
	local m
	for m in 0 22 77; do
		new_bundle ".process.user.umask = $((8#$m))"
		run_sh 'umask'
		is "config.md#user umask: $m is set" "$((8#$OUT))" "$((8#$m))"
	done
	new_bundle
	OUT=$(umask 027 && run_sh umask && echo "$OUT")
	is "config.md#user umask: unspecified, the caller's SHOULD NOT be changed" "$((8#${OUT:-0}))" \
		"$((8#27))"
}

cap_bits() { # CAP...: as /proc/PID/status prints a set
	local n mask=0
	for n; do
		mask=$((mask | 1 << n))
	done
	printf '%016x\n' $mask
}

capabilities() {
	new_bundle '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_MKNOD"],
		permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], effective: ["CAP_CHOWN", "CAP_KILL"],
		inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"]} | .process.user.uid = 1000'
	run_sh 'grep ^Cap /proc/self/status'
	is "config.md#process capabilities.bounding: is the set" "$(awk '/^CapBnd/ { print $2 }' <<<"$OUT")" \
		"$(cap_bits 0 5 7 27)"
	is "config.md#process capabilities.inheritable: is the set" \
		"$(awk '/^CapInh/ { print $2 }' <<<"$OUT")" "$(cap_bits 0)"
	is "config.md#process capabilities.ambient: is the set" \
		"$(awk '/^CapAmb/ { print $2 }' <<<"$OUT")" "$(cap_bits 0)"
	is "config.md#process capabilities: of another user, ambient ones are permitted and effective" \
		"$(awk '/^Cap(Prm|Eff)/ { printf "%s ", $2 }' <<<"$OUT")" "$(cap_bits 0) $(cap_bits 0) "
	new_bundle '.process.capabilities |= map_values(["CAP_CHOWN", "CAP_KILL"])'
	run_sh 'grep ^Cap /proc/self/status'
	is "config.md#process capabilities.permitted: is the set" \
		"$(awk '/^CapPrm/ { print $2 }' <<<"$OUT")" "$(cap_bits 0 5)"
	is "config.md#process capabilities.effective: is the set" \
		"$(awk '/^CapEff/ { print $2 }' <<<"$OUT")" "$(cap_bits 0 5)"
	no_capabilities
}

no_capabilities() {
	new_bundle '.process.capabilities = {}'
	run_sh 'grep ^Cap /proc/self/status'
	is "config.md#process capabilities: empty sets are empty" \
		"$(awk '/^Cap/ { print $2 }' <<<"$OUT" | sort -u)" 0000000000000000
	new_bundle '.process.capabilities.bounding += ["CAP_NOT_YET_THERE"]'
	ok "config.md#process capabilities: one that is unknown SHOULD NOT fail" ct_run
	rt_options=(--debug --log "$WORK/log") # what a runtime shows by default is its own choice
	ct_run
	rt_options=()
	like "config.md#process capabilities: one that is unknown MUST be logged as a warning" \
		"$(cat "$WORK/log" "$WORK/err")" '*CAP_NOT_YET_THERE*'
	ungrantable
}

ungrantable() {
	local bound name="config.md#process capabilities: one that cannot be granted SHOULD NOT fail"
	bound=$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
	if [ $((16#$bound >> 24 & 1)) = 1 ]; then
		skip "$name" "the caller has CAP_SYS_RESOURCE"
		return
	fi
	new_bundle '.process.capabilities |= map_values(. + ["CAP_SYS_RESOURCE"])'
	ok "$name" ct_run
}

limits() {
	new_bundle '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 512, hard: 1000},
		{type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_STACK", soft: 4194304, hard: 8388608},
		{type: "RLIMIT_RTTIME", soft: 1000000, hard: 2000000},
		{type: "RLIMIT_CPU", soft: 1000, hard: 18446744073709551615}]'
	local mem
	mem=$(ulimit -Ht)
	[ "$mem" = unlimited ] || set_config 'del(.process.rlimits[4])'
	run_probe rlimits
	is "config.md#process rlimits: RLIMIT_NOFILE soft and hard" "$(val NOFILE)" "512 1000"
	is "config.md#process rlimits: RLIMIT_CORE of zero" "$(val CORE)" "0 0"
	is "config.md#process rlimits: RLIMIT_STACK" "$(val STACK)" "4194304 8388608"
	is "config.md#process rlimits: RLIMIT_RTTIME" "$(val RTTIME)" "1000000 2000000"
	if [ "$mem" = unlimited ]; then
		is "config.md#process rlimits: the largest number is no limit" "$(val CPU)" \
			"1000 18446744073709551615"
	else
		skip "config.md#process rlimits: the largest number is no limit" "RLIMIT_CPU is limited here"
	fi
	all_types
}

# Every name of getrlimit(2), with the values that the caller has: none of them needs a privilege.
all_types() {
	local types='' pair n v
	OUT=$("$PROBE" rlimits)
	for pair in $(sed -e 's/ /:/' <<<"$OUT"); do
		n=${pair%%=*} v=${pair#*=}
		types+="${types:+,}{type: \"RLIMIT_$n\", soft: ${v%:*}, hard: ${v#*:}}"
	done
	local before=$OUT
	new_bundle ".process.rlimits = [$types]"
	run_probe rlimits
	is "config.md#process rlimits: every type of getrlimit(3) MUST succeed" "$OUT" "$before"
}

flags() {
	new_bundle '.process.noNewPrivileges = true'
	run_sh 'grep ^NoNewPrivs /proc/self/status'
	is "config.md#process noNewPrivileges: true sets it" "${OUT//[!0-9]/}" 1
	new_bundle '.process.noNewPrivileges = false'
	run_sh 'grep ^NoNewPrivs /proc/self/status'
	is "config.md#process noNewPrivileges: false leaves it" "${OUT//[!0-9]/}" 0
	local now
	now=$(</proc/self/oom_score_adj)
	new_bundle ".process.oomScoreAdj = $((now + 100))"
	run_sh 'cat /proc/self/oom_score_adj'
	is "config.md#process oomScoreAdj: MUST be the given value" "$OUT" "$((now + 100))"
	new_bundle
	run_sh 'cat /proc/self/oom_score_adj'
	is "config.md#process oomScoreAdj: not set, MUST NOT be changed" "$OUT" "$now"
}

descriptors() {
	new_bundle
	with_args /bin/probe fds
	exec 7</dev/null 8>"$WORK/leak"
	ct_run
	exec 7<&- 8>&-
	is "runtime-linux.md#file-descriptors: only stdin, stdout and stderr are kept open" "$(val fds)" "0 1 2 "
	new_bundle
	with_args /bin/probe fds
	ct_create
	ct_start
	wait_gone "$PID"
	is "runtime-linux.md#file-descriptors: the same with create and start" "$(cat "$BUNDLE/out")" \
		"fds=0 1 2 "
	ct_drop
	new_bundle
	run_sh 'for l in fd stdin stdout stderr; do echo "$l=$(readlink /dev/$l)"; done'
	is "runtime-linux.md#dev-symbolic-links: /dev/fd MUST be there" "$(val fd)" /proc/self/fd
	is "runtime-linux.md#dev-symbolic-links: /dev/stdin MUST be there" "$(val stdin)" /proc/self/fd/0
	is "runtime-linux.md#dev-symbolic-links: /dev/stdout MUST be there" "$(val stdout)" /proc/self/fd/1
	is "runtime-linux.md#dev-symbolic-links: /dev/stderr MUST be there" "$(val stderr)" /proc/self/fd/2
}

# The program starts with the dispositions and the mask of a fresh process, whatever the caller's are.
signal_state() {
	new_bundle
	run_sh 'grep -e ^SigBlk /proc/self/status'
	is "runtime.md#start: the program starts with no signal blocked" "${OUT##*[[:space:]]}" \
		0000000000000000
}

attributes() {
	local pair now
	for pair in LINUX:0 LINUX32:0x8; do
		new_bundle ".linux.personality = {domain: \"${pair%:*}\"}"
		run_probe attrs
		is "config-linux.md#personality: ${pair%:*} is set" "$(val personality)" "${pair#*:}"
	done
	new_bundle '.process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
	run_probe attrs
	is "config.md#process scheduler: SCHED_BATCH with its nice value" "$(val policy) $(val nice)" "3 5"
	new_bundle '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	run_probe attrs
	is "config.md#process ioPriority: class and level are set" "$(val ioprio)" "$((2 << 13 | 6))"
	now=$("$PROBE" attrs | sed -n 's/^policy=//p')
	new_bundle
	run_probe attrs
	is "config.md#process scheduler: not set, the policy is the caller's" "$(val policy)" "$now"
}

arguments
exit_status
working_directory
user
capabilities
limits
flags
descriptors
signal_state
attributes
