/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds in the store in memory. Of attempts it knows the last one; a masked sum belongs to it, so
 * that "one sum per round, one kind of share per device" follows from refusing every new attempt
 * while one waits.
 */
#include "store/store_check.h"
#include "store/store_mem.h"

#include <stdlib.h>
#include <string.h>

void fedli_mem_group_free(mem_group *group)
{
    free(group->members);
    free(group->kinds);
    free(group->masked_sum);
    free(group->state);
    memset(group, 0, sizeof *group);
}

static uint32_t newest_round(const mem_task *task)
{
    return task->models[task->model_count - 1].record.round;
}

uint32_t fedli_mem_round_next(const mem_task *task)
{
    return (task->burnt > newest_round(task) ? task->burnt : newest_round(task)) + 1;
}

uint32_t fedli_mem_attempt_last(const mem_task *task)
{
    return task->round == fedli_mem_round_next(task) ? task->attempt : 0;
}

static fedl_status round_open(mem_store *store, mem_task *task, const fedl_store_op *op)
{
    if (task->state != FEDL_TASK_RUNNING || op->round != fedli_mem_round_next(task) ||
        op->attempt != fedli_mem_attempt_last(task) + 1 || task->group.masked_sum != NULL) {
        return FEDL_ERR_STATE;
    }
    for (uint32_t i = 0; i < op->member_count; i++) {
        if (fedli_mem_device_find(store, op->members[i]) == NULL) {
            return FEDL_ERR_NOT_FOUND;
        }
    }
    uint32_t *members = fedli_mem_copy(op->members, op->member_count * sizeof op->members[0]);
    if (members == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    free(task->members);
    task->members = members;
    task->member_count = op->member_count;
    task->round = op->round;
    task->attempt = op->attempt;
    task->open = true;
    return FEDL_OK;
}

/* Is it the last attempt? An older one of the same round is closed; others are not known. */
static fedl_status attempt_check(const mem_task *task, const fedl_store_op *op)
{
    if (task->round != op->round || op->attempt > task->attempt) {
        return FEDL_ERR_NOT_FOUND;
    }
    return op->attempt == task->attempt ? FEDL_OK : FEDL_ERR_STATE;
}

/* Room for the charge of op, which record_charge() then takes. */
static fedl_status reserve_charge(mem_task *task, const fedl_store_op *op)
{
    if (op->rho > FEDL_STORE_RHO_MAX - task->rho_spent) {
        return FEDL_ERR_RANGE;
    }
    return fedli_mem_reserve((void **)&task->charges, task->charge_count, &task->charge_capacity,
                             sizeof task->charges[0])
               ? FEDL_OK
               : FEDL_ERR_NO_MEMORY;
}

static void record_charge(mem_task *task, const fedl_store_op *op)
{
    if (op->rho > 0) {
        task->charges[task->charge_count++] =
            (fedl_charge_row){.round = op->round, .attempt = op->attempt, .rho = op->rho};
        task->rho_spent += op->rho;
    }
}

static fedl_status round_abort(mem_task *task, const fedl_store_op *op)
{
    fedl_status status = attempt_check(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    if (!task->open || task->group.masked_sum != NULL) {
        return FEDL_ERR_STATE;
    }
    status = reserve_charge(task, op);
    if (status == FEDL_OK) {
        record_charge(task, op);
        task->open = false;
    }
    return status;
}

/* See sqlite_round.c: a closed last attempt may be burnt too. */
static fedl_status round_burn(mem_task *task, const fedl_store_op *op)
{
    fedl_status status = attempt_check(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    if (op->round != fedli_mem_round_next(task) ||
        (op->rho > 0 && (!task->open || task->group.masked_sum != NULL))) {
        return FEDL_ERR_STATE;
    }
    status = reserve_charge(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    record_charge(task, op);
    task->open = false;
    task->burnt = op->round;
    fedli_mem_group_free(&task->group);
    return FEDL_OK;
}

/* Both lists rise, so one pass decides. */
static bool members_within(const mem_task *task, const fedl_store_op *op)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < op->member_count; i++) {
        while (at < task->member_count && task->members[at] < op->members[i]) {
            at++;
        }
        if (at == task->member_count || task->members[at] != op->members[i]) {
            return false;
        }
    }
    return true;
}

/* After a masked sum, exactly those count whose own mask was taken off. */
static bool survivors_fit(const mem_group *group, const fedl_store_op *op)
{
    uint32_t at = 0;
    if (group->masked_sum == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < group->member_count; i++) {
        if (group->kinds[i] == FEDL_SHARE_SURVIVOR) {
            if (at == op->member_count || op->members[at] != group->members[i]) {
                return false;
            }
            at++;
        }
    }
    return at == op->member_count;
}

static fedl_status group_commit(mem_task *task, const fedl_store_op *op)
{
    fedl_status status = attempt_check(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    if (!task->open || task->group.masked_sum != NULL || !members_within(task, op)) {
        return FEDL_ERR_STATE;
    }
    status = reserve_charge(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    mem_group group = {
        .members = fedli_mem_copy(op->members, op->member_count * sizeof op->members[0]),
        .kinds = fedli_mem_copy(op->share_kinds, op->member_count),
        .member_count = op->member_count,
        .masked_sum = fedli_mem_copy(op->masked_sum.data, op->masked_sum.size),
        .masked_sum_bytes = op->masked_sum.size,
        .state = fedli_mem_copy(op->group_state.data, op->group_state.size),
        .state_bytes = op->group_state.size,
    };
    if (group.members == NULL || group.kinds == NULL || group.masked_sum == NULL ||
        group.state == NULL) {
        fedli_mem_group_free(&group);
        return FEDL_ERR_NO_MEMORY;
    }
    task->group = group;
    record_charge(task, op);
    return FEDL_OK;
}

static fedl_status commit(mem_task *task, const fedl_store_op *op)
{
    fedl_status status = attempt_check(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    const fedl_model_record *newest = &task->models[task->model_count - 1].record;
    if (!task->open || op->model.version != newest->version + 1 || !members_within(task, op) ||
        !survivors_fit(&task->group, op) ||
        memcmp(op->model.parent_digest, newest->digest, 32) != 0) {
        return FEDL_ERR_STATE;
    }
    for (size_t i = 0; i < task->charge_count && op->rho > 0; i++) {
        if (task->charges[i].round == op->round && task->charges[i].attempt == op->attempt) {
            return FEDL_ERR_STATE; /* it was charged with its masked sum */
        }
    }
    status = reserve_charge(task, op);
    if (status != FEDL_OK) {
        return status;
    }
    if (!fedli_mem_reserve((void **)&task->models, task->model_count, &task->model_capacity,
                           sizeof task->models[0])) {
        return FEDL_ERR_NO_MEMORY;
    }
    status = fedli_mem_model_copy(&task->models[task->model_count], op);
    if (status == FEDL_OK) {
        task->model_count++;
        record_charge(task, op);
        task->open = false;
        fedli_mem_group_free(&task->group);
    }
    return status;
}

/* The op that ends an attempt may name a liar. */
static fedl_status end(mem_store *store, mem_task *task, const fedl_store_op *op,
                       fedl_status (*apply)(mem_task *task, const fedl_store_op *op))
{
    fedl_status status = fedli_mem_exclude_prepare(store, task, op);
    if (status == FEDL_OK) {
        status = apply(task, op);
    }
    if (status == FEDL_OK) {
        fedli_mem_exclude(task, op);
    }
    return status;
}

fedl_status fedli_mem_round_apply(mem_store *store, const fedl_store_op *op)
{
    mem_task *task = fedli_mem_task_find(store, op->task_id);
    if (task == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    switch (op->kind) {
    case FEDL_STORE_ROUND_OPEN:
        return round_open(store, task, op);
    case FEDL_STORE_ROUND_ABORT:
        return end(store, task, op, round_abort);
    case FEDL_STORE_COMMIT:
        return end(store, task, op, commit);
    case FEDL_STORE_GROUP_COMMIT:
        return group_commit(task, op);
    case FEDL_STORE_ROUND_BURN:
        return end(store, task, op, round_burn);
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
