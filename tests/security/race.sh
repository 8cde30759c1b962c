# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Of the security tests, after lib.sh: canaries, the attacker, races.
#   new_canary           CANARY: a folder of the host that nothing may change; untouched NAME checks it
#   hostile FILTER...    a bundle as new_bundle makes it, with the attacker as /bin/attacker
#   race NAME            runs the bundle over and over for RACE_SECONDS (GREFFON_RACE_SECONDS) while `swaps` go on
#   swaps A B [A B]...   exchanges names in the background until swaps_end; attacks ...: what else attacker does so

RACE_SECONDS=${GREFFON_RACE_SECONDS:-6}
ATTACKER=$WORK/attacker
if ! cc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$ATTACKER" "$(dirname "$0")/attacker.c" 2>"$WORK/err"; then
	skip "${0##*/}" "attacker.c does not build: $(head -n 1 "$WORK/err")"
	exit 0
fi

canary_state() { # every name, type, owner, mode, size, time, link and content
	find "$CANARY" -printf '%P %y %U:%G %m %s %T@ %n %l\n' | sort
	find "$CANARY" -type f -exec sha256sum {} +
	stat -c '%Y %Z %h' "$CANARY"
}

new_canary() {
	CANARY=$WORK/canary$((lib_count + 1))
	mkdir -p "$CANARY"/{sub,dev,proc,pts,shm,target}
	echo host-secret | tee "$CANARY/secret" "$CANARY/sub/file" "$CANARY/null" "$CANARY/console" "$CANARY/ptmx" \
		"$CANARY/dev/null" "$CANARY/dev/ptmx" >"$CANARY/kcore"
	chmod 640 "$CANARY/secret"
	chmod 600 "$CANARY/null"
	CANARY_BEFORE=$(canary_state)
}

untouched() { # NAME
	local now
	now=$(canary_state)
	if [ "$now" = "$CANARY_BEFORE" ]; then
		pass "$1"
	else
		fail "$1" "the canary has changed:" "$(diff <(echo "$CANARY_BEFORE") <(echo "$now") | head -n 8)"
	fi
}

hostile() {
	new_canary
	new_bundle "$@"
	cp "$ATTACKER" "$ROOTFS/bin/attacker"
}

swaps() { attacks swap "$@"; }

attacks() {
	"$ATTACKER" "$@" 2>"$WORK/swap.err" &
	SWAPPER=$!
	lib_bg+=("$SWAPPER")
	disown
}

swaps_end() {
	kill -KILL "$SWAPPER" 2>/dev/null
	wait_gone "$SWAPPER"
	[ ! -s "$WORK/swap.err" ] || diag "the swapper: $(<"$WORK/swap.err")"
}

# race NAME [CREATE-OPTION...]: the bundle again and again. Each run succeeds or says one line; what its program
# prints must not hold "host-secret" or "ESCAPED"; nothing is left; the canary is as it was.
race() {
	local name=$1 end=$((SECONDS + RACE_SECONDS)) runs=0 good=0 wrong='' status
	shift
	write_config
	lib_live[$ID]=1
	while [ "$SECONDS" -lt "$end" ] && [ -z "$wrong" ]; do
		runs=$((runs + 1))
		rt run --bundle "$BUNDLE" "$@" "$ID" >"$BUNDLE/out" 2>"$WORK/err" </dev/null
		status=$?
		if grep -qE 'host-secret|ESCAPED' "$BUNDLE/out"; then
			wrong="the program printed: $(grep -E 'host-secret|ESCAPED' "$BUNDLE/out" | head -n 3)"
		elif [ $status -eq 0 ]; then
			good=$((good + 1))
		elif [ $status -ge 124 ]; then
			wrong="status $status: $(<"$WORK/err")"
		elif [ $status -eq 1 ] && [ "$(grep -cv '^{\|\[GRAFT-[A-Z]*\]$' "$WORK/err")" -ne 1 ]; then
			wrong="an error of $(wc -l <"$WORK/err") lines: $(head -n 3 "$WORK/err")"
		fi
		[ ! -e "$STATE/$ID" ] || { wrong+=" state left behind"; ct_delete --force; }
	done
	swaps_end
	local left
	left=$(clean_of "$ID" "$BUNDLE") || wrong+=" $left"
	: >"$WORK/err"
	if [ -n "$wrong" ]; then
		fail "$name" "$wrong" "in run $runs"
	else
		pass "$name"
		diag "  $runs runs, $good of them to the end"
	fi
	untouched "$name: the host is as it was"
}
