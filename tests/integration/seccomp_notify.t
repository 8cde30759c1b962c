#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Any system call can be notified, also those that the runtime hands the listener over with (runc refuses write).
. "${BASH_SOURCE%/*}/../lib/lib.sh"

for privileges in true false; do
	agent=$WORK/agent-$privileges
	bg "$PROBE" agent "$agent" "$agent.json" >"$agent.out"
	wait_text "$agent.out" listening
	new_bundle ".process.noNewPrivileges = $privileges" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		listenerPath: "\($ENV.WORK)/agent-'$privileges'", syscalls: [{names: ["write", "sendmsg", "sendto", "getpgid"], action: "SCMP_ACT_NOTIFY"}]}'
	with_args /bin/true
	ct_run
	is "write, sendmsg, noNewPrivileges $privileges: the container runs" "$RC" 0
	wait_for jq -e .state.id "$agent.json" >/dev/null 2>&1
	is "noNewPrivileges $privileges: the agent has its state" "$(jq -r .state.id "$agent.json" 2>/dev/null)" "$ID"
done
