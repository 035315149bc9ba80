/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential privacy in a plan file. The modes are set behind the parser's back: it still calls
 * them "not there yet".
 */
#include "cmocka_all.h"

#include "inih/plan_draft.h"
#include "planner/accountant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static fedl_task_config config;
static fedl_plan_error error;

static fedl_status parse(fedl_privacy_mode mode, const char *aggregation, const char *privacy)
{
    char text[1024];
    plan_draft draft;
    const int size = snprintf(text, sizeof text,
                              "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[data]\n"
                              "format = idx\n[round]\nrounds = 2\nclients = 20\n[aggregation]\n"
                              "%s\n[privacy]\n%s\n",
                              aggregation, privacy);
    assert_true(size > 0 && (size_t)size < sizeof text);
    memset(&config, 0, sizeof config);
    plan_draft_init(&draft, &config, &config.data, &error);
    plan_lines_feed(&draft, fedl_bytes_of(text, (size_t)size), NULL);
    plan_draft_defaults(&draft, false);
    assert_int_equal(draft.status, FEDL_OK);
    config.plan.privacy.mode = mode;
    plan_finish(&draft);
    return draft.status;
}

static void noise_of_the_devices(void **state)
{
    (void)state;
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED, "mode = masked",
                           "sigma = 2.5\nepsilon = 8\ndelta = 0.00001"),
                     FEDL_OK);
    const fedl_privacy_config *privacy = &config.plan.privacy;
    assert_int_equal(privacy->sigma2_q8, 1600); /* 6.25 · 2^8 */
    assert_true(privacy->rotate);
    assert_false(privacy->adaptive_clip);
    assert_int_equal(privacy->quantile_permille, 0);
    const double rho = fedl_zcdp_from_units(privacy->rho_budget);
    assert_true(fedl_zcdp_epsilon(rho, 1e-5) <= 8);
    assert_true(fedl_zcdp_epsilon(rho * 1.000001, 1e-5) > 8);
    assert_true(config.plan.update.rotate);
    assert_int_equal(config.plan.update.noise_sigma2_q8, 1600);
}

static void noise_of_a_trusted_server(void **state)
{
    (void)state;
    assert_int_equal(parse(FEDL_PRIVACY_CENTRAL, "mode = plain", "sigma = 0.5\nepsilon = 8"),
                     FEDL_OK);
    assert_int_equal(config.plan.privacy.sigma2_q8, 64);
    assert_false(config.plan.privacy.rotate);
    assert_int_equal(config.plan.update.noise_sigma2_q8, 0);
}

static void without_privacy_there_are_zeros(void **state)
{
    (void)state;
    static const fedl_privacy_config none = {.mode = FEDL_PRIVACY_NONE};
    assert_int_equal(parse(FEDL_PRIVACY_NONE, "mode = masked", "sigma = 3\nrotate = yes"), FEDL_OK);
    assert_memory_equal(&config.plan.privacy, &none, sizeof none);
    assert_false(config.plan.update.rotate);
}

static void wrong_combinations_are_refused(void **state)
{
    (void)state;
    static const struct {
        fedl_privacy_mode mode;
        const char *aggregation;
        const char *privacy;
        fedl_status status;
        uint32_t line;
        const char *expected;
    } cases[] = {
        {FEDL_PRIVACY_DISTRIBUTED, "mode = masked", "sigma = 3", FEDL_ERR_FORMAT, 0,
         "differential privacy needs 'sigma' and 'epsilon' in [privacy]"},
        {FEDL_PRIVACY_DISTRIBUTED, "mode = plain", "sigma = 3\nepsilon = 1", FEDL_ERR_RANGE, 0,
         "mode = distributed in [privacy] hides a device in the sum of all: it needs mode = "
         "masked in [aggregation]"},
        {FEDL_PRIVACY_DISTRIBUTED, "mode = masked", "sigma = 1.99\nepsilon = 1", FEDL_ERR_RANGE, 14,
         "sigma in [privacy] is below 2 steps, where noise of several devices does not add up: use "
         "sigma = 2 or a smaller update_exp"},
        {FEDL_PRIVACY_CENTRAL, "mode = masked", "sigma = 3\nepsilon = 1\nrotate = yes",
         FEDL_ERR_RANGE, 16, "rotate in [privacy] is for noise of the devices: use rotate = no"},
        {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nw_unit = 9", "sigma = 3\nepsilon = 1",
         FEDL_ERR_RANGE, 13,
         "with differential privacy all devices weigh the same: use w_unit = 0 and w_max = 1"},
        {FEDL_PRIVACY_DISTRIBUTED, "mode = masked\nclip = 300\nupdate_exp = -13\nring_bits = 32",
         "sigma = 3\nepsilon = 1", FEDL_ERR_RANGE, 14,
         "clip in [aggregation] is more than 1048576 steps of 2^-13: use update_exp = -11"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].mode, cases[i].aggregation, cases[i].privacy),
                         cases[i].status);
        assert_string_equal(error.text, cases[i].expected);
        assert_int_equal(error.line, cases[i].line);
    }
    assert_int_equal(parse(FEDL_PRIVACY_DISTRIBUTED,
                           "mode = masked\nclip = 300\nupdate_exp = -11\nring_bits = 32",
                           "sigma = 3\nepsilon = 1"),
                     FEDL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_of_the_devices),
        cmocka_unit_test(noise_of_a_trusted_server),
        cmocka_unit_test(without_privacy_there_are_zeros),
        cmocka_unit_test(wrong_combinations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
