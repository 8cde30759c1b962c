/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "hooks/tree.h"

/* "0000:18:00.0"; the domain may have more than four digits (VMD, Hyper-V). */
static bool place_is_bdf(const char *s, size_t n)
{
	static const char shape[] = "hh:hh.h";
	size_t domain = 0;

	while (domain < n && isxdigit((unsigned char)s[domain]))
		domain++;
	if (domain < 4 || domain > 8 || n - domain != sizeof(shape) || s[domain] != ':')
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		char c = s[domain + 1 + i];
		if (shape[i] == 'h' ? !isxdigit((unsigned char)c) : c != shape[i])
			return false;
	}
	return true;
}

struct graft_place place_of(const struct tree *t, const char *path)
{
	struct graft_place place = {.numa = -1};
	const char *begin = NULL, *last = NULL;
	size_t last_len = 0;

	for (const char *p = path; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, "/");
		if (begin == NULL && n > 4 && strncmp(p, "pci", 3) == 0 &&
		    memchr(p, ':', n) != NULL)
			begin = p;
		if (begin != NULL && place_is_bdf(p, n)) {
			last = p;
			last_len = n;
		}
		p += n + (p[n] == '/');
	}
	if (last == NULL)
		return place;
	place.bdf = arena_strndup(t->a, last, last_len);
	place.path = arena_strndup(t->a, begin, (size_t)(last - begin) + last_len);
	int64_t numa = tree_number(t, "%.*s/numa_node", (int)(last - path) + (int)last_len, path);
	place.numa = numa >= 0 && numa < 4096 ? (int)numa : -1;
	return place;
}

int place_compare(const struct graft_place *x, const char *x_name, const struct graft_place *y,
		  const char *y_name)
{
	if ((x->bdf == NULL) != (y->bdf == NULL))
		return x->bdf == NULL ? 1 : -1;
	if (x->bdf != NULL) {
		/* a longer domain number is a larger one */
		size_t nx = strlen(x->bdf), ny = strlen(y->bdf);
		int r = nx != ny ? (nx < ny ? -1 : 1) : strcmp(x->bdf, y->bdf);
		if (r != 0)
			return r;
	}
	return strverscmp(x_name, y_name);
}

static size_t place_depth(const char *path)
{
	size_t n = 1;

	for (; *path != '\0'; path++)
		n += *path == '/';
	return n;
}

unsigned int graft_distance(const struct graft_place *x, const struct graft_place *y)
{
	size_t common = 0, i = 0;

	if (x->path == NULL || y->path == NULL)
		return GRAFT_UNKNOWN;
	for (; x->path[i] != '\0' || y->path[i] != '\0'; i++) {
		bool end = (x->path[i] == '/' || x->path[i] == '\0') &&
			   (y->path[i] == '/' || y->path[i] == '\0');
		common += end;
		if (x->path[i] != y->path[i] || x->path[i] == '\0')
			break;
	}
	if (x->path[i] == '\0' && y->path[i] == '\0')
		return 0;
	if (common == 0)
		return x->numa >= 0 && x->numa == y->numa ? GRAFT_FAR : GRAFT_FARTHER;
	return (unsigned int)(place_depth(x->path) + place_depth(y->path) - 2 * common);
}
