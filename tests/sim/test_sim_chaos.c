/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small worlds, each from one seed: random delays, losses, duplicates, power cuts, flipped
 * bits, a server that dies at its writes, rounds that need all or few of the devices. Whatever
 * happens, every committed round is the plain sum of its survivors (the fixture's oracle), versions
 * rise one by one, and a world in which trouble is bearable ends with its last round.
 *
 * CHAOS_SEEDS worlds; a seed that ever failed is kept in past_seeds for good.
 */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include "base/rng.h"

#include <stdio.h>

#ifndef CHAOS_SEEDS
#define CHAOS_SEEDS 40u
#endif

static const uint64_t past_seeds[] = {1};

/* One flipped bit in one of about 2^n requests; the world's own seed decides where. */
static fedli_rng flip_rng;
static uint32_t flip_mask;

static void flip(void *context, uint32_t device_id, fedl_sim_phase phase, uint8_t *bytes,
                 size_t size)
{
    (void)context;
    (void)device_id;
    (void)phase;
    if ((fedli_rng_u32(&flip_rng) & flip_mask) == 0) {
        const uint32_t bit = fedli_rng_below(&flip_rng, (uint32_t)size * 8u);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

/* What all worlds together have seen: chaos that never happens proves nothing. */
static struct {
    uint64_t dropouts;
    uint64_t lost;
    uint64_t aborted;
    uint64_t bad_messages;
    uint64_t crashes;
    uint64_t short_rounds;
} seen;

static double up_to(fedli_rng *rng, double max)
{
    /* Half of the time nothing at all: worlds with one kind of trouble are easier to read. */
    const uint32_t draw = fedli_rng_u32(rng);
    return (draw & 1u) != 0 ? 0.0 : max * (double)(draw >> 8) / 16777216.0;
}

static void run_world(const fedl_sim_config *base, uint64_t seed)
{
    fedl_sim_config cfg = *base;
    fedli_rng rng;
    fedli_rng_init(&rng, seed);
    cfg.seed = seed;
    cfg.net.delay_ms_min = fedli_rng_below(&rng, 20);
    cfg.net.delay_ms_max = cfg.net.delay_ms_min + fedli_rng_below(&rng, 3000);
    cfg.net.loss = up_to(&rng, 0.15);
    cfg.net.duplicate = up_to(&rng, 0.3);
    for (uint32_t phase = 1; phase <= FEDL_SIM_PHASE_COUNT; phase++) {
        cfg.net.drop[phase] = up_to(&rng, 0.15);
    }
    cfg.net.away_ms = 1000 + fedli_rng_below(&rng, 200000);
    cfg.enrol = fedli_rng_below(&rng, 2) == 0 ? FEDL_SIM_ENROL_TOKENS : FEDL_SIM_ENROL_PROVISIONED;
    cfg.threads = 1 + fedli_rng_below(&rng, 2);
    cfg.net.server_crash = up_to(&rng, 0.3);
    fedli_rng_init(&flip_rng, ~seed);
    flip_mask = fedli_rng_below(&rng, 2) == 0 ? 0x1fu : 0xffffffffu;
    cfg.watch.tamper = flip;
    const sim_result result = sim_fixture_run(&cfg);
    if (result.outcome != FEDL_SIM_COMPLETE || result.checked_rounds != 3) {
        fail_msg("seed %llu: outcome %d after %u rounds: %s", (unsigned long long)seed,
                 (int)result.outcome, result.checked_rounds, result.text);
    }
    assert_int_equal(result.totals.version, 4);
    seen.dropouts += result.totals.dropouts;
    seen.lost += result.totals.messages_lost;
    seen.aborted += result.totals.aborted_attempts;
    seen.bad_messages += result.bad_messages;
    seen.crashes += result.totals.server_crashes;
    seen.short_rounds += result.fewest_reports < cfg.task->round.clients_goal ? 1u : 0u;
}

static void run_worlds(const char *const *extra, uint64_t first)
{
    sim_fixture fixture;
    sim_fixture_open(&fixture, extra);
    const fedl_sim_config cfg = sim_fixture_config(&fixture);
    for (uint64_t seed = first; seed < first + CHAOS_SEEDS / 2; seed++) {
        run_world(&cfg, seed);
    }
    for (size_t i = 0; i < sizeof past_seeds / sizeof past_seeds[0]; i++) {
        run_world(&cfg, past_seeds[i]);
    }
    sim_fixture_close(&fixture);
}

static void test_few_reports_are_enough(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.clients=4",
                                        "round.min_reports=2",
                                        "round.select=5",
                                        "round.pool=5",
                                        "round.deadline=3m",
                                        "round.attempts=100",
                                        NULL};
    run_worlds(extra, 1000);
}

static void test_all_must_report(void **state)
{
    (void)state;
    static const char *const extra[] = {"round.deadline=2m", "round.attempts=100", NULL};
    run_worlds(extra, 5000);
}

static void test_there_was_chaos(void **state)
{
    (void)state;
    assert_true(seen.dropouts > CHAOS_SEEDS);
    assert_true(seen.lost > CHAOS_SEEDS);
    assert_true(seen.bad_messages > CHAOS_SEEDS / 2);
    assert_true(seen.aborted > 0);
    assert_true(seen.crashes > CHAOS_SEEDS / 4);
    assert_true(seen.short_rounds > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_reports_are_enough),
        cmocka_unit_test(test_all_must_report),
        cmocka_unit_test(test_there_was_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
