/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that a task leaves out of the choice, because an attempt failed through them.
 *
 *  * Who was found lying (its commitment or its SeedBox does not fit its own shares) is left out
 *    for as long as this server runs the task.
 *  * A complaint names two ends of a pair, and the server can't know which of them is at fault. One
 *    end is left out of this round: the one that stands in more complaints, the accused when both
 *    stand in as many. A device that complains about everybody soon stands in the most.
 *
 * Both count as there for the pool, see round_pool.c. The lists are bounded: beyond 64 the oldest
 * is forgotten. They live in memory only; a restart costs at most one more failed attempt per liar.
 */
#include "coord/coord_state.h"

static bool holds(const fedli_task *t, const fedli_exclusion *exclusion)
{
    return exclusion->round == 0 || exclusion->round == t->round;
}

bool fedli_excluded(const fedli_task *t, uint32_t device_id)
{
    for (uint32_t i = 0; i < t->masked.exclusion_count; i++) {
        const fedli_exclusion *exclusion = &t->masked.exclusions[i];
        if (exclusion->device_id == device_id && holds(t, exclusion)) {
            return true;
        }
    }
    return false;
}

uint32_t fedli_excluded_list(fedli_task *t)
{
    fedli_masked *m = &t->masked;
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->exclusion_count; i++) {
        if (holds(t, &m->exclusions[i])) {
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
        if (holds(t, &m->exclusions[i])) {
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

static void exclude(fedli_coord_state *c, fedli_task *t, uint32_t device_id, uint32_t round,
                    const char *reason)
{
    fedli_masked *m = &t->masked;
    make_room(t);
    m->exclusions[m->exclusion_count++] = (fedli_exclusion){device_id, round};
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_EXCLUDED, t);
    log->device_id = device_id;
    log->text = reason;
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

void fedli_excluded_blame(fedli_coord_state *c, fedli_task *t, const char *reason)
{
    fedli_masked *m = &t->masked;
    m->blamed = fedl_group_blamed(&m->group);
    m->blamed_other = fedl_group_blamed_other(&m->group);
    if (m->blamed == 0) {
        return;
    }
    if (m->blamed_other == 0) {
        exclude(c, t, m->blamed, 0, reason);
        return;
    }
    m->complaints[m->complaint_count % FEDLI_COMPLAINTS_MAX] =
        (fedli_complaint){m->blamed, m->blamed_other};
    m->complaint_count++;
    const bool accuser = named_count(m, m->blamed_other) > named_count(m, m->blamed);
    exclude(c, t, accuser ? m->blamed_other : m->blamed, t->round, reason);
}
