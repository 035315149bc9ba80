/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of tasks, and bringing back what the store knows when the server starts. */
#include "host/host_state.h"
#include "store/state_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *block_of(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

void fedli_host_task_free(fedl_task_holder *holder)
{
    if (holder != NULL) {
        free(holder->plan_text);
        free(holder->container);
        free(holder->block);
        free(holder);
    }
}

fedl_status fedli_host_task_make(fedl_task_holder **holder, const fedl_host *host,
                                 fedl_bytes plan_text, fedl_plan_error *error)
{
    memset(error, 0, sizeof *error);
    fedl_task_holder *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fedl_status status = FEDL_ERR_NO_MEMORY;
    made->plan_bytes = plan_text.size;
    made->plan_text = malloc(plan_text.size + 1);
    if (made->plan_text != NULL) {
        memcpy(made->plan_text, plan_text.data, plan_text.size);
        status = fedl_plan_file_parse(
            &made->config, fedl_bytes_of(made->plan_text, made->plan_bytes), NULL, 0, error);
    }
    size_t bytes = 0;
    if (status == FEDL_OK) {
        bytes = fedl_coord_task_size(&host->coord_config, &made->config.plan, &made->config.round);
        status = bytes == 0 ? FEDL_ERR_RANGE : FEDL_OK;
        if (made->config.plan.aggregation == FEDL_AGGREGATION_HELPER && host->helper == NULL) {
            (void)snprintf(error->text, sizeof error->text,
                           "mode = helper: this server has no helper; give helper_url and "
                           "helper_cert in its fedl.ini");
        }
    }
    if (status == FEDL_OK) {
        made->block = block_of(bytes);
        status = made->block != NULL ? FEDL_OK : FEDL_ERR_NO_MEMORY;
    }
    if (status != FEDL_OK) {
        fedli_host_task_free(made);
        return status;
    }
    made->setup = (fedl_task_setup){
        .name = made->config.name,
        .plan = made->config.plan,
        .round = made->config.round,
        .plan_text = fedl_bytes_of(made->plan_text, made->plan_bytes),
        .block = made->block,
        .block_bytes = bytes,
    };
    *holder = made;
    return FEDL_OK;
}

fedl_status fedli_host_task_first_model(fedl_task_holder *holder)
{
    const fedl_plan *plan = &holder->config.plan;
    const fedl_model_config cfg = {.spec = plan->model, .batch_rows_max = 0};
    fedl_model model;
    size_t model_bytes = fedl_model_size(&cfg);
    void *block = block_of(model_bytes);
    holder->container_bytes = fedl_container_size(&plan->model);
    holder->container = malloc(holder->container_bytes);
    fedl_status status = block != NULL && holder->container != NULL ? FEDL_OK : FEDL_ERR_NO_MEMORY;
    if (status == FEDL_OK) {
        status = fedl_model_init(&model, &cfg, block, model_bytes);
    }
    if (status == FEDL_OK) {
        /* The simulator does the same, so that both start from the same digest. */
        fedl_model_randomise(&model, plan->run_seed);
        status = fedl_model_export(&model, holder->container, holder->container_bytes);
    }
    free(block);
    holder->setup.container = fedl_bytes_of(holder->container, holder->container_bytes);
    return status;
}

void fedli_host_task_keep(fedl_host *host, fedl_task_holder *holder, uint32_t task_id)
{
    fedl_task_holder **at = &host->tasks;
    holder->task_id = task_id;
    free(holder->container);
    holder->container = NULL;
    holder->setup.container = fedl_bytes_of(NULL, 0);
    while (*at != NULL && (*at)->task_id < task_id) {
        at = &(*at)->next;
    }
    holder->next = *at;
    *at = holder;
}

fedl_task_holder *fedli_host_task_find(const fedl_host *host, uint32_t task_id)
{
    for (fedl_task_holder *holder = host->tasks; holder != NULL; holder = holder->next) {
        if (holder->task_id == task_id) {
            return holder;
        }
    }
    return NULL;
}

/* ---- restoring ---- */

typedef struct stored_task {
    fedl_task_row row;
    uint8_t *plan_text;
    fedl_model_row newest;
    uint32_t left_out; /* devices, for lying */
} stored_task;

typedef struct restore_state {
    fedl_host *host;
    fedl_status status;
    stored_task tasks[64];
    uint32_t task_count;
    uint32_t device_count;
} restore_state;

static bool restore_device(void *context, const fedl_device_record *device)
{
    restore_state *state = context;
    state->status = fedl_coord_restore_device(&state->host->coord, device);
    state->device_count++;
    return state->status == FEDL_OK;
}

static bool collect_task(void *context, const fedl_task_row *row)
{
    restore_state *state = context;
    if (state->task_count == sizeof state->tasks / sizeof state->tasks[0]) {
        state->status = FEDL_ERR_FULL;
        return false;
    }
    stored_task *task = &state->tasks[state->task_count];
    task->row = *row;
    task->plan_text = malloc(row->plan_text.size + 1);
    if (task->plan_text == NULL) {
        state->status = FEDL_ERR_NO_MEMORY;
        return false;
    }
    memcpy(task->plan_text, row->plan_text.data, row->plan_text.size);
    task->row.plan_text.data = task->plan_text;
    state->task_count++;
    return true;
}

static bool last_model(void *context, const fedl_model_row *row)
{
    *(fedl_model_row *)context = *row;
    return true;
}

/* A masked sum that waits to be finished or burnt, if there is one, into blocks that the caller
 * frees. */
static fedl_status read_group(fedl_host *host, const fedl_task_row *row, fedl_task_restore *restore,
                              uint8_t **masked_sum, uint8_t **group_state)
{
    if (row->masked_sum_bytes == 0) {
        return FEDL_OK;
    }
    *masked_sum = malloc(row->masked_sum_bytes);
    *group_state = malloc(row->group_state_bytes + 1);
    if (*masked_sum == NULL || *group_state == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    restore->masked_sum = fedl_bytes_of(*masked_sum, row->masked_sum_bytes);
    restore->group_state = fedl_bytes_of(*group_state, row->group_state_bytes);
    return host->store->ops->group_read(host->store, row->task_id, *masked_sum,
                                        row->masked_sum_bytes, *group_state,
                                        row->group_state_bytes);
}

/* Reads the newest model and hands it to the coordinator, which reads the master words when it
 * needs them: a look now shows whether they are there, in the block that the task does not use yet.
 */
static fedl_status restore_model(fedl_host *host, const stored_task *task,
                                 const fedl_task_holder *holder)
{
    const fedl_model_row *row = &task->newest;
    uint8_t *container = malloc(row->container_bytes);
    int32_t *words = holder->block;
    uint8_t *agg_state = malloc(row->agg_state_bytes + 1);
    fedl_task_restore restore = {.setup = holder->setup,
                                 .task_id = task->row.task_id,
                                 .state = task->row.state,
                                 .round_next = task->row.round_next,
                                 .attempt_last = task->row.attempt_last,
                                 .attempt_open = task->row.attempt_open,
                                 .rho_spent = task->row.rho_spent};
    uint8_t *masked_sum = NULL;
    uint8_t *group_state = NULL;
    fedl_status status = FEDL_ERR_NO_MEMORY;
    if (row->parameter_count > holder->setup.block_bytes / sizeof words[0]) {
        status = FEDL_ERR_MISMATCH; /* a block holds more than that of its own model */
    } else if (container != NULL && agg_state != NULL) {
        status = host->store->ops->model_read(host->store, &restore.newest, row->task_id,
                                              row->version, container, row->container_bytes, words,
                                              row->parameter_count);
    }
    if (status == FEDL_OK) {
        status = host->store->ops->agg_state_read(host->store, row->task_id, row->version,
                                                  agg_state, row->agg_state_bytes);
    }
    if (status == FEDL_OK) {
        status = read_group(host, &task->row, &restore, &masked_sum, &group_state);
    }
    if (status == FEDL_OK) {
        restore.newest.agg_state = fedl_bytes_of(agg_state, row->agg_state_bytes);
        restore.setup.container = restore.newest.container;
        status = fedl_coord_restore_task(&host->coord, &restore);
    }
    free(container);
    free(agg_state);
    free(masked_sum);
    free(group_state);
    return status;
}

typedef struct exclusion_state {
    fedl_host *host;
    uint32_t task_id;
    uint32_t count;
    fedl_status status;
} exclusion_state;

static bool restore_exclusion(void *context, uint32_t device_id)
{
    exclusion_state *state = context;
    state->status = fedl_coord_restore_exclusion(&state->host->coord, state->task_id, device_id);
    state->count++;
    return state->status == FEDL_OK;
}

static fedl_status restore_exclusions(fedl_host *host, stored_task *task)
{
    exclusion_state state = {.host = host, .task_id = task->row.task_id};
    const fedl_status status =
        host->store->ops->exclusion_each(host->store, task->row.task_id, restore_exclusion, &state);
    task->left_out = state.count;
    return status == FEDL_OK ? state.status : status;
}

static void say_task(fedl_host *host, const stored_task *task)
{
    fedl_log_line line;
    fedl_log_begin(&line, &host->log, FEDL_LEVEL_INFO, "task.restored");
    fedl_log_u64(&line, "task", task->row.task_id);
    fedl_log_str(&line, "name", task->row.name);
    fedl_log_str(&line, "state", fedl_task_state_name(task->row.state));
    fedl_log_u64(&line, "version", task->row.version);
    fedl_log_hex(&line, "digest", task->newest.digest, sizeof task->newest.digest);
    fedl_log_u64(&line, "round_next", task->row.round_next);
    fedl_log_u64(&line, "attempt_last", task->row.attempt_last);
    fedl_log_u64(&line, "masked_sum_bytes", task->row.masked_sum_bytes);
    fedl_log_u64(&line, "devices_left_out", task->left_out);
    const char *waits = "";
    char left_out[48] = "";
    if (task->row.masked_sum_bytes > 0) {
        waits = " · a masked sum waits to be finished";
    } else if (task->row.attempt_last > 0) {
        waits = " · its last attempt was not finished";
    }
    if (task->left_out > 0) {
        (void)snprintf(left_out, sizeof left_out, " · %u device%s left out",
                       (unsigned)task->left_out, task->left_out == 1 ? "" : "s");
    }
    fedl_log_end(&line, "restored task %u \"%s\" · %s · version %u %02x%02x…%s%s",
                 (unsigned)task->row.task_id, task->row.name, fedl_task_state_name(task->row.state),
                 (unsigned)task->row.version, task->newest.digest[0], task->newest.digest[1], waits,
                 left_out);
}

static fedl_status restore_task(fedl_host *host, stored_task *task, char *text)
{
    fedl_plan_error error;
    fedl_task_holder *holder = NULL;
    fedl_status status = fedli_host_task_make(&holder, host, task->row.plan_text, &error);
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "task %u \"%s\": its stored plan is refused: %s %.200s; it was accepted by "
                       "another version of fedl-server, run that one",
                       (unsigned)task->row.task_id, task->row.name, fedl_status_text(status),
                       error.text);
        return status;
    }
    status =
        host->store->ops->model_each(host->store, task->row.task_id, last_model, &task->newest);
    if (status == FEDL_OK) {
        status = restore_model(host, task, holder);
    }
    if (status == FEDL_OK) {
        status = restore_exclusions(host, task);
    }
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "task %u \"%s\" cannot be restored: %s; restore a backup of %s",
                       (unsigned)task->row.task_id, task->row.name, fedl_status_text(status),
                       host->home.database_path);
        fedli_host_task_free(holder);
        return status;
    }
    holder->rho_spent = task->row.rho_spent;
    fedli_host_task_keep(host, holder, task->row.task_id);
    say_task(host, task);
    return FEDL_OK;
}

fedl_status fedli_host_restore(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES])
{
    restore_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    state->host = host;
    fedl_status status = host->store->ops->device_each(host->store, restore_device, state);
    if (status == FEDL_OK) {
        status = state->status;
    }
    if (status == FEDL_OK) {
        status = host->store->ops->task_each(host->store, collect_task, state);
        status = status == FEDL_OK ? state->status : status;
    }
    if (status != FEDL_OK) {
        if (status == FEDL_ERR_FULL) {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                           "%s holds more than the [limits] allow; raise them in %s",
                           host->home.database_path, host->home.config_path);
        } else {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                           "cannot restore from %s: %s; keep the file and restore a backup",
                           host->home.database_path, fedl_status_text(status));
        }
    }
    for (uint32_t i = 0; i < state->task_count && status == FEDL_OK; i++) {
        status = restore_task(host, &state->tasks[i], text);
    }
    for (uint32_t i = 0; i < state->task_count; i++) {
        free(state->tasks[i].plan_text);
    }
    free(state);
    return status;
}
