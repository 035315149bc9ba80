/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STORE and LOAD: what the coordinator wants to be durable, or read back, goes to the store's
 * thread; the answer is a step of the loop's thread.
 */
#include "host/host_state.h"
#include "store/crash_point.h"

#include <stdio.h>
#include <stdlib.h>

/* One op of the coordinator on its way through the store's thread. */
typedef struct op_job {
    fedl_store_job base;
    uint64_t ticket;
    const fedl_store_op *op;
    fedl_status status;
    char text[256];
} op_job;

static void op_run(fedl_store_job *base, fedl_store *store)
{
    op_job *job = (op_job *)base;
    job->status = store->ops->apply(store, job->op);
    if (job->status != FEDL_OK) {
        (void)snprintf(job->text, sizeof job->text, "%s", store->ops->error_text(store));
    }
}

static void op_done(fedl_store_job *base, void *context)
{
    fedl_host *host = context;
    op_job *job = (op_job *)base;
    host->stores_out--;
    if (job->status != FEDL_OK) {
        bool refused = job->status == FEDL_ERR_EXISTS || job->status == FEDL_ERR_STATE ||
                       job->status == FEDL_ERR_NOT_FOUND;
        fedl_log_line line;
        fedl_log_begin(&line, &host->log, refused ? FEDL_LEVEL_WARN : FEDL_LEVEL_ERROR,
                       "store.failed");
        fedl_log_str(&line, "op", fedl_store_op_name(job->op->kind));
        fedl_log_str(&line, "text", job->text);
        fedl_log_end(&line, "could not store %s: %s", fedl_store_op_name(job->op->kind), job->text);
    }
    if (job->status == FEDL_OK) {
        fedli_host_charged(host, job->op);
    }
    fedl_event event = {.kind = FEDL_EVENT_STORED, .ticket = job->ticket, .status = job->status};
    free(job);
    fedl_crash_at_host(FEDL_CRASH_STORED_BEFORE_STEP);
    fedli_host_step(host, &event);
}

void fedli_host_store(fedl_host *host, const fedl_action *action)
{
    op_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        abort(); /* 300 bytes: the system has no memory at all; the store is as durable as it was */
    }
    job->base.run = op_run;
    job->base.done = op_done;
    job->ticket = action->ticket;
    job->op = action->op;
    host->stores_out++;
    fedl_crash_at_host(FEDL_CRASH_STORE_BEFORE_QUEUE);
    fedl_store_worker_submit(host->worker, &job->base);
}

/* The same of one reading. */
typedef struct load_job {
    fedl_store_job base;
    uint64_t ticket;
    const fedl_load_job *load;
    fedl_status status;
    char text[256];
} load_job;

static void load_run(fedl_store_job *base, fedl_store *store)
{
    load_job *job = (load_job *)base;
    fedl_model_record record;
    job->status =
        store->ops->model_read(store, &record, job->load->task_id, job->load->version, NULL, 0,
                               job->load->master_words, job->load->parameter_count);
    if (job->status != FEDL_OK) {
        (void)snprintf(job->text, sizeof job->text, "%s", store->ops->error_text(store));
    }
}

static void load_done(fedl_store_job *base, void *context)
{
    fedl_host *host = context;
    load_job *job = (load_job *)base;
    host->stores_out--;
    if (job->status != FEDL_OK) {
        fedl_log_line line;
        fedl_log_begin(&line, &host->log, FEDL_LEVEL_ERROR, "store.failed");
        fedl_log_str(&line, "op", "model-read");
        fedl_log_str(&line, "text", job->text);
        fedl_log_end(&line, "could not read version %u of task %u: %s",
                     (unsigned)job->load->version, (unsigned)job->load->task_id, job->text);
    }
    fedl_event event = {.kind = FEDL_EVENT_LOADED, .ticket = job->ticket, .status = job->status};
    free(job);
    fedli_host_step(host, &event);
}

void fedli_host_load(fedl_host *host, const fedl_action *action)
{
    load_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        abort(); /* as above */
    }
    job->base.run = load_run;
    job->base.done = load_done;
    job->ticket = action->ticket;
    job->load = action->load;
    host->stores_out++;
    fedl_store_worker_submit(host->worker, &job->base);
}
