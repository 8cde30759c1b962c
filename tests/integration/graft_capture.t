#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# graft capture: a node as files that say the same as the node. (tests/integration/graft_plan.t captures every synthetic
# node.) In a mount namespace of its own, for the part with a node that pretends.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

graft() { "${lib_runtime[@]}" graft "$@"; }
listed() { graft list --format json "$@" 2>&1; }

round_trip() { # NAME
	rm -rf "$WORK/captured"
	ok "$1: a capture" graft capture --out "$WORK/captured"
	is "$1: the capture lists what the node lists" "$(listed --host "$WORK/captured")" "$(listed)"
	is "$1: no link leads out of it" "$(find "$WORK/captured" -lname '/*')" ""
	is "$1: nothing but folders, files and links" "$(find "$WORK/captured" ! -type d ! -type f ! -type l)" ""
	graft capture --host "$WORK/captured" --out "$WORK/captured/../again"
	is "$1: a capture of the capture is the same" "$(diff -r --no-dereference "$WORK/captured" "$WORK/again" 2>&1)" ""
	rm -rf "$WORK/again"
}

archives() {
	graft capture --host "$host" >"$WORK/node.tar"
	mkdir "$WORK/unpacked"
	ok "an archive on standard output" tar -xf "$WORK/node.tar" -C "$WORK/unpacked"
	is "... with what a folder has" \
		"$(diff -r --no-dereference "$WORK/unpacked" "$WORK/folder" 2>&1)" ""
	ok "an archive in a file" graft capture --host "$host" --out "$WORK/file.tar"
	ok "... is the same, byte by byte" cmp "$WORK/file.tar" "$WORK/node.tar"
	like "a file that exists is left alone" "$(graft capture --host "$host" --out "$WORK/file.tar" 2>&1)" "*file exists*"
	like "a folder with something in it is refused" "$(graft capture --host "$host" --out "$WORK/folder" 2>&1)" "*not empty*"
	like "an option of capture before another word is refused" "$(graft list --anonymize 2>&1)" \
		"*--anonymize: belongs to graft capture, not to graft list*"
}

# A path beyond the fields of old archives.
long_paths() {
	local deep
	deep=$(printf 'pci0000:00/%s' "$(seq -f '0000:%02g:01.0' -s / 1 20)")
	"$lib_top/tests/hosts/graft" quad "$WORK/long"
	mkdir -p "$WORK/long/sys/devices/$deep/infiniband_verbs/uverbs2"
	ln -s "../../devices/$deep/infiniband_verbs/uverbs2" "$WORK/long/sys/class/infiniband_verbs/uverbs2"
	echo 231:194 >"$WORK/long/sys/devices/$deep/infiniband_verbs/uverbs2/dev"
	mkdir "$WORK/long-unpacked"
	graft capture --host "$WORK/long" | tar -xf - -C "$WORK/long-unpacked"
	is "long paths and links go through an archive" "$(listed --host "$WORK/long-unpacked")" "$(listed --host "$WORK/long")"
	like "... which has them" "$(listed --host "$WORK/long-unpacked")" "*uverbs2*"
}

anonymous() {
	# as long as real ones: two random digits may be the same again
	local rest=-c0ff-ee00-c0ff-ee00c0ffee00
	find "$host/proc/driver/nvidia" -name information -exec sed -i -E "s/GPU-4[0-3]\$/&000000$rest/" {} +
	like "the fixture's UUIDs are long" "$(listed --host "$host")" "*GPU-42000000$rest*"
	graft capture --host "$host" --anonymize --out "$WORK/anonymous"
	is "anonymized: no GUID and no UUID of the node is left" \
		"$(grep -rlE 'GPU-4[0-3]0000|c0ff-ee00|0c42:a103:0065:000' "$WORK/anonymous")" ""
	is "... and everything else is as it was" \
		"$(listed --host "$WORK/anonymous" | sed -E 's/"(GPU-|guid:)[^"]*"/ID/')" \
		"$(listed --host "$host" | sed -E 's/"(GPU-|guid:)[^"]*"/ID/')"
	graft capture --host "$host" --anonymize --out "$WORK/other"
	like "... by another key each time" "$(diff -r "$WORK/anonymous" "$WORK/other")" "*GPU*"
	printf '{"version": 1, "enable": ["gpu"], "devices": {"gpu": {"allow": ["GPU-42000000%s"]}}}' "$rest" >"$host/etc/greffon/graft.json"
	graft capture --host "$host" --anonymize --out "$WORK/ruled"
	is "... and a policy means the same GPU as before" \
		"$(graft plan --host "$WORK/ruled" -a gpu=all -a gpu.caps=utility | sed -nE 's/^device +([^ ]*nvidia[0-9]).*/\1/p')" \
		/dev/nvidia2
}

hostile() {
	local tree=$WORK/hostile
	mkdir -p "$tree"/{sys/class,proc,etc}
	ln -s ../../../../../../../../etc "$tree/sys/class/infiniband_verbs"
	ln -s loop "$tree/sys/class/infiniband"
	ln -s infiniband "$tree/sys/class/loop"
	mkfifo "$tree/proc/devices"
	ln -s /etc/shadow "$tree/etc/os-release"
	ok "a tree of loops, fifos and links that lead out is captured" \
		timeout 10 "${lib_runtime[@]}" graft capture --host "$tree" --out "$WORK/tamed"
	is "... without anything from outside" "$(grep -rl root: "$WORK/tamed" 2>/dev/null)" ""
}

round_trip "this machine"
"$lib_top/tests/hosts/graft" quad "$host"
graft capture --host "$host" --out "$WORK/folder"
archives
long_paths
anonymous
hostile
rm -rf "$host"
if [ -z "${GRAFT_NODE:-}" ]; then
	skip "a node that pretends is captured" "not root"
elif pretend 2>"$WORK/err"; then
	round_trip "a node that pretends"
	is "... its nodes are those of the fixture" "$(sort "$WORK/captured/nodes.tsv")" "$(sort "$host/nodes.tsv")"
else
	skip "a node that pretends is captured" "the machine's /dev and /sys can't be covered: $(head -n 1 "$WORK/err")"
fi
