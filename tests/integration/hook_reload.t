#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Which runtimes keep, behind greffon's precreate hook, what systemd makes anew: under podman with the systemd driver, on a
# node that pretends, a device of the config after daemon-reload. What runc and crun do is told, not judged.
# In the emulated VM it takes four minutes.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

HOOK=${GREFFON_HOOK:-$(realpath "$(dirname "$(command -v "${lib_runtime[0]}")")/greffon-hook")}

pd() { # RUNTIME WORD...
	timeout --foreground -k 5 120 podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" --storage-driver vfs \
		--cgroup-manager systemd --events-backend file --runtime "$1" --hooks-dir "$PD/hooks" "${@:2}" 2>>"$WORK/err"
}

pd_start() {
	PD=$WORK/podman
	mkdir -p "$PD"/{root,run,tmp,hooks}
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >"$PD/containers.conf"
	export CONTAINERS_CONF=$PD/containers.conf
	# podman gives the runtime no environment
	printf '#!/bin/sh\nGREFFON_SYSTEMD_HELPER=%s exec %s "$@"\n' "${GREFFON_SYSTEMD_HELPER:-}" \
		"$(realpath "$(command -v "${lib_runtime[0]}")")" >"$PD/greffon"
	chmod 755 "$PD/greffon"
	trap 'pd runc rm --all --force --time 0 >/dev/null; unpretend; lib_cleanup' EXIT
	"${lib_runtime[0]}" graft hook-config --stage precreate --hook "$HOOK" >"$PD/hooks/greffon.json" &&
		tar -C "$LIB_TEMPLATE" -c . | pd runc import - localhost/bb:1 >"$WORK/out"
}

# What the granted GPU and the other one answer: before, and after a daemon-reload.
answers() { # RUNTIME
	local open='/bin/probe open /dev/nvidia0 rw /dev/nvidia1 rw'
	: >"$WORK/err"
	pd "$1" run -d --name c --network none --annotation "$a.gpu=0" localhost/bb:1 \
		/bin/sh -c 'mknod /dev/nvidia1 c 195 1; exec sleep 600' >"$WORK/out" || return
	sleep 1
	pd "$1" exec c /bin/sh -c "$open" | xargs
	systemctl daemon-reload
	pd "$1" exec c /bin/sh -c "$open" | xargs
	pd "$1" rm -f -t 0 c >/dev/null
}

both() { # NAME RUNTIME
	local got
	got=$(answers "$2")
	is "$1: the GPU opens, the other one does not" "$(head -n 1 <<<"$got")" "/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=EPERM"
	after=$(sed -n 2p <<<"$got")
}

told() { # NAME RUNTIME
	command -v "$2" >/dev/null || { skip "$1" "$2 is not installed"; return; }
	both "$1" "$2"
	diag "$($2 --version | head -n 1), $1, after daemon-reload: $after"
	like "$1: the other one does not after daemon-reload either" "$after" "*/dev/nvidia1:rw=EPERM"
}

if [ "$(id -u)" != 0 ] || [ "${GREFFON_TEST_MODE:-}" != systemd ]; then
	skip "a graft by precreate and daemon-reload" "no systemd driver in this mode (tests/run --vm systemd)"
elif ! command -v podman >/dev/null || ! command -v runc >/dev/null; then
	skip "a graft by precreate and daemon-reload" "podman or runc is not installed"
elif ! { mkdir -p /run/greffon && mount -t tmpfs -o mode=700 records /run/greffon && pretend; } >"$WORK/pretend.log" 2>&1; then
	skip "a graft by precreate and daemon-reload" "a node that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
elif ! pd_start; then
	fail "podman: an image"
else
	both "precreate, greffon" "$PD/greffon"
	is "precreate, greffon: daemon-reload changes nothing" "$after" "/dev/nvidia0:rw=ENXIO /dev/nvidia1:rw=EPERM"
	told "precreate, runc without links in /dev/char" runc
	told "precreate, crun" crun
	mkdir -p /dev/char
	for node in nvidia0:195:0 nvidiactl:195:255 nvidia-uvm:510:0; do ln -s "../${node%%:*}" "/dev/char/${node#*:}"; done
	told "precreate, runc with links in /dev/char" runc
fi
