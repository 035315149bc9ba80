/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered migrations: PRAGMA user_version says how many have run; each runs in one transaction. */
#ifndef FEDL_STORE_SQLITE_MIGRATE_H
#define FEDL_STORE_SQLITE_MIGRATE_H

#include "fedl/status.h"

#include <sqlite3.h>
#include <stdint.h>

#define FEDLI_APPLICATION_ID 0x6665646c /* "fedl" */

extern const char *const fedli_migrations[];
extern const uint32_t fedli_migration_count;

/**
 * Brings an open database to count migrations. A fresh file gets the application id with the first.
 * Errors: ERR_FORMAT (another program's database), ERR_VERSION (newer than count), those of
 * fedli_sql_status(); a migration that fails leaves the number where it was.
 */
FEDL_NODISCARD fedl_status fedli_migrate(sqlite3 *db, const char *const *migrations,
                                         uint32_t count);

#endif
