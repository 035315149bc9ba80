/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the database of fedl-server.
 *
 * One server per database: an flock on "<path>.lock" is held while the store is open; the kernel
 * lets go of it however the process ends. Rejected: PRAGMA locking_mode = EXCLUSIVE, which would
 * also keep people from reading or backing up the database while the server runs.
 *
 * WAL with synchronous = FULL: every COMMIT is an fsync of the log. If that fsync itself fails, the
 * op counts as failed and this process sees the old state; after a restart the database holds the
 * state before or after the op, both of which the coordinator can go on from, because nothing that
 * depended on the op had been sent.
 */
#include "store/sqlite_migrate.h"
#include "store/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

fedl_status fedli_sqlite_note(sqlite_store *store, fedl_status status)
{
    if (status != FEDL_OK) {
        fedli_sql_explain(store->text, sizeof store->text, store->db, status, store->path);
    }
    return status;
}

static const char *error_text(const fedl_store *base)
{
    return ((const sqlite_store *)base)->text;
}

static void store_close(fedl_store *base)
{
    sqlite_store *store = (sqlite_store *)base;
    if (store->db != NULL) {
        (void)sqlite3_close_v2(store->db);
    }
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd);
    }
    free(store);
}

static fedl_status status_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return FEDL_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return FEDL_ERR_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return FEDL_ERR_NO_SPACE;
    default:
        return FEDL_ERR_IO;
    }
}

/* Takes the lock, and makes the database file so that only its owner can read it: SQLite gives the
 * log and the index the same mode. */
static fedl_status take_lock(sqlite_store *store)
{
    char lock_path[sizeof store->path + 8];
    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", store->path);
    store->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        return fedli_sqlite_note(store, status_of_errno(errno));
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        (void)snprintf(store->text, sizeof store->text,
                       "%.100s: another fedl-server uses this database; stop it, or give this one "
                       "its own --home",
                       store->path);
        return FEDL_ERR_BUSY;
    }
    int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fedli_sqlite_note(store, status_of_errno(errno));
    }
    (void)close(fd);
    return FEDL_OK;
}

static fedl_status configure(sqlite_store *store)
{
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_status(
        store->db,
        sqlite3_exec(
            store->db,
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            "PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = OFF;"
            "PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864;"
            /* Models are written once and read in chunks: a large page cache only costs. */
            "PRAGMA cache_size = -256;",
            NULL, NULL, NULL));
    if (status == FEDL_OK) {
        status = fedli_sql_prepare(store->db, &statement, "PRAGMA journal_mode = WAL");
    }
    bool row = false;
    if (status == FEDL_OK) {
        status = fedli_sql_step(statement, &row);
    }
    if (status == FEDL_OK) {
        const unsigned char *mode = row ? sqlite3_column_text(statement, 0) : NULL;
        status = mode != NULL && strcmp((const char *)mode, "wal") == 0 ? FEDL_OK : FEDL_ERR_IO;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static fedl_status open_database(sqlite_store *store)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(store->path, &store->db, flags, NULL);
    fedl_status status = store->db != NULL ? fedli_sql_status(store->db, code) : FEDL_ERR_NO_MEMORY;
    if (status == FEDL_OK) {
        (void)sqlite3_busy_timeout(store->db, 1000);
        if (sqlite3_db_readonly(store->db, "main") == 1) {
            status = FEDL_ERR_READ_ONLY;
        }
    }
    if (status == FEDL_OK) {
        status = fedli_migrate(store->db, fedli_migrations, fedli_migration_count);
    }
    if (status == FEDL_OK) {
        status = configure(store);
    }
    return fedli_sqlite_note(store, status);
}

fedl_status fedl_store_sqlite_open(fedl_store **store, const fedl_crypto *crypto, const char *path,
                                   char text[256])
{
    static const fedl_store_ops ops = {
        .apply = fedli_sqlite_apply,
        .device_each = fedli_sqlite_device_each,
        .task_each = fedli_sqlite_task_each,
        .model_each = fedli_sqlite_model_each,
        .model_read = fedli_sqlite_model_read,
        .agg_state_read = fedli_sqlite_agg_state_read,
        .group_read = fedli_sqlite_group_read,
        .charge_each = fedli_sqlite_charge_each,
        .exclusion_each = fedli_sqlite_exclusion_each,
        .audit_each = fedli_sqlite_audit_each,
        .error_text = error_text,
        .close = store_close,
    };
    text[0] = '\0';
    sqlite_store *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    made->base.ops = &ops;
    made->crypto = crypto;
    made->lock_fd = -1;
    fedl_status status = FEDL_ERR_RANGE;
    if ((size_t)snprintf(made->path, sizeof made->path, "%s", path) < sizeof made->path) {
        status = take_lock(made);
    }
    if (status == FEDL_OK) {
        status = open_database(made);
    }
    if (status != FEDL_OK) {
        (void)snprintf(text, 256, "%s", made->text);
        store_close(&made->base);
        return status;
    }
    *store = &made->base;
    return FEDL_OK;
}
