/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master weights are in the store while a round collects, and come back when its sum is
 * finished (LOAD). Every commit is compared with the version before it in the store and with the
 * vectors of its members (check_sums), so "commits" means: with the exact words.
 */
#include "coord_party.h"

#include <string.h>

static party_world p;
static world *const w = &p.w;

static fedl_round_phase phase(void)
{
    fedl_task_info info;
    world_task_info(w, &info, 1);
    return info.phase;
}

static void plain_open(void)
{
    memset(&p, 0, sizeof p);
    world_open(w, NULL);
    world_join_members(w, 5);
    w->check_sums = true;
    assert_int_equal(world_add_task(w, "one"), 1);
}

/* Everybody checks in; the first count of those who get a TASK report; the next one, or NULL. */
static device *report(uint32_t count)
{
    uint8_t vector[4096];
    world_checkin_all(w, 15000);
    for (uint32_t i = 0; i < w->device_count; i++) {
        device *d = &w->devices[i];
        if (device_got(d, FEDL_MESSAGE_TASK)) {
            const fedl_message_task task = d->message.u.task;
            if (count == 0) {
                return d;
            }
            count--;
            d->known_round = task.round;
            world_vector(w, vector, world_seed_of(1, task.round, d->id));
            device_upload(w, d, vector, task.round, task.attempt);
        }
    }
    assert_int_equal(count, 0);
    return NULL;
}

static void fetch(device *d, const uint8_t digest[32])
{
    fedl_message message = {.kind = FEDL_MESSAGE_FETCH};
    message.u.fetch.task_id = 1;
    message.u.fetch.bytes_max = 256;
    memcpy(message.u.fetch.digest, digest, 32);
    device_send(w, d, &message);
}

static void nobody_notices_that_words_are_read(void **state)
{
    (void)state;
    uint8_t vector[4096];
    uint8_t digest[32];
    plain_open();
    world_digest(w, digest, 1);
    w->hold_loads = true;
    device *late = report(3); /* the goal; a fourth was chosen */
    assert_non_null(late);
    assert_int_equal(phase(), FEDL_PHASE_LOADING);
    assert_int_equal(w->load_out, 1);
    assert_int_equal(w->loads[0].job->version, 1);
    assert_int_equal(w->store_count, 0);
    fetch(late, digest); /* the old version, in full */
    assert_true(device_got(late, FEDL_MESSAGE_CHUNK));

    /* A vector that comes now goes nowhere: the words will lie where it would be put together. */
    const size_t words_bytes =
        w->loads[0].job->parameter_count * sizeof *w->loads[0].job->master_words;
    memset(w->loads[0].job->master_words, 0x33, words_bytes);
    world_vector(w, vector, 5);
    device_upload_part(w, late, vector, 0, 256, 1, 1);
    assert_true(device_rejected(late, FEDL_REJECT_STALE));
    for (uint32_t i = 0; i < w->loads[0].job->parameter_count; i++) {
        assert_int_equal(w->loads[0].job->master_words[i], 0x33333333);
    }
    for (uint32_t i = 0; i < w->device_count; i++) { /* whose answer was lost */
        device *d = &w->devices[i];
        if (d->known_round == 1) {
            device_upload_part(w, d, vector, 0, 256, 1, 1);
            assert_true(device_got(d, FEDL_MESSAGE_ACCEPTED));
            assert_true(d->message.u.accepted.complete);
        }
    }
    const fedl_admin pause = {.kind = FEDL_ADMIN_TASK_PAUSE, .task_id = 1};
    world_admin(w, &pause);
    assert_false(w->admin_answered); /* after the commit */
    world_load(w);
    world_store_all(w);
    world_settle(w);
    assert_true(w->admin_answered);
    assert_int_equal(w->admin.status, FEDL_OK);
    assert_int_equal(w->commit_count, 1);
    assert_int_equal(w->version[1], 2);
    assert_int_equal(phase(), FEDL_PHASE_IDLE);
    world_close(w);
}

static void a_failed_reading_is_tried_again(void **state)
{
    (void)state;
    fedl_event event;
    fedl_actions actions;
    plain_open();
    w->hold_loads = true;
    (void)report(3);
    for (uint32_t i = 0; i < 3; i++) {
        const uint64_t ticket = w->loads[0].ticket;
        w->load_fails = 1;
        world_load(w);
        assert_int_equal(phase(), FEDL_PHASE_LOADING);
        assert_int_equal(w->load_out, 0);
        assert_int_equal(w->log_counts[FEDL_LOG_STORE_FAILED], i + 1u);
        world_event(w, &event, FEDL_EVENT_LOADED); /* tickets are good once */
        event.ticket = ticket;
        assert_int_equal(fedl_coord_step(&w->coord, &event, &actions), FEDL_ERR_STATE);
        world_run_ms(w, 999);
        assert_int_equal(w->load_out, 0);
        world_run_ms(w, 1);
        assert_int_equal(w->load_out, 1);
        assert_int_not_equal(w->loads[0].ticket, ticket);
    }
    event.ticket = w->loads[0].ticket + 1u;
    assert_int_equal(fedl_coord_step(&w->coord, &event, &actions), FEDL_ERR_STATE);
    event.ticket = 0;
    assert_int_equal(fedl_coord_step(&w->coord, &event, &actions), FEDL_ERR_STATE);
    world_load(w);
    world_store_all(w);
    assert_int_equal(w->version[1], 2);
    assert_int_equal(w->load_count, 4);
    world_close(w);
}

/* One bit of one word has changed in the store. */
static void a_changed_word_never_enters_a_version(void **state)
{
    (void)state;
    uint8_t before[32];
    uint8_t after[32];
    plain_open();
    w->load_flip = 1 << 20;
    world_digest(w, before, 1);
    (void)report(3);
    for (uint32_t i = 1; i < 4; i++) {
        assert_int_equal(phase(), FEDL_PHASE_LOADING);
        assert_int_equal(w->log_counts[FEDL_LOG_STORE_FAILED], i);
        assert_int_equal(w->load_out, 0);
        assert_int_equal(w->store_count, 0);
        world_run_ms(w, 999);
        assert_int_equal(w->load_count, i);
        world_run_ms(w, 1);
        assert_int_equal(w->load_count, i + 1u);
    }
    assert_non_null(
        strstr(w->transcript,
               "store failed: the stored master weights are not those of the newest version"));
    world_digest(w, after, 1);
    assert_memory_equal(before, after, 32);
    assert_int_equal(w->version[1], 1);
    assert_int_equal(w->commit_count, 0);
    w->load_flip = 0; /* it was the reading: the sum has waited */
    world_run_ms(w, 1000);
    world_store_all(w);
    assert_int_equal(w->version[1], 2);
    world_close(w);
}

/* Vectors that were half here when the goal was reached. */
static void what_uploads_left_is_wiped(void **state)
{
    (void)state;
    uint8_t vector[4096];
    plain_open();
    w->hold_loads = true;
    device *late = report(2);
    assert_non_null(late);
    memset(vector, 0x77, sizeof vector);
    device_upload_part(w, late, vector, 0, 256, 1, 1);
    assert_true(device_got(late, FEDL_MESSAGE_ACCEPTED));
    (void)report(1);
    assert_int_equal(phase(), FEDL_PHASE_LOADING);
    const uint8_t *staging = (const uint8_t *)w->loads[0].job->master_words;
    const size_t vector_bytes =
        fedl_update_vector_size(&w->plan.update, w->loads[0].job->parameter_count);
    assert_true(w->cfg.staging_bytes > 2u * vector_bytes);
    for (size_t i = 0; i < w->cfg.staging_bytes / vector_bytes * vector_bytes; i++) {
        assert_int_equal(staging[i], 0);
    }
    world_close(w);
}

static void a_plain_round_is_made_again_after_a_restart(void **state)
{
    (void)state;
    plain_open();
    w->hold_loads = true;
    (void)report(3);
    assert_int_equal(phase(), FEDL_PHASE_LOADING);
    world_restart(w);
    w->hold_loads = false;
    assert_int_equal(w->version[1], 1);
    (void)report(3);
    assert_int_equal(w->opened_attempt[1], 2);
    assert_int_equal(w->version[1], 2);
    (void)report(3); /* the next version goes on from words that were only stored */
    assert_int_equal(w->version[1], 3);
    world_close(w);
}

static void a_masked_sum_is_wiped_before_and_survives_a_restart(void **state)
{
    (void)state;
    for (uint32_t restarts = 0; restarts < 3; restarts++) {
        parties_open(&p, 5, FEDL_TRUST_ACTIVE);
        assert_true(w->check_sums);
        w->round.round_count = 2;
        parties_add_task(&p);
        w->hold_loads = true;
        parties_run_until(&p, 2, 2000);
        assert_int_equal(phase(), FEDL_PHASE_LOADING);
        for (uint32_t i = 0; i < w->loads[0].job->parameter_count; i++) {
            assert_int_equal(w->loads[0].job->master_words[i], 0);
        }
        for (uint32_t i = 0; i < restarts; i++) {
            world_restart(w);
            parties_run_until(&p, 2, 2000);
            assert_int_equal(phase(), FEDL_PHASE_LOADING);
        }
        w->hold_loads = false;
        w->load_fails = 2;
        world_load(w);
        parties_run_until(&p, 3, 20000);
        assert_int_equal(w->version[1], 3);
        assert_int_equal(w->group_commit_count, 2);
        assert_int_equal(w->burn_count, 0);
        parties_close(&p);
    }
}

/* What a parameter costs: container 2, sum and one staging place ring_bits/8 each, where the place
 * is as large as the master words at least. */
static void a_parameter_takes_ten_bytes_at_most(void **state)
{
    (void)state;
    static const uint8_t bits[4] = {8, 16, 24, 32};
    static const double bytes[4] = {2 + 1 + 4, 2 + 2 + 4, 2 + 4 + 4, 2 + 4 + 4};
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    fedl_plan plan = w->plan;
    fedl_coord_config cfg = w->cfg;
    cfg.staging_bytes = 1;
    plan.model = (fedl_model_spec){.input_count = 999,
                                   .input_exp = -7,
                                   .loss = FEDL_LOSS_SOFTMAX_CE,
                                   .layer_count = 1,
                                   .layers = {{FEDL_LAYER_DENSE, 10, -13}}};
    plan.data = fedl_bytes_of(NULL, 0);
    plan.update.w_max = 1;
    plan.update.clip_q16 = 1u << 16;
    plan.update.update_exp = -12;
    plan.update.w_unit = 0;
    for (size_t i = 0; i < 4; i++) {
        plan.update.ring_bits = bits[i];
        plan.model.layers[0].units = 10;
        const size_t small = fedl_coord_task_size(&cfg, &plan, &w->round);
        plan.model.layers[0].units = 1000;
        const size_t large = fedl_coord_task_size(&cfg, &plan, &w->round);
        assert_int_not_equal(small, 0);
        assert_int_not_equal(large, 0);
        const double cost = (double)(large - small) / 990000.0;
        assert_true(cost > bytes[i] - 0.02 && cost < bytes[i] + 0.02); /* biases: 4 in place of 2 */
    }
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_notices_that_words_are_read),
        cmocka_unit_test(a_failed_reading_is_tried_again),
        cmocka_unit_test(a_changed_word_never_enters_a_version),
        cmocka_unit_test(what_uploads_left_is_wiped),
        cmocka_unit_test(a_plain_round_is_made_again_after_a_restart),
        cmocka_unit_test(a_masked_sum_is_wiped_before_and_survives_a_restart),
        cmocka_unit_test(a_parameter_takes_ten_bytes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
