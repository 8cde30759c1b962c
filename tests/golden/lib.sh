# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Of tests/golden/run and tests/golden/refresh: cases (of the arguments, or all), tmp, golden_make, golden_reversed.

: "${GREFFON:=$PWD/greffon}"
unset LISTEN_FDS LISTEN_PID XDG_RUNTIME_DIR NOTIFY_SOCKET
umask 022
# with a sanitizer: a command's memory ends with it
export ASAN_OPTIONS=detect_leaks=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/greffon-golden-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT HUP TERM
[ -x "$GREFFON" ] || { echo "Bail out! no program '$GREFFON'"; exit 1; }

cases=("$@")
if [ ${#cases[@]} -eq 0 ]; then
	for case in "$here"/plan/*/; do
		case=${case%/}
		cases+=("${case##*/}")
	done
fi

# golden_make CASE HOST OUT: plans the case on the node HOST; in OUT expected.txt and expected.json, or refused.txt.
golden_make() {
	local dir=$here/plan/$1 bundle=$tmp/bundle style options=()
	rm -rf "$bundle" "$3"
	mkdir -p "$bundle/rootfs" "$3"
	cp "$dir/config.json" "$bundle/config.json"
	[ ! -e "$dir/options" ] || read -ra options <"$dir/options"
	local global=()
	if [ "${options[0]:-}" = --cgroup-manager ] || [ "${options[0]:-}" = --systemd-cgroup ]; then
		global=("${options[@]}")
		options=()
	fi
	for style in text json; do
		if ! "$GREFFON" "${global[@]}" plan --host "$2" --bundle "$bundle" --format $style "${options[@]}" c1 \
			>"$tmp/plan" 2>"$tmp/error"; then
			sed "s|$bundle|/bundle|g" "$tmp/error" >"$3/refused.txt"
			return
		fi
		[ $style = json ] || cat "$tmp/error" >>"$tmp/plan" # a warning is part of what the caller sees
		sed "s|$bundle|/bundle|g" "$tmp/plan" >"$3/expected.${style/text/txt}"
	done
}

# golden_reversed FROM TO: the same tree, made in the reverse order
golden_reversed() {
	local name
	rm -rf "$2"
	mkdir "$2"
	(cd "$1/" && find . -mindepth 1 -type d | sort -r) | while read -r name; do
		mkdir -p "$2/$name"
	done
	(cd "$1/" && find . -not -type d | sort -r) | while read -r name; do
		cp -P "$1/$name" "$2/$name"
	done
}
