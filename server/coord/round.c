/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of a task's rounds, as in the picture of coord.h. What moves them: enough check-ins
 * (round_pool.c), a counted report, a timer, a STORED event, the operator.
 *
 * A task has at most one store op out, `op`. When it fails, the same op goes out again after a
 * pause and the phase stays: until then nobody sees anything of it. An operator's wish that comes
 * while an op is out waits in want_pause.
 */
#include "base/check.h"
#include "coord/coord_state.h"

#include <string.h>

/* Whether the budget pays for one more sum: what is spent never exceeds it. */
static bool affords_sum(const fedli_task *t)
{
    const uint64_t budget = t->plan.privacy.rho_budget;
    const uint64_t charge = fedli_task_charge(&t->plan);
    return charge <= budget && t->rho_spent <= budget - charge;
}

void fedli_round_start_pool(fedli_coord_state *c, fedli_task *t)
{
    if (t->lost) {
        fedli_round_abort(c, t, "the server went down"); /* the store learns what it has cost */
        return;
    }
    if (fedli_task_is_masked(t) && t->attempt >= FEDL_SECAGG_ATTEMPTS_MAX) {
        /* The server went down in the last attempt that devices answer. */
        fedli_round_burn(c, t, "no attempt of this round is left");
        return;
    }
    if (!affords_sum(t)) {
        fedli_round_set_state(c, t, FEDL_TASK_COMPLETE, "the privacy budget is spent");
        return;
    }
    fedli_excluded_renew(c, t);
    t->phase = FEDL_PHASE_POOL;
    t->phase_since_ns = c->now_ns;
    t->timer_ns = t->round_config.pool_timeout_ms == 0
                      ? FEDL_NEVER_NS
                      : fedli_after_ms(c->now_ns, t->round_config.pool_timeout_ms);
}

/* The attempt is over, however it ended: slots are free, those who still wait count again. */
static void end_attempt(fedli_coord_state *c, fedli_task *t)
{
    fedli_excluded_stored(c, t);
    fedli_upload_free_slots(t);
    fedl_accum_clear(&t->accum);
    for (uint32_t i = 0; i < t->member_count; i++) {
        fedli_device *d = fedli_device_find(c, t->members[i].device_id);
        FEDLI_CHECK(d != NULL);
        if (d->session != FEDLI_SESSION_NONE &&
            c->sessions[d->session].pending == FEDLI_PENDING_POLL) {
            fedli_device_available(c, d, FEDL_NEVER_NS);
        }
    }
    t->member_count = 0;
    t->outstanding = 0;
    t->timer_ns = FEDL_NEVER_NS;
}

void fedli_round_set_state(fedli_coord_state *c, fedli_task *t, fedl_task_state state,
                           const char *reason)
{
    t->phase = FEDL_PHASE_IDLE;
    t->timer_ns = FEDL_NEVER_NS;
    t->op.kind = FEDL_STORE_TASK_STATE;
    t->op.task_state = state;
    t->op.text = reason;
    fedli_task_emit_op(c, t);
}

/* Between two rounds: what comes next. */
static void go_on(fedli_coord_state *c, fedli_task *t)
{
    if (t->round > t->round_config.round_count) {
        fedli_round_set_state(c, t, FEDL_TASK_COMPLETE, NULL);
    } else if (t->want_pause) {
        fedli_round_set_state(c, t, FEDL_TASK_PAUSED, "paused by the operator");
    } else {
        fedli_round_start_pool(c, t);
    }
}

/*
 * What the attempt that fails now has cost: devices charge it when they accept the roster, so the
 * server does so when the roster may have been read. Of an attempt in which the server went down
 * that is not known. From the commit point on its sum is charged already.
 */
static uint64_t charge_of_failure(const fedli_task *t)
{
    const bool read = t->phase == FEDL_PHASE_RUNNING && t->masked.begun &&
                      t->plan.privacy.mode == FEDL_PRIVACY_DISTRIBUTED &&
                      fedl_group_roster_is_out(&t->masked.group);
    return read || t->lost ? fedli_task_charge(&t->plan) : 0;
}

/* What abort and burn have in common: op.kind and op.rho are set. */
static void fail(fedli_coord_state *c, fedli_task *t, const char *reason)
{
    t->timer_ns = FEDL_NEVER_NS;
    fedli_upload_wipe(t);
    fedli_masked_end(c, t);
    t->op.round = t->round;
    t->op.attempt = t->attempt;
    t->op.text = reason;
    t->op.blamed = t->masked.blamed;
    t->op.blamed_other = t->masked.blamed_other;
    t->op.blamed_in_doubt = fedli_task_is_helped(t); /* the helper says so: nobody can check it */
    fedli_task_emit_op(c, t);
}

void fedli_round_abort(fedli_coord_state *c, fedli_task *t, const char *reason)
{
    FEDLI_CHECK(t->phase == FEDL_PHASE_RUNNING || t->phase == FEDL_PHASE_LOADING || t->lost);
    if (fedli_task_is_masked(t) && t->attempt >= FEDL_SECAGG_ATTEMPTS_MAX) {
        fedli_round_burn(c, t, reason); /* devices answer no further attempt of this round */
        return;
    }
    t->op.rho = charge_of_failure(t);
    t->phase = FEDL_PHASE_ABORTING;
    t->op.kind = FEDL_STORE_ROUND_ABORT;
    fail(c, t, reason);
}

void fedli_round_burn(fedli_coord_state *c, fedli_task *t, const char *reason)
{
    FEDLI_CHECK(fedli_task_is_masked(t));
    t->op.rho = charge_of_failure(t);
    t->phase = FEDL_PHASE_BURNING;
    t->op.kind = FEDL_STORE_ROUND_BURN;
    fail(c, t, reason);
}

void fedli_round_check(fedli_coord_state *c, fedli_task *t)
{
    if (t->phase != FEDL_PHASE_RUNNING) {
        return;
    }
    const bool over = t->outstanding == 0 || c->now_ns >= t->timer_ns;
    if (t->accum.count >= t->round_config.clients_goal ||
        (over && t->accum.count >= t->round_config.reports_min)) {
        fedli_publish_begin(c, t);
    } else if (over) {
        fedli_round_abort(c, t, t->outstanding == 0 ? "too few devices left" : "deadline");
    }
}

void fedli_round_timer(fedli_coord_state *c, fedli_task *t)
{
    if (t->op_retry_ns <= c->now_ns) {
        if (t->op.kind == FEDL_STORE_ROUND_OPEN) { /* nobody knows of it yet: its time starts now */
            t->phase_since_ns = c->now_ns;
        }
        fedli_task_emit_op(c, t);
    } else if (fedli_task_is_masked(t) &&
               (t->phase == FEDL_PHASE_RUNNING || t->phase == FEDL_PHASE_UNMASKING)) {
        fedli_masked_timer(c, t);
    } else if (t->phase == FEDL_PHASE_RUNNING) {
        fedli_round_check(c, t);
    } else if (t->phase == FEDL_PHASE_LOADING) {
        fedli_publish_timer(c, t);
    } else if (t->phase == FEDL_PHASE_RETRY && t->timer_ns <= c->now_ns) {
        fedli_round_start_pool(c, t);
    } else if (t->phase == FEDL_PHASE_IDLE && t->visible && t->state == FEDL_TASK_RUNNING &&
               t->ticket == 0 && t->op_retry_ns == FEDL_NEVER_NS) {
        /* Just restored. The server may have died between the last commit and what follows it. */
        go_on(c, t);
    }
}

fedl_instant_ns fedli_round_deadline_ns(const fedli_coord_state *c, const fedli_task *t)
{
    /* A pool whose time-out has passed waits for check-ins, not for time. */
    const bool waits = t->phase == FEDL_PHASE_POOL && t->timer_ns <= c->now_ns;
    fedl_instant_ns timer_ns = waits ? FEDL_NEVER_NS : t->timer_ns;
    if (t->masked.begun && (t->phase == FEDL_PHASE_RUNNING || t->phase == FEDL_PHASE_UNMASKING)) {
        timer_ns = fedl_group_deadline_ns(&t->masked.group);
    }
    return t->op_retry_ns < timer_ns ? t->op_retry_ns : timer_ns;
}

static void open_stored(fedli_coord_state *c, fedli_task *t)
{
    t->phase = FEDL_PHASE_RUNNING;
    t->timer_ns = fedli_after_ms(t->phase_since_ns, t->round_config.deadline_ms);
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_ROUND_OPENED, t);
    log->a = t->member_count;
    log->b = t->pool_count;
    if (t->want_pause) {
        fedli_round_abort(c, t, "paused by the operator");
        return;
    }
    if (fedli_task_is_masked(t)) {
        fedli_masked_begin(c, t);
    }
    fedli_checkin_sweep_request(c);
}

/* After a failure: once more, or the operator has to look at it. */
static void retry(fedli_coord_state *c, fedli_task *t)
{
    if (t->failed_count >= t->round_config.attempt_max) {
        fedli_round_set_state(c, t, FEDL_TASK_PAUSED, "too many failed attempts");
    } else {
        t->phase = FEDL_PHASE_RETRY;
        t->timer_ns = fedli_after_ms(c->now_ns, t->round_config.retry_ms);
    }
}

static void abort_stored(fedli_coord_state *c, fedli_task *t)
{
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_ROUND_ABORTED, t);
    log->a = t->accum.count;
    log->b = t->round_config.reports_min;
    log->text = t->op.text;
    end_attempt(c, t);
    t->rho_spent += t->op.rho;
    t->failed_count += t->lost ? 0 : 1u; /* a restart is no fault of the devices */
    t->lost = false;
    if (t->want_pause) {
        fedli_round_set_state(c, t, FEDL_TASK_PAUSED, "paused by the operator");
    } else {
        retry(c, t);
    }
}

static void burn_stored(fedli_coord_state *c, fedli_task *t)
{
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_ROUND_BURNT, t);
    log->text = t->op.text;
    log->device_id = t->op.blamed;
    end_attempt(c, t);
    t->rho_spent += t->op.rho;
    t->failed_count += t->lost ? 0 : 1u;
    t->lost = false;
    t->round++;
    t->attempt = 0;
    fedli_publish_sign(c, t, &t->model, t->round); /* the same model may train one round more */
    if (t->round <= t->round_config.round_count && !t->want_pause) {
        retry(c, t);
    } else {
        go_on(c, t);
    }
}

static void commit_stored(fedli_coord_state *c, fedli_task *t)
{
    for (uint32_t i = 0; i < t->op.member_count; i++) {
        fedli_device *d = fedli_device_find(c, t->op.members[i]);
        FEDLI_CHECK(d != NULL);
        d->report_count++;
    }
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_ROUND_COMMITTED, t);
    t->rho_spent += t->op.rho; /* both below 2^63: the store refuses more */
    t->model = t->op.model;    /* visible from here on */
    /* A copy of its own: the next round may open in this very step and starts counting anew. */
    t->published = t->op.metrics;
    log->a = t->published.report_count;
    log->b = t->model.version;
    log->metrics = &t->published;
    log->digest = t->model.digest;
    end_attempt(c, t);
    t->round = t->model.round + 1u;
    t->attempt = 0;
    t->failed_count = 0;
    go_on(c, t);
}

static void state_stored(fedli_coord_state *c, fedli_task *t)
{
    t->state = t->op.task_state;
    /* A task that completed before it could be paused is complete: the operator hears of it. */
    const fedl_status status =
        t->want_pause && t->state == FEDL_TASK_COMPLETE ? FEDL_ERR_STATE : FEDL_OK;
    if (t->admin_out) {
        fedli_outbox_admin(c, t->admin_ticket, status, 0, t->task_id, NULL);
    }
    t->admin_out = false;
    t->want_pause = false;
    switch (t->state) {
    case FEDL_TASK_RUNNING:
        (void)fedli_outbox_log_task(c, FEDL_LOG_TASK_RESUMED, t);
        t->failed_count = 0;
        fedli_round_start_pool(c, t);
        break;
    case FEDL_TASK_PAUSED:
        fedli_outbox_log_task(c, FEDL_LOG_TASK_PAUSED, t)->text = t->op.text;
        break;
    case FEDL_TASK_COMPLETE:
        fedli_outbox_log_task(c, FEDL_LOG_TASK_COMPLETE, t)->text = t->op.text;
        break;
    }
    fedli_checkin_sweep_request(c); /* who waits for nothing may get a finished model */
}

static void add_stored(fedli_coord_state *c, fedli_task *t)
{
    t->visible = true;
    t->admin_out = false;
    (void)fedli_outbox_log_task(c, FEDL_LOG_TASK_ADDED, t);
    fedli_outbox_admin(c, t->admin_ticket, FEDL_OK, 0, t->task_id, NULL);
    fedli_round_start_pool(c, t);
}

void fedli_round_stored(fedli_coord_state *c, fedli_task *t, fedl_status status)
{
    t->ticket = 0;
    if (status != FEDL_OK) {
        fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_STORE_FAILED, t);
        log->status = status;
        if (t->op.kind == FEDL_STORE_TASK_ADD) { /* the block is the host's again */
            fedli_outbox_admin(c, t->admin_ticket, status, 0, 0, NULL);
            fedli_task_remove(c, t);
            return;
        }
        t->op_retry_ns = fedli_after_ms(c->now_ns, fedli_task_pause_ms(t));
        return;
    }
    switch (t->op.kind) {
    case FEDL_STORE_TASK_ADD:
        add_stored(c, t);
        return;
    case FEDL_STORE_TASK_STATE:
        state_stored(c, t);
        return;
    case FEDL_STORE_ROUND_OPEN:
        open_stored(c, t);
        return;
    case FEDL_STORE_ROUND_ABORT:
        abort_stored(c, t);
        return;
    case FEDL_STORE_COMMIT:
        commit_stored(c, t);
        return;
    case FEDL_STORE_GROUP_COMMIT:
        t->rho_spent += t->op.rho; /* the sum is below 2^63: the store refuses more */
        fedli_masked_committed(c, t);
        return;
    case FEDL_STORE_ROUND_BURN:
        burn_stored(c, t);
        return;
    case FEDL_STORE_DEVICE_ADD:
    case FEDL_STORE_DEVICE_ENROL:
    case FEDL_STORE_DEVICE_STATE:
    case FEDL_STORE_DEVICE_CERTIFY:
    case FEDL_STORE_DEVICE_READMIT:
        break;
    }
    FEDLI_CHECK(false); /* a task makes no other op */
}
