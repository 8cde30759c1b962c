# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests of grafts, after lib.sh. In a mount namespace of the test's own, pretend() makes a node that only
# pretends to have GPUs and RDMA: it shows a fixture of tests/hosts/graft, "quad" unless told otherwise, as the node's /dev,
# /proc/driver, /sys and /etc/greffon.
host=$WORK/host

# The devices that the machine itself goes on needing, and those of the fixture.
pretend_dev() {
	local path type major minor mode uid gid
	mkdir "$WORK/dev" && mount -t tmpfs -o mode=755 graft "$WORK/dev" || return
	cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$WORK/dev" || return
	mkdir "$WORK/dev/pts" "$WORK/dev/shm"
	mount --rbind /dev/pts "$WORK/dev/pts" && ln -s pts/ptmx "$WORK/dev/ptmx" || return
	while read -r path type major minor mode uid gid; do
		mkdir -p "$WORK/${path%/*}"
		mknod -m "$mode" "$WORK$path" "$type" "$major" "$minor" && chown "$uid:$gid" "$WORK$path" || return
	done <"$host/nodes.tsv"
	mount --rbind "$WORK/dev" /dev
}

pretend() { # [FIXTURE]
	trap 'unpretend; lib_cleanup' EXIT
	"$lib_top/tests/hosts/graft" "${1:-quad}" "$host" && pretend_dev || return
	[ -d /proc/driver ] && mount --bind "$host/proc/driver" /proc/driver || return
	mount --bind "$host/proc/devices" /proc/devices || return
	mkdir -p "$host/sys/fs" "$host/sys/kernel" || return
	mount --rbind /sys/fs "$host/sys/fs" && mount --rbind /sys/kernel "$host/sys/kernel" || return
	mount --rbind "$host/sys" /sys || return
	cp -a /etc "$WORK/etc" && mkdir -p "$WORK/etc/greffon" &&
		cp "$host/etc/greffon/graft.json" "$WORK/etc/greffon" && mount --bind "$WORK/etc" /etc
}

# The work area can't be removed while it is what /sys and /dev show.
unpretend() { umount -lR /usr/local/lib /sys /dev /etc /proc/devices /proc/driver 2>/dev/null; }

a=org.greffon.graft
deny='.linux.resources.devices = [{allow: false, access: "rwm"}]'
annotate() { # KEY=VALUE...: a jq filter
	local f=. word
	for word in "$@"; do
		f="$f | .annotations[\"$a.${word%%=*}\"] = \"${word#*=}\""
	done
	echo "$f"
}


# After pretend(): a library of the driver, of this version.
driver=580.95.05
pretend_driver() {
	mount -t tmpfs -o mode=755 driver /usr/local/lib &&
		echo 'int cuInit(void) { return 0; }' >"$WORK/cuda.c" &&
		cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o /usr/local/lib/libcuda.so.$driver "$WORK/cuda.c"
}
image_libc() { # the rootfs gets this machine's C library, so that the driver's can run in it
	local f
	for f in $(ldd /bin/ls | grep -oE '/[^ ]*/(libc\.so[^ ]*|ld-linux[^ ]*)'); do
		mkdir -p "$ROOTFS${f%/*}" && cp -L "$f" "$ROOTFS$f"
	done
}
