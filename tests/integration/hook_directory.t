#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where a hook finds itself. Hooks written for runc name files of the container as ./lib/x, from the root file system.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

hook() { # KIND SHELL SCRIPT
	printf '.hooks.%s = [{path: "%s", args: ["sh", "-c", "%s"], env: ["PATH=%s"]}]' "$1" "$2" "$3" "$PATH"
}

: >"$WORK/where"
chmod 666 "$WORK/where"
new_bundle "$(hook prestart /bin/sh "pwd -P >>$WORK/where")" \
	"$(hook createRuntime /bin/sh "pwd -P >>$WORK/where")" \
	"$(hook createContainer /bin/sh 'echo here >./made && mount --bind ./made ./made')" \
	"$(hook startContainer /bin/sh 'pwd -P >/where')" \
	"$(hook poststart /bin/sh "pwd -P >>$WORK/where")" \
	"$(hook poststop /bin/sh "pwd -P >>$WORK/where")" '.root.readonly = false'
run_sh 'cat /made; grep -c " /made " /proc/self/mountinfo; cat /where'
is "the container ran" "$RC" 0
is "createContainer: in the root file system, with the host's programs, in the container's mounts" \
	"$(echo "$OUT" | head -n 2 | xargs)" "here 1"
is "startContainer: at the container's /" "$(echo "$OUT" | tail -n 1)" /
is "the runtime's side: in the bundle" "$(sort -u "$WORK/where")" "$BUNDLE"
is "as often as there are hooks" "$(wc -l <"$WORK/where")" 4
