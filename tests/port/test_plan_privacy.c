/* SPDX-License-Identifier: Apache-2.0 */
/* Differential privacy in a plan file. */
#include "cmocka_all.h"

#include "inih/plan_file.h"
#include "planner/accountant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static fedl_task_config config;
static fedl_plan_error error;

/* aggregation begins in line 12, privacy in the third line after its end: mode, then the rest. */
static fedl_status parse(fedl_privacy_mode mode, const char *aggregation, const char *privacy)
{
    static const char *names[] = {"", "none", "distributed", "central"};
    char text[1024];
    const int size = snprintf(text, sizeof text,
                              "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[data]\n"
                              "format = idx\n[round]\nrounds = 2\nclients = 20\n[aggregation]\n"
                              "%s\n[privacy]\nmode = %s\n%s\n",
                              aggregation, names[mode], privacy);
    assert_true(size > 0 && (size_t)size < sizeof text);
    return fedl_plan_file_parse(&config, fedl_bytes_of(text, (size_t)size), NULL, 0, &error);
}

static void noise_of_the_devices(void **state)
{
    (void)state;
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.004",
                           "sigma = 2.5\nepsilon = 40\ndelta = 0.00001"),
                     FEDL_OK);
    const fedl_privacy_config *privacy = &config.plan.privacy;
    assert_int_equal(privacy->sigma2_q8, 1600); /* 6.25 · 2^8 */
    assert_true(privacy->rotate);
    assert_false(privacy->adaptive_clip);
    assert_int_equal(privacy->quantile_permille, 0);
    const double rho = fedl_zcdp_from_units(privacy->rho_budget);
    assert_true(fedl_zcdp_epsilon(rho, 1e-5) <= 40);
    assert_true(fedl_zcdp_epsilon(rho * 1.000001, 1e-5) > 40);
    assert_true(config.plan.update.rotate);
    assert_int_equal(config.plan.update.noise_sigma2_q8, 1600);
}

static void noise_of_the_server(void **state)
{
    (void)state;
    static const char *const modes[] = {"plain", "masked", "helper"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char aggregation[100];
        (void)snprintf(aggregation, sizeof aggregation,
                       "mode = %s\nclip = 1\nupdate_exp = -10\nring_bits = 24", modes[i]);
        assert_int_equal(parse(FEDL_PRIVACY_CENTRAL, aggregation, "sigma = 1234.567\nepsilon = 8"),
                         FEDL_OK);
        const fedl_privacy_config *privacy = &config.plan.privacy;
        assert_int_equal(privacy->mode, FEDL_PRIVACY_CENTRAL);
        /* 1234.567² = 1524155.67…: whole steps² above 256², rounded down. */
        assert_int_equal(privacy->sigma2_q8, 1524155u << 8);
        assert_false(privacy->rotate);
        assert_false(config.plan.update.rotate);
        assert_int_equal(config.plan.update.noise_sigma2_q8, 0);
        assert_int_equal(config.plan.update.sum_sigma2_q8, 1524155u << 8);
        assert_int_equal(config.plan.update.w_max, 1);
    }
    assert_int_equal(parse(FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 0.01\nupdate_exp = -8",
                           "sigma = 2.5\nepsilon = 8"),
                     FEDL_OK);
    assert_int_equal(config.plan.update.sum_sigma2_q8, 1600);
}

/* Whoever takes the masks off: the noise, and what it costs, are the same. */
static void noise_with_a_helper(void **state)
{
    (void)state;
    fedl_plan plans[2];
    static const char *const modes[] = {"mode = masked\nclip = 0.004",
                                        "mode = helper\nclip = 0.004"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED, modes[i], "sigma = 2.5\nepsilon = 40"),
                         FEDL_OK);
        plans[i] = config.plan;
    }
    assert_memory_equal(&plans[0].privacy, &plans[1].privacy, sizeof plans[0].privacy);
    assert_int_equal(plans[1].aggregation, FEDL_AGGREGATION_HELPER);
    assert_int_equal(plans[1].update.noise_sigma2_q8, 1600);
    assert_true(fedl_privacy_charge(&plans[0], 5, 100) == fedl_privacy_charge(&plans[1], 5, 100));
}

static void the_clip_may_follow_the_norms(void **state)
{
    (void)state;
    const char *central = "mode = plain\nclip = 0.01\nupdate_exp = -8\nclients_max = 20";
    assert_int_equal(parse(FEDL_PRIVACY_CENTRAL, central,
                           "sigma = 3\nepsilon = 10\nadaptive_clip = yes\nquantile = 62.5%\n"
                           "quantile_sigma = 7.5"),
                     FEDL_OK);
    assert_true(config.plan.privacy.adaptive_clip);
    assert_int_equal(config.plan.privacy.quantile_permille, 625);
    assert_int_equal(config.plan.privacy.bit_sigma2_q8, 14400); /* 56.25 · 2^8 */
    assert_int_equal(config.plan.update.bit_sigma2_q8, 14400);
    assert_int_equal(config.plan.update.bound_q16, 0);
    /* 20 devices: a twentieth is below 5. */
    assert_int_equal(
        parse(FEDL_PRIVACY_CENTRAL, central, "sigma = 3\nepsilon = 10\nadaptive_clip = yes"),
        FEDL_OK);
    assert_int_equal(config.plan.privacy.quantile_permille, 500);
    assert_int_equal(config.plan.privacy.bit_sigma2_q8, 25u << 8);
    /* A device: not less than 2. */
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.004",
                           "sigma = 2.5\nepsilon = 40\nadaptive_clip = yes"),
                     FEDL_OK);
    assert_int_equal(config.plan.privacy.bit_sigma2_q8, 4u << 8);
    /* Its keys say nothing without it. */
    assert_int_equal(parse(FEDL_PRIVACY_CENTRAL, central,
                           "sigma = 3\nepsilon = 10\nquantile = 62.5%\nquantile_sigma = 7.5"),
                     FEDL_OK);
    assert_int_equal(config.plan.privacy.quantile_permille, 0);
    assert_int_equal(config.plan.privacy.bit_sigma2_q8, 0);
}

static void without_privacy_there_are_zeros(void **state)
{
    (void)state;
    static const fedl_privacy_config none = {.mode = FEDL_PRIVACY_NONE};
    assert_int_equal(parse(FEDL_PRIVACY_NONE, "mode = masked", "sigma = 3\nrotate = yes"), FEDL_OK);
    assert_memory_equal(&config.plan.privacy, &none, sizeof none);
    assert_false(config.plan.update.rotate);
}

static const struct {
    fedl_privacy_mode mode;
    const char *aggregation;
    const char *privacy;
    fedl_status status;
    uint32_t line;
    const char *expected;
} wrong[] = {
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked", "sigma = 3", FEDL_ERR_FORMAT, 14,
     "differential privacy needs 'sigma' and 'epsilon' in [privacy]"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = plain", "sigma = 3\nepsilon = 1", FEDL_ERR_RANGE, 14,
     "mode = distributed in [privacy] hides a device in the sum of all: it needs mode = masked "
     "or helper in [aggregation]; no single change is enough: use aggregation.mode=masked with "
     "aggregation.ring_bits=24 and aggregation.update_exp=-4 and privacy.epsilon=247.457"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked", "sigma = 1.99\nepsilon = 1", FEDL_ERR_RANGE, 15,
     "sigma in [privacy] is below 2 steps, where noise of several devices does not add up; no "
     "single change is enough: use privacy.sigma=2 with aggregation.ring_bits=24 and "
     "aggregation.update_exp=-4 and privacy.epsilon=489.556"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.25\nupdate_exp = -8",
     "sigma = 257\nepsilon = 20", FEDL_ERR_RANGE, 17,
     "sigma in [privacy] is above 256 steps a device: use privacy.sigma=256"},
    {FEDL_PRIVACY_CENTRAL, "mode = plain", "sigma = 3", FEDL_ERR_FORMAT, 14,
     "differential privacy needs 'sigma' and 'epsilon' in [privacy]"},
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 1\nupdate_exp = -8\nring_bits = 24",
     "sigma = 4096\nepsilon = 10", FEDL_ERR_RANGE, 18,
     "'sigma' in [privacy]: expected a decimal number from 0.0625 to 4095, not '4096': use "
     "privacy.sigma=2560.0"},
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 0.01\nupdate_exp = -8",
     "sigma = 3\nepsilon = 10\nrotate = yes", FEDL_ERR_RANGE, 19,
     "rotate in [privacy] is for noise of the devices: use privacy.rotate=no"},
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 0.01\nupdate_exp = -8\nw_max = 2",
     "sigma = 3\nepsilon = 10", FEDL_ERR_RANGE, 0,
     "with differential privacy all devices weigh the same: w_unit = 0, w_max = 1: use "
     "aggregation.w_max=1"},
    /* 8·√(1024²·20²/15 + 20/4 + 4000²) = 53,048 fits 2^16, but 8σ leave nothing to the sum. */
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 1\nupdate_exp = -12",
     "sigma = 4000\nepsilon = 1000", FEDL_ERR_RANGE, 0,
     "sums of 20 clipped and noised updates do not fit ring_bits = 16 in [aggregation]: use "
     "aggregation.ring_bits=24"},
    /* ρ = 256² / (2 · 200²) a round. */
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 1\nupdate_exp = -8", "sigma = 200\nepsilon = 6",
     FEDL_ERR_RANGE, 18,
     "epsilon = 6 in [privacy] pays for 0 of 2 rounds: use privacy.sigma=320.5, or "
     "privacy.epsilon=10.378"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nw_unit = 9", "sigma = 3\nepsilon = 1",
     FEDL_ERR_RANGE, 13,
     "with differential privacy all devices weigh the same: w_unit = 0, w_max = 1; no "
     "single change is enough: use aggregation.w_unit=0 with aggregation.ring_bits=24 "
     "and aggregation.update_exp=-4 and privacy.epsilon=247.457"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 300\nupdate_exp = -13\nring_bits = 32",
     "sigma = 3\nepsilon = 1", FEDL_ERR_RANGE, 14,
     "clip in [aggregation] is more than 1048576 steps of 2^-13"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.25\nupdate_exp = -8",
     "sigma = 20\nepsilon = 20\nadaptive_clip = yes\nquantile_sigma = 1.99", FEDL_ERR_RANGE, 20,
     "quantile_sigma in [privacy] is below 2 a device: use privacy.quantile_sigma=2"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.25\nupdate_exp = -8",
     "sigma = 20\nepsilon = 20\nadaptive_clip = yes\nquantile_sigma = 257", FEDL_ERR_RANGE, 20,
     "quantile_sigma in [privacy] is above 256 a device: use privacy.quantile_sigma=256"},
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 0.01\nupdate_exp = -8\nserver_lr = 1.5",
     "sigma = 3\nepsilon = 10\nadaptive_clip = yes", FEDL_ERR_RANGE, 15,
     "server_lr in [aggregation] is above 1, which adaptive_clip may multiply by 16: use "
     "aggregation.server_lr=1"},
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 4096\nupdate_exp = -4\nring_bits = 24",
     "sigma = 4000\nepsilon = 1000\nadaptive_clip = yes", FEDL_ERR_RANGE, 13,
     "clip in [aggregation] is above 4095, too large to grow with adaptive_clip"},
    /* The bit alone, ρ = 1 / (2 · 0.1²) a round, takes more than there is. */
    {FEDL_PRIVACY_CENTRAL, "mode = plain\nclip = 0.01\nupdate_exp = -8",
     "sigma = 3\nepsilon = 10\nadaptive_clip = yes\nquantile_sigma = 0.1", FEDL_ERR_RANGE, 18,
     "epsilon = 10 in [privacy] pays for 0 of 2 rounds: use privacy.epsilon=210.803, or "
     "privacy.quantile_sigma=1.3"},
    /* 8·√(64²·20²/256 + (¼ + 20²)·20) = 964: 2^8 is too small. */
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.25\nupdate_exp = -8\nring_bits = 8",
     "sigma = 20\nepsilon = 50", FEDL_ERR_RANGE, 15,
     "sums of 20 clipped and noised updates do not fit ring_bits = 8 in [aggregation]: use "
     "aggregation.ring_bits=16"},
    {FEDL_PRIVACY_DISTRIBUTED,
     "mode = masked\nclip = 1000\nupdate_exp = -9\nclients_max = 65535\nring_bits = 16\n"
     "gamma = 0",
     "sigma = 20\nepsilon = 50", FEDL_ERR_RANGE, 16,
     "sums of 65535 clipped and noised updates fit no ring_bits in [aggregation]"},
    {FEDL_PRIVACY_DISTRIBUTED,
     "mode = masked\nclip = 0.25\nupdate_exp = -8\nclients_max = 60\nmin_cohort = 6\n"
     "step_dropout = 1%",
     "sigma = 20\nepsilon = 50", FEDL_ERR_RANGE, 16,
     "min_cohort in [aggregation] (6) leaves no noise but that of the 6 of 60 clients_max that "
     "may collude (gamma): use aggregation.min_cohort=8, or aggregation.clients_max=20"},
    /* Two of 20 collude, three of five are honest: ρ = (64² + 256/4 + 64 + 16/2)/(2·3·20²). */
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.25\nupdate_exp = -8",
     "sigma = 20\nepsilon = 12", FEDL_ERR_RANGE, 18,
     "epsilon = 12 in [privacy] pays for 1 of 2 rounds: use round.rounds=1, or "
     "privacy.sigma=26.1, or privacy.epsilon=16.517"},
    {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 0.25\nupdate_exp = -8",
     "sigma = 20\nepsilon = 0.1", FEDL_ERR_RANGE, 18,
     "epsilon = 0.1 in [privacy] pays for 0 of 2 rounds: use privacy.epsilon=16.517"},
};

static void wrong_combinations_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(parse(wrong[i].mode, wrong[i].aggregation, wrong[i].privacy),
                         wrong[i].status);
        assert_string_equal(error.text, wrong[i].expected);
        assert_int_equal(error.line, wrong[i].line);
    }
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED,
                           "mode = masked\nclip = 300\nupdate_exp = -11\nring_bits = 32",
                           "sigma = 256\nepsilon = 1000"),
                     FEDL_ERR_RANGE); /* the budget, not the clip */
    assert_memory_equal(error.text, "epsilon", 7);
}

/* What an error proposes is accepted. */
static void proposals_are_good(void **state)
{
    (void)state;
    static const char masked[] = "mode = masked\nclip = 0.25\nupdate_exp = -8";
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED, masked, "sigma = 20\nepsilon = 16.517"),
                     FEDL_OK);
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED, masked, "sigma = 26.1\nepsilon = 12"),
                     FEDL_OK);
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED,
                           "mode = masked\nclip = 0.25\nupdate_exp = -8\nring_bits = 16",
                           "sigma = 20\nepsilon = 50"),
                     FEDL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_of_the_devices),
        cmocka_unit_test(noise_of_the_server),
        cmocka_unit_test(noise_with_a_helper),
        cmocka_unit_test(the_clip_may_follow_the_norms),
        cmocka_unit_test(without_privacy_there_are_zeros),
        cmocka_unit_test(wrong_combinations_are_refused),
        cmocka_unit_test(proposals_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
