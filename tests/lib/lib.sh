# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Shared by the tests that run real containers; source it first. It gives
#   the runtime   RUNTIME (a command line; default: $GREFFON, else the greffon at the top of the tree), rt;
#                 GREFFON_TEST_MODE=rootless: as a plain user, whose containers get a user namespace with his ids;
#                 GREFFON_TEST_ARGS: global flags for each of its calls, such as --systemd-cgroup
#   a work area   WORK, removed at exit together with every container, cgroup, mount and process made here
#   bundles       new_bundle, set_config, with_args; jq filters see $ENV.BUNDLE, $ENV.WORK and $ENV.ID
#   containers    ct_create, ct_start, ct_run, ct_delete, run_sh, run_probe, wait_gone, status_of
#   TAP           ok, is, like, skip, diag (no numbers: tests/conformance/run numbers the lines)

set -u
lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lib_top=$(cd "$lib_dir/../.." && pwd)
: "${GREFFON:=$lib_top/greffon}"
: "${RUNTIME:=$GREFFON}"
read -ra lib_runtime <<<"$RUNTIME ${GREFFON_TEST_ARGS:-}"

WORK=$(mktemp -d "${TMPDIR:-/tmp}/greffon-test-XXXXXX") || exit 1
chmod 711 "$WORK" # a container's mapped root has to reach its bundle
STATE=$WORK/state
# Every cgroup of a test lies below CG; a container's is given as CG_UNDER and its id. With the systemd driver CG is
# a slice, which has no '-' so that it lies in no other.
CG=/${WORK##*/} CG_UNDER=/${WORK##*/}/ lib_systemd='' lib_rootless='' lib_systemctl=(systemctl)
case ${GREFFON_TEST_MODE:-} in
rootless*) lib_rootless=1 lib_systemctl=(systemctl --user) ;;
esac
case " ${lib_runtime[*]} " in
*" --systemd-cgroup "*) CG=/greffontest${WORK##*-}.slice CG_UNDER=greffontest${WORK##*-}.slice:t: lib_systemd=1 ;;
esac
if [ -n "$lib_rootless" ]; then # below what is delegated: to the user's systemd, or beside ourselves
	lib_own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	if [ -n "$lib_systemd" ]; then
		CG=$(sed 's|\(/user@[0-9]*\.service\)/.*|\1|' <<<"$lib_own")$CG
	else
		CG=${lib_own%/*}$CG CG_UNDER=${lib_own%/*}$CG_UNDER
	fi
fi
# the driver's helper of a build that is not installed
[ ! -e "$(dirname "${lib_runtime[0]}")/greffon-systemd" ] ||
	export GREFFON_SYSTEMD_HELPER="${GREFFON_SYSTEMD_HELPER:-$(realpath "$(dirname "${lib_runtime[0]}")/greffon-systemd")}"
mkdir "$STATE"
export WORK STATE CG CG_UNDER
declare -A lib_live=()
lib_bg=()
lib_count=0
lib_failed=0

# ---- cleaning up -------------------------------------------------------------------------------

lib_cgroups() { # the directories of this test in every hierarchy
	local d
	for d in /sys/fs/cgroup"$CG" /sys/fs/cgroup/*"$CG"; do
		[ -d "$d" ] && echo "$d"
	done
}

lib_kill_cgroups() {
	local d f pid
	for d in $(lib_cgroups); do
		find "$d" -name freezer.state -exec sh -c 'echo THAWED >"$1"' _ {} \; 2>/dev/null
		find "$d" -name cgroup.freeze -exec sh -c 'echo 0 >"$1"' _ {} \; 2>/dev/null
		find "$d" -name cgroup.procs 2>/dev/null | while read -r f; do
			while read -r pid; do
				[ "$pid" -gt 1 ] && kill -KILL "$pid" 2>/dev/null
			done <"$f" 2>/dev/null # a threaded cgroup's has no answer
		done
	done
}

lib_rm_cgroups() {
	local d try
	for d in $(lib_cgroups); do
		for try in 1 2 3 4 5 6 7 8; do
			find "$d" -depth -type d -exec rmdir {} + 2>/dev/null
			[ -d "$d" ] || break
			sleep "0.0$try"
		done
	done
}

lib_umount() { # newest first, so that nested mounts go before what they are in
	local m
	awk -v w="$WORK/" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo | tac |
		while read -r m; do
			umount -l "$m" 2>/dev/null
		done
}

lib_cleanup() {
	trap '' INT TERM HUP
	trap - EXIT
	local id
	lib_kill_cgroups # first, as a delete may wait for its process
	for id in "${!lib_live[@]}"; do
		[ -e "$STATE/$id" ] && rt delete --force "$id" >/dev/null 2>&1 </dev/null
	done
	[ ${#lib_bg[@]} -gt 0 ] && kill -KILL "${lib_bg[@]}" 2>/dev/null
	lib_kill_cgroups
	[ -z "$lib_systemd" ] || "${lib_systemctl[@]}" stop "${CG##*/}" 2>/dev/null
	lib_rm_cgroups
	lib_umount
	rm -rf --one-file-system "$WORK" 2>/dev/null && return
	# files of the user's subordinate ids
	[ -z "$lib_rootless" ] || unshare --map-root-user --map-auto rm -rf --one-file-system "$WORK"
}
trap lib_cleanup EXIT
trap 'exit 130' INT HUP
trap 'exit 143' TERM

bg() { # bg CMD...: starts it in the background, to be ended by the cleanup at the latest
	"$@" &
	lib_bg+=($!)
	disown # its end is no news
}

# ---- TAP ---------------------------------------------------------------------------------------

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

pass() { echo "ok - $1"; }

fail() { # NAME [DIAGNOSTIC...]
	local line
	echo "not ok - $1"
	lib_failed=$((lib_failed + 1))
	shift
	for line in "$@"; do
		diag "  $line"
	done
	[ -s "$WORK/err" ] && head -c 600 "$WORK/err" | head -5 | sed 's/^/#   stderr: /'
	return 0
}

skip() { echo "ok - $1 # SKIP $2"; } # NAME MISSING-FACT

ok() { # NAME CMD...: the command has to succeed
	local name=$1
	shift
	if "$@" >"$WORK/ok.out" 2>&1; then
		pass "$name"
	else
		fail "$name" "failed: $*" "$(head -c 400 "$WORK/ok.out")"
	fi
}

not() { ! "$@"; }

is() { # NAME GOT WANTED
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "got '${2:0:400}'" "wanted '${3:0:400}'"
	fi
}

like() { # NAME GOT GLOB
	# shellcheck disable=SC2053
	if [[ $2 == $3 ]]; then
		pass "$1"
	else
		fail "$1" "got '${2:0:400}'" "wanted a match of '$3'"
	fi
}

# ---- root filesystem and bundle ----------------------------------------------------------------

lib_applets='[ awk cat chmod chown cmp cut dd echo env false grep head hostname id kill ln ls mkdir
	mknod mount nproc ps pwd readlink rm sed seq sh sleep sort stat test touch tr true tty umount
	uname wc'

make_template() { # DIR: a root filesystem of busybox and the probe
	local d=$1 a busybox
	busybox=$(command -v busybox) || { echo "Bail out! busybox-static is missing" >&2; exit 1; }
	mkdir -p "$d"/{bin,dev,etc,proc,sys,tmp,root,mnt}
	chmod 1777 "$d/tmp"
	cp "$busybox" "$d/bin/busybox"
	for a in $lib_applets; do
		ln -s busybox "$d/bin/$a"
	done
	[ -z "${PROBE:-}" ] || cp "$PROBE" "$d/bin/probe"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$d/etc/passwd"
	echo 'root:x:0:' >"$d/etc/group"
}

if [ -z "${LIB_TEMPLATE:-}" ]; then
	LIB_TEMPLATE=$WORK/template
	make_template "$LIB_TEMPLATE"
fi

# The default config: capabilities as engines give them, without CAP_SYS_RESOURCE and the like which
# the caller itself may lack; no network namespace, as making one is the slowest step.
lib_config='{
	ociVersion: "1.0.2",
	process: {
		terminal: false, user: {uid: 0, gid: 0}, args: ["/bin/true"], cwd: "/",
		env: ["PATH=/bin"], noNewPrivileges: true,
		capabilities: (["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
			"CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP",
			"CAP_SETUID", "CAP_SYS_CHROOT"] | {bounding: ., effective: ., permitted: .})
	},
	root: {path: "rootfs"},
	mounts: [
		{destination: "/proc", type: "proc", source: "proc"},
		{destination: "/dev", type: "tmpfs", source: "tmpfs",
			options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
		{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec",
			"newinstance", "ptmxmode=0666", "mode=0620"]},
		{destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec",
			"nodev", "mode=1777", "size=65536k"]},
		{destination: "/sys", type: "sysfs", source: "sysfs",
			options: ["nosuid", "noexec", "nodev", "ro"]}
	],
	linux: {
		cgroupsPath: "\($ENV.CG_UNDER)\($ENV.ID)",
		namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}]
	}
}'

new_bundle() { # [JQ-FILTER...]: a fresh bundle in BUNDLE with a fresh id in ID
	lib_count=$((lib_count + 1))
	ID=t$lib_count-${WORK##*-}
	BUNDLE=$WORK/b$lib_count
	ROOTFS=$BUNDLE/rootfs
	export ID BUNDLE ROOTFS
	mkdir "$BUNDLE" && cp -a "$LIB_TEMPLATE" "$ROOTFS"
	lib_filter=$lib_config
	lib_args=()
	set_config "$@"
}

set_config() { # JQ-FILTER...: changes the config that the next ct_* call writes
	local f
	for f in "$@"; do
		lib_filter="$lib_filter | $f"
	done
}

with_args() { lib_args=("$@"); } # the container's process.args

# What a plain user's container has: a user namespace, its root the user, with his ranges where he has some.
lib_user_namespace=.
if [ -n "$lib_rootless" ] && [ "$(id -u)" != 0 ]; then
	lib_map() { # ID FILE
		awk -F: -v me="$(id -un)" -v id="$1" '$1 == me { range = sprintf(", {containerID: 1, hostID: %d, size: %d}", $2, $3); exit }
			END { printf "[{containerID: 0, hostID: %d, size: 1}%s]", id, range }' "$2"
	}
	lib_user_namespace="if (.linux.namespaces | type) == \"array\" and (any(.linux.namespaces[]; .type? == \"user\") | not)
			and .linux.uidMappings == null and .linux.gidMappings == null
		then .linux.namespaces += [{type: \"user\"}] | .linux.uidMappings = $(lib_map "$(id -u)" /etc/subuid) |
			.linux.gidMappings = $(lib_map "$(id -g)" /etc/subgid) else . end"
fi

needs_root() { # NAME WHY: in the rootless mode skips, and is false
	[ -n "$lib_rootless" ] || return 0
	skip "$1" "$2"
	return 1
}

# Writes BUNDLE/config.json; the ct_* functions call it. jq 1.6 has doubles only: 2^64 - 1 is repaired.
write_config() {
	[ -z "$lib_rootless" ] || rm -f "$WORK/err" # it may have become the container's user's
	jq -n "$lib_filter | if (\$ARGS.positional | length) > 0
		then .process.args = \$ARGS.positional else . end | $lib_user_namespace" --args -- "${lib_args[@]}" |
		sed 's/\<18446744073709552000\>/18446744073709551615/' >"$BUNDLE/config.json"
}

# ---- containers --------------------------------------------------------------------------------

rt_options=() # more global options for rt
rt() { # the runtime, with its state in the work area; never for more than 20 s
	timeout --foreground -k 2 20 "${lib_runtime[@]}" --root "$STATE" "${rt_options[@]}" "$@"
}

# shellcheck disable=SC2120
# ct_create [OPTION...]: from BUNDLE as ID. The container writes BUNDLE/out and BUNDLE/log; pid in PID.
ct_create() {
	write_config
	ct_create_as_is "$@"
}

ct_create_as_is() { # the same, with the config.json that is there
	PID=
	lib_live[$ID]=1
	rt create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" "$@" "$ID" \
		>"$BUNDLE/out" 2>"$WORK/err" </dev/null || return
	PID=$(<"$BUNDLE/pid")
	[ -O "$WORK/err" ] || rm -f "$WORK/err" # the container's user's now
}

ct_start() { rt start "$ID" >>"$WORK/err" 2>&1 </dev/null; }

ct_delete() { # [OPTION...]
	rt delete "$@" "$ID" >"$WORK/err" 2>&1 </dev/null
}

ct_drop() { # whatever the state it is in
	ct_delete --force || ct_delete
	: >"$WORK/err"
}

# shellcheck disable=SC2120
ct_run() { # runs BUNDLE to its end; stdout and stderr in OUT, exit status in RC
	write_config
	lib_live[$ID]=1
	OUT=$(rt run --bundle "$BUNDLE" "$@" "$ID" 2>"$WORK/err" </dev/null)
	RC=$?
	[ ! -e "$STATE/$ID" ] || ct_drop
	return $RC
}

run_sh() { # SCRIPT [ARG...]: in a shell in the container; OUT, RC
	with_args /bin/sh -c "$1" sh "${@:2}"
	ct_run
}

run_probe() { # COMMAND [ARG...]
	with_args /bin/probe "$@"
	ct_run
}

val() { # KEY: the value of the first KEY=VALUE line of OUT
	local line
	while IFS= read -r line; do
		[ "${line%%=*}" = "$1" ] && [ "$line" != "$1" ] && echo "${line#*=}" && return
	done <<<"$OUT"
}

state_of() { rt state "$1" 2>>"$WORK/err" </dev/null; } # ID

status_of() { state_of "$1" | jq -r .status; }

proc_state() { # PID: the letter of /proc/PID/stat, X when it is gone
	local line
	[ -n "$1" ] || { echo X; return; }
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || { echo X; return; }
	line=${line##*) }
	echo "${line%% *}"
}

is_gone() { case $(proc_state "$1") in X | Z) return 0 ;; *) return 1 ;; esac; }

# wait_for CMD...: until it succeeds, 10 s at most
wait_for() {
	local i
	for ((i = 0; i < 400; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.025
	done
	return 1
}

wait_gone() { wait_for is_gone "$1"; } # PID

wait_text() { wait_for grep -q -e "$2" "$1"; } # FILE REGEX

cgroup_dir() { # PID CONTROLLER: the directory of its cgroup, whatever the version; 1 if none
	local line path
	while IFS=: read -r _ line path; do
		case ",$line," in
		*",$2,"*)
			[ -d "/sys/fs/cgroup/$2$path" ] && echo "/sys/fs/cgroup/$2$path" && return 0
			;;
		",,")
			for line in /sys/fs/cgroup /sys/fs/cgroup/unified; do
				[ -e "$line/cgroup.controllers" ] || continue
				grep -qw -e "$2" "$line/cgroup.controllers" && echo "$line$path" && return 0
			done
			;;
		esac
	done <"/proc/$1/cgroup"
	return 1
}

cg_name() { # ID: the last component of its cgroup
	[ -n "$lib_systemd" ] && echo "t-$1.scope" || echo "$1"
}

# clean_of ID BUNDLE: whether nothing of a container is left: state, cgroups, mounts
clean_of() {
	local left
	left=$(find /sys/fs/cgroup"$CG" /sys/fs/cgroup/*"$CG" -name "$(cg_name "$1")" -type d 2>/dev/null | head -1)
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
	grep -F " $2/" /proc/self/mountinfo && return 1
	[ ! -e "$STATE/$1" ] || { echo "left behind: $STATE/$1"; return 1; }
	if rt state "$1" >/dev/null 2>&1; then
		echo "state still answers"
		return 1
	fi
}

# refuses NAME JQ-FILTER...: create of such a bundle has to fail and to leave nothing behind
refuses() {
	local name=$1
	shift
	new_bundle "$@"
	ct_create
	refused "$name" $?
}

refused() { # NAME STATUS-OF-CREATE
	local left
	if [ "$2" -eq 0 ]; then
		ct_drop
		fail "$1" "the container was created"
	elif [ "$2" -ge 124 ] && [ "$2" -lt 255 ]; then # the time limit, or a signal
		ct_drop
		fail "$1" "the runtime ended with status $2"
	elif left=$(clean_of "$ID" "$BUNDLE"); then
		pass "$1"
	else
		fail "$1" "refused, but $left"
	fi
}
