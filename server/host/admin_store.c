/* SPDX-License-Identifier: Apache-2.0 */
/* Reading requests that need the database: run on the store's thread, answered on the loop's. */
#include "host/admin_server.h"
#include "store/audit_chain.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct read_state {
    cJSON *rows;
    uint32_t limit;  /* audit: newest rows to keep */
    uint32_t wanted; /* version to find; 0 = the last one */
    fedl_model_row found;
} read_state;

/* Mean of a sum in Q16 over count, as a JSON number; null when there is nothing to divide by. */
static void put_mean(cJSON *object, const char *key, uint64_t sum, double unit, uint64_t count)
{
    if (count > 0) {
        (void)cJSON_AddNumberToObject(object, key, (double)sum / unit / (double)count);
    } else {
        (void)cJSON_AddNullToObject(object, key);
    }
}

/* A count that stands in the tail; null when the devices told nothing but that they are there. */
static void put_told(cJSON *object, const char *key, const uint64_t tail[FEDL_TAIL_WORDS],
                     fedl_tail_word word)
{
    if (tail[FEDL_TAIL_ROWS] > 0) {
        fedli_json_u64(object, key, tail[word]);
    } else {
        (void)cJSON_AddNullToObject(object, key);
    }
}

void fedli_json_model(cJSON *object, const fedl_model_row *row)
{
    const uint64_t *tail = row->metrics.tail;
    const uint64_t eval_rows = tail[FEDL_TAIL_EVAL_ROWS];
    fedli_json_u64(object, "task_id", row->task_id);
    fedli_json_u64(object, "version", row->version);
    fedli_json_u64(object, "round", row->round);
    fedli_json_hex(object, "digest", row->digest, 32);
    fedli_json_hex(object, "parent_digest", row->parent_digest, 32);
    fedli_json_u64(object, "created_s", row->created_s);
    fedli_json_u64(object, "parameters", row->parameter_count);
    fedli_json_u64(object, "container_bytes", row->container_bytes);
    fedli_json_u64(object, "reports", row->metrics.report_count);
    fedli_json_u64(object, "weight", tail[FEDL_TAIL_WEIGHT]);
    put_told(object, "rows", tail, FEDL_TAIL_ROWS);
    put_mean(object, "train_loss", tail[FEDL_TAIL_LOSS_Q16], 65536.0, tail[FEDL_TAIL_ROWS]);
    /* Held-out figures are of the parent: devices evaluate the model that they receive. */
    put_told(object, "held_out_rows", tail, FEDL_TAIL_EVAL_ROWS);
    put_mean(object, "held_out_accuracy", tail[FEDL_TAIL_EVAL_CORRECT], 1.0, eval_rows);
    put_mean(object, "held_out_loss", tail[FEDL_TAIL_EVAL_LOSS_Q16], 65536.0, eval_rows);
    put_told(object, "saturated", tail, FEDL_TAIL_SATURATED);
    put_told(object, "clipped", tail, FEDL_TAIL_CLIPPED);
    fedli_json_u64(object, "bytes_up", row->metrics.bytes_up);
    fedli_json_u64(object, "bytes_down", row->metrics.bytes_down);
    fedli_json_u64(object, "duration_ms", row->metrics.duration_ms);
}

static bool list_model(void *context, const fedl_model_row *row)
{
    read_state *state = context;
    cJSON *object = cJSON_CreateObject();
    fedli_json_model(object, row);
    (void)cJSON_AddItemToArray(state->rows, object);
    return true;
}

static bool find_model(void *context, const fedl_model_row *row)
{
    read_state *state = context;
    if (state->wanted == 0 || row->version == state->wanted) {
        state->found = *row;
    }
    return state->wanted == 0 || row->version < state->wanted;
}

/* The row of the wanted version; for an export its container too. */
static fedl_status read_model(fedl_admin_work *work, fedl_store *store)
{
    fedl_model_record record;
    read_state state = {.wanted = work->request.version};
    fedl_status status = store->ops->model_each(store, work->task_id, find_model, &state);
    if (status == FEDL_OK && state.found.version == 0) {
        status = FEDL_ERR_NOT_FOUND;
    }
    if (status != FEDL_OK) {
        return status;
    }
    fedli_json_model(work->reply, &state.found);
    if (work->request.command == FEDL_COMMAND_MODEL_SHOW) {
        return FEDL_OK;
    }
    work->raw_bytes = (size_t)state.found.container_bytes;
    work->raw = malloc(work->raw_bytes);
    if (work->raw == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fedli_json_u64(work->reply, "bytes", work->raw_bytes);
    return store->ops->model_read(store, &record, work->task_id, state.found.version, work->raw,
                                  work->raw_bytes, NULL, 0);
}

static bool list_audit(void *context, const fedl_audit_row *row)
{
    read_state *state = context;
    cJSON *object = cJSON_CreateObject();
    fedli_json_u64(object, "sequence", row->sequence);
    fedli_json_u64(object, "utc_s", row->utc_s);
    (void)cJSON_AddStringToObject(object, "what", row->what);
    (void)cJSON_AddStringToObject(object, "detail", row->detail);
    fedli_json_hex(object, "hash", row->hash, 32);
    (void)cJSON_AddItemToArray(state->rows, object);
    if (cJSON_GetArraySize(state->rows) > (int)state->limit) {
        cJSON_DeleteItemFromArray(state->rows, 0);
    }
    return true;
}

static fedl_status verify_audit(fedl_admin_work *work, fedl_store *store)
{
    fedl_audit_report report;
    fedl_status status = fedl_audit_verify(&report, store, work->host->crypto);
    fedli_json_u64(work->reply, "count", report.row_count);
    fedli_json_u64(work->reply, "broken_sequence", report.broken_sequence);
    fedli_json_hex(work->reply, "head", report.head, 32);
    return status;
}

static void read_run(fedl_store_job *job, fedl_store *store)
{
    fedl_admin_work *work = (fedl_admin_work *)job;
    read_state state = {.limit = work->request.limit};
    if (work->request.command == FEDL_COMMAND_AUDIT_VERIFY) {
        work->status = verify_audit(work, store);
    } else if (work->request.command == FEDL_COMMAND_AUDIT_LIST) {
        state.rows = cJSON_AddArrayToObject(work->reply, "rows");
        work->status = store->ops->audit_each(store, list_audit, &state);
    } else if (work->request.command == FEDL_COMMAND_MODEL_LIST ||
               work->request.command == FEDL_COMMAND_TASK_WATCH) {
        state.rows = cJSON_AddArrayToObject(work->reply, "rows");
        work->status = store->ops->model_each(store, work->task_id, list_model, &state);
    } else {
        work->status = read_model(work, store);
    }
}

static void read_failed(fedl_admin_work *work)
{
    char text[120];
    if (work->request.command == FEDL_COMMAND_AUDIT_VERIFY && work->status == FEDL_ERR_CORRUPT) {
        const cJSON *row = cJSON_GetObjectItemCaseSensitive(work->reply, "broken_sequence");
        (void)snprintf(text, sizeof text, "the chain is broken at entry %.0f",
                       cJSON_GetNumberValue(row));
        fedli_admin_fail(work, work->status, text,
                         "the log was changed behind the server's back; compare with a backup");
    } else if (work->status == FEDL_ERR_NOT_FOUND) {
        fedli_admin_fail(work, work->status, "there is no such version",
                         "fedl model list shows all");
    } else {
        fedli_admin_fail(work, work->status, fedl_status_text(work->status),
                         "the database cannot be read; check the disk");
    }
}

static void read_done(fedl_store_job *job, void *context)
{
    fedl_admin_work *work = (fedl_admin_work *)job;
    (void)context;
    work->host->stores_out--;
    if (work->request.command == FEDL_COMMAND_TASK_WATCH) {
        fedli_admin_watch_history(work);
    } else if (work->status == FEDL_OK) {
        fedli_admin_finish(work);
    } else {
        read_failed(work);
    }
}

void fedli_admin_read_store(fedl_admin_work *work)
{
    work->job.run = read_run;
    work->job.done = read_done;
    work->host->stores_out++;
    fedl_store_worker_submit(work->host->worker, &work->job);
}
