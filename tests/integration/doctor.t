#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What greffon doctor says: of trees, against tests/golden/doctor (GOLDEN_WRITE=1 writes those anew: read their
# difference), of trees with one thing wrong, and of this machine.
. "$(dirname "$0")/../lib/lib.sh"

golden=$lib_top/tests/golden/doctor
doctor() { "${lib_runtime[@]}" doctor "$@"; }

examined() { # TREE NAME
	doctor --host "$1" >"$WORK/$2.txt" 2>&1
	echo "status $?" >>"$WORK/$2.txt"
	[ -z "${GOLDEN_WRITE:-}" ] || cp "$WORK/$2.txt" "$golden/$2.txt"
	if diff -u "$golden/$2.txt" "$WORK/$2.txt" >"$WORK/diff" 2>&1; then
		pass "doctor: $2 is as healthy as it was"
	else
		fail "doctor: $2 is as healthy as it was" "$(head -n 20 "$WORK/diff")"
	fi
}

put() { # PATH TEXT, in the tree "node"
	mkdir -p "$WORK/node/${1%/*}" && printf '%s\n' "$2" >"$WORK/node/$1"
}

# A tree of a healthy node; each case breaks one thing of it.
healthy() {
	rm -rf "$WORK/node"
	cp -r "$lib_top/tests/hosts/cgroup-v2" "$WORK/node"
	put proc/sys/kernel/osrelease 6.1.0-18-amd64
	put proc/sys/kernel/seccomp/actions_avail 'kill_process kill_thread trap errno user_notif trace log allow'
	put proc/sys/user/max_user_namespaces 63000
	put sys/kernel/security/lsm 'lockdown,capability,yama,apparmor'
	put sys/module/apparmor/parameters/enabled Y
	put sys/fs/cgroup/cgroup.controllers 'cpuset cpu io memory hugetlb pids rdma'
	put sys/fs/cgroup/cgroup.subtree_control 'cpu memory pids'
	put etc/greffon/graft.json '{"version": 1, "enable": ["gpu", "rdma"]}'
}

finds() { # NAME STATUS GLOB
	local out status
	out=$(doctor --host "$WORK/node" 2>&1)
	status=$?
	like "doctor finds $1" "status $status $out" "status $2 $3"
}

broken() {
	healthy
	finds "nothing wrong with a healthy node" 0 "*Linux 6.1.0-18-amd64*AppArmor; all: lockdown*0 wrong"
	put proc/sys/kernel/osrelease 5.4.0-150-generic
	finds "an older kernel" 0 "*warn  kernel *5.4.0-150-generic has no openat2, *mend: boot 5.14*"
	put proc/sys/kernel/osrelease 3.10.0
	finds "a kernel that is too old" 1 "*fail  kernel *3.10.0 is older than 4.18*"
	healthy
	rm -r "$WORK/node/proc/sys/kernel/seccomp"
	finds "a kernel without filters" 0 "*warn  seccomp *CONFIG_SECCOMP_FILTER*"
	put proc/sys/user/max_user_namespaces 0
	finds "user namespaces that are switched off" 0 "*warn  userns *mend: sysctl user.max_user_namespaces=*"
	healthy
	put proc/sys/kernel/unprivileged_userns_clone 0
	finds "... by Debian's switch" 0 "*warn  userns *kernel.unprivileged_userns_clone=1*"
	healthy
	put proc/sys/kernel/apparmor_restrict_unprivileged_userns 1
	finds "... by AppArmor's" 0 "*warn  userns *kernel.apparmor_restrict_unprivileged_userns=0*"
	put sys/fs/cgroup/cgroup.controllers 'cpu pids'
	finds "a controller that is missing" 0 "*warn  cgroup *no controller memory*cgroup_disable=*"
	healthy
	put etc/greffon/graft.json '{"version": 1, "enabel": []}'
	finds "a policy file that is wrong" 1 "*fail  policy *graft.json*enabel*mend: *greffon.conf(5)*"
	healthy
	put etc/cdi/gone.json '{"cdiVersion": "0.5.0", "kind": "example.com/gpu", "devices": [
		{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/gone0"}]}},
		{"name": "1", "containerEdits": {"deviceNodes": [{"path": "/dev/gone1"}]}}]}'
	finds "a CDI file that is stale, once" 1 "*fail  cdi *gone.json: example.com/gpu=0: */dev/gone0* (and 1 more: *mend: *1 wrong*"
	put etc/cdi/gone.json '{"cdiVersion": "0.5.0", "kind": "example.com/gpu", "devices": [
		{"name": "0", "containerEdits": {"env": ["A=b"]}}]}'
	finds "... and one that is not" 0 "*ok    cdi *1 CDI file*"
	put etc/cdi/gone.json '{"cdiVersion": '
	finds "... and one that is broken" 0 "*warn  cdi *gone.json*"
	healthy
	put sys/class/infiniband_verbs/uverbs0/dev 231:192
	put sys/class/infiniband_verbs/uverbs0/ibdev rxe0
	put sys/class/infiniband/rxe0/ports/1/state '4: ACTIVE'
	printf '/dev/infiniband/uverbs0\tc\t231\t192\t0666\t0\t0\n' >"$WORK/node/nodes.tsv"
	finds "a controller that is not enabled" 0 "*warn  rdma *mend: *echo +rdma > /sys/fs/cgroup/cgroup.subtree_control*"
	put sys/fs/cgroup/cgroup.subtree_control 'cpu rdma memory'
	finds "... and one that is" 0 "*ok    rdma      the cgroup controller rdma is there*"
	rm "$WORK/node/nodes.tsv"
	finds "a device without its node" 1 "*fail  rdma *uverbs0*missing*"
}

for name in cgroup-none cgroup-v1 cgroup-v2 fedora rootless ubuntu; do
	examined "$lib_top/tests/hosts/$name" "$name"
done
for name in dgx-h100 empty lazy-nodes stale; do
	"$lib_top/tests/hosts/graft" "$name" "$WORK/tree-$name"
	examined "$WORK/tree-$name" "$name"
done
broken

doctor --format json >"$WORK/here.json"
is "doctor: this machine, to programs; its status says whether something is wrong" "$?" "$(jq '[1, .fail] | min' "$WORK/here.json")"
is "... each line is counted" "$(jq '[.ok + .warn + .fail == (.checks | length), ([.checks[] | select(.level == "fail")] | length) == .fail] | all' "$WORK/here.json")" true
like "... the kernel is this one" "$(jq -r '.checks[] | select(.area == "kernel").text' "$WORK/here.json")" "*$(uname -r)*"
is "... and the same is said to people" "$(doctor | grep -cE '^(ok|warn|fail) ')" "$(jq '.checks | length' "$WORK/here.json")"
missing=$("${lib_runtime[@]}" graft check | sed -E 's/^(ok|advice|wrong) +[a-z]+ +//; s/; .*//' | while read -r line; do
	jq -r '.checks[].text' "$WORK/here.json" | grep -qF -e "${line%%;*}" || echo "$line"
done)
is "doctor says all that graft check says" "$missing" ""
"${lib_runtime[@]}" graft capture --out "$WORK/captured"
# what is delegated to the caller is the caller's, not the node's
both_tell() { grep -E '^(ok|warn|fail) +(seccomp|lsm|cgroup)' | grep -v delegated; }
is "a capture is as healthy as the node, where both can tell" \
	"$(doctor --host "$WORK/captured" | both_tell)" "$(doctor | both_tell)"
like "doctor: another format is an error" "$(doctor --format yaml 2>&1; echo "status $?")" "*neither text nor json*status 2"
like "doctor: a folder that is not there is an error" "$(doctor --host "$WORK/none" 2>&1; echo "status $?")" "*none*status 2"
if [ "$(id -u)" != 0 ]; then
	skip "doctor: a plain user is told of ranges and delegation" "only root can become one"
else
	like "doctor: a plain user is told of ranges and delegation" \
		"$(setpriv --reuid 54321 --regid 54321 --clear-groups "${lib_runtime[@]}" doctor)" \
		"*/etc/subuid has no range for 54321*mend: usermod --add-subuids*warn  cgroup *"
fi
