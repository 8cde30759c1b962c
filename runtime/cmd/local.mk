# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/cmd/bring_up.c runtime/cmd/bring_up.h \
	runtime/cmd/check.h \
	runtime/cmd/checkpoint.c \
	runtime/cmd/cmd.h \
	runtime/cmd/completion.c runtime/cmd/completion.h \
	runtime/cmd/completion_bash.c \
	runtime/cmd/completion_fish.c \
	runtime/cmd/completion_zsh.c \
	runtime/cmd/create.c \
	runtime/cmd/criu.c runtime/cmd/criu.h \
	runtime/cmd/delete.c \
	runtime/cmd/doctor.c \
	runtime/cmd/document.c runtime/cmd/document.h \
	runtime/cmd/events.c \
	runtime/cmd/exec.c \
	runtime/cmd/features.c \
	runtime/cmd/hardening.c runtime/cmd/hardening.h \
	runtime/cmd/graft.c runtime/cmd/graft.h \
	runtime/cmd/graft_capture.c \
	runtime/cmd/graft_hook.c \
	runtime/cmd/graft_cdi.c \
	runtime/cmd/graft_check.c \
	runtime/cmd/graft_diff.c \
	runtime/cmd/graft_list.c \
	runtime/cmd/graft_show.c \
	runtime/cmd/kill.c \
	runtime/cmd/list.c \
	runtime/cmd/mounts.c \
	runtime/cmd/options.c runtime/cmd/options.h \
	runtime/cmd/pause.c \
	runtime/cmd/plan.c \
	runtime/cmd/ps.c \
	runtime/cmd/restore.c \
	runtime/cmd/resume.c \
	runtime/cmd/run.c \
	runtime/cmd/spec.c \
	runtime/cmd/start.c \
	runtime/cmd/state.c \
	runtime/cmd/table.c \
	runtime/cmd/target.c runtime/cmd/target.h \
	runtime/cmd/update.c \
	runtime/cmd/update_graft.c runtime/cmd/update_graft.h runtime/cmd/update_ungraft.c \
	runtime/cmd/version.c runtime/cmd/version.h

# What the program was built from. Written only when it changed, so that nothing is compiled for nothing.
BUILT_SOURCES += commit.h
CLEANFILES += commit.h
runtime/cmd/version.$(OBJEXT): commit.h
commit.h: FORCE
	@c=unknown; test ! -e $(srcdir)/.git || c=`git -C $(srcdir) describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null` || c=unknown; \
	echo "#define GREFFON_COMMIT \"$$c\"" >$@.new; \
	test ! -e $(srcdir)/COMMIT || cp $(srcdir)/COMMIT $@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
FORCE:
.PHONY: FORCE
