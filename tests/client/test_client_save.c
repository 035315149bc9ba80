/* SPDX-License-Identifier: Apache-2.0 */
/* Powering down in the middle of a masked attempt, and what a saved state is not good for. */
#include "cmocka_all.h"

#include "client/saved.h"
#include "device_group.h"
#include "device_saved.h"

#include <stdlib.h>
#include <string.h>

static world *masked_world(fedl_server_trust trust)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 512;
    world_masked(w, 5, trust, 24);
    return w;
}

/* Runs until something may be put away, and this text stands in the transcript. */
static world *world_at(const char *text)
{
    world *w = masked_world(FEDL_TRUST_ACTIVE);
    while (!world_said(w, text) || fedl_client_save_bytes(&w->client) == 0) {
        world_run(w, 1);
    }
    return w;
}

/* At every step, once or every time: the same round comes out, and no item differs from what was
 * sent before (the world compares). */
static void any_step_may_be_the_last_before_a_pause(void **state)
{
    (void)state;
    for (int active = 0; active < 2; active++) {
        uint32_t pauses = 0;
        for (uint32_t at = 1; at < 80; at++) {
            world *w = masked_world(active != 0 ? FEDL_TRUST_ACTIVE : FEDL_TRUST_CURIOUS);
            world_run(w, at);
            if (fedl_client_save_bytes(&w->client) == 0) {
                world_destroy(w);
                continue;
            }
            pauses++;
            put_away(w);
            forget_machine(w);
            assert_int_equal(take_up(w), FEDL_OK);
            world_until_done(w);
            world_expect_sum(w);
            assert_int_equal(w->train_count, 1);
            assert_false(world_said(w, "refused status"));
            world_next_round(w);
            world_forget(w);
            world_until_done(w);
            world_expect_sum(w);
            world_destroy(w);
        }
        assert_true(pauses > 15);
    }
}

static void every_step_may_be_followed_by_a_pause(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    uint32_t pauses = 0;
    w->cfg.chunk_bytes_max = 256;
    world_masked(w, 5, FEDL_TRUST_ACTIVE, 32);
    for (uint32_t i = 0; i < 2000 && !world_said(w, "log uploaded"); i++) {
        world_run(w, 1);
        if (i % 11 == 10 && fedl_client_save_bytes(&w->client) != 0) {
            pauses++;
            put_away(w);
            forget_machine(w);
            assert_int_equal(take_up(w), FEDL_OK);
        }
        if (w->queue_count == 0) {
            world_advance(w, 1);
        }
    }
    assert_true(pauses > 3);
    world_expect_sum(w);
    assert_int_equal(w->train_count, 1);
    assert_int_equal(w->cfg.progress.tasks[0].resumed, pauses - 1u); /* the last is stored since */
    world_destroy(w);
}

static void last_items_are_given_again_after_a_pause(void **state)
{
    (void)state;
    world *w = masked_world(FEDL_TRUST_ACTIVE);
    world_until_done(w);
    put_away(w); /* small: neither model nor update */
    assert_true(saved_size < FEDLI_SAVED_HEAD_BYTES + 700u + w->server.plan_size +
                                 fedli_party_size(&w->server.plan));
    forget_machine(w);
    assert_int_equal(take_up(w), FEDL_OK);
    for (uint32_t i = 0; i < w->group->peer_count; i++) {
        fedli_party_rewind(&w->group->peers[i].party);
    }
    world_group_restart(w);
    world_forget(w);
    for (uint32_t i = 0; i < 20 && !w->server.reported; i++) {
        world_advance(w, 200);
    }
    assert_true(w->server.reported);
    world_group_pump(w);
    world_expect_sum(w);
    assert_false(world_said(w, "log uploaded")); /* that was logged before the pause */
    assert_false(world_said(w, "FETCH"));
    assert_int_equal(w->train_count, 1);
    world_destroy(w);
}

static void a_failed_attempt_is_followed_by_the_next_one(void **state)
{
    (void)state;
    static const char *const stops[] = {"PUT SHARES", "log masked"};
    for (size_t i = 0; i < 2; i++) {
        world *w = world_at(stops[i]);
        put_away(w);
        forget_machine(w);
        assert_int_equal(take_up(w), FEDL_OK);
        world_next_attempt(w);
        world_forget(w);
        world_until_done(w);
        world_expect_sum(w);
        /* The vector was with the server: the update is not in the saved state, but training gives
         * the same one. */
        assert_int_equal(w->train_count, i == 0 ? 1 : 2);
        world_destroy(w);
    }
}

/* ---- misuse ---- */

static void a_machine_that_was_put_away_is_used_up(void **state)
{
    (void)state;
    world *w = world_at("PUT SHARES");
    fedl_client_actions actions;
    fedl_client_event event;
    uint8_t small[16];
    bool done = false;
    size_t size = 0;
    memset(&event, 0, sizeof event);
    event.kind = FEDL_CLIENT_TICK;
    event.now_ns = w->now_ns;
    assert_int_equal(fedl_client_save(&w->client, small, sizeof small, &size), FEDL_ERR_SIZE);
    assert_int_equal(
        fedl_client_save(&w->client, saved, fedl_client_save_bytes(&w->client) - 1u, &size),
        FEDL_ERR_SIZE);
    assert_int_equal(fedl_client_step(&w->client, &event, &actions), FEDL_OK); /* not yet */
    put_away(w);
    assert_int_equal(fedl_client_save_bytes(&w->client), 0);
    assert_int_equal(fedl_client_save(&w->client, saved, sizeof saved, &size), FEDL_ERR_STATE);
    for (int kind = FEDL_CLIENT_TICK; kind <= (int)FEDL_CLIENT_STORED; kind++) {
        event.kind = (fedl_client_event_kind)kind;
        assert_int_equal(fedl_client_step(&w->client, &event, &actions), FEDL_ERR_STATE);
    }
    assert_int_equal(fedl_client_train(&w->client, &done, &world_train_rows, &world_eval_rows, 1),
                     FEDL_ERR_STATE);
    assert_int_equal(fedl_client_deadline_ns(&w->client), FEDL_NEVER_NS);
    world_destroy(w);
}

static void without_an_attempt_there_is_nothing_to_save(void **state)
{
    (void)state;
    size_t size = 0;
    world *w = world_create(FEDL_CLIENT_RUN); /* plain */
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(fedl_client_save_bytes(&w->client), 0);
        assert_int_equal(fedl_client_save(&w->client, saved, sizeof saved, &size), FEDL_ERR_STATE);
        world_run(w, 1);
    }
    assert_true(w->server.reported);
    world_destroy(w);
}

static void a_state_is_good_for_once(void **state)
{
    (void)state;
    world *w = world_at("PUT SHARES");
    put_away(w);
    forget_machine(w);
    assert_int_equal(take_up(w), FEDL_OK);
    world_run(w, 3); /* STORE */
    assert_true(world_said(w, "host stores progress"));
    forget_machine(w); /* power cut */
    assert_int_equal(take_up(w), FEDL_ERR_REPLAY);
    world_destroy(w);
}

static void a_state_that_the_device_has_gone_on_without_is_refused(void **state)
{
    (void)state;
    static const char *const stops[] = {"PUT READY", "PUT SHARES", "log masked", "PUT CONFIRM"};
    for (size_t i = 0; i < 4; i++) {
        for (int way = 0; way < 3; way++) {
            world *w = world_at(stops[i]);
            put_away(w);
            forget_machine(w);
            fedl_client_accepted *task = &w->cfg.progress.tasks[0];
            if (way == 0) { /* another attempt was opened */
                fedli_progress_open(&w->cfg.progress, WORLD_TASK_ID, 1, 2, 0);
            } else if (way == 1) { /* survivors of a later round were named */
                fedli_progress_close(&w->cfg.progress, WORLD_TASK_ID, 2);
            } else { /* a newer model was accepted */
                task->version++;
            }
            assert_int_equal(take_up(w), FEDL_ERR_REPLAY);
            w->cfg.progress.count = 0;
            assert_int_equal(take_up(w), FEDL_ERR_REPLAY);
            assert_null(w->client.state);
            free(w->block);
            world_start(w);
            world_destroy(w);
        }
    }
}

static void changed_bytes_are_found(void **state)
{
    (void)state;
    world *w = world_at("PUT SHARES");
    put_away(w);
    forget_machine(w);
    for (size_t at = 0; at < saved_size; at += at < 200 ? 1 : 13) {
        saved[at] ^= 0x40u;
        assert_int_equal(take_up(w), at < 4 ? FEDL_ERR_FORMAT : FEDL_ERR_CORRUPT);
        saved[at] ^= 0x40u;
    }
    const size_t whole = saved_size;
    for (saved_size = 0; saved_size < whole; saved_size += saved_size < 200 ? 1 : 17) {
        assert_int_equal(take_up(w), saved_size < 4 ? FEDL_ERR_FORMAT : FEDL_ERR_CORRUPT);
    }
    saved_size = whole;
    /* Another format, and another build, with a right tag. */
    for (size_t at = 4; at <= 12; at += 4) {
        saved[at == 8 ? 7 : at] ^= 1u; /* format, an unknown flag, library */
        fedli_saved_tag(w->crypto, saved + saved_size - 32, &w->cfg.identity, saved,
                        saved_size - 32);
        assert_int_equal(take_up(w), FEDL_ERR_VERSION);
        saved[at == 8 ? 7 : at] ^= 1u;
    }
    fedli_saved_tag(w->crypto, saved + saved_size - 32, &w->cfg.identity, saved, saved_size - 32);
    /* Another device. */
    w->cfg.identity.id_secret[0] ^= 1u;
    assert_int_equal(take_up(w), FEDL_ERR_CORRUPT);
    w->cfg.identity.id_secret[0] ^= 1u;
    w->cfg.identity.device_id++;
    assert_int_equal(take_up(w), FEDL_ERR_CORRUPT);
    w->cfg.identity.device_id--;
    /* Other configurations. */
    w->cfg.policy.min_cohort = 6;
    assert_int_equal(take_up(w), FEDL_ERR_POLICY);
    w->cfg.policy.min_cohort = 5;
    w->cfg.mode = FEDL_CLIENT_LEAVE;
    assert_int_equal(take_up(w), FEDL_ERR_RANGE);
    w->cfg.mode = FEDL_CLIENT_RUN;
    w->cfg.poll_ms = 60001;
    assert_int_equal(take_up(w), FEDL_ERR_RANGE);
    w->cfg.poll_ms = 30000;
    assert_int_equal(fedl_client_restore(&w->client, &w->cfg, w->block, w->block_bytes - 1u,
                                         fedl_bytes_of(saved, saved_size)),
                     FEDL_ERR_SIZE);
    assert_int_equal(take_up(w), FEDL_OK); /* nothing of that has used it up */
    world_until_done(w);
    world_expect_sum(w);
    world_destroy(w);
}

/* What can go wrong between restore() and the first message: the attempt is given up, no more. */
static void trouble_while_taking_up_ends_the_attempt(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        world *w = world_at("PUT SHARES");
        put_away(w);
        forget_machine(w);
        world_forget(w);
        assert_int_equal(take_up(w), FEDL_OK);
        if (way == 0) {
            w->store_status = FEDL_ERR_IO;
        } else if (way == 1) {
            w->refuse_memory = true;
        } else {
            saved[saved_size / 2u] ^= 1u; /* under the machine's hands */
        }
        world_run(w, 200);
        assert_true(world_said(w, "log task refused"));
        assert_false(world_said(w, "PUT"));
        w->store_status = FEDL_OK;
        w->refuse_memory = false;
        world_next_attempt(w);
        world_until_done(w);
        world_expect_sum(w);
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_step_may_be_the_last_before_a_pause),
        cmocka_unit_test(every_step_may_be_followed_by_a_pause),
        cmocka_unit_test(last_items_are_given_again_after_a_pause),
        cmocka_unit_test(a_failed_attempt_is_followed_by_the_next_one),
        cmocka_unit_test(a_machine_that_was_put_away_is_used_up),
        cmocka_unit_test(without_an_attempt_there_is_nothing_to_save),
        cmocka_unit_test(a_state_is_good_for_once),
        cmocka_unit_test(a_state_that_the_device_has_gone_on_without_is_refused),
        cmocka_unit_test(changed_bytes_are_found),
        cmocka_unit_test(trouble_while_taking_up_ends_the_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
