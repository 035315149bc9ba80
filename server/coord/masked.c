/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts whose sum is masked: what the task does as its group (coord/group.h) moves on.
 *
 *   task     RUNNING ────────────────► FREEZING ──[GROUP_COMMIT]──► UNMASKING ──► COMPUTING ──►
 *   group    GATHERING SHARING MASKING   FROZEN                 CONFIRMING UNMASKING  READY
 *
 *   RUNNING   failed: the attempt is aborted and made again, with fresh keys on every side
 *   FREEZING  the commit point is on its way to the store; nothing is asked for before it is there
 *   UNMASKING and after: COMMIT, or the round is burnt
 *   COMPUTING the host takes the masks off the exported sum; then COMMITTING as in a plain round
 *
 * The masked sum lies in the first staging place from FREEZING on: no vector is put together then.
 * Every call that tells the group something is followed by fedli_masked_update(), so that between
 * two steps a task in RUNNING never has a group that is FROZEN or FAILED.
 * After a restart the group is taken up from the store without what devices had sent since the
 * commit point. A device that asks for work then gets the TASK of the same attempt once more, and
 * sends its CONFIRM and UNMASK again, byte for byte.
 *
 * Rejected: asking for shares while the commit point is being stored. A server that died in between
 * could ask for the other kind of share in a new attempt's name.
 */
#include "base/check.h"
#include "base/secret.h"
#include "coord/coord_state.h"
#include "update/rotate.h"

#include <string.h>

fedl_instant_ns fedli_masked_task_until_ns(const fedli_task *t, uint32_t device_id)
{
    const fedli_masked *m = &t->masked;
    if (!m->begun) {
        return 0;
    }
    if (t->phase == FEDL_PHASE_RUNNING) {
        const bool open = fedl_group_phase_of(&m->group) == FEDL_GROUP_GATHERING;
        return open && !fedl_group_vector_counted(&m->group, device_id) ? t->timer_ns : 0;
    }
    return t->phase == FEDL_PHASE_UNMASKING && m->resumed &&
                   fedl_group_waits_for(&m->group, device_id)
               ? fedl_group_deadline_ns(&m->group)
               : 0;
}

bool fedli_masked_is_behind(const fedli_task *t, uint32_t device_id, fedl_group_item item)
{
    return t->masked.resumed && item == FEDL_ITEM_CONFIRMS &&
           fedl_group_phase_of(&t->masked.group) == FEDL_GROUP_CONFIRMING &&
           fedl_group_waits_for(&t->masked.group, device_id);
}

uint32_t fedli_masked_cohort_min(const fedli_task *t)
{
    if (!fedli_task_is_masked(t)) {
        return 1;
    }
    return t->plan.secagg.min_cohort > t->round_config.reports_min ? t->plan.secagg.min_cohort
                                                                   : t->round_config.reports_min;
}

static void make_setup(const fedli_coord_state *c, fedli_task *t, fedl_group_setup *setup)
{
    const uint32_t goal = t->round_config.clients_goal;
    memset(setup, 0, sizeof *setup);
    setup->crypto = c->crypto;
    setup->plan = &t->plan;
    memcpy(setup->attempt.fleet_id, c->cfg.identity.fleet_id, 16);
    setup->attempt.task_id = t->task_id;
    setup->attempt.round = t->round;
    setup->attempt.attempt = t->attempt;
    setup->attempt.version = t->model.version;
    memcpy(setup->attempt.model_digest, t->model.digest, 32);
    fedli_attempt_plan_digest(c->crypto, setup->attempt.plan_digest, t->plan_digest,
                              t->model.bound_q16);
    setup->ca_public = c->cfg.identity.ca_public;
    setup->utc_s = c->event->utc_s;
    /* Devices that are left out may leave fewer than the goal: nobody else will come. */
    setup->cohort_goal = t->member_count < goal ? t->member_count : goal;
    setup->cohort_min = fedli_masked_cohort_min(t);
    setup->gather_until_ns = t->timer_ns;
    setup->excluded_count = t->masked.excluded_count;
    setup->excluded = t->masked.excluded_ids;
    setup->helper_cert = c->cfg.has_helper ? c->cfg.helper_cert : NULL;
}

void fedli_masked_begin(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    fedl_group_setup setup;
    make_setup(c, t, &setup);
    m->blamed = 0;
    m->blamed_other = 0;
    m->seen = FEDL_GROUP_GATHERING;
    const fedl_status status =
        fedl_group_begin(&m->group, &setup, m->block, m->block_bytes, c->now_ns);
    if (status != FEDL_OK) { /* this number of devices allows no safe k and t */
        fedli_round_abort(c, t, "no parameters for this cohort");
        return;
    }
    m->begun = true;
    m->resumed = false;
}

void fedli_masked_end(fedli_coord_state *c, fedli_task *t)
{
    if (!fedli_task_is_masked(t)) {
        return;
    }
    if (t->masked.begun) {
        fedl_group_end(&t->masked.group);
        t->masked.begun = false;
        fedli_checkin_sweep_request(c); /* who waits for an item of it is told that it is over */
    }
}

/* The commit point: who is in the sum, and which share of whom will be asked for. */
static void freeze(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    const size_t vector_bytes = t->accum.vector_bytes;
    FEDLI_CHECK(fedl_group_u3_count(&m->group) == t->accum.count);
    t->phase = FEDL_PHASE_FREEZING;
    t->timer_ns = FEDL_NEVER_NS;
    /* Vectors that are half here must never be added to another sum, nor be left lying about. */
    fedli_upload_wipe(t);
    const fedl_status exported = fedl_accum_export(&t->accum, t->staging, vector_bytes);
    FEDLI_CHECK(exported == FEDL_OK);
    m->exported_bytes = fedl_group_export_bytes(&m->group);
    FEDLI_CHECK(m->exported_bytes <= m->exported_max);
    fedl_group_export(&m->group, m->exported);

    t->op.kind = FEDL_STORE_GROUP_COMMIT;
    t->op.round = t->round;
    t->op.attempt = t->attempt;
    t->op.member_count = fedl_group_u2_count(&m->group);
    FEDLI_CHECK(t->op.member_count <= t->round_config.select_count);
    for (uint32_t i = 0; i < t->op.member_count; i++) {
        fedl_group_u2_at(&m->group, i, &t->member_ids[i], &m->share_kinds[i]);
    }
    t->op.members = t->member_ids;
    t->op.share_kinds = m->share_kinds;
    t->op.masked_sum = fedl_bytes_of(t->staging, vector_bytes);
    t->op.group_state = fedl_bytes_of(m->exported, m->exported_bytes);
    /* Noise of the devices is in the sum, whatever becomes of it. */
    t->op.rho = fedli_task_is_central(t) ? 0 : fedli_task_charge(&t->plan);
    t->op.text = NULL;
    fedli_task_emit_op(c, t);
}

static void compute(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    t->phase = FEDL_PHASE_COMPUTING;
    m->job.shape.ring_bits = t->plan.update.ring_bits;
    m->job.shape.vector_bytes = t->accum.vector_bytes;
    m->job.shape.body_bytes = fedl_update_body_size(&t->plan.update, t->master.parameter_count);
    m->job.vector = t->staging;
    m->job.keys = fedl_group_keys(&m->group, &m->job.key_count);
    m->compute_ticket = c->ticket_next++;
    fedl_action *action = fedli_outbox_action(c, FEDL_ACTION_COMPUTE);
    action->ticket = m->compute_ticket;
    action->job = &m->job;
}

/* Log lines at the two points where a list of devices is frozen. */
static void report(fedli_coord_state *c, fedli_task *t, fedl_group_phase phase)
{
    fedli_masked *m = &t->masked;
    if (phase == FEDL_GROUP_FAILED) {
        return;
    }
    if (m->seen < FEDL_GROUP_SHARING && phase >= FEDL_GROUP_SHARING) {
        t->timer_ns = FEDL_NEVER_NS; /* from here on every step has its own time */
        fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_COHORT, t);
        log->a = fedl_group_cohort(&m->group);
        log->b = (uint64_t)((c->now_ns - t->phase_since_ns) / 1000000);
    }
    if (m->seen < FEDL_GROUP_FROZEN && phase >= FEDL_GROUP_FROZEN) {
        fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_SURVIVORS, t);
        log->a = fedl_group_u3_count(&m->group);
        log->b = fedl_group_u2_count(&m->group);
    }
}

void fedli_masked_update(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    if (!m->begun) {
        return;
    }
    const fedl_group_phase phase = fedl_group_phase_of(&m->group);
    if (fedl_group_news(&m->group)) {
        fedli_checkin_sweep_request(c);
    }
    report(c, t, phase);
    m->seen = phase;
    if (t->phase == FEDL_PHASE_RUNNING) {
        if (phase == FEDL_GROUP_FAILED) {
            fedli_excluded_blame(c, t, fedl_group_reason(&m->group));
            fedli_round_abort(c, t, fedl_group_reason(&m->group));
        } else if (phase == FEDL_GROUP_FROZEN) {
            freeze(c, t);
        } else if (phase == FEDL_GROUP_GATHERING &&
                   t->outstanding + t->accum.count < fedli_masked_cohort_min(t)) {
            fedli_round_abort(c, t, "too few devices left");
        }
    } else if (t->phase == FEDL_PHASE_UNMASKING) {
        if (phase == FEDL_GROUP_FAILED) {
            fedli_excluded_blame(c, t, fedl_group_reason(&m->group));
            fedli_round_burn(c, t, fedl_group_reason(&m->group));
        } else if (phase == FEDL_GROUP_READY) {
            compute(c, t);
        } else if (fedl_group_helper_ask(&m->group, c->now_ns)) {
            fedli_helped_ask(c, t);
        }
    }
}

void fedli_masked_committed(fedli_coord_state *c, fedli_task *t)
{
    t->phase = FEDL_PHASE_UNMASKING;
    fedl_group_committed(&t->masked.group, c->now_ns);
    fedli_masked_update(c, t);
}

uint32_t fedli_masked_survivors(fedli_task *t)
{
    const fedl_group *group = &t->masked.group;
    const uint32_t u2_count = fedl_group_u2_count(group);
    uint32_t count = 0;
    for (uint32_t i = 0; i < u2_count; i++) {
        uint32_t device_id = 0;
        uint8_t kind = 0;
        fedl_group_u2_at(group, i, &device_id, &kind);
        if (kind == 1u) { /* FEDL_STORE_GROUP_COMMIT: 1 = its vector is in the sum */
            t->member_ids[count++] = device_id;
        }
    }
    return count;
}

void fedli_masked_computed(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    FEDLI_CHECK(t->phase == FEDL_PHASE_COMPUTING);
    m->compute_ticket = 0;
    const uint32_t survivor_count = fedl_group_u3_count(&m->group);
    const fedl_status imported = fedl_accum_import(
        &t->accum, fedl_bytes_of(t->staging, t->accum.vector_bytes), survivor_count);
    FEDLI_CHECK(imported == FEDL_OK);
    if (!fedli_sum_is_sane(t)) {
        /* A device has lied about its update, and nobody can know which: the sum is worthless. */
        fedli_round_burn(c, t, "the sum is out of range");
        return;
    }
    fedli_excluded_blame(c, t, "sent a wrong share");
    if (t->plan.update.rotate) {
        fedl_accum_unrotate(&t->accum, fedli_rotate_seed(t->plan.run_seed, t->round));
    }
    fedli_upload_wipe(t); /* the sum is in the accumulator */
    fedli_publish_begin(c, t);
}

/* Takes up what the store held: the group, and its members as far as they are in U2. */
static fedl_status resume_group(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    fedl_group_setup setup;
    t->phase_since_ns = c->now_ns;
    make_setup(c, t, &setup);
    setup.cohort_goal = t->round_config.clients_goal;
    const fedl_status status =
        fedl_group_import(&m->group, &setup, m->block, m->block_bytes,
                          fedl_bytes_of(m->exported, m->exported_bytes), c->now_ns);
    if (status != FEDL_OK) {
        return status;
    }
    m->begun = true;
    m->resumed = true;
    m->seen = FEDL_GROUP_FROZEN;
    t->member_count = fedl_group_u2_count(&m->group);
    if (t->member_count > t->round_config.select_count) {
        t->member_count = 0;
        return FEDL_ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < t->member_count; i++) {
        fedli_member *member = &t->members[i];
        uint8_t kind = 0;
        fedl_group_u2_at(&m->group, i, &member->device_id, &kind);
        member->state = kind == 1u ? FEDLI_MEMBER_REPORTED : FEDLI_MEMBER_CHOSEN;
        const fedli_device *d = fedli_device_find(c, member->device_id);
        if (d == NULL) {
            return FEDL_ERR_CORRUPT;
        }
        if (d->record.state != FEDL_DEVICE_ACTIVE) { /* revoked since */
            fedl_group_remove(&m->group, c->now_ns, member->device_id);
        }
    }
    t->metrics.bytes_up =
        (uint64_t)fedl_group_u3_count(&m->group) * (uint64_t)t->accum.vector_bytes;
    return FEDL_OK;
}

void fedli_masked_timer(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    if (!m->begun && t->phase == FEDL_PHASE_UNMASKING) { /* the first step after a start */
        if (resume_group(c, t) != FEDL_OK) {
            t->member_count = 0;
            fedli_round_burn(c, t, "the stored group can't be read");
            return;
        }
    }
    if (m->begun && fedl_group_deadline_ns(&m->group) <= c->now_ns) {
        fedl_group_tick(&m->group, c->now_ns);
    }
    fedli_masked_update(c, t);
}
