/* SPDX-License-Identifier: Apache-2.0 */
/* The site's policy: every demand that a plan does not meet is named, and nothing of it is used. */
#include "cmocka_all.h"

#include "device_world.h"

#include <stdio.h>
#include <string.h>

/* A masked plan that the default policy takes. */
static void make_masked(world *w)
{
    fedl_plan *plan = &w->server.plan;
    plan->aggregation = FEDL_AGGREGATION_MASKED;
    plan->update.clients_max = 8;
    plan->secagg = (fedl_secagg_config){.trust = FEDL_TRUST_CURIOUS,
                                        .min_cohort = 5,
                                        .gamma_permille = 100,
                                        .delta_permille = 100,
                                        .step_ms = 10000,
                                        .epoch_rounds = 64};
}

static void plain(world *w)
{
    w->cfg.policy.min_aggregation = FEDL_AGGREGATION_MASKED;
}

static void plain_is_not_active(world *w)
{
    w->cfg.policy.require_active = true;
}

static void curious(world *w)
{
    make_masked(w);
    w->cfg.policy.require_active = true;
}

static void small_cohort(world *w)
{
    make_masked(w);
    w->server.plan.secagg.min_cohort = 4;
}

static void small_gamma(world *w)
{
    make_masked(w);
    w->server.plan.secagg.gamma_permille = 99;
}

static void many_epochs(world *w)
{
    w->cfg.policy.epochs_max = w->server.plan.train.local_epochs - 1u;
}

static void heavy(world *w)
{
    w->server.plan.update.w_unit = 4;
    w->server.plan.update.w_max = 9;
}

static void long_clip(world *w)
{
    w->cfg.policy.clip_q16_max = w->server.plan.update.clip_q16 - 1u;
}

static void no_noise(world *w)
{
    w->cfg.policy.require_privacy = true;
}

static void add_noise(world *w, fedl_privacy_mode mode)
{
    w->server.plan.privacy =
        (fedl_privacy_config){.mode = mode, .sigma2_q8 = 1u << 16, .rho_budget = FEDL_RHO_ONE};
    w->server.plan.update.w_unit = 0; /* privacy asks for equal weights */
    w->server.plan.update.w_max = 1;
    fedl_plan_settle(&w->server.plan);
}

static void central_noise_is_not_enough(world *w)
{
    w->cfg.policy.require_privacy = true;
    add_noise(w, FEDL_PRIVACY_CENTRAL);
}

static void no_budget(world *w)
{
    make_masked(w);
    add_noise(w, FEDL_PRIVACY_DISTRIBUTED);
    w->cfg.policy.rho_budget = 0;
}

static void large_epsilon(world *w)
{
    make_masked(w);
    add_noise(w, FEDL_PRIVACY_DISTRIBUTED);
    w->cfg.policy.rho_max = w->server.plan.privacy.rho_budget - 1u;
}

/* A limit on what is spent is one on what is told without noise, too. */
static void endless_epsilon(world *w)
{
    make_masked(w);
    w->cfg.policy.rho_max = 1000 * FEDL_RHO_ONE;
}

static void endless_epsilon_of_the_site(world *w)
{
    make_masked(w);
    add_noise(w, FEDL_PRIVACY_CENTRAL);
    w->cfg.policy.rho_budget = 1000 * FEDL_RHO_ONE;
}

static void every_demand_has_its_refusal(void **state)
{
    (void)state;
    const struct {
        void (*change)(world *w);
        fedl_refusal refusal;
        uint64_t asked;
        uint64_t allowed;
    } cases[] = {
        {plain, FEDL_REFUSAL_PLAIN, 0, 0},
        {plain_is_not_active, FEDL_REFUSAL_TRUST, 0, 0},
        {curious, FEDL_REFUSAL_TRUST, 0, 0},
        {small_cohort, FEDL_REFUSAL_POLICY_COHORT, 4, 5},
        {small_gamma, FEDL_REFUSAL_POLICY_GAMMA, 99, 100},
        {many_epochs, FEDL_REFUSAL_POLICY_EPOCHS, 2, 1},
        {heavy, FEDL_REFUSAL_POLICY_WEIGHT, 9, 8},
        {long_clip, FEDL_REFUSAL_POLICY_CLIP, 65536, 65535},
        {no_noise, FEDL_REFUSAL_POLICY_PRIVACY, 0, 0},
        {central_noise_is_not_enough, FEDL_REFUSAL_POLICY_PRIVACY, 0, 0},
        {no_budget, FEDL_REFUSAL_BUDGET, FEDL_RHO_ONE, 0},
        {large_epsilon, FEDL_REFUSAL_POLICY_EPSILON, FEDL_RHO_ONE, FEDL_RHO_ONE - 1u},
        {endless_epsilon, FEDL_REFUSAL_POLICY_PRIVACY, 0, 0},
        {endless_epsilon_of_the_site, FEDL_REFUSAL_POLICY_PRIVACY, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[100];
        world *w = world_create(FEDL_CLIENT_RUN);
        w->server.plan.train.local_epochs = 2;
        cases[i].change(w);
        world_sign(w);
        world_start(w);
        world_run(w, 100);
        (void)snprintf(expected, sizeof expected,
                       "log connected status 0 a 0 b 0 round 0.0\n"
                       "device > CHECKIN 0\n"
                       "log task refused status %d a ",
                       (int)FEDL_ERR_POLICY);
        if (strncmp(w->transcript, expected, strlen(expected)) != 0 ||
            w->refusal != cases[i].refusal || w->asked != cases[i].asked ||
            w->allowed != cases[i].allowed) {
            print_error("case %zu: refusal %d after\n%s", i, (int)w->refusal, w->transcript);
            fail();
        }
        assert_true(world_said(w, "round 1.1")); /* the log names the task that was offered */
        assert_null(w->task_block);              /* no memory was asked for … */
        assert_int_equal(world_count(w, "device >"), 1); /* … and nothing sent but the check-in */
        /* It asks again, after a pause. */
        const fedl_instant_ns before_ns = w->now_ns;
        world_advance(w, 100);
        assert_true(w->now_ns - before_ns >= (fedl_instant_ns)w->cfg.backoff_ms_min / 2 * WORLD_MS);
        assert_int_equal(world_count(w, "device >"), 2);
        assert_int_equal(w->train_count, 0);
        world_destroy(w);
    }
}

static void what_meets_the_policy_exactly_is_taken(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.policy.epochs_max = w->server.plan.train.local_epochs;
    w->cfg.policy.clip_q16_max = w->server.plan.update.clip_q16;
    w->server.plan.update.w_unit = 4;
    w->server.plan.update.w_max = w->cfg.policy.w_max;
    world_sign(w);
    world_start(w);
    world_run(w, 100);
    assert_true(w->server.reported);
    world_destroy(w);
}

/* w_max without w_unit weighs nothing. */
static void unused_weights_are_not_judged(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->server.plan.update.w_unit = 0;
    w->server.plan.update.w_max = 200;
    world_sign(w);
    world_run(w, 100);
    assert_true(w->server.reported);
    world_destroy(w);
}

static void models_for_prediction_are_taken_all_the_same(void **state)
{
    (void)state;
    for (int masked = 0; masked < 2; masked++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        fedl_site_policy_default(&w->cfg.policy);
        w->cfg.policy.require_active = true;
        w->server.offer_only = true;
        if (masked != 0) {
            make_masked(w);
        }
        world_sign(w);
        world_start(w);
        world_run(w, 100);
        assert_int_equal(w->ready_count, 1);
        assert_false(world_said(w, "refused"));
        world_destroy(w);
    }
}

static void the_default_asks_for_masking(void **state)
{
    (void)state;
    fedl_client_config cfg;
    fedl_client_config_default(&cfg);
    assert_int_equal(cfg.policy.min_aggregation, FEDL_AGGREGATION_MASKED);
    assert_int_equal(cfg.policy.min_cohort, 5);
    assert_int_equal(cfg.policy.gamma_permille, 100);
    assert_int_equal(cfg.policy.epochs_max, 100);
    assert_int_equal(cfg.policy.w_max, 8);
    assert_int_equal(cfg.policy.clip_q16_max, UINT32_MAX);
    assert_true(cfg.policy.rho_max == UINT64_MAX);
    assert_true(cfg.policy.rho_budget == UINT64_MAX);
    assert_false(cfg.policy.require_active);
    assert_false(cfg.policy.require_privacy);
}

static void a_policy_out_of_range_is_no_configuration(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    const fedl_site_policy good = w->cfg.policy;
    for (int i = 0; i < 7; i++) {
        fedl_client client = {NULL};
        fedl_site_policy *p = &w->cfg.policy;
        *p = good;
        p->min_aggregation = i == 0   ? (fedl_aggregation)0
                             : i == 1 ? (fedl_aggregation)4
                                      : p->min_aggregation;
        p->min_cohort = i == 2 ? 2 : p->min_cohort;
        p->gamma_permille = i == 3 ? 334 : p->gamma_permille;
        p->epochs_max = i == 4 ? 0 : p->epochs_max;
        p->w_max = i == 5 ? 0 : p->w_max;
        p->clip_q16_max = i == 6 ? 0 : p->clip_q16_max;
        assert_int_equal(fedl_client_size(&w->cfg), 0);
        assert_int_equal(fedl_client_init(&client, &w->cfg, w->block, w->block_bytes),
                         FEDL_ERR_RANGE);
    }
    world_destroy(w);
}

static void make_adaptive(world *w, fedl_privacy_mode mode)
{
    if (mode == FEDL_PRIVACY_DISTRIBUTED) {
        make_masked(w);
    }
    add_noise(w, mode);
    w->server.plan.privacy.rho_budget = 1000 * FEDL_RHO_ONE;
    w->server.plan.privacy.adaptive_clip = true;
    w->server.plan.privacy.quantile_permille = 500;
    w->server.plan.privacy.bit_sigma2_q8 = 16u << 8;
    fedl_plan_settle(&w->server.plan);
}

/* A signed bound that the plan does not allow is refused before anything is sent or trained, and so
 * is one in a plan whose clip stays. */
static void bounds_out_of_range_are_refused(void **state)
{
    (void)state;
    const uint32_t clip = 65536; /* of the world's plan */
    const struct {
        fedl_privacy_mode mode;
        bool adaptive;
        uint32_t bound_q16;
        uint64_t allowed; /* 0 with good = refused, too */
        bool good;
    } cases[] = {
        {FEDL_PRIVACY_CENTRAL, true, clip, 0, true},
        {FEDL_PRIVACY_CENTRAL, true, clip / 16, 0, true},
        {FEDL_PRIVACY_CENTRAL, true, clip * 16, 0, true},
        {FEDL_PRIVACY_CENTRAL, true, clip / 16 - 1, clip * 16, false},
        {FEDL_PRIVACY_CENTRAL, true, clip * 16 + 1, clip * 16, false},
        {FEDL_PRIVACY_CENTRAL, true, 0, clip * 16, false},
        {FEDL_PRIVACY_CENTRAL, false, clip, 0, false},
        {FEDL_PRIVACY_CENTRAL, false, 0, 0, true},
        {FEDL_PRIVACY_DISTRIBUTED, true, clip * 16 + 1, clip * 16, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        if (cases[i].adaptive) {
            make_adaptive(w, cases[i].mode);
        } else {
            add_noise(w, cases[i].mode);
        }
        w->server.manifest.bound_q16 = cases[i].bound_q16;
        world_sign(w);
        world_start(w);
        world_run(w, 100);
        assert_int_equal(w->refusal == FEDL_REFUSAL_BOUND, !cases[i].good);
        assert_int_equal(w->train_count, cases[i].good ? 1 : 0);
        assert_true(world_said(w, "device > UPLOAD") == cases[i].good);
        if (!cases[i].good) {
            assert_int_equal(w->asked, cases[i].bound_q16);
            assert_int_equal(w->allowed, cases[i].allowed);
        } else { /* clipped and scaled by this very bound */
            uint8_t expected[8192];
            assert_int_equal(w->server.vector_size, world_expected_vector(w, expected));
            assert_memory_equal(w->server.vector, expected, w->server.vector_size);
        }
        world_destroy(w);
    }
}

/* The owner's limit holds for every round's bound, not for the plan's clip alone. */
static void the_sites_clip_holds_for_bounds(void **state)
{
    (void)state;
    for (uint32_t above = 0; above < 2; above++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        make_adaptive(w, FEDL_PRIVACY_CENTRAL);
        w->cfg.policy.clip_q16_max = 100000;
        w->server.manifest.bound_q16 = 100000 + above;
        world_sign(w);
        world_start(w);
        world_run(w, 100);
        assert_int_equal(w->refusal == FEDL_REFUSAL_POLICY_CLIP, above);
        assert_int_equal(w->train_count, 1 - above);
        if (above == 1) {
            assert_int_equal(w->asked, 100001);
            assert_int_equal(w->allowed, 100000);
        }
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_demand_has_its_refusal),
        cmocka_unit_test(bounds_out_of_range_are_refused),
        cmocka_unit_test(the_sites_clip_holds_for_bounds),
        cmocka_unit_test(what_meets_the_policy_exactly_is_taken),
        cmocka_unit_test(unused_weights_are_not_judged),
        cmocka_unit_test(models_for_prediction_are_taken_all_the_same),
        cmocka_unit_test(the_default_asks_for_masking),
        cmocka_unit_test(a_policy_out_of_range_is_no_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
