/* SPDX-License-Identifier: Apache-2.0 */
/* Noise of the device: charged before a byte leaves, fresh per attempt, within the budget. */
#include "cmocka_all.h"

#include "client/client_state.h"
#include "device_group.h"

#include <stdlib.h>
#include <string.h>

#define VECTOR_MAX 4096u

static uint64_t charge; /* of one attempt of noisy()'s plan */
static bool helped;     /* a helper takes the masks off */

static int among_devices(void **state)
{
    (void)state;
    helped = false;
    return 0;
}

static int with_a_helper(void **state)
{
    (void)state;
    helped = true;
    return 0;
}

/* The other devices of this world send zeros without noise: the sum is this device's vector. */
static world *noisy(uint64_t rounds, uint64_t units, bool rotate)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    fedl_plan *plan = &w->server.plan;
    w->cfg.chunk_bytes_max = 256;
    plan->aggregation = helped ? FEDL_AGGREGATION_HELPER : FEDL_AGGREGATION_MASKED;
    plan->update.w_unit = 0;
    plan->update.w_max = 1;
    plan->update.clip_q16 = 1u << 16;
    plan->update.update_exp = -8;
    plan->update.clients_max = 6;
    plan->privacy = (fedl_privacy_config){
        .mode = FEDL_PRIVACY_DISTRIBUTED, .rotate = rotate, .sigma2_q8 = 1600u << 8};
    fedl_plan_settle(plan);
    charge = fedl_privacy_charge(plan, 5, 100);
    assert_in_range(charge, 1, UINT64_MAX / 100u);
    plan->privacy.rho_budget = rounds * charge + units;
    if (helped) {
        world_helped(w, 5, 16);
    } else {
        world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    }
    return w;
}

static uint64_t stored_spent(const world *w)
{
    fedl_client_progress kept;
    assert_int_equal(fedl_client_progress_decode(
                         &kept, fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
                     FEDL_OK);
    return kept.tasks[0].rho_spent;
}

/* Runs until the first part of a vector was sent. */
static void until_upload(world *w)
{
    for (uint32_t i = 0; i < 500 && !world_said(w, "device > UPLOAD 0"); i++) {
        world_run(w, 1);
        if (w->queue_count == 0) {
            world_advance(w, 1);
        }
    }
    assert_true(world_said(w, "device > UPLOAD 0"));
}

/* The vector with its noise, before its masks. */
static size_t noised_vector(const world *w, uint8_t out[VECTOR_MAX])
{
    const fedl_plan *plan = &w->server.plan;
    const fedl_update *update = &w->client.state->update;
    const size_t size =
        fedl_update_vector_size(&plan->update, fedl_model_parameter_count(&plan->model));
    assert_true(size <= VECTOR_MAX);
    assert_int_equal(fedl_update_read(update, out, 0, size), FEDL_OK);
    return size;
}

static void expect_sum(const world *w, const uint8_t *vector, size_t size)
{
    const fedl_plan *plan = &w->server.plan;
    const uint32_t words =
        fedl_update_word_count(&plan->update, fedl_model_parameter_count(&plan->model));
    assert_int_equal(w->group->sum_size, size);
    assert_memory_equal(w->group->sum, vector, words * 2u); /* behind it is padding */
    assert_memory_equal(w->group->sum + size - 64u, vector + size - 64u, 64);
}

static void the_sum_is_the_noised_vector_to_the_bit(void **state)
{
    (void)state;
    for (int rotate = 0; rotate < 2; rotate++) {
        uint8_t vector[VECTOR_MAX];
        world *w = noisy(1, 0, rotate != 0);
        until_upload(w);
        assert_true(stored_spent(w) == charge); /* durable before the first byte */
        const size_t size = noised_vector(w, vector);
        assert_int_equal(vector[size - 64u], 1); /* it is there; nothing else is told */
        for (size_t i = size - 63u; i < size; i++) {
            assert_int_equal(vector[i], 0);
        }
        world_until_done(w);
        expect_sum(w, vector, size);
        assert_true(stored_spent(w) == charge);
        /* The key of the noise is gone. */
        uint8_t again[64];
        static const uint8_t zeros[32];
        assert_int_equal(fedl_update_read(&w->client.state->update, again, 0, 64), FEDL_ERR_STATE);
        assert_memory_equal(w->client.state->update.noise_key, zeros, 32);
        world_destroy(w);
    }
}

static void every_attempt_is_charged_and_has_noise_of_its_own(void **state)
{
    (void)state;
    uint8_t first[VECTOR_MAX];
    uint8_t second[VECTOR_MAX];
    world *w = noisy(3, 0, true);
    until_upload(w);
    const size_t size = noised_vector(w, first);
    world_next_attempt(w);
    world_forget(w);
    until_upload(w);
    (void)noised_vector(w, second);
    assert_int_equal(w->train_count, 1); /* the same update … */
    uint32_t same = 0;
    for (size_t i = 0; i + 64u < size; i += 2) {
        same += memcmp(first + i, second + i, 2) == 0 ? 1u : 0u;
    }
    assert_true(same < size / 2u / 10u); /* … under other noise: 1 in 140 agrees by chance */
    world_until_done(w);
    expect_sum(w, second, size);
    assert_true(stored_spent(w) == 2 * charge); /* the failed one is not given back */
    world_destroy(w);
}

static void a_saved_attempt_goes_on_with_the_same_noise(void **state)
{
    (void)state;
    static uint8_t saved[32768];
    uint8_t vector[VECTOR_MAX];
    size_t saved_size = 0;
    world *w = noisy(1, 0, true);
    until_upload(w);
    const size_t size = noised_vector(w, vector);
    assert_int_equal(fedl_client_save(&w->client, saved, sizeof saved, &saved_size), FEDL_OK);
    fedl_client_deinit(&w->client);
    free(w->task_block);
    w->task_block = NULL;
    w->queue_count = 0;
    w->wire_used = 0;
    w->server.session = false;
    assert_int_equal(
        fedl_client_progress_decode(&w->cfg.progress,
                                    fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
        FEDL_OK);
    assert_int_equal(fedl_client_restore(&w->client, &w->cfg, w->block, w->block_bytes,
                                         fedl_bytes_of(saved, saved_size)),
                     FEDL_OK);
    world_until_done(w);
    expect_sum(w, vector, size);
    assert_true(stored_spent(w) == charge);
    world_destroy(w);
}

/* The charge is durable, then the machine dies without a copy: the next attempt pays again. */
static void the_budget_ends_over_restarts(void **state)
{
    (void)state;
    world *w = noisy(3, charge - 1u, true);
    until_upload(w);
    world_power_cut(w);
    assert_true(w->cfg.progress.tasks[0].rho_spent == charge);
    world_forget(w);
    world_next_attempt(w);
    world_until_done(w);
    world_power_cut(w);
    world_forget(w);
    world_next_round(w);
    world_until_done(w);
    assert_true(stored_spent(w) == 3 * charge);
    for (int i = 0; i < 2; i++) { /* also after a restart */
        world_next_round(w);
        world_forget(w);
        world_advance(w, 50);
        assert_int_equal(w->refusal, FEDL_REFUSAL_BUDGET);
        assert_false(world_said(w, "device > PUT"));
        assert_false(world_said(w, "device > UPLOAD"));
        assert_false(world_said(w, "host trains"));
        world_power_cut(w);
    }
    assert_true(stored_spent(w) == 3 * charge);
    world_destroy(w);
}

static void the_site_may_allow_less_than_the_plan(void **state)
{
    (void)state;
    world *w = noisy(9, 0, false);
    w->cfg.policy.rho_budget = 2 * charge - 1u;
    w->cfg.policy.rho_max = w->server.plan.privacy.rho_budget; /* just what it may spend */
    world_start(w);
    world_until_done(w);
    world_next_round(w);
    world_forget(w);
    world_advance(w, 50);
    assert_int_equal(w->refusal, FEDL_REFUSAL_BUDGET);
    assert_true(stored_spent(w) == charge);
    world_destroy(w);
}

/* What another task has spent, even one that is forgotten, is spent. */
static void the_budget_of_the_site_is_that_of_all_tasks(void **state)
{
    (void)state;
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        for (uint64_t short_of = 0; short_of < 2; short_of++) {
            world *w = noisy(9, 0, false);
            w->cfg.policy.rho_budget = 1000 + charge - short_of;
            if (forgotten != 0) {
                w->cfg.progress.rho_forgotten = 1000;
            } else {
                w->cfg.progress.count = 1;
                w->cfg.progress.tasks[0] =
                    (fedl_client_accepted){.task_id = WORLD_TASK_ID + 1u, .rho_spent = 1000};
            }
            world_start(w);
            if (short_of == 0) {
                world_until_done(w);
                assert_true(stored_spent(w) == charge);
            } else {
                world_advance(w, 50);
                assert_int_equal(w->refusal, FEDL_REFUSAL_BUDGET);
                assert_false(world_said(w, "device > PUT"));
            }
            world_destroy(w);
        }
    }
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup(test, among_devices), cmocka_unit_test_setup(test, with_a_helper)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_sum_is_the_noised_vector_to_the_bit),
        BOTH(every_attempt_is_charged_and_has_noise_of_its_own),
        BOTH(a_saved_attempt_goes_on_with_the_same_noise),
        BOTH(the_budget_ends_over_restarts),
        BOTH(the_site_may_allow_less_than_the_plan),
        BOTH(the_budget_of_the_site_is_that_of_all_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
