/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "device_group.h"

#include "base/cursor.h"
#include "base/rng.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Four classes, told apart by which quarter of the inputs is bright; a little noise. */
static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const uint32_t seed = *(const uint32_t *)context;
    const uint32_t class_index = row % 4u;
    for (uint32_t k = 0; k < WORLD_INPUTS; k++) {
        const uint32_t noise = fedli_mix32(seed + row * 64u + k) % 20u;
        input[k] = (int8_t)((k / 4u == class_index ? 90u : 5u) + noise);
    }
    target[0] = (int32_t)class_index;
    return FEDL_OK;
}

static uint32_t train_seed = 11;
static uint32_t eval_seed = 22;
const fedl_sample_source world_train_rows = {&train_seed, WORLD_ROWS, read_row};
const fedl_sample_source world_eval_rows = {&eval_seed, WORLD_EVAL_ROWS, read_row};

void world_say(world *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const size_t room = sizeof w->transcript - w->transcript_used;
    const int size = vsnprintf(w->transcript + w->transcript_used, room, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size + 2u >= room) {
        print_error("%s", w->transcript + w->transcript_used - 1500);
        fail_msg("the transcript is full");
    }
    w->transcript_used += (size_t)size;
    w->transcript[w->transcript_used++] = '\n';
    w->transcript[w->transcript_used] = 0;
}

bool world_said(const world *w, const char *text)
{
    return strstr(w->transcript, text) != NULL;
}

uint32_t world_count(const world *w, const char *text)
{
    uint32_t count = 0;
    for (const char *p = w->transcript; (p = strstr(p, text)) != NULL; p += strlen(text)) {
        count++;
    }
    return count;
}

void world_forget(world *w)
{
    w->transcript_used = 0;
    w->transcript[0] = 0;
}

void world_queue_event(world *w, fedl_client_event_kind kind, fedl_status status)
{
    assert_true(w->queue_count < sizeof w->queue / sizeof w->queue[0]);
    w->queue[w->queue_count].kind = kind;
    w->queue[w->queue_count].status = status;
    w->queue[w->queue_count].wire_bytes = 0;
    w->queue_count++;
}

static void say_log(world *w, const fedl_client_action *a)
{
    static const char *const names[] = {"",        "connected",   "connection lost", "refused",
                                        "waiting", "task",        "task refused",    "fetched",
                                        "trained", "uploaded",    "rejected",        "enrolled",
                                        "left",    "bad message", "cohort",          "masked"};
    world_say(w, "log %s status %d a %llu b %llu round %u.%u%s%s", names[a->log_kind],
              (int)a->status, (unsigned long long)a->a, (unsigned long long)a->b, a->round,
              a->attempt, a->text == NULL ? "" : " ", a->text == NULL ? "" : a->text);
    if (a->log_kind == FEDL_CLIENT_LOG_TASK_REFUSED) {
        assert_int_equal(a->status == FEDL_ERR_POLICY, a->refusal != FEDL_REFUSAL_NONE);
        w->refusal = a->refusal;
        w->accused = a->accused;
        w->asked = a->asked;
        w->allowed = a->allowed;
    }
}

static void do_train(world *w, const fedl_client_action *a)
{
    assert_memory_equal(&a->plan->train, &w->server.plan.train, sizeof a->plan->train);
    w->train_count++;
    world_say(w, "host trains round %u", a->round);
    if (w->train_status != FEDL_OK) {
        world_queue_event(w, FEDL_CLIENT_TRAINED, w->train_status);
        return;
    }
    bool done = false;
    fedl_status status = FEDL_OK;
    while (!done && status == FEDL_OK) {
        status = fedl_client_train(&w->client, &done, &world_train_rows, &world_eval_rows, 2);
    }
    world_queue_event(w, FEDL_CLIENT_TRAINED, status);
}

static void do_store(world *w, const fedl_client_action *a)
{
    const bool identity = a->store_kind == FEDL_CLIENT_STORE_IDENTITY;
    uint8_t *place = identity ? w->stored_identity : w->stored_progress;
    assert_true(identity ? a->bytes.size == FEDL_IDENTITY_BYTES
                         : a->bytes.size <= FEDL_PROGRESS_BYTES_MAX);
    if (w->store_status == FEDL_OK) {
        memcpy(place, a->bytes.data, a->bytes.size);
        w->stored_progress_bytes = identity ? w->stored_progress_bytes : a->bytes.size;
    }
    world_say(w, "host stores %s", identity ? "identity" : "progress");
    world_queue_event(w, FEDL_CLIENT_STORED, w->store_status);
}

static void carry_out(world *w, const fedl_client_action *a)
{
    switch (a->kind) {
    case FEDL_CLIENT_CONNECT:
        w->connect_count++;
        world_queue_event(w, w->refuse_connect ? FEDL_CLIENT_DISCONNECTED : FEDL_CLIENT_CONNECTED,
                          FEDL_OK);
        return;
    case FEDL_CLIENT_CLOSE:
        world_say(w, "host closes");
        return;
    case FEDL_CLIENT_SEND:
        world_server_receive(w, a->bytes);
        return;
    case FEDL_CLIENT_NEED_MEMORY:
        assert_null(w->task_block);
        w->task_block_bytes = a->size_bytes;
        w->task_block = w->refuse_memory ? NULL : aligned_alloc(16, a->size_bytes);
        world_queue_event(w, FEDL_CLIENT_MEMORY, FEDL_OK);
        return;
    case FEDL_CLIENT_RELEASE_MEMORY:
        assert_non_null(w->task_block);
        free(w->task_block);
        w->task_block = NULL;
        return;
    case FEDL_CLIENT_TRAIN:
        do_train(w, a);
        return;
    case FEDL_CLIENT_MODEL_READY:
        w->ready_count++;
        world_say(w, "host gets model %u", a->version);
        assert_int_equal(a->model.size, w->server.container_size);
        assert_memory_equal(a->model.data, w->server.container, a->model.size);
        if (a->version == w->server.manifest.version &&
            a->task_id == w->server.manifest.task_id) { /* else it comes from a lying offer */
            assert_memory_equal(a->manifest.data, w->server.manifest_bytes, FEDLI_MANIFEST_BYTES);
        }
        return;
    case FEDL_CLIENT_STORE:
        do_store(w, a);
        return;
    case FEDL_CLIENT_LOG:
        say_log(w, a);
        return;
    case FEDL_CLIENT_DONE:
        w->done = true;
        w->done_status = a->status;
        return;
    }
    fail();
}

/* A step with whatever the event says; the machine must accept it. */
static void step(world *w, fedl_client_event *event)
{
    fedl_client_actions actions;
    fedli_rng rng;
    event->now_ns = w->now_ns;
    event->utc_s = w->utc_s;
    fedli_rng_init(&rng, 1000u + w->entropy_next++);
    for (uint32_t i = 0; i < FEDL_ENTROPY_BYTES; i += 4) {
        fedli_store_u32(event->entropy + i, fedli_rng_u32(&rng));
    }
    assert_int_equal(fedl_client_step(&w->client, event, &actions), FEDL_OK);
    assert_true(actions.count <= FEDL_CLIENT_ACTIONS_MAX);
    for (uint32_t i = 0; i < actions.count; i++) {
        carry_out(w, &actions.items[i]);
    }
}

void world_event(world *w, fedl_client_event_kind kind)
{
    fedl_client_event event;
    memset(&event, 0, sizeof event);
    event.kind = kind;
    step(w, &event);
}

static void take_queued(world *w)
{
    static uint8_t bytes[70000];
    fedl_client_event event;
    memset(&event, 0, sizeof event);
    event.kind = w->queue[0].kind;
    event.status = w->queue[0].status;
    if (event.kind == FEDL_CLIENT_MESSAGE) {
        memcpy(bytes, w->wire + w->queue[0].wire_at, w->queue[0].wire_bytes);
        event.bytes = fedl_bytes_of(bytes, w->queue[0].wire_bytes);
    }
    if (event.kind == FEDL_CLIENT_MEMORY) {
        event.block = w->task_block;
        event.block_bytes = w->task_block_bytes;
    }
    w->queue_count--;
    memmove(&w->queue[0], &w->queue[1], w->queue_count * sizeof w->queue[0]);
    if (w->queue_count == 0) {
        w->wire_used = 0;
    }
    step(w, &event);
}

void world_run(world *w, uint32_t limit)
{
    for (uint32_t i = 0; i < limit && !w->done; i++) {
        if (w->queue_count > 0) {
            take_queued(w);
        } else if (fedl_client_deadline_ns(&w->client) <= w->now_ns) {
            world_event(w, FEDL_CLIENT_TICK);
        } else {
            return;
        }
    }
}

void world_advance(world *w, uint32_t limit)
{
    const fedl_instant_ns deadline_ns = fedl_client_deadline_ns(&w->client);
    if (w->queue_count == 0 && deadline_ns != FEDL_NEVER_NS && deadline_ns > w->now_ns) {
        w->now_ns = deadline_ns;
    }
    world_run(w, limit);
}

void world_until_reported(world *w)
{
    for (uint32_t i = 0; i < 40 && !world_said(w, "log uploaded"); i++) {
        world_advance(w, 100);
    }
    assert_true(world_said(w, "log uploaded"));
    assert_true(w->server.reported);
}

size_t world_expected_vector(const world *w, uint8_t *out)
{
    const world_server *s = &w->server;
    const fedl_model_config config = {s->plan.model, s->plan.train.batch_rows};
    const size_t bytes = fedl_model_size(&config);
    void *block = aligned_alloc(16, bytes);
    const fedl_bytes container = fedl_bytes_of(s->container, s->container_size);
    const fedl_train_seed seed = {s->plan.run_seed, s->round, WORLD_DEVICE_ID};
    fedl_model model;
    fedl_trainer trainer;
    fedl_update update;
    fedl_eval_stats eval = {0};
    bool done = false;
    assert_non_null(block);
    assert_int_equal(fedl_model_init(&model, &config, block, bytes), FEDL_OK);
    assert_int_equal(fedl_model_load(&model, container), FEDL_OK);
    assert_int_equal(fedl_model_evaluate(&model, &eval, &world_eval_rows, 0, WORLD_EVAL_ROWS),
                     FEDL_OK);
    assert_int_equal(
        fedl_trainer_begin(&trainer, &model, &world_train_rows, container, &s->plan.train, &seed),
        FEDL_OK);
    while (!done) {
        assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_OK);
    }
    fedl_update_config update_config = s->plan.update;
    update_config.bound_q16 = s->manifest.bound_q16;
    assert_int_equal(fedl_update_begin(&update, &model, container, &update_config, &seed,
                                       WORLD_ROWS, fedl_trainer_stats(&trainer), &eval),
                     FEDL_OK);
    const size_t size =
        fedl_update_vector_size(&s->plan.update, fedl_model_parameter_count(&s->plan.model));
    assert_int_equal(fedl_update_read(&update, out, 0, size), FEDL_OK);
    free(block);
    return size;
}

void world_start(world *w)
{
    if (w->client.state != NULL) {
        fedl_client_deinit(&w->client);
        free(w->task_block);
        free(w->block);
        w->task_block = NULL;
        w->queue_count = 0;
        w->wire_used = 0;
    }
    w->done = false;
    w->block_bytes = fedl_client_size(&w->cfg);
    assert_true(w->block_bytes > 0);
    w->block = aligned_alloc(16, w->block_bytes);
    assert_non_null(w->block);
    assert_int_equal(fedl_client_init(&w->client, &w->cfg, w->block, w->block_bytes), FEDL_OK);
}

void world_power_cut(world *w)
{
    assert_int_equal(
        fedl_client_progress_decode(&w->cfg.progress,
                                    fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
        FEDL_OK);
    world_start(w);
}

world *world_create(fedl_client_mode mode)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    w->crypto = fedl_crypto_sodium();
    w->utc_s = 1800000001;
    w->now_ns = 5;
    world_server_init(w);
    fedl_client_config_default(&w->cfg);
    w->cfg.crypto = w->crypto;
    w->cfg.mode = mode;
    w->cfg.chunk_bytes_max = FEDLI_CHUNK_BYTES_MIN;
    w->cfg.policy.min_aggregation = FEDL_AGGREGATION_PLAIN;
    if (mode == FEDL_CLIENT_JOIN) {
        w->cfg.token = w->server.token;
    } else {
        fedl_identity *id = &w->cfg.identity;
        uint8_t seed[32] = {9};
        uint8_t public_key[32];
        id->device_id = WORLD_DEVICE_ID;
        memcpy(id->fleet_id, w->server.fleet_id, 16);
        w->crypto->sign_keypair(public_key, id->id_secret, seed);
        memset(id->noise_secret, 0x5a, 32);
        memcpy(id->server_noise_public, w->server.noise_public, 32);
        memcpy(id->ca_public, w->server.ca_public, 32);
        memcpy(id->server_round_public, w->server.round_public, 32);
        fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = WORLD_DEVICE_ID, .serial = 1};
        memcpy(cert.fleet_id, id->fleet_id, 16);
        memcpy(cert.id_public, public_key, 32);
        w->crypto->x25519_public(cert.noise_public, id->noise_secret);
        fedl_cert_issue(w->crypto, id->cert, &cert, w->server.ca_secret);
        id->has_cert = true;
    }
    world_start(w);
    return w;
}

void world_destroy(world *w)
{
    fedl_client_deinit(&w->client);
    free(w->task_block);
    free(w->block);
    world_group_destroy(w);
    free(w);
}

world_answer world_lose_each_once(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)request;
    (void)reply;
    w->counter++;
    if (w->counter % 2 == 0) {
        return WORLD_REPLY;
    }
    switch (w->counter / 2 % 3) {
    case 0:
        return WORLD_DISCONNECT;
    case 1:
        return WORLD_SILENT;
    default:
        return WORLD_REFUSE; /* the session is forgotten */
    }
}
