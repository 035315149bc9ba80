/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ops on rounds: opening, aborting and burning attempts, the commit point of a masked sum, the
 * commit point of a version. Rules that keep both kinds of share of one device apart stand here and
 * in the schema's constraints: a program error in one of the two is stopped by the other.
 */
#include "store/sqlite_store.h"
#include "store/store_check.h"

/* The number of the round that comes next, see fedl_task_row. */
#define SQL_ROUND_NEXT                                                                             \
    "SELECT 1 + max((SELECT max(round) FROM model WHERE task_id = ?1),"                            \
    " coalesce((SELECT max(round) FROM round WHERE task_id = ?1 AND state = 5), 0))"

/* Whether a masked sum of this round is durable. */
static fedl_status group_known(sqlite_store *store, const fedl_store_op *op, bool *known)
{
    uint64_t count = 0;
    fedl_status status = fedli_sql_one(
        store->db, &count, "SELECT count(*) FROM group_sum WHERE task_id = ? AND round = ?", "uu",
        op->task_id, op->round);
    *known = count != 0;
    return status;
}

/* Inserts the members; ERR_NOT_FOUND for a device that is not there. */
static fedl_status members_insert(sqlite_store *store, const fedl_store_op *op)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "INSERT INTO member SELECT ?1, ?2, ?3, device_id, 0 FROM device WHERE device_id = ?4");
    for (uint32_t i = 0; i < op->member_count && status == FEDL_OK; i++) {
        status =
            fedli_sql_bind(statement, "uuuu", op->task_id, op->round, op->attempt, op->members[i]);
        if (status == FEDL_OK) {
            status = fedli_sql_step(statement, &row);
        }
        if (status == FEDL_OK && sqlite3_changes(store->db) != 1) {
            status = FEDL_ERR_NOT_FOUND;
        }
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static fedl_status round_open(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    uint64_t round_next = 0;
    uint64_t attempt_last = 0;
    bool masked = false;
    fedl_status status = fedli_sql_one(
        store->db, &state, "SELECT state FROM task WHERE task_id = ?", "u", op->task_id);
    if (status == FEDL_OK) {
        status = fedli_sql_one(store->db, &round_next, SQL_ROUND_NEXT, "u", op->task_id);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_one(
            store->db, &attempt_last,
            "SELECT coalesce(max(attempt), 0) FROM round WHERE task_id = ? AND round = ?", "uu",
            op->task_id, op->round);
    }
    if (status == FEDL_OK) {
        status = group_known(store, op, &masked);
    }
    /* A round whose masked sum is durable is finished or burnt, never tried again. */
    if (status == FEDL_OK && (state != (uint64_t)FEDL_TASK_RUNNING || op->round != round_next ||
                              op->attempt != attempt_last + 1 || masked)) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(store->db, NULL,
                               "UPDATE round SET state = 4, closed_s = ?, reason = 'the server went"
                               " down' WHERE task_id = ? AND state = 1",
                               "iu", op->utc_s, op->task_id);
    }
    if (status == FEDL_OK) {
        status =
            fedli_sql_run(store->db, NULL, "INSERT INTO round VALUES(?, ?, ?, 1, ?, NULL, NULL)",
                          "uuui", op->task_id, op->round, op->attempt, op->utc_s);
    }
    return status == FEDL_OK ? members_insert(store, op) : status;
}

/* State of the attempt that op names. ERR_NOT_FOUND: unknown. */
static fedl_status round_state(sqlite_store *store, const fedl_store_op *op, uint64_t *state)
{
    return fedli_sql_one(store->db, state,
                         "SELECT state FROM round WHERE task_id = ? AND round = ? AND attempt = ?",
                         "uuu", op->task_id, op->round, op->attempt);
}

static fedl_status round_end(sqlite_store *store, const fedl_store_op *op, uint32_t round_state)
{
    return fedli_sql_run(store->db, NULL,
                         "UPDATE round SET state = ?, closed_s = ?, reason = ?"
                         " WHERE task_id = ? AND round = ? AND attempt = ?",
                         "uituuu", round_state, op->utc_s, op->text, op->task_id, op->round,
                         op->attempt);
}

/* ERR_NOT_FOUND: unknown. ERR_STATE: not open, or its masked sum is durable. */
static fedl_status round_abort(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    bool masked = false;
    fedl_status status = round_state(store, op, &state);
    if (status == FEDL_OK) {
        status = group_known(store, op, &masked);
    }
    if (status == FEDL_OK && (state != 1 || masked)) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = fedli_sqlite_charge(store, op);
    }
    return status == FEDL_OK ? round_end(store, op, 2) : status;
}

/* Only the last attempt of a round that is neither committed nor burnt; it may be closed already,
 * because the last attempt that devices accept may fail like any other. */
static fedl_status round_burn(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    uint64_t later = 0;
    bool masked = false;
    fedl_status status = round_state(store, op, &state);
    if (status == FEDL_OK) {
        status = group_known(store, op, &masked);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_one(store->db, &later,
                               "SELECT count(*) FROM round WHERE task_id = ? AND round = ? AND"
                               " (attempt > ? OR state IN (3, 5))",
                               "uuu", op->task_id, op->round, op->attempt);
    }
    if (status == FEDL_OK && later != 0) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK && op->rho > 0 && (state != 1 || masked)) {
        return FEDL_ERR_STATE; /* it was charged when it was closed, or with its sum */
    }
    if (status == FEDL_OK) {
        status = fedli_sqlite_charge(store, op);
    }
    if (status == FEDL_OK) {
        status = round_end(store, op, 5);
    }
    return status == FEDL_OK ? fedli_sqlite_group_forget(store, op) : status;
}

static fedl_status group_commit(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t state = 0;
    bool masked = false;
    fedl_status status = round_state(store, op, &state);
    if (status == FEDL_OK) {
        status = group_known(store, op, &masked);
    }
    if (status == FEDL_OK && (state != 1 || masked)) {
        return FEDL_ERR_STATE;
    }
    return status == FEDL_OK ? fedli_sqlite_group_insert(store, op) : status;
}

/* Marks the members whose report is in the sum. */
static fedl_status members_count(sqlite_store *store, const fedl_store_op *op)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    fedl_status status =
        fedli_sql_prepare(store->db, &statement,
                          "UPDATE member SET counted = 1 WHERE task_id = ? AND round = ? AND"
                          " attempt = ? AND device_id = ? AND counted = 0");
    for (uint32_t i = 0; i < op->member_count && status == FEDL_OK; i++) {
        status =
            fedli_sql_bind(statement, "uuuu", op->task_id, op->round, op->attempt, op->members[i]);
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

/* After a masked sum, exactly those count whose own mask was taken off. Call after members_count.
 */
static fedl_status survivors_check(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t wrong = 0;
    bool masked = false;
    fedl_status status = group_known(store, op, &masked);
    if (status == FEDL_OK && masked) {
        status = fedli_sql_one(
            store->db, &wrong,
            "SELECT count(*) FROM member LEFT JOIN unmask_kind"
            " USING(task_id, round, attempt, device_id) WHERE task_id = ? AND round = ? AND"
            " attempt = ? AND counted <> (kind IS 1)",
            "uuu", op->task_id, op->round, op->attempt);
    }
    return status == FEDL_OK && wrong != 0 ? FEDL_ERR_STATE : status;
}

/* ERR_STATE: the attempt was charged with its masked sum. */
static fedl_status commit_charge(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t charged = 0;
    fedl_status status = FEDL_OK;
    if (op->rho > 0) {
        status = fedli_sql_one(store->db, &charged,
                               "SELECT count(*) FROM privacy_ledger WHERE task_id = ? AND round = ?"
                               " AND attempt = ?",
                               "uuu", op->task_id, op->round, op->attempt);
    }
    if (status == FEDL_OK && charged != 0) {
        return FEDL_ERR_STATE;
    }
    return status == FEDL_OK ? fedli_sqlite_charge(store, op) : status;
}

static fedl_status commit(sqlite_store *store, const fedl_store_op *op)
{
    const fedl_round_metrics *m = &op->metrics;
    uint64_t fits = 0;
    uint64_t state = 0;
    fedl_status status = round_state(store, op, &state);
    if (status == FEDL_OK && state != 1) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = round_end(store, op, 3);
    }
    if (status == FEDL_OK) {
        status = members_count(store, op);
    }
    if (status == FEDL_OK) {
        status = survivors_check(store, op);
    }
    if (status == FEDL_OK) {
        status = fedli_sqlite_group_forget(store, op);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_one(store->db, &fits,
                               "SELECT count(*) FROM model WHERE task_id = ?1 AND version = ?2 - 1"
                               " AND digest = ?3 AND version ="
                               " (SELECT max(version) FROM model WHERE task_id = ?1)",
                               "uub", op->task_id, op->model.version, op->model.parent_digest,
                               sizeof op->model.parent_digest);
    }
    if (status == FEDL_OK && fits != 1) {
        return FEDL_ERR_STATE;
    }
    if (status == FEDL_OK) {
        status = fedli_sqlite_model_insert(store, op);
    }
    if (status == FEDL_OK) {
        status = fedli_sql_run(
            store->db, NULL, "INSERT INTO metric VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "uuuiiiiiiiiiii", op->task_id, op->model.version, m->report_count,
            m->tail[FEDL_TAIL_WEIGHT], m->tail[FEDL_TAIL_ROWS], m->tail[FEDL_TAIL_LOSS_Q16],
            m->tail[FEDL_TAIL_EVAL_ROWS], m->tail[FEDL_TAIL_EVAL_CORRECT],
            m->tail[FEDL_TAIL_EVAL_LOSS_Q16], m->tail[FEDL_TAIL_SATURATED],
            m->tail[FEDL_TAIL_CLIPPED], m->bytes_up, m->bytes_down, m->duration_ms);
    }
    return status == FEDL_OK ? commit_charge(store, op) : status;
}

/* The op that ends an attempt may name a liar. */
static fedl_status end(sqlite_store *store, const fedl_store_op *op,
                       fedl_status (*apply)(sqlite_store *store, const fedl_store_op *op))
{
    const fedl_status status = apply(store, op);
    return status == FEDL_OK ? fedli_sqlite_exclude(store, op) : status;
}

fedl_status fedli_sqlite_round_apply(sqlite_store *store, const fedl_store_op *op)
{
    switch (op->kind) {
    case FEDL_STORE_ROUND_OPEN:
        return round_open(store, op);
    case FEDL_STORE_ROUND_ABORT:
        return end(store, op, round_abort);
    case FEDL_STORE_COMMIT:
        return end(store, op, commit);
    case FEDL_STORE_GROUP_COMMIT:
        return group_commit(store, op);
    case FEDL_STORE_ROUND_BURN:
        return end(store, op, round_burn);
    case FEDL_STORE_DEVICE_ADD:
    case FEDL_STORE_DEVICE_ENROL:
    case FEDL_STORE_DEVICE_STATE:
    case FEDL_STORE_DEVICE_CERTIFY:
    case FEDL_STORE_DEVICE_READMIT:
    case FEDL_STORE_TASK_ADD:
    case FEDL_STORE_TASK_STATE:
        break;
    }
    return FEDL_ERR_RANGE;
}
