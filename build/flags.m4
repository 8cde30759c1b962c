# SPDX-License-Identifier: GPL-2.0-or-later
# Warning and hardening flags. Each is tried, since gcc and clang of different ages know different sets.
AC_DEFUN([GREFFON_TRY_FLAG], [
	AC_MSG_CHECKING([whether $CC takes $1])
	greffon_saved="$CFLAGS"
	CFLAGS="$CFLAGS $1 -Werror"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes]); $2="$$2 $1"], [AC_MSG_RESULT([no])])
	CFLAGS="$greffon_saved"
])
WARN_CFLAGS=""
m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wvla -Wswitch-enum -Wmissing-prototypes -Wstrict-prototypes
	-Wpointer-arith -Wformat=2 -Wconversion -Wno-sign-conversion -Wundef -Wwrite-strings -Werror=implicit-function-declaration
	-Werror=int-conversion -Werror=incompatible-pointer-types -Wno-missing-field-initializers -Wno-format-truncation],
	[GREFFON_TRY_FLAG([flag], [WARN_CFLAGS])])
AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])

HARDEN_CFLAGS=""
m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard
	-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fno-delete-null-pointer-checks
	-fno-strict-overflow -fno-strict-aliasing -fstrict-flex-arrays=3],
	[GREFFON_TRY_FLAG([flag], [HARDEN_CFLAGS])])
AS_IF([test "x$enable_asan" = xyes],
	[HARDEN_CFLAGS="$HARDEN_CFLAGS -fsanitize=address,undefined -fno-omit-frame-pointer"],
	[HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
AS_IF([test "x$enable_fuzz" = xyes], [
	greffon_fuzz=""
	GREFFON_TRY_FLAG([-fsanitize=fuzzer-no-link], [greffon_fuzz])
	AS_IF([test -z "$greffon_fuzz"], [AC_MSG_ERROR([--enable-fuzz needs clang: configure with CC=clang])])
	HARDEN_CFLAGS="$HARDEN_CFLAGS $greffon_fuzz"])
HARDEN_LDFLAGS="-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--gc-sections"
AS_IF([test "x$enable_static_link" = xyes],
	[HARDEN_CFLAGS="$HARDEN_CFLAGS -fPIE"; HARDEN_LDFLAGS="$HARDEN_LDFLAGS -static-pie"],
	[HARDEN_CFLAGS="$HARDEN_CFLAGS -fPIE"; HARDEN_LDFLAGS="$HARDEN_LDFLAGS -pie"])

# runtime/apply/seal_early.c
EARLY_CFLAGS=""
m4_foreach_w([flag], [-ffreestanding -fno-builtin -fno-stack-protector -fno-tree-loop-distribute-patterns
	-ftrivial-auto-var-init=uninitialized -fno-sanitize=all],
	[GREFFON_TRY_FLAG([flag], [EARLY_CFLAGS])])
AS_CASE([$host_cpu], [x86_64|aarch64], [EARLY_LDFLAGS="-Wl,-u,seal_entry,-e,seal_entry"], [EARLY_LDFLAGS=""])
# build/layout.ld adds to the linker's own script, which is the way of GNU ld alone.
AC_MSG_CHECKING([whether the linker takes an order of functions])
LAYOUT_LDFLAGS=""
AS_IF([$CC $CFLAGS $LDFLAGS -Wl,--version 2>/dev/null | grep -q '^GNU ld '],
	[greffon_saved="$LDFLAGS"
	LDFLAGS="$LDFLAGS -Wl,-T,$srcdir/build/layout.ld"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [LAYOUT_LDFLAGS='-Wl,-T,$(top_srcdir)/build/layout.ld'])
	LDFLAGS="$greffon_saved"])
AS_IF([test -n "$LAYOUT_LDFLAGS"], [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])])
AC_SUBST([LAYOUT_LDFLAGS])
AC_SUBST([EARLY_CFLAGS])
AC_SUBST([EARLY_LDFLAGS])
AC_SUBST([WARN_CFLAGS])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
