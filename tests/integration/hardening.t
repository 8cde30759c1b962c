#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The program as the linker made it, the primitives that features lists, and --strict.
. "$(dirname "$0")/../lib/lib.sh"

bin=$(command -v "${lib_runtime[0]}")

# has NAME REGEX TOOL...: the tool's output has a line that matches; lacks: none has
has() {
	local name=$1 regex=$2
	shift 2
	ok "$name" sh -c "$* | grep -qE -e '$regex'"
}
lacks() {
	local name=$1 regex=$2
	shift 2
	ok "$name" sh -c "! $* | grep -qE -e '$regex'"
}

artefact() {
	command -v readelf >/dev/null || { skip "the program's file" "readelf is not installed"; return; }
	has "it is position independent" 'Type:.*DYN' readelf -hW "$bin"
	has "relocations are read-only after the start" GNU_RELRO readelf -lW "$bin"
	has "all are done at the start" 'BIND_NOW|\bNOW\b' readelf -dW "$bin"
	lacks "the stack is not executable" 'GNU_STACK.*RWE' readelf -lW "$bin"
	lacks "nothing is writable and executable" 'LOAD.*RWE' readelf -lW "$bin"
	lacks "no search path for libraries" 'RPATH|RUNPATH' readelf -dW "$bin"
	lacks "no relocation of the text" TEXTREL readelf -dW "$bin"
	is "not set-user-id, no file capabilities" "$(stat -c %A "$bin" | tr -cd s)$(getcap "$bin" 2>/dev/null)" ""
	if readelf -dW "$bin" | grep -q NEEDED; then
		skip "needs no shared library" "built with --disable-static-link or a sanitizer"
	else
		pass "needs no shared library"
		lacks "no loader is asked for" INTERP readelf -lW "$bin"
	fi
	if ! readelf -sW "$bin" | grep -q ' main$'; then
		skip "stack protector, fortify, landing pads" "the program is stripped"
		return
	fi
	has "functions are guarded by a stack protector" __stack_chk_fail readelf -sW "$bin"
	if readelf -sW "$bin" | grep -q __asan_; then
		skip "calls of the C library are fortified" "built with a sanitizer"
	else
		has "calls of the C library are fortified" '__(snprintf|vsnprintf|memcpy|fprintf)_chk' readelf -sW "$bin"
	fi
	if [ "$(uname -m)" != x86_64 ] || ! command -v objdump >/dev/null; then
		skip "functions begin with landing pads (CET)" "no x86-64, or objdump is not installed"
		return
	fi
	has "functions begin with landing pads (CET)" endbr64 objdump -d --disassemble=main "$bin"
	if readelf -nW "$bin" | grep -q IBT; then
		pass "the file is marked for CET"
	else
		skip "the file is marked for CET" "an archive of the distribution is not built for it"
	fi
}

set_user_id() {
	needs_root "set-user-id" "another user's call can't be made" || return 0
	cp "$bin" "$WORK/suid"
	chmod 4755 "$WORK/suid"
	command -v setpriv >/dev/null || { skip "set-user-id" "setpriv is not installed"; return; }
	setpriv --reuid 65534 --regid 65534 --clear-groups "$WORK/suid" --root "$WORK" list >"$WORK/out" 2>"$WORK/err"
	is "run set-user-id, it refuses: status" $? 1
	like "run set-user-id, it refuses: message" "$(<"$WORK/err")" "*refuses to run with set-user-id*"
	: >"$WORK/err"
}

strict() {
	local features name
	features=$(rt features)
	for name in closeRange fsopenProc mountSetattr openat2 pidfd sealedExe; do
		is "features tells of $name" "$(jq -r ".annotations.\"org.greffon.host.hardening.$name\"" <<<"$features")" true
	done
	new_bundle
	with_args /bin/true
	rt_options=(--strict)
	ct_run
	is "--strict: a container runs" "$RC" 0
	set_config '.process.capabilities.bounding += ["CAP_FOO"]'
	ct_run
	is "--strict: an unknown capability is refused" "$RC" 1
	like "--strict: the message" "$(<"$WORK/err")" "*process.capabilities*--strict*CAP_FOO*"
	rt_options=()
	ct_run
	is "without it: a warning" "$RC" 0
	like "without it: the message" "$(<"$WORK/err")" "*process.capabilities: left out*CAP_FOO*"
	: >"$WORK/err"
}

# A kernel (or the filter of an outer container) without a call.
lacking() { # CALL NAME
	new_bundle
	with_args /bin/true
	write_config
	lib_live[$ID]=1
	timeout --foreground -k 2 20 strace -qq -o /dev/null -e inject="$1":error=ENOSYS \
		"${lib_runtime[@]}" --strict --root "$STATE" create -b "$BUNDLE" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null
	is "--strict without $1: refused" $? 1
	like "--strict without $1: the message" "$(<"$WORK/err")" "*--strict*$1*"
	: >"$WORK/err"
	ok "--strict without $1: nothing is left" clean_of "$ID" "$BUNDLE"
}

artefact
set_user_id
strict
if command -v strace >/dev/null; then
	lacking openat2
	lacking close_range
	lacking mount_setattr
else
	skip "--strict on a kernel that lacks a call" "strace is not installed"
fi
