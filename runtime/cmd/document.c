/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/document.h"

#include <fcntl.h>

#include "base/io.h"

#define DOCUMENT_PASSWD_MAX ((size_t)1024 * 1024)

const char *document_user(uid_t uid, struct arena *a)
{
	char *text, *line, *name, *number;
	const char *decimal = arena_printf(a, "%u", uid);

	if (uid == 0)
		return "root";
	if (io_read_file(AT_FDCWD, "/etc/passwd", DOCUMENT_PASSWD_MAX, a, &text, NULL) < 0)
		return decimal;
	while ((line = strsep(&text, "\n")) != NULL) {
		name = strsep(&line, ":");
		(void)strsep(&line, ":");
		number = strsep(&line, ":");
		if (number != NULL && strcmp(number, decimal) == 0)
			return name;
	}
	return decimal;
}

int document_load(const struct store_entry *en, struct arena *a, struct document *out,
		  struct err *e)
{
	struct record *r;
	int ret = store_read(en, a, &r, e);

	if (ret < 0)
		return ret;
	*out = (struct document){
		.record = r,
		.status = status_of(en, r),
		/* a root that belongs to somebody else is refused */
		.owner = document_user(geteuid(), a),
	};
	out->pid = out->status == STATUS_STOPPED ? 0 : r->pid;
	return 0;
}

void document_write(struct json *j, const struct document *d)
{
	const struct record *r = d->record;

	json_open(j, NULL, '{');
	json_string(j, "ociVersion", r->oci_version);
	json_string(j, "id", r->id);
	json_int(j, "pid", d->pid);
	json_string(j, "status", status_name(d->status));
	json_string(j, "bundle", r->bundle);
	json_string(j, "rootfs", r->rootfs);
	json_string(j, "created", r->created);
	if (r->n_annotation > 0) {
		json_open(j, "annotations", '{');
		for (size_t i = 0; i < r->n_annotation; i++)
			json_string(j, r->annotation[i].key, r->annotation[i].value);
		json_close(j, '}');
	}
	json_string(j, "owner", d->owner);
	json_close(j, '}');
}

int document_print(struct json *j, struct err *e)
{
	size_t len;
	const char *text = json_end(j, &len);
	int r = io_write_all(STDOUT_FILENO, text, len);

	return r < 0 ? err_sys(e, -r, "write error on standard output") : 0;
}
