/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * The pure half of the systemd driver: linux.cgroupsPath, annotations and what linux.resources
 * became as the name and the properties of a transient unit. A limit is both a file's value and a
 * property, so that systemd, which writes its own view again at `systemctl daemon-reload` and
 * whenever a neighbour changes, writes the same.
 */

/* Fills unit's name, slice, sub-cgroup and path. cgroupsPath is SLICE:PREFIX:NAME (podman,
 * containerd, CRI-O, docker), SLICE:NAME, NAME, or missing. -EINVAL, -ENOTSUP. */
int unit_name(struct plan *p, const struct plan_input *in, const char *path, struct err *e);

/* Adds a property with one number or one string; strings are not copied. */
void unit_add_number(struct plan *p, const char *name, enum property_type type, uint64_t value,
		     const char *origin);
void unit_add_string(struct plan *p, const char *name, const char *value, const char *origin);
/* An empty one, to be filled. */
struct property *unit_add(struct plan *p, const char *name, enum property_type type,
			  const char *origin);

/* Adds what annotations "org.systemd.property.NAME" ask for: of a list of names that can run,
 * start, stop or read nothing (CVE-2024-3154), each with its type. -EINVAL, -EPERM. */
int unit_annotations(struct plan *p, struct err *e);

/* Adds the properties of those settings that systemd has properties for. */
void unit_limits(struct plan *p);

/* Adds DevicePolicy and DeviceAllow. What they can't express is allowed there and left to a device
 * program of our own: devices_exact is false then. */
void unit_devices(struct plan *p);
