/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that a task leaves out of the choice, because an attempt failed through them.
 *
 *  * Who was found lying (its commitment or its SeedBox does not fit its own shares, or shares of
 *    it are wrong with more devices than may collude) is left out of the task until the operator
 *    readmits it. The store keeps it, in the transaction of the op that names the device alone: a
 *    bit per task, per device.
 *  * A complaint, or a wrong share, names two ends of a pair, and the server can't know which of
 *    them is at fault: one of them is. The pair is kept apart for the rest of the round, or for the
 *    next round when this one is over, the second time for 2 rounds, then 4, 8 …; a burnt round
 *    adds one. As few devices as need be are left out for that: first who stands in most of the
 *    pairs; with equal ones one end, by turns.
 *  * Who stands in pairs with more others than may collude in the whole fleet, c = max(1, ⌈γ·n⌉) of
 *    its n active devices, is at fault, and named alone as above. An honest device never is: all
 *    others in its pairs are liars.
 *  * A helper accuses, and the server can't look into what it saw: the device is left out like one
 *    end of a pair, never for good.
 *
 * So c liars end at most c·(c+1) attempts with new pairs, and with the same pair again ever more
 * rarely. Pairs live in memory only and are bounded: a restart forgets them, and beyond 128 the
 * oldest goes. No more are left out for a pair than the fleet can spare.
 *
 * All count as there for the pool, see round_pool.c. Nobody is left out before the op that says so
 * is durable, and no attempt opens between the two.
 */
#include "coord/coord_state.h"

#include "base/check.h"
#include "secagg/params.h"

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

static bool is_listed(const fedli_masked *m, uint32_t device_id)
{
    for (uint32_t i = 0; i < m->excluded_count; i++) {
        if (m->excluded_ids[i] == device_id) {
            return true;
        }
    }
    return false;
}

bool fedli_excluded(const fedli_task *t, const fedli_device *d)
{
    return (d->excluded_tasks & bit_of(t)) != 0 || is_listed(&t->masked, d->record.device_id);
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
    for (uint32_t i = 0; i < m->excluded_count; i++) {
        const fedli_device *d = fedli_device_find(c, m->excluded_ids[i]);
        count += d != NULL && d->available_until_ns != 0 && (d->excluded_tasks & bit_of(t)) == 0
                     ? 1u
                     : 0u;
    }
    return count;
}

/* ---- pairs ---- */

/* Active devices, or those of them that are not left out for good. */
static uint32_t active_count(const fedli_coord_state *c, uint64_t without)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->device_count; i++) {
        const fedli_device *d = &c->devices[i];
        count += d->record.state == FEDL_DEVICE_ACTIVE && (d->excluded_tasks & without) == 0;
    }
    return count;
}

static bool is_end_of(const fedli_complaint *pair, uint32_t device_id)
{
    return pair->accused == device_id || pair->accuser == device_id;
}

/* The same two devices, whoever accused whom; NULL = not known. */
static fedli_complaint *pair_find(fedli_masked *m, uint32_t device_id, uint32_t other)
{
    for (uint32_t i = 0; i < m->complaint_count; i++) {
        if (is_end_of(&m->complaints[i], device_id) && is_end_of(&m->complaints[i], other)) {
            return &m->complaints[i];
        }
    }
    return NULL;
}

/* With how many others a device is paired. */
static uint32_t others_of(const fedli_masked *m, uint32_t device_id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->complaint_count; i++) {
        count += is_end_of(&m->complaints[i], device_id) ? 1u : 0u;
    }
    return count;
}

/* Does the round have this pair in it, and nobody left out for it yet? */
static bool is_open(const fedli_masked *m, const fedli_complaint *pair, uint32_t round)
{
    return round <= pair->until_round && !is_listed(m, pair->accused) &&
           !is_listed(m, pair->accuser);
}

static uint32_t open_pairs(const fedli_masked *m, uint32_t device_id, uint32_t round)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->complaint_count; i++) {
        const fedli_complaint *pair = &m->complaints[i];
        count += is_end_of(pair, device_id) && is_open(m, pair, round) ? 1u : 0u;
    }
    return count;
}

/* The device that stands in most of the open pairs, 0 when there are none. */
static uint32_t worst(const fedli_masked *m, uint32_t round)
{
    uint32_t most = 0;
    uint32_t device_id = 0;
    for (uint32_t i = 0; i < m->complaint_count; i++) {
        const fedli_complaint *pair = &m->complaints[i];
        if (!is_open(m, pair, round)) {
            continue;
        }
        const bool turn = (round - pair->round + pair->times - 1u) % 2u != 0 && pair->accuser != 0;
        for (uint32_t end = 0; end < 2; end++) {
            const uint32_t id = (end == 1) == turn ? pair->accused : pair->accuser;
            const uint32_t pairs = id == 0 ? 0 : open_pairs(m, id, round);
            if (pairs > most) {
                most = pairs;
                device_id = id;
            }
        }
    }
    return device_id;
}

/* Lists whom the round leaves out for a pair. */
static void list(const fedli_coord_state *c, fedli_task *t, uint32_t round)
{
    fedli_masked *m = &t->masked;
    const uint32_t fleet = active_count(c, bit_of(t));
    const uint32_t needed = fedli_masked_cohort_min(t);
    uint32_t spare = fleet > needed ? fleet - needed : 0;
    spare = spare < FEDLI_EXCLUSIONS_MAX ? spare : FEDLI_EXCLUSIONS_MAX;
    m->excluded_count = 0;
    while (m->excluded_count < spare) {
        const uint32_t device_id = worst(m, round);
        if (device_id == 0) {
            return;
        }
        m->excluded_ids[m->excluded_count++] = device_id;
    }
}

void fedli_excluded_renew(const fedli_coord_state *c, fedli_task *t)
{
    list(c, t, t->round);
}

static void pair_remove(fedli_masked *m, uint32_t at)
{
    m->complaint_count--;
    for (uint32_t i = at; i < m->complaint_count; i++) {
        m->complaints[i] = m->complaints[i + 1u];
    }
}

/* next: the round of the next attempt. */
static void pair_note(fedli_masked *m, uint32_t accused, uint32_t accuser, uint32_t next)
{
    fedli_complaint *pair = pair_find(m, accused, accuser);
    if (pair == NULL) {
        if (m->complaint_count == FEDLI_COMPLAINTS_MAX) {
            pair_remove(m, 0);
        }
        pair = &m->complaints[m->complaint_count++];
        *pair = (fedli_complaint){.accused = accused, .accuser = accuser};
    }
    pair->round = next;
    pair->until_round = next + ((UINT32_C(1) << pair->times) - 1u);
    pair->times += pair->times < 20u ? 1u : 0u; /* a million rounds: for ever */
}

static void exclude(fedli_task *t, fedli_device *d)
{
    t->masked.liar_count += (d->excluded_tasks & bit_of(t)) == 0 ? 1u : 0u;
    d->excluded_tasks |= bit_of(t);
}

/* The end of a new pair that stands in more pairs than honest devices can, 0 = neither does. */
static uint32_t at_fault(const fedli_coord_state *c, const fedli_task *t, uint32_t device_id,
                         uint32_t other)
{
    const uint32_t may_lie = fedli_colluding(active_count(c, 0), t->plan.secagg.gamma_permille);
    const uint32_t ours = others_of(&t->masked, device_id);
    const uint32_t theirs = others_of(&t->masked, other);
    if ((ours > theirs ? ours : theirs) < may_lie) { /* with the new one: not more than may */
        return 0;
    }
    return theirs > ours ? other : device_id;
}

void fedli_excluded_blame(const fedli_coord_state *c, fedli_task *t, const char *reason)
{
    fedli_masked *m = &t->masked;
    m->blamed = fedl_group_blamed(&m->group);
    m->blamed_other = fedl_group_blamed_other(&m->group);
    m->blamed_for = reason;
    if (m->blamed_other == 0 || pair_find(m, m->blamed, m->blamed_other) != NULL) {
        return;
    }
    const uint32_t liar = at_fault(c, t, m->blamed, m->blamed_other);
    if (liar != 0) {
        m->blamed = liar;
        m->blamed_other = 0;
        m->blamed_for = "stands in complaints with more devices than may collude";
    }
}

/* Named alone: whom it was paired with is no longer in doubt. */
static void found_lying(const fedli_coord_state *c, fedli_task *t, uint32_t device_id)
{
    fedli_masked *m = &t->masked;
    fedli_device *d = fedli_device_find(c, device_id);
    FEDLI_CHECK(d != NULL); /* a member of an attempt; devices are never removed */
    exclude(t, d);
    for (uint32_t i = m->complaint_count; i > 0; i--) {
        if (is_end_of(&m->complaints[i - 1u], device_id)) {
            pair_remove(m, i - 1u);
        }
    }
}

void fedli_excluded_stored(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    const uint32_t next = t->round + (t->op.kind == FEDL_STORE_ROUND_ABORT ? 0 : 1u);
    uint32_t device_id = t->op.blamed;
    const bool for_good = t->op.blamed_other == 0 && !t->op.blamed_in_doubt;
    for (uint32_t i = 0; t->op.kind == FEDL_STORE_ROUND_BURN && i < m->complaint_count; i++) {
        m->complaints[i].until_round += m->complaints[i].until_round == t->round ? 1u : 0u;
    }
    if (device_id == 0) {
        return;
    }
    if (for_good) {
        found_lying(c, t, device_id);
    } else {
        pair_note(m, device_id, t->op.blamed_other, next);
        list(c, t, next);
        device_id = is_listed(m, device_id) ? device_id : t->op.blamed_other;
        if (!is_listed(m, device_id)) {
            return; /* the fleet can spare nobody */
        }
    }
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_EXCLUDED, t);
    log->device_id = device_id;
    log->text = m->blamed_for;
    log->a = for_good ? 1u : 0u;
}

void fedli_excluded_readmit(const fedli_coord_state *c, fedli_device *d)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        fedli_task *t = c->tasks[i];
        t->masked.liar_count -= (d->excluded_tasks & bit_of(t)) != 0 ? 1u : 0u;
    }
    d->excluded_tasks = 0;
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
