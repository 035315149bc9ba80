/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half: visits in rising order. Rows that break a rule of the format are ERR_CORRUPT.
 */
#include "store/sqlite_store.h"

#include <stdio.h>
#include <string.h>

/* Reads one row; returns false to stop. */
typedef bool (*row_reader)(sqlite3_stmt *statement, void *visit_state, fedl_status *status);

static fedl_status each(sqlite_store *store, sqlite3_stmt *statement, row_reader reader,
                        void *visit_state)
{
    fedl_status status = FEDL_OK;
    bool row = true;
    while (status == FEDL_OK && row) {
        status = fedli_sql_step(statement, &row);
        if (status == FEDL_OK && row && !reader(statement, visit_state, &status)) {
            break;
        }
    }
    (void)sqlite3_finalize(statement);
    return fedli_sqlite_note(store, status);
}

static void copy_text(char *out, size_t out_bytes, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    (void)snprintf(out, out_bytes, "%s", text != NULL ? (const char *)text : "");
}

typedef struct device_visit_state {
    fedl_device_visit visit;
    void *context;
} device_visit_state;

static bool device_row(sqlite3_stmt *statement, void *visit_state, fedl_status *status)
{
    device_visit_state *state = visit_state;
    fedl_device_record device;
    memset(&device, 0, sizeof device);
    device.device_id = fedli_sql_u32(statement, 0);
    device.state = (fedl_device_state)sqlite3_column_int(statement, 1);
    copy_text(device.name, sizeof device.name, statement, 2);
    device.changed_s = fedli_sql_u64(statement, 5);
    *status = fedli_sql_copy(statement, 3, device.id_public, sizeof device.id_public);
    if (*status == FEDL_OK) {
        *status = fedli_sql_copy(statement, 4, device.noise_public, sizeof device.noise_public);
    }
    if (*status == FEDL_OK && sqlite3_column_type(statement, 6) != SQLITE_NULL) {
        *status = fedli_sql_copy(statement, 6, device.token_hash, sizeof device.token_hash);
        device.token_expires_s = fedli_sql_u64(statement, 7);
    }
    if (*status == FEDL_OK && sqlite3_column_type(statement, 8) != SQLITE_NULL) {
        *status = fedli_sql_copy(statement, 8, device.cert_signature, sizeof device.cert_signature);
    }
    return *status == FEDL_OK && state->visit(state->context, &device);
}

fedl_status fedli_sqlite_device_each(fedl_store *base, fedl_device_visit visit, void *context)
{
    sqlite_store *store = (sqlite_store *)base;
    device_visit_state state = {visit, context};
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "SELECT d.device_id, d.state, d.name, d.id_public, d.noise_public, d.changed_s,"
        " t.token_hash, t.expires_s, d.cert_signature FROM device d LEFT JOIN enrolment_token t "
        "USING(device_id)"
        " ORDER BY d.device_id");
    return status == FEDL_OK ? each(store, statement, device_row, &state)
                             : fedli_sqlite_note(store, status);
}

typedef struct task_visit_state {
    fedl_task_visit visit;
    void *context;
} task_visit_state;

static bool task_row(sqlite3_stmt *statement, void *visit_state, fedl_status *status)
{
    task_visit_state *state = visit_state;
    fedl_task_row task;
    memset(&task, 0, sizeof task);
    task.task_id = fedli_sql_u32(statement, 0);
    task.state = (fedl_task_state)sqlite3_column_int(statement, 1);
    copy_text(task.name, sizeof task.name, statement, 2);
    task.plan_text = fedl_bytes_of(sqlite3_column_blob(statement, 3),
                                   (size_t)sqlite3_column_bytes(statement, 3));
    task.version = fedli_sql_u32(statement, 4);
    task.round_next = fedli_sql_u32(statement, 5);
    task.attempt_last = fedli_sql_u32(statement, 6);
    task.rho_spent = fedli_sql_u64(statement, 7);
    task.masked_sum_bytes = fedli_sql_u64(statement, 8); /* NULL, when none waits, reads as zero */
    task.group_state_bytes = fedli_sql_u64(statement, 9);
    task.attempt_open = fedli_sql_u32(statement, 10) != 0;
    *status = FEDL_OK;
    return state->visit(state->context, &task);
}

fedl_status fedli_sqlite_task_each(fedl_store *base, fedl_task_visit visit, void *context)
{
    sqlite_store *store = (sqlite_store *)base;
    task_visit_state state = {visit, context};
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "WITH next AS (SELECT t.task_id, m.version, 1 + max(m.round, (SELECT"
        " coalesce(max(round), 0) FROM round r WHERE r.task_id = t.task_id AND state = 5)) AS round"
        " FROM task t JOIN model m ON m.task_id = t.task_id AND"
        " m.version = (SELECT max(version) FROM model WHERE task_id = t.task_id))"
        "SELECT t.task_id, t.state, t.name, p.text, n.version, n.round,"
        " (SELECT coalesce(max(attempt), 0) FROM round r WHERE r.task_id = t.task_id AND"
        " r.round = n.round),"
        " (SELECT coalesce(sum(rho), 0) FROM privacy_ledger l WHERE l.task_id = t.task_id),"
        " g.sum_bytes, g.state_bytes, o.task_id IS NOT NULL"
        " FROM task t JOIN plan p USING(task_id) JOIN next n USING(task_id)"
        " LEFT JOIN round o ON o.task_id = t.task_id AND o.state = 1"
        " LEFT JOIN group_sum g ON g.task_id = t.task_id AND g.round = o.round AND"
        " g.attempt = o.attempt ORDER BY t.task_id");
    return status == FEDL_OK ? each(store, statement, task_row, &state)
                             : fedli_sqlite_note(store, status);
}

typedef struct model_visit_state {
    fedl_model_visit visit;
    void *context;
} model_visit_state;

static bool model_row(sqlite3_stmt *statement, void *visit_state, fedl_status *status)
{
    /* Columns 9 … 20: metrics, all NULL for the first version, which reads as zero. */
    static const fedl_tail_word words[FEDL_TAIL_WORDS] = {
        FEDL_TAIL_WEIGHT,       FEDL_TAIL_ROWS,          FEDL_TAIL_LOSS_Q16,  FEDL_TAIL_EVAL_ROWS,
        FEDL_TAIL_EVAL_CORRECT, FEDL_TAIL_EVAL_LOSS_Q16, FEDL_TAIL_SATURATED, FEDL_TAIL_CLIPPED,
    };
    model_visit_state *state = visit_state;
    fedl_model_row model;
    memset(&model, 0, sizeof model);
    model.task_id = fedli_sql_u32(statement, 0);
    model.version = fedli_sql_u32(statement, 1);
    model.round = fedli_sql_u32(statement, 2);
    model.created_s = fedli_sql_u64(statement, 5);
    model.container_bytes = fedli_sql_u64(statement, 6);
    model.parameter_count = fedli_sql_u32(statement, 7);
    model.agg_state_bytes = fedli_sql_u64(statement, 8);
    model.metrics.report_count = fedli_sql_u32(statement, 9);
    for (int i = 0; i < (int)FEDL_TAIL_WORDS; i++) {
        model.metrics.tail[words[i]] = fedli_sql_u64(statement, 10 + i);
    }
    model.metrics.bytes_up = fedli_sql_u64(statement, 18);
    model.metrics.bytes_down = fedli_sql_u64(statement, 19);
    model.metrics.duration_ms = fedli_sql_u64(statement, 20);
    *status = fedli_sql_copy(statement, 3, model.digest, sizeof model.digest);
    if (*status == FEDL_OK) {
        *status = fedli_sql_copy(statement, 4, model.parent_digest, sizeof model.parent_digest);
    }
    return *status == FEDL_OK && state->visit(state->context, &model);
}

fedl_status fedli_sqlite_model_each(fedl_store *base, uint32_t task_id, fedl_model_visit visit,
                                    void *context)
{
    sqlite_store *store = (sqlite_store *)base;
    model_visit_state state = {visit, context};
    sqlite3_stmt *statement = NULL;
    uint64_t known = 0;
    fedl_status status =
        fedli_sql_one(store->db, &known, "SELECT 1 FROM task WHERE task_id = ?", "u", task_id);
    if (status == FEDL_OK) {
        status = fedli_sql_prepare(
            store->db, &statement,
            "SELECT task_id, version, round, digest, parent_digest, created_s, container_bytes,"
            " parameter_count, agg_state_bytes, report_count, weight, row_count, loss_q16,"
            " eval_row_count, eval_correct_count, eval_loss_q16, saturated_count, clipped_count,"
            " bytes_up, bytes_down, duration_ms"
            " FROM model LEFT JOIN metric USING(task_id, version)"
            " WHERE task_id = ? ORDER BY version");
    }
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "u", task_id);
    }
    if (status != FEDL_OK) {
        (void)sqlite3_finalize(statement);
        return fedli_sqlite_note(store, status);
    }
    return each(store, statement, model_row, &state);
}

typedef struct audit_visit_state {
    fedl_audit_visit visit;
    void *context;
} audit_visit_state;

static bool audit_row(sqlite3_stmt *statement, void *visit_state, fedl_status *status)
{
    audit_visit_state *state = visit_state;
    fedl_audit_row row;
    memset(&row, 0, sizeof row);
    row.sequence = fedli_sql_u64(statement, 0);
    row.utc_s = fedli_sql_u64(statement, 1);
    row.what = (const char *)sqlite3_column_text(statement, 2);
    row.detail = (const char *)sqlite3_column_text(statement, 3);
    *status = fedli_sql_copy(statement, 4, row.hash, sizeof row.hash);
    if (row.what == NULL || row.detail == NULL) {
        *status = FEDL_ERR_CORRUPT;
    }
    return *status == FEDL_OK && state->visit(state->context, &row);
}

fedl_status fedli_sqlite_audit_each(fedl_store *base, fedl_audit_visit visit, void *context)
{
    sqlite_store *store = (sqlite_store *)base;
    audit_visit_state state = {visit, context};
    sqlite3_stmt *statement = NULL;
    fedl_status status = fedli_sql_prepare(
        store->db, &statement,
        "SELECT sequence, utc_s, what, detail, hash FROM audit ORDER BY sequence");
    return status == FEDL_OK ? each(store, statement, audit_row, &state)
                             : fedli_sqlite_note(store, status);
}
