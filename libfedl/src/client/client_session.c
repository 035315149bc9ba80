/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: the IK handshake, requests out, replies in. Nothing that arrives is trusted before it
 * opened in the channel; everything after that is checked by whoever handles the message.
 */
#include "client/client_state.h"

#include "base/check.h"
#include "base/secret.h"
#include "secure/prologue.h"

#include <string.h>

/* ---- handshake ---- */

void fedli_client_hello_ik(fedli_client_state *c)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    size_t size = 0;
    fedl_status status =
        fedli_noise_init(&c->noise, c->crypto, FEDLI_NOISE_IK, true,
                         fedli_prologue_encode(prologue, c->cfg.identity.fleet_id),
                         c->cfg.identity.noise_secret, c->cfg.identity.server_noise_public);
    if (status == FEDL_OK) { /* -> e, es, s, ss */
        status = fedli_noise_write(&c->noise, c->out + FEDLI_ENVELOPE_HEADER_BYTES,
                                   c->out_bytes - FEDLI_ENVELOPE_HEADER_BYTES, &size,
                                   fedl_bytes_of("", 0), c->event->entropy);
    }
    if (status != FEDL_OK) {
        /* The pinned server key is a low-order point: nothing can come of it, now or later. */
        fedli_noise_wipe(&c->noise);
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_REFUSED, status);
        return;
    }
    c->link = FEDLI_LINK_HELLO;
    fedli_client_send(c, FEDLI_ENVELOPE_HELLO_IK, 0, size, 0);
}

void fedli_client_on_hello_ik(fedli_client_state *c, const fedli_envelope *envelope)
{
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    size_t size = 0;
    /* <- e, ee, se */
    fedl_status status = fedli_noise_read(&c->noise, c->in, c->in_bytes, &size, envelope->body);
    if (status == FEDL_OK) {
        status = fedli_noise_split(&c->noise, send_key, receive_key, hash);
    }
    if (status == FEDL_OK) {
        fedli_channel_init(&c->channel, c->crypto, send_key, receive_key);
    }
    fedli_wipe(send_key, sizeof send_key);
    fedli_wipe(receive_key, sizeof receive_key);
    fedli_wipe(hash, sizeof hash);
    if (status != FEDL_OK) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, status); /* wipes c->noise, too */
        return;
    }
    c->session = true;
    c->session_failures = 0;
    c->session_id = envelope->session_id;
    c->link = FEDLI_LINK_READY;
    c->timeout_ns = FEDL_NEVER_NS;
    c->heard_ns = c->now_ns;
}

/* ---- requests ---- */

static void fill_checkin(const fedli_client_state *c, fedl_message_checkin *checkin)
{
    checkin->protocol_min = FEDLI_PROTOCOL_VERSION;
    checkin->protocol_max = FEDLI_PROTOCOL_VERSION;
    checkin->library_version = FEDL_LIBRARY_VERSION;
    checkin->memory_bytes_max = c->cfg.memory_bytes_max;
    checkin->wait_ms_max = c->cfg.poll_ms;
    if (c->verified) {
        checkin->have_task_id = c->task.manifest.task_id;
        memcpy(checkin->have_digest, c->task.manifest.digest, sizeof checkin->have_digest);
    }
}

static void fill_request(fedli_client_state *c, fedl_message *message)
{
    memset(message, 0, sizeof *message);
    message->request_id = c->request_id;
    switch (c->work) {
    case FEDLI_WORK_CHECKIN:
        message->kind = FEDL_MESSAGE_CHECKIN;
        fill_checkin(c, &message->u.checkin);
        return;
    case FEDLI_WORK_FETCH:
        message->kind = FEDL_MESSAGE_FETCH;
        fedli_client_fill_fetch(c, &message->u.fetch);
        return;
    case FEDLI_WORK_UPLOAD:
        message->kind = FEDL_MESSAGE_UPLOAD;
        fedli_client_fill_upload(c, &message->u.upload, c->in);
        return;
    case FEDLI_WORK_LEAVE:
        message->kind = FEDL_MESSAGE_LEAVE;
        return;
    case FEDLI_WORK_PUT:
        message->kind = FEDL_MESSAGE_PUT;
        fedli_client_fill_put(c, &message->u.put);
        return;
    case FEDLI_WORK_GET:
        message->kind = FEDL_MESSAGE_GET;
        fedli_client_fill_get(c, &message->u.get);
        return;
    case FEDLI_WORK_JOIN:
    case FEDLI_WORK_IDENTITY:
    case FEDLI_WORK_MEMORY:
    case FEDLI_WORK_PROGRESS:
    case FEDLI_WORK_TRAIN:
    case FEDLI_WORK_STORE:
    case FEDLI_WORK_RESUME:
    case FEDLI_WORK_TAKE:
    case FEDLI_WORK_DONE:
        FEDLI_CHECK(false); /* pump() sends nothing for these */
    }
}

void fedli_client_request(fedli_client_state *c)
{
    fedl_message message;
    size_t size = 0;
    uint8_t *record = c->out + FEDLI_ENVELOPE_HEADER_BYTES;
    uint8_t *frame = record + 8; /* behind the record's nonce */
    const size_t room = c->out_bytes - FEDLI_ENVELOPE_HEADER_BYTES;
    if (c->request_id == 0) {
        c->request_id_next += c->request_id_next + 1u == 0 ? 2u : 1u; /* never 0 */
        c->request_id = c->request_id_next;
    }
    fill_request(c, &message);
    const fedl_status encoded =
        fedl_message_encode(frame, room - FEDLI_RECORD_OVERHEAD_BYTES, &size, &message, c->arena,
                            FEDLI_MESSAGE_ARENA_BYTES);
    FEDLI_CHECK(encoded == FEDL_OK); /* every field is ours and in range, out is large enough */
    fedli_envelope_header_encode(c->out, FEDLI_ENVELOPE_RECORD, c->session_id);
    const fedl_status sealed =
        fedli_channel_seal(&c->channel, record, room, &size, fedl_bytes_of(frame, size),
                           fedl_bytes_of(c->out, FEDLI_ENVELOPE_HEADER_BYTES));
    if (sealed != FEDL_OK) { /* 2^52 records: time for fresh keys */
        fedli_client_session_drop(c);
        fedli_client_hello_ik(c);
        return;
    }
    c->outstanding = true;
    fedli_client_send(
        c, FEDLI_ENVELOPE_RECORD, c->session_id, size,
        c->work == FEDLI_WORK_CHECKIN || c->work == FEDLI_WORK_GET ? fedli_client_poll_ms(c) : 0);
}

void fedli_client_answered(fedli_client_state *c)
{
    c->outstanding = false;
    c->request_id = 0;
    c->timeout_ns = FEDL_NEVER_NS;
    c->failures = 0;
    c->heard_ns = c->now_ns;
    c->session_failures = 0;
    c->refusals = 0;
}

/* ---- replies ---- */

static void unexpected(fedli_client_state *c)
{
    fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_STATE);
}

/* True when this kind answers the request that is out. */
static bool answers(const fedli_client_state *c, fedl_message_kind kind)
{
    if (kind == FEDL_MESSAGE_REJECT) {
        return true;
    }
    switch (c->work) {
    case FEDLI_WORK_JOIN:
        return kind == FEDL_MESSAGE_ENROLLED;
    case FEDLI_WORK_CHECKIN:
        return kind == FEDL_MESSAGE_TASK || kind == FEDL_MESSAGE_WAIT;
    case FEDLI_WORK_FETCH:
        return kind == FEDL_MESSAGE_CHUNK;
    case FEDLI_WORK_UPLOAD:
    case FEDLI_WORK_PUT:
        return kind == FEDL_MESSAGE_ACCEPTED;
    case FEDLI_WORK_GET:
        return kind == FEDL_MESSAGE_PART;
    case FEDLI_WORK_LEAVE:
        return kind == FEDL_MESSAGE_LEFT;
    case FEDLI_WORK_IDENTITY:
    case FEDLI_WORK_MEMORY:
    case FEDLI_WORK_PROGRESS:
    case FEDLI_WORK_TRAIN:
    case FEDLI_WORK_STORE:
    case FEDLI_WORK_RESUME:
    case FEDLI_WORK_TAKE:
    case FEDLI_WORK_DONE:
        return false;
    }
    return false;
}

static void on_message(fedli_client_state *c, const fedl_message *message)
{
    if (message->request_id != c->request_id || !answers(c, message->kind)) {
        unexpected(c);
        return;
    }
    fedli_client_answered(c);
    switch (message->kind) {
    case FEDL_MESSAGE_ENROLLED:
        fedli_client_on_enrolled(c, &message->u.enrolled);
        return;
    case FEDL_MESSAGE_TASK:
        fedli_client_on_task(c, &message->u.task);
        return;
    case FEDL_MESSAGE_WAIT:
        fedli_client_on_wait(c, &message->u.wait);
        return;
    case FEDL_MESSAGE_CHUNK:
        fedli_client_on_chunk(c, &message->u.chunk);
        return;
    case FEDL_MESSAGE_ACCEPTED:
        if (c->work == FEDLI_WORK_PUT) {
            fedli_client_on_put_accepted(c, &message->u.accepted);
        } else {
            fedli_client_on_accepted(c, &message->u.accepted);
        }
        return;
    case FEDL_MESSAGE_PART:
        fedli_client_on_part(c, &message->u.part);
        return;
    case FEDL_MESSAGE_REJECT:
        fedli_client_on_reject(c, &message->u.reject);
        return;
    case FEDL_MESSAGE_LEFT:
        fedli_client_log(c, FEDL_CLIENT_LOG_LEFT);
        fedli_client_finish(c, FEDL_OK);
        return;
    case FEDL_MESSAGE_ENROL:
    case FEDL_MESSAGE_CHECKIN:
    case FEDL_MESSAGE_FETCH:
    case FEDL_MESSAGE_UPLOAD:
    case FEDL_MESSAGE_LEAVE:
    case FEDL_MESSAGE_PUT:
    case FEDL_MESSAGE_GET:
        return; /* answers() let none of these through */
    }
}

static void on_record(fedli_client_state *c, const fedli_envelope *envelope)
{
    fedl_message message;
    size_t size = 0;
    if (!c->outstanding || envelope->session_id != c->session_id) {
        return; /* late or from an older session: nobody waits for it */
    }
    fedl_status status =
        fedli_channel_open(&c->channel, c->in, c->in_bytes, &size, envelope->body,
                           fedl_bytes_of(c->event->bytes.data, FEDLI_ENVELOPE_HEADER_BYTES));
    if (status == FEDL_ERR_REPLAY) {
        return; /* a copy made by the network */
    }
    if (status == FEDL_OK) {
        status = fedl_message_decode(&message, fedl_bytes_of(c->in, size), c->arena,
                                     FEDLI_MESSAGE_ARENA_BYTES);
    }
    if (status != FEDL_OK) {
        fedli_client_session_drop(c);
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, status);
        return;
    }
    on_message(c, &message);
}

/* One generic refusal: anybody on the way could have made it, so it never destroys anything. */
static void on_refuse(fedli_client_state *c)
{
    if (c->outstanding && c->work != FEDLI_WORK_JOIN) {
        /* The server has forgotten the session: the request goes out again in a new one; at once
         * the first time, after a pause when that did not help. */
        fedli_client_session_drop(c);
        c->refusals++;
        if (c->refusals > 1) {
            fedli_client_link_fail(c, FEDL_CLIENT_LOG_REFUSED, FEDL_ERR_AUTH);
        }
        c->outstanding = false;
        c->timeout_ns = FEDL_NEVER_NS;
        return;
    }
    if (c->link != FEDLI_LINK_HELLO && c->link != FEDLI_LINK_FINISH) {
        return;
    }
    c->refusals++;
    fedli_client_link_fail(c, FEDL_CLIENT_LOG_REFUSED, FEDL_ERR_AUTH);
    const bool ends = c->work == FEDLI_WORK_LEAVE || c->work == FEDLI_WORK_JOIN;
    if (ends && c->refusals >= FEDLI_CLIENT_REFUSALS_MAX) {
        fedli_client_finish(c, FEDL_ERR_AUTH);
    }
}

void fedli_client_on_envelope(fedli_client_state *c)
{
    fedli_envelope envelope;
    if (c->link == FEDLI_LINK_DOWN || c->link == FEDLI_LINK_CONNECTING) {
        return; /* of the connection before */
    }
    const fedl_status status = fedli_envelope_decode(&envelope, c->event->bytes);
    if (status != FEDL_OK) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, status);
        return;
    }
    switch (envelope.kind) {
    case FEDLI_ENVELOPE_HELLO_IK:
        if (c->link == FEDLI_LINK_HELLO && c->work != FEDLI_WORK_JOIN) {
            fedli_client_on_hello_ik(c, &envelope);
        }
        return;
    case FEDLI_ENVELOPE_HELLO_XX:
        if (c->link == FEDLI_LINK_HELLO && c->work == FEDLI_WORK_JOIN) {
            fedli_client_on_hello_xx(c, &envelope);
        }
        return;
    case FEDLI_ENVELOPE_RECORD:
        on_record(c, &envelope);
        return;
    case FEDLI_ENVELOPE_REFUSE:
        on_refuse(c);
        return;
    case FEDLI_ENVELOPE_FINISH_XX:
        unexpected(c);
        return;
    }
}
