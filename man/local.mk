# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS += \
	man/greffon.1 \
	man/greffon-checkpoint.8 \
	man/greffon-completion.8 \
	man/greffon-create.8 \
	man/greffon-delete.8 \
	man/greffon-doctor.8 \
	man/greffon-events.8 \
	man/greffon-exec.8 \
	man/greffon-features.8 \
	man/greffon-graft.7 \
	man/greffon-graft.8 \
	man/greffon.conf.5 \
	man/greffon-hook.8 \
	man/greffon-kill.8 \
	man/greffon-list.8 \
	man/greffon-mounts.8 \
	man/greffon-pause.8 \
	man/greffon-plan.8 \
	man/greffon-ps.8 \
	man/greffon-restore.8 \
	man/greffon-resume.8 \
	man/greffon-run.8 \
	man/greffon-spec.8 \
	man/greffon-start.8 \
	man/greffon-state.8 \
	man/greffon-update.8
