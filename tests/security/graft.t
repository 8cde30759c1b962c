#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Grafts that greffon makes itself, at create and into a running container, and by CDI names, in the hands of an image or a
# container that means ill: CVE-2024-0132, CVE-2024-0133 and those after it, CVE-2025-23267, CVE-2025-23359,
# CVE-2026-24260. hook.t does the same with greffon-hook; SECURITY.md has the rules and what attacks each.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"
. "$(dirname "$0")/race.sh"

usual=(gpu=0 'rdma=mlx5_0;curtain;libs=none') # libibverbs and what it needs takes a while
ask=("${usual[@]}")
# The image's own /dev, /sys and /etc: nothing of the config's lies over what the image holds.
own_proc='.mounts |= map(select(.destination == "/proc"))'
# A mount of the host's root, or of the canary, or of anything that nobody asked for. In a container.
host_root=$(awk '$5 == "/" { at = $3 " " $4 } END { print at }' /proc/self/mountinfo)
# What is allowed: the nodes, the driver's library, the loader's cache, and libibverbs with what it needs.
strays() { # a program for awk over a mountinfo
	cat <<-END
		\$3 " " \$4 == "$host_root" { print "ESCAPED " \$4 " on " \$5; next }
		\$4 ~ /${WORK##*/}\/b[0-9]+\/rootfs/ || \$4 == "/" || \$5 == "/" || \$5 ~ /^\/proc/ { next }
		\$4 ~ /^\/(null\$|nvidia|infiniband\/|libcuda|ld\.so\.cache)/ { next }
		\$4 ~ /^\/usr\/lib\/[^\/]*\/lib[^\/]*\.so[.0-9]*\$/ || \$4 ~ /\/lib(ibverbs|ibverbs\/lib[^\/]*\.so)\$/ { next }
		\$4 ~ /\/etc\/libibverbs\.d\$/ { next }
		{ print "ESCAPED " \$4 " on " \$5 }
	END
}

victim() { # JQ-FILTER...
	hostile "$deny" "$(annotate "${ask[@]}")" "$own_proc" "$@"
	image_libc
	mkdir -p "$ROOTFS/etc" "$ROOTFS/dev"
	strays >"$ROOTFS/strays"
	with_args /bin/sh -c 'awk -f /strays /proc/self/mountinfo; cat /etc/secret /dev/secret /sys/class/secret /dev/.greffon/secret 2>/dev/null; true'
}

control() {
	victim
	mkdir -p "$ROOTFS/mnt"
	set_config ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$CANARY\", options: [\"bind\"]}]"
	ct_run
	like "a mount of the canary would be seen" "$OUT" "*ESCAPED * on /mnt*"
	victim '.mounts += [{destination: "/mnt", type: "bind", source: "/", options: ["bind"]}]'
	ct_run
	like "... and one of the host's root" "$OUT" "*ESCAPED / on /mnt*"
	victim
	ct_run
	is "the graft without an attacker brings nothing else (status $RC)" "$RC $OUT" "0 "
}

# A container's root can write to nothing that is grafted, nor change a node of the host.
attributes() {
	local touch='for f in /dev/.greffon/lib/* /etc/ld.so.cache /etc/libibverbs.d /usr/lib/*/libibverbs; do
		[ -e $f ] || continue
		chmod 777 $f 2>/dev/null && echo "ESCAPED chmod $f"; (echo >>$f) 2>/dev/null && echo "ESCAPED wrote $f"
		awk -v f="$f" "\$5 == f && \$6 !~ /ro,nosuid,nodev/ { print \"ESCAPED \" f \" \" \$6 }" /proc/self/mountinfo
	done'
	ask=(gpu=0 rdma=mlx5_0)
	victim
	ask=("${usual[@]}")
	set_config '.root.readonly = true'
	run_sh "$touch; ls /dev/.greffon/lib | grep -c ."
	ok "grafted files are there" test "$(tail -n 1 <<<"$OUT")" -gt 2
	is "... read-only, nosuid and nodev" "$(grep ESCAPED <<<"$OUT")" ""
	victim
	with_args /bin/sleep 600
	ct_create && ct_start
	rt update --graft gpu=1 "$ID" >"$WORK/out" 2>&1 </dev/null
	rt exec "$ID" /bin/sh -c 'chmod 640 /dev/nvidia1; chown 7:7 /dev/nvidia1; /bin/probe open /dev/nvidia1 rw' >"$WORK/out" 2>/dev/null </dev/null
	like "a node that came to a running container opens" "$(<"$WORK/out")" "*/dev/nvidia1:rw=ENXIO*"
	is "... and its root changes nothing of the host's" "$(stat -c '%a %u:%g' /dev/nvidia1)" "666 0:0"
	ct_drop
}

# Whoever gets the device next finds no process of the container before: not one that left its session, ignores signals
# and shares the machine's process ids.
leftovers() {
	local marked='for p in /proc/[0-9]*; do tr "\0" "\n" <$p/environ | grep -x "HOLDER=$1" && echo "${p#/proc/}"; done 2>/dev/null'
	victim '.linux.namespaces |= map(select(.type != "pid"))' '.process.env += ["HOLDER=\($ENV.ID)"]'
	local away='trap "" HUP INT TERM; for i in 1 2 3; do (/bin/busybox setsid /bin/sh -c "/bin/busybox setsid /bin/sleep 600 &" &); done'
	with_args /bin/sh -c "$away; sleep 600"
	ct_create && ct_start
	ok "processes that left their session are there" wait_for bash -c "[ \$($marked | grep -c '^[0-9]') -ge 4 ]" sh "$ID"
	ct_drop
	is "... and none after delete" "$(bash -c "$marked" sh "$ID")" ""
	with_args /bin/sh -c "$away; sleep 0.2"
	ct_run
	is "... nor after the first process has ended" "$(bash -c "$marked" sh "$ID")" ""
}

# What stands where greffon reads or mounts.
layouts() {
	local at what bad='' n=0
	for at in etc/ld.so.cache etc/ld.so.conf etc dev dev/nvidia0 dev/infiniband dev/.greffon run usr/bin lib usr/local/lib sys sys/class opt; do
		for what in canary up loop gone fifo folder zero sparse magic; do
			victim
			mkdir -p "$ROOTFS/$(dirname "$at")" "$ROOTFS/usr"
			rm -rf "${ROOTFS:?}/$at"
			case $what in
			canary) ln -s "$CANARY/target" "$ROOTFS/$at" ;;
			up) ln -s "../../../../../../..$CANARY/sub" "$ROOTFS/$at" ;;
			loop) ln -s "$(basename "$at")" "$ROOTFS/$at" ;;
			gone) ln -s "$CANARY/target/made" "$ROOTFS/$at" ;;
			fifo) mkfifo "$ROOTFS/$at" ;;
			folder) mkdir "$ROOTFS/$at" ;;
			zero) mknod "$ROOTFS/$at" c 1 5 ;;
			sparse) truncate -s 1T "$ROOTFS/$at" ;;
			magic) ln -s /proc/self/root "$ROOTFS/$at" ;;
			esac
			n=$((n + 1))
			ct_run
			case $OUT in *ESCAPED* | *host-secret*) bad+="$what at $at: $OUT; " ;; esac
			[ "$RC" -le 1 ] || bad+="$what at $at: status $RC ($(head -n 2 "$WORK/err")); "
			[ "$RC" -eq 0 ] || [ "$(grep -cv 'GRAFT-[A-Z]*\]$' "$WORK/err")" -le 1 ] ||
				bad+="$what at $at: $(wc -l <"$WORK/err") lines; "
			[ "$(canary_state)" = "$CANARY_BEFORE" ] || bad+="$what at $at: the canary; "
			rm -rf "$BUNDLE" "$CANARY"
		done
	done
	is "whatever stands in the image where greffon reads or mounts ($n)" "$bad" ""
}


races() {
	victim
	ln -s "$CANARY/dev" "$ROOTFS/dev2"
	swaps "$ROOTFS/dev" "$ROOTFS/dev2"
	race "native: /dev of the image, exchanged for a link out of it"
	victim
	cp -a "$ROOTFS/etc" "$ROOTFS/etc3" && ln -s "$CANARY" "$ROOTFS/etc2"
	echo host-secret >"$ROOTFS/etc/ld.so.cache"
	ln -s "$CANARY/secret" "$ROOTFS/etc/ld.so.cache2"
	swaps "$ROOTFS/etc" "$ROOTFS/etc2" "$ROOTFS/etc/ld.so.cache" "$ROOTFS/etc/ld.so.cache2"
	race "native: /etc and the loader's cache, exchanged for links"
	victim
	mkdir -p "$ROOTFS/dev/.greffon/lib" && ln -s "$CANARY/target" "$ROOTFS/dev/.other"
	swaps "$ROOTFS/dev/.greffon" "$ROOTFS/dev/.other"
	race "native: the folder of the libraries, exchanged for a link"
	# CVE-2024-0132, CVE-2025-23359
	ask=(gpu=0 rdma=mlx5_0)
	victim
	mkdir -p "$ROOTFS/usr/local/cuda/compat" && ln -s / "$ROOTFS/usr/local/cuda/root"
	cp "/usr/local/lib/libcuda.so.$driver" "$ROOTFS/usr/local/cuda/compat/libcuda.so.999.1"
	mv "$ROOTFS/lib" "$ROOTFS/usr/lib0" && ln -s usr/lib0 "$ROOTFS/lib" && ln -s / "$ROOTFS/lib2"
	swaps "$ROOTFS/usr/local/cuda/compat" "$ROOTFS/usr/local/cuda/root" "$ROOTFS/lib" "$ROOTFS/lib2"
	race "native: the image's libraries, exchanged for links to the host's root"
	ask=("${usual[@]}")
	victim
	mkdir -p "$ROOTFS"/sys/class/{infiniband,infiniband_verbs}/mlx5_{0,1} && ln -s "$CANARY" "$ROOTFS/sys/other"
	swaps "$ROOTFS/sys/class" "$ROOTFS/sys/other"
	race "native: what lies below the curtain, exchanged for a link"
}

# CDI names that greffon resolves itself: documents are the administrator's, places the image's.
cdi_races() {
	jq '.cdi = {resolve: "on"}' "$host/etc/greffon/graft.json" >/etc/greffon/graft.json
	mkdir -p /etc/cdi && rm -f /etc/cdi/* && mkdir -p /run/cdi && mount -t tmpfs -o mode=755 cdi /run/cdi
	"${lib_runtime[@]}" graft cdi --out /etc/cdi >"$WORK/out" 2>&1 || fail "graft cdi" "$(<"$WORK/out")"
	ask=()
	victim '.annotations["cdi.k8s.io/test"] = "greffon.org/gpu=0"'
	ln -s "$CANARY/dev" "$ROOTFS/dev2" && mkdir -p "$ROOTFS/usr/lib" && ln -s "$CANARY/target" "$ROOTFS/usr/lib2"
	swaps "$ROOTFS/dev" "$ROOTFS/dev2" "$ROOTFS/usr/lib" "$ROOTFS/usr/lib2"
	race "CDI: /dev and the folders of libraries, exchanged for links"
	umount /run/cdi
	rm -f /etc/cdi/*
	cp "$host/etc/greffon/graft.json" /etc/greffon/graft.json
	ask=("${usual[@]}")
}

hot_step() { # WHAT-IS-WRONG so far is kept; counts runs and good
	local status
	runs=$((runs + 1))
	rt update "$@" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$?
	[ $status -ne 0 ] || good=$((good + 1))
	[ $status -le 1 ] || wrong+="status $status: $(head -n 2 "$WORK/err"); "
	# what the container itself exchanges can't always be put back, which is a warning beside the error
	[ $status -ne 1 ] || [ "$(grep -c '^greffon: update ' "$WORK/err")" -eq 1 ] || wrong+="$(wc -l <"$WORK/err") lines: $(head -n 3 "$WORK/err"); "
	wrong+=$(awk -f "$ROOTFS/strays" "/proc/$PID/mountinfo" | head -n 2)
}

# A running container whose own folders are exchanged while grafts come and go.
hot_race() { # NAME
	local end runs=0 good=0 wrong=''
	with_args /bin/sleep 600
	ct_create && ct_start
	"$ATTACKER" swap "${pairs[@]}" 2>"$WORK/swap.err" &
	SWAPPER=$!
	lib_bg+=("$SWAPPER")
	disown
	end=$((SECONDS + RACE_SECONDS))
	while [ "$SECONDS" -lt "$end" ] && [ -z "$wrong" ]; do
		hot_step --graft gpu=0,1
		hot_step --ungraft gpu
	done
	swaps_end
	ct_drop
	: >"$WORK/err"
	if [ -n "$wrong" ]; then
		fail "$1" "$wrong" "in run $runs"
	else
		pass "$1"
		diag "  $runs runs, $good of them to the end"
	fi
	untouched "$1: the host is as it was"
}

hot_races() {
	ask=('rdma=mlx5_0;libs=none')
	victim
	ln -s "$CANARY/dev" "$ROOTFS/dev2"
	pairs=("$ROOTFS/dev" "$ROOTFS/dev2")
	hot_race "hot: /dev of the container, exchanged for a link"
	victim
	mkdir -p "$ROOTFS/dev/.greffon" "$ROOTFS/etc" && ln -s "$CANARY/target" "$ROOTFS/dev/.other"
	touch "$ROOTFS/etc/ld.so.cache" && ln -s "$CANARY/secret" "$ROOTFS/etc/other"
	pairs=("$ROOTFS/dev/.greffon" "$ROOTFS/dev/.other" "$ROOTFS/etc/ld.so.cache" "$ROOTFS/etc/other")
	hot_race "hot: the folder of the libraries and the loader's cache, exchanged for links"
	# a link by the node's name when it is mounted, and when it is taken away
	victim
	ln -s "$CANARY/null" "$ROOTFS/dev/other"
	touch "$ROOTFS/dev/nvidia0"
	pairs=("$ROOTFS/dev/nvidia0" "$ROOTFS/dev/other")
	hot_race "hot: the node's place, exchanged for a link"
	ask=("${usual[@]}")
}

if [ "$(id -u)" != 0 ]; then
	skip "grafts and a hostile image" "needs root"
elif ! { pretend && pretend_driver; } >"$WORK/ready.log" 2>&1; then
	skip "grafts and a hostile image" "a node that pretends can't be made: $(tail -n 1 "$WORK/ready.log")"
else
	control
	attributes
	leftovers
	layouts
	races
	cdi_races
	hot_races
fi
