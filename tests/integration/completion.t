#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The completion scripts as their shells read them.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

script() { rt completion "$1" >"$WORK/completion.$1"; }
for shell in bash zsh fish; do
	script $shell
	if command -v $shell >/dev/null; then
		ok "$shell reads its script" $shell -n "$WORK/completion.$shell"
	else
		skip "$shell reads its script" "$shell is not installed"
	fi
done
OUT=$(rt completion csh 2>&1)
like "another shell is an error" "$OUT" "*unknown shell 'csh'*"

# complete WORD...: what bash offers for the last one; a runtime of that name lists the containers
mkdir "$WORK/bin"
printf '#!/bin/sh\nexec %s --root %s "$@"\n' "${lib_runtime[*]}" "$STATE" >"$WORK/bin/greffon"
chmod +x "$WORK/bin/greffon"
complete_bash() {
	PATH=$WORK/bin:$PATH bash -c '
		. "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_greffon && printf "%s\n" "${COMPREPLY[@]}"' sh "$WORK/completion.bash" "$@" 2>"$WORK/err" | sort | xargs
}
is "a command" "$(complete_bash greffon star)" start
is "a command behind global options" "$(complete_bash greffon --debug --root /x fea)" features
is "a global option" "$(complete_bash greffon --cgroup-m)" --cgroup-manager
is "the words of its value" "$(complete_bash greffon --log-format "")" "json text"
is "behind an equals sign" "$(complete_bash greffon --log-format = j)" json
is "an option of a command" "$(complete_bash greffon create --pid)" "--pid-file --pidfd-socket"
is "words of one of its values" "$(complete_bash greffon ps --format "")" "json table"
mkdir -p "$WORK/tree/folder" && : >"$WORK/tree/file"
is "a folder" "$(complete_bash greffon run --bundle "$WORK/tree/f")" "$WORK/tree/folder"
is "a file" "$(complete_bash greffon create --pid-file "$WORK/tree/f")" "$WORK/tree/file $WORK/tree/folder"
is "nothing of an option that is only accepted" "$(complete_bash greffon create --no-sub)" ""
is "a shell" "$(complete_bash greffon completion z)" zsh
new_bundle
with_args /bin/sleep 60
ct_create
is "a container" "$(complete_bash greffon start "${ID%??}")" "$ID"
is "no container where a new one is named" "$(complete_bash greffon create "${ID%??}")" ""
ct_drop

if command -v fish >/dev/null; then
	out=$(PATH=$WORK/bin:$PATH HOME=$WORK fish --no-config -c "source $WORK/completion.fish; complete -C 'greffon create --pidf'" 2>"$WORK/err")
	like "fish offers an option" "$out" "--pidfd-socket*"
	out=$(PATH=$WORK/bin:$PATH HOME=$WORK fish --no-config -c "source $WORK/completion.fish; complete -C 'greffon feat'" 2>"$WORK/err")
	like "fish offers a command" "$out" "features*"
else
	skip "fish offers an option" "fish is not installed"
	skip "fish offers a command" "fish is not installed"
fi
