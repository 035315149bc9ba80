/* SPDX-License-Identifier: Apache-2.0 */
/* What must not change the model: threads, repetition, the network, the way devices joined. */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <string.h>

static sim_fixture fixture;
static sim_result reference;

static int open_all(void **state)
{
    (void)state;
    sim_fixture_open(&fixture, NULL);
    const fedl_sim_config cfg = sim_fixture_config(&fixture);
    reference = sim_fixture_run(&cfg);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    sim_fixture_close(&fixture);
    return 0;
}

static void assert_same_model(const sim_result *result)
{
    assert_int_equal(result->outcome, FEDL_SIM_COMPLETE);
    assert_int_equal(result->totals.rounds, 3);
    assert_int_equal(result->totals.version, 4);
    assert_memory_equal(result->totals.digest, reference.totals.digest, 32);
}

static void test_reference_completes(void **state)
{
    (void)state;
    static const uint8_t nothing[32] = {0};
    assert_same_model(&reference);
    assert_memory_not_equal(reference.totals.digest, nothing, 32);
    assert_int_equal(reference.totals.client_updates, 15);
    assert_int_equal(reference.totals.aborted_attempts, 0);
    assert_int_equal(reference.enrolled, FIXTURE_CLIENTS);
    assert_true(reference.totals.bytes_up > 15 * 1600);
    assert_true(reference.totals.bytes_down > 15 * 1600);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    for (uint32_t threads = 2; threads <= 4; threads += 2) {
        cfg.threads = threads;
        const sim_result result = sim_fixture_run(&cfg);
        assert_same_model(&result);
        /* Not the model alone: the whole course of the virtual world. */
        assert_int_equal(result.totals.events, reference.totals.events);
        assert_true(result.totals.virtual_ns == reference.totals.virtual_ns);
    }
}

static void test_repetition_is_identical(void **state)
{
    (void)state;
    const fedl_sim_config cfg = sim_fixture_config(&fixture);
    const sim_result result = sim_fixture_run(&cfg);
    assert_same_model(&result);
    assert_memory_equal(&result.totals, &reference.totals, sizeof result.totals);
}

static void test_world_seed_changes_only_the_world(void **state)
{
    (void)state;
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.seed = 12345;
    const sim_result result = sim_fixture_run(&cfg);
    assert_same_model(&result);
    assert_true(result.totals.virtual_ns != reference.totals.virtual_ns);
}

static void test_bad_network_changes_nothing(void **state)
{
    (void)state;
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        cfg.seed = seed;
        cfg.net.delay_ms_min = 1;
        cfg.net.delay_ms_max = 3000;
        cfg.net.loss = 0.1;
        cfg.net.duplicate = 0.2;
        const sim_result result = sim_fixture_run(&cfg);
        assert_same_model(&result);
        assert_true(result.totals.messages_lost > 0);
        assert_int_equal(result.totals.aborted_attempts, 0);
    }
}

static void test_provisioned_devices_change_nothing(void **state)
{
    (void)state;
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.enrol = FEDL_SIM_ENROL_PROVISIONED;
    const sim_result result = sim_fixture_run(&cfg);
    assert_same_model(&result);
    assert_int_equal(result.enrolled, 0);
}

static void test_run_seed_changes_the_model(void **state)
{
    (void)state;
    static const char *const extra[] = {"train.seed=8", NULL};
    sim_fixture other;
    sim_fixture_open(&other, extra);
    const fedl_sim_config cfg = sim_fixture_config(&other);
    const sim_result result = sim_fixture_run(&cfg);
    assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
    assert_memory_not_equal(result.totals.digest, reference.totals.digest, 32);
    sim_fixture_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_completes),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_repetition_is_identical),
        cmocka_unit_test(test_world_seed_changes_only_the_world),
        cmocka_unit_test(test_bad_network_changes_nothing),
        cmocka_unit_test(test_provisioned_devices_change_nothing),
        cmocka_unit_test(test_run_seed_changes_the_model),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
