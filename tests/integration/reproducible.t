#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/reproducible.md: the page's job, three times, on a node that pretends to have a GPU: as it is, again, and changed.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"
. "$(dirname "$0")/../lib/graft.sh"

need docs/reproducible.md jq
if ! pretend >"$WORK/pretend.log" 2>&1; then
	skip docs/reproducible.md "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
	exit 0
fi
mount -t tmpfs records /var/lib
jq '.recordFolders = ["/var/lib/greffon/records"]' /etc/greffon/graft.json >"$WORK/policy" && cat "$WORK/policy" >/etc/greffon/graft.json
printf '#!/bin/sh\nexec %s --root %s "$@"\n' "${lib_runtime[*]}" "$STATE" >"$EB/greffon"
chmod +x "$EB/greffon"
new_bundle "$deny" "$(annotate gpu=0 gpu.caps=utility)" '.linux.resources.pids.limit = 50'
with_args /bin/sh -c 'test -c /dev/nvidia0'
write_config
mkdir "$WORK/project"
cp -a "$BUNDLE" "$WORK/project/job"
cd "$WORK/project" || exit
page=$WORK/reproducible.md

job() { # NUMBER: the blocks of the page from the second on, as the job NUMBER; its status
	local n
	for n in 2 3 4; do
		CI_JOB_ID=$1 bash -e "$page.$n" >"$WORK/job.$n" 2>"$WORK/err" || return
	done
}

export CI_JOB_ID=1 CI_PROJECT_ID=5
page_blocks reproducible.md ''
ok "the record names the GPU" grep -q nvidia0 run.json
ok "the second job runs" job 2
is "and had the same" "$(cat "$WORK/job.3")" "the same"
jq '.linux.resources.pids.limit = 60' job/config.json >job/new && mv job/new job/config.json
job 3
is "with another limit the comparison fails" $? 1
like "and says which" "$(cat "$WORK/job.3")" "*pids*50*60*"
is "and what is kept is the old one" "$(jq -c .cgroup last/run.json | grep -c 60)" 0
sed -n '/^```yaml$/,/^```$/{/^```/d;p}' "$lib_top/docs/reproducible.md" >"$WORK/ci.yaml"
if /usr/bin/python3 -c 'import yaml' 2>/dev/null; then
	is "the job of GitLab CI is YAML" "$(/usr/bin/python3 -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["compute"]["script"])' "$WORK/ci.yaml")" \
		"['ci/run', 'ci/compare || [ \"\$TAKE_DIFFERENCES\" = yes ]', 'ci/keep']"
else
	skip "the job of GitLab CI is YAML" "python3-yaml is not installed"
fi
cd /
umount /var/lib
