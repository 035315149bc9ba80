/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of the test world: real handshakes, real records, hand-made vectors. */
#include "coord_world.h"

#include "base/cursor.h"
#include "secure/prologue.h"

#include <string.h>

#define HEADER FEDLI_ENVELOPE_HEADER_BYTES

/* Nothing that a device sees may be ahead of the store. */
static void check_durable(const world *w, const device *d)
{
    const fedl_message *m = &d->message;
    const fedl_model_offer *offer = NULL;
    if (m->kind == FEDL_MESSAGE_TASK) {
        offer = &m->u.task.offer;
        assert_true(m->u.task.task_id < 16);
        assert_int_equal(m->u.task.round, w->opened_round[m->u.task.task_id]);
        assert_int_equal(m->u.task.attempt, w->opened_attempt[m->u.task.task_id]);
    } else if (m->kind == FEDL_MESSAGE_WAIT && m->u.wait.has_offer) {
        offer = &m->u.wait.offer;
    }
    if (offer != NULL) {
        fedl_manifest manifest;
        assert_int_equal(fedl_manifest_open(&manifest, w->crypto, offer->manifest, offer->signature,
                                            w->cfg.identity.round_public),
                         FEDL_OK);
        assert_int_equal(manifest.version, w->version[manifest.task_id]);
        if (m->kind == FEDL_MESSAGE_TASK) { /* in any attempt, however many rounds were burnt */
            assert_int_equal(manifest.expires_round, m->u.task.round);
        }
        assert_true(manifest.expires_round > manifest.round);
        assert_int_equal(manifest.library_version_min, 1000);
    }
}

static void on_envelope(const world *w, device *d, fedl_bytes bytes)
{
    fedli_envelope envelope;
    size_t size = 0;
    assert_true(bytes.size <= sizeof d->got);
    memcpy(d->got, bytes.data, bytes.size);
    d->got_bytes = bytes.size;
    assert_int_equal(fedli_envelope_decode(&envelope, fedl_bytes_of(d->got, d->got_bytes)),
                     FEDL_OK);
    switch (envelope.kind) {
    case FEDLI_ENVELOPE_REFUSE:
        d->answer = ANSWER_REFUSED;
        return;
    case FEDLI_ENVELOPE_HELLO_IK:
    case FEDLI_ENVELOPE_HELLO_XX:
        d->answer = ANSWER_HELLO;
        return;
    case FEDLI_ENVELOPE_RECORD:
        if (d->channel.crypto == NULL) {
            d->answer = ANSWER_SEALED;
            return;
        }
        assert_int_equal(fedli_channel_open(&d->channel, d->plain, sizeof d->plain, &size,
                                            envelope.body, fedl_bytes_of(d->got, HEADER)),
                         FEDL_OK);
        assert_int_equal(fedl_message_decode(&d->message, fedl_bytes_of(d->plain, size), d->arena,
                                             sizeof d->arena),
                         FEDL_OK);
        assert_int_equal(d->message.request_id, d->request_id);
        d->answer = ANSWER_MESSAGE;
        check_durable(w, d);
        return;
    case FEDLI_ENVELOPE_FINISH_XX:
        break;
    }
    fail();
}

void world_answer(world *w, const fedl_action *action)
{
    assert_int_not_equal(action->request, 0);
    for (uint32_t i = 0; i < w->device_count; i++) {
        device *d = &w->devices[i];
        if (d->request == action->request) {
            d->request = 0;
            if (action->kind == FEDL_ACTION_DROP) {
                d->answer = ANSWER_DROPPED;
            } else {
                on_envelope(w, d, action->bytes);
            }
            return;
        }
    }
    /* A request that its device has given up; but never one that was answered. */
    for (uint32_t i = 0; i < WORLD_ABANDONED_MAX; i++) {
        if (w->abandoned[i] == action->request) {
            w->abandoned[i] = 0;
            return;
        }
    }
    fail_msg("request %llu answered twice", (unsigned long long)action->request);
}

void device_abandon(world *w, device *d)
{
    if (d->request != 0) {
        w->abandoned[w->abandoned_count++ % WORLD_ABANDONED_MAX] = d->request;
        d->request = 0;
    }
}

void device_gone(world *w, device *d)
{
    fedl_event event;
    world_event(w, &event, FEDL_EVENT_GONE);
    event.request = d->request;
    d->request = 0; /* an answer from here on is a failure */
    world_step(w, &event);
}

void device_send_raw(world *w, device *d, const void *bytes, size_t size)
{
    fedl_event event;
    device_abandon(w, d);
    world_event(w, &event, FEDL_EVENT_MESSAGE);
    event.request = ++w->request_next;
    event.bytes = fedl_bytes_of(bytes, size);
    d->request = event.request;
    d->answer = ANSWER_NONE;
    world_step(w, &event);
}

static void random_bytes(world *w, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)fedli_rng_u32(&w->rng);
    }
}

device *world_new_device(world *w)
{
    uint8_t seed[32];
    assert_true(w->device_count < WORLD_DEVICES_MAX);
    device *d = &w->devices[w->device_count++];
    memset(d, 0, sizeof *d);
    random_bytes(w, seed, sizeof seed);
    w->crypto->sign_keypair(d->id_public, d->id_secret, seed);
    random_bytes(w, d->noise_secret, 32);
    w->crypto->x25519_public(d->noise_public, d->noise_secret);
    memcpy(d->server_noise_public, w->cfg.identity.noise_public, 32);
    return d;
}

uint32_t world_add_device(world *w)
{
    fedl_admin admin = {.kind = FEDL_ADMIN_DEVICE_ADD, .token_valid_s = 3600};
    memcpy(admin.name, "device", 7);
    world_admin(w, &admin);
    return w->admin_answered && w->admin.status == FEDL_OK ? w->admin.device_id : 0;
}

static void channel_of(device *d, const fedl_crypto *crypto)
{
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    assert_int_equal(fedli_noise_split(&d->noise, send_key, receive_key, hash), FEDL_OK);
    fedli_channel_init(&d->channel, crypto, send_key, receive_key);
}

/* Sends a handshake message that lies in d->sent behind the header. */
static void send_handshake(world *w, device *d, fedli_envelope_kind kind, uint64_t session_id,
                           size_t size)
{
    fedli_envelope_header_encode(d->sent, kind, session_id);
    d->sent_bytes = HEADER + size;
    device_send_raw(w, d, d->sent, d->sent_bytes);
}

void device_hello(world *w, device *d)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    uint8_t ephemeral[32];
    uint8_t payload[64];
    size_t size = 0;
    random_bytes(w, ephemeral, sizeof ephemeral);
    assert_int_equal(fedli_noise_init(&d->noise, w->crypto, FEDLI_NOISE_IK, true,
                                      fedli_prologue_encode(prologue, w->cfg.identity.fleet_id),
                                      d->noise_secret, d->server_noise_public),
                     FEDL_OK);
    assert_int_equal(fedli_noise_write(&d->noise, d->sent + HEADER, sizeof d->sent - HEADER, &size,
                                       fedl_bytes_of("", 0), ephemeral),
                     FEDL_OK);
    send_handshake(w, d, FEDLI_ENVELOPE_HELLO_IK, 0, size);
    if (d->answer != ANSWER_HELLO) {
        return;
    }
    d->session_id = fedli_load_u64(d->got + 8);
    assert_int_equal(fedli_noise_read(&d->noise, payload, sizeof payload, &size,
                                      fedl_bytes_of(d->got + HEADER, d->got_bytes - HEADER)),
                     FEDL_OK);
    channel_of(d, w->crypto);
}

void device_connect(world *w, device *d)
{
    device_hello(w, d);
    assert_int_equal(d->answer, ANSWER_HELLO);
}

void device_seal(device *d, const fedl_message *message)
{
    uint8_t frame[FEDLI_FRAME_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(
        fedl_message_encode(frame, sizeof frame, &size, message, d->arena, sizeof d->arena),
        FEDL_OK);
    device_seal_frame(d, frame, size);
}

void device_seal_frame(device *d, const void *frame, size_t frame_bytes)
{
    size_t size = 0;
    fedli_envelope_header_encode(d->sent, FEDLI_ENVELOPE_RECORD, d->session_id);
    assert_int_equal(fedli_channel_seal(&d->channel, d->sent + HEADER, sizeof d->sent - HEADER,
                                        &size, fedl_bytes_of(frame, frame_bytes),
                                        fedl_bytes_of(d->sent, HEADER)),
                     FEDL_OK);
    d->sent_bytes = HEADER + size;
}

void device_send(world *w, device *d, fedl_message *message)
{
    message->request_id = ++d->request_id;
    device_seal(d, message);
    device_send_raw(w, d, d->sent, d->sent_bytes);
}

void device_checkin(world *w, device *d, uint32_t wait_ms)
{
    fedl_message message = {.kind = FEDL_MESSAGE_CHECKIN};
    message.u.checkin.protocol_min = 1;
    message.u.checkin.protocol_max = 1;
    message.u.checkin.wait_ms_max = wait_ms;
    message.u.checkin.have_task_id = d->have_task_id;
    memcpy(message.u.checkin.have_digest, d->have_digest, 32);
    device_send(w, d, &message);
}

void device_enrol(world *w, device *d, const char *token)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    uint8_t ephemeral[32];
    uint8_t ca[64];
    uint8_t fingerprint[16];
    uint8_t frame[512];
    fedl_message message = {.kind = FEDL_MESSAGE_ENROL};
    size_t size = 0;
    random_bytes(w, ephemeral, sizeof ephemeral);
    assert_int_equal(fedl_token_parse(w->crypto, message.u.enrol.secret, fingerprint, token),
                     FEDL_OK);
    assert_int_equal(fedli_noise_init(&d->noise, w->crypto, FEDLI_NOISE_XX, true,
                                      fedli_prologue_encode(prologue, NULL), d->noise_secret, NULL),
                     FEDL_OK);
    assert_int_equal(fedli_noise_write(&d->noise, d->sent + HEADER, sizeof d->sent - HEADER, &size,
                                       fedl_bytes_of("", 0), ephemeral),
                     FEDL_OK);
    send_handshake(w, d, FEDLI_ENVELOPE_HELLO_XX, 0, size);
    if (d->answer != ANSWER_HELLO) {
        return;
    }
    d->session_id = fedli_load_u64(d->got + 8);
    assert_int_equal(fedli_noise_read(&d->noise, ca, sizeof ca, &size,
                                      fedl_bytes_of(d->got + HEADER, d->got_bytes - HEADER)),
                     FEDL_OK);
    assert_int_equal(size, 32);
    uint8_t expected[16];
    fedl_fingerprint(w->crypto, expected, fedli_noise_remote_static(&d->noise), ca);
    assert_memory_equal(expected, fingerprint, 16);

    message.request_id = ++d->request_id;
    memcpy(message.u.enrol.id_public, d->id_public, 32);
    assert_int_equal(
        fedl_message_encode(frame, sizeof frame, &size, &message, d->arena, sizeof d->arena),
        FEDL_OK);
    assert_int_equal(fedli_noise_write(&d->noise, d->sent + HEADER, sizeof d->sent - HEADER, &size,
                                       fedl_bytes_of(frame, size), NULL),
                     FEDL_OK);
    channel_of(d, w->crypto);
    send_handshake(w, d, FEDLI_ENVELOPE_FINISH_XX, d->session_id, size);
}

device *world_join(world *w)
{
    const uint32_t id = world_add_device(w);
    device *d = world_new_device(w);
    assert_int_not_equal(id, 0);
    d->id = id;
    device_enrol(w, d, w->token);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
    assert_int_equal(d->message.u.enrolled.device_id, id);
    memcpy(d->device_cert, d->message.u.enrolled.device_cert.data, FEDLI_CERT_BYTES);
    return d;
}

void world_join_members(world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)world_join(w);
    }
}

bool device_rejected(const device *d, fedl_reject_code code)
{
    return device_got(d, FEDL_MESSAGE_REJECT) && d->message.u.reject.code == code;
}

bool device_got(const device *d, fedl_message_kind kind)
{
    return d->answer == ANSWER_MESSAGE && d->message.kind == kind;
}
