/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT and GET: the items of a masked attempt (secagg/item.h). What is in them is the group's affair
 * (coord/group.h); here it is decided who may ask, and how long an answer may wait.
 *
 * A GET whose item is not there yet is parked like a CHECKIN. The sweep tries it again whenever the
 * group has news, and ends it with an empty PART when its time is over; when the attempt ends it is
 * told that it is stale. Nothing of an item is kept here: a session remembers only what it asked
 * for.
 */
#include "coord/coord_state.h"

/* The task whose attempt is meant, when this device takes part in it; else the request is
 * rejected. */
static fedli_task *attempt_of(fedli_coord_state *c, uint32_t slot, uint32_t task_id, uint32_t round,
                              uint32_t attempt)
{
    fedli_task *t = fedli_task_find(c, task_id);
    if (t == NULL || !t->visible) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_FOUND, 0, "unknown task");
        return NULL;
    }
    if (!t->masked.begun || round != t->round || attempt != t->attempt) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_STALE, 0, "this attempt is over");
        return NULL;
    }
    if (fedli_task_member(t, c->sessions[slot].device_id) == NULL) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_MEMBER, 0, "not chosen for this attempt");
        return NULL;
    }
    return t;
}

static void reject(fedli_coord_state *c, uint32_t slot, fedl_group_answer answer)
{
    switch (answer) {
    case FEDL_GROUP_OK:
    case FEDL_GROUP_NOT_YET:
    case FEDL_GROUP_STALE:
        fedli_outbox_reject(c, slot, FEDL_REJECT_STALE, 0, "this step is over");
        return;
    case FEDL_GROUP_NOT_MEMBER:
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_MEMBER, 0, "not in this cohort");
        return;
    case FEDL_GROUP_MISMATCH:
        fedli_outbox_reject(c, slot, FEDL_REJECT_MISMATCH, 0, "the item does not fit the attempt");
        return;
    }
}

void fedli_item_on_put(fedli_coord_state *c, uint32_t slot, const fedl_message_put *put)
{
    fedli_task *t = attempt_of(c, slot, put->task_id, put->round, put->attempt);
    if (t == NULL) {
        return;
    }
    const fedli_device *d = fedli_device_find(c, c->sessions[slot].device_id);
    fedl_message message = {.kind = FEDL_MESSAGE_ACCEPTED};
    const fedl_group_answer answer =
        fedl_group_put(&t->masked.group, c->now_ns, d->record.device_id, d->record.id_public,
                       d->record.noise_public, put->item, put->offset, put->total_bytes,
                       put->payload, &message.u.accepted.next_offset, &message.u.accepted.complete);
    if (answer == FEDL_GROUP_OK) {
        t->metrics.bytes_up += put->payload.size;
        fedli_outbox_reply(c, slot, &message);
    } else {
        reject(c, slot, answer);
    }
    fedli_masked_update(c, t);
}

static void send_part(fedli_coord_state *c, uint32_t slot, const fedl_message_get *get,
                      uint64_t total, size_t size)
{
    fedl_message message = {.kind = FEDL_MESSAGE_PART};
    message.u.part.item = get->item;
    message.u.part.offset = total == 0 ? 0 : get->offset;
    message.u.part.total_bytes = total;
    message.u.part.payload = fedl_bytes_of(c->plain, size);
    fedli_outbox_reply(c, slot, &message);
}

/* Answers when there is an answer; false: not yet. */
static bool try_get(fedli_coord_state *c, uint32_t slot, const fedl_message_get *get)
{
    fedli_task *t = attempt_of(c, slot, get->task_id, get->round, get->attempt);
    if (t == NULL) {
        return true;
    }
    if (fedli_masked_is_behind(t, c->sessions[slot].device_id, get->item)) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_STALE, 0, "what was sent before is lost");
        return true;
    }
    size_t size = 0;
    uint64_t total = 0;
    /* The decrypted request has been read: its place is free for the part. */
    const fedl_group_answer answer =
        fedl_group_get(&t->masked.group, c->sessions[slot].device_id, get->item, get->offset,
                       c->plain, get->bytes_max, &size, &total);
    if (answer == FEDL_GROUP_NOT_YET) {
        return false;
    }
    if (answer == FEDL_GROUP_OK) {
        send_part(c, slot, get, total, size);
    } else {
        reject(c, slot, answer);
    }
    return true;
}

void fedli_item_on_get(fedli_coord_state *c, uint32_t slot, const fedl_message_get *get)
{
    if (try_get(c, slot, get)) {
        return;
    }
    const uint32_t wait_ms =
        get->wait_ms_max < c->cfg.poll_ms_max ? get->wait_ms_max : c->cfg.poll_ms_max;
    if (wait_ms == 0) {
        send_part(c, slot, get, 0, 0);
        return;
    }
    c->sessions[slot].get = *get;
    fedli_checkin_park(c, slot, FEDLI_PENDING_GET, wait_ms);
}

void fedli_item_sweep(fedli_coord_state *c, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    if (try_get(c, slot, &s->get)) {
        return;
    }
    if (s->poll_until_ns <= c->now_ns) {
        send_part(c, slot, &s->get, 0, 0);
    } else if (s->poll_until_ns < c->poll_next_ns) {
        c->poll_next_ns = s->poll_until_ns;
    }
}
