#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The libraries of granted RDMA devices: the image's own where they can drive them, else the host's as one set. The
# libraries are the distribution's rdma-core; the devices only pretend.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"
. "$(dirname "$0")/../lib/mpi.sh"

image() { # [verbs [providers]]: a C library, and what it has of rdma-core
	local f
	mpi_image "$WORK/program"
	[ $# -gt 0 ] || return
	cp -L "$dir/libibverbs.so.1" "$ROOTFS$mpi_libdir"
	for f in libnl-3.so.200 libnl-route-3.so.200; do
		cp -L "$mpi_libdir/$f" "$ROOTFS$mpi_libdir"
	done
	[ $# -lt 2 ] || cp -rL "$dir/libibverbs" "$ROOTFS$mpi_libdir"
}

plan() { with_args app; write_config; OUT=$("${lib_runtime[@]}" graft plan --bundle "$BUNDLE" 2>&1); }

verbs() {
	new_bundle "$deny" "$(annotate rdma=mlx5_0)"
	image
	run_sh 'app; ls -d /dev/.greffon/lib/libibverbs.so.1 /etc/libibverbs.d/mlx5.driver; ls '"$(realpath "$dir")"'/libibverbs'
	like "an image without verbs: the host's, with its configuration and providers" "$OUT" \
		"*opens=yes*/dev/.greffon/lib/libibverbs.so.1*mlx5.driver*libmlx5-rdmav*"
	new_bundle "$deny" "$(annotate rdma=mlx5_0)"
	image verbs providers
	plan
	like "an image with a provider for the device keeps its own" "$OUT" "*left     the host's libibverbs (the image's (PABI *has providers*"
	is "... and gets nothing of the host's" "$(grep -c 'mount .*libibverbs' <<<"$OUT")" 0
	new_bundle "$deny" "$(annotate 'rdma=mlx5_0;libs=host')"
	image verbs providers
	plan
	like "libs=host: the host's all the same" "$OUT" "*mount    /dev/.greffon/lib/libibverbs.so.1 from *libs=host*"
	new_bundle "$deny" "$(annotate rdma=mlx5_0)"
	image verbs
	plan
	like "a libibverbs without the provider is replaced with it, not given one" "$OUT" "*/dev/.greffon/lib/libibverbs.so.1 from *the image lacks mlx5*"
	new_bundle "$deny" "$(annotate 'rdma=mlx5_0;libs=none')"
	image
	plan
	is "libs=none: no library" "$(grep -c 'mount .*lib' <<<"$OUT")" 0
	new_bundle "$deny" "$(annotate 'rdma=mlx5_0;libs=host')"
	run_sh true
	is "libs=host in an image without a C library is refused" "$RC" 1
	like "... with the reason" "$(cat "$WORK/err")" "*no glibc*GRAFT-GLIBC*"
	new_bundle "$deny" "$(annotate 'rdma=mlx5_0;libs=some')"
	run_sh true
	like "no such word" "$RC $(cat "$WORK/err")" "1 *libs=auto*GRAFT-VALUE*"
}

cat >"$WORK/program.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(void)
{
	void *h = dlopen("libibverbs.so.1", RTLD_NOW);
	printf("opens=%s\n", h != NULL && dlsym(h, "ibv_get_device_list") != NULL ? "yes" : dlerror());
	return 0;
}
END
dir=$(ldconfig -p | sed -n 's/^\tlibibverbs.so.1 .* => \(.*\)\/libibverbs.so.1$/\1/p' | head -n 1)
if [ "$(id -u)" != 0 ]; then
	skip "the host's verbs" "only root can pretend"
elif [ -z "$dir" ] || ! ls "$dir"/libibverbs/libmlx5-rdmav*.so >/dev/null 2>&1; then
	skip "the host's verbs" "rdma-core's libraries are not installed"
elif ! command -v cc >/dev/null || ! cc -o "$WORK/program" "$WORK/program.c" -ldl 2>"$WORK/make.log"; then
	skip "the host's verbs" "a program can't be compiled here"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "the host's verbs" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	verbs
fi
