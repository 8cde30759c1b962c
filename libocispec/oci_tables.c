/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/oci.h"

#define OJ_AS_TABLES
#include "libocispec/json_expand.h"
#include "libocispec/oci.def"
