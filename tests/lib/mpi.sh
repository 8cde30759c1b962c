# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests of the MPI graft, after lib.sh and graft.sh: a policy of the test's own, small libraries that look like
# MPI implementations, and images with one of them. Needs a mount namespace of the test's own.
mpi_src=$WORK/mpi

# The node's /etc with a policy; JQ-FILTER makes its "mpi" member.
mpi_policy() {
	if [ ! -d "$WORK/etc" ]; then
		cp -a /etc "$WORK/etc" && mkdir -p "$WORK/etc/greffon" && mount --bind "$WORK/etc" /etc || return
	fi
	jq -n "{version: 1, enable: [\"mpi\", \"pmi\"]} | $1" >/etc/greffon/graft.json
	rm -f /etc/greffon/graft.d/*
}

# Its MPI_Init says whose it is. FAMILY decides which marks it bears.
mpi_c() { # WHO FAMILY
	cat <<-END
		#include <stdio.h>
		int MPI_Init(int *c, char ***v) { (void)c, (void)v; puts("mpi=$1"); return 0; }
		int PMPI_Init(int *c, char ***v) { return MPI_Init(c, v); }
		int MPI_Finalize(void) { return 0; }
		int MPI_Comm_rank(int c, int *r) { (void)c; *r = 0; return 0; }
		int MPI_Comm_size(int c, int *r) { (void)c; *r = 1; return 0; }
		int MPI_Allreduce(const void *a, void *b, int n, int t, int o, int c) { (void)a, (void)b; return n + t + o + c; }
	END
	case $2 in
	mpich) echo 'void MPIR_Dup_fn(void) { }' ;;
	open) echo 'char ompi_mpi_comm_world[1024], ompi_mpi_int[1024], ompi_mpi_op_sum[1024];' ;;
	abi) echo 'int MPI_Abi_get_version(int *a, int *b) { *a = 1; *b = 0; return 0; }' ;;
	esac
}

mpi_library() { # FILE WHO FAMILY [CODE [CC-WORD...]]: its soname is its name
	mpi_c "$2" "$3" | cat - <(echo "${4:-}") >"$mpi_src/lib.c"
	mkdir -p "${1%/*}"
	cc -shared -fPIC -Wl,-soname,"${1##*/}" -o "$1" "$mpi_src/lib.c" "${@:5}"
}

mpi_program() { # FILE LIBRARY [CODE [CC-WORD...]]: calls MPI_Init of it
	cat >"$mpi_src/program.c" <<-END
		int MPI_Init(int *, char ***);
		int MPI_Finalize(void);
		${3:-}
		int main(int c, char **v) { MPI_Init(&c, &v); return MPI_Finalize(); }
	END
	cc -o "$1" "$mpi_src/program.c" "$2" "${@:4}"
}

mpi_libdir=
mpi_image() { # PROGRAM: the C library that it needs, into ROOTFS, and itself as /bin/app
	local f
	for f in $(ldd "$1" | grep -oE '/[^ ]*/(libc\.so|ld-linux)[^ ]*'); do
		mkdir -p "$ROOTFS${f%/*}" && cp -L "$f" "$ROOTFS$f"
		case $f in */libc.so*) mpi_libdir=${f%/*} ;; esac
	done
	# whoever comes later needs them of the image as well
	for f in libm.so.6 libdl.so.2 librt.so.1 libpthread.so.0; do
		[ ! -e "$mpi_libdir/$f" ] || cp -L "$mpi_libdir/$f" "$ROOTFS$mpi_libdir"
	done
	cp "$1" "$ROOTFS/bin/app"
}
