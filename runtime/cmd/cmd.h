/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "plan/plan.h"

/* Options of every command, before its name. */
struct cmd_global {
	const char *root; /* --root; NULL: the default */
	const char *log_path;
	const char *log_format; /* text (default) or json */
	const char *log_level;
	bool debug;
	bool strict; /* what can't be had or is not known is an error, not a warning */
	bool systemd_cgroup;
	const char *cgroup_manager; /* systemd, cgroupfs, disabled */
	const char *rootless;	    /* true, false, auto */
	const char *criu;
	bool version;
	struct arena *arena; /* lives as long as the command */
	char **argv, **envp; /* of the whole process, for sealing */
};

enum cmd_kind {
	CMD_FLAG,    /* bool */
	CMD_STRING,  /* const char * */
	CMD_LIST,    /* struct cmd_list: may be given several times */
	CMD_UINT,    /* struct opt_u64, strict decimal */
	CMD_IGNORED, /* accepted for callers of other runtimes, takes no value */
	CMD_IGNORED_VALUE,
};

struct cmd_list {
	const char **v;
	size_t n, cap;
};

/* One option. The parser, --help, the completions and the man page check read the same rows. */
struct cmd_option {
	const char *name; /* long, without dashes; one dash is accepted as well (go-runc:
			     -no-subreaper) */
	char letter;	  /* 0: none */
	enum cmd_kind kind;
	size_t offset;	   /* in the command's options struct */
	const char *value; /* name of the value in help texts; NULL for flags */
	const char *help;
};

enum cmd_order {
	CMD_PERMUTE,	    /* options may follow the operands (Slurm: run ID -b BUNDLE) */
	CMD_STOP_AT_OPERAND /* exec, kill, ps: the rest belongs to the operands */
};

struct cmd {
	const char *name;
	const char *args;		  /* "ID [SIGNAL]" */
	const char *summary;		  /* one line */
	const struct cmd_option *options; /* ends with a row without a name */
	size_t options_size;		  /* of the options struct, zeroed by main */
	enum cmd_order order;
	int min_operands, max_operands; /* max -1: any */
	int failure_status;		/* exit status of a failed command: 1; exec: 255 */
	bool seal;			/* enters a container: seal_self() first */
	/* Returns the exit status (>= 0) or -errno with e set. */
	int (*run)(const struct cmd_global *g, const void *options, int n_operands, char **operands,
		   struct err *e);
};

extern const struct cmd cmd_create, cmd_start, cmd_run, cmd_exec, cmd_state, cmd_kill, cmd_delete,
	cmd_list, cmd_ps, cmd_pause, cmd_resume, cmd_update, cmd_events, cmd_checkpoint,
	cmd_restore, cmd_spec, cmd_features, cmd_plan, cmd_graft, cmd_doctor, cmd_completion,
	cmd_mounts;

/* The options before the command's name, ending with a row without a name (cmd/table.c). */
extern const struct cmd_option cmd_global_options[];

/* All commands in the order of the help text, NULL at the end (cmd/table.c). */
extern const struct cmd *const cmd_table[];

/* --systemd-cgroup and --cgroup-manager in one; -EINVAL for an unknown one or both different. */
int cmd_manager(const struct cmd_global *g, enum plan_cgroup_manager *out, struct err *e);
