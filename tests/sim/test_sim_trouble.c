/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that vanish, lie or talk garbage. Every committed round is checked by the fixture's
 * oracle against the plain sum of exactly its survivors.
 */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <string.h>

/* Three of five reports are enough; the deadline is short, so that the lost are not waited for. */
static const char *const few_enough[] = {"round.min_reports=3", "round.deadline=20s", NULL};

static sim_result run_with_drop(fedl_sim_phase phase, double chance, const char *const *extra,
                                uint64_t seed)
{
    sim_fixture fixture;
    sim_fixture_open(&fixture, extra);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.seed = seed;
    cfg.net.drop[phase] = chance;
    const sim_result result = sim_fixture_run(&cfg);
    sim_fixture_close(&fixture);
    return result;
}

static void check_phase(fedl_sim_phase phase)
{
    uint32_t fewest = UINT32_MAX;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const sim_result result = run_with_drop(phase, 0.3, few_enough, seed);
        assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
        assert_int_equal(result.checked_rounds, 3);
        assert_true(result.totals.dropouts > 0);
        assert_true(result.fewest_reports >= 3);
        fewest = result.fewest_reports < fewest ? result.fewest_reports : fewest;
    }
    /* In at least one of these worlds a round had to do without somebody. */
    assert_true(phase == FEDL_SIM_CHECKIN || fewest < FIXTURE_CLIENTS);
}

static void test_drop_while_waiting(void **state)
{
    (void)state;
    check_phase(FEDL_SIM_CHECKIN);
}

static void test_drop_while_fetching(void **state)
{
    (void)state;
    check_phase(FEDL_SIM_FETCH);
}

static void test_drop_while_training(void **state)
{
    (void)state;
    check_phase(FEDL_SIM_TRAIN);
}

static void test_drop_while_uploading(void **state)
{
    (void)state;
    check_phase(FEDL_SIM_UPLOAD);
}

static void test_too_few_reports_abort_and_retry(void **state)
{
    (void)state;
    /* All five are needed: rounds abort until everybody is lucky. */
    static const char *const extra[] = {"round.deadline=20s", NULL};
    const sim_result result = run_with_drop(FEDL_SIM_UPLOAD, 0.2, extra, 1);
    assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
    assert_true(result.totals.aborted_attempts > 0);
    assert_int_equal(result.fewest_reports, FIXTURE_CLIENTS);
}

static void test_task_pauses_when_nobody_reports(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.deadline=20s", "round.attempts=2", NULL};
    const sim_result result = run_with_drop(FEDL_SIM_TRAIN, 1.0, extra, 1);
    assert_int_equal(result.outcome, FEDL_SIM_PAUSED);
    assert_int_equal(result.totals.rounds, 0);
    assert_int_equal(result.totals.aborted_attempts, 2);
    assert_true(strlen(result.text) > 0);
}

/* Device 2 talks garbage in every phase once it has joined: each byte beyond the header differs. */
static void garble(void *context, uint32_t device_id, fedl_sim_phase phase, uint8_t *bytes,
                   size_t size)
{
    (void)context;
    if (device_id == 2 && phase >= FEDL_SIM_FETCH) {
        for (size_t i = 16; i < size; i++) {
            bytes[i] ^= (uint8_t)(0x5a + i);
        }
    }
}

static void test_garbage_does_not_stop_the_others(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.clients=4", "round.min_reports=4", "round.select=5",
                                        "round.pool=5",    "round.deadline=30s",  NULL};
    sim_fixture fixture;
    sim_fixture_open(&fixture, extra);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.watch.tamper = garble;
    const sim_result result = sim_fixture_run(&cfg);
    assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
    assert_int_equal(result.fewest_reports, 4);
    assert_int_equal(result.totals.client_updates, 12);
    assert_true(result.bad_messages > 0);
    sim_fixture_close(&fixture);
}

/* Everything that device 3 ever sends has its first bytes destroyed: not even an envelope. */
static void destroy_header(void *context, uint32_t device_id, fedl_sim_phase phase, uint8_t *bytes,
                           size_t size)
{
    (void)context;
    (void)phase;
    if (device_id == 3) {
        memset(bytes, 0xff, size < 16 ? size : 16);
    }
}

static void test_noise_instead_of_envelopes(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.clients=4", "round.min_reports=4", "round.select=4",
                                        "round.pool=4", NULL};
    sim_fixture fixture;
    sim_fixture_open(&fixture, extra);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.enrol = FEDL_SIM_ENROL_PROVISIONED;
    cfg.watch.tamper = destroy_header;
    const sim_result result = sim_fixture_run(&cfg);
    assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
    assert_int_equal(result.fewest_reports, 4);
    sim_fixture_close(&fixture);
}

static void test_everything_at_once(void **state)
{
    (void)state;
    sim_fixture fixture;
    sim_fixture_open(&fixture, few_enough);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        cfg.seed = seed;
        cfg.net.loss = 0.05;
        cfg.net.duplicate = 0.1;
        for (uint32_t phase = 1; phase <= FEDL_SIM_PHASE_COUNT; phase++) {
            cfg.net.drop[phase] = 0.1;
        }
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
        assert_int_equal(result.checked_rounds, 3);
    }
    sim_fixture_close(&fixture);
}

/* Which device's hardware fails, how often, and at what. */
static struct {
    uint32_t device_id;
    fedl_client_event_kind kind;
    uint32_t left;
    uint32_t struck;
} fault;

static fedl_status fail_hardware(void *context, uint32_t device_id, fedl_client_event_kind kind)
{
    (void)context;
    if (device_id != fault.device_id || kind != fault.kind || fault.left == 0) {
        return FEDL_OK;
    }
    fault.left--;
    fault.struck++;
    return kind == FEDL_CLIENT_TRAINED ? FEDL_ERR_DIVERGED : FEDL_ERR_NO_SPACE;
}

static void test_broken_hardware_stops_only_its_device(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.clients=4",
                                        "round.min_reports=4",
                                        "round.select=5",
                                        "round.pool=5",
                                        "round.deadline=2m",
                                        "round.attempts=20",
                                        NULL};
    static const fedl_client_event_kind kinds[] = {FEDL_CLIENT_MEMORY, FEDL_CLIENT_TRAINED,
                                                   FEDL_CLIENT_STORED};
    sim_fixture fixture;
    sim_fixture_open(&fixture, extra);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.watch.hardware = fail_hardware;
    cfg.enrol = FEDL_SIM_ENROL_PROVISIONED;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        static const uint32_t times[] = {1, UINT32_MAX};
        for (size_t t = 0; t < sizeof times / sizeof times[0]; t++) {
            fault.device_id = 2;
            fault.kind = kinds[k];
            fault.left = times[t];
            fault.struck = 0;
            const sim_result result = sim_fixture_run(&cfg);
            assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
            assert_int_equal(result.checked_rounds, 3);
            assert_int_equal(result.fewest_reports, 4);
            assert_true(fault.struck > 0);
        }
    }
    sim_fixture_close(&fixture);
}

static void test_server_crashes_change_nothing(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.rounds=6", NULL};
    sim_fixture fixture;
    sim_fixture_open(&fixture, extra);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    const sim_result reference = sim_fixture_run(&cfg);
    uint32_t crashes = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        cfg.seed = seed;
        cfg.net.server_crash = 0.3;
        const sim_result result = sim_fixture_run(&cfg);
        assert_int_equal(result.outcome, FEDL_SIM_COMPLETE);
        assert_int_equal(result.checked_rounds, 6);
        assert_memory_equal(result.totals.digest, reference.totals.digest, 32);
        crashes += result.totals.server_crashes;
    }
    assert_true(crashes > 8);
    sim_fixture_close(&fixture);
}

static void test_config_errors(void **state)
{
    (void)state;
    sim_fixture fixture;
    sim_fixture_open(&fixture, NULL);
    char text[FEDL_SIM_TEXT_BYTES];
    fedl_sim_world *world = NULL;
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.net.loss = 1.5;
    assert_int_equal(fedl_sim_world_create(&world, &cfg, text), FEDL_ERR_RANGE);
    cfg = sim_fixture_config(&fixture);
    cfg.net.delay_ms_min = cfg.net.delay_ms_max + 1;
    assert_int_equal(fedl_sim_world_create(&world, &cfg, text), FEDL_ERR_RANGE);
    cfg = sim_fixture_config(&fixture);
    cfg.threads = 0;
    assert_int_equal(fedl_sim_world_create(&world, &cfg, text), FEDL_ERR_RANGE);
    cfg = sim_fixture_config(&fixture);
    fedl_partition part = *cfg.partition;
    part.row_count--;
    cfg.partition = &part;
    assert_int_equal(fedl_sim_world_create(&world, &cfg, text), FEDL_ERR_MISMATCH);
    part = *sim_fixture_config(&fixture).partition;
    part.client_count = 4;
    assert_int_equal(fedl_sim_world_create(&world, &cfg, text), FEDL_ERR_MISMATCH);
    assert_non_null(strstr(text, "need 5 devices"));
    assert_null(world);
    sim_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_while_waiting),
        cmocka_unit_test(test_drop_while_fetching),
        cmocka_unit_test(test_drop_while_training),
        cmocka_unit_test(test_drop_while_uploading),
        cmocka_unit_test(test_too_few_reports_abort_and_retry),
        cmocka_unit_test(test_task_pauses_when_nobody_reports),
        cmocka_unit_test(test_garbage_does_not_stop_the_others),
        cmocka_unit_test(test_noise_instead_of_envelopes),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_broken_hardware_stops_only_its_device),
        cmocka_unit_test(test_server_crashes_change_nothing),
        cmocka_unit_test(test_config_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
