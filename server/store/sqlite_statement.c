/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "store/sqlite_statement.h"

#include <errno.h>
#include <string.h>

fedl_status fedli_sql_prepare(sqlite3 *db, sqlite3_stmt **statement, const char *sql)
{
    return fedli_sql_status(db, sqlite3_prepare_v2(db, sql, -1, statement, NULL));
}

static fedl_status bind_list(sqlite3_stmt *statement, const char *format, va_list list)
{
    int code = SQLITE_OK;
    for (int at = 1; *format != '\0' && code == SQLITE_OK; at++, format++) {
        switch (*format) {
        case 'i':
            code = sqlite3_bind_int64(statement, at, (sqlite3_int64)va_arg(list, uint64_t));
            break;
        case 'u':
            code = sqlite3_bind_int64(statement, at, (sqlite3_int64)va_arg(list, uint32_t));
            break;
        case 't':
            code = sqlite3_bind_text(statement, at, va_arg(list, const char *), -1, SQLITE_STATIC);
            break;
        case 'b': {
            const void *data = va_arg(list, const void *);
            size_t size = va_arg(list, size_t);
            code = size == 0 ? sqlite3_bind_zeroblob(statement, at, 0)
                             : sqlite3_bind_blob64(statement, at, data, size, SQLITE_STATIC);
            break;
        }
        default:
            code = SQLITE_MISUSE;
            break;
        }
    }
    return fedli_sql_status(sqlite3_db_handle(statement), code);
}

fedl_status fedli_sql_bind(sqlite3_stmt *statement, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fedl_status status = bind_list(statement, format, list);
    va_end(list);
    return status;
}

fedl_status fedli_sql_step(sqlite3_stmt *statement, bool *row)
{
    errno = 0; /* what it holds afterwards tells a full disk from a broken one */
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return fedli_sql_status(sqlite3_db_handle(statement), code);
}

fedl_status fedli_sql_run(sqlite3 *db, uint32_t *changes, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_prepare(db, &statement, sql);
    if (status == FEDL_OK) {
        va_list list;
        va_start(list, format);
        status = bind_list(statement, format, list);
        va_end(list);
    }
    bool row = true;
    while (status == FEDL_OK && row) {
        status = fedli_sql_step(statement, &row);
    }
    if (status == FEDL_OK && changes != NULL) {
        *changes = (uint32_t)sqlite3_changes(db);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

fedl_status fedli_sql_one(sqlite3 *db, uint64_t *value, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_prepare(db, &statement, sql);
    if (status == FEDL_OK) {
        va_list list;
        va_start(list, format);
        status = bind_list(statement, format, list);
        va_end(list);
    }
    bool row = false;
    if (status == FEDL_OK) {
        status = fedli_sql_step(statement, &row);
    }
    if (status == FEDL_OK && !row) {
        status = FEDL_ERR_NOT_FOUND;
    }
    if (status == FEDL_OK) {
        *value = fedli_sql_u64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

fedl_status fedli_sql_copy(sqlite3_stmt *statement, int column, void *out, size_t size)
{
    const void *data = sqlite3_column_blob(statement, column);
    if ((size_t)sqlite3_column_bytes(statement, column) != size) {
        return FEDL_ERR_CORRUPT;
    }
    if (size > 0) {
        memcpy(out, data, size);
    }
    return FEDL_OK;
}
