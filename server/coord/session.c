/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes in: the IK handshake, records, and where each message goes.
 *
 * IK message 1 can be replayed by anybody who saw it, so it changes nothing that a device could
 * notice: it makes a half-open session, which becomes the device's session with its first good
 * record, for only the true device can have made that. What is no envelope gets no answer; all that
 * is wrong before a record has been authenticated gets the one generic refusal; all that is wrong
 * afterwards gets a REJECT inside the channel.
 *
 * Repeated requests: the identical record (same nonce) is answered with the identical reply when
 * that was small enough to keep, else with silence; a record with a new nonce but the request id of
 * the kept reply gets that reply too. Anything older is dropped in silence.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "coord/coord_state.h"
#include "secure/prologue.h"

#include "base/secret.h"

#include <string.h>

/*
 * Reads message 1 and, when the device may come in, writes message 2 into c->scratch: a session
 * that makes room may still put a refusal into the output first.
 */
static fedl_status ik_answer(fedli_coord_state *c, fedli_noise *noise, size_t *size,
                             uint32_t *device_id, fedl_bytes body)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    size_t payload_size = 0;
    fedl_status status = fedli_noise_init(noise, c->crypto, FEDLI_NOISE_IK, false,
                                          fedli_prologue_encode(prologue, c->cfg.identity.fleet_id),
                                          c->cfg.identity.noise_secret, NULL);
    if (status != FEDL_OK) {
        return status;
    }
    /* -> e, es, s, ss */
    status = fedli_noise_read(noise, c->plain, FEDLI_NOISE_MESSAGE_BYTES_MAX, &payload_size, body);
    if (status != FEDL_OK) {
        return status;
    }
    const fedli_device *d = fedli_device_find_key(c, fedli_noise_remote_static(noise));
    if (d == NULL) {
        return FEDL_ERR_NOT_FOUND;
    }
    if (d->record.state != FEDL_DEVICE_ACTIVE) {
        return FEDL_ERR_REVOKED;
    }
    *device_id = d->record.device_id;
    /* <- e, ee, se */
    return fedli_noise_write(noise, c->scratch, FEDLI_MESSAGE_ARENA_BYTES, size,
                             fedl_bytes_of("", 0), c->event->entropy);
}

static void hello_ik(fedli_coord_state *c, const fedli_envelope *envelope)
{
    fedli_noise noise = {0};
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    uint32_t device_id = 0;
    size_t size = 0;
    fedl_status status = ik_answer(c, &noise, &size, &device_id, envelope->body);
    if (status == FEDL_OK) {
        status = fedli_noise_split(&noise, send_key, receive_key, hash);
    }
    fedli_noise_wipe(&noise);
    if (status != FEDL_OK) {
        fedli_outbox_refuse(c, c->event->request, status);
        return;
    }
    const uint32_t slot = fedli_session_take(c, FEDLI_SESSION_HALF, c->event->entropy + 32);
    fedli_session *s = &c->sessions[slot];
    s->device_id = device_id;
    fedli_channel_init(&s->channel, c->crypto, send_key, receive_key);
    fedli_wipe(send_key, sizeof send_key);
    fedli_wipe(receive_key, sizeof receive_key);
    fedli_wipe(hash, sizeof hash);
    uint8_t *out = c->out + c->out_used;
    fedli_envelope_header_encode(out, FEDLI_ENVELOPE_HELLO_IK, s->id);
    memcpy(out + FEDLI_ENVELOPE_HEADER_BYTES, c->scratch, size);
    fedli_outbox_send(c, c->event->request, FEDLI_ENVELOPE_HEADER_BYTES + size);
}

void fedli_session_resend(fedli_coord_state *c, uint32_t slot, uint64_t request)
{
    const fedli_session *s = &c->sessions[slot];
    memcpy(c->out + c->out_used, s->u.reply, s->reply_bytes);
    fedli_outbox_send(c, request, s->reply_bytes);
}

static void dispatch(fedli_coord_state *c, uint32_t slot, const fedl_message *message)
{
    switch (message->kind) {
    case FEDL_MESSAGE_CHECKIN:
        fedli_checkin_on_message(c, slot, &message->u.checkin);
        return;
    case FEDL_MESSAGE_FETCH:
        fedli_fetch_on_message(c, slot, &message->u.fetch);
        return;
    case FEDL_MESSAGE_UPLOAD:
        fedli_upload_on_message(c, slot, &message->u.upload);
        return;
    case FEDL_MESSAGE_LEAVE:
        fedli_checkin_on_leave(c, slot);
        return;
    case FEDL_MESSAGE_PUT:
        fedli_item_on_put(c, slot, &message->u.put);
        return;
    case FEDL_MESSAGE_GET:
        fedli_item_on_get(c, slot, &message->u.get);
        return;
    case FEDL_MESSAGE_ENROL:
    case FEDL_MESSAGE_ENROLLED:
    case FEDL_MESSAGE_TASK:
    case FEDL_MESSAGE_WAIT:
    case FEDL_MESSAGE_CHUNK:
    case FEDL_MESSAGE_ACCEPTED:
    case FEDL_MESSAGE_REJECT:
    case FEDL_MESSAGE_LEFT:
    case FEDL_MESSAGE_PART:
        fedli_outbox_reject(c, slot, FEDL_REJECT_MALFORMED, 0, "not a request of a session");
        return;
    }
    FEDLI_CHECK(false); /* decode lets no other kind through */
}

/* The record was authentic: take the request over and act on it. */
static void on_frame(fedli_coord_state *c, uint32_t slot, fedl_bytes plain)
{
    fedli_session *s = &c->sessions[slot];
    fedli_device *d = fedli_device_find(c, s->device_id);
    fedl_message message;
    if (s->state == FEDLI_SESSION_HALF) {
        fedli_session_promote(c, slot);
    }
    fedli_session_touch(c, slot);
    d->seen_ns = c->now_ns;
    if (s->pending == FEDLI_PENDING_POLL) {
        const uint64_t parked = c->requests[slot];
        fedli_checkin_unpark(c, slot);
        fedli_outbox_drop(c, parked);
    } else {
        fedli_outbox_drop(c, c->requests[slot]);
    }
    s->pending = FEDLI_PENDING_NONE;
    c->requests[slot] = c->event->request;

    const fedl_status status =
        fedl_message_decode(&message, plain, c->arena, FEDLI_MESSAGE_ARENA_BYTES);
    if (status != FEDL_OK) {
        fedli_frame frame;
        s->reply_bytes = 0;
        s->request_id = fedli_frame_decode(&frame, plain) == FEDL_OK ? frame.request_id : 0;
        fedli_outbox_reject(c, slot, FEDL_REJECT_MALFORMED, 0, "the message does not decode");
        return;
    }
    s->request_id = message.request_id;
    if (s->reply_bytes != 0 && message.request_id != 0 &&
        message.request_id == s->reply_request_id) {
        c->requests[slot] = 0;
        fedli_session_resend(c, slot, c->event->request);
        return;
    }
    s->reply_bytes = 0;
    dispatch(c, slot, &message);
}

static void on_replay(fedli_coord_state *c, uint32_t slot, fedl_bytes record)
{
    const fedli_session *s = &c->sessions[slot];
    c->counters.replays++;
    if (s->reply_bytes != 0 && record.size >= 8u &&
        fedli_load_u64(record.data) + 1u == s->channel.receive_nonce_next) {
        fedli_session_resend(c, slot, c->event->request);
    } else {
        fedli_outbox_drop(c, c->event->request);
    }
}

static void on_record(fedli_coord_state *c, const fedli_envelope *envelope)
{
    uint32_t slot = 0;
    size_t size = 0;
    fedli_session *s = fedli_session_find(c, envelope->session_id, &slot);
    if (s == NULL || (s->state != FEDLI_SESSION_HALF && s->state != FEDLI_SESSION_LIVE)) {
        fedli_outbox_refuse_unknown(c, c->event->request);
        return;
    }
    const fedli_device *d = fedli_device_find(c, s->device_id);
    if (d == NULL || d->record.state != FEDL_DEVICE_ACTIVE) {
        fedli_session_close(c, slot, true); /* a half-open one whose device was revoked since */
        fedli_outbox_refuse(c, c->event->request, FEDL_ERR_REVOKED);
        return;
    }
    const fedl_bytes header = fedl_bytes_of(c->event->bytes.data, FEDLI_ENVELOPE_HEADER_BYTES);
    const fedl_status status = fedli_channel_open(
        &s->channel, c->plain, FEDLI_NOISE_MESSAGE_BYTES_MAX, &size, envelope->body, header);
    if (status == FEDL_ERR_REPLAY) {
        on_replay(c, slot, envelope->body);
    } else if (status != FEDL_OK) {
        fedli_outbox_refuse(c, c->event->request, status);
    } else {
        on_frame(c, slot, fedl_bytes_of(c->plain, size));
    }
}

void fedli_session_on_message(fedli_coord_state *c)
{
    fedli_envelope envelope;
    c->counters.messages++;
    c->counters.bytes_in += c->event->bytes.size;
    const fedl_status status = fedli_envelope_decode(&envelope, c->event->bytes);
    if (status != FEDL_OK) {
        fedli_outbox_ignore(c, c->event->request, status);
        return;
    }
    switch (envelope.kind) {
    case FEDLI_ENVELOPE_HELLO_IK:
        hello_ik(c, &envelope);
        return;
    case FEDLI_ENVELOPE_HELLO_XX:
        fedli_enrol_hello(c, &envelope);
        return;
    case FEDLI_ENVELOPE_FINISH_XX:
        fedli_enrol_finish(c, &envelope);
        return;
    case FEDLI_ENVELOPE_RECORD:
        on_record(c, &envelope);
        return;
    case FEDLI_ENVELOPE_REFUSE:
        fedli_outbox_ignore(c, c->event->request, FEDL_ERR_FORMAT); /* only the server says it */
        return;
    }
    FEDLI_CHECK(false);
}
