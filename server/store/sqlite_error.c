/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From SQLite's result codes to our statuses, and to a line that says what to do. The system's own
 * errno decides between "disk full" and "broken": SQLite reports a full disk on fsync or a file
 * size limit only as an input/output error.
 */
#include "store/sqlite_statement.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static fedl_status of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EFBIG:
    case EDQUOT:
        return FEDL_ERR_NO_SPACE;
    case EROFS:
    case EACCES:
    case EPERM:
        return FEDL_ERR_READ_ONLY;
    case ENOENT:
    case ENOTDIR:
        return FEDL_ERR_NOT_FOUND;
    default:
        return FEDL_ERR_IO;
    }
}

fedl_status fedli_sql_status(sqlite3 *db, int code)
{
    int number = errno;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return FEDL_OK;
    case SQLITE_FULL:
        return FEDL_ERR_NO_SPACE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return FEDL_ERR_READ_ONLY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FEDL_ERR_BUSY;
    case SQLITE_CORRUPT:
        return FEDL_ERR_CORRUPT;
    case SQLITE_NOTADB:
        return FEDL_ERR_FORMAT;
    case SQLITE_NOMEM:
        return FEDL_ERR_NO_MEMORY;
    case SQLITE_CONSTRAINT:
        return FEDL_ERR_STATE;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        /* SQLite keeps errno only for some calls; the statement helpers clear it before a step. */
        return of_errno(sqlite3_system_errno(db) != 0 ? sqlite3_system_errno(db) : number);
    default:
        return FEDL_ERR_IO;
    }
}

static const char *remedy(fedl_status status)
{
    switch (status) {
    case FEDL_ERR_NO_SPACE:
        return "free space on its file system; nothing was lost, the server tries again";
    case FEDL_ERR_READ_ONLY:
        return "make the folder and its files writable for this user (see docs/server.md)";
    case FEDL_ERR_BUSY:
        return "stop the other program that writes to it";
    case FEDL_ERR_CORRUPT:
        return "keep the file, restore a backup, then run: fedl audit verify";
    case FEDL_ERR_FORMAT:
        return "it is damaged or not a fedl database; restore a backup, or name another --home";
    case FEDL_ERR_VERSION:
        return "it was written by a newer fedl; install that version or newer";
    case FEDL_ERR_NOT_FOUND:
        return "create the folder first: fedl-server init --home DIR";
    case FEDL_ERR_IO:
        return "check the disk and the system log; if the file is damaged, restore a backup";
    case FEDL_ERR_NO_MEMORY:
        return "give the server more memory";
    case FEDL_OK:
    case FEDL_ERR_ARGUMENT:
    case FEDL_ERR_SIZE:
    case FEDL_ERR_RANGE:
    case FEDL_ERR_TRUNCATED:
    case FEDL_ERR_UNSUPPORTED:
    case FEDL_ERR_AUTH:
    case FEDL_ERR_REPLAY:
    case FEDL_ERR_STATE:
    case FEDL_ERR_FULL:
    case FEDL_ERR_EXISTS:
    case FEDL_ERR_MISMATCH:
    case FEDL_ERR_REVOKED:
    case FEDL_ERR_EXPIRED:
    case FEDL_ERR_POLICY:
    case FEDL_ERR_DIVERGED:
    case FEDL_ERR_TIMEOUT:
    case FEDL_ERR_CANCELLED:
    case FEDL_ERR_CONNECTION:
        break;
    }
    return NULL;
}

void fedli_sql_explain(char *text, size_t text_bytes, sqlite3 *db, fedl_status status,
                       const char *path)
{
    const char *what = fedl_status_text(status);
    const char *detail = db != NULL && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_errmsg(db) : NULL;
    const char *todo = remedy(status);
    const char *slash = strrchr(path, '/');
    /* The end of a path says most; a very long one would push the remedy out of the text. */
    const char *shown = strlen(path) > 80 && slash != NULL ? slash + 1 : path;
    (void)snprintf(text, text_bytes, "%.80s: %s%s%.40s%s%s%s", shown, what,
                   detail != NULL ? " (" : "", detail != NULL ? detail : "",
                   detail != NULL ? ")" : "", todo != NULL ? "; " : "", todo != NULL ? todo : "");
}
