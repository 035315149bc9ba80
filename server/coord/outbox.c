/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves the coordinator in one step: actions, and the bytes that they point to.
 *
 * The output is a bump arena that starts anew with every step, so that pointers in actions live
 * until the next one. Room is asked for before the work is begun, never afterwards: a reply that
 * was sealed has used up a nonce. Log lines are the one thing that may be lost for want of room.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "coord/coord_state.h"

#include <string.h>

void fedli_outbox_begin(fedli_coord_state *c, const fedl_event *event, fedl_actions *actions)
{
    c->event = event;
    c->now_ns = event->now_ns > c->now_ns || !c->started ? event->now_ns : c->now_ns;
    c->started = true;
    c->actions = actions;
    c->out_used = 0;
    c->more = false;
    if (c->token_text[0] != '\0') { /* the host has had the whole last step to read it */
        fedli_wipe(c->token_text, sizeof c->token_text);
    }
    actions->count = 0;
}

bool fedli_outbox_has_room(const fedli_coord_state *c, uint32_t action_limit, size_t bytes)
{
    return c->actions->count < action_limit && FEDLI_OUT_BYTES - c->out_used >= bytes;
}

fedl_action *fedli_outbox_action(fedli_coord_state *c, fedl_action_kind kind)
{
    FEDLI_CHECK(c->actions->count < FEDL_COORD_ACTIONS_MAX);
    fedl_action *action = &c->actions->items[c->actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

fedl_action *fedli_outbox_log(fedli_coord_state *c, fedl_log_kind kind)
{
    fedl_action *action = &c->spare;
    if (c->actions->count < FEDLI_ACTIONS_WAKE) {
        action = &c->actions->items[c->actions->count++];
    }
    memset(action, 0, sizeof *action);
    action->kind = FEDL_ACTION_LOG;
    action->log_kind = kind;
    return action;
}

fedl_action *fedli_outbox_log_task(fedli_coord_state *c, fedl_log_kind kind, const fedli_task *t)
{
    fedl_action *action = fedli_outbox_log(c, kind);
    action->task_id = t->task_id;
    action->round = t->round;
    action->attempt = t->attempt;
    return action;
}

void fedli_outbox_drop(fedli_coord_state *c, uint64_t request)
{
    if (request != 0) {
        fedli_outbox_action(c, FEDL_ACTION_DROP)->request = request;
    }
}

void fedli_outbox_send(fedli_coord_state *c, uint64_t request, size_t size)
{
    const uint8_t *data = c->out + c->out_used;
    FEDLI_CHECK(size <= FEDLI_OUT_BYTES - c->out_used);
    if (request == 0) {
        return; /* its connection is gone */
    }
    c->out_used += size;
    c->counters.bytes_out += size;
    fedl_action *action = fedli_outbox_action(c, FEDL_ACTION_SEND);
    action->request = request;
    action->bytes = fedl_bytes_of(data, size);
}

void fedli_outbox_refuse_held(fedli_coord_state *c, uint64_t request)
{
    if (request == 0) {
        return;
    }
    c->counters.refusals++;
    if (!fedli_outbox_has_room(c, FEDL_COORD_ACTIONS_MAX, FEDLI_ENVELOPE_HEADER_BYTES)) {
        return;
    }
    fedli_envelope_header_encode(c->out + c->out_used, FEDLI_ENVELOPE_REFUSE, 0);
    fedli_outbox_send(c, request, FEDLI_ENVELOPE_HEADER_BYTES);
}

static void refuse_within(fedli_coord_state *c, fedli_ration *ration, uint32_t per_s,
                          uint64_t request, fedl_status why)
{
    if (c->now_ns - ration->since_ns >= 1000000000 || c->now_ns < ration->since_ns) {
        ration->since_ns = c->now_ns;
        ration->count = 0;
    }
    if (ration->count >= per_s) {
        c->counters.refusals++;
        fedli_outbox_drop(c, request);
        return;
    }
    ration->count++;
    fedli_outbox_log(c, FEDL_LOG_REFUSED)->status = why;
    fedli_outbox_refuse_held(c, request);
}

void fedli_outbox_refuse(fedli_coord_state *c, uint64_t request, fedl_status why)
{
    refuse_within(c, &c->refusals, c->cfg.refusals_per_s, request, why);
}

void fedli_outbox_refuse_unknown(fedli_coord_state *c, uint64_t request)
{
    const uint32_t quarter = c->cfg.sessions_max / 4u;
    refuse_within(c, &c->unknown_sessions, quarter > 1000u ? quarter : 1000u, request,
                  FEDL_ERR_NOT_FOUND);
}

void fedli_outbox_ignore(fedli_coord_state *c, uint64_t request, fedl_status why)
{
    c->counters.refusals++;
    fedli_outbox_log(c, FEDL_LOG_REFUSED)->status = why;
    fedli_outbox_drop(c, request);
}

void fedli_outbox_reply(fedli_coord_state *c, uint32_t slot, fedl_message *message)
{
    fedli_session *s = &c->sessions[slot];
    const uint64_t request = c->requests[slot];
    uint8_t *out = c->out + c->out_used;
    const size_t room = FEDLI_OUT_BYTES - c->out_used;
    const size_t record_at = FEDLI_ENVELOPE_HEADER_BYTES;
    const size_t frame_at = record_at + 8u; /* the record's nonce lies before its plaintext */
    size_t size = 0;

    FEDLI_CHECK(room > frame_at + FEDL_TAG_BYTES);
    message->request_id = s->request_id;
    /* Every field was made or checked here and the caller asked for room: this can't fail. */
    const fedl_status encoded =
        fedl_message_encode(out + frame_at, room - frame_at - FEDL_TAG_BYTES, &size, message,
                            c->scratch, FEDLI_MESSAGE_ARENA_BYTES);
    FEDLI_CHECK(encoded == FEDL_OK);
    fedli_envelope_header_encode(out, FEDLI_ENVELOPE_RECORD, s->id);
    const fedl_status sealed = fedli_channel_seal(&s->channel, out + record_at, room - record_at,
                                                  &size, fedl_bytes_of(out + frame_at, size),
                                                  fedl_bytes_of(out, FEDLI_ENVELOPE_HEADER_BYTES));
    c->requests[slot] = 0;
    s->pending = FEDLI_PENDING_NONE;
    s->reply_bytes = 0;
    if (sealed != FEDL_OK) { /* 2^52 records: the session has served its time */
        fedli_outbox_refuse(c, request, sealed);
        return;
    }
    size += FEDLI_ENVELOPE_HEADER_BYTES;
    if (size <= FEDLI_REPLY_BYTES_MAX) {
        memcpy(s->u.reply, out, size);
        s->reply_bytes = (uint32_t)size;
        s->reply_request_id = s->request_id;
    }
    fedli_outbox_send(c, request, size);
}

void fedli_outbox_reject(fedli_coord_state *c, uint32_t slot, fedl_reject_code code,
                         uint32_t retry_after_ms, const char *text)
{
    fedl_message message = {.kind = FEDL_MESSAGE_REJECT};
    size_t text_bytes = 0;
    while (text[text_bytes] != '\0' && text_bytes < FEDLI_TEXT_BYTES_MAX) {
        text_bytes++;
    }
    message.u.reject.code = code;
    message.u.reject.retry_after_ms =
        retry_after_ms < FEDLI_DELAY_MS_MAX ? retry_after_ms : FEDLI_DELAY_MS_MAX;
    message.u.reject.text = fedl_bytes_of(text, text_bytes);
    c->counters.rejects++;
    fedl_action *log = fedli_outbox_log(c, FEDL_LOG_REJECTED);
    log->device_id = c->sessions[slot].device_id;
    log->a = (uint64_t)code;
    log->text = text;
    fedli_outbox_reply(c, slot, &message);
}

void fedli_outbox_store(fedli_coord_state *c, uint64_t ticket, const fedl_store_op *op)
{
    fedl_action *action = fedli_outbox_action(c, FEDL_ACTION_STORE);
    action->ticket = ticket;
    action->op = op;
}

void fedli_outbox_admin(fedli_coord_state *c, uint64_t ticket, fedl_status status,
                        uint32_t device_id, uint32_t task_id, const char *text)
{
    fedl_action *action = fedli_outbox_action(c, FEDL_ACTION_ADMIN_REPLY);
    action->ticket = ticket;
    action->status = status;
    action->device_id = device_id;
    action->task_id = task_id;
    action->text = text;
}
