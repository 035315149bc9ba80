/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A masked sum in the database, from its commit point to the end of its round: which share will be
 * asked for of whom, the sum and the state of the group in rows of 64 KiB, the charge. The blobs go
 * when the round ends; who was in the sum, and what it cost, stays.
 */
#include "store/sqlite_store.h"
#include "store/store_check.h"

#include <string.h>

typedef enum group_blob_kind {
    GROUP_BLOB_SUM = 1,
    GROUP_BLOB_STATE = 2,
} group_blob_kind;

static fedl_status sum_insert(sqlite_store *store, const fedl_store_op *op)
{
    uint8_t sum_digest[32];
    uint8_t state_digest[32];
    uint32_t survivors = 0;
    for (uint32_t i = 0; i < op->member_count; i++) {
        survivors += op->share_kinds[i] == FEDL_SHARE_SURVIVOR ? 1u : 0u;
    }
    fedl_store_digest(store->crypto, sum_digest, op->masked_sum);
    fedl_store_digest(store->crypto, state_digest, op->group_state);
    return fedli_sql_run(store->db, NULL, "INSERT INTO group_sum VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "uuuuuibib", op->task_id, op->round, op->attempt, op->member_count,
                         survivors, (uint64_t)op->masked_sum.size, sum_digest, sizeof sum_digest,
                         (uint64_t)op->group_state.size, state_digest, sizeof state_digest);
}

/* ERR_STATE for a device that is not a member of the attempt. */
static fedl_status kinds_insert(sqlite_store *store, const fedl_store_op *op)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "INSERT INTO unmask_kind SELECT ?1, ?2, ?3, device_id, ?5 FROM member WHERE task_id = ?1"
        " AND round = ?2 AND attempt = ?3 AND device_id = ?4");
    for (uint32_t i = 0; i < op->member_count && status == FEDL_OK; i++) {
        status = fedli_sql_bind(statement, "uuuuu", op->task_id, op->round, op->attempt,
                                op->members[i], (uint32_t)op->share_kinds[i]);
        if (status == FEDL_OK) {
            status = fedli_sql_step(statement, &row);
        }
        if (status == FEDL_OK && sqlite3_changes(store->db) != 1) {
            status = FEDL_ERR_STATE;
        }
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static fedl_status blob_insert(sqlite_store *store, const fedl_store_op *op, group_blob_kind kind,
                               fedl_bytes bytes)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    uint32_t part = 0;
    fedl_status status =
        fedli_sql_prepare(store->db, &statement, "INSERT INTO group_blob VALUES(?, ?, ?, ?, ?)");
    for (size_t at = 0; at < bytes.size && status == FEDL_OK; part++) {
        size_t size = bytes.size - at;
        size = size < FEDLI_BLOB_CHUNK_BYTES ? size : FEDLI_BLOB_CHUNK_BYTES;
        status = fedli_sql_bind(statement, "uuuub", op->task_id, op->round, (uint32_t)kind, part,
                                bytes.data + at, size);
        if (status == FEDL_OK) {
            status = fedli_sql_step(statement, &row);
        }
        (void)sqlite3_reset(statement);
        at += size;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

fedl_status fedli_sqlite_charge(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t spent = 0;
    if (op->rho == 0) {
        return FEDL_OK;
    }
    fedl_status status = fedli_sql_one(
        store->db, &spent, "SELECT coalesce(sum(rho), 0) FROM privacy_ledger WHERE task_id = ?",
        "u", op->task_id);
    if (status == FEDL_OK && op->rho > FEDL_STORE_RHO_MAX - spent) {
        return FEDL_ERR_RANGE;
    }
    return status == FEDL_OK
               ? fedli_sql_run(store->db, NULL, "INSERT INTO privacy_ledger VALUES(?, ?, ?, ?)",
                               "uuui", op->task_id, op->round, op->attempt, op->rho)
               : status;
}

fedl_status fedli_sqlite_group_insert(sqlite_store *store, const fedl_store_op *op)
{
    fedl_status status = sum_insert(store, op);
    if (status == FEDL_OK) {
        status = kinds_insert(store, op);
    }
    if (status == FEDL_OK) {
        status = blob_insert(store, op, GROUP_BLOB_SUM, op->masked_sum);
    }
    if (status == FEDL_OK) {
        status = blob_insert(store, op, GROUP_BLOB_STATE, op->group_state);
    }
    return status == FEDL_OK ? fedli_sqlite_charge(store, op) : status;
}

fedl_status fedli_sqlite_group_forget(sqlite_store *store, const fedl_store_op *op)
{
    return fedli_sql_run(store->db, NULL, "DELETE FROM group_blob WHERE task_id = ? AND round = ?",
                         "uu", op->task_id, op->round);
}

/* ---- reading ---- */

typedef struct waiting_sum {
    uint32_t round;
    uint64_t sum_bytes;
    uint64_t state_bytes;
    uint8_t sum_digest[32];
    uint8_t state_digest[32];
} waiting_sum;

static fedl_status waiting_read(sqlite_store *store, waiting_sum *found, uint32_t task_id)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    fedl_status status =
        fedli_sql_prepare(store->db, &statement,
                          "SELECT round, sum_bytes, sum_digest, state_bytes, state_digest FROM"
                          " group_sum JOIN round USING(task_id, round, attempt) WHERE task_id = ?"
                          " AND state = 1");
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "u", task_id);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_step(statement, &row);
    }
    if (status == FEDL_OK && !row) {
        status = FEDL_ERR_NOT_FOUND;
    }
    if (status == FEDL_OK) {
        found->round = fedli_sql_u32(statement, 0);
        found->sum_bytes = fedli_sql_u64(statement, 1);
        found->state_bytes = fedli_sql_u64(statement, 3);
        status = fedli_sql_copy(statement, 2, found->sum_digest, 32);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_copy(statement, 4, found->state_digest, 32);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* Copies a blob together; it must have exactly size bytes and this digest. */
static fedl_status blob_read(sqlite_store *store, uint8_t *out, size_t size, uint32_t task_id,
                             uint32_t round, group_blob_kind kind, const uint8_t digest[32])
{
    sqlite3_stmt *statement = NULL;
    size_t at = 0;
    uint8_t found[32];
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "SELECT data FROM group_blob WHERE task_id = ? AND round = ? AND kind = ? ORDER BY part");
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "uuu", task_id, round, (uint32_t)kind);
    }
    if (status == FEDL_OK) {
        status = fedli_sqlite_blob_collect(statement, out, size, &at);
    }
    (void)sqlite3_finalize(statement);
    if (status == FEDL_OK) {
        fedl_store_digest(store->crypto, found, fedl_bytes_of(out, size));
        status = at == size && memcmp(found, digest, 32) == 0 ? FEDL_OK : FEDL_ERR_CORRUPT;
    }
    return status;
}

fedl_status fedli_sqlite_group_read(fedl_store *base, uint32_t task_id, uint8_t *masked_sum,
                                    size_t masked_sum_bytes, uint8_t *group_state,
                                    size_t group_state_bytes)
{
    sqlite_store *store = (sqlite_store *)base;
    waiting_sum found;
    fedl_status status = waiting_read(store, &found, task_id);
    if (status == FEDL_OK &&
        (masked_sum_bytes != found.sum_bytes || group_state_bytes != found.state_bytes)) {
        status = FEDL_ERR_SIZE;
    }
    if (status == FEDL_OK) {
        status = blob_read(store, masked_sum, masked_sum_bytes, task_id, found.round,
                           GROUP_BLOB_SUM, found.sum_digest);
    }
    if (status == FEDL_OK) {
        status = blob_read(store, group_state, group_state_bytes, task_id, found.round,
                           GROUP_BLOB_STATE, found.state_digest);
    }
    return fedli_sqlite_note(store, status);
}

fedl_status fedli_sqlite_charge_each(fedl_store *base, uint32_t task_id, fedl_charge_visit visit,
                                     void *context)
{
    sqlite_store *store = (sqlite_store *)base;
    sqlite3_stmt *statement = NULL;
    uint64_t known = 0;
    bool row = true;
    fedl_status status =
        fedli_sql_one(store->db, &known, "SELECT 1 FROM task WHERE task_id = ?", "u", task_id);
    if (status == FEDL_OK) {
        status = fedli_sql_prepare(store->db, &statement,
                                   "SELECT round, attempt, rho FROM privacy_ledger WHERE"
                                   " task_id = ? ORDER BY round, attempt");
    }
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "u", task_id);
    }
    while (status == FEDL_OK && row) {
        status = fedli_sql_step(statement, &row);
        if (status == FEDL_OK && row) {
            const fedl_charge_row charge_row = {.round = fedli_sql_u32(statement, 0),
                                                .attempt = fedli_sql_u32(statement, 1),
                                                .rho = fedli_sql_u64(statement, 2)};
            row = visit(context, &charge_row);
        }
    }
    (void)sqlite3_finalize(statement);
    return fedli_sqlite_note(store, status);
}
