/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little that the store needs around sqlite3_stmt: prepare, bind by a format, step, map the
 * result. Format letters, one per argument:
 *   i  uint64_t (kept as the signed integer with the same bits)   u  uint32_t
 *   t  const char *, NULL gives SQL NULL                          b  const void *, size_t
 */
#ifndef FEDL_STORE_SQLITE_STATEMENT_H
#define FEDL_STORE_SQLITE_STATEMENT_H

#include "fedl/status.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Result code (with the system's errno for input/output errors) → status; OK, ROW, DONE → FEDL_OK.
 */
fedl_status fedli_sql_status(sqlite3 *db, int code);
/** A line for people about the last error of db, with a remedy where there is one. */
void fedli_sql_explain(char *text, size_t text_bytes, sqlite3 *db, fedl_status status,
                       const char *path);

FEDL_NODISCARD fedl_status fedli_sql_prepare(sqlite3 *db, sqlite3_stmt **statement,
                                             const char *sql);
/** Binds all arguments from the first parameter on. Texts and blobs must outlive the step. */
FEDL_NODISCARD fedl_status fedli_sql_bind(sqlite3_stmt *statement, const char *format, ...);
/** One step; *row tells whether there is a row. */
FEDL_NODISCARD fedl_status fedli_sql_step(sqlite3_stmt *statement, bool *row);
/** Prepares, binds, runs to the end. *changes (may be NULL) = rows changed by it. */
FEDL_NODISCARD fedl_status fedli_sql_run(sqlite3 *db, uint32_t *changes, const char *sql,
                                         const char *format, ...);
/** First column of the first row. Errors: ERR_NOT_FOUND (no row), those of the steps. */
FEDL_NODISCARD fedl_status fedli_sql_one(sqlite3 *db, uint64_t *value, const char *sql,
                                         const char *format, ...);

static inline uint64_t fedli_sql_u64(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

static inline uint32_t fedli_sql_u32(sqlite3_stmt *statement, int column)
{
    return (uint32_t)sqlite3_column_int64(statement, column);
}

/** Copies a blob of exactly size bytes. Errors: ERR_CORRUPT (another size). */
FEDL_NODISCARD fedl_status fedli_sql_copy(sqlite3_stmt *statement, int column, void *out,
                                          size_t size);

#endif
