/* SPDX-License-Identifier: Apache-2.0 */
/* The accountant against the check values of the specification (docs/protocol.md). */
#include "cmocka_all.h"

#include "fedl/plan.h"
#include "planner/accountant.h"

#include <float.h>
#include <math.h>

/* Equal to the last printed digit. */
static void assert_printed(double actual, double expected, double half_digit)
{
    if (!(fabs(actual - expected) <= half_digit)) {
        fail_msg("%.15g is not %.15g", actual, expected);
    }
}

static void epsilon_of_rho(void **state)
{
    (void)state;
    assert_printed(fedl_zcdp_epsilon(0.025, 1e-6), 1.014074254726, 5e-13);
    assert_printed(fedl_zcdp_epsilon(0.1, 1e-5), 1.914238832, 5e-10);
    assert_printed(fedl_zcdp_epsilon(1, 1e-6), 7.766216625, 5e-10);
    assert_true(fedl_zcdp_epsilon(0, 1e-6) == 0);
    /* Far better than the plain conversion ρ + 2·√(ρ·ln(1/δ)), never beyond it. */
    for (double rho = 1e-9; rho < 1e6; rho *= 3) {
        const double epsilon = fedl_zcdp_epsilon(rho, 1e-6);
        assert_true(epsilon >= rho * 0.5 || epsilon < 1);
        assert_true(epsilon <= rho + 2 * sqrt(rho * log(1e6)));
        assert_true(epsilon < fedl_zcdp_epsilon(3 * rho, 1e-6));
        assert_true(epsilon <= fedl_zcdp_epsilon(rho, 1e-7));
    }
}

static void rho_of_epsilon(void **state)
{
    (void)state;
    assert_printed(fedl_zcdp_rho(1, 1e-6), 0.024355970360, 5e-13);
    for (double epsilon = 0.01; epsilon < 500; epsilon *= 2) {
        const double rho = fedl_zcdp_rho(epsilon, 1e-8);
        assert_true(rho > 0);
        assert_true(fedl_zcdp_epsilon(rho, 1e-8) <= epsilon);
        assert_true(fedl_zcdp_epsilon(rho * (1 + 1e-6), 1e-8) > epsilon);
    }
}

static void what_is_no_question_costs_everything(void **state)
{
    (void)state;
    static const double bad[][2] = {
        {-1, 1e-6}, {(double)INFINITY, 1e-6}, {(double)NAN, 1e-6}, {1, 0},
        {1, 1},     {1, (double)NAN}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(isinf(fedl_zcdp_epsilon(bad[i][0], bad[i][1])));
    }
    assert_true(fedl_zcdp_rho(0, 1e-6) == 0);
    assert_true(fedl_zcdp_rho(-1, 1e-6) == 0);
    assert_true(fedl_zcdp_rho((double)NAN, 1e-6) == 0);
    assert_true(fedl_zcdp_rho(1, 0) == 0);
    assert_true(fedl_zcdp_rho(1, 1) == 0);
}

/* s = 256, C = 1, d = 65536, n = 100, σ = 256 steps (1 before scaling), 100 rounds. */
static void one_sum_and_a_hundred(void **state)
{
    (void)state;
    const double sensitivity2 = fedl_zcdp_sensitivity2(256, 65536);
    assert_printed(sqrt(sensitivity2), 286.886737, 5e-7);
    const double rho = fedl_zcdp_rho_of_sum(sensitivity2, 100, 65536);
    assert_printed(100 * rho, 0.627929688, 5.1e-10);
    assert_printed(fedl_zcdp_epsilon(100 * rho, 1e-5), 5.392252940, 5e-10);
}

static void the_discrete_gaussian_exactly(void **state)
{
    (void)state;
    assert_printed(fedl_zcdp_exact_delta(1, 1), 0.1413513394056, 5e-14);
    assert_printed(fedl_zcdp_exact_delta(16, 1), 3.055454649e-6, 5e-16);
    /* The bound is a bound: ρ = 1/(2σ²) at sensitivity 1. */
    for (double sigma2 = 1; sigma2 <= 256; sigma2 *= 2) {
        const double delta = fedl_zcdp_exact_delta(sigma2, 0.5);
        assert_true(delta > 0 && delta < 1);
        assert_true(fedl_zcdp_epsilon(1 / (2 * sigma2), delta) >= 0.5);
    }
}

static void charges_round_up_and_budgets_down(void **state)
{
    (void)state;
    const double one = (double)FEDL_RHO_ONE;
    assert_true(fedl_zcdp_units_up(0) == 0);
    assert_true(fedl_zcdp_units_up(1) == FEDL_RHO_ONE);
    assert_true(fedl_zcdp_units_up(1e-30) == 1);
    assert_true(fedl_zcdp_units_up(1.5 / one) == 2);
    assert_true(fedl_zcdp_units_up(1e10) == UINT64_MAX);
    assert_true(fedl_zcdp_units_up((double)INFINITY) == UINT64_MAX);
    assert_true(fedl_zcdp_units_up((double)NAN) == UINT64_MAX);
    assert_true(fedl_zcdp_units_up(-1) == UINT64_MAX);
    assert_true(fedl_zcdp_units_down(1) == FEDL_RHO_ONE);
    assert_true(fedl_zcdp_units_down(1.5 / one) == 1);
    assert_true(fedl_zcdp_units_down(0.5 / one) == 0);
    assert_true(fedl_zcdp_units_down(1e10) == UINT64_MAX);
    assert_true(fedl_zcdp_units_down(-1) == 0);
    assert_true(fedl_zcdp_units_down((double)NAN) == 0);
    assert_true(fedl_zcdp_from_units(FEDL_RHO_ONE / 4) == 0.25);
}

/* The charge that devices and servers compute in integers is this formula, rounded up. */
static void integers_charge_the_same(void **state)
{
    (void)state;
    for (uint32_t clip_q16 = 1u << 8; clip_q16 <= 1u << 20; clip_q16 *= 3) {
        for (uint32_t count = 1; count <= 1u << 20; count *= 7) {
            const fedl_update_config update = {.clip_q16 = clip_q16,
                                               .update_exp = -12,
                                               .ring_bits = 32,
                                               .clients_max = 100,
                                               .w_max = 1};
            const uint64_t bound = fedl_privacy_bound_q16(&update, count);
            const double exact = fedl_zcdp_sensitivity2(clip_q16 / 16.0, count);
            const uint64_t charged = fedl_privacy_rho(bound, 50, 10u << 8);
            const double rho = fedl_zcdp_rho_of_sum(exact, 50, 10);
            assert_true((double)bound / 65536 >= exact * (1 - 1e-12));
            assert_true((double)bound / 65536 <= exact * (1 + 1e-3) + 1);
            assert_true(charged >= fedl_zcdp_units_up(rho * (1 - 1e-12)));
            assert_true(fedl_zcdp_from_units(charged) <= rho * (1 + 1e-3) + 1e-2);
        }
    }
}

/* The same of noise that the server adds: Δ = s·C, as the rounding of devices stays within it. */
static void integers_charge_central_noise_the_same(void **state)
{
    (void)state;
    static const uint32_t sigmas[] = {1, 30, 256, 257, 1000, 4095};
    for (size_t i = 0; i < sizeof sigmas / sizeof sigmas[0]; i++) {
        for (uint32_t clip_q16 = 1u << 8; clip_q16 <= 1u << 20; clip_q16 *= 3) {
            const double sigma2 = (double)sigmas[i] * sigmas[i];
            const fedl_update_config update = {.clip_q16 = clip_q16,
                                               .update_exp = -12,
                                               .ring_bits = 32,
                                               .clients_max = 100,
                                               .w_max = 1,
                                               .sum_sigma2_q8 = (uint32_t)(sigma2 * 256)};
            const uint64_t charged =
                fedl_privacy_rho(fedl_privacy_bound_q16(&update, 50890), 1, update.sum_sigma2_q8);
            const double steps = clip_q16 / 16.0;
            const double rho = fedl_zcdp_rho_of_sum(steps * steps, 1, sigma2);
            if (rho < 1e6) { /* beyond, charges have no number */
                assert_true(charged >= fedl_zcdp_units_up(rho * (1 - 1e-12)));
                assert_true(fedl_zcdp_from_units(charged) <= rho * (1 + 1e-12) + 1e-11);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epsilon_of_rho),
        cmocka_unit_test(rho_of_epsilon),
        cmocka_unit_test(what_is_no_question_costs_everything),
        cmocka_unit_test(one_sum_and_a_hundred),
        cmocka_unit_test(the_discrete_gaussian_exactly),
        cmocka_unit_test(charges_round_up_and_budgets_down),
        cmocka_unit_test(integers_charge_the_same),
        cmocka_unit_test(integers_charge_central_noise_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
