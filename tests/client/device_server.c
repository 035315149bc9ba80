/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "device_group.h"
#include "secure/prologue.h"

#include <stdio.h>
#include <string.h>

static void fill(uint8_t *out, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(seed + 31u * i);
    }
}

void world_sign(world *w)
{
    world_server *s = &w->server;
    assert_int_equal(fedl_plan_encode(s->plan_bytes, sizeof s->plan_bytes, &s->plan_size, &s->plan),
                     FEDL_OK);
    fedl_digest(w->crypto, s->manifest.plan_digest, s->plan_bytes, s->plan_size);
    fedl_digest(w->crypto, s->manifest.digest, s->container, s->container_size);
    s->manifest.container_bytes = s->container_size;
    fedl_manifest_encode(s->manifest_bytes, &s->manifest);
    fedl_manifest_sign(w->crypto, s->signature, s->manifest_bytes, s->round_secret);
}

static void make_model(world *w, uint32_t seed)
{
    world_server *s = &w->server;
    static uint8_t block[65536] __attribute__((aligned(16)));
    const fedl_model_config config = {s->plan.model, 0};
    fedl_model model;
    assert_int_equal(fedl_model_init(&model, &config, block, sizeof block), FEDL_OK);
    fedl_model_randomise(&model, seed);
    s->container_size = fedl_container_size(&s->plan.model);
    assert_true(s->container_size <= sizeof s->container);
    assert_int_equal(fedl_model_export(&model, s->container, s->container_size), FEDL_OK);
}

void world_publish(world *w)
{
    world_server *s = &w->server;
    s->manifest.version++;
    s->manifest.round = s->round;
    s->round++;
    s->attempt = 1;
    s->reported = false;
    s->vector_size = 0;
    make_model(w, s->manifest.version);
    world_sign(w);
}

void world_server_init(world *w)
{
    world_server *s = &w->server;
    uint8_t seed[32];
    fill(seed, 32, 1);
    w->crypto->sign_keypair(s->ca_public, s->ca_secret, seed);
    fill(seed, 32, 2);
    w->crypto->sign_keypair(s->round_public, s->round_secret, seed);
    fill(s->noise_secret, 32, 3);
    w->crypto->x25519_public(s->noise_public, s->noise_secret);
    fill(s->fleet_id, 16, 4);
    fill(s->token_secret, 16, 5);
    uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES];
    fedl_fingerprint(w->crypto, fingerprint, s->noise_public, s->ca_public);
    fedl_token_format(w->crypto, s->token, s->token_secret, fingerprint);

    const fedl_plan plan = {
        .model = {.input_count = WORLD_INPUTS,
                  .input_exp = -7,
                  .loss = FEDL_LOSS_SOFTMAX_CE,
                  .layer_count = 3,
                  .layers = {{FEDL_LAYER_DENSE, 16, -14},
                             {FEDL_LAYER_RELU, 0, 0},
                             {FEDL_LAYER_DENSE, 4, -13}}},
        .train = {.local_epochs = 2, .batch_rows = 4, .lr_q24 = FEDL_LR_ONE_Q24 / 10},
        .update = {.clip_q16 = 65536,
                   .update_exp = -12,
                   .ring_bits = 16,
                   .clients_max = 2,
                   .w_unit = 0,
                   .w_max = 1},
        .aggregation = FEDL_AGGREGATION_PLAIN,
        .privacy = {.mode = FEDL_PRIVACY_NONE},
        .run_seed = 42,
        .holdout_permille = 200};
    s->plan = plan;
    s->manifest.model_class = FEDL_MODEL_TRAIN_ONLY;
    memcpy(s->manifest.fleet_id, s->fleet_id, 16);
    s->manifest.task_id = WORLD_TASK_ID;
    s->manifest.parameter_count = fedl_model_parameter_count(&s->plan.model);
    s->manifest.created_s = 1800000000;
    s->manifest.expires_s = 1900000000;
    world_publish(w);

    fedl_cert cert = {.role = FEDL_CERT_ROUND, .serial = 1};
    memcpy(cert.fleet_id, s->fleet_id, 16);
    memcpy(cert.id_public, s->round_public, 32);
    memcpy(cert.noise_public, s->noise_public, 32);
    fedl_cert_issue(w->crypto, s->cert, &cert, s->ca_secret);
}

void world_queue_message(world *w, fedli_envelope_kind kind, uint64_t session_id, fedl_bytes body)
{
    const size_t size = FEDLI_ENVELOPE_HEADER_BYTES + body.size;
    assert_true(w->wire_used + size <= sizeof w->wire);
    uint8_t *at = w->wire + w->wire_used;
    memmove(at + FEDLI_ENVELOPE_HEADER_BYTES, body.data, body.size);
    fedli_envelope_header_encode(at, kind, session_id);
    world_queue_event(w, FEDL_CLIENT_MESSAGE, FEDL_OK);
    w->queue[w->queue_count - 1u].wire_at = w->wire_used;
    w->queue[w->queue_count - 1u].wire_bytes = size;
    w->wire_used += size;
}

void world_send(world *w, const fedl_message *message)
{
    world_server *s = &w->server;
    uint8_t header[FEDLI_ENVELOPE_HEADER_BYTES];
    static uint8_t record[70000];
    size_t size = 0;
    assert_int_equal(fedl_message_encode(record + 8, sizeof record - 24, &size, message, s->arena,
                                         sizeof s->arena),
                     FEDL_OK);
    fedli_envelope_header_encode(header, FEDLI_ENVELOPE_RECORD, s->session_id);
    assert_int_equal(fedli_channel_seal(&s->channel, record, sizeof record, &size,
                                        fedl_bytes_of(record + 8, size),
                                        fedl_bytes_of(header, sizeof header)),
                     FEDL_OK);
    world_queue_message(w, FEDLI_ENVELOPE_RECORD, s->session_id, fedl_bytes_of(record, size));
}

static void split(world *w)
{
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    assert_int_equal(fedli_noise_split(&w->server.noise, send_key, receive_key, hash), FEDL_OK);
    fedli_channel_init(&w->server.channel, w->crypto, send_key, receive_key);
    w->server.session = true;
}

static void refuse(world *w)
{
    world_queue_message(w, FEDLI_ENVELOPE_REFUSE, 0, fedl_bytes_of("", 0));
}

static void on_hello(world *w, const fedli_envelope *e, fedli_noise_pattern pattern)
{
    world_server *s = &w->server;
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    uint8_t out[256];
    uint8_t ephemeral[32];
    size_t size = 0;
    const bool ik = pattern == FEDLI_NOISE_IK;
    w->hello_count++;
    fill(ephemeral, 32, (uint8_t)(90u + w->hello_count));
    if (w->silent_hello) {
        return;
    }
    assert_int_equal(fedli_noise_init(&s->noise, w->crypto, pattern, false,
                                      fedli_prologue_encode(prologue, ik ? s->fleet_id : NULL),
                                      s->noise_secret, NULL),
                     FEDL_OK);
    if (w->refuse_hello ||
        fedli_noise_read(&s->noise, out, sizeof out, &size, e->body) != FEDL_OK) {
        refuse(w);
        return;
    }
    assert_int_equal(size, 0);
    assert_int_equal(fedli_noise_write(&s->noise, out, sizeof out, &size,
                                       ik ? fedl_bytes_of("", 0) : fedl_bytes_of(s->ca_public, 32),
                                       ephemeral),
                     FEDL_OK);
    s->session_id = 1000u + w->hello_count;
    s->session = false;
    if (ik) {
        split(w);
    }
    world_queue_message(w, e->kind, s->session_id, fedl_bytes_of(out, size));
}

static void honest_task(const world *w, fedl_message *reply)
{
    const world_server *s = &w->server;
    const bool idle = s->idle || s->reported || (w->group != NULL && !world_group_wants_device(w));
    fedl_model_offer offer = {.manifest = fedl_bytes_of(s->manifest_bytes, FEDLI_MANIFEST_BYTES),
                              .plan = fedl_bytes_of(s->plan_bytes, s->plan_size)};
    memcpy(offer.signature, s->signature, 64);
    if (idle || s->offer_only) {
        reply->kind = FEDL_MESSAGE_WAIT;
        reply->u.wait.retry_after_ms = 500;
        reply->u.wait.has_offer = s->offer_only && !s->idle;
        reply->u.wait.offer = offer;
        return;
    }
    reply->kind = FEDL_MESSAGE_TASK;
    reply->u.task.task_id = s->manifest.task_id;
    reply->u.task.round = s->round;
    reply->u.task.attempt = s->attempt;
    reply->u.task.deadline_ms = 60000;
    reply->u.task.offer = offer;
}

static void honest_upload(world_server *s, const fedl_message_upload *u, fedl_message *reply)
{
    uint8_t digest[32];
    reply->kind = FEDL_MESSAGE_ACCEPTED;
    assert_true(u->total_bytes <= sizeof s->vector);
    assert_int_equal(u->round, s->round);
    if (u->offset == s->vector_size) { /* else: say where to go on */
        memcpy(s->vector + u->offset, u->payload.data, u->payload.size);
        s->vector_size += u->payload.size;
    }
    reply->u.accepted.next_offset = s->vector_size;
    if (s->vector_size == u->total_bytes) {
        reply->u.accepted.complete = true;
        s->reported = true;
        fedl_hash hash;
        const fedl_crypto *crypto = s->channel.crypto;
        crypto->hash_init(&hash, 32, NULL, 0, NULL);
        crypto->hash_update(&hash, s->vector, s->vector_size);
        crypto->hash_final(&hash, digest, 32);
        assert_memory_equal(digest, u->digest, 32);
    }
}

static void honest_enrol(world *w, const fedl_message_enrol *enrol, fedl_message *reply)
{
    world_server *s = &w->server;
    if (memcmp(enrol->secret, s->token_secret, 16) != 0) {
        reply->kind = FEDL_MESSAGE_REJECT;
        reply->u.reject.code = FEDL_REJECT_TOKEN;
        return;
    }
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = WORLD_DEVICE_ID, .serial = 1};
    memcpy(cert.fleet_id, s->fleet_id, 16);
    memcpy(cert.id_public, enrol->id_public, 32);
    memcpy(cert.noise_public, s->enrol_noise_public, 32);
    fedl_cert_issue(w->crypto, s->device_cert, &cert, s->ca_secret);
    reply->kind = FEDL_MESSAGE_ENROLLED;
    reply->u.enrolled.device_id = WORLD_DEVICE_ID;
    memcpy(reply->u.enrolled.fleet_id, s->fleet_id, 16);
    reply->u.enrolled.device_cert = fedl_bytes_of(s->device_cert, sizeof s->device_cert);
    reply->u.enrolled.server_cert = fedl_bytes_of(s->cert, sizeof s->cert);
}

static void honest(world *w, const fedl_message *request, fedl_message *reply)
{
    world_server *s = &w->server;
    reply->request_id = request->request_id;
    if (request->kind == FEDL_MESSAGE_CHECKIN) {
        honest_task(w, reply);
    } else if (request->kind == FEDL_MESSAGE_FETCH) {
        const fedl_message_fetch *f = &request->u.fetch;
        if (memcmp(f->digest, s->manifest.digest, 32) != 0) { /* only a lying offer names it */
            reply->kind = FEDL_MESSAGE_REJECT;
            reply->u.reject.code = FEDL_REJECT_NOT_FOUND;
            return;
        }
        const size_t left = s->container_size - (size_t)f->offset;
        reply->kind = FEDL_MESSAGE_CHUNK;
        reply->u.chunk.offset = f->offset;
        reply->u.chunk.total_bytes = s->container_size;
        reply->u.chunk.payload =
            fedl_bytes_of(s->container + f->offset, left < f->bytes_max ? left : f->bytes_max);
    } else if (request->kind == FEDL_MESSAGE_PUT && w->group != NULL) {
        world_group_put(w, &request->u.put, reply);
    } else if (request->kind == FEDL_MESSAGE_GET && w->group != NULL) {
        world_group_get(w, &request->u.get, reply);
    } else if (request->kind == FEDL_MESSAGE_UPLOAD && w->group != NULL) {
        world_group_upload(w, &request->u.upload, reply);
    } else if (request->kind == FEDL_MESSAGE_UPLOAD) {
        honest_upload(s, &request->u.upload, reply);
    } else if (request->kind == FEDL_MESSAGE_LEAVE) {
        reply->kind = FEDL_MESSAGE_LEFT;
    } else if (request->kind == FEDL_MESSAGE_ENROL) {
        honest_enrol(w, &request->u.enrol, reply);
    } else {
        fail_msg("the device sent a message of kind %d", (int)request->kind);
    }
}

static const char *request_name(fedl_message_kind kind)
{
    return kind == FEDL_MESSAGE_CHECKIN  ? "CHECKIN"
           : kind == FEDL_MESSAGE_FETCH  ? "FETCH"
           : kind == FEDL_MESSAGE_UPLOAD ? "UPLOAD"
           : kind == FEDL_MESSAGE_LEAVE  ? "LEAVE"
           : kind == FEDL_MESSAGE_PUT    ? "PUT"
           : kind == FEDL_MESSAGE_GET    ? "GET"
                                         : "ENROL";
}

static const char *item_name(fedl_group_item item)
{
    switch (item) {
    case FEDL_ITEM_READY:
        return "READY ";
    case FEDL_ITEM_SHARES:
        return "SHARES ";
    case FEDL_ITEM_CONFIRM:
        return "CONFIRM ";
    case FEDL_ITEM_UNMASK:
        return "UNMASK ";
    case FEDL_ITEM_COMPLAINT:
        return "COMPLAINT ";
    case FEDL_ITEM_SEED:
        return "SEED ";
    case FEDL_ITEM_ROSTER:
        return "ROSTER ";
    case FEDL_ITEM_CERTS:
        return "CERTS ";
    case FEDL_ITEM_FORWARD:
        return "FORWARD ";
    case FEDL_ITEM_SURVIVORS:
        return "SURVIVORS ";
    case FEDL_ITEM_CONFIRMS:
        return "CONFIRMS ";
    case FEDL_ITEM_HELPER:
        return "HELPER ";
    }
    return "? ";
}

static void answer(world *w, fedl_bytes frame)
{
    fedl_message request;
    fedl_message reply;
    static uint8_t arena[FEDLI_MESSAGE_ARENA_BYTES] __attribute__((aligned(16)));
    memset(&reply, 0, sizeof reply);
    assert_int_equal(fedl_message_decode(&request, frame, arena, sizeof arena), FEDL_OK);
    const uint64_t offset = request.kind == FEDL_MESSAGE_FETCH    ? request.u.fetch.offset
                            : request.kind == FEDL_MESSAGE_PUT    ? request.u.put.offset
                            : request.kind == FEDL_MESSAGE_GET    ? request.u.get.offset
                            : request.kind == FEDL_MESSAGE_UPLOAD ? request.u.upload.offset
                                                                  : 0;
    const char *item = request.kind == FEDL_MESSAGE_PUT   ? item_name(request.u.put.item)
                       : request.kind == FEDL_MESSAGE_GET ? item_name(request.u.get.item)
                                                          : "";
    world_say(w, "device > %s %s%u", request_name(request.kind), item, (unsigned)offset);
    honest(w, &request, &reply);
    switch (w->hook == NULL ? WORLD_REPLY : w->hook(w, &request, &reply)) {
    case WORLD_REPLY:
        world_send(w, &reply);
        return;
    case WORLD_SILENT:
        world_say(w, "server is silent");
        return;
    case WORLD_DISCONNECT:
        world_queue_event(w, FEDL_CLIENT_DISCONNECTED, FEDL_OK);
        return;
    case WORLD_REFUSE:
        w->server.session = false;
        refuse(w);
        return;
    }
}

void world_server_receive(world *w, fedl_bytes bytes)
{
    world_server *s = &w->server;
    static uint8_t plain[70000];
    fedli_envelope e;
    size_t size = 0;
    assert_int_equal(fedli_envelope_decode(&e, bytes), FEDL_OK);
    if (e.kind == FEDLI_ENVELOPE_HELLO_IK || e.kind == FEDLI_ENVELOPE_HELLO_XX) {
        on_hello(w, &e, e.kind == FEDLI_ENVELOPE_HELLO_IK ? FEDLI_NOISE_IK : FEDLI_NOISE_XX);
        return;
    }
    if (e.kind == FEDLI_ENVELOPE_FINISH_XX && e.session_id == s->session_id) {
        assert_int_equal(fedli_noise_read(&s->noise, plain, sizeof plain, &size, e.body), FEDL_OK);
        memcpy(s->enrol_noise_public, fedli_noise_remote_static(&s->noise), 32);
        split(w);
        answer(w, fedl_bytes_of(plain, size));
        return;
    }
    if (!s->session || e.session_id != s->session_id) {
        refuse(w);
        return;
    }
    assert_int_equal(e.kind, FEDLI_ENVELOPE_RECORD);
    assert_int_equal(fedli_channel_open(&s->channel, plain, sizeof plain, &size, e.body,
                                        fedl_bytes_of(bytes.data, FEDLI_ENVELOPE_HEADER_BYTES)),
                     FEDL_OK);
    answer(w, fedl_bytes_of(plain, size));
}
