#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What docs/admins.md and docs/coming-from.md tell people to type, typed: each line of their sh blocks, each request, the
# policy. On a node that pretends (tests/integration/graft.t), with that policy. Of the engines' pages the requests and the
# policy; their commands are run by the engines' tests.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

pages=("$lib_top/docs/admins.md" "$lib_top/docs/coming-from.md")

block() { sed -n "/^\`\`\`$2\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" "$1"; } # PAGE KIND

commands() { # PAGE
	local line
	block "$1" sh >"$WORK/commands"
	while read -r line; do
		[ -z "$line" ] || ok "${1##*/}: $line" bash -c "$line" </dev/null
	done <"$WORK/commands"
}

# Each request on its own; what needs a GPU beside it gets one.
requests() { # PAGE
	local word more
	for word in $(grep -oE 'org\.greffon\.graft\.[a-z.]+=[a-zA-Z0-9_:,=-]+' "$1" | sed -E 's/^org\.greffon\.graft\.//; s/[:,]$//' | sort -u); do
		more=()
		case $word in
		rdma=near-gpu | gpu.caps=*) more=(-a gpu=all -a rdma=all) ;;
		rdma.limit=*) more=(-a rdma=all) ;;
		esac
		ok "${1##*/}: $word is planned" \
			"${lib_runtime[@]}" graft plan --host "$WORK/node" -a "$word" "${more[@]}"
	done
}

# The annotations of a page's JSON, together.
annotations() { # PAGE
	local more=()
	mapfile -t more < <(echo "{$(block "$1" json)}" |
		jq -r '.annotations | to_entries[] | "-a", "\(.key | ltrimstr("org.greffon.graft."))=\(.value)"')
	[ ${#more[@]} -gt 0 ] || more=("no annotations in the page")
	ok "${1##*/}: ${more[*]} is planned" "${lib_runtime[@]}" graft plan --host "$WORK/node" "${more[@]}"
}

# All that the pages speak of on one node: the GPUs and adapters of one fixture, the AMD GPUs of another.
make_node() {
	local t=$lib_top/tests/hosts/graft
	"$t" dgx-h100 "$WORK/node" && "$t" mi250x-cray "$WORK/amd" || return
	cat "$WORK/amd/nodes.tsv" >>"$WORK/node/nodes.tsv"
	cp -rP "$WORK/amd/sys/class/kfd" "$WORK/amd/sys/class/drm" "$WORK/node/sys/class" &&
		cp -rP "$WORK/amd/sys/devices" "$WORK/amd/sys/bus" "$WORK/node/sys" || return
	block "${pages[0]}" json | jq '.enable += ["amd", "gds"] | del(.devices)' >"$WORK/node/etc/greffon/graft.json"
}

make_node || fail "a node of all that the pages speak of"
for page in "${pages[@]}" "$lib_top/docs/podman.md"; do
	requests "$page"
done
annotations "$lib_top/docs/jupyter.md"
block "${pages[0]}" json >"$WORK/policy.json"
ok "admins.md: the policy is JSON" jq -e . "$WORK/policy.json"
if [ "$(id -u)" != 0 ]; then
	skip "the pages' commands" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "the pages' commands" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	cp "$WORK/policy.json" /etc/greffon/graft.json
	# a folder of the node's own for what the pages write
	mkdir -p "$WORK/cwd" "$WORK/path"
	mount -t tmpfs records /var/lib
	printf '#!/bin/sh\nexec %s "$@"\n' "${lib_runtime[*]}" >"$WORK/path/greffon"
	chmod +x "$WORK/path/greffon"
	export PATH=$WORK/path:$PATH
	cd "$WORK/cwd" || exit
	like "admins.md: the policy is one that greffon knows" "$(greffon doctor)" "*ok    policy    /etc/greffon/graft.json enables gpu, rdma*"
	for page in "${pages[@]}"; do
		commands "$page"
	done
	ok "admins.md: the archive is one" tar -tf node.tar
	block "$lib_top/docs/kubernetes.md" json >/etc/greffon/graft.json
	like "kubernetes.md: the policy is one that greffon knows" "$(greffon doctor)" "*ok    policy    /etc/greffon/graft.json enables rdma*"
	cd /
	umount /var/lib
fi
