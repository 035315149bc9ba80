/* SPDX-License-Identifier: Apache-2.0 */
/* State of the database store, shared by its opening, writing and reading parts. */
#ifndef FEDL_STORE_SQLITE_STORE_H
#define FEDL_STORE_SQLITE_STORE_H

#include "store/sqlite_statement.h"
#include "store/store.h"

#define FEDLI_BLOB_CHUNK_BYTES 65536u

typedef enum fedli_blob_kind {
    FEDLI_BLOB_CONTAINER = 1,
    FEDLI_BLOB_MASTER = 2, /* int32 little-endian */
    FEDLI_BLOB_AGG_STATE = 3,
} fedli_blob_kind;

typedef struct sqlite_store {
    fedl_store base;
    const fedl_crypto *crypto;
    sqlite3 *db;
    int lock_fd;
    char path[1024];
    char text[256];
    uint8_t chunk[FEDLI_BLOB_CHUNK_BYTES]; /* one row of a blob on its way in */
} sqlite_store;

fedl_status fedli_sqlite_apply(fedl_store *base, const fedl_store_op *op);
fedl_status fedli_sqlite_model_insert(sqlite_store *store, const fedl_store_op *op);

/** Copies the blobs of column 0 of all rows one after the other; *at rises with them. Errors:
 * ERR_CORRUPT (more than size bytes), those of the steps. */
fedl_status fedli_sqlite_blob_collect(sqlite3_stmt *statement, uint8_t *out, size_t size,
                                      size_t *at);
fedl_status fedli_sqlite_round_apply(sqlite_store *store, const fedl_store_op *op);
/** Writes sum, kinds of share, blobs and charge of a GROUP_COMMIT. */
fedl_status fedli_sqlite_group_insert(sqlite_store *store, const fedl_store_op *op);
/** Writes the charge of an attempt that made or will make no other; nothing when rho is 0. Errors:
 * ERR_RANGE (the task's sum would pass FEDL_STORE_RHO_MAX), those of SQL. */
fedl_status fedli_sqlite_charge(sqlite_store *store, const fedl_store_op *op);
/** Deletes the blobs of a round that has ended; nothing if it has none. */
fedl_status fedli_sqlite_group_forget(sqlite_store *store, const fedl_store_op *op);
fedl_status fedli_sqlite_group_read(fedl_store *base, uint32_t task_id, uint8_t *masked_sum,
                                    size_t masked_sum_bytes, uint8_t *group_state,
                                    size_t group_state_bytes);
fedl_status fedli_sqlite_charge_each(fedl_store *base, uint32_t task_id, fedl_charge_visit visit,
                                     void *context);

/** Keeps whom the op finds lying; nothing when it names nobody, or two. Errors: ERR_NOT_FOUND (no
 * such device), those of SQL. */
fedl_status fedli_sqlite_exclude(sqlite_store *store, const fedl_store_op *op);
fedl_status fedli_sqlite_readmit(sqlite_store *store, const fedl_store_op *op);
fedl_status fedli_sqlite_exclusion_each(fedl_store *base, uint32_t task_id,
                                        fedl_exclusion_visit visit, void *context);

fedl_status fedli_sqlite_device_each(fedl_store *base, fedl_device_visit visit, void *context);
fedl_status fedli_sqlite_task_each(fedl_store *base, fedl_task_visit visit, void *context);
fedl_status fedli_sqlite_model_each(fedl_store *base, uint32_t task_id, fedl_model_visit visit,
                                    void *context);
fedl_status fedli_sqlite_model_read(fedl_store *base, fedl_model_record *record, uint32_t task_id,
                                    uint32_t version, uint8_t *container, size_t container_bytes,
                                    int32_t *master_words, uint32_t parameter_count);
fedl_status fedli_sqlite_agg_state_read(fedl_store *base, uint32_t task_id, uint32_t version,
                                        uint8_t *agg_state, size_t agg_state_bytes);
fedl_status fedli_sqlite_audit_each(fedl_store *base, fedl_audit_visit visit, void *context);

/** Keeps the text of a failure for error_text() and hands the status through. */
fedl_status fedli_sqlite_note(sqlite_store *store, fedl_status status);

#endif
