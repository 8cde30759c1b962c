/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/*
 * The sealing of the program (apply/seal.h) before its C library has started. An image that is
 * about to be replaced by its sealed twin needs no C library; setting one up is most of what a
 * start costs: on x86 it asks the processor some 70 questions (CPUID), each of which is an exit to
 * the hypervisor on a virtual machine. Measured on one: 0.44 of 0.56 ms.
 *
 * Whatever goes wrong here is left to seal_self(), which tries again with the other strategies and
 * explains.
 */

/* Says that an image is sealed, so that it need not look again; verified, since anyone may set it.
 * Its value is the descriptor of the overlay's mount, 0 when that is closed. */
#define SEAL_MARK "GREFFON_SEALED="

/* The commands that enter a container, for which the early sealing is tried: those whose struct cmd
 * says so. */
bool seal_early_wants(const char *command);

/* Called by the entry point alone, with the stack as execve(2) leaves it: argc, argv, NULL,
 * environment, NULL, auxiliary vector. Returns where there is nothing to do or it did not work; the
 * program then starts as usual. */
__attribute__((visibility("hidden"))) void seal_early(long *stack);
