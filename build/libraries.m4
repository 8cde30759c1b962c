# SPDX-License-Identifier: GPL-2.0-or-later
# A static link needs the archives of the libraries, which pkg-config can't promise: try to link.
AS_IF([test "x$enable_static_link" = xyes], [greffon_pc="--static"; greffon_link="-static"], [greffon_pc=""; greffon_link=""])
AC_DEFUN([GREFFON_LIBRARY], [
	AC_MSG_CHECKING([for $1])
	AS_IF([$PKG_CONFIG --exists $1],
		[$2_CFLAGS=`$PKG_CONFIG --cflags $1`; $2_LIBS=`$PKG_CONFIG $greffon_pc --libs $1`],
		[AC_MSG_ERROR([$1 is missing: install $3])])
	AS_IF([test "$1" = yajl && test -n "$greffon_link"], [$2_LIBS="-lyajl_s"])
	greffon_libs="$LIBS"; greffon_ldflags="$LDFLAGS"
	LIBS="$$2_LIBS $LIBS"; LDFLAGS="$LDFLAGS $greffon_link"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
		[AC_MSG_ERROR([$1 has no static archive here: install $3, or configure with --disable-static-link])])
	LIBS="$greffon_libs"; LDFLAGS="$greffon_ldflags"
	AC_SUBST($2_CFLAGS)
	AC_SUBST($2_LIBS)
])
GREFFON_LIBRARY([libseccomp], [SECCOMP], [libseccomp-dev])
GREFFON_LIBRARY([yajl], [YAJL], [libyajl-dev])
GREFFON_LIBRARY([libcap], [CAP], [libcap-dev])
GREFFON_LIBRARY([libmd], [MD], [libmd-dev])
PKG_CHECK_MODULES([CRITERION], [criterion], [have_criterion=yes], [have_criterion=no])

# Of the helper of the systemd cgroup driver alone, which is linked dynamically: there is no archive.
have_systemd=no
AS_IF([test "x$enable_systemd" != xno],
	[PKG_CHECK_MODULES([SYSTEMD], [libsystemd >= 239], [have_systemd=yes], [have_systemd=no])])
AS_IF([test "x$enable_systemd$have_systemd" = xyesno],
	[AC_MSG_ERROR([libsystemd is missing: install libsystemd-dev, or configure with --disable-systemd])])
AS_IF([test "x$have_systemd" = xyes],
	[AC_DEFINE([HAVE_SYSTEMD], [1], [the systemd cgroup driver and its helper are built])])
