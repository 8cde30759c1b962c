/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"

int fd_forget_below = 0;
