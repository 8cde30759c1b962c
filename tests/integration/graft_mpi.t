#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host's MPI in images: taken where ELF says that it fits, and only there; the launcher's wiring. The MPIs are small
# libraries that bear the marks of the families; tests/engines/mpi.t has real ones.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"
. "$(dirname "$0")/../lib/mpi.sh"

H=/usr/local/lib # where the node has its MPIs
profiles() { # NAME=FILE...: a policy with a profile for each
	local f=. word
	for word in "$@"; do
		f="$f | .mpi.profiles[\"${word%%=*}\"].libs = [\"$H/${word#*=}\"]"
	done
	mpi_policy "$f"
}

make_node() {
	mkdir "$mpi_src" "$mpi_src/link" && mount -t tmpfs -o mode=755 mpi $H || return
	mpi_library $H/m/libmpich.so.12 host-mpich mpich 'int MPI_New(void) { return 0; }' &&
		mpi_library $H/o40/libmpi.so.40 host-open40 open &&
		mpi_library $H/o20/libmpi.so.20 host-open20 open &&
		mpi_library $H/o12/libmpi.so.12 host-open12 open &&
		mpi_library $H/a/libmpi_abi.so.1 host-abi abi &&
		mpi_library $H/x/libmpi.so.12 host-unknown none || return
	# one that needs a C library that nobody has
	echo 'const char *from_tomorrow(void) { return ""; }' >"$mpi_src/libc.c"
	echo 'TOMORROW_9.9 { global: from_tomorrow; };' >"$mpi_src/libc.map"
	cc -shared -fPIC -nostdlib -Wl,-soname,libc.so.6 -Wl,--version-script,"$mpi_src/libc.map" -o "$mpi_src/link/libc.so.6" \
		"$mpi_src/libc.c" &&
		mpi_library $H/new/libmpich.so.12 host-new mpich \
			'const char *from_tomorrow(void); const char *MPI_Later(void) { return from_tomorrow(); }' "$mpi_src/link/libc.so.6"
}

own_code='int MPI_New(void) { return 0; } int MPI_Old(void) { return 0; }'
# An image whose MPI has the soname NAME and FAMILY, and a program for it; its own would say "image".
image() { # NAME FAMILY [CODE-OF-PROGRAM] [FOLDER] [CC-WORD...]
	local name=$1 family=$2 code=${3:-} folder=${4:-}
	mpi_library "$mpi_src/link/$name" image "$family" "$own_code"
	mpi_program "$mpi_src/app" "$mpi_src/link/$name" "$code" "${@:5}"
	mpi_image "$mpi_src/app"
	: "${folder:=$mpi_libdir}"
	mkdir -p "$ROOTFS$folder" && cp "$mpi_src/link/$name" "$ROOTFS$folder"
}

runs() { # NAME WANTED: what MPI_Init of the container says
	with_args app
	ct_run
	is "$1" "$(val mpi)" "$2"
}

refuses_with() { # NAME GLOB
	with_args app
	ct_run
	is "$1" "$RC $(val mpi)" "1 "
	like "$1: the reason" "$(cat "$WORK/err")" "$2"
}

open_code='extern char ompi_mpi_comm_world[1024]; void *world(void) { return ompi_mpi_comm_world; }'

families() {
	profiles m=m/libmpich.so.12 o40=o40/libmpi.so.40 o20=o20/libmpi.so.20 o12=o12/libmpi.so.12 a=a/libmpi_abi.so.1 x=x/libmpi.so.12
	new_bundle "$(annotate mpi=off)"
	image libmpich.so.12 mpich
	runs "off: the image's own" image

	new_bundle "$(annotate mpi=host)"
	image libmpich.so.12 mpich
	runs "MPICH: the host's is found in the loader's cache" host-mpich
	like "... of which the image keeps its own" "$(ls "$ROOTFS$mpi_libdir")" "*libmpich.so.12*"
	new_bundle "$(annotate mpi=host:m)"
	image libmpi.so.12 mpich
	runs "MPICH: libmpi.so.12 and libmpich.so.12 are one ABI" host-mpich
	new_bundle '.annotations["com.hooks.mpi.enabled"] = "true"'
	image libmpich.so.12 mpich
	runs "Sarus's annotation asks for it too" host-mpich
	new_bundle "$(annotate mpi=auto)"
	image libmpi.so.40 open "$open_code"
	runs "Open MPI: the same series" host-open40
	new_bundle "$(annotate mpi=auto)"
	image libmpi_abi.so.1 abi
	runs "the standard ABI: whoever implements it" host-abi

	new_bundle "$(annotate mpi=host:o12)"
	image libmpi.so.12 mpich
	refuses_with "the same name of another family is refused" "*libmpi.so.12 of the family MPICH*$H/o12/libmpi.so.12 (Open MPI)*GRAFT-MPIFAM*"
	new_bundle "$(annotate mpi=host:m)"
	image libmpi.so.12 open "$open_code"
	refuses_with "... and the other way round" "*libmpi.so.12 of the family Open MPI*(MPICH)*GRAFT-MPIFAM*"
	new_bundle "$(annotate mpi=host:o20)"
	image libmpi.so.40 open "$open_code"
	refuses_with "another series of Open MPI is refused" "*GRAFT-MPIFAM*"
	new_bundle "$(annotate mpi=host:x)"
	image libmpi.so.12 mpich
	refuses_with "what bears no mark is refused" "*(unknown)*GRAFT-MPIFAM*"
	new_bundle "$(annotate mpi=host)"
	image libmpi.so.12 open "$open_code"
	mpi_library "$ROOTFS$mpi_libdir/libmpi.so.12" image mpich
	refuses_with "a program and a library of two families are refused" "*was built for that*GRAFT-MPIFAM*"
	new_bundle "$(annotate mpi=host)"
	image libmpi.so.12 mpich
	rm "$ROOTFS$mpi_libdir/libmpi.so.12"
	runs "an image that relies on the host's gets it" host-mpich
}

places() {
	profiles m=m/libmpich.so.12
	new_bundle "$(annotate mpi=host)"
	image libmpich.so.12 mpich "" /opt/mpi/lib -Wl,--disable-new-dtags,-rpath,/opt/mpi/lib
	runs "past the cache: DT_RPATH" host-mpich
	new_bundle "$(annotate mpi=host)"
	image libmpich.so.12 mpich "" /opt/mpi/lib -Wl,--enable-new-dtags,-rpath,'$ORIGIN/../opt/mpi/lib'
	runs "past the cache: DT_RUNPATH with \$ORIGIN" host-mpich
	new_bundle "$(annotate mpi=host)" '.process.env += ["LD_LIBRARY_PATH=/nowhere:/opt/mpi/lib"]'
	image libmpich.so.12 mpich "" /opt/mpi/lib
	runs "past the cache: LD_LIBRARY_PATH" host-mpich
	OUT=$("${lib_runtime[@]}" graft plan --bundle "$BUNDLE" 2>&1)
	like "graft plan says where it goes, and from where" "$OUT" "*mount    /opt/mpi/lib/libmpich.so.12 from $H/m/libmpich.so.12*past the cache*"
	like "... and what is left, and why" "$OUT" "*left     libc.so.6 (the image has its own)*"
	like "... to programs as well" "$("${lib_runtime[@]}" graft plan --format json --bundle "$BUNDLE" | jq -r '.left[].why' | head -n 1)" "?*"

	new_bundle "$(annotate mpi=host)" '.mounts += [{destination: "/app", type: "bind", source: $ENV.mpi_src, options: ["rbind", "ro"]}]'
	image libmpich.so.12 mpich
	rm "$ROOTFS/bin/app"
	with_args /app/app
	ct_run
	is "a program that the config mounts" "$(val mpi)" host-mpich

	new_bundle "$(annotate mpi=host)"
	own_code='' image libmpich.so.12 mpich "" /opt/mpi/lib
	printf '#!/bin/sh\nexport LD_LIBRARY_PATH=/opt/mpi/lib\nexec app\n' >"$ROOTFS/bin/start"
	chmod +x "$ROOTFS/bin/start"
	echo /opt/mpi/lib >"$ROOTFS/etc/ld.so.conf"
	ldconfig -r "$ROOTFS" 2>/dev/null
	with_args start
	ct_run
	is "a script: what the image's cache has of MPI" "$(val mpi)" host-mpich
	rm "$ROOTFS/etc/ld.so.cache"
	with_args start
	ct_run
	is "a script in an image without MPI in cache and folders is refused" "$RC" 1
	like "... with a remedy" "$(cat "$WORK/err")" "*run ldconfig when the image is built*GRAFT-NONE*"
	new_bundle "$(annotate mpi=auto strict=true)"
	run_sh 'echo plain=yes'
	is "auto: an image without MPI is let be" "$(val plain)" yes
}

fits() {
	profiles m=m/libmpich.so.12 new=new/libmpich.so.12
	new_bundle "$(annotate mpi=host:m)"
	image libmpich.so.12 mpich 'int MPI_New(void); int f(void) { return MPI_New(); }'
	runs "a symbol that the host's has" host-mpich
	new_bundle "$(annotate mpi=host:m)"
	image libmpich.so.12 mpich 'int MPI_Old(void); int f(void) { return MPI_Old(); }'
	refuses_with "a symbol that the host's lacks" "*lacks 1 symbol that /bin/app asks for: MPI_Old*GRAFT-MPISYM*"
	new_bundle "$(annotate mpi=auto)"
	image libmpich.so.12 mpich 'int MPI_Old(void); int f(void) { return MPI_Old(); }'
	runs "auto: the image's own stays" image
	like "... which a note tells" "$(cat "$WORK/err")" "*MPI_Old; the image's own MPI stays*GRAFT-MPISYM*"
	new_bundle "$(annotate mpi=auto strict=true)"
	image libmpich.so.12 mpich 'int MPI_Old(void); int f(void) { return MPI_Old(); }'
	refuses_with "... and is an error where the request is strict" "*GRAFT-MPISYM*"
	new_bundle "$(annotate mpi=host:new)"
	image libmpich.so.12 mpich
	refuses_with "one that the image's C library can't carry" "*TOMORROW_9.9 of libc.so.6*GRAFT-GLIBC*"
	new_bundle "$(annotate mpi=host)"
	touch "$ROOTFS/bin/app" && mkdir -p "$ROOTFS/lib" && touch "$ROOTFS/lib/ld-musl-$(uname -m).so.1"
	refuses_with "an image of musl" "*musl*GRAFT-MUSL*"

	# a part in Fortran, of which the host has no counterpart; its symbols count
	new_bundle "$(annotate mpi=host:m)"
	image libmpich.so.12 mpich
	echo 'int MPI_New(void); int mpi_init_(void) { return MPI_New(); }' >"$mpi_src/f.c"
	cc -shared -fPIC -Wl,-soname,libmpifort.so.12 -o "$ROOTFS$mpi_libdir/libmpifort.so.12" "$mpi_src/f.c" "$mpi_src/link/libmpich.so.12"
	mpi_program "$ROOTFS/bin/app" "$ROOTFS$mpi_libdir/libmpifort.so.12" 'int mpi_init_(void); int f(void) { return mpi_init_(); }' \
		"$mpi_src/link/libmpich.so.12"
	runs "a part that the host lacks stays the image's" host-mpich
	chmod 666 $H/m/libmpich.so.12
	refuses_with "a library that others may write goes into no container" "*may be written by others*GRAFT-POLICY*"
	chmod 644 $H/m/libmpich.so.12
}

hostile() {
	profiles m=m/libmpich.so.12
	new_bundle "$(annotate mpi=host)"
	image libmpich.so.12 mpich
	mkfifo "$ROOTFS/bin/fifo" && ln -sf /bin/fifo "$ROOTFS$mpi_libdir/libmpich.so.12"
	runs "an image whose MPI is a fifo holds nobody" host-mpich
	new_bundle "$(annotate mpi=host)"
	image libmpich.so.12 mpich
	head -c 4096 "$mpi_src/link/libmpich.so.12" >"$ROOTFS$mpi_libdir/libmpich.so.12"
	with_args app
	ct_run
	is "... nor one that is cut off" "$((RC < 124))" 1
	new_bundle "$(annotate mpi=host)"
	image libmpich.so.12 mpich "" /opt/mpi/lib -Wl,-rpath,/opt/mpi/lib
	rm "$ROOTFS/opt/mpi/lib/libmpich.so.12"
	ln -s ../../../../../../../../etc/greffon/graft.json "$ROOTFS/opt/mpi/lib/libmpich.so.12"
	before=$(sha256sum /etc/greffon/graft.json)
	with_args app
	ct_run
	is "a link out of the image is followed nowhere" "$before" "$(sha256sum /etc/greffon/graft.json)"
}

policies() {
	mpi_policy ".mpi.profiles = {p: {libs: [\"$H/m/libmpich.so.12\"], as: [\"libmpi_site.so.9\"], deps: [\"$H/o20/libmpi.so.20\"],
		binds: [\"$H/a\"], env: {SITE_MPI: \"yes\"}}}"
	new_bundle "$(annotate mpi=host:p)"
	own_code='' image libmpi_site.so.9 mpich
	runs "as: the names that the administrator gives" host-mpich
	ldconfig -r "$ROOTFS" 2>/dev/null
	run_sh "echo env=\$SITE_MPI; ls /dev/.greffon/lib $H/a"
	is "env" "$(val env)" yes
	like "binds and deps" "$OUT" "*/lib:*libmpi.so.20*$H/a:*libmpi_abi.so.1*"
	new_bundle "$(annotate mpi=host:p)"
	image libmpich.so.12 mpich
	refuses_with "as: no other name" "*GRAFT-MPIFAM*"
	new_bundle "$(annotate mpi=host:nothing)"
	image libmpich.so.12 mpich
	refuses_with "no such profile" "*no profile 'nothing'*GRAFT-NOTFOUND*"
	new_bundle "$(annotate mpi=perhaps)"
	image libmpich.so.12 mpich
	refuses_with "no such word" "*none of off, auto, host, host:PROFILE*GRAFT-VALUE*"
	mpi_policy '.mpi.profiles.p.libs = ["libmpich.so.12"]'
	refuses_with "a relative path in the policy" "*mpi.profiles.p: must be an absolute path*GRAFT-POLICY*"
	mpi_policy '.enable = ["pmi"]'
	new_bundle "$(annotate mpi=auto)"
	image libmpich.so.12 mpich
	refuses_with "not enabled" "*GRAFT-POLICY*"

	echo 'int fi_prov_ini(void) { return 0; }' >"$mpi_src/p.c"
	cc -shared -fPIC -o $H/libsite-fi.so "$mpi_src/p.c"
	mpi_policy ".mpi.profiles.ofi = {kind: \"ofi-provider\", libs: [\"$H/libsite-fi.so\"], env: {FI_PROVIDER: \"site\"}}"
	new_bundle "$(annotate mpi=host:ofi)"
	image libmpich.so.12 mpich
	run_sh 'app; echo path=$FI_PROVIDER_PATH $FI_PROVIDER; ls $FI_PROVIDER_PATH'
	is "providers of libfabric: the image's MPI stays" "$(val mpi)" image
	like "... and finds the provider" "$OUT" "*path=/dev/.greffon/lib/libfabric site*libsite-fi.so*"
}

pmi() {
	mpi_policy .
	export PMI_RANK=3 PMI_SIZE=4 SLURM_PROCID=3 SLURM_JWT=secret SLURM_CONF=/x PMIX_NAMESPACE=n PMIX_RANK=3 OMPI_X=1 SLINGSHOT_VNIS=5 OTHER=1
	new_bundle "$(annotate pmi=slurm)"
	run_sh 'echo got=$PMI_RANK,$PMI_SIZE,$SLURM_PROCID,$SLINGSHOT_VNIS,$PMIX_RANK; echo not=$SLURM_JWT$SLURM_CONF$OTHER$OMPI_X'
	is "pmi: the job's variables" "$(val got)" 3,4,3,5,3
	is "... and nothing else of the environment" "$(val not)" ""
	new_bundle "$(annotate pmi=pmix)"
	run_sh 'echo got=$PMIX_NAMESPACE,$OMPI_X'
	is "pmix: those of Open MPI's launcher too" "$(val got)" n,1
	new_bundle
	run_sh 'echo got=$PMI_RANK'
	is "unasked: none" "$(val got)" ""

	mkdir -m 700 "$WORK/server" && echo word >"$WORK/server/file"
	chmod 755 "$WORK"
	export PMIX_SERVER_TMPDIR=$WORK/server/
	new_bundle "$(annotate pmi=pmix)"
	run_sh "cat $WORK/server/file; echo mark >$WORK/server/mark"
	is "the folder of the PMIx server" "$OUT $(cat "$WORK/server/mark")" "word mark"
	chmod 755 "$WORK/server"
	refuses_pmi "one that is open to everybody" "*open to everybody*GRAFT-POLICY*"
	chmod 700 "$WORK/server" && chown 12345 "$WORK/server"
	refuses_pmi "one of somebody else" "*belongs to user 12345*GRAFT-POLICY*"
	chown 0 "$WORK/server" && mkdir -m 777 "$WORK/open" && mkdir -m 700 "$WORK/open/server"
	PMIX_SERVER_TMPDIR=$WORK/open/server
	refuses_pmi "one that somebody else could exchange" "*may be written by others*GRAFT-POLICY*"
	PMIX_SERVER_TMPDIR=$WORK/nowhere
	new_bundle "$(annotate pmi=pmix)"
	run_sh 'echo runs=yes'
	is "one that is not there: the container starts" "$(val runs)" yes
	like "... with a note" "$(cat "$WORK/err")" "*no folder of this node*GRAFT-PMI*"
	new_bundle "$(annotate pmi=pmix strict=true)"
	run_sh 'echo runs=yes'
	is "... or not, where the request is strict" "$RC$(val runs)" 1
	unset PMIX_SERVER_TMPDIR

	descriptor
	unset PMI_RANK PMI_SIZE SLURM_PROCID PMIX_NAMESPACE PMIX_RANK
	new_bundle "$(annotate pmi=pmix)"
	run_sh 'echo runs=yes'
	like "outside of a job: a note" "$(val runs) $(cat "$WORK/err")" "yes *srun --mpi=pmix*GRAFT-PMI*"
}

# PMI-1 and PMI-2 talk over a socket that the launcher leaves open.
descriptor() {
	local say='echo "fds=$(ls /proc/self/fd | xargs)"; [ ! -e /proc/self/fd/9 ] || { read -r word <&9; echo "word=$word"; }'
	if ! command -v python3 >/dev/null; then
		skip "pmi: the launcher's socket" "python3 is missing"
		return
	fi
	new_bundle "$(annotate pmi=slurm)"
	with_args /bin/sh -c "$say"
	write_config
	lib_live[$ID]=1
	OUT=$(python3 - "${lib_runtime[@]}" --root "$STATE" run --bundle "$BUNDLE" "$ID" 2>"$WORK/err" <<-'END'
		import os, socket, subprocess, sys
		ours, theirs = socket.socketpair()
		ours.send(b"ping\n")
		spare = os.open("/", os.O_RDONLY)
		os.dup2(theirs.fileno(), 9)
		os.dup2(spare, 8)
		os.set_inheritable(9, True)
		os.set_inheritable(8, True)
		sys.exit(subprocess.call(sys.argv[1:], close_fds=False, stdin=subprocess.DEVNULL, env={**os.environ, "PMI_FD": "9"}))
	END
	)
	is "pmi: the launcher's socket stays open" "$(val word)" ping
	is "... and nothing else does" "$(val fds)" "0 1 2 3 9"
	# what is no socket, such as a folder of the host, is not let in
	new_bundle "$(annotate pmi=slurm)"
	with_args /bin/sh -c "$say"
	write_config
	OUT=$(PMI_FD=9 "${lib_runtime[@]}" --root "$STATE" run --bundle "$BUNDLE" "$ID" 2>"$WORK/err" 9</ </dev/null)
	like "a descriptor that is no socket stays outside" "$(val fds) $(cat "$WORK/err")" "0 1 2 3 *no socket*GRAFT-PMI*"
}

refuses_pmi() { # NAME GLOB
	new_bundle "$(annotate pmi=pmix)"
	run_sh 'echo runs=yes'
	is "$1" "$RC$(val runs)" 1
	like "$1: the reason" "$(cat "$WORK/err")" "$2"
}

export mpi_src
if [ "$(id -u)" != 0 ]; then
	skip "the host's MPI" "only root can pretend to be another node"
elif ! command -v cc >/dev/null || ! make_node >"$WORK/make.log" 2>&1; then
	skip "the host's MPI" "a shared library can't be compiled or shown here: $(tail -n 1 "$WORK/make.log" 2>/dev/null)"
else
	families
	places
	fits
	hostile
	policies
	pmi
fi
