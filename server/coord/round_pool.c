/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices a round asks. A device is available while its CHECKIN is parked, and for a little
 * longer than the pause it was told; available devices count for the pools of all tasks. A task
 * with enough of them takes the select_count devices with the smallest rank
 *
 *   rank(device) = mix32(key ^ device id),  key from run_seed, task, round, attempt
 *
 * mix32 is a bijection, so no two devices have the same rank, and the choice depends on the set of
 * devices only, never on who came first. When several tasks could start, the one whose last start
 * is longest ago goes first, so that a task with small wishes cannot starve the others.
 */
#include "base/check.h"
#include "base/rng.h"
#include "coord/coord_state.h"

static uint32_t rank_key(const fedli_task *t)
{
    const uint32_t task_key = fedli_mix32(t->plan.run_seed ^ fedli_mix32(t->task_id));
    return fedli_mix32(fedli_mix32(task_key ^ t->round) ^ t->attempt);
}

static uint32_t order_of(const fedli_member *m, bool by_rank)
{
    return by_rank ? m->rank : m->device_id;
}

/* Restores the heap (largest on top) below index at. */
static void sift_down(fedli_member *heap, uint32_t count, uint32_t at, bool by_rank)
{
    for (;;) {
        uint32_t largest = at;
        for (uint32_t child = 2u * at + 1u; child <= 2u * at + 2u && child < count; child++) {
            if (order_of(&heap[child], by_rank) > order_of(&heap[largest], by_rank)) {
                largest = child;
            }
        }
        if (largest == at) {
            return;
        }
        const fedli_member swapped = heap[at];
        heap[at] = heap[largest];
        heap[largest] = swapped;
        at = largest;
    }
}

static void heapify(fedli_member *heap, uint32_t count, bool by_rank)
{
    for (uint32_t at = count / 2u; at-- > 0;) {
        sift_down(heap, count, at, by_rank);
    }
}

static void sort_by_device(fedli_member *members, uint32_t count)
{
    heapify(members, count, false);
    for (uint32_t left = count; left > 1u; left--) {
        const fedli_member swapped = members[0];
        members[0] = members[left - 1u];
        members[left - 1u] = swapped;
        sift_down(members, left - 1u, 0, false);
    }
}

/* Keeps the select_count smallest ranks of all available devices, O(n · log k). */
static void choose(fedli_coord_state *c, fedli_task *t)
{
    const uint32_t limit = t->round_config.select_count;
    const uint32_t key = rank_key(t);
    t->member_count = 0;
    for (uint32_t i = 0; i < c->device_count; i++) {
        const fedli_device *d = &c->devices[i];
        if (d->available_until_ns == 0 || fedli_excluded(t, d)) {
            continue;
        }
        const fedli_member m = {d->record.device_id, fedli_mix32(key ^ d->record.device_id),
                                FEDLI_MEMBER_CHOSEN};
        if (t->member_count < limit) {
            t->members[t->member_count++] = m;
            if (t->member_count == limit) {
                heapify(t->members, limit, true);
            }
        } else if (m.rank < t->members[0].rank) {
            t->members[0] = m;
            sift_down(t->members, limit, 0, true);
        }
    }
    sort_by_device(t->members, t->member_count);
    t->outstanding = t->member_count;
}

/* Those who were told to come back and did not no longer count. */
static void forget_late(fedli_coord_state *c)
{
    for (uint32_t i = 0; i < c->device_count; i++) {
        fedli_device *d = &c->devices[i];
        if (d->available_until_ns != 0 && d->available_until_ns < c->now_ns) {
            fedli_device_available(c, d, 0);
        }
    }
}

/* Devices that are left out still count as being there, or a fleet that has no others would wait
 * for ever; but enough of those that may be chosen must remain. */
static bool is_ready(const fedli_coord_state *c, const fedli_task *t)
{
    if (t->phase != FEDL_PHASE_POOL) {
        return false;
    }
    return (c->available_count >= t->round_config.pool_min ||
            (t->timer_ns <= c->now_ns && c->available_count >= t->round_config.clients_goal)) &&
           c->available_count - fedli_excluded_available(c, t) >= fedli_masked_cohort_min(t);
}

static fedli_task *next_ready(const fedli_coord_state *c)
{
    fedli_task *next = NULL;
    for (uint32_t i = 0; i < c->task_count; i++) {
        fedli_task *t = c->tasks[i];
        if (is_ready(c, t) && (next == NULL || t->opened_serial < next->opened_serial)) {
            next = t;
        }
    }
    return next;
}

/* Tells those who were not chosen, unless another task may want them. */
static void release_others(fedli_coord_state *c, const fedli_task *opened)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i]->phase == FEDL_PHASE_POOL || c->tasks[i]->phase == FEDL_PHASE_RETRY) {
            return;
        }
    }
    for (uint32_t i = 0; i < c->device_count; i++) {
        const fedli_device *d = &c->devices[i];
        if (d->available_until_ns == FEDL_NEVER_NS && d->session != FEDLI_SESSION_NONE) {
            fedli_session *s = &c->sessions[d->session];
            s->wait_now = true;
            s->wait_ms = opened->round_config.retry_ms;
        }
    }
    fedli_checkin_sweep_request(c);
}

static void open_round(fedli_coord_state *c, fedli_task *t)
{
    t->attempt++;
    t->pool_count = c->available_count;
    choose(c, t);
    for (uint32_t i = 0; i < t->member_count; i++) {
        t->member_ids[i] = t->members[i].device_id;
        fedli_device_available(c, fedli_device_find(c, t->members[i].device_id), 0);
    }
    t->phase = FEDL_PHASE_OPENING;
    t->phase_since_ns = c->now_ns;
    t->timer_ns = FEDL_NEVER_NS;
    t->opened_serial = ++c->opened_serial;
    fedl_accum_clear(&t->accum);
    const fedl_round_metrics none = {0};
    t->metrics = none;
    t->masked.blamed = 0;
    t->masked.blamed_other = 0;
    t->op.kind = FEDL_STORE_ROUND_OPEN;
    t->op.round = t->round;
    t->op.attempt = t->attempt;
    t->op.members = t->member_ids;
    t->op.member_count = t->member_count;
    fedli_task_emit_op(c, t);
    release_others(c, t);
}

void fedli_pool_try_open(fedli_coord_state *c)
{
    bool fresh = false;
    for (fedli_task *t = next_ready(c); t != NULL; t = next_ready(c)) {
        if (!fedli_outbox_has_room(c, FEDLI_ACTIONS_WAKE - 2u, 0)) {
            c->more = true;
            return;
        }
        if (!fresh) { /* each time this finds somebody, a CHECKIN has paid for it */
            forget_late(c);
            fresh = true;
            continue;
        }
        open_round(c, t);
    }
}
