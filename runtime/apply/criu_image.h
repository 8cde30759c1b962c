/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <time.h>

#include "apply/criu.h"

/* The folder of a checkpoint: criu's *.img and descriptors.json, which names what the descriptors 0
 * to 2 of init were ("pipe:[17]"), in the form that runc and crun have. */

/* A directory for images or logs, by the option that names it. fd or -errno. */
enum criu_image { CRIU_IMAGE_EXISTING, CRIU_IMAGE_MAKE };
int criu_image_open(const char *path, const char *option, enum criu_image how, struct err *e);

/* --parent-path: a directory, relative to the image's. -EINVAL, -ENOENT, -ENOTDIR. */
int criu_image_check_parent(int image, const char *parent, struct err *e);

int criu_image_write(int image, const struct criu_strings *names, struct arena *a, struct err *e);
int criu_image_read(int image, struct arena *a, struct criu_strings *out, struct err *e);

/* Lets the root of a container's user namespace through the folder, as whom criu opens some images
 * of a restore; the images themselves stay 0600. -errno of fchmod. */
int criu_image_admit(int image, struct err *e);

/* Removes what a dump that failed wrote since a moment of CLOCK_REALTIME_COARSE: half an image must
 * not be taken for one. The log stays. */
void criu_image_discard(int image, const struct timespec *since);
