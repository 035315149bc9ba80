/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Runs before anything else touches the database. */
#include "store/sqlite_migrate.h"
#include "store/sqlite_statement.h"

#include <errno.h>
#include <stdio.h>

static fedl_status run(sqlite3 *db, const char *sql)
{
    errno = 0;
    return fedli_sql_status(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static fedl_status one_migration(sqlite3 *db, const char *sql, uint32_t number)
{
    char pragma[96];
    uint64_t dangling = 0;
    (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %u;",
                   FEDLI_APPLICATION_ID, (unsigned)number);
    fedl_status status = run(db, "BEGIN IMMEDIATE");
    if (status != FEDL_OK) {
        return status;
    }
    status = run(db, sql);
    /* Making a table anew drops what others point to for a moment; at the end all must fit. */
    if (status == FEDL_OK) {
        status = fedli_sql_one(db, &dangling, "SELECT count(*) FROM pragma_foreign_key_check", "");
    }
    if (status == FEDL_OK && dangling != 0) {
        status = FEDL_ERR_CORRUPT;
    }
    if (status == FEDL_OK) {
        status = run(db, pragma);
    }
    if (status == FEDL_OK) {
        status = run(db, "COMMIT");
    }
    if (status != FEDL_OK && sqlite3_get_autocommit(db) == 0) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

fedl_status fedli_migrate(sqlite3 *db, const char *const *migrations, uint32_t count)
{
    uint64_t application_id = 0;
    uint64_t version = 0;
    uint64_t table_count = 0;
    fedl_status status = fedli_sql_one(db, &application_id, "PRAGMA application_id", "");
    if (status == FEDL_OK) {
        status = fedli_sql_one(db, &version, "PRAGMA user_version", "");
    }
    if (status == FEDL_OK) {
        status = fedli_sql_one(db, &table_count, "SELECT count(*) FROM sqlite_schema", "");
    }
    if (status != FEDL_OK) {
        return status;
    }
    bool fresh = application_id == 0 && version == 0 && table_count == 0;
    if (!fresh && application_id != FEDLI_APPLICATION_ID) {
        return FEDL_ERR_FORMAT;
    }
    if (version > count) {
        return FEDL_ERR_VERSION;
    }
    /* Off for the migrations alone (it is a no-op inside a transaction); configure() turns it on.
     */
    status = run(db, "PRAGMA foreign_keys = OFF");
    for (uint32_t i = (uint32_t)version; i < count && status == FEDL_OK; i++) {
        status = one_migration(db, migrations[i], i + 1);
    }
    return status;
}
