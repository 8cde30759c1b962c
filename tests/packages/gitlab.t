#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# .gitlab-ci.yml, by gitlab-ci-local (an npm package): the file is what GitLab's schema wants, each job's commands exist
# in the tree, and some of its jobs run here, each from a fresh clone, with their reports. Minutes.
. "$(dirname "$0")/../lib/lib.sh"

for tool in npm node git; do
	command -v $tool >/dev/null || { skip "the pipeline" "$tool is not installed"; exit 0; }
done
[ -e "$lib_top/.git" ] || { skip "the pipeline" "the tree has no history to clone"; exit 0; }
version=latest
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ] || version=4.64.0 # the last one for node 20
npm=$WORK/npm
mkdir "$npm"
(cd "$npm" && npm install --silent --no-audit --no-fund "gitlab-ci-local@$version") >"$WORK/err" 2>&1 ||
	{ skip "the pipeline" "no npm package gitlab-ci-local"; exit 0; }

# What is in the tree, committed or not, as a clone of its own.
clone=$WORK/clone
git clone -q "$lib_top" "$clone" 2>"$WORK/err"
git -C "$lib_top" ls-files -z --cached --others --exclude-standard |
	(cd "$lib_top" && tar -c --null -T - --ignore-failed-read 2>/dev/null) | tar -x -C "$clone"
git -C "$clone" add -A
git -C "$clone" -c user.name=test -c user.email=test@greffon.example commit -q --allow-empty -m test

# A job has nothing of this test's environment: what the runtime is, where the tests work.
pipeline() {
	(cd "${job_at:-$clone}" && unset GREFFON RUNTIME PROBE LIB_TEMPLATE WORK STATE CG CG_UNDER ID BUNDLE ROOTFS GREFFON_SYSTEMD_HELPER &&
		HOME=$npm exec "$npm/node_modules/.bin/gitlab-ci-local" "$@")
}
job() { # NAME: runs it in a clone of its own, job_at
	job_at=$WORK/$1
	git clone -q "$clone" "$job_at" 2>"$WORK/err"
	pipeline --force-shell-executor --no-shell-isolation "$1" >"$WORK/job.log" 2>&1
	is "the job $1 runs" "$? $(grep -v 'still running' "$WORK/job.log" | grep -A20 -E 'not ok|not found|failed:|ended after' | head -n 20)" "0 "
}

ok "the file is valid" pipeline --list-json
list=$(pipeline --list-json 2>/dev/null)
for job in build unit integration conformance engines vm peers sanitizers fuzz-smoke oci-validation packages distcheck; do
	ok "there is a job $job" jq -e --arg j "$job" 'any(.[]; .name == $j or (.name | startswith($j + ":")))' <<<"$list"
done
is "what the jobs call is in the tree" "$(sed -nE 's/^    - (\S*\/\S+).*/\1/p' "$clone/.gitlab-ci.yml" | grep -v '^_build' | sort -u |
	while read -r program; do [ -x "$clone/$program" ] || echo "$program"; done)" ""

job build-dynamic
job conformance
job unit
ok "and leaves its report" python3 -c '
import sys, xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot().findall("testsuite")
cases = sum(int(s.get("tests")) for s in suites)
sys.exit(not (cases > 50 and all(int(s.get("failures")) == 0 for s in suites)))' "$job_at/junit.xml"

# the report tells failures, skips and an early end
printf 'TAP version 13\nok 1 - a <b>\nnot ok 2 - c\n#   got "1"\nok 3 - d # SKIP no e\n1..4\n' >"$WORK/some.log"
like "a report says what failed, was skipped and was not reached" "$("$lib_top/tests/lib/junit" "$WORK/some.log" | tr -d '\n')" \
	'*tests="4" failures="2" skipped="1"*name="a &lt;b&gt;"/>*name="c"><failure message=*got*<skipped message="no e"/>*3 of 4 tests*'
