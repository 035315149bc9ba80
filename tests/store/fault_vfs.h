/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS around the system's one that fails the n-th write, sync or truncate. For one thread. */
#ifndef FEDL_TESTS_FAULT_VFS_H
#define FEDL_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

/** Registers the shim as SQLite's default VFS; once per process. */
void fault_vfs_install(void);
/** The n-th call from now on fails with code (SQLITE_FULL, SQLITE_IOERR_FSYNC …); sticky: and all
 * after it. n = 0 switches it off. */
void fault_vfs_arm(uint32_t n, int code, bool sticky);
/** True when a failure was given since the last arm. */
bool fault_vfs_fired(void);

#endif
