#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# greffon mounts add|remove: mounts of a container that runs.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

needs_root "mounts" "taking a mount of the host needs CAP_SYS_ADMIN there" || exit 0

change() { # add|remove JSON: in OUT what it said, its status is the result
	printf '%s' "$2" >"$WORK/mounts.json"
	OUT=$(rt mounts "$1" "$ID" "$WORK/mounts.json" 2>&1)
}
inside() { rt exec "$ID" /bin/sh -c "$1" 2>&1; }
line_of() { inside "grep ' $1 ' /proc/self/mountinfo"; }

mkdir "$WORK/data" && echo hello >"$WORK/data/file"
bind='{"destination": "/new/data", "source": "'$WORK/data'", "type": "bind", "options": ["rbind", "ro", "nosuid"]}'
tmp='{"destination": "/scratch", "source": "tmpfs", "type": "tmpfs", "options": ["size=64k", "mode=1777", "nodev"]}'
file='{"destination": "/new.file", "source": "'$WORK/data/file'", "options": ["bind"]}'

new_bundle
with_args /bin/sleep 120
ct_create
ct_start
before=$(wc -l </proc/self/mountinfo)
change add "[$bind, $tmp, $file]"
is "add: three mounts" "$?$OUT" 0
is "a folder of the host" "$(inside 'cat /new/data/file')" hello
like "with its options" "$(line_of /new/data)" "* ro,nosuid*"
like "a new file system" "$(line_of /scratch)" "*nodev*tmpfs*size=64k*"
is "a file" "$(inside 'cat /new.file')" hello
is "the program that runs sees them" "$(cat "/proc/$PID/root/new/data/file")" hello
is "the host does not" "$(wc -l </proc/self/mountinfo)" "$before"
ok "nor has it a tmpfs" not test -e /scratch
change remove "[$bind, $tmp]"
is "remove" "$?$OUT" 0
is "they are gone" "$(line_of /new/data)$(line_of /scratch)" ""
is "the other one stays" "$(inside 'cat /new.file')" hello
change remove "[$tmp]"
like "nothing is there to remove" "$?$OUT" "1*mounts[[]0].destination: nothing is mounted on '/scratch'*"

# all or nothing
change add "[$tmp, {\"destination\": \"/proc/sys\", \"source\": \"$WORK/data\", \"options\": [\"bind\"]}]"
is "one that is refused" $? 1
is "leaves none of the others" "$(line_of /scratch)" ""
change add "[$tmp, {\"destination\": \"/y\", \"source\": \"$WORK/absent\", \"options\": [\"bind\"]}]"
like "a source that is not there" "$?$OUT" "1*mounts[[]1].source*"
change add "[$tmp, {\"destination\": \"/new.file/x\", \"source\": \"tmpfs\", \"type\": \"tmpfs\"}]"
is "one that fails when it is attached" $? 1
is "and then too" "$(line_of /scratch)" ""

# a target inside that leads elsewhere
ln -s ../../../../../../../../../../../.. "$ROOTFS/up"
change add '[{"destination": "/up/led/there", "source": "tmpfs", "type": "tmpfs"}]'
ok "a link stays inside" test -d "$ROOTFS/led/there"
ok "nothing is made on the host" not test -e /led

change add '[{"destination": "/c", "source": "cgroup", "type": "cgroup"}]'
like "a cgroup mount is for a creation" "$?$OUT" "1*mounts[[]0]: *only be mounted when a container is made*"
change add '{"destination": "/c"}'
is "not a list" $? 1
change set "[$tmp]"
like "neither add nor remove" "$?$OUT" "1*must be add or remove*"
OUT=$(printf '[%s]' "$tmp" | rt mounts add "$ID" - 2>&1)
is "from standard input" "$?$OUT" 0
rt pause "$ID" 2>"$WORK/err" && {
	change remove "[$tmp]"
	is "in a paused container" "$?$OUT" 0
	rt resume "$ID"
}
kill -KILL "$PID"
wait_gone "$PID"
change add "[$tmp]"
like "not in one that has ended" "$?$OUT" "1*not running*"
ct_drop
change add "[$tmp]"
like "nor where there is none" "$?$OUT" "1*does not exist*"

new_bundle '.linux.namespaces += [{type: "user"}]' \
	'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]' \
	'.linux.gidMappings = .linux.uidMappings' '.process.user = {uid: 7, gid: 7}'
chown -R 100000:100000 "$ROOTFS"
with_args /bin/sleep 120
ct_create
change add "[$bind, $tmp]"
is "with a user namespace, before it is started" "$?$OUT" 0
ct_start
is "its program's user sees the folder" "$(inside 'cat /new/data/file')" hello
is "and can write to the tmpfs" "$(inside 'echo x >/scratch/x && cat /scratch/x')" x
change remove "[$tmp, $bind]"
is "and remove" "$?$OUT" 0
ct_drop

new_bundle '.linux.namespaces |= map(select(.type != "mount"))' 'del(.mounts)'
with_args /bin/sleep 120
ct_create
change add "[$tmp]"
like "without a mount namespace" "$?$OUT" "1*no mount namespace of its own*"
ct_drop
