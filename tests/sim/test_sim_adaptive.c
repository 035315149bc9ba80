/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adaptive clipping in the virtual world: the real coordinator and the real clients. Every
 * version's bound follows from the one before and from the count that was stored with it, through
 * crashes; its cost is the same on both sides.
 */
#include "sim_fixture.h"

#include "agg/clip_bound.h"
#include "cmocka_all.h"
#include "sim_state.h"

#include <string.h>

#define ADAPTIVE                                                                                   \
    "aggregation.min_cohort=4", "aggregation.step_dropout=10%", "aggregation.step_timeout=20s",    \
        "aggregation.w_unit=0", "aggregation.w_max=1", "aggregation.clip=0.5",                     \
        "aggregation.update_exp=-8", "aggregation.ring_bits=24", "aggregation.clients_max=5",      \
        "privacy.epsilon=500", "privacy.delta=0.00001", "privacy.adaptive_clip=yes",               \
        "privacy.quantile=30%", "round.min_reports=4", "round.rounds=4"

static const char *const modes[][5] = {
    {"aggregation.mode=plain", "privacy.mode=central", "privacy.sigma=100",
     "privacy.quantile_sigma=0.5", NULL},
    {"aggregation.mode=masked", "privacy.mode=central", "privacy.sigma=100",
     "privacy.quantile_sigma=0.5", NULL},
    {"aggregation.mode=masked", "privacy.mode=distributed", "privacy.sigma=64",
     "privacy.quantile_sigma=2", NULL},
    {"aggregation.mode=helper", "privacy.mode=distributed", "privacy.sigma=64",
     "privacy.quantile_sigma=2", NULL},
};
#define MODES (sizeof modes / sizeof modes[0])

typedef struct chain {
    fedl_sim_world *world;
    const fedl_plan *plan;
    uint64_t charge;
    uint64_t charged;
    uint32_t bound_q16; /* of the newest version */
    uint32_t commits;
    uint32_t moves;
} chain;

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    chain *l = context;
    (void)now_ns;
    if (op->kind == FEDL_STORE_COMMIT || op->kind == FEDL_STORE_GROUP_COMMIT ||
        op->kind == FEDL_STORE_ROUND_ABORT || op->kind == FEDL_STORE_ROUND_BURN) {
        assert_true(op->rho == 0 || op->rho == l->charge);
        l->charged += op->rho;
    }
    if (op->kind == FEDL_STORE_TASK_ADD) {
        l->bound_q16 = op->model.bound_q16;
        assert_int_equal(l->bound_q16, l->plan->update.clip_q16);
        assert_int_equal(fedl_manifest_bound_q16(op->model.manifest), l->bound_q16);
    }
    if (op->kind != FEDL_STORE_COMMIT) {
        return;
    }
    const uint64_t above = op->metrics.tail[FEDL_TAIL_CLIPPED];
    assert_true(above <= op->member_count);
    const uint32_t next =
        fedl_clip_bound_next_q16(&l->plan->update, l->bound_q16, (uint32_t)above, op->member_count,
                                 l->plan->privacy.quantile_permille);
    assert_int_equal(op->model.bound_q16, next);
    assert_int_equal(fedl_manifest_bound_q16(op->model.manifest), next);
    l->moves += next != l->bound_q16 ? 1u : 0u;
    l->bound_q16 = next;
    l->commits++;
}

static fedl_sim_totals run(chain *l, const sim_fixture *fixture, fedl_sim_config *cfg)
{
    char text[FEDL_SIM_TEXT_BYTES] = "";
    fedl_sim_totals totals;
    fedl_sim_outcome outcome = FEDL_SIM_STALLED;
    const fedl_plan *plan = &fixture->data.task->plan;
    *l = (chain){
        .plan = plan,
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
    assert_true(totals.rho_spent == l->charged);
    return totals;
}

static void open_mode(sim_fixture *fixture, size_t mode)
{
    const char *const *m = modes[mode];
    const char *const plan[] = {ADAPTIVE, m[0], m[1], m[2], m[3], NULL};
    sim_fixture_open(fixture, plan);
}

static void every_round_makes_the_next_ones_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        sim_fixture fixture;
        fedl_sim_totals first;
        open_mode(&fixture, i);
        for (uint32_t threads = 1; threads <= 2; threads++) {
            chain l;
            fedl_sim_config cfg = sim_fixture_config(&fixture);
            cfg.threads = threads;
            const fedl_sim_totals totals = run(&l, &fixture, &cfg);
            assert_int_equal(l.commits, 4);
            assert_int_equal(l.moves, 4); /* 30 % is no fifth of five */
            const bool of_devices = l.plan->privacy.mode == FEDL_PRIVACY_DISTRIBUTED;
            assert_true(totals.rho_spent == 4 * l.charge);
            for (uint32_t k = 0; k < FIXTURE_CLIENTS; k++) {
                const fedl_client_progress *kept = &l.world->devices[k].progress;
                assert_true(kept->tasks[0].rho_spent == (of_devices ? totals.rho_spent : 0));
            }
            fedl_sim_world_destroy(l.world);
            if (threads == 1) {
                first = totals;
            }
            assert_memory_equal(totals.digest, first.digest, 32);
        }
        sim_fixture_close(&fixture);
    }
}

static void a_restarted_server_goes_on_with_its_bound(void **state)
{
    (void)state;
    uint32_t crashes = 0;
    for (size_t i = 0; i < MODES; i++) {
        sim_fixture fixture;
        chain l;
        open_mode(&fixture, i);
        fedl_sim_config cfg = sim_fixture_config(&fixture);
        cfg.net.server_crash = 0.5;
        crashes += run(&l, &fixture, &cfg).server_crashes;
        assert_true(l.commits >= 2);
        assert_true(l.moves >= 2);
        fedl_sim_world_destroy(l.world);
        sim_fixture_close(&fixture);
    }
    assert_true(crashes >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_round_makes_the_next_ones_bound),
        cmocka_unit_test(a_restarted_server_goes_on_with_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
