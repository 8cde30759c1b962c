#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Any system call can be notified, also those that the runtime hands the listener over with (runc refuses write).
. "${BASH_SOURCE%/*}/../lib/lib.sh"

for privileges in true false; do
	rm -f "$WORK/agent"
	bg "$PROBE" agent "$WORK/agent" "$WORK/state.json" >"$WORK/agent.out"
	wait_text "$WORK/agent.out" listening
	new_bundle ".process.noNewPrivileges = $privileges" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		listenerPath: "\($ENV.WORK)/agent", syscalls: [{names: ["write", "sendmsg", "sendto", "getpgid"], action: "SCMP_ACT_NOTIFY"}]}'
	with_args /bin/true
	ct_run
	is "write, sendmsg, noNewPrivileges $privileges: the container runs" "$RC" 0
	is "noNewPrivileges $privileges: the agent has its state" "$(jq -r .state.id "$WORK/state.json" 2>/dev/null)" "$ID"
done
