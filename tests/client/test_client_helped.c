/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper rounds from the device's side: what it sends and keeps, and that whatever happens to its
 * messages, its memory or its power, one seed never masks two vectors (the world compares
 * everything that is sent twice).
 */
#include "cmocka_all.h"

#include "device_saved.h"
#include "secure/cert.h"

#include <stdlib.h>
#include <string.h>

static void a_helper_round_reads_like_this(void **state)
{
    (void)state;
    world *w = helped_world(1024);
    world_until_done(w);
    assert_string_equal(w->transcript, "log connected status 0 a 0 b 0 round 0.0\n"
                                       "device > CHECKIN 0\n"
                                       "log task status 0 a 0 b 0 round 1.1\n"
                                       "device > FETCH 0\n"
                                       "log fetched status 0 a 1 b 760 round 1.1\n"
                                       "host stores progress\n"
                                       "host gets model 1\n"
                                       "host trains round 1\n"
                                       "log trained status 0 a 12 b 78686 round 1.1\n"
                                       "device > GET HELPER 0\n"
                                       "host stores progress\n"
                                       "device > PUT SEED 0\n"
                                       "device > UPLOAD 0\n"
                                       "log masked status 0 a 768 b 0 round 1.1\n"
                                       "log uploaded status 0 a 768 b 0 round 1.1\n"
                                       "device > CHECKIN 0\n"
                                       "log waiting status 0 a 500 b 0 round 1.1\n");
    world_expect_sum(w);
    assert_int_equal(w->group->helper_asked, 1);
    fedl_client_progress kept;
    assert_int_equal(fedl_client_progress_decode(
                         &kept, fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
                     FEDL_OK);
    assert_int_equal(kept.tasks[0].round_opened, 1);
    assert_int_equal(kept.tasks[0].attempt_opened, 1);
    world_destroy(w);
}

static void every_ring_and_chunk_gives_the_same_sum(void **state)
{
    (void)state;
    static const uint8_t rings[] = {8, 16, 24, 32};
    static const uint32_t chunks[] = {256, 300, 1000, 16384};
    for (size_t r = 0; r < 4; r++) {
        for (size_t i = 0; i < 4; i++) {
            world *w = world_create(FEDL_CLIENT_RUN);
            w->cfg.chunk_bytes_max = chunks[i];
            world_helped(w, 5, rings[r]);
            world_until_done(w);
            world_expect_sum(w);
            world_destroy(w);
        }
    }
}

static void rounds_follow_each_other(void **state)
{
    (void)state;
    world *w = helped_world(4096);
    uint8_t masked[8192] = {0};
    uint8_t seed[FEDLI_SEED_ITEM_BYTES] = {0};
    for (uint32_t round = 1; round <= 5; round++) {
        world_forget(w);
        world_until_done(w);
        world_expect_sum(w);
        assert_int_equal(w->group->helper_asked, round);
        assert_memory_not_equal(w->group->masked, masked, w->group->masked_size);
        assert_memory_not_equal(w->group->put[FEDL_ITEM_SEED], seed, sizeof seed);
        memcpy(masked, w->group->masked, sizeof masked);
        memcpy(seed, w->group->put[FEDL_ITEM_SEED], sizeof seed);
        world_next_round(w);
    }
    assert_int_equal(w->train_count, 5);
    world_destroy(w);
}

static void another_device_may_vanish(void **state)
{
    (void)state;
    world *w = open_world(4096);
    world_until_done(w);
    assert_int_equal(w->group->helper_asked, 0);
    wait_for_the_helper(w);
    assert_int_equal(fedl_group_u3_count(&w->group->group), 5);
    world_expect_sum(w);
    world_destroy(w);
}

static void a_new_attempt_has_another_mask(void **state)
{
    (void)state;
    static const char *const stops[] = {"PUT SEED", "UPLOAD 0", "log masked"};
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        world *w = open_world(256);
        while (!world_said(w, stops[i])) {
            world_run(w, 1);
        }
        uint8_t first[8192];
        uint8_t seed[FEDLI_SEED_ITEM_BYTES];
        const size_t seen = w->group->masked_size;
        memcpy(first, w->group->masked, sizeof first);
        memcpy(seed, w->group->put[FEDL_ITEM_SEED], sizeof seed);
        w->group->masked_size = 0;
        w->group->peers[1].gone_after = (fedl_group_item)0;
        world_next_attempt(w);
        world_forget(w);
        world_until_done(w);
        world_expect_sum(w);
        assert_int_equal(w->group->helper_asked, 1);
        assert_int_equal(w->train_count, 1);
        assert_memory_not_equal(w->group->put[FEDL_ITEM_SEED], seed, 64);
        assert_true(i == 0 || seen > 0);
        if (seen > 0) {
            assert_memory_not_equal(w->group->masked, first, seen);
        }
        world_destroy(w);
    }
}

/* ---- lost messages, memory and power ---- */

static void every_answer_may_get_lost(void **state)
{
    (void)state;
    for (int start = 0; start < 6; start++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->cfg.chunk_bytes_max = 256;
        w->cfg.reply_timeout_ms = 100;
        w->cfg.poll_ms = 0;
        w->cfg.backoff_ms_min = 1;
        w->cfg.backoff_ms_max = 2;
        world_helped(w, 5, 24);
        w->counter = start;
        w->hook = world_lose_each_once;
        for (uint32_t i = 0; i < 2000 && !world_said(w, "log uploaded"); i++) {
            world_advance(w, 10);
        }
        assert_true(world_said(w, "log uploaded"));
        world_expect_sum(w);
        assert_int_equal(w->train_count, 1);
        world_destroy(w);
    }
}

/* A server that asks for seed and vector from the beginning, again and again: it gets the same
 * bytes (the world compares), or nothing. */
static world_answer from_the_beginning(world *w, const fedl_message *request, fedl_message *reply)
{
    const bool seed = request->kind == FEDL_MESSAGE_PUT && request->u.put.item == FEDL_ITEM_SEED;
    const bool vector = request->kind == FEDL_MESSAGE_UPLOAD;
    if ((seed || vector) && reply->kind == FEDL_MESSAGE_ACCEPTED && w->counter < 12) {
        w->counter++;
        if (w->counter % 3 != 0) {
            reply->u.accepted.next_offset = 0;
            reply->u.accepted.complete = false;
            if (vector) {
                w->group->staged_size = 0;
            }
        }
    }
    return WORLD_REPLY;
}

static void what_is_asked_for_again_is_the_same(void **state)
{
    (void)state;
    world *w = open_world(256);
    w->hook = from_the_beginning;
    world_run(w, 300);
    for (uint32_t i = 0; i < 10; i++) {
        world_advance(w, 50);
    }
    assert_int_equal(w->counter, 12);
    assert_true(world_count(w, "PUT SEED 0") > 1);
    assert_int_equal(w->train_count, 1);
    world_destroy(w);
}

static void any_step_may_be_the_last_before_a_pause(void **state)
{
    (void)state;
    uint32_t pauses = 0;
    uint32_t seeds = 0;
    for (uint32_t at = 1; at < 60; at++) {
        world *w = helped_world(256);
        world_run(w, at);
        if (fedl_client_save_bytes(&w->client) == 0) {
            world_destroy(w);
            continue;
        }
        pauses++;
        seeds += w->group->put_size[FEDL_ITEM_SEED] > 0;
        put_away(w);
        forget_machine(w);
        assert_int_equal(take_up(w), FEDL_OK);
        for (uint32_t i = 0; i < 200 && !w->server.reported; i++) {
            world_advance(w, 200);
        }
        world_expect_sum(w);
        assert_int_equal(w->train_count, 1);
        assert_false(world_said(w, "refused status"));
        world_next_round(w);
        world_forget(w);
        world_until_done(w);
        world_expect_sum(w);
        world_destroy(w);
    }
    assert_true(pauses >= 6); /* GET, two parts of the seed, three of the vector */
    assert_true(seeds >= 5);
}

/* The seed is out, and the device is taken up from one saved state twice, with a power cut in
 * between: the second machine knows that the first has been. */
static void a_saved_seed_masks_one_vector(void **state)
{
    (void)state;
    static const char *const stops[] = {"PUT SEED 0", "UPLOAD 0"};
    for (size_t i = 0; i < 2; i++) {
        world *w = open_world(256);
        while (!world_said(w, stops[i]) || fedl_client_save_bytes(&w->client) == 0) {
            world_run(w, 1);
        }
        put_away(w);
        forget_machine(w);
        assert_int_equal(take_up(w), FEDL_OK);
        world_run(w, 3); /* STORE: the saved state is used up */
        assert_true(world_said(w, "host stores progress"));
        forget_machine(w);
        assert_int_equal(take_up(w), FEDL_ERR_REPLAY);
        free(w->block);
        world_start(w); /* without it: the attempt is over for this device */
        w->group->insist = true;
        world_forget(w);
        world_run(w, 300);
        assert_int_equal(w->refusal, FEDL_REFUSAL_ROUND_REUSED);
        assert_false(world_said(w, "PUT"));
        assert_false(world_said(w, "UPLOAD"));
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_helper_round_reads_like_this),
        cmocka_unit_test(every_ring_and_chunk_gives_the_same_sum),
        cmocka_unit_test(rounds_follow_each_other),
        cmocka_unit_test(another_device_may_vanish),
        cmocka_unit_test(a_new_attempt_has_another_mask),
        cmocka_unit_test(every_answer_may_get_lost),
        cmocka_unit_test(what_is_asked_for_again_is_the_same),
        cmocka_unit_test(any_step_may_be_the_last_before_a_pause),
        cmocka_unit_test(a_saved_seed_masks_one_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
