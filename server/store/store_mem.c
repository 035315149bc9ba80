/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in memory, for the simulator and for tests: the same rules as the database, as plain
 * arrays. "Durable" means: survives the coordinator, not the process.
 *
 * Every op first reserves all memory it needs and only then changes anything, so that running out
 * of memory leaves the old state. It keeps what the interface can give back: of rounds only the
 * last attempt, because nobody reads older ones.
 */
#include "store/store_mem.h"
#include "store/store_check.h"

#include <stdlib.h>
#include <string.h>

bool fedli_mem_reserve(void **items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = realloc(*items, wanted * item_bytes);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}

void *fedli_mem_copy(const void *data, size_t bytes)
{
    void *copy = malloc(bytes == 0 ? 1 : bytes);
    if (copy != NULL && bytes > 0) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

fedl_device_record *fedli_mem_device_find(mem_store *store, uint32_t device_id)
{
    for (size_t i = 0; i < store->device_count; i++) {
        if (store->devices[i].device_id == device_id) {
            return &store->devices[i];
        }
    }
    return NULL;
}

mem_task *fedli_mem_task_find(mem_store *store, uint32_t task_id)
{
    for (size_t i = 0; i < store->task_count; i++) {
        if (store->tasks[i].task_id == task_id) {
            return &store->tasks[i];
        }
    }
    return NULL;
}

static void model_free(mem_model *model)
{
    free(model->container);
    free(model->words);
    free(model->agg_state);
}

static void task_free(mem_task *task)
{
    for (size_t i = 0; i < task->model_count; i++) {
        model_free(&task->models[i]);
    }
    free(task->models);
    free(task->plan_text);
    free(task->members);
    fedli_mem_group_free(&task->group);
    free(task->charges);
    free(task->excluded);
}

fedl_status fedli_mem_model_copy(mem_model *model, const fedl_store_op *op)
{
    const fedl_model_record *from = &op->model;
    size_t word_bytes = (size_t)from->parameter_count * sizeof from->master_words[0];
    model->record = *from;
    model->metrics = op->metrics;
    model->container = fedli_mem_copy(from->container.data, from->container.size);
    model->words = fedli_mem_copy(from->master_words, word_bytes);
    model->agg_state = fedli_mem_copy(from->agg_state.data, from->agg_state.size);
    if (model->container == NULL || model->words == NULL || model->agg_state == NULL) {
        model_free(model);
        return FEDL_ERR_NO_MEMORY;
    }
    model->record.container.data = model->container;
    model->record.master_words = model->words;
    model->record.agg_state.data = model->agg_state;
    return FEDL_OK;
}

static fedl_status device_add(mem_store *store, const fedl_store_op *op)
{
    if (fedli_mem_device_find(store, op->device.device_id) != NULL) {
        return FEDL_ERR_EXISTS;
    }
    if (!fedli_mem_reserve((void **)&store->devices, store->device_count, &store->device_capacity,
                           sizeof store->devices[0])) {
        return FEDL_ERR_NO_MEMORY;
    }
    size_t at = store->device_count;
    while (at > 0 && store->devices[at - 1].device_id > op->device.device_id) {
        store->devices[at] = store->devices[at - 1];
        at--;
    }
    store->devices[at] = op->device;
    memset(store->devices[at].id_public, 0, 32);
    memset(store->devices[at].noise_public, 0, 32);
    memset(store->devices[at].cert_signature, 0, sizeof store->devices[at].cert_signature);
    store->devices[at].changed_s = op->utc_s;
    store->device_count++;
    return FEDL_OK;
}

static fedl_status device_enrol(mem_store *store, const fedl_store_op *op)
{
    fedl_device_record *device = fedli_mem_device_find(store, op->device.device_id);
    if (device == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (device->state != FEDL_DEVICE_INVITED) {
        return FEDL_ERR_STATE;
    }
    device->state = op->device.state;
    memset(device->token_hash, 0, sizeof device->token_hash);
    device->token_expires_s = 0;
    memcpy(device->id_public, op->device.id_public, 32);
    memcpy(device->noise_public, op->device.noise_public, 32);
    device->changed_s = op->utc_s;
    return FEDL_OK;
}

static fedl_status device_certify(mem_store *store, const fedl_store_op *op)
{
    fedl_device_record *device = fedli_mem_device_find(store, op->device.device_id);
    if (device == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (device->state != FEDL_DEVICE_PENDING) {
        return FEDL_ERR_STATE;
    }
    device->state = FEDL_DEVICE_ACTIVE;
    memcpy(device->cert_signature, op->device.cert_signature, sizeof device->cert_signature);
    device->changed_s = op->utc_s;
    return FEDL_OK;
}

static fedl_status device_state(mem_store *store, const fedl_store_op *op)
{
    fedl_device_record *device = fedli_mem_device_find(store, op->device.device_id);
    if (device == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (!fedl_store_device_may(device->state, op->device.state)) {
        return FEDL_ERR_STATE;
    }
    device->state = op->device.state;
    memset(device->token_hash, 0, sizeof device->token_hash);
    device->token_expires_s = 0;
    device->changed_s = op->utc_s;
    return FEDL_OK;
}

static bool task_name_taken(const mem_store *store, const char *name)
{
    for (size_t i = 0; i < store->task_count; i++) {
        if (strcmp(store->tasks[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static fedl_status task_add(mem_store *store, const fedl_store_op *op)
{
    if (fedli_mem_task_find(store, op->task_id) != NULL || task_name_taken(store, op->name)) {
        return FEDL_ERR_EXISTS;
    }
    mem_task task = {.task_id = op->task_id, .state = FEDL_TASK_RUNNING};
    memcpy(task.name, op->name, sizeof task.name);
    task.plan_bytes = op->plan_text.size;
    task.plan_text = fedli_mem_copy(op->plan_text.data, op->plan_text.size);
    if (task.plan_text == NULL ||
        !fedli_mem_reserve((void **)&task.models, 0, &task.model_capacity, sizeof task.models[0]) ||
        !fedli_mem_reserve((void **)&store->tasks, store->task_count, &store->task_capacity,
                           sizeof task) ||
        fedli_mem_model_copy(&task.models[0], op) != FEDL_OK) {
        task_free(&task);
        return FEDL_ERR_NO_MEMORY;
    }
    task.model_count = 1;
    size_t at = store->task_count;
    while (at > 0 && store->tasks[at - 1].task_id > op->task_id) {
        store->tasks[at] = store->tasks[at - 1];
        at--;
    }
    store->tasks[at] = task;
    store->task_count++;
    return FEDL_OK;
}

static fedl_status task_state(mem_store *store, const fedl_store_op *op)
{
    mem_task *task = fedli_mem_task_find(store, op->task_id);
    if (task == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (!fedl_store_task_may(task->state, op->task_state)) {
        return FEDL_ERR_STATE;
    }
    task->state = op->task_state;
    return FEDL_OK;
}

static fedl_status apply_kind(mem_store *store, const fedl_store_op *op)
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
        return fedli_mem_readmit(store, op);
    case FEDL_STORE_TASK_ADD:
        return task_add(store, op);
    case FEDL_STORE_TASK_STATE:
        return task_state(store, op);
    case FEDL_STORE_ROUND_OPEN:
    case FEDL_STORE_ROUND_ABORT:
    case FEDL_STORE_COMMIT:
    case FEDL_STORE_GROUP_COMMIT:
    case FEDL_STORE_ROUND_BURN:
        return fedli_mem_round_apply(store, op);
    }
    return FEDL_ERR_RANGE;
}

static fedl_status mem_apply(fedl_store *base, const fedl_store_op *op)
{
    static const uint8_t zero[32];
    mem_store *store = (mem_store *)base;
    fedl_status status = fedl_store_op_check(store->crypto, op);
    if (status == FEDL_OK && !fedli_mem_reserve((void **)&store->audit, store->audit_count,
                                                &store->audit_capacity, sizeof store->audit[0])) {
        status = FEDL_ERR_NO_MEMORY;
    }
    if (status == FEDL_OK) {
        status = apply_kind(store, op);
    }
    if (status == FEDL_OK) {
        mem_audit *row = &store->audit[store->audit_count];
        const uint8_t *previous =
            store->audit_count == 0 ? zero : store->audit[store->audit_count - 1].hash;
        fedl_audit_describe(&row->entry, op);
        row->entry.sequence = store->audit_count + 1;
        fedl_audit_link(store->crypto, row->hash, previous, row->entry.sequence, row->entry.utc_s,
                        row->entry.what, row->entry.detail);
        store->audit_count++;
    }
    store->last = status;
    return status;
}

static const char *mem_error_text(const fedl_store *base)
{
    return fedl_status_text(((const mem_store *)base)->last);
}

static void mem_close(fedl_store *base)
{
    mem_store *store = (mem_store *)base;
    for (size_t i = 0; i < store->task_count; i++) {
        task_free(&store->tasks[i]);
    }
    free(store->tasks);
    free(store->devices);
    free(store->audit);
    free(store);
}

fedl_status fedl_store_mem_open(fedl_store **store, const fedl_crypto *crypto)
{
    static const fedl_store_ops ops = {
        .apply = mem_apply,
        .device_each = fedli_mem_device_each,
        .task_each = fedli_mem_task_each,
        .model_each = fedli_mem_model_each,
        .model_read = fedli_mem_model_read,
        .agg_state_read = fedli_mem_agg_state_read,
        .group_read = fedli_mem_group_read,
        .charge_each = fedli_mem_charge_each,
        .exclusion_each = fedli_mem_exclusion_each,
        .audit_each = fedli_mem_audit_each,
        .error_text = mem_error_text,
        .close = mem_close,
    };
    mem_store *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    made->base.ops = &ops;
    made->crypto = crypto;
    *store = &made->base;
    return FEDL_OK;
}
