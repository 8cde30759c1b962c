#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host's driver libraries in containers: found by the image's own loader, in images with and without a cache of it,
# and only where the image's C library can carry them. The driver is one of three small libraries.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

driver=580.95.05
lib=/usr/local/lib
src=$WORK/src

# libcuda needs libgraftdep, which no image has; libnvidia-ml needs a C library that nobody has.
make_driver() {
	mkdir "$src" && cd "$src" || return
	echo 'const char *dep(void) { return "dependency"; }' >dep.c
	echo 'const char *dep(void); const char *cuInit(void) { return dep(); }' >cuda.c
	echo 'const char *from_tomorrow(void) { return "never"; }' >libc.c
	echo 'TOMORROW_9.9 { global: from_tomorrow; };' >libc.map
	echo 'const char *from_tomorrow(void); const char *nvmlInit(void) { return from_tomorrow(); }' >ml.c
	cat >program.c <<-'END'
		#include <dlfcn.h>
		#include <stdio.h>
		int main(int argc, char **argv)
		{
			for (int i = 1; i + 1 < argc; i += 2) {
				void *h = dlopen(argv[i], RTLD_NOW);
				const char *(*f)(void) = h == NULL ? NULL : (const char *(*)(void))dlsym(h, argv[i + 1]);
				printf("%s=%s\n", argv[i], f == NULL ? "missing" : f());
			}
			return 0;
		}
	END
	mkdir stub
	cc -shared -fPIC -Wl,-soname,libgraftdep.so.1 -o libgraftdep.so.1 dep.c &&
		cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so.$driver cuda.c ./libgraftdep.so.1 &&
		cc -shared -fPIC -nostdlib -Wl,-soname,libc.so.6 -Wl,--version-script,libc.map -o stub/libc.so.6 libc.c &&
		cc -shared -fPIC -nostdlib -Wl,-soname,libnvidia-ml.so.1 -o libnvidia-ml.so.$driver ml.c stub/libc.so.6 &&
		cc -o program program.c -ldl
}

install_driver() {
	mount -t tmpfs -o mode=755 driver $lib && cp "$src"/lib*.so.* $lib && cd /
}

# What a program of this machine needs, into the rootfs.
glibc_image() {
	local f
	for f in $(ldd "$src/program" | grep -oE '/[^ ]+'); do
		mkdir -p "$ROOTFS${f%/*}" && cp -L "$f" "$ROOTFS$f"
	done
	cp "$src/program" "$ROOTFS/bin/program"
	mkdir -p "$ROOTFS/etc"
}

asks() { # what the program finds
	with_args /bin/program "$@"
	ct_run
}

libraries() {
	local before
	new_bundle "$deny" "$(annotate gpu=0 gpu.caps=compute,utility)"
	glibc_image
	asks libcuda.so.1 cuInit libcuda.so cuInit libnvidia-ml.so.1 nvmlInit
	is "the loader finds the driver's library and what it needs, with and without a version" \
		"$(val libcuda.so.1) $(val libcuda.so)" "dependency dependency"
	is "one that the image's C library can't carry is left out" "$(val libnvidia-ml.so.1)" missing
	like "... which a note tells, with what is lacking" "$(cat "$WORK/err")" "*TOMORROW_9.9*\[GRAFT-GLIBC]*"
	is "an image that had no cache has an empty one afterwards" "$(stat -c %s "$ROOTFS/etc/ld.so.cache")" 0

	new_bundle "$deny" "$(annotate gpu=0)" '.root.readonly = true'
	glibc_image
	mkdir "$ROOTFS/opt" && cp $lib/libgraftdep.so.1 "$ROOTFS/opt" && echo /opt >"$ROOTFS/etc/ld.so.conf"
	ldconfig -r "$ROOTFS" || { skip "an image's cache is merged" "ldconfig -r does not work here"; return; }
	before=$(sha256sum "$ROOTFS/etc/ld.so.cache")
	asks libcuda.so.1 cuInit libgraftdep.so.1 dep
	is "an image's cache is merged: its own libraries are found as before" \
		"$(val libcuda.so.1) $(val libgraftdep.so.1)" "dependency dependency"
	is "... and the image is as it was" "$(sha256sum "$ROOTFS/etc/ld.so.cache")" "$before"
	run_sh 'ls /dev/.greffon/lib; touch /etc/ld.so.cache'
	is "what the image has is not brought" "$OUT" libcuda.so.1
	ok "the cache can't be written in the container" test "$RC" -ne 0

	new_bundle "$deny" "$(annotate gpu=0)"
	run_sh 'ls -A /dev | grep -c greffon'
	is "an image without a C library gets devices only" "$OUT" 0
	like "... which a note tells" "$(cat "$WORK/err")" "*no glibc*\[GRAFT-GLIBC]*"

	new_bundle "$deny" "$(annotate gpu=0)"
	glibc_image
	printf 'glibc-ld.so.cache1.1\377\377\377\377 nonsense' >"$ROOTFS/etc/ld.so.cache"
	asks libcuda.so.1 cuInit
	is "a broken cache of an image does no harm" "$(val libcuda.so.1)" dependency

	chmod 666 $lib/libcuda.so.$driver
	refuses "a library that others may write is mounted into no container" "$(annotate gpu=0)" '.process.cwd = "/"'
	chmod 644 $lib/libcuda.so.$driver
}

# Into a running container, and out of it.
hot() {
	local before='libcuda.so.1=missing libgraftdep.so.1=missing' both='libcuda.so.1=dependency libgraftdep.so.1=dependency'
	local ask='/bin/program libcuda.so.1 cuInit libgraftdep.so.1 dep'
	new_bundle "$deny"
	glibc_image
	with_args /bin/sleep 600
	ct_create && ct_start
	# shellcheck disable=SC2086
	is "hot: before" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$before"
	ok "hot: a graft" rt update --graft gpu=0 "$ID"
	# shellcheck disable=SC2086
	is "hot: the loader finds its libraries" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$both"
	ok "hot: a second one" rt update --graft gpu=1 --graft gpu.caps=compute,utility "$ID"
	# shellcheck disable=SC2086
	is "hot: the loader finds those of both" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$both"
	is "hot: graft show has each library once" "$(rt graft show "$ID" | grep -c 'lib/libcuda.so.1 from')" 1
	ok "hot: one goes" rt update --ungraft gpu=1 "$ID"
	# shellcheck disable=SC2086
	is "hot: the libraries stay for the other one" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$both"
	ok "hot: all go" rt update --ungraft gpu "$ID"
	# shellcheck disable=SC2086
	is "hot: and the libraries with them" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$before"
	is "hot: no mount stays" "$(rt exec "$ID" /bin/sh -c "grep -e /dev/[.]greffon -e ld[.]so /proc/self/mountinfo; true")" ""
	ok "hot: and again" rt update --graft gpu=0 "$ID"
	# shellcheck disable=SC2086
	is "hot: the loader finds them again" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$both"
	ct_drop

	new_bundle "$deny" "$(annotate gpu=0)"
	glibc_image
	with_args /bin/sleep 600
	ct_create && ct_start
	ok "hot: libraries of birth go as well" rt update --ungraft gpu "$ID"
	# shellcheck disable=SC2086
	is "hot: the loader no longer finds them" "$(rt exec "$ID" $ask 2>&1 | xargs)" "$before"
	ct_drop
}

# The same by greffon-hook, at every stage of other runtimes.
by_hook() {
	local name stage at before
	HOOK=${GREFFON_HOOK:-$(realpath "$(dirname "$(command -v "${lib_runtime[0]}")")/greffon-hook")}
	export HOOK
	[ -x "$HOOK" ] || { skip "libraries by greffon-hook" "it is not beside the runtime under test"; return; }
	for name in runc crun; do
		command -v $name >/dev/null || { skip "$name: libraries by greffon-hook" "$name is not installed"; continue; }
		lib_runtime=("$name")
		[ $name = runc ] || [ -e /sys/fs/cgroup/cgroup.controllers ] || lib_runtime=("$lib_dir/plain-v1" crun)
		for stage in prestart createRuntime createContainer; do
			new_bundle "$(annotate gpu=0)" '.root.readonly = true | .linux.resources.devices = [{allow: true, access: "rwm"}]'
			for at in "$stage" createContainer; do
				set_config ".hooks.$at += [{path: \$ENV.HOOK, args: [\"greffon-hook\", \"$at\"], env: []}]"
			done
			glibc_image
			mkdir "$ROOTFS/opt" && cp $lib/libgraftdep.so.1 "$ROOTFS/opt" && echo /opt >"$ROOTFS/etc/ld.so.conf"
			ldconfig -r "$ROOTFS" || { skip "$name: libraries by greffon-hook" "ldconfig -r does not work here"; return; }
			before=$(sha256sum "$ROOTFS/etc/ld.so.cache")
			asks libcuda.so.1 cuInit libgraftdep.so.1 dep
			is "$name, $stage: the loader finds the driver's library, and the image's own as before" \
				"$(val libcuda.so.1) $(val libgraftdep.so.1)" "dependency dependency"
			is "$name, $stage: ... and the image is as it was" "$(sha256sum "$ROOTFS/etc/ld.so.cache")" "$before"
			run_sh 'ls /dev/.greffon/lib; grep -c " /dev/.greffon" /proc/self/mountinfo; touch /etc/ld.so.cache /dev/.greffon/lib/libcuda.so.1 2>/dev/null || echo refused'
			is "$name, $stage: ... once, and not to be written to" "$(xargs <<<"$OUT")" "libcuda.so.1 2 refused"
		done
	done
}

# As Debian's own packages have it: the loader's cache knows a link, and the driver is behind three of them.
behind_links() {
	local at=$lib/nvidia/current
	mkdir -p $at /etc/alternatives && mv $lib/libcuda.so.$driver $at || return
	ln -s libcuda.so.$driver $at/libcuda.so.1
	ln -s $at/libcuda.so.1 /etc/alternatives/nvidia--libcuda.so.1
	ln -s /etc/alternatives/nvidia--libcuda.so.1 $lib/libcuda.so.1
	echo $lib >/etc/ld.so.conf
	[ ! -d /var/cache/ldconfig ] || mount -t tmpfs cache /var/cache/ldconfig
	# -X: no link of the machine's is touched; /etc is the test's own
	ldconfig -X -C /etc/ld.so.cache && ldconfig -p | grep -q "libcuda.so.1.*$lib/libcuda.so.1" ||
		{ skip "a driver behind links" "ldconfig does not work here"; return; }
	new_bundle "$deny" "$(annotate gpu=0)"
	glibc_image
	asks libcuda.so.1 cuInit libcuda.so cuInit
	is "a driver behind links of links is found" "$(val libcuda.so.1) $(val libcuda.so)" "dependency dependency"
	rm /etc/alternatives/nvidia--libcuda.so.1 $lib/libcuda.so.1 $at/libcuda.so.1
	mv $at/libcuda.so.$driver $lib
}

# The file by which OpenCL's loader finds the driver.
icd() {
	mkdir -p /etc/OpenCL/vendors && echo libnvidia-opencl.so.1 >/etc/OpenCL/vendors/nvidia.icd
	new_bundle "$deny" "$(annotate gpu=0)" '.root.readonly = true'
	glibc_image
	run_sh 'cat /etc/OpenCL/vendors/nvidia.icd; echo x >/etc/OpenCL/vendors/nvidia.icd'
	is "OpenCL's loader is told of the driver" "$OUT" libnvidia-opencl.so.1
	ok "... in a file that can't be written" test "$RC" -ne 0
	new_bundle "$deny" "$(annotate gpu=0 gpu.caps=utility)"
	glibc_image
	run_sh 'ls /etc/OpenCL 2>/dev/null; true'
	is "... with the capability that needs it only" "$OUT" ""
	rm -r /etc/OpenCL
}

refuses() { # WHAT FILTER...
	local what=$1
	shift
	new_bundle "$deny" "$@"
	glibc_image
	asks libcuda.so.1 cuInit
	ok "$what" test "$RC" -ne 0
}

if [ "$(id -u)" != 0 ]; then
	skip "libraries of the host" "only root can pretend"
elif ! command -v cc >/dev/null || ! make_driver >"$WORK/make.log" 2>&1; then
	skip "libraries of the host" "a shared library can't be compiled here: $(tail -n 1 "$WORK/make.log" 2>/dev/null)"
elif ! pretend >"$WORK/pretend.log" 2>&1 || ! install_driver; then
	skip "libraries of the host" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	libraries
	behind_links
	icd
	hot
	by_hook
fi
