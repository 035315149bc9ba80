/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise of the devices in the virtual world: the real coordinator's ledger beside those of the real
 * clients, round by round, through failed attempts, power cuts and crashes.
 */
#include "sim_fixture.h"

#include "cmocka_all.h"
#include "planner/accountant.h"
#include "sim_state.h"

#include <math.h>
#include <string.h>

/* Δ̃² = 256² + 1024/4 + 256 + 32/2 with clip 1 in steps of 2^-8 and 832 parameters in four blocks;
 * 3 of 4 devices add noise: ρ = Δ̃² / (2·3·64²). */
#define NOISY                                                                                      \
    "aggregation.mode=masked", "aggregation.min_cohort=4", "aggregation.gamma=10%",                \
        "aggregation.step_dropout=10%", "aggregation.step_timeout=20s", "aggregation.w_unit=0",    \
        "aggregation.w_max=1", "aggregation.clip=1", "aggregation.update_exp=-8",                  \
        "aggregation.clients_max=5", "privacy.mode=distributed", "privacy.sigma=64",               \
        "privacy.delta=0.00001"
#define RHO_OF_SUM ((256.0 * 256 + 1024 / 4.0 + 256 + 32 / 2.0) / (2 * 3 * 64.0 * 64))

/* What both sides have spent, looked at whenever something became durable. */
typedef struct ledgers {
    fedl_sim_world *world;
    uint64_t charge;
    uint32_t commits;
    uint32_t failed;      /* attempts that were charged without a sum */
    uint32_t differences; /* looks at a commit at which a device had spent less */
    const char *reason;   /* why the task was completed */
} ledgers;

static uint64_t device_spent(const ledgers *l, uint32_t index)
{
    const fedl_client_progress *kept = &l->world->devices[index].progress;
    return kept->count == 0 ? 0 : kept->tasks[0].rho_spent;
}

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    ledgers *l = context;
    fedl_sim_totals totals;
    (void)now_ns;
    if (op->kind == FEDL_STORE_TASK_STATE && op->task_state == FEDL_TASK_COMPLETE) {
        l->reason = op->text;
    }
    if (op->kind != FEDL_STORE_GROUP_COMMIT && op->kind != FEDL_STORE_ROUND_ABORT &&
        op->kind != FEDL_STORE_ROUND_BURN) {
        return;
    }
    assert_true(op->rho == 0 || op->rho == l->charge);
    l->commits += op->kind == FEDL_STORE_GROUP_COMMIT ? 1u : 0u;
    l->failed += op->kind != FEDL_STORE_GROUP_COMMIT && op->rho != 0 ? 1u : 0u;
    fedl_sim_world_totals(l->world, &totals);
    assert_true(totals.rho_spent == (l->commits + l->failed) * l->charge);
    bool less = false;
    for (uint32_t i = 0; i < FIXTURE_CLIENTS; i++) {
        assert_true(device_spent(l, i) <= totals.rho_spent); /* nobody is ever ahead */
        less |= device_spent(l, i) < totals.rho_spent;
    }
    l->differences += less ? 1u : 0u;
}

/* Runs a world to its end and leaves it open: sim_fixture.c's oracle knows sums without noise. */
static fedl_sim_totals run(ledgers *l, const sim_fixture *fixture, fedl_sim_config *cfg)
{
    char text[FEDL_SIM_TEXT_BYTES] = "";
    fedl_sim_totals totals;
    fedl_sim_outcome outcome = FEDL_SIM_STALLED;
    const fedl_plan *plan = &fixture->data.task->plan;
    *l = (ledgers){
        .charge = fedl_privacy_charge(plan, plan->secagg.min_cohort, plan->secagg.gamma_permille)};
    cfg->watch.context = l;
    cfg->watch.stored = on_stored;
    fedl_status status = fedl_sim_world_create(&l->world, cfg, text);
    if (status == FEDL_OK) {
        status = fedl_sim_world_run(l->world, &outcome, text);
    }
    if (status != FEDL_OK) {
        fail_msg("%s", text);
    }
    assert_int_equal(outcome, FEDL_SIM_COMPLETE);
    fedl_sim_world_totals(l->world, &totals);
    return totals;
}

static void open_plan(sim_fixture *fixture, const char *rounds, const char *epsilon)
{
    const char *const plan[] = {NOISY, rounds, epsilon, "round.min_reports=4", NULL};
    sim_fixture_open(fixture, plan);
}

static void both_sides_spend_the_same_and_threads_change_nothing(void **state)
{
    (void)state;
    sim_fixture fixture;
    fedl_sim_totals first;
    ledgers l;
    open_plan(&fixture, "round.rounds=3", "privacy.epsilon=30");
    for (uint32_t threads = 1; threads <= 2; threads++) {
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.threads = threads;
        const fedl_sim_totals totals = run(&l, &fixture, &cfg);
        assert_int_equal(totals.rounds, 3);
        assert_int_equal(l.commits, 3);
        assert_int_equal(l.failed, 0);
        assert_int_equal(l.differences, 0);
        assert_null(l.reason);
        assert_true(fabs(fedl_zcdp_from_units(totals.rho_spent) - 3 * RHO_OF_SUM) < 1e-9);
        for (uint32_t i = 0; i < FIXTURE_CLIENTS; i++) {
            assert_true(device_spent(&l, i) == totals.rho_spent);
        }
        fedl_sim_world_destroy(l.world);
        if (threads == 1) {
            first = totals;
        }
        assert_memory_equal(totals.digest, first.digest, 32);
    }
    sim_fixture_close(&fixture);
}

/* Another seed is another noise: the model is not the one without. */
static void noise_depends_on_the_worlds_secrets(void **state)
{
    (void)state;
    sim_fixture fixture;
    fedl_sim_totals totals[2];
    ledgers l;
    open_plan(&fixture, "round.rounds=1", "privacy.epsilon=30");
    for (uint64_t i = 0; i < 2; i++) {
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.seed = 11 + i;
        totals[i] = run(&l, &fixture, &cfg);
        fedl_sim_world_destroy(l.world);
    }
    assert_memory_not_equal(totals[0].digest, totals[1].digest, 32);
    sim_fixture_close(&fixture);
}

/* Devices vanish before their vector: the attempt is spent on both sides, and the task ends with
 * fewer rounds than it was to have. Never is a device refused before the server stops. */
static void failed_attempts_bring_the_end_nearer(void **state)
{
    (void)state;
    sim_fixture fixture;
    ledgers l;
    open_plan(&fixture, "round.rounds=4", "privacy.epsilon=33");
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    const uint64_t budget = fixture.data.task->plan.privacy.rho_budget;
    cfg.net.drop[FEDL_SIM_MASKED] = 0.35;
    const fedl_sim_totals totals = run(&l, &fixture, &cfg);
    const uint64_t sums = budget / l.charge;
    assert_true(l.failed >= 1);
    assert_int_equal(l.commits + l.failed, sums); /* to the last one that the budget pays for */
    assert_true(totals.rounds < 4);
    assert_true(totals.rho_spent <= budget && totals.rho_spent + l.charge > budget);
    assert_non_null(l.reason);
    assert_string_equal(l.reason, "the privacy budget is spent");
    fedl_sim_world_destroy(l.world);
    sim_fixture_close(&fixture);
}

static void a_dying_server_forgets_no_charge(void **state)
{
    (void)state;
    sim_fixture fixture;
    ledgers l;
    uint32_t crashes = 0;
    open_plan(&fixture, "round.rounds=4", "privacy.epsilon=33");
    for (uint64_t seed = 1; seed <= 2; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.seed = seed;
        cfg.net.server_crash = 0.5;
        const fedl_sim_totals totals = run(&l, &fixture, &cfg);
        assert_true(totals.rho_spent <= fixture.data.task->plan.privacy.rho_budget);
        crashes += totals.server_crashes;
        fedl_sim_world_destroy(l.world);
    }
    assert_true(crashes >= 2);
    sim_fixture_close(&fixture);
}

/* The same with a helper: devices charge when they have its certificate. */
static void a_helper_changes_no_ledger(void **state)
{
    (void)state;
    static const char *const plan[] = {NOISY,
                                       "aggregation.mode=helper",
                                       "round.rounds=4",
                                       "privacy.epsilon=33",
                                       "round.min_reports=4",
                                       "round.deadline=20s",
                                       NULL};
    sim_fixture fixture;
    fedl_sim_totals first;
    ledgers l;
    uint32_t failed = 0;
    sim_fixture_open(&fixture, plan);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.threads = threads;
        const fedl_sim_totals totals = run(&l, &fixture, &cfg);
        assert_int_equal(totals.rounds, 4);
        assert_int_equal(l.failed + l.differences, 0);
        assert_true(fabs(fedl_zcdp_from_units(totals.rho_spent) - 4 * RHO_OF_SUM) < 1e-9);
        fedl_sim_world_destroy(l.world);
        if (threads == 1) {
            first = totals;
        }
        assert_memory_equal(totals.digest, first.digest, 32);
    }
    for (uint64_t seed = 1; seed <= 3; seed++) {
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.seed = seed;
        cfg.net.drop[FEDL_SIM_MASKED] = 0.35;
        cfg.net.helper_crash = 0.3;
        cfg.net.server_crash = 0.1;
        const fedl_sim_totals totals = run(&l, &fixture, &cfg);
        assert_true(totals.rho_spent <= fixture.data.task->plan.privacy.rho_budget);
        failed += l.failed;
        fedl_sim_world_destroy(l.world);
    }
    assert_true(failed >= 2);
    sim_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_spend_the_same_and_threads_change_nothing),
        cmocka_unit_test(noise_depends_on_the_worlds_secrets),
        cmocka_unit_test(failed_attempts_bring_the_end_nearer),
        cmocka_unit_test(a_dying_server_forgets_no_charge),
        cmocka_unit_test(a_helper_changes_no_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
