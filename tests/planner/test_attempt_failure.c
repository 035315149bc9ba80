/* SPDX-License-Identifier: Apache-2.0 */
/* How often attempts fail, against hand-made sums and drawn rings. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "planner/attempt_failure.h"
#include "secagg/params.h"

#include <math.h>

static fedl_secagg_config config(uint16_t gamma_permille, uint16_t delta_permille)
{
    return (fedl_secagg_config){.trust = FEDL_TRUST_CURIOUS,
                                .min_cohort = 3,
                                .gamma_permille = gamma_permille,
                                .delta_permille = delta_permille};
}

static void assert_about(double actual, double expected)
{
    if (!(fabs(actual - expected) <= 1e-9 * expected)) {
        fail_msg("%.15g is not %.15g", actual, expected);
    }
}

static void small_cohorts(void **state)
{
    (void)state;
    const fedl_secagg_config c = config(100, 50);
    const fedl_secagg_config c10 = config(100, 100);
    const fedl_secagg_config c399 = config(100, 399);
    assert_int_equal(fedl_vanish_max(3, 3, &c), 0);
    assert_about(fedl_attempt_failure(3, 3, &c), 1 - pow(0.95, 3));
    assert_int_equal(fedl_vanish_max(5, 4, &c10), 1);
    assert_about(fedl_attempt_failure(5, 4, &c10), 1 - pow(0.9, 5) - 5 * 0.1 * pow(0.9, 4));
    assert_int_equal(fedl_vanish_max(10, 5, &c), 3); /* the threshold */
    assert_int_equal(fedl_vanish_max(10, 9, &c), 1); /* the cohort */
    assert_about(fedl_attempt_failure(10, 9, &c), 1 - pow(0.95, 10) - 10 * 0.05 * pow(0.95, 9));
    assert_true(fedl_attempt_failure(5, 3, &c399) > 0.62);
}

/* A quarter to the third is one in 64; above a half no number of attempts is enough. */
static void attempts_make_up_for_failures(void **state)
{
    (void)state;
    assert_true(fedl_attempts_suffice(0, 1));
    assert_true(fedl_attempts_suffice(1.0 / 64, 1));
    assert_false(fedl_attempts_suffice(0.016, 1));
    assert_true(fedl_attempts_suffice(0.25, 3));
    assert_false(fedl_attempts_suffice(0.2501, 3));
    assert_true(fedl_attempts_suffice(0.5, 6));
    assert_false(fedl_attempts_suffice(0.5, 5));
    assert_false(fedl_attempts_suffice(0.5001, 100));
}

static void corners(void **state)
{
    (void)state;
    const fedl_secagg_config none = config(100, 0);
    const fedl_secagg_config hopeless = config(333, 400);
    assert_true(fedl_attempt_failure(5, 5, &none) == 0);
    assert_true(fedl_attempt_failure(5, 6, &none) == 1);
    assert_int_equal(fedl_vanish_max(5, 6, &none), 0);
    assert_true(fedl_attempt_failure(1000, 500, &hopeless) == 1); /* γ + 2δ: no graph */
    assert_int_equal(fedl_vanish_max(1000, 500, &hopeless), 0);
}

/* 980 of 1,000 must stay while 50 go: as good as never. 945: the tail of a binomial alone. */
static void a_rings_cohort_must_stay(void **state)
{
    (void)state;
    const fedl_secagg_config c = config(100, 50);
    assert_true(fedl_attempt_failure(1000, 980, &c) > 0.99999);
    assert_int_equal(fedl_vanish_max(1000, 980, &c), 20);
    const double spare55 = fedl_attempt_failure(1000, 945, &c);
    assert_true(spare55 > 0.2 && spare55 < 0.25); /* P[Binomial(1000, .05) > 55] = 0.2101 */
    assert_true(fedl_attempt_failure(1000, 500, &c) < 0x1p-19);
}

static bool stands(fedli_rng *rng, uint32_t n, const fedli_params *params, uint32_t delta_permille)
{
    bool there[300];
    for (uint32_t i = 0; i < n; i++) {
        there[i] = fedli_rng_below(rng, 1000) >= delta_permille;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t left = 0;
        for (uint32_t way = 1; way <= params->k / 2u; way++) {
            left += there[(i + way) % n] + there[(i + n - way) % n];
        }
        if (left < params->t) {
            return false;
        }
    }
    return true;
}

/* Many draws of who vanishes: the bound is not below what happens, and not far above it. */
static void a_ring_fails_no_more_often_than_said(void **state)
{
    (void)state;
    enum { N = 200, DRAWS = 4000 };
    fedli_rng rng;
    fedli_params params = {0, 0, 0};
    const fedl_secagg_config c = config(333, 10); /* 40 neighbours, 38 must stay */
    assert_int_equal(fedli_params_for(&params, N, 333, 10, FEDL_TRUST_CURIOUS), FEDL_OK);
    uint32_t failed = 0;
    fedli_rng_init(&rng, 1);
    for (uint32_t i = 0; i < DRAWS; i++) {
        failed += !stands(&rng, N, &params, 10);
    }
    const double happened = (double)failed / DRAWS;
    const double said = fedl_attempt_failure(N, 3, &c);
    const double error3 = 3 * sqrt(said * (1 - said) / DRAWS);
    print_message("said %.4f, happened %.4f\n", said, happened);
    assert_true(happened > 0 && happened <= said + error3);
    assert_true(said < 20 * happened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cohorts),
        cmocka_unit_test(attempts_make_up_for_failures),
        cmocka_unit_test(corners),
        cmocka_unit_test(a_rings_cohort_must_stay),
        cmocka_unit_test(a_ring_fails_no_more_often_than_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
