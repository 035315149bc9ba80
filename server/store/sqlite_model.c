/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models in the database: one row with the fixed fields, and their blobs cut into rows of 64 KiB.
 * Master words are little-endian in the file on every host.
 */
#include "base/cursor.h"
#include "store/sqlite_store.h"
#include "store/store_check.h"

#include <string.h>

#define WORDS_PER_CHUNK (FEDLI_BLOB_CHUNK_BYTES / 4u)

static fedl_status chunk_insert(sqlite_store *store, sqlite3_stmt *statement,
                                const fedl_store_op *op, fedli_blob_kind kind, uint32_t part,
                                fedl_bytes data)
{
    bool row = false;
    fedl_status status = fedli_sql_bind(statement, "uuuub", op->task_id, op->model.version,
                                        (uint32_t)kind, part, data.data, data.size);
    if (status == FEDL_OK) {
        status = fedli_sql_step(statement, &row);
    }
    (void)sqlite3_reset(statement);
    (void)store;
    return status;
}

static fedl_status bytes_insert(sqlite_store *store, sqlite3_stmt *statement,
                                const fedl_store_op *op, fedli_blob_kind kind, fedl_bytes bytes)
{
    fedl_status status = FEDL_OK;
    uint32_t part = 0;
    for (size_t at = 0; at < bytes.size && status == FEDL_OK; part++) {
        size_t size = bytes.size - at;
        size = size < FEDLI_BLOB_CHUNK_BYTES ? size : FEDLI_BLOB_CHUNK_BYTES;
        status =
            chunk_insert(store, statement, op, kind, part, fedl_bytes_of(bytes.data + at, size));
        at += size;
    }
    return status;
}

static fedl_status words_insert(sqlite_store *store, sqlite3_stmt *statement,
                                const fedl_store_op *op)
{
    fedl_status status = FEDL_OK;
    uint32_t part = 0;
    for (uint32_t at = 0; at < op->model.parameter_count && status == FEDL_OK; part++) {
        uint32_t count = op->model.parameter_count - at;
        count = count < WORDS_PER_CHUNK ? count : WORDS_PER_CHUNK;
        for (uint32_t i = 0; i < count; i++) {
            fedli_store_u32(store->chunk + 4u * i, (uint32_t)op->model.master_words[at + i]);
        }
        status = chunk_insert(store, statement, op, FEDLI_BLOB_MASTER, part,
                              fedl_bytes_of(store->chunk, 4u * (size_t)count));
        at += count;
    }
    return status;
}

fedl_status fedli_sqlite_model_insert(sqlite_store *store, const fedl_store_op *op)
{
    const fedl_model_record *m = &op->model;
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_run(
        store->db, NULL, "INSERT INTO model VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "uuubbbbiuii",
        op->task_id, m->version, m->round, m->digest, sizeof m->digest, m->parent_digest,
        sizeof m->parent_digest, m->manifest, sizeof m->manifest, m->signature, sizeof m->signature,
        (uint64_t)m->container.size, m->parameter_count, (uint64_t)m->agg_state.size, m->created_s);
    if (status == FEDL_OK) {
        status = fedli_sql_prepare(store->db, &statement,
                                   "INSERT INTO blob_chunk VALUES(?, ?, ?, ?, ?)");
    }
    if (status == FEDL_OK) {
        status = bytes_insert(store, statement, op, FEDLI_BLOB_CONTAINER, m->container);
    }
    if (status == FEDL_OK) {
        status = words_insert(store, statement, op);
    }
    if (status == FEDL_OK) {
        status = bytes_insert(store, statement, op, FEDLI_BLOB_AGG_STATE, m->agg_state);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

fedl_status fedli_sqlite_blob_collect(sqlite3_stmt *statement, uint8_t *out, size_t size,
                                      size_t *at)
{
    fedl_status status = FEDL_OK;
    bool row = true;
    while (status == FEDL_OK && row) {
        status = fedli_sql_step(statement, &row);
        if (status == FEDL_OK && row) {
            const void *data = sqlite3_column_blob(statement, 0);
            size_t bytes = (size_t)sqlite3_column_bytes(statement, 0);
            if (bytes > size - *at || data == NULL) {
                return FEDL_ERR_CORRUPT;
            }
            memcpy(out + *at, data, bytes);
            *at += bytes;
        }
    }
    return status;
}

/* Copies a blob together; its rows must add up to exactly size bytes. */
static fedl_status blob_read(sqlite_store *store, uint8_t *out, size_t size, uint32_t task_id,
                             uint32_t version, fedli_blob_kind kind)
{
    sqlite3_stmt *statement = NULL;
    size_t at = 0;
    fedl_status status =
        fedli_sql_prepare(store->db, &statement,
                          "SELECT data FROM blob_chunk WHERE task_id = ? AND version = ? AND"
                          " kind = ? ORDER BY part");
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "uuu", task_id, version, (uint32_t)kind);
    }
    if (status == FEDL_OK) {
        status = fedli_sqlite_blob_collect(statement, out, size, &at);
    }
    (void)sqlite3_finalize(statement);
    return status == FEDL_OK && at != size ? FEDL_ERR_CORRUPT : status;
}

/* The fixed fields, and the sizes that the blobs must have. */
static fedl_status record_read(sqlite_store *store, fedl_model_record *record,
                               uint64_t *container_bytes, uint64_t *agg_state_bytes,
                               uint32_t task_id, uint32_t version)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    memset(record, 0, sizeof *record);
    record->task_id = task_id;
    record->version = version;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "SELECT round, digest, parent_digest, manifest, signature, container_bytes,"
        " parameter_count, agg_state_bytes, created_s FROM model WHERE task_id = ? AND version = "
        "?");
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "uu", task_id, version);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_step(statement, &row);
    }
    if (status == FEDL_OK && !row) {
        status = FEDL_ERR_NOT_FOUND;
    }
    if (status == FEDL_OK) {
        record->round = fedli_sql_u32(statement, 0);
        *container_bytes = fedli_sql_u64(statement, 5);
        record->parameter_count = fedli_sql_u32(statement, 6);
        *agg_state_bytes = fedli_sql_u64(statement, 7);
        record->created_s = fedli_sql_u64(statement, 8);
        status = fedli_sql_copy(statement, 1, record->digest, sizeof record->digest);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_copy(statement, 2, record->parent_digest, sizeof record->parent_digest);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_copy(statement, 3, record->manifest, sizeof record->manifest);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_copy(statement, 4, record->signature, sizeof record->signature);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

fedl_status fedli_sqlite_model_read(fedl_store *base, fedl_model_record *record, uint32_t task_id,
                                    uint32_t version, uint8_t *container, size_t container_bytes,
                                    int32_t *master_words, uint32_t parameter_count)
{
    sqlite_store *store = (sqlite_store *)base;
    fedl_model_record found;
    uint64_t stored_bytes = 0;
    uint64_t agg_bytes = 0;
    fedl_status status = record_read(store, &found, &stored_bytes, &agg_bytes, task_id, version);
    if (status == FEDL_OK && ((container != NULL && container_bytes != stored_bytes) ||
                              (master_words != NULL && parameter_count != found.parameter_count))) {
        status = FEDL_ERR_SIZE;
    }
    if (status == FEDL_OK && container != NULL) {
        status =
            blob_read(store, container, container_bytes, task_id, version, FEDLI_BLOB_CONTAINER);
        uint8_t digest[32];
        if (status == FEDL_OK) {
            found.container = fedl_bytes_of(container, container_bytes);
            fedl_store_digest(store->crypto, digest, found.container);
            status = memcmp(digest, found.digest, 32) == 0 ? FEDL_OK : FEDL_ERR_CORRUPT;
        }
    }
    if (status == FEDL_OK && master_words != NULL) {
        /* Read as bytes into place, then each word in place: 4 bytes become one int32. */
        uint8_t *bytes = (uint8_t *)master_words;
        status = blob_read(store, bytes, (size_t)parameter_count * 4u, task_id, version,
                           FEDLI_BLOB_MASTER);
        for (uint32_t i = 0; i < parameter_count && status == FEDL_OK; i++) {
            master_words[i] = fedli_i32_of(fedli_load_u32(bytes + 4u * (size_t)i));
        }
        found.master_words = master_words;
    }
    if (status == FEDL_OK) {
        *record = found;
    }
    return fedli_sqlite_note(store, status);
}

fedl_status fedli_sqlite_agg_state_read(fedl_store *base, uint32_t task_id, uint32_t version,
                                        uint8_t *agg_state, size_t agg_state_bytes)
{
    sqlite_store *store = (sqlite_store *)base;
    fedl_model_record record;
    uint64_t container_bytes = 0;
    uint64_t agg_bytes = 0;
    fedl_status status =
        record_read(store, &record, &container_bytes, &agg_bytes, task_id, version);
    if (status == FEDL_OK && agg_bytes != agg_state_bytes) {
        status = FEDL_ERR_SIZE;
    }
    if (status == FEDL_OK && agg_state_bytes > 0) {
        status =
            blob_read(store, agg_state, agg_state_bytes, task_id, version, FEDLI_BLOB_AGG_STATE);
    }
    return fedli_sqlite_note(store, status);
}
