/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the store in memory: visits in the order that the interface promises. */
#include "store/store_mem.h"

#include <string.h>

static mem_task *find(mem_store *store, uint32_t task_id)
{
    for (size_t i = 0; i < store->task_count; i++) {
        if (store->tasks[i].task_id == task_id) {
            return &store->tasks[i];
        }
    }
    return NULL;
}

static mem_model *find_model(mem_store *store, uint32_t task_id, uint32_t version)
{
    mem_task *task = find(store, task_id);
    if (task == NULL || version == 0 || version > task->model_count) {
        return NULL;
    }
    return &task->models[version - 1];
}

fedl_status fedli_mem_device_each(fedl_store *base, fedl_device_visit visit, void *context)
{
    mem_store *store = (mem_store *)base;
    for (size_t i = 0; i < store->device_count; i++) {
        if (!visit(context, &store->devices[i])) {
            break;
        }
    }
    return FEDL_OK;
}

fedl_status fedli_mem_task_each(fedl_store *base, fedl_task_visit visit, void *context)
{
    mem_store *store = (mem_store *)base;
    for (size_t i = 0; i < store->task_count; i++) {
        const mem_task *task = &store->tasks[i];
        fedl_task_row row = {
            .task_id = task->task_id,
            .state = task->state,
            .plan_text = fedl_bytes_of(task->plan_text, task->plan_bytes),
            .version = (uint32_t)task->model_count,
            .round_next = fedli_mem_round_next(task),
            .attempt_last = fedli_mem_attempt_last(task),
            .attempt_open = task->open,
            .rho_spent = task->rho_spent,
            .masked_sum_bytes = task->group.masked_sum_bytes,
            .group_state_bytes = task->group.state_bytes,
        };
        memcpy(row.name, task->name, sizeof row.name);
        if (!visit(context, &row)) {
            break;
        }
    }
    return FEDL_OK;
}

fedl_status fedli_mem_model_each(fedl_store *base, uint32_t task_id, fedl_model_visit visit,
                                 void *context)
{
    mem_task *task = find((mem_store *)base, task_id);
    for (size_t i = 0; task != NULL && i < task->model_count; i++) {
        const mem_model *model = &task->models[i];
        fedl_model_row row = {
            .task_id = task_id,
            .version = model->record.version,
            .round = model->record.round,
            .created_s = model->record.created_s,
            .container_bytes = model->record.container.size,
            .parameter_count = model->record.parameter_count,
            .agg_state_bytes = model->record.agg_state.size,
            .metrics = model->metrics,
        };
        memcpy(row.digest, model->record.digest, sizeof row.digest);
        memcpy(row.parent_digest, model->record.parent_digest, sizeof row.parent_digest);
        if (!visit(context, &row)) {
            break;
        }
    }
    return task != NULL ? FEDL_OK : FEDL_ERR_NOT_FOUND;
}

fedl_status fedli_mem_model_read(fedl_store *base, fedl_model_record *record, uint32_t task_id,
                                 uint32_t version, uint8_t *container, size_t container_bytes,
                                 int32_t *master_words, uint32_t parameter_count)
{
    const mem_model *model = find_model((mem_store *)base, task_id, version);
    if (model == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if ((container != NULL && container_bytes != model->record.container.size) ||
        (master_words != NULL && parameter_count != model->record.parameter_count)) {
        return FEDL_ERR_SIZE;
    }
    *record = model->record;
    if (container != NULL) {
        memcpy(container, model->container, container_bytes);
    }
    if (master_words != NULL) {
        memcpy(master_words, model->words, (size_t)parameter_count * sizeof master_words[0]);
    }
    record->container = fedl_bytes_of(container, container != NULL ? container_bytes : 0);
    record->master_words = master_words;
    record->agg_state = fedl_bytes_of(NULL, 0);
    return FEDL_OK;
}

fedl_status fedli_mem_agg_state_read(fedl_store *base, uint32_t task_id, uint32_t version,
                                     uint8_t *agg_state, size_t agg_state_bytes)
{
    const mem_model *model = find_model((mem_store *)base, task_id, version);
    if (model == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (agg_state_bytes != model->record.agg_state.size) {
        return FEDL_ERR_SIZE;
    }
    if (agg_state_bytes > 0) {
        memcpy(agg_state, model->agg_state, agg_state_bytes);
    }
    return FEDL_OK;
}

fedl_status fedli_mem_group_read(fedl_store *base, uint32_t task_id, uint8_t *masked_sum,
                                 size_t masked_sum_bytes, uint8_t *group_state,
                                 size_t group_state_bytes)
{
    const mem_task *task = find((mem_store *)base, task_id);
    if (task == NULL || task->group.masked_sum == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (masked_sum_bytes != task->group.masked_sum_bytes ||
        group_state_bytes != task->group.state_bytes) {
        return FEDL_ERR_SIZE;
    }
    memcpy(masked_sum, task->group.masked_sum, masked_sum_bytes);
    memcpy(group_state, task->group.state, group_state_bytes);
    return FEDL_OK;
}

fedl_status fedli_mem_charge_each(fedl_store *base, uint32_t task_id, fedl_charge_visit visit,
                                  void *context)
{
    const mem_task *task = find((mem_store *)base, task_id);
    for (size_t i = 0; task != NULL && i < task->charge_count; i++) {
        if (!visit(context, &task->charges[i])) {
            break;
        }
    }
    return task != NULL ? FEDL_OK : FEDL_ERR_NOT_FOUND;
}

fedl_status fedli_mem_audit_each(fedl_store *base, fedl_audit_visit visit, void *context)
{
    mem_store *store = (mem_store *)base;
    for (size_t i = 0; i < store->audit_count; i++) {
        const mem_audit *audit = &store->audit[i];
        fedl_audit_row row = {
            .sequence = audit->entry.sequence,
            .utc_s = audit->entry.utc_s,
            .what = audit->entry.what,
            .detail = audit->entry.detail,
        };
        memcpy(row.hash, audit->hash, sizeof row.hash);
        if (!visit(context, &row)) {
            break;
        }
    }
    return FEDL_OK;
}
