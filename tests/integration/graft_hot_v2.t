#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# graft_hot.t where cgroup v2 is all there is: device programs are replaced instead of lists written. On a host with v1
# a private view of its v2 hierarchy serves.
dir=$(dirname "$0")
if [ "$(id -u)" = 0 ] && [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] && [ "${1:-}" != view ]; then
	exec unshare -m --propagation private "$BASH" "$0" view
fi
if [ "${1:-}" = view ] && mount -t cgroup2 none /sys/fs/cgroup; then
	exec "$BASH" "$dir/graft_hot.t"
fi
. "$dir/../lib/lib.sh"
if [ "$(id -u)" != 0 ]; then
	skip "hot grafts with cgroup v2" "needs root"
elif [ "${1:-}" = view ]; then
	skip "hot grafts with cgroup v2" "cgroup2 can't be mounted"
else
	skip "hot grafts with cgroup v2" "the host has v2: graft_hot.t shows it"
fi
