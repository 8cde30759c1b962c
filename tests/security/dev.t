#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# /dev/null as the source of masks, the console, the terminals: CVE-2025-31133, CVE-2025-52565.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/race.sh"

no_dev='del(.mounts[] | select(.destination | startswith("/dev")))'

# CVE-2025-31133: what hides a file must not come from the image.
masks_fixed() {
	local what bad=''
	for what in canary proc regular missing directory zero; do
		hostile "$no_dev" '.linux.maskedPaths = ["/etc/hidden", "/proc/kcore", "/etc/hidden.d"]'
		echo to-be-hidden >"$ROOTFS/etc/hidden"
		mkdir "$ROOTFS/etc/hidden.d" && touch "$ROOTFS/etc/hidden.d/f"
		case $what in
		canary) ln -s "$CANARY/secret" "$ROOTFS/dev/null" ;;
		proc) ln -s /proc/sys/kernel/hostname "$ROOTFS/dev/null" ;;
		regular) echo from-image >"$ROOTFS/dev/null" ;;
		directory) mkdir "$ROOTFS/dev/null" ;;
		zero) mknod "$ROOTFS/dev/null" c 1 5 ;;
		esac
		with_args /bin/sh -c 'cat /etc/hidden; ls /etc/hidden.d; stat -c "%F %t:%T" /etc/hidden; head -c 1 /proc/kcore'
		ct_run
		# refused, or hidden by the true null device
		[ "$RC" -eq 1 ] || [ "$OUT" = "character special file 1:3" ] || bad+="$what: status $RC, '$OUT'; "
		[ "$(canary_state)" = "$CANARY_BEFORE" ] || bad+="$what: the canary; "
	done
	is "masks when /dev/null of the image is something else" "$bad" ""
}

masks_race() {
	hostile "$no_dev" '.linux.maskedPaths = ["/etc/hidden", "/etc/hidden2"]'
	echo to-be-hidden | tee "$ROOTFS/etc/hidden" >"$ROOTFS/etc/hidden2"
	mknod "$ROOTFS/dev/null" c 1 3
	ln -s "$CANARY/secret" "$ROOTFS/dev/null2"
	with_args /bin/sh -c 'for f in /etc/hidden /etc/hidden2; do
		[ "$(stat -c %t:%T $f)" = 1:3 ] || echo "ESCAPED $(stat -c "%F %t:%T" $f)"; done'
	swaps "$ROOTFS/dev/null" "$ROOTFS/dev/null2"
	race "masks while /dev/null of the image is exchanged"
}

# What is unlinked can't be bound any more, which looks as if the path to be masked were not there.
masks_unlinked() {
	hostile "$no_dev" '.linux.maskedPaths = ["/proc/version", "/proc/cmdline", "/proc/meminfo", "/proc/uptime", "/etc/hidden"]'
	echo to-be-hidden >"$ROOTFS/etc/hidden"
	with_args /bin/sh -c 'for f in /proc/version /proc/cmdline /proc/meminfo /proc/uptime /etc/hidden; do
		[ "$(stat -c %t:%T $f)" = 1:3 ] || echo "ESCAPED $f $(stat -c "%F %t:%T" $f)"; done'
	attacks null "$ROOTFS/dev/null"
	race "masks while /dev/null of the image comes and goes"
}

# CVE-2025-52565: the console's name leads elsewhere.
console() { # NAME-SUFFIX
	"$PROBE" console "$BUNDLE/console" >"$BUNDLE/received" 2>&1 &
	lib_bg+=($!)
	disown
	wait_text "$BUNDLE/received" listening
}

terminals_fixed() {
	local name bad=''
	[ -n "${PROBE:-}" ] || { skip "terminals" "run it by tests/conformance/run"; return; }
	for name in console ptmx pts; do
		hostile "$no_dev" '.process.terminal = true'
		ln -s "$CANARY/$name" "$ROOTFS/dev/$name"
		with_args /bin/sh -c 'echo ESCAPE >/dev/console'
		console
		ct_create --console-socket "$BUNDLE/console" && ct_start
		wait_for stopped
		ct_drop
		[ "$(canary_state)" = "$CANARY_BEFORE" ] || bad+="$name: the canary; "
	done
	is "a terminal when /dev/console, /dev/ptmx or /dev/pts is a link to the host" "$bad" ""
}

stopped() { [ "$(status_of "$ID")" != running ]; }

terminals_race() {
	[ -n "${PROBE:-}" ] || return
	hostile "$no_dev" '.process.terminal = true'
	mkdir -p "$ROOTFS/dev/pts"
	touch "$ROOTFS/dev/console"
	ln -s "$CANARY/console" "$ROOTFS/dev/console2"
	ln -s "$CANARY/pts" "$ROOTFS/dev/pts2"
	ln -s "$CANARY/ptmx" "$ROOTFS/dev/ptmx"
	touch "$ROOTFS/dev/ptmx2"
	with_args /bin/sh -c 'echo ESCAPE >/dev/console'
	swaps "$ROOTFS/dev/console" "$ROOTFS/dev/console2" "$ROOTFS/dev/pts" "$ROOTFS/dev/pts2" \
		"$ROOTFS/dev/ptmx" "$ROOTFS/dev/ptmx2"
	local end=$((SECONDS + RACE_SECONDS)) runs=0
	while [ "$SECONDS" -lt "$end" ]; do
		rm -f "$BUNDLE/console"
		console
		ct_create --console-socket "$BUNDLE/console" && ct_start
		ct_drop
		runs=$((runs + 1))
	done
	swaps_end
	diag "  $runs runs"
	untouched "terminals while /dev/console, /dev/ptmx and /dev/pts are exchanged for links"
}

masks_fixed
masks_race
masks_unlinked
terminals_fixed
terminals_race
