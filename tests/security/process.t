#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The runtime's own image, descriptors and memory, seen from a container: CVE-2016-9962, CVE-2019-5736,
# CVE-2019-14271, CVE-2024-21626, CVE-2025-23266; and privileges that files of an image give.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/race.sh"

# A copy, which can be lost; in a folder that root may write to, as /usr/bin is.
mkdir "$WORK/bin"
cp "$(command -v "${lib_runtime[0]}")" "$WORK/bin/greffon"
lib_runtime[0]=$WORK/bin/greffon
IMAGE=$(sha256sum <"$WORK/bin/greffon")

image_whole() { is "$1: the runtime's file is what it was" "$(sha256sum <"$WORK/bin/greffon")" "$IMAGE"; }

# execs N: so many execs into the container in the background of what goes on in it
execs() {
	local i
	for ((i = 0; i < $1; i++)); do
		rt exec "$ID" /bin/true >/dev/null 2>&1 </dev/null
	done
}

# CVE-2019-5736: the program is /proc/self/exe, directly or as an interpreter.
self_exe() {
	hostile
	with_args /proc/self/exe --version
	ct_run
	image_whole "args[0] is /proc/self/exe (status $RC)"
	printf '#!/proc/self/exe\n' >"$ROOTFS/bin/script"
	chmod 755 "$ROOTFS/bin/script"
	with_args /bin/script
	ct_run
	image_whole "the interpreter is /proc/self/exe (status $RC)"
}

# CVE-2019-5736: a process of the container holds the image of whoever enters, and writes to it afterwards.
overwrite() { # NAME CAPS
	hostile ".process.capabilities |= map_values(. + $2)"
	with_args /bin/sh -c "/bin/attacker exe $RACE_SECONDS >/out; sleep 60"
	ct_create && ct_start || { fail "$1" "no container"; return; }
	local end=$((SECONDS + RACE_SECONDS))
	while [ "$SECONDS" -lt "$end" ]; do
		execs 5
	done
	wait_text "$ROOTFS/out" written=
	is "$1: nothing is written to an image" "$(sed -n 's/^written=//p' "$ROOTFS/out")" 0
	diag "  looked $(sed -n 's/^seen=//p' "$ROOTFS/out") times; $(grep -c ^image= "$ROOTFS/out") foreign images"
	ct_drop
	image_whole "$1"
}

# CVE-2024-21626: directories that the caller has open, and the runtime's own.
descriptors() {
	local n bad='' out
	hostile
	write_config
	lib_live[$ID]=1
	for ((n = 20; n < 220; n++)); do
		eval "exec $n<\"\$CANARY\""
	done
	for ((n = 3; n < 60; n++)); do
		set_config ".process.cwd = \"/proc/self/fd/$n\""
		with_args /bin/sh -c 'pwd; cat secret ../secret ../../secret'
		ct_run
		case $OUT in *host-secret*) bad+="cwd $n: $OUT; " ;; esac
		[ "$RC" -eq 1 ] || bad+="cwd $n: status $RC; "
	done
	is "cwd /proc/self/fd/N is refused, whatever N is" "$bad" ""
	like "the error names process.cwd" "$(<"$WORK/err")" "*process.cwd*"
	hostile
	with_args /bin/sh -c 'for f in /proc/self/fd/*; do readlink $f; done | grep -vE "^(/dev/null|pipe:.*|.*/(out|err)|/proc/[0-9]+/fd)$"; sleep 20'
	ct_create
	out=$(find "/proc/$PID/fd" -lname "$CANARY*" -o -lname '/sys/fs/cgroup*')
	is "a created container holds no folder of the host" "$out" ""
	ct_start
	bad=''
	for n in 3 4 5 6 7 8 9 10 20 21 100 219; do
		out=$(rt exec --cwd "/proc/self/fd/$n" "$ID" /bin/sh -c 'cat secret ../secret' 2>"$WORK/err" </dev/null)
		[ $? -ne 0 ] && [ -z "$out" ] || bad+="$n: '$out'; "
	done
	is "exec --cwd /proc/self/fd/N neither" "$bad" ""
	is "exec: no descriptor but its stdio" \
		"$(rt exec "$ID" /bin/sh -c 'ls /proc/self/fd' 2>"$WORK/err" </dev/null | tr '\n' ' ')" "0 1 2 3 "
	is "run: no descriptor but its stdio" "$(grep -v '^/proc' "$BUNDLE/out")" ""
	ct_drop
	with_args /proc/self/fd/20/bin/true
	ct_run
	is "args[0] through a descriptor does not run" "$RC" 1
	for ((n = 20; n < 220; n++)); do
		eval "exec $n<&-"
	done
}

# CVE-2016-9962: the process that enters holds folders of the host; the container's root looks for them.
spying() { # NAME CAPS
	hostile ".process.capabilities |= map_values(. + $2)"
	with_args /bin/sh -c "/bin/attacker spy secret $RACE_SECONDS >/out; sleep 60"
	ct_create && ct_start || { fail "$1" "no container"; return; }
	local end=$((SECONDS + RACE_SECONDS)) n
	while [ "$SECONDS" -lt "$end" ]; do
		(
			cd "$CANARY" || exit
			for n in 10 11 12 13; do eval "exec $n<."; done
			execs 5
		)
	done
	wait_text "$ROOTFS/out" "^found=[0-9]*$"
	is "$1" "$(grep ^found= "$ROOTFS/out" | sort | uniq -c | xargs)" "1 found=0"
	ct_drop
	untouched "$1: the host is as it was"
}

# CVE-2019-14271, CVE-2025-23266: nothing of the image is loaded or read by a privileged process.
libraries() {
	local f
	hostile '.process.env += ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/", "LD_AUDIT=/evil.so", "GCONV_PATH=/", "BASH_ENV=/evil"]
		| .hooks = {createContainer: [{path: "/bin/sh", args: ["sh", "-c", "env >\($ENV.BUNDLE)/hook; pwd >>\($ENV.BUNDLE)/hook"]}]}'
	mkdir -p "$ROOTFS/lib/x86_64-linux-gnu" "$ROOTFS/etc"
	for f in etc/ld.so.preload etc/nsswitch.conf lib/libc.so.6 lib/libnss_files.so.2 lib/x86_64-linux-gnu/libc.so.6; do
		mkdir -p "$(dirname "$ROOTFS/$f")"
		echo '/evil.so' >"$ROOTFS/$f"
	done
	with_args /bin/true
	ct_run
	is "an image with libraries and preloads of its own: status" "$RC" 0
	is "a hook sees nothing of the image's environment" "$(grep -c evil "$BUNDLE/hook")" 0
	like "a hook works in the bundle" "$(tail -n 1 "$BUNDLE/hook")" "$BUNDLE*"
	local kind before
	for kind in fifo zero sparse loop; do
		hostile
		rm "$ROOTFS/etc/passwd"
		case $kind in
		fifo) mkfifo "$ROOTFS/etc/passwd" ;;
		zero) ln -s /dev/zero "$ROOTFS/etc/passwd" ;;
		sparse) truncate -s 2G "$ROOTFS/etc/passwd" ;;
		loop) ln -s passwd "$ROOTFS/etc/passwd" ;;
		esac
		with_args /bin/sh -c 'echo $HOME'
		before=$SECONDS
		ct_run
		is "/etc/passwd of the image is a $kind: HOME" "$OUT" /
		ok "/etc/passwd of the image is a $kind: no hang" test $((SECONDS - before)) -lt 8
	done
}

# Set-user-id, set-group-id and capabilities of an image's files: noNewPrivileges and nosuid keep them from working, and where
# the config has neither they work as anywhere.
set_ids() {
	local f wanted run='for f in uid gid caps; do /mnt/$f ids; done'
	hostile '.process.user = {uid: 1000, gid: 1000}'
	mkdir "$BUNDLE/files"
	for f in uid gid caps; do cp "$ATTACKER" "$BUNDLE/files/$f"; done
	chmod 4755 "$BUNDLE/files/uid"
	chown 0:0 "$BUNDLE/files/gid" && chmod 2755 "$BUNDLE/files/gid"
	if ! setcap cap_chown,cap_setuid+ep "$BUNDLE/files/caps" 2>"$WORK/setcap"; then
		run=${run/ caps/}
		skip "a file with capabilities" "setcap: $(<"$WORK/setcap")"
	fi
	set_config '.mounts += [{destination: "/mnt", type: "bind", source: "\($ENV.BUNDLE)/files", options: ["bind"]}]
		| .process.capabilities = {bounding: ["CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"]}'
	wanted=$'1000 1000 0000000000000000\n1000 1000 0000000000000000\n1000 1000 0000000000000000'
	[[ $run == *caps* ]] || wanted=${wanted%$'\n'*}
	run_sh "$run"
	is "noNewPrivileges: a user gains nothing by files of the image" "$OUT" "$wanted"
	with_args /bin/sleep 60
	ct_create && ct_start
	is "... nor does who enters" "$(rt exec "$ID" /bin/sh -c "$run" 2>"$WORK/err" </dev/null)" "$wanted"
	ct_drop
	set_config '.process.noNewPrivileges = false'
	run_sh "$run"
	like "without it they do what they say" "$OUT" $'0 1000 00000000000000c1\n1000 0 0000000000000000*'
	[[ $run != *caps* ]] || is "... and capabilities of files" "$(tail -n 1 <<<"$OUT")" "1000 1000 0000000000000081"
	set_config '.mounts[-1].options += ["nosuid"]'
	run_sh "$run"
	is "nosuid: a user gains nothing by files of that mount" "$OUT" "$wanted"
}

self_exe
overwrite "who enters is not overwritten" '[]'
overwrite "who enters is not overwritten by one with CAP_SYS_ADMIN" '["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]'
descriptors
spying "who enters shows no folder of the host" '[]'
libraries
set_ids
