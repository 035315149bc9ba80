/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise of the server in the virtual world, in every kind of aggregation: the real coordinator and
 * its ledger, the real clients, crashes included. A device keeps no account of it.
 */
#include "sim_fixture.h"

#include "cmocka_all.h"
#include "planner/accountant.h"
#include "sim_state.h"

#include <math.h>
#include <string.h>

/* s·C = 2^10 steps, σ = 700: ρ = 1024² / (2 · 700²). */
#define CENTRAL                                                                                    \
    "aggregation.min_cohort=4", "aggregation.step_dropout=10%", "aggregation.step_timeout=20s",    \
        "aggregation.w_unit=0", "aggregation.w_max=1", "aggregation.clip=1",                       \
        "aggregation.update_exp=-10", "aggregation.ring_bits=24", "privacy.mode=central",          \
        "privacy.sigma=700", "privacy.delta=0.00001", "round.min_reports=4"
#define RHO_OF_SUM (1024.0 * 1024 / (2 * 700.0 * 700))

typedef struct ledger {
    uint64_t charge;
    uint32_t commits;
    uint32_t last_round;
    const char *reason; /* why the task was completed */
} ledger;

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    ledger *l = context;
    (void)now_ns;
    if (op->kind == FEDL_STORE_TASK_STATE && op->task_state == FEDL_TASK_COMPLETE) {
        l->reason = op->text;
    }
    if (op->kind == FEDL_STORE_COMMIT) {
        assert_true(op->rho == l->charge);
        assert_true(op->round > l->last_round); /* one version a round, whatever has crashed */
        l->last_round = op->round;
        l->commits++;
        for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
            assert_true(op->metrics.tail[i] == (i == FEDL_TAIL_WEIGHT ? op->member_count : 0u));
        }
    } else if (op->kind == FEDL_STORE_GROUP_COMMIT || op->kind == FEDL_STORE_ROUND_ABORT ||
               op->kind == FEDL_STORE_ROUND_BURN) {
        assert_true(op->rho == 0);
    }
}

static fedl_sim_totals run(ledger *l, const sim_fixture *fixture, fedl_sim_config *cfg)
{
    char text[FEDL_SIM_TEXT_BYTES] = "";
    fedl_sim_totals totals;
    fedl_sim_outcome outcome = FEDL_SIM_STALLED;
    fedl_sim_world *world = NULL;
    *l = (ledger){.charge = fedl_privacy_charge(&fixture->data.task->plan, 4, 100)};
    cfg->watch.context = l;
    cfg->watch.stored = on_stored;
    fedl_status status = fedl_sim_world_create(&world, cfg, text);
    if (status == FEDL_OK) {
        status = fedl_sim_world_run(world, &outcome, text);
    }
    if (status != FEDL_OK) {
        fail_msg("%s", text);
    }
    assert_int_equal(outcome, FEDL_SIM_COMPLETE);
    fedl_sim_world_totals(world, &totals);
    for (uint32_t i = 0; i < FIXTURE_CLIENTS; i++) {
        const fedl_client_progress *kept = &world->devices[i].progress;
        assert_true(kept->count == 0 || kept->tasks[0].rho_spent == 0);
    }
    fedl_sim_world_destroy(world);
    assert_true(totals.rho_spent == l->commits * l->charge);
    return totals;
}

static const char *const modes[] = {"aggregation.mode=plain", "aggregation.mode=masked",
                                    "aggregation.mode=helper"};

static void every_version_is_charged_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const char *const plan[] = {CENTRAL, modes[i], "round.rounds=2", "privacy.epsilon=20",
                                    NULL};
        sim_fixture fixture;
        fedl_sim_totals first;
        ledger l;
        sim_fixture_open(&fixture, plan);
        for (uint64_t seed = 1; seed <= (i == 0 ? 2u : 1u); seed++) {
            fedl_sim_config cfg = sim_fixture_config(&fixture);
            cfg.seed = seed;
            const fedl_sim_totals totals = run(&l, &fixture, &cfg);
            assert_int_equal(totals.rounds, 2);
            assert_int_equal(l.commits, 2);
            assert_null(l.reason);
            assert_true(fabs(fedl_zcdp_from_units(totals.rho_spent) - 2 * RHO_OF_SUM) < 1e-9);
            if (seed == 1) {
                first = totals;
            } else { /* other secrets of the server, other noise */
                assert_memory_not_equal(totals.digest, first.digest, 32);
            }
        }
        sim_fixture_close(&fixture);
    }
}

/* The budget pays for two of three rounds; crashes cost time, not budget. */
static void a_dying_server_pays_for_what_it_releases(void **state)
{
    (void)state;
    uint32_t crashes = 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const char *const plan[] = {CENTRAL, modes[i], "round.rounds=2", "privacy.epsilon=11.5",
                                    NULL};
        sim_fixture fixture;
        ledger l;
        sim_fixture_open(&fixture, plan);
        fedl_task_config *task = (fedl_task_config *)fixture.data.task;
        const uint64_t charge = fedl_privacy_charge(&task->plan, 4, 100);
        assert_int_equal(task->plan.privacy.rho_budget / charge, 2);
        task->round.round_count = 3; /* more than plan files may ask for */
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.net.server_crash = 0.5;
        const fedl_sim_totals totals = run(&l, &fixture, &cfg);
        crashes += totals.server_crashes;
        assert_int_equal(l.commits, 2);
        assert_non_null(l.reason);
        assert_string_equal(l.reason, "the privacy budget is spent");
        sim_fixture_close(&fixture);
    }
    assert_true(crashes >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_charged_once),
        cmocka_unit_test(a_dying_server_pays_for_what_it_releases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
