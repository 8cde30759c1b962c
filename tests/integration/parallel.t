#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many containers started and deleted by eight processes at once. GREFFON_PARALLEL: how many; in an emulated VM fewer,
# as there each takes a second and more.
. "$(dirname "$0")/../lib/lib.sh"

[ "$(id -u)" = 0 ] || { skip "parallel" "needs root"; exit 0; }
workers=8
total=${GREFFON_PARALLEL:-$([ -n "${GREFFON_VM:-}" ] && echo 48 || echo 200)}
mark=8675309.${WORK##*-} # a process of ours, by its arguments

# One root file system and one template for all: the config of each says its id.
new_bundle 'del(.process.noNewPrivileges)' ".root.path = \"$WORK/b1/rootfs\"" ".linux.cgroupsPath = \"$CG_UNDER@ID@\"" \
	'.linux.resources = {pids: {limit: 20}, devices: [{allow: false}]}' \
	'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["reboot"], action: "SCMP_ACT_ERRNO"}]}'
with_args /bin/sh -c "trap 'exit 0' TERM; sleep 1000 & wait; : $mark"
write_config
mv "$BUNDLE/config.json" "$WORK/waits"
with_args /bin/true
write_config
mv "$BUNDLE/config.json" "$WORK/ends"

one() { # NUMBER ID BUNDLE
	case $(($1 % 4)) in
	0) sed "s/@ID@/$2/" "$WORK/ends" >"$3/config.json" && rt run -b "$3" "$2" ;;
	1) sed "s/@ID@/$2/" "$WORK/waits" >"$3/config.json" && rt create -b "$3" "$2" && rt delete "$2" ;;
	2) sed "s/@ID@/$2/" "$WORK/waits" >"$3/config.json" && rt run -d -b "$3" "$2" && rt delete --force "$2" ;;
	3) sed "s/@ID@/$2/" "$WORK/waits" | jq '.linux.namespaces += [{type: "network"}]' >"$3/config.json" &&
		rt create -b "$3" "$2" && rt start "$2" && rt kill "$2" KILL && rt delete --force "$2" ;;
	esac
}
worker() { # NUMBER
	local bundle=$WORK/w$1 i rc
	mkdir "$bundle"
	for ((i = $1; i < total; i += workers)); do
		one $i "p$i-${WORK##*-}" "$bundle" >"$bundle/out" 2>"$bundle/err" </dev/null
		rc=$?
		[ $rc -eq 0 ] || echo "$((i % 4)): status $rc: $(head -n 1 "$bundle/err")" >>"$bundle/failures"
		echo $i >>"$bundle/done"
	done
}
echo "$mark" >"$WORK/mark" # from a file, so that grep does not find itself


began=$SECONDS
pids=()
for ((w = 0; w < workers; w++)); do
	worker $w &
	pids+=($!)
done
lib_bg+=("${pids[@]}")
wait "${pids[@]}"
diag "$total containers in $((SECONDS - began)) s"
is "$total containers by $workers processes: all were made" "$(cat "$WORK"/w*/done | wc -l)" "$total"
is "none failed" "$(cat "$WORK"/w*/failures 2>/dev/null | sort | uniq -c | head -5)" ""
is "no state is left" "$(find "$STATE" -mindepth 1 -maxdepth 1 -name "p*" | wc -l)" 0
is "no cgroup is left" "$(find /sys/fs/cgroup -type d -name "p*-${WORK##*-}" | head -3)" ""
is "no mount is left" "$(grep -F -e "${WORK##*-}" /proc/self/mountinfo)" ""
is "no process is left" "$(grep -lsaF -f "$WORK/mark" /proc/[0-9]*/cmdline)" ""

# Of many that ask for one id, one gets it, and the others do it no harm.
taken() { # NUMBER
	rt create -b "$BUNDLE" "$ID" >"$WORK/same$1" 2>&1 </dev/null && echo "$1" >>"$WORK/won"
}
new_bundle
with_args /bin/sleep 1000
write_config
lib_live[$ID]=1
pids=()
for ((w = 0; w < workers; w++)); do
	taken $w &
	pids+=($!)
done
wait "${pids[@]}"
is "one id: one gets it" "$(wc -l <"$WORK/won")" 1
is "one id: the others are told" "$(cat "$WORK"/same* | grep -c "$ID")" $((workers - 1))
is "one id: it is there" "$(status_of "$ID")" created
ct_drop
ok "one id: nothing is left" clean_of "$ID" "$BUNDLE"
