#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#masked-paths, #readonly-paths
. "$(dirname "$0")/../lib/lib.sh"

masked() {
	local m="config-linux.md#masked-paths"
	new_bundle '.linux.maskedPaths = ["/opt/dir", "/opt/file", "/no/such", "/proc/kcore", "/proc/acpi",
		"/mnt/file", "/proc/no-such"] | .mounts += [{destination: "/mnt", type: "bind", source: "src",
		options: ["bind"]}]'
	mkdir -p "$ROOTFS/opt/dir/below" "$BUNDLE/src"
	echo secret | tee "$ROOTFS/opt/file" "$ROOTFS/opt/dir/f" >"$BUNDLE/src/file"
	chmod 666 "$ROOTFS/opt/file"
	run_sh 'echo started=yes; echo "dir=$(ls /opt/dir)"; echo "file=$(cat /opt/file 2>/dev/null)"
		echo "mounted=$(cat /mnt/file 2>/dev/null)"; echo "kcore=$(head -c 16 /proc/kcore 2>/dev/null | wc -c)"
		touch /opt/dir/made 2>/dev/null && echo dir_written=yes
		(echo x >/opt/file) 2>/dev/null; [ -e /no ] && echo created=yes'
	is "$m: paths that do not exist are no error" "$(val started)" yes
	is "$m: a directory cannot be read" "$(val dir)" ""
	is "$m: a directory cannot be written" "$(val dir_written)" ""
	is "$m: a file cannot be read" "$(val file)" ""
	is "$m: a file of a mount cannot be read" "$(val mounted)" ""
	is "$m: /proc/kcore cannot be read" "$(val kcore)" 0
	is "$m: a path that does not exist is not made" "$(val created)" ""
	is "$m: the host's file stays what it was" "$(cat "$ROOTFS/opt/file" "$BUNDLE/src/file")" \
		$'secret\nsecret'
}

readonly_paths() {
	local r="config-linux.md#readonly-paths"
	new_bundle '.linux.readonlyPaths = ["/opt/dir", "/opt/file", "/no/such", "/proc/sys", "/dev/shm",
		"/mnt/in"] | .mounts += [{destination: "/mnt", type: "bind", source: "src", options: ["rbind"]}]'
	mkdir -p "$ROOTFS/opt/dir/below" "$BUNDLE/src/in"
	echo text | tee "$ROOTFS/opt/file" >"$ROOTFS/opt/dir/f"
	run_sh 'echo started=yes; echo "read=$(cat /opt/dir/f /opt/file | tr "\n" " ")"
		for f in /opt/dir/f /opt/dir/new /opt/dir/below/new /opt/file /dev/shm/x /mnt/in/x; do
			(echo x >$f) 2>/dev/null && echo "written=$f"
		done
		(cat /proc/sys/kernel/hostname >/proc/sys/kernel/hostname) 2>/dev/null && echo written=/proc/sys
		(echo x >/opt/other) && (echo x >/mnt/x) && echo others=written'
	is "$r: paths that do not exist are no error" "$(val started)" yes
	is "$r: can be read" "$(val read)" "text text "
	is "$r: cannot be written" "$(grep ^written <<<"$OUT")" ""
	is "$r: what is beside them can be written" "$(val others)" written
	new_bundle '.linux.readonlyPaths = ["/mnt"]' \
		'.mounts += [{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "noexec"]}]'
	run_sh "awk '\$5 == \"/mnt\" { print \$6 }' /proc/self/mountinfo"
	like "$r: the other flags of a mount stay" ",${OUT##*$'\n'}," "*,ro,*nosuid*nodev*noexec*"
}

together() {
	new_bundle '.linux.maskedPaths = ["/opt/dir/secret"] | .linux.readonlyPaths = ["/opt/dir"]'
	mkdir -p "$ROOTFS/opt/dir/secret"
	touch "$ROOTFS/opt/dir/secret/f"
	run_sh 'ls /opt/dir/secret; touch /opt/dir/x 2>/dev/null && echo written'
	is "config-linux.md#masked-paths: one below a read-only path" "$OUT" ""
}

relative() {
	refuses "config-linux.md#masked-paths: a value MUST be an absolute path" \
		'.linux.maskedPaths = ["proc/kcore"]'
	refuses "config-linux.md#readonly-paths: a value MUST be an absolute path" \
		'.linux.readonlyPaths = ["proc/sys"]'
}

masked
readonly_paths
together
relative
