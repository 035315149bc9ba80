/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise of the server, through the coordinator: what is released is the exact sum and one draw of
 * discrete Gaussian noise, whatever fails; it is charged with the version, never beyond the budget.
 */
#include "coord_noise.h"

#include <math.h>
#include <string.h>

static world the_world;
static world *const w = &the_world;

static bool adaptive; /* the next world's clip follows the norms */

/* The budget pays for so many sums, and not quite for another one. */
static void open_plain(uint32_t rounds, uint64_t sums)
{
    world_open(w, NULL);
    noise_watch(w, 0);
    if (adaptive) {
        w->plan.privacy.adaptive_clip = true;
        w->plan.privacy.quantile_permille = 900;
        w->plan.privacy.bit_sigma2_q8 = 4u << 8;
        fedl_plan_settle(&w->plan);
        const uint64_t without = noise_charge;
        noise_charge = fedl_privacy_charge(&w->plan, 3, 0);
        assert_true(noise_charge == without + FEDL_RHO_ONE / 8);
    }
    w->plan.privacy.rho_budget = sums * noise_charge + noise_charge - 1u;
    w->round = (fedl_round_config){.round_count = rounds,
                                   .clients_goal = 3,
                                   .reports_min = 3,
                                   .select_count = 3,
                                   .pool_min = 3,
                                   .deadline_ms = 2000,
                                   .attempt_max = 100,
                                   .retry_ms = 500,
                                   .server_lr_q16 = 65536,
                                   .agg_kind = FEDL_AGG_FEDAVG};
    world_join_members(w, 3);
    assert_int_equal(world_add_task(w, "central"), 1);
}

/* One attempt of whatever round is under way. Devices send what they always send in that round. */
static void play(void)
{
    uint8_t vector[4096];
    world_checkin_all(w, 10000);
    for (uint32_t i = 0; i < w->device_count; i++) {
        device *d = &w->devices[i];
        if (device_got(d, FEDL_MESSAGE_TASK)) {
            const fedl_message_task task = d->message.u.task;
            world_vector(w, vector, world_seed_of(1, task.round, d->id));
            device_upload(w, d, vector, task.round, task.attempt);
        }
    }
    world_run_ms(w, 700); /* less than a deadline: who was told meanwhile asks again in time */
}

static void what_is_released_is_one_draw_of_noise(void **state)
{
    (void)state;
    enum { ROUNDS = 24, CLASSES = 16 };
    open_plain(ROUNDS, ROUNDS);
    double sum = 0;
    double squares = 0;
    uint32_t seen[CLASSES] = {0};
    for (uint32_t tries = 0; w->version[1] < ROUNDS + 1u; tries++) {
        assert_true(tries < 2 * ROUNDS);
        play();
    }
    for (uint32_t r = 1; r <= ROUNDS; r++) {
        noise_assert_one_draw(r);
        assert_memory_not_equal(noise_of[r].noise, noise_of[r % ROUNDS + 1u].noise,
                                sizeof noise_of[r].noise);
        for (size_t i = 0; i < NOISE_PARAMETERS; i++) {
            const double x = (double)noise_of[r].noise[i] / 30;
            const double place = floor(x * 2) + CLASSES / 2;
            seen[place < 0 ? 0 : place >= CLASSES ? CLASSES - 1 : (int)place]++;
            sum += x;
            squares += x * x;
        }
    }
    const double count = (double)ROUNDS * NOISE_PARAMETERS;
    assert_true(fabs(sum / count) < 5 / sqrt(count));
    assert_true(fabs(squares / count - 1) < 5 * sqrt(2 / count));
    double chi2 = 0;
    uint32_t cells = 0;
    for (int i = 0; i < CLASSES; i++) { /* classes of σ/2 = 15 steps: borders between integers */
        const double low = ((i - CLASSES / 2) * 15 - 0.5) / 30;
        const double high = low + 0.5;
        const double expected = count * 0.5 * (erf(high / sqrt(2)) - erf(low / sqrt(2)));
        if (expected >= 10) {
            chi2 += (seen[i] - expected) * (seen[i] - expected) / expected;
            cells++;
        }
    }
    assert_true(chi2 < cells + 5 * sqrt(2.0 * cells));
    assert_int_equal(noise_ledger_rows(w), ROUNDS);
    world_close(w);
}

/* Each round's mean is scaled by its bound, the count is the noise of the step's key and no more,
 * and a restart between rounds changes nothing. */
static void bounds_follow_the_noisy_count(void **state)
{
    (void)state;
    enum { ROUNDS = 12 };
    fedl_task_info info;
    uint32_t last = 1u << 7; /* the plan's clip */
    uint32_t rises = 0;
    uint32_t falls = 0;
    adaptive = true;
    open_plain(ROUNDS, ROUNDS);
    adaptive = false;
    for (uint32_t tries = 0; w->version[1] < ROUNDS + 1u; tries++) {
        assert_true(tries < 4 * ROUNDS);
        const uint32_t version = w->version[1];
        play();
        world_task_info(w, &info, 1);
        if (w->version[1] == version) {
            assert_int_equal(info.bound_q16, last);
            continue;
        }
        rises += info.bound_q16 > last ? 1u : 0u;
        falls += info.bound_q16 < last ? 1u : 0u;
        last = info.bound_q16;
        if (version == ROUNDS / 2) {
            world_restart(w);
            world_task_info(w, &info, 1);
            assert_int_equal(info.bound_q16, last);
        }
    }
    assert_true(rises > 0 && falls > 0);
    for (uint32_t r = 1; r <= ROUNDS; r++) {
        noise_assert_one_draw(r);
    }
    assert_int_equal(noise_ledger_rows(w), ROUNDS);
    world_close(w);
}

static void the_same_events_make_the_same_model(void **state)
{
    (void)state;
    uint8_t first[32];
    for (uint32_t turn = 0; turn < 3; turn++) {
        open_plain(2, 2);
        if (turn == 2) {
            fedli_rng_init(&w->rng, 99); /* other random bytes */
        }
        play();
        play();
        assert_int_equal(w->version[1], 3);
        noise_assert_one_draw(2);
        if (turn == 0) {
            world_digest(w, first, 1);
        } else {
            uint8_t again[32];
            world_digest(w, again, 1);
            assert_true((memcmp(first, again, 32) == 0) == (turn == 1));
        }
        world_close(w);
    }
}

static void a_task_ends_with_its_budget(void **state)
{
    (void)state;
    open_plain(10, 2);
    for (uint32_t i = 0; i < 5; i++) {
        play();
    }
    assert_int_equal(w->version[1], 3);
    assert_int_equal(noise_task_state(w), FEDL_TASK_COMPLETE);
    assert_int_equal(noise_ledger_rows(w), 2);
    assert_non_null(strstr(w->transcript, "the privacy budget is spent"));
    world_restart(w);
    play();
    assert_int_equal(w->version[1], 3);
    assert_int_equal(noise_task_state(w), FEDL_TASK_COMPLETE);
    world_close(w);
}

static void failed_attempts_are_not_charged(void **state)
{
    (void)state;
    open_plain(2, 2);
    world_checkin_all(w, 10000);
    world_run_ms(w, 2500); /* nobody reports */
    assert_int_equal(w->version[1], 1);
    assert_int_equal(noise_ledger_rows(w), 0);
    for (uint32_t i = 0; i < 8 && w->version[1] < 3; i++) {
        play();
    }
    assert_int_equal(w->version[1], 3);
    assert_int_equal(noise_ledger_rows(w), 2);
    world_close(w);
}

/* Each op in turn fails, or the server dies before it is durable, or behind it. */
static void no_cohort_is_released_twice(void **state)
{
    (void)state;
    enum { ROUNDS = 2 };
    uint64_t ops = 0;
    for (uint32_t kind = 0; kind < 3; kind++) {
        for (uint64_t at = 1; kind + at == 1 || at <= ops; at++) {
            open_plain(ROUNDS, ROUNDS);
            const uint64_t first = w->store_serial;
            if (kind + at > 1) {
                w->store_fail_at = kind == 0 ? first + at : 0;
                w->crash_at = kind == 0 ? 0 : first + at;
                w->crash_applied = kind == 2;
            }
            for (uint32_t tries = 0; noise_task_state(w) != FEDL_TASK_COMPLETE; tries++) {
                if (tries >= 20) {
                    fail_msg("%s", w->transcript);
                }
                play();
            }
            assert_int_equal(w->version[1], ROUNDS + 1u);
            assert_int_equal(noise_ledger_rows(w), ROUNDS);
            uint8_t newest[32];
            world_digest(w, newest, 1);
            assert_memory_equal(newest, noise_of[ROUNDS].digest, 32);
            for (uint32_t r = 1; r <= ROUNDS; r++) {
                /* A COMMIT that failed is handed over again, with the noise that it had; one that
                 * was lost with the server is made anew: its noise is another one. */
                assert_in_range(noise_of[r].tried, 1, 2);
                if (kind == 0 || noise_of[r].tried == 1) {
                    noise_assert_one_draw(r);
                }
            }
            ops = ops == 0 ? w->store_serial - first : ops;
            world_close(w);
        }
    }
    assert_in_range(ops, 5, 40);
}

static void metrics_are_not_taken(void **state)
{
    (void)state;
    open_plain(2, 2);
    w->tells_rows = true;
    play();
    assert_int_equal(w->version[1], 1);
    assert_non_null(strstr(w->transcript, "a number is outside the plan's range"));
    world_close(w);
}

static void budgets_below_one_round_are_refused(void **state)
{
    (void)state;
    const char *reason = NULL;
    open_plain(2, 1);
    assert_int_equal(fedl_coord_task_check(&w->plan, &w->round, &reason), FEDL_OK);
    w->plan.privacy.rho_budget = noise_charge;
    assert_int_equal(fedl_coord_task_check(&w->plan, &w->round, &reason), FEDL_OK);
    w->plan.privacy.rho_budget = noise_charge - 1u;
    assert_int_equal(fedl_coord_task_check(&w->plan, &w->round, &reason), FEDL_ERR_RANGE);
    assert_string_equal(reason, "the privacy budget pays for no round");
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_released_is_one_draw_of_noise),
        cmocka_unit_test(bounds_follow_the_noisy_count),
        cmocka_unit_test(the_same_events_make_the_same_model),
        cmocka_unit_test(a_task_ends_with_its_budget),
        cmocka_unit_test(failed_attempts_are_not_charged),
        cmocka_unit_test(no_cohort_is_released_twice),
        cmocka_unit_test(metrics_are_not_taken),
        cmocka_unit_test(budgets_below_one_round_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
