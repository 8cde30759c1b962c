/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/options.h"

#include "base/io.h"

/* One argument while it is taken apart. */
struct options_cursor {
	const struct cmd_option *rows;
	int argc, i; /* argv[i] is the current one */
	char *const *argv;
	char *out;
	struct arena *a;
	struct options_result *result;
};

static const struct cmd_option options_none[] = {{0}};
static const struct cmd_option options_help_row = {"help", 'h',	 CMD_FLAG,
						   0,	   NULL, "show this help"};

static const struct cmd_option *options_by_name(const struct cmd_option *rows, const char *name,
						size_t n)
{
	for (; rows->name != NULL; rows++)
		if (strncmp(rows->name, name, n) == 0 && rows->name[n] == '\0')
			return rows;
	if (n == 4 && strncmp(name, "help", 4) == 0)
		return &options_help_row;
	return NULL;
}

static const struct cmd_option *options_by_letter(const struct cmd_option *rows, char letter)
{
	for (; rows->name != NULL; rows++)
		if (rows->letter != 0 && rows->letter == letter)
			return rows;
	return letter == 'h' ? &options_help_row : NULL;
}

static bool options_takes_value(const struct cmd_option *o)
{
	return o->kind != CMD_FLAG && o->kind != CMD_IGNORED;
}

static int options_flag(const struct cmd_option *o, const char *value, bool *out, struct err *e)
{
	if (value == NULL || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*out = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*out = false;
	else
		return err_set(e, EINVAL, "--%s: must be true or false, got '%.100s'", o->name,
			       value);
	return 0;
}

static int options_uint(const struct cmd_option *o, const char *value, struct opt_u64 *out,
			struct err *e)
{
	uint64_t v;
	int r = num_u64(value, UINT64_MAX, &v);

	if (r < 0)
		return err_set(e, EINVAL, "--%s: must be a whole number not below 0, got '%.100s'",
			       o->name, value);
	*out = (struct opt_u64){true, v};
	return 0;
}

static int options_store(struct options_cursor *c, const struct cmd_option *o, const char *value,
			 struct err *e)
{
	void *field = c->out + o->offset;
	struct cmd_list *list = field;
	bool ignored;

	if (o == &options_help_row)
		return options_flag(o, value, &c->result->help, e);
	switch (o->kind) {
	case CMD_FLAG:
		return options_flag(o, value, field, e);
	case CMD_STRING:
		*(const char **)field = value;
		return 0;
	case CMD_LIST:
		*ARENA_PUSH(c->a, list) = value;
		return 0;
	case CMD_UINT:
		return options_uint(o, value, field, e);
	case CMD_IGNORED:
		return options_flag(o, value, &ignored, e);
	case CMD_IGNORED_VALUE:
		return 0;
	}
	return 0;
}

/* Value: what stands behind '=' or the letter, else the next argument whatever it looks like. */
static int options_take(struct options_cursor *c, const struct cmd_option *o, const char *attached,
			struct err *e)
{
	if (attached == NULL && options_takes_value(o)) {
		if (c->i + 1 >= c->argc)
			return err_set(e, EINVAL, "flag needs an argument: --%s %s", o->name,
				       o->value != NULL ? o->value : "VALUE");
		attached = c->argv[++c->i];
	}
	return options_store(c, o, attached, e);
}

static int options_letters(struct options_cursor *c, const char *letters, struct err *e)
{
	for (const char *p = letters; *p != '\0'; p++) {
		const struct cmd_option *o = options_by_letter(c->rows, *p);

		if (o == NULL)
			return err_set(e, EINVAL, "unknown option '-%.100s'", letters);
		if (options_takes_value(o))
			return options_take(c, o,
					    p[1] == '\0'  ? NULL
					    : p[1] == '=' ? p + 2
							  : p + 1,
					    e);
		if (p[1] == '=')
			return options_store(c, o, p + 2, e);
		int r = options_store(c, o, NULL, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int options_one(struct options_cursor *c, struct err *e)
{
	const char *arg = c->argv[c->i];
	bool two = arg[1] == '-';
	const char *name = arg + (two ? 2 : 1);
	size_t n = strcspn(name, "=");
	/* one letter behind one dash is a letter, also where a long name has one letter */
	const struct cmd_option *o = !two && n == 1 ? NULL : options_by_name(c->rows, name, n);

	if (o != NULL)
		return options_take(c, o, name[n] == '=' ? name + n + 1 : NULL, e);
	if (two)
		return err_set(e, EINVAL, "unknown option '%.100s'", arg);
	return options_letters(c, name, e);
}

int options_parse(const struct cmd_option *rows, enum cmd_order order, int argc, char *const *argv,
		  void *out, struct arena *a, struct options_result *result, struct err *e)
{
	struct options_cursor c = {rows, argc, 0, argv, out, a, result};
	bool ended = false;

	result->operands = arena_array(a, (size_t)argc + 1, sizeof(char *));
	for (; c.i < argc; c.i++) {
		char *arg = argv[c.i];

		if (ended || arg[0] != '-' || arg[1] == '\0') {
			result->operands[result->n_operands++] = arg;
			ended = ended || order == CMD_STOP_AT_OPERAND;
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			ended = true;
			continue;
		}
		int r = options_one(&c, e);
		if (r < 0 || result->help)
			return r;
	}
	return 0;
}

/* A text that grows in an arena; copying it on growth is nothing at this size. */
struct options_text {
	struct arena *a;
	const char *v;
};

#define TEXT_ADD(t, fmt, ...) ((t)->v = arena_printf((t)->a, "%s" fmt, (t)->v, __VA_ARGS__))

static void options_rows(struct options_text *t, const struct cmd_option *rows)
{
	for (bool last = false; !last; rows++) {
		last = rows->name == NULL;
		const struct cmd_option *o = last ? &options_help_row : rows;
		const char *left;

		if (o->kind == CMD_IGNORED || o->kind == CMD_IGNORED_VALUE)
			continue;
		left = arena_printf(t->a, "%c%c%c --%s%s%s", o->letter ? '-' : ' ',
				    o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
				    o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
		TEXT_ADD(t, "  %-32s %s\n", left, o->help);
	}
}

static int options_print(const struct options_text *t)
{
	return io_write_all(STDOUT_FILENO, t->v, strlen(t->v));
}

int options_help_command(const struct cmd *c, struct arena *a)
{
	struct options_text t = {a, ""};

	TEXT_ADD(&t, "Usage: greffon [GLOBAL OPTIONS] %s [OPTIONS]%s%s\n\n%s\n\nOptions:\n",
		 c->name, c->args[0] != '\0' ? " " : "", c->args, c->summary);
	options_rows(&t, c->options != NULL ? c->options : options_none);
	return options_print(&t);
}

int options_help_all(const struct cmd_option *global, struct arena *a)
{
	struct options_text t = {
		a,
		"Usage: greffon [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\n"
		"An OCI runtime: makes, runs and removes containers from bundles.\n\nCommands:\n"};

	for (const struct cmd *const *c = cmd_table; *c != NULL; c++)
		TEXT_ADD(&t, "  %-12s %s\n", (*c)->name, (*c)->summary);
	TEXT_ADD(&t, "\nGlobal options%s\n", ":");
	options_rows(&t, global);
	TEXT_ADD(&t, "\nThe options of a command: greffon COMMAND --help%s\n", "");
	return options_print(&t);
}
