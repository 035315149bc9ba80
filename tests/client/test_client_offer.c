/* SPDX-License-Identifier: Apache-2.0 */
/* Offers that a device must refuse, and that nothing of them is used. */
#include "cmocka_all.h"

#include "device_world.h"

#include <stdio.h>
#include <string.h>

/* Runs until the offer was answered; nothing may have been fetched, stored or trained. */
static void refused(world *w, fedl_status status)
{
    char expected[64];
    (void)snprintf(expected, sizeof expected, "log task refused status %d", (int)status);
    world_run(w, 100);
    if (!world_said(w, expected)) {
        print_error("no '%s' in\n%s", expected, w->transcript);
        fail();
    }
    assert_int_equal(w->ready_count, 0);
    assert_int_equal(w->train_count, 0);
    assert_false(world_said(w, "host stores"));
    assert_false(w->server.reported);
    /* It asks again, later and later. */
    const uint32_t asked = world_count(w, "CHECKIN");
    const fedl_instant_ns before_ns = w->now_ns;
    world_advance(w, 100);
    assert_true(world_count(w, "CHECKIN") > asked);
    assert_true(w->now_ns - before_ns >= (fedl_instant_ns)w->cfg.backoff_ms_min / 2 * WORLD_MS);
}

/* A change of the honest offer and what it is refused with. */
static void flip_signature(world *w)
{
    w->server.signature[5] ^= 1u;
}

static void flip_manifest(world *w)
{
    w->server.manifest_bytes[30] ^= 1u;
}

static void flip_plan(world *w)
{
    w->server.plan_bytes[w->server.plan_size - 1u] ^= 1u;
}

static void sign_with_another_key(world *w)
{
    uint8_t public_key[32];
    uint8_t secret[64];
    const uint8_t seed[32] = {77};
    w->crypto->sign_keypair(public_key, secret, seed);
    fedl_manifest_sign(w->crypto, w->server.signature, w->server.manifest_bytes, secret);
}

static void resign(world *w)
{
    fedl_manifest_encode(w->server.manifest_bytes, &w->server.manifest);
    fedl_manifest_sign(w->crypto, w->server.signature, w->server.manifest_bytes,
                       w->server.round_secret);
}

static void other_fleet(world *w)
{
    w->server.manifest.fleet_id[0] ^= 1u;
    resign(w);
}

static void other_task(world *w)
{
    w->server.manifest.task_id = 4; /* TASK repeats it, the machine compares with the manifest */
    resign(w);
    w->server.manifest.task_id = WORLD_TASK_ID;
}

static void no_task(world *w)
{
    w->server.manifest.task_id = 0;
    resign(w);
    w->server.manifest.task_id = WORLD_TASK_ID;
}

static void newer_library(world *w)
{
    w->server.manifest.library_version_min = FEDL_LIBRARY_VERSION + 1u;
    resign(w);
}

static void expired(world *w)
{
    w->server.manifest.expires_s = w->utc_s - 1u;
    resign(w);
}

static void expired_round(world *w)
{
    w->server.round = 6;
    w->server.manifest.expires_round = 5;
    resign(w);
}

static void old_round(world *w)
{
    w->server.manifest.round = w->server.round; /* the model came out of the round it is for */
    resign(w);
}

static void other_size(world *w)
{
    w->server.manifest.container_bytes++;
    resign(w);
}

static void other_parameter_count(world *w)
{
    w->server.manifest.parameter_count++;
    resign(w);
}

static void rolled_back(world *w)
{
    w->cfg.progress.count = 1;
    w->cfg.progress.tasks[0].task_id = WORLD_TASK_ID;
    w->cfg.progress.tasks[0].version = 2;
    world_start(w);
}

/* Any byte of the plan changed by a server that signs what it changed. */
static void resign_plan(world *w)
{
    fedl_digest(w->crypto, w->server.manifest.plan_digest, w->server.plan_bytes,
                w->server.plan_size);
    resign(w);
}

static void plan_cut(world *w)
{
    w->server.plan_size -= 3u;
    resign_plan(w);
}

static void no_memory(world *w)
{
    w->refuse_memory = true;
}

static void memory_limit(world *w)
{
    w->cfg.memory_bytes_max = 1000;
    world_start(w);
}

static void every_bad_offer_is_refused(void **state)
{
    (void)state;
    const struct {
        void (*change)(world *w);
        fedl_status status;
    } cases[] = {
        {flip_signature, FEDL_ERR_AUTH},
        {flip_manifest, FEDL_ERR_AUTH},
        {sign_with_another_key, FEDL_ERR_AUTH},
        {flip_plan, FEDL_ERR_MISMATCH},
        {other_fleet, FEDL_ERR_MISMATCH},
        {other_task, FEDL_ERR_MISMATCH},
        {no_task, FEDL_ERR_MISMATCH},
        {other_size, FEDL_ERR_MISMATCH},
        {other_parameter_count, FEDL_ERR_MISMATCH},
        {old_round, FEDL_ERR_MISMATCH},
        {newer_library, FEDL_ERR_VERSION},
        {expired, FEDL_ERR_EXPIRED},
        {expired_round, FEDL_ERR_EXPIRED},
        {rolled_back, FEDL_ERR_REPLAY},
        {plan_cut, FEDL_ERR_TRUNCATED},
        {no_memory, FEDL_ERR_NO_MEMORY},
        {memory_limit, FEDL_ERR_NO_MEMORY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int offer_only = 0; offer_only < 2; offer_only++) {
            world *w = world_create(FEDL_CLIENT_RUN);
            w->server.offer_only = offer_only != 0;
            cases[i].change(w);
            const bool needs_round = cases[i].change == other_task ||
                                     cases[i].change == old_round ||
                                     cases[i].change == expired_round;
            if (!needs_round || offer_only == 0) {
                refused(w, cases[i].status);
            }
            world_destroy(w);
        }
    }
}

/* Each byte of a correctly signed plan set to 0xff: taken, or refused by name, never a crash. */
static void any_plan_byte_is_survived(void **state)
{
    (void)state;
    uint32_t unsupported = 0;
    uint32_t refused_count = 0;
    world *probe = world_create(FEDL_CLIENT_RUN);
    const size_t size = probe->server.plan_size;
    world_destroy(probe);
    for (size_t at = 0; at < size; at++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->server.plan_bytes[at] = (uint8_t)(w->server.plan_bytes[at] == 7u ? 9u : 7u);
        resign_plan(w);
        w->train_status = FEDL_ERR_NOT_FOUND; /* the host finds no data: enough for this test */
        fedl_plan decoded;
        const fedl_status status =
            fedl_plan_decode(&decoded, fedl_bytes_of(w->server.plan_bytes, size));
        if (status == FEDL_OK) {
            memcpy(&w->server.plan, &decoded, sizeof decoded);
        }
        world_run(w, 40);
        refused_count += world_said(w, "log task refused") ? 1u : 0u;
        unsupported += world_said(w, "log task refused status -7") ? 1u : 0u;
        world_destroy(w);
    }
    assert_true(refused_count > 20);
    assert_true(unsupported >= 1); /* aggregation 7 is no aggregation that this device knows */
}

static void no_clock_skips_expiry(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    expired(w);
    w->utc_s = 0;
    world_run(w, 100);
    assert_true(w->server.reported);
    world_destroy(w);
}

static void other_tasks_have_versions_of_their_own(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.progress.count = 1;
    w->cfg.progress.tasks[0].task_id = WORLD_TASK_ID + 1u;
    w->cfg.progress.tasks[0].version = 99;
    world_start(w);
    world_run(w, 100);
    assert_true(w->server.reported);
    assert_int_equal(w->stored_progress[1], 2); /* tasks */
    assert_int_equal(w->stored_progress[14], WORLD_TASK_ID);
    world_destroy(w);
}

static world_answer damage_second_chunk(world *w, const fedl_message *request, fedl_message *reply)
{
    static uint8_t bytes[FEDLI_CHUNK_BYTES_MIN];
    (void)w;
    if (request->kind == FEDL_MESSAGE_FETCH && request->u.fetch.offset == 256) {
        memcpy(bytes, reply->u.chunk.payload.data, sizeof bytes);
        bytes[100] ^= 0x10u;
        reply->u.chunk.payload = fedl_bytes_of(bytes, sizeof bytes);
    }
    return WORLD_REPLY;
}

static void wrong_container_is_never_used(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = damage_second_chunk;
    world_run(w, 100);
    assert_true(world_said(w, "log task refused status -14"));
    assert_int_equal(w->ready_count, 0);
    assert_false(world_said(w, "host stores"));
    assert_null(w->task_block); /* given back */
    w->hook = NULL;
    world_forget(w);
    world_advance(w, 100);
    assert_true(world_said(w, "FETCH 0")); /* from the beginning */
    assert_true(w->server.reported);
    world_destroy(w);
}

static void progress_that_is_not_stored_stops_the_use(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->store_status = FEDL_ERR_NO_SPACE;
    world_run(w, 100);
    assert_true(world_said(w, "log task refused status -21"));
    assert_int_equal(w->ready_count, 0);
    assert_int_equal(w->train_count, 0);
    w->store_status = FEDL_OK;
    world_forget(w);
    world_advance(w, 100);
    assert_false(world_said(w, "FETCH")); /* the container is still good */
    assert_true(w->server.reported);
    world_destroy(w);
}

static void diverged_round_is_not_tried_again(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->train_status = FEDL_ERR_DIVERGED;
    world_run(w, 100);
    assert_true(world_said(w, "log task refused status -18"));
    w->server.attempt = 2;
    world_advance(w, 100);
    assert_int_equal(w->train_count, 1); /* it is deterministic */
    w->train_status = FEDL_OK;
    world_publish(w);
    world_advance(w, 100);
    assert_int_equal(w->train_count, 2);
    assert_true(w->server.reported);
    world_destroy(w);
}

static void data_that_comes_back_is_trained_on(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->train_status = FEDL_ERR_NOT_FOUND;
    world_run(w, 100);
    assert_true(world_said(w, "log task refused status -12"));
    w->train_status = FEDL_OK;
    world_advance(w, 100);
    assert_int_equal(w->train_count, 2);
    assert_true(w->server.reported);
    world_destroy(w);
}

static void bad_offer_leaves_the_held_update_alone(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_run(w, 100);
    w->server.reported = false;
    w->server.vector_size = 0;
    w->server.attempt = 2;
    flip_signature(w);
    world_advance(w, 100);
    assert_true(world_said(w, "log task refused status -8"));
    flip_signature(w);
    world_forget(w);
    world_advance(w, 100);
    assert_true(w->server.reported);
    assert_int_equal(w->train_count, 1);
    assert_false(world_said(w, "FETCH"));
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_offer_is_refused),
        cmocka_unit_test(any_plan_byte_is_survived),
        cmocka_unit_test(no_clock_skips_expiry),
        cmocka_unit_test(other_tasks_have_versions_of_their_own),
        cmocka_unit_test(wrong_container_is_never_used),
        cmocka_unit_test(progress_that_is_not_stored_stops_the_use),
        cmocka_unit_test(diverged_round_is_not_tried_again),
        cmocka_unit_test(data_that_comes_back_is_trained_on),
        cmocka_unit_test(bad_offer_leaves_the_held_update_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
