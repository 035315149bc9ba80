/* SPDX-License-Identifier: Apache-2.0 */
/* Tails against sums that are known exactly: binomial coefficients in integers. */
#include "cmocka_all.h"

#include "planner/hypergeometric.h"

#include <float.h>
#include <math.h>

/* C(n, k) < 2^63 for n ≤ 60, by Pascal's rule. */
static double choose(uint32_t n, uint32_t k)
{
    uint64_t row[64] = {1};
    for (uint32_t i = 1; i <= n; i++) {
        for (uint32_t j = i; j > 0; j--) {
            row[j] += row[j - 1];
        }
    }
    return k <= n ? (double)row[k] : 0;
}

static double pmf(const fedl_hypergeometric *h, uint32_t x)
{
    return x > h->drawn || x > h->marked
               ? 0
               : choose(h->marked, x) * choose(h->total - h->marked, h->drawn - x) /
                     choose(h->total, h->drawn);
}

static void assert_near(double actual, double expected)
{
    if (!(fabs(actual - expected) <= 1e-9 * fabs(expected))) {
        fail_msg("%.17g is not %.17g", actual, expected);
    }
}

/* Every distribution of up to 24 devices. */
static void tails_are_the_sums(void **state)
{
    (void)state;
    fedl_hypergeometric h;
    for (h.total = 1; h.total <= 24; h.total += 1 + h.total / 6) {
        for (h.marked = 0; h.marked <= h.total; h.marked++) {
            for (h.drawn = 0; h.drawn <= h.total; h.drawn++) {
                double below = 0;
                for (uint32_t x = 0; x <= h.drawn; x++) {
                    const double expected_below = exp(fedl_hypergeometric_log_below(&h, x));
                    assert_true(fabs(expected_below - below) <= 1e-12);
                    assert_true(fabs(exp(fedl_hypergeometric_log_pmf(&h, x)) - pmf(&h, x)) <=
                                1e-12);
                    below += pmf(&h, x);
                    assert_true(fabs(exp(fedl_hypergeometric_log_above(&h, x)) - (1 - below)) <=
                                1e-12);
                }
                assert_near(below, 1);
            }
        }
    }
}

/* The definitions, word for word: smallest c with P[X > c] < p, largest t with P[X < t] < p. */
static void quantiles_are_where_the_tails_cross(void **state)
{
    (void)state;
    static const double probabilities[] = {0.4, 1e-2, 1e-5, 1e-9};
    fedl_hypergeometric h = {58, 0, 0};
    for (h.marked = 0; h.marked <= h.total; h.marked += 5) {
        for (h.drawn = 0; h.drawn <= h.total; h.drawn += 3) {
            for (size_t i = 0; i < 4; i++) {
                const double p = probabilities[i];
                const uint32_t c = fedl_hypergeometric_upper(&h, p);
                const uint32_t t = fedl_hypergeometric_lower(&h, p);
                double above = 0;
                for (uint32_t x = h.drawn; x > c; x--) {
                    above += pmf(&h, x);
                }
                assert_true(above < p);
                assert_true(c == 0 || above + pmf(&h, c) >= p);
                double below = 0;
                for (uint32_t x = 0; x < t; x++) {
                    below += pmf(&h, x);
                }
                assert_true(below < p);
                assert_true(t == h.drawn || below + pmf(&h, t) >= p);
            }
        }
    }
}

/* Far out, where 1 − P would be nothing but rounding: one term, known in closed form. */
static void tiny_tails_keep_their_digits(void **state)
{
    (void)state;
    const fedl_hypergeometric h = {58, 29, 29};
    assert_near(exp(fedl_hypergeometric_log_below(&h, 1)), 1 / choose(58, 29));
    assert_near(exp(fedl_hypergeometric_log_above(&h, 28)), 1 / choose(58, 29));
    const fedl_hypergeometric wide = {65535, 655, 254};
    assert_true(fedl_hypergeometric_log_above(&wide, 253) < -1000);
    assert_true(isinf(fedl_hypergeometric_log_above(&wide, 254)));
    assert_true(isinf(fedl_hypergeometric_log_below(&wide, 0)));
    assert_int_equal(fedl_hypergeometric_upper(&wide, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tails_are_the_sums),
        cmocka_unit_test(quantiles_are_where_the_tails_cross),
        cmocka_unit_test(tiny_tails_keep_their_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
