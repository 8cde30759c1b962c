#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host's MPI in containers, with the distribution's MPICH and Open MPI: two ranks, each a container of its own that
# mpiexec starts, and the image's MPI is one that says so and can't do it. An image of the one family is refused over
# the other.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"
. "$(dirname "$0")/../lib/mpi.sh"
here=$(cd "$(dirname "$0")" && pwd)

# As a cluster has it: the node's network, processes and shared memory, a root of its own.
shared='.linux.namespaces = [{type: "mount"}, {type: "uts"}] | .hostname = "rank" |
	.mounts |= (map(select(.destination != "/dev/shm" and .destination != "/sys")) + [
		{destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind"]},
		{destination: "/sys", type: "none", source: "/sys", options: ["rbind", "ro"]}])'

host_library() { ldconfig -p | sed -n "s/^\t$1 .* => //p" | head -n 1; } # SONAME

# An image whose MPI has the soname of the host's, for the program that mpicc of the host has made.
family_image() { # PROGRAM SONAME FAMILY
	mpi_image "$1"
	cp /etc/hosts "$ROOTFS/etc" # the launcher may name itself
	mpi_library "$ROOTFS$mpi_libdir/$2" image "$3"
}

# A task of mpiexec: every rank a container of its own, of the same bundle.
make_task() {
	cat >"$WORK/task" <<-END
		#!/bin/bash
		exec ${lib_runtime[*]} --cgroup-manager=disabled --root "$STATE" run --bundle "\$1" "\$2-\${PMI_RANK:-\${PMI_ID:-\$PMIX_RANK}}"
	END
	chmod +x "$WORK/task"
}

two_ranks() { # NAME MPIEXEC... : what they print, in OUT and $WORK/ranks
	local name=$1
	shift
	with_args app
	write_config
	lib_live[$ID-0]=1 lib_live[$ID-1]=1
	timeout 120 "$@" -n 2 "$WORK/task" "$BUNDLE" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null
	sort "$WORK/out" >"$WORK/ranks"
	is "$name: two ranks in two containers are one job" "$(grep -o '^rank [01] of 2: sum 3' "$WORK/ranks" | xargs)" \
		"rank 0 of 2: sum 3 rank 1 of 2: sum 3"
	is "$name: each has a root of its own" "$( (grep -o 'mnt:.*' "$WORK/ranks"; readlink /proc/self/ns/mnt) | sort -u | wc -l)" 3
	is "$name: not with the image's own MPI" "$(grep -c mpi=image "$WORK/out")" 0
}

other_family() { # NAME PROFILE GLOB
	new_bundle "$shared" "$(annotate mpi=host:"$2")"
	family_image "$WORK/$1" "$4" "$5"
	with_args app
	ct_run
	is "$1 over the other family: refused" "$RC $(val mpi)" "1 "
	like "$1 over the other family: the reason" "$(cat "$WORK/err")" "$3"
	new_bundle "$shared" "$(annotate mpi=off)"
	family_image "$WORK/$1" "$4" "$5"
	with_args app
	ct_run
	is "$1 without a graft: the image's own MPI" "$(val mpi)" image
	like "$1: graft plan names what is taken" "$("${lib_runtime[@]}" graft plan -a mpi=host --bundle "$BUNDLE")" \
		"*/dev/.greffon/lib/$4 from *$4*left     *"
}

mpich() {
	new_bundle "$shared" "$(annotate mpi=host pmi=slurm)"
	family_image "$WORK/mpich" libmpich.so.12 mpich
	two_ranks "MPICH, PMI by the launcher's socket" mpiexec.mpich
	new_bundle "$shared" "$(annotate mpi=auto pmi=slurm)" '.process.env += ["LD_LIBRARY_PATH=/opt/mpich"]'
	family_image "$WORK/mpich" libmpich.so.12 mpich
	mkdir -p "$ROOTFS/opt/mpich" && cp "$ROOTFS$mpi_libdir/libmpich.so.12" "$ROOTFS/opt/mpich"
	two_ranks "MPICH past the cache, PMI by a port" mpiexec.mpich -pmi-port
}

open() {
	new_bundle "$shared" "$(annotate mpi=host pmi=pmix)"
	family_image "$WORK/open" libmpi.so.40 open
	OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo \
		two_ranks "Open MPI, PMIx" mpiexec.openmpi --oversubscribe
}

case $("${lib_runtime[@]}" --version) in
greffon*) ;;
*) skip "the host's MPI" "grafts are greffon's own"; exit 0 ;;
esac
if [ "$(id -u)" != 0 ]; then
	skip "the host's MPI" "needs root"
	exit 0
fi
for program in mpicc.mpich mpiexec.mpich mpicc.openmpi mpiexec.openmpi; do
	command -v $program >/dev/null || { skip "the host's MPI" "$program is missing"; exit 0; }
done
mpich=$(host_library libmpich.so.12) open=$(host_library libmpi.so.40)
mkdir "$mpi_src"
if ! mpicc.mpich -o "$WORK/mpich" "$here/allreduce.c" >"$WORK/make.log" 2>&1 ||
	! mpicc.openmpi -o "$WORK/open" "$here/allreduce.c" >>"$WORK/make.log" 2>&1; then
	skip "the host's MPI" "its compiler fails: $(tail -n 1 "$WORK/make.log")"
	exit 0
fi
mpi_policy ".mpi.profiles = {mpich: {libs: [\"$mpich\"]}, open: {libs: [\"$open\"]}}"
make_task
mpich
open
other_family mpich open "*libmpich.so.12 of the family MPICH*(Open MPI)*GRAFT-MPIFAM*" libmpich.so.12 mpich
other_family open mpich "*libmpi.so.40 of the family Open MPI*(MPICH)*GRAFT-MPIFAM*" libmpi.so.40 open
