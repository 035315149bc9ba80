/* SPDX-License-Identifier: Apache-2.0 */
/* Reading requests that need the database: run on the store's thread, answered on the loop's. */
#include "host/admin_server.h"
#include "store/audit_chain.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct list_state {
    cJSON *list;
    fedl_model_row newest;
    uint32_t wanted; /* version to remember; 0 = the last one */
    fedl_model_row found;
} list_state;

/* Mean of a sum in Q16 over count, 0 when there is nothing. */
static double mean_q16(uint64_t sum_q16, uint64_t count)
{
    return count > 0 ? (double)sum_q16 / 65536.0 / (double)count : 0.0;
}

static bool list_model(void *context, const fedl_model_row *row)
{
    list_state *state = context;
    const uint64_t *tail = row->metrics.tail;
    cJSON *object = cJSON_CreateObject();
    fedli_json_u64(object, "task", row->task_id);
    fedli_json_u64(object, "version", row->version);
    fedli_json_u64(object, "round", row->round);
    fedli_json_hex(object, "digest", row->digest, 32);
    fedli_json_hex(object, "parent", row->parent_digest, 32);
    fedli_json_u64(object, "created_s", row->created_s);
    fedli_json_u64(object, "model_bytes", row->container_bytes);
    fedli_json_u64(object, "parameters", row->parameter_count);
    fedli_json_u64(object, "reports", row->metrics.report_count);
    fedli_json_u64(object, "weight", tail[FEDL_TAIL_WEIGHT]);
    fedli_json_u64(object, "rows", tail[FEDL_TAIL_ROWS]);
    (void)cJSON_AddNumberToObject(object, "loss",
                                  mean_q16(tail[FEDL_TAIL_LOSS_Q16], tail[FEDL_TAIL_ROWS]));
    /* Held-out figures are of the model before: devices evaluate what they receive. */
    fedli_json_u64(object, "eval_rows_before", tail[FEDL_TAIL_EVAL_ROWS]);
    fedli_json_u64(object, "eval_correct_before", tail[FEDL_TAIL_EVAL_CORRECT]);
    (void)cJSON_AddNumberToObject(
        object, "eval_loss_before",
        mean_q16(tail[FEDL_TAIL_EVAL_LOSS_Q16], tail[FEDL_TAIL_EVAL_ROWS]));
    fedli_json_u64(object, "bytes_up", row->metrics.bytes_up);
    fedli_json_u64(object, "bytes_down", row->metrics.bytes_down);
    fedli_json_u64(object, "duration_ms", row->metrics.duration_ms);
    (void)cJSON_AddItemToArray(state->list, object);
    return true;
}

static bool find_model(void *context, const fedl_model_row *row)
{
    list_state *state = context;
    if (state->wanted == 0 || row->version == state->wanted) {
        state->found = *row;
    }
    return state->wanted == 0 || row->version < state->wanted;
}

static fedl_status export_model(fedl_admin_work *work, fedl_store *store)
{
    fedl_model_record record;
    list_state state = {.wanted = work->request.version};
    fedl_status status = store->ops->model_each(store, work->request.task_id, find_model, &state);
    if (status == FEDL_OK && state.found.version == 0) {
        status = FEDL_ERR_NOT_FOUND;
    }
    if (status != FEDL_OK) {
        return status;
    }
    work->raw_bytes = (size_t)state.found.container_bytes;
    work->raw = malloc(work->raw_bytes);
    if (work->raw == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    status = store->ops->model_read(store, &record, state.found.task_id, state.found.version,
                                    work->raw, work->raw_bytes, NULL, 0);
    if (status == FEDL_OK) {
        fedli_json_u64(work->reply, "task", record.task_id);
        fedli_json_u64(work->reply, "version", record.version);
        fedli_json_u64(work->reply, "round", record.round);
        fedli_json_hex(work->reply, "digest", record.digest, 32);
        fedli_json_u64(work->reply, "bytes", work->raw_bytes);
    }
    return status;
}

static fedl_status verify_audit(fedl_admin_work *work, fedl_store *store)
{
    fedl_audit_report report;
    fedl_status status = fedl_audit_verify(&report, store, work->host->crypto);
    if (status == FEDL_OK || status == FEDL_ERR_CORRUPT) {
        fedli_json_u64(work->reply, "rows", report.row_count);
        fedli_json_u64(work->reply, "broken_row", report.broken_sequence);
        fedli_json_hex(work->reply, "head", report.head, 32);
        (void)cJSON_AddBoolToObject(work->reply, "intact", status == FEDL_OK);
        status = report.broken_sequence != 0 ? FEDL_OK : status;
    }
    return status;
}

static void read_run(fedl_store_job *job, fedl_store *store)
{
    fedl_admin_work *work = (fedl_admin_work *)job;
    if (work->request.command == FEDL_COMMAND_AUDIT_VERIFY) {
        work->status = verify_audit(work, store);
    } else if (work->request.command == FEDL_COMMAND_MODEL_EXPORT) {
        work->status = export_model(work, store);
    } else {
        list_state state = {.list = cJSON_AddArrayToObject(work->reply, "items")};
        work->status = store->ops->model_each(store, work->request.task_id, list_model, &state);
    }
}

static void read_done(fedl_store_job *job, void *context)
{
    fedl_admin_work *work = (fedl_admin_work *)job;
    (void)context;
    work->host->stores_out--;
    if (work->status == FEDL_OK) {
        fedli_admin_finish(work);
        return;
    }
    free(work->raw);
    work->raw = NULL;
    fedli_admin_fail(work, work->status,
                     work->status == FEDL_ERR_NOT_FOUND
                         ? "there is no such task or version; see: fedl task list, fedl model list"
                         : "the database cannot be read; check the disk");
}

void fedli_admin_read_store(fedl_admin_work *work)
{
    work->job.run = read_run;
    work->job.done = read_done;
    work->host->stores_out++;
    fedl_store_worker_submit(work->host->worker, &work->job);
}
