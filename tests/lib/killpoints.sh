# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Of the tests of kill points, after lib.sh: the runtime, or the process that it makes, is killed (SIGKILL) before the N-th
# of its system calls. Whatever N was: list works, delete --force removes the rest (state, cgroups, mounts, processes), the
# id can be used again. Each run takes a sample of the Ns; GREFFON_NIGHTLY=1 takes every one.
#   kill_bundle          when the bundle is as it shall be
#   kills ...            see below

if [ -z "${STEPPER:-}" ]; then # else built elsewhere already, where there is no compiler
	STEPPER=$WORK/stepper
	cc -std=gnu11 -D_GNU_SOURCE -O1 -static -o "$STEPPER" "$lib_dir/stepper.c" 2>"$WORK/err"
fi
[ -x "$STEPPER" ] ||
	{ skip "kill points" "stepper.c does not build: $(head -n 1 "$WORK/err")"; exit 0; }

# step CREATED-FILE OPTIONS N VERB...: the runtime under the stepper; its status in RC, the calls in CALLS
step() {
	local options=$1 n=$2
	shift 2
	# shellcheck disable=SC2086
	timeout --foreground -k 2 30 "$STEPPER" $options "$n" "${lib_runtime[@]}" --root "$STATE" "$@" \
		>"$WORK/out" 2>"$WORK/err" </dev/null 9>"$WORK/calls"
	RC=$?
	CALLS=$(<"$WORK/calls")
}

processes() { # those of the container, by its id in the command line or its bundle among the mounts
	local p
	{
		grep -lzxF -e "$ID" /proc/[0-9]*/cmdline
		grep -lF -e "$BUNDLE/rootfs" -e "${BUNDLE#/tmp}/rootfs" /proc/[0-9]*/mountinfo
	} 2>/dev/null | while IFS=/ read -r _ _ p _; do
		case $(proc_state "$p") in Z | X) ;; *) echo "$p" ;; esac
	done
}

host_mounts() { # not those of other programs' scratch folders
	awk -v w="$WORK/" '$5 !~ "^/(tmp|var|run)/" || index($5, w) == 1' /proc/self/mountinfo | cut -d' ' -f4-
}

no_processes() { [ -z "$(processes)" ]; }

left_over() { # what is there besides nothing
	local left
	left=$(find "$STATE" -mindepth 1 -maxdepth 1 -not -name .cache)
	[ -z "$left" ] || echo "state: $left"
	clean_of "$ID" "$BUNDLE"
	wait_for no_processes || echo "processes: $(processes | tr '\n' ' ')"
	host_mounts | cmp -s - "$WORK/mounts" || echo "mounts of the host differ"
}

# after NAME: what has to hold after a kill. Prints what does not.
after() {
	local out
	out=$(rt list 2>&1 </dev/null) || echo "list: $out"
	out=$(rt list --quiet 2>&1 </dev/null) || echo "list --quiet: $out"
	rt state "$ID" >"$WORK/said" 2>&1 </dev/null
	case $? in 0 | 1) ;; *) echo "state: $(<"$WORK/said")" ;; esac
	out=$(rt delete --force "$ID" 2>&1 </dev/null) || echo "delete --force: $out"
	left_over
	# not in a substitution: the container would keep its pipe open
	rt create --bundle "$BUNDLE" "$ID" >"$WORK/again" 2>&1 </dev/null || echo "create again: $(<"$WORK/again")"
	out=$(rt delete --force "$ID" 2>&1 </dev/null) || echo "delete again: $out"
}

program_name() { tr '\0' ' ' <"/proc/$(state_of "$ID" | jq -r .pid)/cmdline"; }

runs_program() { [ "$(status_of "$ID")" = running ] && [ "$(program_name)" = "sleep 600 " ]; }

still_runs() { wait_for runs_program || echo "status: $(status_of "$ID")"; }

prepared() { # STATE: brings the container there
	[ "$1" = none ] && return
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err" </dev/null || return
	[ "$1" = created ] && return
	rt start "$ID" >/dev/null 2>"$WORK/err" </dev/null || return
	case $1 in
	paused) rt pause "$ID" ;;
	grafted) rt update --graft gpu=0 "$ID" ;;
	stopped) rt kill "$ID" KILL && wait_for stopped ;;
	esac >/dev/null 2>"$WORK/err" </dev/null
}

stopped() { [ "$(status_of "$ID")" = stopped ]; }

# kills NAME FROM OPTIONS STRIDE VERB...: VERB out of the state FROM, killed before each STRIDE-th call. EXTRA then says
# what else is wrong.
kills() {
	local name=$1 from=$2 options=$3 stride=$4 total n wrong='' out runs=0
	shift 4
	[ -z "${GREFFON_VM:-}" ] || stride=$((stride * 6)) # emulated, a kill and what follows takes seconds
	[ -z "${GREFFON_NIGHTLY:-}" ] || stride=1
	prepared "$from" || { fail "$name" "the container can't be brought to '$from'"; return; }
	step "$options" 0 "$@"
	total=$CALLS
	rt delete --force "$ID" >/dev/null 2>&1 </dev/null
	[ "$RC" -eq 0 ] && [ "${total:-0}" -gt 0 ] || { fail "$name" "without a kill: status $RC, calls '$total'"; return; }
	# another sample each time, so that all are seen in the end
	for ((n = 1 + RANDOM % stride; n <= total; n += stride)); do
		prepared "$from" || { wrong="$n: the container can't be brought to '$from'"; break; }
		step "$options" "$n" "$@"
		runs=$((runs + 1))
		out=$([ -z "$EXTRA" ] || "$EXTRA"; after)
		[ -n "$out" ] || continue
		wrong+="before call ${CALLS:-$n} of $total: $out"$'\n'
		# the next must not suffer for this one
		rt delete --force "$ID" >/dev/null 2>&1 </dev/null
		lib_kill_cgroups
		wait_for no_processes
		lib_rm_cgroups
		rm -rf "${STATE:?}/$ID"
	done
	if [ -z "$wrong" ]; then
		pass "$name"
		diag "  $runs of $total"
	else
		: >"$WORK/err"
		fail "$name" "$wrong"
	fi
}

kill_bundle() {
	with_args sleep 600
	write_config
	lib_live[$ID]=1
	host_mounts >"$WORK/mounts"
}
