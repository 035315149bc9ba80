/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half: each op is one transaction with its audit row. What an op may follow on is
 * asked inside the transaction; the schema's constraints are the second line.
 */
#include "store/audit_chain.h"
#include "store/crash_point.h"
#include "store/sqlite_store.h"
#include "store/store_check.h"

#include <string.h>

static fedl_status device_add(sqlite_store *store, const fedl_store_op *op)
{
    static const uint8_t zero[32];
    const fedl_device_record *device = &op->device;
    uint64_t known = 0;
    fedl_status status =
        fedli_sql_one(store->db, &known, "SELECT count(*) FROM device WHERE device_id = ?", "u",
                      device->device_id);
    if (status == FEDL_OK && known != 0) {
        return FEDL_ERR_EXISTS;
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL, "INSERT INTO device VALUES(?, ?, ?, ?, ?, ?, NULL)",
                               "uutbbi", device->device_id, (uint32_t)FEDL_DEVICE_INVITED,
                               device->name, zero, sizeof zero, zero, sizeof zero, op->utc_s);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL, "INSERT INTO enrolment_token VALUES(?, ?, ?)",
                               "ubi", device->device_id, device->token_hash,
                               sizeof device->token_hash, device->token_expires_s);
    }
    return status;
}

static fedl_status device_read_state(sqlite_store *store, uint32_t device_id, uint64_t *state)
{
    return fedli_sql_one(store->db, state, "SELECT state FROM device WHERE device_id = ?", "u",
                         device_id);
}

static fedl_status token_delete(sqlite_store *store, uint32_t device_id)
{
    return fedli_sql_run(store->db, NULL, "DELETE FROM enrolment_token WHERE device_id = ?", "u",
                         device_id);
}

static fedl_status device_enrol(sqlite_store *store, const fedl_store_op *op)
{
    const fedl_device_record *device = &op->device;
    uint64_t state = 0;
    fedl_status status = device_read_state(store, device->device_id, &state);
    if (status == FEDL_OK && state != (uint64_t)FEDL_DEVICE_INVITED) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = token_delete(store, device->device_id);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL,
                               "UPDATE device SET state = ?, id_public = ?, noise_public = ?,"
                               " changed_s = ? WHERE device_id = ?",
                               "ubbiu", (uint32_t)device->state, device->id_public,
                               sizeof device->id_public, device->noise_public,
                               sizeof device->noise_public, op->utc_s, device->device_id);
    }
    return status;
}

static fedl_status device_certify(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    fedl_status status = device_read_state(store, op->device.device_id, &state);
    if (status == FEDL_OK && state != (uint64_t)FEDL_DEVICE_PENDING) {
        return FEDL_ERR_STATE;
    }
    return status == FEDL_OK
               ? fedli_sql_run(store->db, NULL,
                               "UPDATE device SET state = ?, cert_signature = ?, changed_s = ?"
                               " WHERE device_id = ?",
                               "ubiu", (uint32_t)FEDL_DEVICE_ACTIVE, op->device.cert_signature,
                               sizeof op->device.cert_signature, op->utc_s, op->device.device_id)
               : status;
}

static fedl_status device_readmit(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    const fedl_status status = device_read_state(store, op->device.device_id, &state);
    return status == FEDL_OK ? fedli_sqlite_readmit(store, op) : status;
}

static fedl_status device_state(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    fedl_status status = device_read_state(store, op->device.device_id, &state);
    if (status == FEDL_OK && !fedl_store_device_may((fedl_device_state)state, op->device.state)) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = token_delete(store, op->device.device_id);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL,
                               "UPDATE device SET state = ?, changed_s = ? WHERE device_id = ?",
                               "uiu", (uint32_t)op->device.state, op->utc_s, op->device.device_id);
    }
    return status;
}

static fedl_status task_add(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t known = 0;
    fedl_status status =
        fedli_sql_one(store->db, &known, "SELECT count(*) FROM task WHERE task_id = ? OR name = ?",
                      "ut", op->task_id, op->name);
    if (status == FEDL_OK && known != 0) {
        return FEDL_ERR_EXISTS;
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL, "INSERT INTO task VALUES(?, ?, ?, NULL, ?)", "utui",
                               op->task_id, op->name, (uint32_t)FEDL_TASK_RUNNING, op->utc_s);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL, "INSERT INTO plan VALUES(?, ?)", "ub", op->task_id,
                               op->plan_text.data, op->plan_text.size);
    }
    return status == FEDL_OK ? fedli_sqlite_model_insert(store, op) : status;
}

static fedl_status task_state(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    fedl_status status = fedli_sql_one(
        store->db, &state, "SELECT state FROM task WHERE task_id = ?", "u", op->task_id);
    if (status == FEDL_OK && !fedl_store_task_may((fedl_task_state)state, op->task_state)) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL,
                               "UPDATE task SET state = ?, reason = ? WHERE task_id = ?", "utu",
                               (uint32_t)op->task_state, op->text, op->task_id);
    }
    return status;
}

static fedl_status audit_insert(sqlite_store *store, const fedl_store_op *op)
{
    fedl_audit_entry entry;
    uint8_t hash[32] = {0};
    sqlite3_stmt *statement = NULL;
    bool row = false;
    fedl_audit_describe(&entry, op);
    entry.sequence = 1;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement, "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1");
    if (status == FEDL_OK) {
        status = fedli_sql_step(statement, &row);
    }
    if (status == FEDL_OK && row) {
        entry.sequence = fedli_sql_u64(statement, 0) + 1;
        status = fedli_sql_copy(statement, 1, hash, sizeof hash);
    }
    (void)sqlite3_finalize(statement);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_audit_link(store->crypto, hash, hash, entry.sequence, entry.utc_s, entry.what,
                    entry.detail);
    return fedli_sql_run(store->db, NULL, "INSERT INTO audit VALUES(?, ?, ?, ?, ?)", "iittb",
                         entry.sequence, entry.utc_s, entry.what, entry.detail, hash, sizeof hash);
}

static fedl_status apply_kind(sqlite_store *store, const fedl_store_op *op)
{
    switch (op->kind) {
    case FEDL_STORE_DEVICE_ADD:
        return device_add(store, op);
    case FEDL_STORE_DEVICE_ENROL:
        return device_enrol(store, op);
    case FEDL_STORE_DEVICE_STATE:
        return device_state(store, op);
    case FEDL_STORE_DEVICE_CERTIFY:
        return device_certify(store, op);
    case FEDL_STORE_DEVICE_READMIT:
        return device_readmit(store, op);
    case FEDL_STORE_TASK_ADD:
        return task_add(store, op);
    case FEDL_STORE_TASK_STATE:
        return task_state(store, op);
    case FEDL_STORE_ROUND_OPEN:
    case FEDL_STORE_ROUND_ABORT:
    case FEDL_STORE_COMMIT:
    case FEDL_STORE_GROUP_COMMIT:
    case FEDL_STORE_ROUND_BURN:
        return fedli_sqlite_round_apply(store, op);
    }
    return FEDL_ERR_RANGE;
}

fedl_status fedli_sqlite_apply(fedl_store *base, const fedl_store_op *op)
{
    sqlite_store *store = (sqlite_store *)base;
    fedl_status status = fedl_store_op_check(store->crypto, op);
    if (status != FEDL_OK) {
        return fedli_sqlite_note(store, status);
    }
    fedl_crash_at_store(op->kind, FEDL_CRASH_BEFORE_STORE);
    status = fedli_sql_run(store->db, NULL, "BEGIN IMMEDIATE", "");
    if (status == FEDL_OK) {
        status = apply_kind(store, op);
        if (status == FEDL_OK) {
            status = audit_insert(store, op);
        }
        if (status == FEDL_OK) {
            fedl_crash_at_store(op->kind, FEDL_CRASH_BEFORE_COMMIT);
            status = fedli_sql_run(store->db, NULL, "COMMIT", "");
        }
        /* The text first: the rollback would replace SQLite's message. */
        (void)fedli_sqlite_note(store, status);
        if (sqlite3_get_autocommit(store->db) == 0) {
            (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        }
    } else {
        (void)fedli_sqlite_note(store, status);
    }
    if (status == FEDL_OK) {
        fedl_crash_at_store(op->kind, FEDL_CRASH_AFTER_COMMIT);
    }
    return status;
}
