/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked plans in the virtual world: the same models as plain ones with the same survivors, and
 * exact sums whatever goes wrong (the fixture's oracle trains every survivor of a commit again).
 */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <string.h>

#define MASKED                                                                                     \
    "aggregation.mode=masked", "aggregation.min_cohort=3", "aggregation.gamma=10%",                \
        "aggregation.step_dropout=10%", "aggregation.step_timeout=20s"

static sim_fixture plain;
static sim_fixture curious;
static sim_fixture active;
static sim_result reference;

static int open_all(void **state)
{
    (void)state;
    static const char *const curious_plan[] = {MASKED, "aggregation.trust=curious", NULL};
    static const char *const active_plan[] = {MASKED, "aggregation.trust=active",
                                              "round.min_reports=3", NULL};
    sim_fixture_open(&plain, NULL);
    sim_fixture_open(&curious, curious_plan);
    sim_fixture_open(&active, active_plan);
    const fedl_sim_config cfg = sim_fixture_config(&plain);
    reference = sim_fixture_run(&cfg);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    sim_fixture_close(&plain);
    sim_fixture_close(&curious);
    sim_fixture_close(&active);
    return 0;
}

static void masked_gives_the_same_model_as_plain(void **state)
{
    (void)state;
    const sim_fixture *const fixtures[] = {&curious, &active};
    assert_int_equal(reference.totals.rounds, 3);
    for (size_t i = 0; i < 2; i++) {
        for (uint32_t threads = 1; threads <= 2; threads++) {
            fedl_sim_config cfg = sim_fixture_config(fixtures[i]);
            cfg.threads = threads;
            const sim_result result = sim_fixture_run(&cfg);
            assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
            assert_int_equal(result.totals.rounds, 3);
            assert_int_equal(result.fewest_reports, FIXTURE_CLIENTS);
            assert_int_equal(result.totals.aborted_attempts, 0);
            assert_int_equal(result.totals.burnt_rounds, 0);
            assert_memory_equal(result.totals.digest, reference.totals.digest, 32);
        }
    }
}

static void a_dying_server_finishes_what_it_stored(void **state)
{
    (void)state;
    uint32_t crashes = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&active);
        cfg.seed = seed;
        cfg.net.server_crash = 0.3;
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
        assert_int_equal(result.totals.version, result.totals.rounds + 1u);
        assert_int_equal(result.totals.rounds + result.totals.burnt_rounds, 3);
        crashes += result.totals.server_crashes;
    }
    assert_true(crashes >= 6);
}

static void losses_and_power_cuts_leave_exact_sums(void **state)
{
    (void)state;
    uint32_t rounds = 0;
    uint32_t short_rounds = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&active);
        cfg.seed = seed;
        cfg.net.delay_ms_max = 200;
        cfg.net.loss = 0.02;
        cfg.net.duplicate = 0.1;
        cfg.net.drop[FEDL_SIM_UPLOAD] = 0.1;
        cfg.net.away_ms = 60000;
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.totals.version, result.totals.rounds + 1u);
        rounds += result.totals.rounds;
        short_rounds += result.totals.rounds > 0 && result.fewest_reports < FIXTURE_CLIENTS;
    }
    assert_true(rounds >= 12);
    assert_true(short_rounds >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_gives_the_same_model_as_plain),
        cmocka_unit_test(a_dying_server_finishes_what_it_stored),
        cmocka_unit_test(losses_and_power_cuts_leave_exact_sums),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
