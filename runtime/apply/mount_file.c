/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_file.h"

#include <fcntl.h>

#include "apply/mount_open.h"
#include "base/io.h"
#include "sys/path.h"
#include "sys/sys.h"

int mount_file_new(const struct plan_mount *m, int root, struct err *e)
{
	autoclose int file = path_mkfile(root, m->source, 0644, e);
	autoclose int fd = FD_NONE;

	if (file >= 0)
		fd = path_open_nofollow(root, m->source, O_WRONLY | O_CLOEXEC, e);
	if (fd < 0)
		return err_at(e, ".source");
	int r = io_write_all(fd, m->content, m->content_len);
	if (r < 0)
		return err_sys(e, -r, ".source: writing '%s'", m->source);
	autoclose int tree =
		sys_open_tree(file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(e, -tree, ".source: '%s'", m->source);
	r = mount_set(tree, 0, m->attr_set, m->attr_clr, 0);
	return r < 0 ? err_sys(e, -r, ".options: of '%s'", m->source) : fd_take(&tree);
}
