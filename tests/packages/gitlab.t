#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# .gitlab-ci.yml, by gitlab-ci-local (an npm package): the file is what GitLab's schema wants, each job's commands exist
# in the tree, and a job of it runs here from a fresh clone, with its report. Minutes.
. "$(dirname "$0")/../lib/lib.sh"

for tool in npm node git; do
	command -v $tool >/dev/null || { skip "the pipeline" "$tool is not installed"; exit 0; }
done
[ -e "$lib_top/.git" ] || { skip "the pipeline" "the tree has no history to clone"; exit 0; }
version=latest
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ] || version=4.64.0 # the last one for node 20
mkdir "$WORK/npm"
(cd "$WORK/npm" && npm install --silent --no-audit --no-fund "gitlab-ci-local@$version") >"$WORK/err" 2>&1 ||
	{ skip "the pipeline" "no npm package gitlab-ci-local"; exit 0; }

# What is in the tree, committed or not, as a clone of its own.
clone=$WORK/clone
git clone -q "$lib_top" "$clone" 2>"$WORK/err"
git -C "$lib_top" ls-files -z --cached --others --exclude-standard |
	(cd "$lib_top" && tar -c --null -T - --ignore-failed-read 2>/dev/null) | tar -x -C "$clone"
git -C "$clone" add -A
git -C "$clone" -c user.name=test -c user.email=test@greffon.example commit -q --allow-empty -m test

pipeline() { (cd "$clone" && HOME=$WORK/npm "$WORK/npm/node_modules/.bin/gitlab-ci-local" "$@"); }

ok "the file is valid" pipeline --list-json
list=$(pipeline --list-json 2>/dev/null)
for job in build unit integration conformance engines vm peers sanitizers fuzz-smoke oci-validation packages distcheck; do
	ok "there is a job $job" jq -e --arg j "$job" 'any(.[]; .name == $j or (.name | startswith($j + ":")))' <<<"$list"
done
is "what the jobs call is in the tree" "$(sed -nE 's/^    - (\S*\/\S+).*/\1/p' "$clone/.gitlab-ci.yml" | grep -v '^_build' | sort -u |
	while read -r program; do [ -x "$clone/$program" ] || echo "$program"; done)" ""

ok "the job unit runs" pipeline --force-shell-executor --no-shell-isolation --quiet unit
ok "and leaves its report" python3 -c '
import sys, xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot().findall("testsuite")
cases = sum(int(s.get("tests")) for s in suites)
sys.exit(not (cases > 50 and all(int(s.get("failures")) == 0 for s in suites)))' "$clone/junit.xml"

# the report tells failures, skips and an early end
printf 'TAP version 13\nok 1 - a <b>\nnot ok 2 - c\n#   got "1"\nok 3 - d # SKIP no e\n1..4\n' >"$WORK/some.log"
like "a report says what failed, was skipped and was not reached" "$("$lib_top/tests/lib/junit" "$WORK/some.log" | tr -d '\n')" \
	'*tests="4" failures="2" skipped="1"*name="a &lt;b&gt;"/>*name="c"><failure message=*got*<skipped message="no e"/>*3 of 4 tests*'
