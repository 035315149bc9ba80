/* SPDX-License-Identifier: Apache-2.0 */
/* Masked rounds from the device's side: what it sends, keeps, resumes and forgets. */
#include "cmocka_all.h"

#include "device_group.h"

#include <string.h>

static void a_masked_round_reads_like_this(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 1024;
    world_masked(w, 5, FEDL_TRUST_ACTIVE, 16);
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
                                       "device > PUT READY 0\n"
                                       "device > GET ROSTER 0\n"
                                       "device > GET CERTS 0\n"
                                       "device > GET CERTS 1024\n"
                                       "log cohort status 0 a 6 b 0 round 1.1\n"
                                       "host stores progress\n"
                                       "device > PUT SHARES 0\n"
                                       "device > GET FORWARD 0\n"
                                       "device > UPLOAD 0\n"
                                       "log masked status 0 a 768 b 0 round 1.1\n"
                                       "device > GET SURVIVORS 0\n"
                                       "host stores progress\n"
                                       "device > PUT CONFIRM 0\n"
                                       "device > GET CONFIRMS 0\n"
                                       "device > PUT UNMASK 0\n"
                                       "log uploaded status 0 a 768 b 0 round 1.1\n"
                                       "device > CHECKIN 0\n"
                                       "log waiting status 0 a 500 b 0 round 1.1\n");
    world_expect_sum(w);
    /* No pass over the vector for a digest that nobody needs. */
    const uint8_t zeros[32] = {0};
    assert_memory_equal(w->client.state->update_digest, zeros, sizeof zeros);
    fedl_client_progress kept;
    assert_int_equal(fedl_client_progress_decode(
                         &kept, fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
                     FEDL_OK);
    assert_int_equal(kept.tasks[0].round_opened, 1);
    assert_int_equal(kept.tasks[0].attempt_opened, 1);
    assert_int_equal(kept.tasks[0].round_closed, 1);
    assert_true(kept.tasks[0].rho_spent == 0);
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
            world_masked(w, 5, FEDL_TRUST_CURIOUS, rings[r]);
            world_until_done(w);
            world_expect_sum(w);
            world_destroy(w);
        }
    }
}

static void rounds_follow_each_other(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 4096;
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    uint8_t masked[8192] = {0};
    const void *block = NULL;
    for (uint32_t round = 1; round <= 6; round++) { /* epochs of four rounds */
        if (round == 3) { /* one of the others begins a new epoch in between */
            memset(&w->group->peers[0].epoch, 0, sizeof w->group->peers[0].epoch);
            world_group_begin(w);
        }
        world_forget(w);
        world_until_done(w);
        world_expect_sum(w);
        /* Certificates are asked for once per epoch: afterwards the pairs are known. */
        assert_int_equal(world_said(w, "GET CERTS"), round % 2 == 1);
        assert_memory_not_equal(w->group->masked, masked, w->group->masked_size);
        memcpy(masked, w->group->masked, sizeof masked);
        assert_true(block == NULL || block == w->task_block); /* it stays, with the pairs in it */
        block = w->task_block;
        world_next_round(w);
    }
    assert_int_equal(w->train_count, 6);
    world_destroy(w);
}

/* The attempt fails at the server in every phase; the next one has the same update, masked anew. */
static void a_new_attempt_masks_the_kept_update_anew(void **state)
{
    (void)state;
    static const char *const stops[] = {"GET ROSTER", "GET FORWARD", "UPLOAD 0", "GET SURVIVORS"};
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->cfg.chunk_bytes_max = 4096;
        world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
        /* Without it the vectors are never all there: the device waits for the survivors. */
        w->group->peers[1].gone_after = FEDL_ITEM_SHARES;
        world_next_attempt(w);
        while (!world_said(w, stops[i])) {
            world_run(w, 1);
        }
        uint8_t rb[32];
        uint8_t first[8192];
        const size_t seen = w->group->masked_size;
        memcpy(first, w->group->masked, sizeof first);
        memcpy(rb, w->group->rb, sizeof rb);
        uint8_t ready[FEDLI_READY_BYTES];
        memcpy(ready, w->group->put[FEDL_ITEM_READY], sizeof ready);
        w->group->peers[1].gone_after = 0;
        world_next_attempt(w); /* what the device asks for next is stale */
        world_forget(w);
        world_until_done(w);
        assert_true(world_said(w, "log task status 0 a 0 b 0 round 1.3"));
        world_expect_sum(w);
        assert_int_equal(w->train_count, 1);
        /* Another nonce, so another secret; the same epoch key. */
        assert_memory_not_equal(w->group->put[FEDL_ITEM_READY], ready, FEDLI_NONCE16_BYTES);
        assert_memory_equal(w->group->put[FEDL_ITEM_READY] + FEDLI_NONCE16_BYTES,
                            ready + FEDLI_NONCE16_BYTES, sizeof ready - FEDLI_NONCE16_BYTES);
        if (seen > 0) {
            assert_memory_not_equal(w->group->masked, first, seen);
            assert_memory_not_equal(w->group->rb, rb, 32);
        }
        world_destroy(w);
    }
}

static void a_device_that_is_late_is_done_all_the_same(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 4096;
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->group->hurry = true;
    world_run(w, 200);
    assert_true(world_said(w, "GET SURVIVORS"));
    assert_false(world_said(w, "PUT UNMASK"));
    assert_false(world_said(w, "refused"));
    assert_false(world_said(w, "rejected"));     /* that others were quicker is no news */
    assert_false(world_said(w, "log uploaded")); /* perhaps the attempt has failed */
    world_expect_sum(w);
    world_next_round(w);
    world_forget(w);
    world_until_done(w);
    assert_true(world_said(w, "log uploaded status 0 a 768 b 0 round 1.1"));
    assert_int_equal(w->train_count, 2);
    world_destroy(w);
}

static void another_device_may_vanish_at_any_step(void **state)
{
    (void)state;
    static const fedl_group_item steps[] = {FEDL_ITEM_READY, FEDL_ITEM_SHARES, WORLD_ITEM_UPLOAD,
                                            FEDL_ITEM_CONFIRM};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->cfg.chunk_bytes_max = 4096;
        world_masked(w, 5, FEDL_TRUST_ACTIVE, 16);
        w->group->peers[2].gone_after = steps[i];
        world_next_attempt(w);
        world_until_done(w);
        world_group_pump(w);
        world_expect_sum(w);
        world_destroy(w);
    }
}

/* ---- lost messages ---- */

static void every_answer_may_get_lost(void **state)
{
    (void)state;
    for (int start = 0; start < 6; start++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->cfg.chunk_bytes_max = 512;
        w->cfg.reply_timeout_ms = 100;
        w->cfg.poll_ms = 0;
        w->cfg.backoff_ms_min = 1;
        w->cfg.backoff_ms_max = 2;
        world_masked(w, 5, FEDL_TRUST_ACTIVE, 24);
        w->counter = start;
        w->hook = world_lose_each_once;
        /* The world itself checks that what is sent twice is the same. */
        for (uint32_t i = 0; i < 2000 && !world_said(w, "log uploaded"); i++) {
            world_advance(w, 10);
            if (w->transcript_used > sizeof w->transcript / 2) {
                world_forget(w);
            }
        }
        assert_true(world_said(w, "log uploaded"));
        world_expect_sum(w);
        assert_int_equal(w->train_count, 1);
        world_destroy(w);
    }
}

/* ---- a server that is restarted behind the commit point ---- */

static void last_items_are_given_again(void **state)
{
    (void)state;
    for (int active = 0; active < 2; active++) {
        for (int late = 0; late < 2; late++) {
            world *w = world_create(FEDL_CLIENT_RUN);
            w->cfg.chunk_bytes_max = 4096;
            world_masked(w, 5, active != 0 ? FEDL_TRUST_ACTIVE : FEDL_TRUST_CURIOUS, 16);
            if (late != 0) {
                world_until_done(w);
            } else {
                /* One of the others never confirms: the device waits for the time-out. */
                w->group->peers[0].gone_after = WORLD_ITEM_UPLOAD;
                while (!world_said(w, active != 0 ? "GET CONFIRMS" : "PUT UNMASK")) {
                    world_run(w, 1);
                }
            }
            world_forget(w);
            for (uint32_t i = 0; i < w->group->peer_count; i++) {
                fedli_party_rewind(&w->group->peers[i].party);
            }
            world_group_restart(w);
            for (uint32_t i = 0; i < 20 && !w->server.reported; i++) {
                world_advance(w, 200);
            }
            assert_true(w->server.reported);
            world_group_pump(w);
            world_expect_sum(w);
            assert_false(world_said(w, "refused status"));
            assert_int_equal(world_said(w, "PUT CONFIRM"), active != 0);
            assert_int_equal(w->train_count, 1);
            assert_true(world_count(w, "log uploaded") + (late != 0 ? 1u : 0u) <= 1);
            /* And the next round is nothing special. */
            world_next_round(w);
            world_forget(w);
            world_until_done(w);
            world_expect_sum(w);
            world_destroy(w);
        }
    }
}

/* A server that finds the last item out of place does not make the device forget it. */
static world_answer unmask_out_of_place(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind == FEDL_MESSAGE_PUT && request->u.put.item == FEDL_ITEM_UNMASK &&
        w->counter++ == 0) {
        reply->kind = FEDL_MESSAGE_REJECT;
        memset(&reply->u, 0, sizeof reply->u);
        reply->u.reject.code = FEDL_REJECT_MISMATCH;
        w->server.reported = false;
        w->group->insist = true;
    }
    return WORLD_REPLY;
}

static void a_misplaced_last_item_is_kept(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 4096;
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->hook = unmask_out_of_place;
    world_until_done(w);
    assert_int_equal(world_count(w, "PUT UNMASK"), 2);
    assert_int_equal(world_count(w, "FETCH"), 1);
    world_expect_sum(w);
    world_destroy(w);
}

/* Only this very attempt, and only from the machine that took part in it. */
static void nobody_else_gives_them_again(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 4096;
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    world_until_done(w);
    world_power_cut(w);
    w->server.reported = false;
    w->group->insist = true;
    world_forget(w);
    world_run(w, 200);
    assert_int_equal(w->refusal, FEDL_REFUSAL_ROUND_CLOSED);
    assert_int_equal(w->asked, 1);
    assert_int_equal(w->allowed, 1);
    assert_false(world_said(w, "PUT"));
    w->refusal = FEDL_REFUSAL_NONE;
    world_next_attempt(w);
    world_forget(w);
    world_advance(w, 200);
    assert_int_equal(w->refusal, FEDL_REFUSAL_ROUND_CLOSED);
    assert_false(world_said(w, "PUT"));
    w->group->insist = false;
    world_next_round(w);
    world_until_done(w);
    world_expect_sum(w);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_masked_round_reads_like_this),
        cmocka_unit_test(every_ring_and_chunk_gives_the_same_sum),
        cmocka_unit_test(rounds_follow_each_other),
        cmocka_unit_test(a_new_attempt_masks_the_kept_update_anew),
        cmocka_unit_test(a_device_that_is_late_is_done_all_the_same),
        cmocka_unit_test(another_device_may_vanish_at_any_step),
        cmocka_unit_test(every_answer_may_get_lost),
        cmocka_unit_test(last_items_are_given_again),
        cmocka_unit_test(a_misplaced_last_item_is_kept),
        cmocka_unit_test(nobody_else_gives_them_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
