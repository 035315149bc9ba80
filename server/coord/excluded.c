/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that a task leaves out of the choice, because an attempt failed through them.
 *
 *  * Who was found lying (its commitment or its SeedBox does not fit its own shares, or several of
 *    its shares are wrong) is left out of the task until the operator readmits it. The store keeps
 *    it, in the transaction of the op that names the device alone: a bit per task, per device.
 *  * A complaint names two ends of a pair, and the server can't know which of them is at fault. One
 *    end is left out of this round: the one that stands in more complaints, the accused when both
 *    stand in as many. A device that complains about everybody soon stands in the most. This list
 *    lives in memory only and is bounded (beyond 64 the oldest is forgotten): a restart costs at
 *    most one more failed attempt per complaint.
 *
 * Both count as there for the pool, see round_pool.c. Nobody is left out before the op that says so
 * is durable, and no attempt opens between the two.
 */
#include "coord/coord_state.h"

#include "base/check.h"

static uint64_t bit_of(const fedli_task *t)
{
    return UINT64_C(1) << t->masked.exclusion_bit;
}

void fedli_excluded_name_task(const fedli_coord_state *c, fedli_task *t)
{
    uint64_t taken = 0;
    uint32_t bit = 0;
    for (uint32_t i = 0; i < c->task_count; i++) {
        taken |= c->tasks[i] == t ? 0 : bit_of(c->tasks[i]);
    }
    while ((taken >> bit & 1u) != 0) { /* ends: there are as many bits as tasks */
        bit++;
    }
    FEDLI_CHECK(bit < FEDLI_TASKS_MAX);
    t->masked.exclusion_bit = bit;
}

bool fedli_excluded(const fedli_task *t, const fedli_device *d)
{
    if ((d->excluded_tasks & bit_of(t)) != 0) {
        return true;
    }
    for (uint32_t i = 0; i < t->masked.exclusion_count; i++) {
        const fedli_exclusion *exclusion = &t->masked.exclusions[i];
        if (exclusion->device_id == d->record.device_id && exclusion->round == t->round) {
            return true;
        }
    }
    return false;
}

uint32_t fedli_excluded_available(const fedli_coord_state *c, const fedli_task *t)
{
    const fedli_masked *m = &t->masked;
    uint32_t count = 0;
    /* All devices are looked at only when one of them is left out for good. */
    for (uint32_t i = 0; m->liar_count > 0 && i < c->device_count; i++) {
        const fedli_device *d = &c->devices[i];
        count += d->available_until_ns != 0 && (d->excluded_tasks & bit_of(t)) != 0 ? 1u : 0u;
    }
    for (uint32_t i = 0; i < m->exclusion_count; i++) {
        const fedli_device *d = fedli_device_find(c, m->exclusions[i].device_id);
        count += m->exclusions[i].round == t->round && d != NULL && d->available_until_ns != 0 &&
                         (d->excluded_tasks & bit_of(t)) == 0
                     ? 1u
                     : 0u;
    }
    return count;
}

uint32_t fedli_excluded_list(fedli_task *t)
{
    fedli_masked *m = &t->masked;
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->exclusion_count; i++) {
        if (m->exclusions[i].round == t->round) {
            m->excluded_ids[count++] = m->exclusions[i].device_id;
        }
    }
    return count;
}

/* Forgets those of former rounds, and the oldest when there is no room. */
static void make_room(fedli_task *t)
{
    fedli_masked *m = &t->masked;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->exclusion_count; i++) {
        if (m->exclusions[i].round == t->round) {
            m->exclusions[kept++] = m->exclusions[i];
        }
    }
    m->exclusion_count = kept;
    if (kept == FEDLI_EXCLUSIONS_MAX) {
        for (uint32_t i = 1; i < kept; i++) {
            m->exclusions[i - 1u] = m->exclusions[i];
        }
        m->exclusion_count--;
    }
}

static void exclude(fedli_task *t, fedli_device *d)
{
    t->masked.liar_count += (d->excluded_tasks & bit_of(t)) == 0 ? 1u : 0u;
    d->excluded_tasks |= bit_of(t);
}

/* In how many remembered complaints a device stands, on either side. */
static uint32_t named_count(const fedli_masked *m, uint32_t device_id)
{
    const uint32_t kept =
        m->complaint_count < FEDLI_COMPLAINTS_MAX ? m->complaint_count : FEDLI_COMPLAINTS_MAX;
    uint32_t count = 0;
    for (uint32_t i = 0; i < kept; i++) {
        count += m->complaints[i].accused == device_id ? 1u : 0u;
        count += m->complaints[i].accuser == device_id ? 1u : 0u;
    }
    return count;
}

void fedli_excluded_blame(fedli_task *t, const char *reason)
{
    fedli_masked *m = &t->masked;
    m->blamed = fedl_group_blamed(&m->group);
    m->blamed_other = fedl_group_blamed_other(&m->group);
    m->blamed_for = reason;
}

void fedli_excluded_stored(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    uint32_t device_id = t->op.blamed;
    if (device_id == 0) {
        return;
    }
    if (t->op.blamed_other == 0) {
        fedli_device *d = fedli_device_find(c, device_id);
        FEDLI_CHECK(d != NULL); /* a member of the attempt; devices are never removed */
        exclude(t, d);
    } else {
        m->complaints[m->complaint_count % FEDLI_COMPLAINTS_MAX] =
            (fedli_complaint){device_id, t->op.blamed_other};
        m->complaint_count++;
        if (named_count(m, t->op.blamed_other) > named_count(m, device_id)) {
            device_id = t->op.blamed_other;
        }
        make_room(t);
        m->exclusions[m->exclusion_count++] = (fedli_exclusion){device_id, t->round};
    }
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_EXCLUDED, t);
    log->device_id = device_id;
    log->text = m->blamed_for;
    log->a = t->op.blamed_other == 0 ? 1u : 0u;
}

void fedli_excluded_readmit(const fedli_coord_state *c, fedli_device *d, uint64_t tasks)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        fedli_task *t = c->tasks[i];
        t->masked.liar_count -= (d->excluded_tasks & tasks & bit_of(t)) != 0 ? 1u : 0u;
    }
    d->excluded_tasks &= ~tasks;
}

fedl_status fedl_coord_restore_exclusion(fedl_coord *coord, uint32_t task_id, uint32_t device_id)
{
    const fedli_coord_state *c = coord->state;
    fedli_task *t = fedli_task_find(c, task_id);
    fedli_device *d = fedli_device_find(c, device_id);
    if (c->started) {
        return FEDL_ERR_STATE;
    }
    if (t == NULL || d == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    exclude(t, d);
    return FEDL_OK;
}
