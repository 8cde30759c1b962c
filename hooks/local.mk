# SPDX-License-Identifier: GPL-2.0-or-later
# libgraft. A domain a file.
libgreffon_a_SOURCES += \
	hooks/amd.c \
	hooks/anonymize.c \
	hooks/cdi.c hooks/cdi.def hooks/cdi.h \
	hooks/cdi_apply.c \
	hooks/cdi_check.c \
	hooks/cdi_dir.c \
	hooks/cdi_edit.c hooks/cdi_edit.h \
	hooks/cdi_emit.c \
	hooks/capture.c hooks/capture.h \
	hooks/config_edit.c hooks/config_edit.h \
	hooks/config_has.c \
	hooks/curtain.c hooks/curtain.h \
	hooks/curtain_draw.c \
	hooks/dump.c \
	hooks/edits.c \
	hooks/elf.c hooks/elf.h \
	hooks/fabric.c \
	hooks/graft.h \
	hooks/inventory.c \
	hooks/note.c \
	hooks/ldcache.c hooks/ldcache.h \
	hooks/library.c hooks/library.h \
	hooks/library_tree.c hooks/library_tree.h \
	hooks/mpi.c hooks/mpi.h \
	hooks/mpi_app.c \
	hooks/mpi_host.c \
	hooks/mpi_plugins.c \
	hooks/nvidia.c \
	hooks/nvidia_extra.c \
	hooks/nvidia_libraries.c hooks/nvidia_libraries.h \
	hooks/nvidia_mig.c \
	hooks/nvidia_view.c \
	hooks/place.c \
	hooks/pmi.c hooks/pmi.h \
	hooks/policy.c hooks/policy.def \
	hooks/rdma.c \
	hooks/request.c \
	hooks/resolve.c \
	hooks/select.c hooks/select.h \
	hooks/stale.c \
	hooks/tree.c hooks/tree.h \
	hooks/trust.c hooks/trust.h \
	hooks/values.c hooks/values.h \
	hooks/verbs.c hooks/verbs.h

# Run by other runtimes, so static whatever the image's environment says to a loader.
pkglibexec_PROGRAMS += greffon-hook
greffon_hook_SOURCES = hooks/hook.h hooks/hook_enter.c hooks/hook_filter.c hooks/hook_main.c hooks/hook_mount.c \
	hooks/hook_record.c
greffon_hook_LDADD = libgreffon.a $(YAJL_LIBS)
