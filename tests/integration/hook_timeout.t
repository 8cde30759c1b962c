#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A hook that does not end in time is killed with everything that descends from it.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

# Emulated, it takes longer than a second to start the processes that are to be killed.
seconds=${GREFFON_VM:+10} seconds=${seconds:-1}

# The hook's script writes the pids of what it has started to $WORK/pids.
hook() { # KIND SCRIPT [TIMEOUT]
	printf '.hooks.%s = [{path: "/bin/bash", args: ["bash", "-c", $ENV.SCRIPT], env: ["PATH=%s", "WORK=%s"], timeout: %s}]' \
		"$1" "$PATH" "$WORK" "${3:-$seconds}"
}
tree='
me() { echo $BASHPID >>"$WORK/pids"; }
export -f me
me
setsid bash -c "me; sleep 300 & echo \$! >>$WORK/pids; wait" &
setsid bash -c "me; setsid bash -c \"me; trap : TERM HUP INT; while :; do sleep 1; done\" & disown; sleep 0.1" &
(me; exec sleep 300) & # of the same group
sleep 300'
export SCRIPT=$tree

left() { # what of it still runs
	local p
	while read -r p; do
		is_gone "$p" || echo "$p"
	done <"$WORK/pids" | xargs
}

: >"$WORK/pids"
new_bundle "$(hook createRuntime)"
ct_create
refused "createRuntime: a hook that does not end" $?
like "the message" "$(<"$WORK/err")" "*did not end within its timeout of $seconds s*"
ok "several processes have been started ($(wc -l <"$WORK/pids"))" test "$(wc -l <"$WORK/pids")" -ge 6
is "none of them is left" "$(left)" ""

: >"$WORK/pids"
new_bundle "$(hook poststart)"
with_args /bin/sleep 60
ct_create
ct_start
is "poststart: none is left" "$(left)" ""
ct_drop

: >"$WORK/pids"
new_bundle "$(hook createContainer)" '.linux.namespaces |= map(select(.type != "pid"))'
ct_create
refused "createContainer, without a pid namespace" $?
is "none is left" "$(left)" ""

# What a hook leaves that ends well is its own business.
: >"$WORK/pids"
export SCRIPT='setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $! >>"$WORK/pids"; sleep 0.1'
new_bundle "$(hook createRuntime '' 10)"
with_args /bin/sleep 60
ct_create
is "a hook that ends well" $? 0
ok "keeps its daemon" not is_gone "$(head -1 "$WORK/pids")"
kill -KILL "$(head -1 "$WORK/pids")"
ct_drop

# Others of the caller's are not touched: the container of a run in the foreground is the runtime's child too.
: >"$WORK/pids"
export SCRIPT=$tree
new_bundle "$(hook prestart)"
bg sleep 300
other=${lib_bg[-1]}
ct_create
refused "prestart" $?
is "prestart: none is left" "$(left)" ""
ok "what is not the hook's lives on" not is_gone "$other"
