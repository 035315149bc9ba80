/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans with a helper in the virtual world: the models of plain and masked plans with the same
 * survivors, on any number of threads, and exact sums whatever goes wrong with devices, server,
 * helper and wires (the fixture's oracle trains every survivor of a commit again).
 */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <string.h>

/* Nobody is waited for longer than 20 s; three are enough. */
#define COMMON "round.min_reports=3", "round.deadline=20s"
#define PROTECTED                                                                                  \
    COMMON, "aggregation.min_cohort=3", "aggregation.gamma=10%", "aggregation.step_dropout=10%",   \
        "aggregation.step_timeout=20s"

static sim_fixture plain;
static sim_fixture masked;
static sim_fixture helped;

static int open_all(void **state)
{
    (void)state;
    static const char *const plain_plan[] = {COMMON, NULL};
    static const char *const masked_plan[] = {PROTECTED, "aggregation.mode=masked", NULL};
    static const char *const helped_plan[] = {PROTECTED, "aggregation.mode=helper", NULL};
    sim_fixture_open(&plain, plain_plan);
    sim_fixture_open(&masked, masked_plan);
    sim_fixture_open(&helped, helped_plan);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    sim_fixture_close(&plain);
    sim_fixture_close(&masked);
    sim_fixture_close(&helped);
    return 0;
}

/* Device 2 never finishes its training, device 4 only sometimes: the same survivors in all modes.
 */
static fedl_status broken(void *context, uint32_t device_id, fedl_client_event_kind kind)
{
    (void)context;
    return kind == FEDL_CLIENT_TRAINED && device_id == 2 ? FEDL_ERR_IO : FEDL_OK;
}

static void helper_gives_the_same_model_as_plain_and_masked(void **state)
{
    (void)state;
    const sim_fixture *const fixtures[] = {&plain, &masked, &helped};
    for (int lost = 0; lost < 2; lost++) {
        uint8_t digest[32] = {0};
        for (size_t i = 0; i < 3; i++) {
            for (uint32_t threads = 1; threads <= 3; threads += 2) {
                fedl_sim_config cfg = sim_fixture_config(fixtures[i]);
                cfg.threads = threads;
                cfg.watch.hardware = lost ? broken : NULL;
                const sim_result result = sim_fixture_run(&cfg);
                assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
                assert_int_equal(result.totals.rounds, 3);
                assert_int_equal(result.fewest_reports, FIXTURE_CLIENTS - (lost ? 1u : 0u));
                assert_int_equal(result.totals.most_reports, result.fewest_reports);
                assert_int_equal(result.totals.burnt_rounds, 0);
                assert_int_equal(result.totals.helper_sums, i == 2 ? 3 : 0);
                if (i == 0 && threads == 1) {
                    memcpy(digest, result.totals.digest, sizeof digest);
                }
                assert_memory_equal(result.totals.digest, digest, sizeof digest);
            }
        }
    }
}

static void who_vanishes_is_not_in_the_sum(void **state)
{
    (void)state;
    static const fedl_sim_phase phases[] = {FEDL_SIM_FETCH, FEDL_SIM_TRAIN, FEDL_SIM_UPLOAD,
                                            FEDL_SIM_READY, FEDL_SIM_MASKED};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        uint32_t dropouts = 0;
        uint32_t fewest = FIXTURE_CLIENTS;
        for (uint64_t seed = 1; seed <= 3; seed++) {
            fedl_sim_config cfg = sim_fixture_config(&helped);
            cfg.seed = seed;
            cfg.net.drop[phases[i]] = 0.3;
            const sim_result result = sim_fixture_run(&cfg);
            assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
            assert_int_equal(result.totals.rounds, 3);
            assert_int_equal(result.totals.burnt_rounds, 0);
            dropouts += result.totals.dropouts;
            fewest = result.fewest_reports < fewest ? result.fewest_reports : fewest;
        }
        assert_true(dropouts > 0);
        assert_true(fewest >= 3 && fewest < FIXTURE_CLIENTS);
    }
}

/* READY and MASKED are the steps that a helper round has: others never come. */
static void steps_of_masked_rounds_do_not_come(void **state)
{
    (void)state;
    fedl_sim_config cfg = sim_fixture_config(&helped);
    cfg.net.drop[FEDL_SIM_SHARES] = 1;
    cfg.net.drop[FEDL_SIM_CONFIRM] = 1;
    cfg.net.drop[FEDL_SIM_UNMASK] = 1;
    const sim_result result = sim_fixture_run(&cfg);
    assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
    assert_int_equal(result.totals.dropouts, 0);
    assert_int_equal(result.fewest_reports, FIXTURE_CLIENTS);
}

static void a_dying_helper_answers_when_it_is_back(void **state)
{
    (void)state;
    uint32_t crashes = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&helped);
        cfg.seed = seed;
        cfg.net.helper_crash = 0.4;
        cfg.net.away_ms = 10000; /* asked for 10 · 20 s */
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
        assert_int_equal(result.totals.rounds, 3);
        assert_int_equal(result.totals.burnt_rounds, 0);
        assert_int_equal(result.totals.helper_sums, 3); /* each round was new to it once */
        crashes += result.totals.helper_crashes;
    }
    assert_true(crashes >= 6);
}

static void a_helper_that_stays_away_burns_rounds(void **state)
{
    (void)state;
    uint32_t burnt = 0;
    uint32_t rounds = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&helped);
        cfg.seed = seed;
        cfg.net.helper_crash = 0.4;
        cfg.net.away_ms = 300000;
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
        assert_int_equal(result.totals.rounds + result.totals.burnt_rounds, 3);
        assert_int_equal(result.totals.version, result.totals.rounds + 1u);
        for (uint32_t i = 0; i < result.totals.reason_count; i++) {
            if (result.totals.reasons[i].burnt) {
                assert_string_equal(result.totals.reasons[i].text, "the helper does not answer");
            }
        }
        burnt += result.totals.burnt_rounds;
        rounds += result.totals.rounds;
    }
    assert_true(burnt >= 3);
    assert_true(rounds >= 3); /* the rounds after them go well */
}

static void everything_at_once_leaves_exact_sums(void **state)
{
    (void)state;
    uint32_t rounds = 0;
    uint32_t server_crashes = 0;
    uint32_t helper_crashes = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&helped);
        cfg.seed = seed;
        cfg.net.delay_ms_max = 200;
        cfg.net.loss = 0.02;
        cfg.net.duplicate = 0.1;
        cfg.net.drop[FEDL_SIM_UPLOAD] = 0.1;
        cfg.net.server_crash = 0.1;
        cfg.net.helper_crash = 0.3;
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.totals.version, result.totals.rounds + 1u);
        rounds += result.totals.rounds;
        server_crashes += result.totals.server_crashes;
        helper_crashes += result.totals.helper_crashes;
    }
    assert_true(rounds >= 16);
    assert_true(server_crashes >= 4);
    assert_true(helper_crashes >= 4);
}

static void worlds_with_a_helper_repeat(void **state)
{
    (void)state;
    sim_result first = {0};
    for (uint32_t threads = 1; threads <= 2; threads++) {
        fedl_sim_config cfg = sim_fixture_config(&helped);
        cfg.threads = threads;
        cfg.net.loss = 0.05;
        cfg.net.helper_crash = 0.3;
        const sim_result result = sim_fixture_run(&cfg);
        if (threads == 1) {
            first = result;
        }
        assert_memory_equal(&result.totals.digest, &first.totals.digest, 32);
        assert_int_equal(result.totals.virtual_ns, first.totals.virtual_ns);
        assert_int_equal(result.totals.events, first.totals.events);
        assert_int_equal(result.totals.helper_crashes, first.totals.helper_crashes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helper_gives_the_same_model_as_plain_and_masked),
        cmocka_unit_test(who_vanishes_is_not_in_the_sum),
        cmocka_unit_test(steps_of_masked_rounds_do_not_come),
        cmocka_unit_test(a_dying_helper_answers_when_it_is_back),
        cmocka_unit_test(a_helper_that_stays_away_burns_rounds),
        cmocka_unit_test(everything_at_once_leaves_exact_sums),
        cmocka_unit_test(worlds_with_a_helper_repeat),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
