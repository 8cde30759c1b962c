#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# greffon graft cdi on nodes that are made of files (tests/hosts/graft): the documents against tests/golden/cdi and
# against the rules of the specification as tests/lib/cdi-validate has them; that a name brings what a request brings;
# what --check finds. Needs no privilege. GOLDEN_WRITE=1 writes the golden files anew: read their difference.
. "$(dirname "$0")/../lib/lib.sh"

golden=$lib_top/tests/golden/cdi
cdi() { "${lib_runtime[@]}" graft cdi "$@"; }

# A line for what the devices share and a line a name, which is what people read in a difference.
lines_of() { # TREE
	cdi --host "$1" 2>"$WORK/cdi.err" | jq -c '{cdiVersion, kind, containerEdits}, (.devices[] | [.name, .containerEdits])'
	cat "$WORK/cdi.err"
}

same() { # NAME FILE GOLDEN
	if diff -u "$3" "$2" >"$WORK/diff" 2>&1; then
		pass "$1"
	else
		fail "$1" "$(head -n 30 "$WORK/diff")"
	fi
}

# A copy whose folders list their names in another order.
shuffled() { # TREE COPY
	mkdir "$2"
	(cd "$1" && find . -mindepth 1 | shuf | tar -cf - --no-recursion -T -) | tar -xf - -C "$2"
}

documents() {
	local f tree made=0
	mkdir "$WORK/specs"
	for f in $("$lib_top/tests/hosts/graft"); do
		tree=$WORK/$f
		"$lib_top/tests/hosts/graft" "$f" "$tree"
		lines_of "$tree" >"$tree.txt"
		[ -z "${GOLDEN_WRITE:-}" ] || cp "$tree.txt" "$golden/$f.txt"
		same "cdi: $f as it was" "$tree.txt" "$golden/$f.txt"
		shuffled "$tree" "$WORK/shuffled"
		lines_of "$WORK/shuffled" >"$WORK/shuffled.txt"
		same "cdi: the order of $f's folders does not matter" "$WORK/shuffled.txt" "$tree.txt"
		rm -rf "$WORK/shuffled"
		cdi --host "$tree" --out "$WORK/specs/$f" >/dev/null 2>&1 && made=$((made + 1))
	done
	ok "documents of most nodes ($made)" test "$made" -ge 12
}

validity() {
	command -v python3 >/dev/null || { skip "cdi: documents keep the rules" "python3 is not installed"; return; }
	local v=$lib_top/tests/lib/cdi-validate d=$WORK/specs/quad/greffon.org-gpu-rdma.json
	is "cdi: documents keep the rules of the specification, with the lowest version" \
		"$("$v" "$WORK"/specs/*/*.json 2>&1 | head -n 5)" ""
	jq '.devices[0].containerEdits.deviceNodes[0].majro = 1' "$d" >"$WORK/bad.json"
	like "... which know an unknown member" "$("$v" "$WORK/bad.json")" "*unknown member majro*"
	jq '.cdiVersion = "0.5.0"' "$d" >"$WORK/bad.json"
	like "... and a version that is too low" "$("$v" "$WORK/bad.json")" "*lowest that does is 0.7.0*"
}

# What the plan has of devices, rules, groups and mounts, without who asked for it. What a document mounts is a mount of
# the config, hence as private as the others of it.
facts() { # TREE KEY VALUE [KEY VALUE]
	local tree=$1 f='.annotations = {}'
	shift
	while [ $# -gt 0 ]; do
		f="$f | .annotations[\"$1\"] = \"$2\""
		shift 2
	done
	jq "$f" "$WORK/base.json" >"$WORK/asks.json"
	"${lib_runtime[@]}" plan --host "$tree" --bundle "$WORK/bundle" --config "$WORK/asks.json" 2>"$WORK/plan.err" |
		grep -E '^(device|rule|mount|user) ' | sed 's/  ([^()]*)$//; s/ propagation=private$//' | sort
	grep -v 'GRAFT-\(UNAVAILABLE\|LAZY\|STALE\|PERM\|MEMLOCK\)' "$WORK/plan.err"
}

# A tree in which greffon resolves the documents that it made, with what a whole plan looks at beside devices.
resolving() { # FIXTURE TREE
	"$lib_top/tests/hosts/graft" "$1" "$2"
	cp -rn "$lib_top/tests/hosts/cgroup-v1/." "$2"
	mkdir -p "$2/etc/cdi"
	cdi --host "$2" --out "$2/etc/cdi" >/dev/null 2>&1
	jq '.cdi = {resolve: "on"} | .enable = ["gpu", "amd", "rdma", "cxi", "hfi", "xpmem", "knem", "imex", "nvswitch",
		"gdrcopy", "gds"] | del(.always)' "$2/etc/greffon/graft.json" >"$WORK/policy" && cp "$WORK/policy" "$2/etc/greffon/graft.json"
}

# For each name of each document: the plan is the same whether CDI or a request brings it.
equivalence() {
	local f tree doc kind class name n wrong
	mkdir -p "$WORK/bundle/rootfs"
	jq -n '{ociVersion: "1.2.0", process: {args: ["true"], cwd: "/"}, root: {path: "rootfs"},
		linux: {namespaces: [{type: "pid"}, {type: "mount"}], resources: {devices: [{allow: false, access: "rwm"}]}}}' \
		>"$WORK/base.json"
	for f in quad dgx-h100 a100-mig gb200-imex bluefield-holes mi250x-cray mi300x-cpx opa wsl2; do
		tree=$WORK/resolve-$f n=0 wrong=
		resolving "$f" "$tree"
		for doc in "$tree"/etc/cdi/*.json; do
			kind=$(jq -r .kind "$doc") class=${kind#*/}
			for name in $(jq -r '.devices | [.[0:3][], .[-2:][]] | unique_by(.name)[].name' "$doc"); do
				# one GPU alone is near to another adapter than one of all, where GPUs share
				case $class:$name in
				*-rdma:all) ask=("org.greffon.graft.${class%-rdma}" all org.greffon.graft.rdma near-gpu) ;;
				*-rdma:*) [ "$f" = dgx-h100 ] || continue
					ask=("org.greffon.graft.${class%-rdma}" "$name" org.greffon.graft.rdma near-gpu) ;;
				*) ask=("org.greffon.graft.$class" "$name") ;;
				esac
				facts "$tree" "${ask[@]}" >"$WORK/native.txt"
				facts "$tree" cdi.k8s.io/test "$kind=$name" >"$WORK/cdi.txt"
				n=$((n + 1))
				cmp -s "$WORK/native.txt" "$WORK/cdi.txt" || wrong+="$kind=$name: $(diff "$WORK/native.txt" "$WORK/cdi.txt")"
			done
		done
		is "cdi: $f: $n names bring what requests bring" "$wrong" ""
		ok "... and it is something" grep -q '^device .*/dev/[^nzfrut]\|^device .*nvidia\|rule .*allow' "$WORK/cdi.txt"
	done
}

# Several GPUs near to two adapters: each adapter is that of two.
pairs() {
	is "cdi: GPUs that share adapters share them out" "$(jq -r '.devices[] | select(.name | test("^[0-9]$")) |
		[.name, (.containerEdits.deviceNodes[].path | select(test("uverbs")))] | join(" ")' \
		"$WORK/specs/quad/greffon.org-gpu-rdma.json" | xargs)" \
		"0 /dev/infiniband/uverbs0 1 /dev/infiniband/uverbs1 2 /dev/infiniband/uverbs0 3 /dev/infiniband/uverbs1"
}

options() {
	local t=$WORK/quad
	is "cdi: --domain" "$(cdi --host "$t" --domain rdma | jq -r .kind | xargs)" greffon.org/rdma
	is "cdi: --vendor, and AMD's own name for GPUs" "$(cdi --host "$WORK/mi300x-cpx" --vendor amd.com | jq -r .kind)" amd.com/gpu
	is "cdi: --format json is one array" "$(cdi --host "$t" --format json | jq -r 'map(.kind) | join(" ")')" \
		"greffon.org/gpu greffon.org/rdma greffon.org/gpu-rdma"
	is "cdi: a version that does" "$(cdi --host "$t" --domain gpu --cdi-version 1.1.0 | jq -r .cdiVersion)" 1.1.0
	like "cdi: one that is too low is refused, with what needs more" \
		"$(cdi --host "$t" --domain rdma --cdi-version 0.5.0 2>&1)" "*additionalGids needs 0.7.0*"
	is "... with status 2" "$(cdi --host "$t" --domain rdma --cdi-version 0.5.0 >/dev/null 2>&1; echo $?)" 2
	like "cdi: one that is none" "$(cdi --host "$t" --cdi-version 0.9 2>&1)" "*--cdi-version: '0.9' is no version*"
	like "cdi: a vendor that is none" "$(cdi --host "$t" --vendor 'a b' 2>&1)" "*--vendor: 'a b'*"
	like "cdi: a domain that is none" "$(cdi --host "$t" --domain gpu,mpi 2>&1)" "*--domain: there is no graft of devices 'mpi'*"
	is "cdi: a node without devices: status 4" "$(cdi --host "$WORK/empty" >/dev/null 2>&1; echo $?)" 4
	like "cdi: its options are of no use elsewhere" \
		"$("${lib_runtime[@]}" graft list --vendor x 2>&1)" "*--vendor: belongs to graft cdi*"
	is "cdi: nothing but the documents is left in the folder" "$(cd "$WORK/specs/quad" && echo .[!.]* *)" \
		".[!.]* greffon.org-gpu-rdma.json greffon.org-gpu.json greffon.org-rdma.json"
}

stale() {
	local t=$WORK/check out
	resolving quad "$t"
	is "cdi --check: nothing is stale" "$(cdi --check --host "$t" 2>&1; echo $?)" 0
	sed -i '/nvidia1\t/d; s/uvm\tc\t510/uvm\tc\t499/' "$t/nodes.tsv"
	mkdir -p "$t/run/cdi" "$t/var/run/cdi"
	cat >"$t/var/run/cdi/nvidia.json" <<-'END'
		{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {"deviceNodes": [
			{"path": "/dev/nvidia0"}, {"path": "/dev/nvidia-uvm", "type": "c", "major": 510, "minor": 0}]}}],
		 "containerEdits": {"mounts": [{"hostPath": "/usr/lib/libcuda.so.1", "containerPath": "/usr/lib/libcuda.so.1"}],
			"hooks": [{"hookName": "createContainer", "path": "/usr/bin/nvidia-cdi-hook"}]}}
	END
	echo '{"cdiVersion": "0.3.0", "kind": "a.b/c", "devices": [{"name": "x", "containerEdits": {"env": ["A=b"], "evn": []}}]}' \
		>"$t/var/run/cdi/typo.json"
	echo 'cdiVersion: 0.5.0' >"$t/var/run/cdi/other.yaml"
	out=$(cdi --check --host "$t" 2>&1)
	is "cdi --check: status 5" "$(cdi --check --host "$t" >/dev/null 2>&1; echo $?)" 5
	like "... a node that is gone, with the remedy" "$out" "*greffon.org/gpu=1: /dev/nvidia1 is not on this node; greffon graft cdi --out /etc/cdi*"
	like "... a number that changed" "$out" "*nvidia.com/gpu=0: /dev/nvidia-uvm is 499:0 now, not 510:0; nvidia-ctk cdi generate*--output=/var/run/cdi/nvidia.json*"
	like "... the source of a mount" "$out" "*/usr/lib/libcuda.so.1, which it mounts, is gone*"
	like "... a hook" "$out" "*/usr/bin/nvidia-cdi-hook, which it runs, is gone*"
	like "... an unknown member, with its path" "$out" "*typo.json: devices\[0\].containerEdits.evn: unknown property*"
	like "... a file that is not read, by name" "$out" "*/var/run/cdi/other.yaml: is YAML, and greffon reads JSON only*"
	is "... each once" "$(grep -c 'nvidia1 is not' <<<"$out")" 2
	is "... the same for programs" "$(cdi --check --host "$t" --format json | jq length)" "$(wc -l <<<"$out")"
	is "... in a folder that is named" "$(cdi --check --host "$t" /etc/cdi 2>&1 | grep -c /var/run)" 0
	rm "$t/var/run/cdi/nvidia.json" "$t"/etc/cdi/*
	is "... status 2 where files could not be looked into" "$(cdi --check --host "$t" >/dev/null 2>&1; echo $?)" 2
	like "... writes nothing" "$(cdi --check --out x 2>&1)" "*--check: writes nothing*"
}

documents
validity
pairs
equivalence
options
stale
