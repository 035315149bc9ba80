/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that a task leaves out for lying, in the store in memory: see sqlite_exclusion.c. */
#include "store/store_mem.h"

#include <string.h>

static bool is_named_alone(const fedl_store_op *op)
{
    return op->blamed != 0 && op->blamed_other == 0 && !op->blamed_in_doubt;
}

/* Where the id stands, or would stand. */
static size_t place_of(const mem_task *task, uint32_t device_id)
{
    size_t at = 0;
    while (at < task->excluded_count && task->excluded[at] < device_id) {
        at++;
    }
    return at;
}

fedl_status fedli_mem_exclude_prepare(mem_store *store, mem_task *task, const fedl_store_op *op)
{
    if (!is_named_alone(op)) {
        return FEDL_OK;
    }
    if (fedli_mem_device_find(store, op->blamed) == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    return fedli_mem_reserve((void **)&task->excluded, task->excluded_count,
                             &task->excluded_capacity, sizeof task->excluded[0])
               ? FEDL_OK
               : FEDL_ERR_NO_MEMORY;
}

void fedli_mem_exclude(mem_task *task, const fedl_store_op *op)
{
    const size_t at = place_of(task, op->blamed);
    if (!is_named_alone(op) || (at < task->excluded_count && task->excluded[at] == op->blamed)) {
        return;
    }
    memmove(task->excluded + at + 1, task->excluded + at,
            (task->excluded_count - at) * sizeof task->excluded[0]);
    task->excluded[at] = op->blamed;
    task->excluded_count++;
}

fedl_status fedli_mem_readmit(mem_store *store, const fedl_store_op *op)
{
    const uint32_t device_id = op->device.device_id;
    if (fedli_mem_device_find(store, device_id) == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    for (size_t i = 0; i < store->task_count; i++) {
        mem_task *task = &store->tasks[i];
        const size_t at = place_of(task, device_id);
        if (at < task->excluded_count && task->excluded[at] == device_id) {
            task->excluded_count--;
            memmove(task->excluded + at, task->excluded + at + 1,
                    (task->excluded_count - at) * sizeof task->excluded[0]);
        }
    }
    return FEDL_OK;
}

fedl_status fedli_mem_exclusion_each(fedl_store *base, uint32_t task_id, fedl_exclusion_visit visit,
                                     void *context)
{
    const mem_task *task = fedli_mem_task_find((mem_store *)base, task_id);
    for (size_t i = 0; task != NULL && i < task->excluded_count; i++) {
        if (!visit(context, task->excluded[i])) {
            break;
        }
    }
    return task != NULL ? FEDL_OK : FEDL_ERR_NOT_FOUND;
}
