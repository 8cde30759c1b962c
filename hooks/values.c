/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/values.h"

#include <string.h>

#include "base/num.h"

static const struct {
	const char *name;
	unsigned int cap;
} values_cap_table[] = {
	{"compute", GRAFT_CAP_COMPUTE},	  {"utility", GRAFT_CAP_UTILITY},
	{"video", GRAFT_CAP_VIDEO},	  {"graphics", GRAFT_CAP_GRAPHICS},
	{"display", GRAFT_CAP_DISPLAY},	  {"ngx", GRAFT_CAP_NGX},
	{"compat32", GRAFT_CAP_COMPAT32},
};

unsigned int values_cap(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(values_cap_table); i++)
		if (strlen(values_cap_table[i].name) == len &&
		    memcmp(values_cap_table[i].name, name, len) == 0)
			return values_cap_table[i].cap;
	return 0;
}

int values_caps(const char *list, unsigned int all, unsigned int *out, const char **bad,
		struct arena *a)
{
	unsigned int caps = 0;

	/* blanks and empty words mean nothing, as to NVIDIA's toolkit */
	for (const char *p = list; *p != '\0';) {
		p += strspn(p, ", ");
		size_t n = strcspn(p, ","), next = n;
		while (n > 0 && p[n - 1] == ' ')
			n--;
		unsigned int cap = n == 3 && memcmp(p, "all", 3) == 0 ? all : values_cap(p, n);
		if (cap == 0 && n > 0) {
			*bad = arena_strndup(a, p, n);
			return -EINVAL;
		}
		caps |= cap;
		p += next;
	}
	*out = caps;
	return 0;
}

const char *values_cap_names(unsigned int caps, struct arena *a)
{
	const char *list = "";

	for (size_t i = 0; i < ARRAY_LEN(values_cap_table); i++)
		if ((caps & values_cap_table[i].cap) != 0)
			list = arena_printf(a, "%s%s%s", list, list[0] != '\0' ? "," : "",
					    values_cap_table[i].name);
	return list;
}

int values_bytes(const char *s, uint64_t *out)
{
	if (strcmp(s, "unlimited") == 0) {
		*out = UINT64_MAX;
		return 0;
	}
	return num_u64(s, INT64_MAX, out) < 0 ? -EINVAL : 0;
}

/* "hca_handle=4", "hca_object=max" */
static bool values_limit_word(const char *word, struct graft_limit *out)
{
	static const char handle[] = "hca_handle=", object[] = "hca_object=";
	struct opt_u64 *to;

	if (strncmp(word, handle, sizeof(handle) - 1) == 0)
		to = &out->handles;
	else if (strncmp(word, object, sizeof(object) - 1) == 0)
		to = &out->objects;
	else
		return false;
	word += sizeof(handle) - 1; /* the two are of one length */
	if (strcmp(word, "max") == 0) {
		*to = (struct opt_u64){false, 0};
		return true;
	}
	to->set = num_u64(word, INT32_MAX, &to->v) == 0;
	return to->set;
}

int values_limits(const char *s, struct graft_limits *out, const char **bad, struct arena *a)
{
	char *rest = arena_strdup(a, s);

	for (char *part = strsep(&rest, ";"); part != NULL; part = strsep(&rest, ";")) {
		char *words = strrchr(part, ':');
		struct graft_limit limit = {.device = part};

		*bad = arena_strdup(a, part);
		if (words == NULL || words == part)
			return -EINVAL;
		*words++ = '\0';
		for (char *word = strsep(&words, ","); word != NULL; word = strsep(&words, ","))
			if (!values_limit_word(word, &limit))
				return -EINVAL;
		*ARENA_PUSH(a, out) = limit;
	}
	return 0;
}

bool values_path_is_plain(const char *path)
{
	for (const char *p = path + (path[0] == '/');;) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (p[n] == '\0')
			return true;
		p += n + 1;
	}
}
