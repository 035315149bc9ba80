/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of the contract: memory, order of events, and that no secret stays behind. */
#include "cmocka_all.h"

#include "device_world.h"

#include <stdlib.h>
#include <string.h>

static void arena_walk(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    const size_t need = fedl_client_size(&w->cfg);
    assert_true(need > 0 && need < 64000);
    for (size_t bytes = 0; bytes < need; bytes += bytes + 200 < need ? 97 : 1) {
        fedl_client client = {NULL};
        void *block = aligned_alloc(16, need); /* the sanitizer guards its end */
        assert_int_equal(fedl_client_init(&client, &w->cfg, block, bytes), FEDL_ERR_SIZE);
        assert_null(client.state);
        free(block);
    }
    fedl_client client = {NULL};
    assert_int_equal(fedl_client_init(&client, &w->cfg, NULL, need), FEDL_ERR_SIZE);
    uint8_t *block = aligned_alloc(16, need + 16);
    assert_int_equal(fedl_client_init(&client, &w->cfg, block + 1, need), FEDL_ERR_SIZE);
    free(block);
    w->cfg.chunk_bytes_max = FEDLI_CHUNK_BYTES_MAX;
    assert_true(fedl_client_size(&w->cfg) < 180000);
    world_destroy(w);
}

static void config_is_checked(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    for (int i = 0; i < 10; i++) {
        fedl_client_config cfg = w->cfg;
        switch (i) {
        case 0:
            cfg.crypto = NULL;
            break;
        case 1:
            cfg.mode = (fedl_client_mode)0;
            break;
        case 2:
            cfg.chunk_bytes_max = FEDLI_CHUNK_BYTES_MIN - 1u;
            break;
        case 3:
            cfg.chunk_bytes_max = FEDLI_CHUNK_BYTES_MAX + 1u;
            break;
        case 4:
            cfg.poll_ms = 60001;
            break;
        case 5:
            cfg.reply_timeout_ms = 0;
            break;
        case 6:
            cfg.backoff_ms_min = 0;
            break;
        case 7:
            cfg.backoff_ms_min = cfg.backoff_ms_max + 1u;
            break;
        case 8:
            cfg.mode = FEDL_CLIENT_JOIN; /* without a token */
            break;
        default:
            cfg.backoff_ms_max = UINT32_MAX;
            break;
        }
        fedl_client client = {NULL};
        assert_int_equal(fedl_client_size(&cfg), 0);
        assert_int_equal(fedl_client_init(&client, &cfg, w->block, w->block_bytes), FEDL_ERR_RANGE);
    }
    world_destroy(w);
}

static fedl_status feed(world *w, fedl_client_event_kind kind, fedl_status status)
{
    fedl_client_event event;
    fedl_client_actions actions;
    memset(&event, 0, sizeof event);
    event.kind = kind;
    event.now_ns = w->now_ns;
    event.status = status;
    return fedl_client_step(&w->client, &event, &actions);
}

static void unasked_answers_are_the_hosts_fault(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    bool done = true;
    assert_int_equal(feed(w, (fedl_client_event_kind)0, FEDL_OK), FEDL_ERR_ARGUMENT);
    assert_int_equal(feed(w, (fedl_client_event_kind)8, FEDL_OK), FEDL_ERR_ARGUMENT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(feed(w, FEDL_CLIENT_MEMORY, FEDL_OK), FEDL_ERR_STATE);
        assert_int_equal(feed(w, FEDL_CLIENT_TRAINED, FEDL_OK), FEDL_ERR_STATE);
        assert_int_equal(feed(w, FEDL_CLIENT_STORED, FEDL_OK), FEDL_ERR_STATE);
        assert_int_equal(
            fedl_client_train(&w->client, &done, &world_train_rows, &world_eval_rows, 1),
            FEDL_ERR_STATE);
        assert_true(done);
        world_run(w, 100);
        assert_true(w->server.reported);
    }
    world_destroy(w);
}

static void trained_without_training_is_the_hosts_fault(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->train_status = FEDL_ERR_CANCELLED; /* leaves the machine in TRAIN with the answer queued */
    while (w->train_count == 0) {
        world_run(w, 1);
    }
    assert_int_equal(feed(w, FEDL_CLIENT_TRAINED, FEDL_OK), FEDL_ERR_STATE);
    world_run(w, 100);
    assert_true(world_said(w, "log task refused status -25"));
    world_destroy(w);
}

static void misaligned_or_small_memory(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->refuse_memory = true; /* leaves NEED_MEMORY open with the answer queued */
    while (w->queue_count == 0 || w->queue[0].kind != FEDL_CLIENT_MEMORY) {
        world_run(w, 1);
    }
    static uint8_t block[64] __attribute__((aligned(16)));
    fedl_client_event event;
    fedl_client_actions actions;
    memset(&event, 0, sizeof event);
    event.kind = FEDL_CLIENT_MEMORY;
    event.now_ns = w->now_ns;
    event.block = block + 1;
    event.block_bytes = sizeof block - 1u;
    assert_int_equal(fedl_client_step(&w->client, &event, &actions), FEDL_ERR_ARGUMENT);
    event.block = block;
    assert_int_equal(fedl_client_step(&w->client, &event, &actions), FEDL_OK);
    assert_int_equal(actions.items[0].kind, FEDL_CLIENT_RELEASE_MEMORY);
    w->queue_count = 0;
    w->refuse_memory = false;
    world_advance(w, 100);
    assert_true(w->server.reported);
    world_destroy(w);
}

static void slices_of_any_size_give_the_same_update(void **state)
{
    (void)state;
    uint8_t vectors[2][4096];
    for (uint32_t i = 0; i < 2; i++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->train_status = FEDL_ERR_CANCELLED;
        while (w->train_count == 0) {
            world_run(w, 1);
        }
        w->queue_count = 0; /* train by hand instead */
        bool done = false;
        uint32_t calls = 0;
        while (!done) {
            assert_int_equal(fedl_client_train(&w->client, &done, &world_train_rows,
                                               &world_eval_rows, i == 0 ? 1u : 1000u),
                             FEDL_OK);
            calls++;
        }
        /* 2 slices of evaluation, 2 · 3 batches, 1 of digest */
        assert_int_equal(calls, i == 0 ? 9 : 1);
        world_queue_event(w, FEDL_CLIENT_TRAINED, FEDL_OK);
        world_run(w, 100);
        assert_true(w->server.reported);
        memcpy(vectors[i], w->server.vector, w->server.vector_size);
        world_destroy(w);
    }
    assert_memory_equal(vectors[0], vectors[1], 768);
}

/* True when the bytes stand anywhere in the block. */
static bool holds(const void *block, size_t block_bytes, const uint8_t *secret, size_t size)
{
    return memmem(block, block_bytes, secret, size) != NULL;
}

static void no_secret_stays_behind(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_run(w, 100);
    uint8_t keys[64];
    memcpy(keys, w->server.channel.send_key, 32);
    memcpy(keys + 32, w->server.channel.receive_key, 32);
    assert_true(holds(w->block, w->block_bytes, w->cfg.identity.noise_secret, 32));
    assert_true(holds(w->block, w->block_bytes, keys, 32));
    fedl_client_deinit(&w->client);
    assert_false(holds(w->block, w->block_bytes, w->cfg.identity.noise_secret, 16));
    assert_false(holds(w->block, w->block_bytes, w->cfg.identity.id_secret, 16));
    assert_false(holds(w->block, w->block_bytes, keys, 16));
    assert_false(holds(w->block, w->block_bytes, keys + 32, 16));
    fedl_client_deinit(&w->client); /* twice does no harm */
    world_destroy(w);
}

static void token_is_gone_after_joining(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    assert_true(holds(w->block, w->block_bytes, w->server.token_secret, 16));
    world_run(w, 100);
    assert_true(w->done);
    assert_false(holds(w->block, w->block_bytes, w->server.token_secret, 16));
    fedl_identity identity;
    assert_int_equal(fedl_identity_decode(&identity,
                                          fedl_bytes_of(w->stored_identity, FEDL_IDENTITY_BYTES),
                                          w->crypto),
                     FEDL_OK);
    fedl_client_deinit(&w->client);
    assert_false(holds(w->block, w->block_bytes, identity.noise_secret, 16));
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_walk),
        cmocka_unit_test(config_is_checked),
        cmocka_unit_test(unasked_answers_are_the_hosts_fault),
        cmocka_unit_test(trained_without_training_is_the_hosts_fault),
        cmocka_unit_test(misaligned_or_small_memory),
        cmocka_unit_test(slices_of_any_size_give_the_same_update),
        cmocka_unit_test(no_secret_stays_behind),
        cmocka_unit_test(token_is_gone_after_joining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
