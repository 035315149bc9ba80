/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECKIN and LEAVE; long-polls that wait until there is something to say.
 *
 * A CHECKIN is answered with TASK when the device is a member that has not reported yet, in the
 * running attempt of any task: also the second and third time. Else it is parked, and the device
 * counts for the pools of all tasks. The sweep answers parked requests in portions that fit one
 * step, by session slot: TASK for those who were chosen, WAIT for those who were not or whose time
 * is over.
 *
 * In a masked attempt TASK is of use until the roster is frozen; who comes later waits for the next
 * attempt (but see masked.c about restarts). Parked GETs (item_exchange.c) are answered by the same
 * sweep.
 *
 * Rejected: a timer heap over the parked requests. The sweep is needed for waking members anyway,
 * and ends of polls fall on a grid of 128 ms, so that it runs at most eight times a second.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "coord/coord_state.h"

#include <string.h>

#define POLL_GRID_NS    ((fedl_instant_ns)128 * 1000000)
#define RETRY_POLLED_MS 100u  /* after a long-poll: come back at once */
#define RETRY_IDLE_MS   1000u /* no long-poll wanted, or no task to do */

/* Until when this device may take up the attempt of a task; 0: it may not. */
static fedl_instant_ns task_until_ns(fedli_task *t, uint32_t device_id)
{
    const fedli_member *m = fedli_task_member(t, device_id);
    if (m == NULL) {
        return 0;
    }
    if (fedli_task_is_masked(t)) {
        return fedli_masked_task_until_ns(t, device_id);
    }
    return t->phase == FEDL_PHASE_RUNNING && m->state == FEDLI_MEMBER_CHOSEN ? t->timer_ns : 0;
}

/* The task in which device is to train now. */
static fedli_task *task_to_train(const fedli_coord_state *c, uint32_t device_id)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->now_ns < task_until_ns(c->tasks[i], device_id)) {
            return c->tasks[i];
        }
    }
    return NULL;
}

/* Chosen for an attempt that is not stored yet: parked, but no longer free for other tasks. */
static bool is_being_chosen(const fedli_coord_state *c, uint32_t device_id)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i]->phase == FEDL_PHASE_OPENING &&
            fedli_task_member(c->tasks[i], device_id) != NULL) {
            return true;
        }
    }
    return false;
}

static bool any_task_running(const fedli_coord_state *c)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i]->visible && c->tasks[i]->state == FEDL_TASK_RUNNING) {
            return true;
        }
    }
    return false;
}

/*
 * A finished model that the device does not have: of the task whose model it has, or, when it has
 * none, of the first. Models of running tasks are not offered: every round makes a new one.
 */
static const fedli_task *task_to_offer(const fedli_coord_state *c, const fedli_session *s)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        const fedli_task *t = c->tasks[i];
        if (!t->visible || t->state == FEDL_TASK_RUNNING ||
            (s->have_task_id != 0 && s->have_task_id != t->task_id)) {
            continue;
        }
        return memcmp(s->have_digest, t->model.digest, 32) == 0 ? NULL : t;
    }
    return NULL;
}

/* An offer is worth an answer of its own once per session; after that it comes when a poll ends. */
static bool is_news(const fedli_coord_state *c, const fedli_session *s)
{
    const fedli_task *offered = task_to_offer(c, s);
    return offered != NULL && fedli_load_u64(offered->model.digest) != s->offered;
}

static void send_task(fedli_coord_state *c, uint32_t slot, fedli_task *t)
{
    fedl_message message = {.kind = FEDL_MESSAGE_TASK};
    fedl_message_task *task = &message.u.task;
    const fedl_instant_ns until_ns = task_until_ns(t, c->sessions[slot].device_id);
    const fedl_instant_ns left_ms = (until_ns - c->now_ns + 999999) / 1000000;
    task->task_id = t->task_id;
    task->round = t->round;
    task->attempt = t->attempt;
    task->deadline_ms =
        left_ms > (fedl_instant_ns)FEDLI_DELAY_MS_MAX ? FEDLI_DELAY_MS_MAX : (uint32_t)left_ms;
    fedli_task_offer(t, &task->offer);
    fedli_outbox_reply(c, slot, &message);
}

static void send_wait(fedli_coord_state *c, uint32_t slot, uint32_t retry_after_ms)
{
    fedl_message message = {.kind = FEDL_MESSAGE_WAIT};
    fedli_session *s = &c->sessions[slot];
    const fedli_task *offered = task_to_offer(c, s);
    fedli_device *d = fedli_device_find(c, s->device_id);
    message.u.wait.retry_after_ms =
        retry_after_ms < FEDLI_DELAY_MS_MAX ? retry_after_ms : FEDLI_DELAY_MS_MAX;
    if (offered != NULL) {
        message.u.wait.has_offer = true;
        fedli_task_offer(offered, &message.u.wait.offer);
        s->offered = fedli_load_u64(offered->model.digest);
    }
    if (d->available_until_ns != 0) {
        /* Who comes back soon stays in the pool; who sleeps for long could not answer a choice. */
        const fedl_instant_ns back_ns = fedli_after_ms(c->now_ns, retry_after_ms);
        fedli_device_available(
            c, d, retry_after_ms > FEDLI_GRACE_MS ? 0 : fedli_after_ms(back_ns, FEDLI_GRACE_MS));
    }
    fedli_outbox_reply(c, slot, &message);
}

void fedli_checkin_park(fedli_coord_state *c, uint32_t slot, fedli_pending pending,
                        uint32_t wait_ms)
{
    fedli_session *s = &c->sessions[slot];
    s->pending = pending;
    s->wait_now = false;
    s->poll_until_ns = fedli_after_ms(c->now_ns, wait_ms);
    if (wait_ms >= 1000u) {
        s->poll_until_ns -= s->poll_until_ns % POLL_GRID_NS;
    }
    if (s->poll_until_ns < c->poll_next_ns) {
        c->poll_next_ns = s->poll_until_ns;
    }
}

void fedli_checkin_unpark(fedli_coord_state *c, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    fedli_device *d = fedli_device_find(c, s->device_id);
    FEDLI_CHECK(d != NULL && s->pending == FEDLI_PENDING_POLL);
    s->pending = FEDLI_PENDING_NONE;
    fedli_device_available(c, d, 0);
}

void fedli_checkin_on_message(fedli_coord_state *c, uint32_t slot,
                              const fedl_message_checkin *checkin)
{
    fedli_session *s = &c->sessions[slot];
    if (checkin->protocol_min > FEDLI_PROTOCOL_VERSION ||
        checkin->protocol_max < FEDLI_PROTOCOL_VERSION) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_VERSION, 0, "this server speaks protocol 1");
        return;
    }
    s->have_task_id = checkin->have_task_id;
    memcpy(s->have_digest, checkin->have_digest, sizeof s->have_digest);
    fedli_device *d = fedli_device_find(c, s->device_id);
    fedli_task *t = task_to_train(c, s->device_id);
    if (t != NULL) {
        send_task(c, slot, t);
        return;
    }
    const bool running = any_task_running(c);
    const uint32_t wait_ms =
        checkin->wait_ms_max < c->cfg.poll_ms_max ? checkin->wait_ms_max : c->cfg.poll_ms_max;
    if (!is_being_chosen(c, s->device_id)) {
        fedli_device_available(c, d, FEDL_NEVER_NS);
    }
    if (wait_ms == 0 || (!running && is_news(c, s))) {
        send_wait(c, slot, RETRY_IDLE_MS);
        return;
    }
    fedli_checkin_park(c, slot, FEDLI_PENDING_POLL, wait_ms);
}

void fedli_checkin_on_leave(fedli_coord_state *c, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    fedli_device *d = fedli_device_find(c, s->device_id);
    if (d->op_out) { /* asked already: the answer goes to the newest request */
        s->pending = FEDLI_PENDING_STORE;
        return;
    }
    fedl_device_record record = d->record;
    record.state = FEDL_DEVICE_LEFT;
    fedli_device_op *op = fedli_device_op_take(c, FEDL_STORE_DEVICE_STATE, &record);
    if (op == NULL) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_BUSY, 1000, "try again");
        return;
    }
    d->op_out = true;
    op->session_id = s->id;
    s->pending = FEDLI_PENDING_STORE;
}

void fedli_checkin_left(fedli_coord_state *c, fedli_device_op *op, fedl_status status)
{
    uint32_t slot = 0;
    fedli_device *d = fedli_device_find(c, op->op.device.device_id);
    FEDLI_CHECK(d != NULL);
    d->op_out = false;
    const fedli_session *s = fedli_session_find(c, op->session_id, &slot);
    const bool asked = s != NULL && s->pending == FEDLI_PENDING_STORE;
    if (status != FEDL_OK) {
        if (asked) {
            fedli_outbox_reject(c, slot, FEDL_REJECT_INTERNAL, 1000, "the server could not store");
        }
        return;
    }
    d->record.state = FEDL_DEVICE_LEFT;
    d->record.changed_s = op->op.device.changed_s;
    fedli_outbox_log(c, FEDL_LOG_DEVICE_LEFT)->device_id = d->record.device_id;
    if (asked) {
        fedl_message message = {.kind = FEDL_MESSAGE_LEFT};
        fedli_outbox_reply(c, slot, &message);
    }
    fedli_device_expel(c, d);
}

void fedli_checkin_sweep_request(fedli_coord_state *c)
{
    if (c->sweep_active) {
        c->sweep_again = true;
    } else {
        c->sweep_active = true;
        c->sweep_next = 0;
        c->poll_next_ns = FEDL_NEVER_NS;
    }
}

/* Answers one parked request if there is an answer. */
static void sweep_session(fedli_coord_state *c, uint32_t slot, bool running)
{
    fedli_session *s = &c->sessions[slot];
    fedli_task *t = task_to_train(c, s->device_id);
    if (t != NULL) {
        send_task(c, slot, t);
    } else if (s->wait_now) {
        send_wait(c, slot, s->wait_ms);
    } else if (s->poll_until_ns <= c->now_ns) {
        send_wait(c, slot, running ? RETRY_POLLED_MS : RETRY_IDLE_MS);
    } else if (!running && is_news(c, s)) {
        send_wait(c, slot, RETRY_POLLED_MS);
    } else if (s->poll_until_ns < c->poll_next_ns) {
        c->poll_next_ns = s->poll_until_ns;
    }
}

void fedli_checkin_sweep(fedli_coord_state *c)
{
    if (!c->sweep_active && c->poll_next_ns <= c->now_ns) {
        fedli_checkin_sweep_request(c);
    }
    const bool running = any_task_running(c);
    while (c->sweep_active) {
        for (; c->sweep_next < c->cfg.sessions_max; c->sweep_next++) {
            const fedli_session *s = &c->sessions[c->sweep_next];
            const bool gets = s->pending == FEDLI_PENDING_GET;
            if (!gets && s->pending != FEDLI_PENDING_POLL) {
                continue;
            }
            const size_t bytes = gets ? s->get.bytes_max + FEDLI_ENVELOPE_PART_OVERHEAD_BYTES
                                      : FEDLI_ENVELOPE_TASK_BYTES_MAX;
            if (!fedli_outbox_has_room(c, FEDLI_ACTIONS_WAKE, bytes)) {
                c->more = true;
                return;
            }
            if (gets) {
                fedli_item_sweep(c, c->sweep_next);
            } else {
                sweep_session(c, c->sweep_next, running);
            }
        }
        c->sweep_active = false;
        if (c->sweep_again) {
            c->sweep_again = false;
            fedli_checkin_sweep_request(c);
        }
    }
}
