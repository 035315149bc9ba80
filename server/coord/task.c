/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: one block each, laid out by one function.
 *
 *   block = task · plan · container ≈ 2·d · sum ring_bits/8·d · optimiser state · members · ids
 *           · staging · masked: group · its stored state · kinds of share
 *
 * with d parameters. There is no further copy per parameter: a new version is made in place, and
 * what the old one was can be read from the store. So can the master weights, 4·d: they are needed
 * when no vector is staged, and lie in staging then (decision 0016).
 */
#include "base/arena.h"
#include "base/check.h"
#include "coord/coord_state.h"

#include <string.h>

/* The pieces of a task's block; all NULL while counting. */
typedef struct task_pieces {
    fedli_task *task;
    uint8_t *plan;
    uint8_t *container;
    void *accum;
    uint8_t *agg_state;
    fedli_member *members;
    uint32_t *member_ids;
    uint8_t *staging;
    uint8_t *hashes;
    void *group;
    uint8_t *exported;
    uint8_t *share_kinds;
    size_t master_bytes;
    size_t container_bytes;
    size_t accum_bytes;
    size_t agg_state_bytes;
    size_t group_bytes;
    size_t exported_bytes;
    size_t staging_bytes;
    uint32_t slot_count;
} task_pieces;

static void lay_out(task_pieces *p, fedli_arena *arena, const fedl_coord_config *cfg,
                    const fedl_plan *plan, const fedl_round_config *round)
{
    const uint32_t parameters = fedl_model_parameter_count(&plan->model);
    const size_t vector = fedl_update_vector_size(&plan->update, parameters);
    const size_t slots = cfg->staging_bytes / vector;
    const fedl_agg_ops *agg = fedl_agg_find((fedl_agg_kind)round->agg_kind);
    p->slot_count = slots < 1u                  ? 1u
                    : slots > FEDLI_STAGING_MAX ? FEDLI_STAGING_MAX
                                                : (uint32_t)slots;
    p->master_bytes = fedl_master_size(&plan->model);
    p->container_bytes = fedl_container_size(&plan->model);
    p->accum_bytes = fedl_accum_size(&plan->update, parameters);
    p->agg_state_bytes = agg->state_size(&plan->model);
    p->task = fedli_arena_take(arena, 1, sizeof *p->task);
    p->plan = fedli_arena_take(arena, 1, FEDL_PLAN_BYTES_MAX);
    p->container = fedli_arena_take(arena, 1, p->container_bytes);
    p->accum = fedli_arena_take(arena, 1, p->accum_bytes);
    p->agg_state = fedli_arena_take(arena, 1, p->agg_state_bytes);
    p->members = fedli_arena_take(arena, round->select_count, sizeof *p->members);
    p->member_ids = fedli_arena_take(arena, round->select_count, sizeof *p->member_ids);
    p->staging_bytes = p->slot_count * vector; /* ≤ the budget, or one vector */
    p->staging_bytes = p->staging_bytes < p->master_bytes ? p->master_bytes : p->staging_bytes;
    p->staging = fedli_arena_take(arena, 1, p->staging_bytes);
    if (plan->aggregation == FEDL_AGGREGATION_PLAIN) {
        p->hashes = fedli_arena_take(arena, p->slot_count + 1u, sizeof(fedl_hash));
        return;
    }
    p->group_bytes = fedl_group_size(plan);
    p->exported_bytes = fedl_group_export_bytes_max(plan);
    p->group = fedli_arena_take(arena, 1, p->group_bytes);
    p->exported = fedli_arena_take(arena, 1, p->exported_bytes);
    p->share_kinds = fedli_arena_take(arena, round->select_count, 1);
}

static bool lacks_helper(const fedl_coord_config *cfg, const fedl_plan *plan)
{
    return plan->aggregation == FEDL_AGGREGATION_HELPER && !cfg->has_helper;
}

size_t fedl_coord_task_size(const fedl_coord_config *cfg, const fedl_plan *plan,
                            const fedl_round_config *round)
{
    task_pieces pieces = {0};
    fedli_arena arena;
    if (fedl_coord_task_check(plan, round, NULL) != FEDL_OK || lacks_helper(cfg, plan)) {
        return 0;
    }
    fedli_arena_init(&arena, NULL, 0);
    lay_out(&pieces, &arena, cfg, plan, round);
    return fedli_arena_size(&arena);
}

fedli_task *fedli_task_find(const fedli_coord_state *c, uint32_t task_id)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i]->task_id == task_id) {
            return c->tasks[i];
        }
    }
    return NULL;
}

static void copy_name(char out[FEDL_TASK_NAME_BYTES_MAX], const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1u < FEDL_TASK_NAME_BYTES_MAX; i++) {
        out[i] = name[i];
    }
    out[i] = '\0';
}

/* The port wants its hash states on 64 bytes, the arena gives 16: one state was taken too many. */
static fedl_hash *aligned_hashes(uint8_t *piece)
{
    const uintptr_t over = (uintptr_t)piece % _Alignof(fedl_hash);
    return (fedl_hash *)(void *)(piece + (over == 0 ? 0 : _Alignof(fedl_hash) - over));
}

/* Binds master, sum and copies of the container to the pieces. */
static fedl_status fill(fedli_coord_state *c, fedli_task *t, const task_pieces *p,
                        const fedl_task_setup *setup)
{
    const uint32_t parameters = fedl_model_parameter_count(&setup->plan.model);
    /* Touched now: a fixed budget is taken when the task begins, not in the middle of a round. */
    memset(p->staging, 0, p->staging_bytes);
    fedl_status status =
        fedl_master_init(&t->master, &setup->plan.model, p->staging, p->master_bytes);
    if (status == FEDL_OK) {
        status =
            fedl_accum_init(&t->accum, &setup->plan.update, parameters, p->accum, p->accum_bytes);
    }
    if (status == FEDL_OK) {
        status = fedl_plan_encode(p->plan, FEDL_PLAN_BYTES_MAX, &t->plan_bytes, &setup->plan);
    }
    if (status == FEDL_OK) {
        status = setup->container.size == p->container_bytes
                     ? fedl_master_load_container(&t->master, setup->container)
                     : FEDL_ERR_MISMATCH;
    }
    if (status != FEDL_OK) {
        return status;
    }
    memcpy(p->container, setup->container.data, p->container_bytes);
    t->plan_encoded = p->plan;
    t->container = p->container;
    t->container_bytes = p->container_bytes;
    t->agg_state = p->agg_state;
    t->agg_state_bytes = p->agg_state_bytes;
    if (t->agg_state_bytes > 0) {
        memset(t->agg_state, 0, t->agg_state_bytes);
    }
    t->members = p->members;
    t->member_ids = p->member_ids;
    t->staging = p->staging;
    t->staging_bytes = p->staging_bytes;
    t->hashes = p->hashes == NULL ? NULL : aligned_hashes(p->hashes);
    t->masked.block = p->group;
    t->masked.block_bytes = p->group_bytes;
    t->masked.exported = p->exported;
    t->masked.exported_max = p->exported_bytes;
    t->masked.share_kinds = p->share_kinds;
    t->slot_count = p->slot_count;
    fedl_digest(c->crypto, t->plan_digest, t->plan_encoded, t->plan_bytes);
    fedl_digest(c->crypto, t->model.digest, t->container, t->container_bytes);
    t->model.container = fedl_bytes_of(t->container, t->container_bytes);
    t->model.master_words = t->master.words;
    t->model.parameter_count = parameters;
    t->model.bound_q16 = setup->plan.privacy.adaptive_clip ? setup->plan.update.clip_q16 : 0;
    t->model.agg_state = fedl_bytes_of(t->agg_state, t->agg_state_bytes);
    return FEDL_OK;
}

fedl_status fedli_task_create(fedli_coord_state *c, fedli_task **task, const fedl_task_setup *setup,
                              uint32_t task_id)
{
    task_pieces pieces = {0};
    fedli_arena arena;
    fedl_status status = lacks_helper(&c->cfg, &setup->plan)
                             ? FEDL_ERR_UNSUPPORTED
                             : fedl_coord_task_check(&setup->plan, &setup->round, NULL);
    if (status != FEDL_OK) {
        return status;
    }
    if (fedli_task_find(c, task_id) != NULL) {
        return FEDL_ERR_EXISTS;
    }
    if (c->task_count >= c->cfg.tasks_max) {
        return FEDL_ERR_FULL;
    }
    if (setup->block == NULL || ((uintptr_t)setup->block % FEDLI_ARENA_ALIGN) != 0) {
        return FEDL_ERR_SIZE;
    }
    fedli_arena_init(&arena, setup->block, setup->block_bytes);
    lay_out(&pieces, &arena, &c->cfg, &setup->plan, &setup->round);
    if (arena.failed) {
        return FEDL_ERR_SIZE;
    }
    fedli_task *t = pieces.task;
    memset(t, 0, sizeof *t);
    t->task_id = task_id;
    copy_name(t->name, setup->name);
    t->phase = FEDL_PHASE_IDLE;
    t->state = FEDL_TASK_RUNNING;
    t->plan = setup->plan;
    t->round_config = setup->round;
    t->plan_text = setup->plan_text;
    t->agg = fedl_agg_find((fedl_agg_kind)setup->round.agg_kind);
    t->timer_ns = FEDL_NEVER_NS;
    t->op_retry_ns = FEDL_NEVER_NS;
    t->model.task_id = task_id;
    t->round = 1;
    status = fill(c, t, &pieces, setup);
    if (status != FEDL_OK) {
        return status;
    }
    uint32_t at = c->task_count++;
    for (; at > 0 && c->tasks[at - 1u]->task_id > task_id; at--) {
        c->tasks[at] = c->tasks[at - 1u];
    }
    c->tasks[at] = t;
    fedli_excluded_name_task(c, t);
    if (task_id >= c->task_id_next) {
        c->task_id_next = task_id + 1u;
    }
    *task = t;
    return FEDL_OK;
}

void fedli_task_remove(fedli_coord_state *c, fedli_task *t)
{
    uint32_t at = 0;
    while (c->tasks[at] != t) {
        at++;
    }
    c->task_count--;
    memmove(c->tasks + at, c->tasks + at + 1u, (c->task_count - at) * sizeof(c->tasks[0]));
}

/* Versions rise by one; rounds by one or, where some were burnt, by more. */
static bool rounds_fit(const fedl_task_restore *restore)
{
    const fedl_model_record *newest = &restore->newest;
    return newest->version >= 1u && newest->version - 1u <= newest->round &&
           (newest->version == 1u) == (newest->round == 0) &&
           (restore->round_next == 0 || restore->round_next > newest->round);
}

/* A masked sum that waits to be finished belongs to a running task's open attempt. */
static bool masked_sum_fits(const fedli_task *t, const fedl_task_restore *restore)
{
    if (restore->masked_sum.size == 0) {
        return true;
    }
    return fedli_task_is_masked(t) && restore->state == FEDL_TASK_RUNNING &&
           restore->attempt_last > 0 && restore->masked_sum.size == t->accum.vector_bytes &&
           restore->group_state.size > 0 && restore->group_state.size <= t->masked.exported_max;
}

/* The group itself is taken up by the first step, which knows the time. */
static void restore_masked_sum(fedli_task *t, const fedl_task_restore *restore)
{
    if (restore->masked_sum.size == 0) {
        return;
    }
    memcpy(t->staging, restore->masked_sum.data, restore->masked_sum.size);
    memcpy(t->masked.exported, restore->group_state.data, restore->group_state.size);
    t->masked.exported_bytes = restore->group_state.size;
    t->phase = FEDL_PHASE_UNMASKING;
}

fedl_status fedl_coord_restore_task(fedl_coord *coord, const fedl_task_restore *restore)
{
    fedli_coord_state *c = coord->state;
    const fedl_model_record *newest = &restore->newest;
    fedli_task *t = NULL;
    if (c->started) {
        return FEDL_ERR_STATE;
    }
    if (restore->task_id == 0 || !rounds_fit(restore)) {
        return FEDL_ERR_MISMATCH;
    }
    fedl_task_setup setup = restore->setup;
    setup.container = newest->container;
    const fedl_status status = fedli_task_create(c, &t, &setup, restore->task_id);
    if (status != FEDL_OK) {
        return status;
    }
    if (newest->parameter_count != t->master.parameter_count ||
        newest->agg_state.size != t->agg_state_bytes ||
        memcmp(newest->digest, t->model.digest, 32) != 0 || !masked_sum_fits(t, restore) ||
        !fedl_update_bound_fits(&t->plan.update, fedl_manifest_bound_q16(newest->manifest))) {
        fedli_task_remove(c, t);
        return FEDL_ERR_MISMATCH;
    }
    if (t->agg_state_bytes > 0) {
        memcpy(t->agg_state, newest->agg_state.data, t->agg_state_bytes);
    }
    t->model.version = newest->version;
    t->model.round = newest->round;
    t->model.created_s = newest->created_s;
    memcpy(t->model.parent_digest, newest->parent_digest, 32);
    memcpy(t->model.manifest, newest->manifest, FEDLI_MANIFEST_BYTES);
    t->model.bound_q16 = fedl_manifest_bound_q16(newest->manifest);
    memcpy(t->model.signature, newest->signature, 64);
    t->state = restore->state;
    t->rho_spent = restore->rho_spent;
    t->lost = restore->attempt_open && restore->masked_sum.size == 0 &&
              t->plan.privacy.mode == FEDL_PRIVACY_DISTRIBUTED;
    t->round = restore->round_next == 0 ? newest->round + 1u : restore->round_next;
    t->attempt = restore->attempt_last;  /* a restart is no fault of the devices: none has failed */
    if (t->round > newest->round + 1u) { /* rounds were burnt: the same model trains a later one */
        fedli_publish_sign(c, t, &t->model, t->round);
    }
    restore_masked_sum(t, restore);
    t->visible = true;
    return FEDL_OK;
}

void fedli_task_emit_op(fedli_coord_state *c, fedli_task *t)
{
    FEDLI_CHECK(t->ticket == 0);
    t->ticket = c->ticket_next++;
    t->op_retry_ns = FEDL_NEVER_NS;
    t->op.utc_s = c->event->utc_s;
    t->op.task_id = t->task_id;
    fedli_outbox_store(c, t->ticket, &t->op);
}

void fedli_task_offer(const fedli_task *t, fedl_model_offer *offer)
{
    offer->manifest = fedl_bytes_of(t->model.manifest, FEDLI_MANIFEST_BYTES);
    memcpy(offer->signature, t->model.signature, 64);
    offer->plan = fedl_bytes_of(t->plan_encoded, t->plan_bytes);
}

fedli_member *fedli_task_member(fedli_task *t, uint32_t device_id)
{
    uint32_t low = 0;
    uint32_t high = t->member_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2u;
        if (t->members[middle].device_id < device_id) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low < t->member_count && t->members[low].device_id == device_id ? &t->members[low]
                                                                           : NULL;
}
