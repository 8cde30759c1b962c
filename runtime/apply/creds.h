/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/* Session keyring "_ses.ID" with its label; EPERM, ENOSYS and EDQUOT are a warning. World: init. */
int creds_keyring(const struct plan *p, const struct procfs *pf, struct err *e);

/* Writes the AppArmor or SELinux exec label through pf. A label that can't be applied is fatal.
 * World: init, before no_new_privs. Message carries the back-quoted attr path that podman matches
 * on. */
int creds_labels(const struct plan *p, const struct procfs *pf, struct err *e);

/* Bounding set, KEEPCAPS, groups, gid, uid, umask, capability sets, ambient set, no_new_privs, in
 * the one order that works. chdir is the caller's. World: init (or exec), rootfs entered, filter
 * loaded if it must precede (no no_new_privs). */
int creds_apply(const struct plan *p, struct err *e);

/* Reads ids, groups, the five sets and no_new_privs back and compares (a silent no-op would be a
 * hole: CVE-2025-65105). Through pf. */
int creds_verify(const struct plan *p, const struct procfs *pf, struct err *e);

/* rlimits of the caller, which is init. */
int process_rlimits(const struct plan *p, struct err *e);

/* World: the runtime. Raises its own hard limits to those of the plan that are higher, for init to
 * inherit: in a user namespace nobody has CAP_SYS_RESOURCE over limits. */
int process_rlimits_raise(const struct plan *p, struct err *e);

/* process.oomScoreAdj of pid (0: the caller) through pf; nothing when it is not given. Lowering it
 * needs CAP_SYS_RESOURCE: a refusal is a warning when the runtime is not the node's root, else an
 * error. */
int process_oom_score(const struct plan *p, const struct procfs *pf, pid_t pid, struct err *e);

/* Scheduler, io priority, personality, memory policy of the caller. World: init, after the cgroup.
 */
int process_sched(const struct plan *p, struct err *e);

/* All CPUs the cgroup allows: undoes an affinity inherited from the caller (masks of any size). */
int process_affinity_reset(void);
/* The list form "0-3,8". */
int process_affinity_set(const char *cpus, struct err *e);

/* Finds argv[0] as execvp would in the container, with the container's PATH, as its user. The error
 * has the words that podman and docker map to 127 ("executable file not found in $PATH", "no such
 * file or directory") and 126
 * ("permission denied"), or says that the script's interpreter or the program's loader is missing.
 * Whether a file of another machine can run is the kernel's to say (binfmt_misc). out_path: arena.
 * World: rootfs entered. */
int process_find(const struct plan *p, struct arena *a, const char **out_path, struct err *e);

/* HOME from the container's /etc/passwd (bounded reader of our own; no NSS), else "/": appends to
 * env when plan_process.home_missing. Returns the final environment (arena, NULL-terminated).
 * World: rootfs entered. */
const char *const *process_environment(const struct plan *p, struct arena *a);

/* Changes to process.cwd below root, making it (0755) when missing, and verifies that it is inside
 * (CVE-2024-21626). -EACCES may be tried again as the final user. World: rootfs entered. */
int process_chdir(const struct plan *p, int root, struct err *e);

/* Makes a missing process.cwd while a read-only root still can be written; what stands in the way
 * is process_chdir()'s to tell. */
void process_make_cwd(const struct plan *p, int root);

/* Gives stdio that is no tty and not /dev/null to the container's uid, as runc and crun do. */
int process_stdio_owner(const struct plan *p, struct err *e);
