/* SPDX-License-Identifier: Apache-2.0 */
/* The charge of a sum in integers against the formula in double precision, and its edges. */
#include "cmocka_all.h"
#include "fedl/plan.h"
#include "update_fixture.h"

#include <math.h>
#include <string.h>

static fedl_update_config noisy(uint32_t clip_q16, int8_t exp)
{
    const fedl_update_config cfg = {.clip_q16 = clip_q16,
                                    .update_exp = exp,
                                    .ring_bits = 16,
                                    .clients_max = 100,
                                    .w_max = 1,
                                    .noise_sigma2_q8 = 4u << 8};
    return cfg;
}

static double bound_real(double clip_steps, double d)
{
    return clip_steps * clip_steps + d / 4 + clip_steps + sqrt(d) / 2;
}

static void the_published_example_comes_out(void **state)
{
    (void)state;
    /* s = 256, C = 1, d = 65536: Δ̃ = 286.886737 (specification of the protocol, §6). */
    const fedl_update_config cfg = noisy(1u << 16, -8);
    const uint64_t bound = fedl_privacy_bound_q16(&cfg, 65536);
    assert_true(fabs(sqrt((double)bound / 65536.0) - 286.886737) < 1e-6);
    /* σ_loc = 1, n = 100: 100 rounds cost ρ = 0.627929688 (there c = 0: n_eff = n). */
    const double one = (double)fedl_privacy_rho(bound, 100, 1u << 8) / (double)FEDL_RHO_ONE;
    /* Δ̃²/(2·100·1) per round with σ = 1 grid step would be far above; the example's σ is in units
     * of s: σ_grid = 256. */
    const double scaled = (double)fedl_privacy_rho(bound, 100, 1u << 24) / (double)FEDL_RHO_ONE;
    assert_true(fabs(one / scaled - 65536.0) < 0.01);
    assert_true(fabs(100 * scaled - 0.627929688) < 1e-6);
}

static void bounds_follow_the_formula_and_round_up(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 255, 256, 1000, 50890, 1u << 20};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (int8_t exp = -16; exp <= -4; exp += 3) {
            fedl_update_config cfg = noisy(87654, exp);
            cfg.rotate = i % 2 == 1;
            const double d = fedl_update_word_count(&cfg, counts[i]);
            const double real = bound_real(87654.0 / 65536.0 * exp2(-exp), d);
            const double ours = (double)fedl_privacy_bound_q16(&cfg, counts[i]) / 65536.0;
            assert_true(ours >= real - 1e-3);
            /* The clip is rounded up to 2^-8 steps. */
            assert_true(ours <= real * 1.002 + 1);
        }
    }
    const fedl_update_config far = noisy(UINT32_MAX, -20);
    assert_int_equal(fedl_privacy_bound_q16(&far, 10), 0);
}

static void charges_round_up_and_have_an_end(void **state)
{
    (void)state;
    assert_int_equal(fedl_privacy_rho(0, 10, 1024), UINT64_MAX);
    assert_int_equal(fedl_privacy_rho(1, 0, 1024), UINT64_MAX);
    assert_int_equal(fedl_privacy_rho(1, 10, 0), UINT64_MAX);
    assert_int_equal(fedl_privacy_rho(UINT64_C(1) << 58, 10, 1024), UINT64_MAX);
    assert_int_equal(fedl_privacy_rho(1, FEDL_COHORT_MAX + 1u, FEDL_SIGMA2_Q8_MAX), UINT64_MAX);
    assert_int_equal(fedl_privacy_rho(1, 257, FEDL_SUM_SIGMA2_Q8_MAX), UINT64_MAX);
    assert_int_equal(fedl_privacy_rho(1, 255, FEDL_SUM_SIGMA2_Q8_MAX), 1);
    for (uint64_t bound = 1; bound < UINT64_C(1) << 57; bound = bound * 5u + 3u) {
        for (uint32_t n = 1; n < 60000; n = n * 7u + 1u) {
            const uint64_t rho = fedl_privacy_rho(bound, n, 5000);
            const long double real =
                (long double)bound * 2147483648.0L / ((long double)n * 5000.0L);
            if (rho != UINT64_MAX) {
                assert_true((long double)rho >= real * 0.9999999999L);
                assert_true((long double)rho <= real * 1.0000000001L + 1.0L);
            } else {
                assert_true(real >= 0x1p62L);
            }
        }
    }
}

static fedl_plan plan_of(fedl_privacy_mode mode)
{
    fedl_plan plan;
    const uint32_t units[] = {4};
    const int8_t exps[] = {-13};
    memset(&plan, 0, sizeof plan);
    plan.model = fixture_spec(3, 1, units, exps);
    plan.update = noisy(1u << 16, -8);
    plan.privacy.mode = mode;
    plan.privacy.sigma2_q8 = 16u << 8;
    return plan;
}

static void honest_devices_only_count(void **state)
{
    (void)state;
    fedl_plan plan = plan_of(FEDL_PRIVACY_DISTRIBUTED);
    const uint64_t bound = fedl_privacy_bound_q16(&plan.update, 16);
    /* Of 10 devices, 10 %: one colludes. Of 5, 10 %: at least one. Of 20, 33 %: seven. */
    plan.update.clients_max = 10;
    assert_int_equal(fedl_privacy_charge(&plan, 10, 100), fedl_privacy_rho(bound, 9, 16u << 8));
    plan.update.clients_max = 5;
    assert_int_equal(fedl_privacy_charge(&plan, 5, 100), fedl_privacy_rho(bound, 4, 16u << 8));
    plan.update.clients_max = 20;
    assert_int_equal(fedl_privacy_charge(&plan, 20, 330), fedl_privacy_rho(bound, 13, 16u << 8));
    /* Half of them vanish, none of those that collude: three honest ones are left, not six. */
    assert_int_equal(fedl_privacy_charge(&plan, 10, 330), fedl_privacy_rho(bound, 3, 16u << 8));
    assert_int_equal(fedl_privacy_charge(&plan, 7, 330), UINT64_MAX);
    assert_int_equal(fedl_privacy_charge(&plan, 1, 100), UINT64_MAX);
    plan = plan_of(FEDL_PRIVACY_NONE);
    assert_int_equal(fedl_privacy_charge(&plan, 10, 100), 0);
}

/* One function for devices, server and plan check: ρ + 1 / (2·n_eff·σ_b²). */
static void the_bit_of_adaptive_clipping_is_added(void **state)
{
    (void)state;
    static const fedl_privacy_mode modes[] = {FEDL_PRIVACY_DISTRIBUTED, FEDL_PRIVACY_CENTRAL};
    for (size_t i = 0; i < 2; i++) {
        fedl_plan plan = plan_of(modes[i]);
        plan.update.clients_max = 10;
        const uint64_t without = fedl_privacy_charge(&plan, 10, 100);
        plan.privacy.adaptive_clip = true;
        plan.privacy.bit_sigma2_q8 = 9u << 8;
        const uint64_t n_eff = modes[i] == FEDL_PRIVACY_DISTRIBUTED ? 9 : 1;
        const uint64_t bit = (FEDL_RHO_ONE + 18 * n_eff - 1) / (18 * n_eff);
        assert_true(fedl_privacy_charge(&plan, 10, 100) == without + bit);
        plan.privacy.bit_sigma2_q8 = 0; /* no noise, no bound */
        assert_true(fedl_privacy_charge(&plan, 10, 100) == UINT64_MAX);
    }
}

/* ρ = (s·C)² / 2σ²: the rounding of devices is within the clip, so nothing is added for it. */
static void noise_of_the_server_counts_alone(void **state)
{
    (void)state;
    static const uint32_t sigmas_q8[] = {1, 16u << 8, FEDL_SIGMA2_Q8_MAX, 1000u << 16,
                                         FEDL_SUM_SIGMA2_Q8_MAX};
    for (size_t i = 0; i < sizeof sigmas_q8 / sizeof sigmas_q8[0]; i++) {
        for (int8_t exp = -18; exp <= -4; exp++) {
            fedl_plan plan = plan_of(FEDL_PRIVACY_CENTRAL);
            plan.update.noise_sigma2_q8 = 0;
            plan.update.clip_q16 = 98765;
            plan.update.update_exp = exp;
            plan.privacy.sigma2_q8 = sigmas_q8[i];
            fedl_plan_settle(&plan);
            const double steps = ceil(98765.0 / 65536.0 * exp2(-exp) * 256) / 256;
            const double rho = steps * steps / (2.0 * sigmas_q8[i] / 256.0) * 0x1p40;
            const uint64_t charge = fedl_privacy_charge(&plan, 10, 100);
            if (rho >= 0x1p62) {
                assert_true(charge > UINT64_C(1) << 61);
                continue;
            }
            assert_true((double)charge >= rho * (1 - 1e-12));
            assert_true((double)charge <= rho * (1 + 1e-12) + 1);
            /* Whoever colludes: the server's noise is all there is, and is there. */
            assert_int_equal(fedl_privacy_charge(&plan, 3, 333), charge);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example_comes_out),
        cmocka_unit_test(bounds_follow_the_formula_and_round_up),
        cmocka_unit_test(charges_round_up_and_have_an_end),
        cmocka_unit_test(honest_devices_only_count),
        cmocka_unit_test(the_bit_of_adaptive_clipping_is_added),
        cmocka_unit_test(noise_of_the_server_counts_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
