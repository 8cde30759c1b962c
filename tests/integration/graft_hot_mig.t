#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# MIG instances into a running container, and out of it, one after the other: those of one GPU are used through its node.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

opens() { rt exec "$ID" /bin/probe open "$@" 2>&1 </dev/null | xargs; } # PATH rw...
change() { rt update "$@" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null; }

instances() {
	local first=/dev/nvidia-caps/nvidia-cap3 second=/dev/nvidia-caps/nvidia-cap12 how
	for how in gpu=gpu0/gi7/ci0 gpu=1:0; do
		new_bundle "$deny"
		with_args /bin/sleep 600
		ct_create && ct_start
		ok "$how: two instances of a GPU" change --graft gpu=gpu0/gi7/ci0
		ok "$how: ..." change --graft gpu=gpu0/gi8/ci0
		ok "$how: the first goes" change --ungraft "$how"
		is "$how: ... and the second can be used" "$(opens $first r $second r /dev/nvidia0 rw)" \
			"$first:r=ENOENT $second:r=ENXIO /dev/nvidia0:rw=ENXIO"
		ok "$how: ... until it goes" change --ungraft gpu=gpu0/gi8/ci0
			is "$how: ... and the GPU with it" "$(opens /dev/nvidia0 rw)$(jq -c '.graft' "$STATE/$ID/state.json")" "/dev/nvidia0:rw=ENOENTnull"
		ct_drop
	done
}

if [ "$(id -u)" != 0 ]; then
	skip "MIG instances into running containers" "only root can pretend"
elif ! pretend a100-mig >"$WORK/pretend.log" 2>&1; then
	skip "MIG instances into running containers" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
elif [ "$("$PROBE" open /dev/nvidia0 rw)" != "/dev/nvidia0:rw=ENXIO" ]; then
	skip "MIG instances into running containers" "opening a device that has no driver gives no ENXIO here"
else
	instances
fi
