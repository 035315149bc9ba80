/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "inih/select_count.h"

#include <math.h>

static void known_values(void **state)
{
    (void)state;
    static const uint32_t dropout[4] = {60, 100, 200, 300};
    static const uint32_t rows[4][5] = {{10, 14, 16, 20, 24},
                                        {50, 60, 65, 77, 91},
                                        {100, 116, 124, 144, 170},
                                        {300, 335, 354, 407, 473}};
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t j = 0; j < 4; j++) {
            assert_int_equal(fedl_select_count(rows[i][0], dropout[j]), rows[i][j + 1]);
        }
    }
}

/* P(Binomial(n, q) ≥ goal) the other way: the sum of its terms, from the largest n downwards. */
static double enough(uint32_t n, uint32_t goal, double p)
{
    double sum = 0;
    for (uint32_t k = goal; k <= n; k++) {
        const double log_term = lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) +
                                k * log1p(-p) + (n - k) * log(p);
        sum += exp(log_term);
    }
    return sum;
}

static void it_is_the_smallest(void **state)
{
    (void)state;
    for (uint32_t goal = 1; goal <= 400; goal += 7) {
        for (uint32_t dropout = 1; dropout <= 900; dropout += 89) {
            const uint32_t n = fedl_select_count(goal, dropout);
            assert_true(n > goal || enough(n, goal, dropout / 1000.0) >= 0.999);
            assert_true(enough(n, goal, dropout / 1000.0) >= 0.999 - 1e-9);
            assert_true(n == goal || enough(n - 1, goal, dropout / 1000.0) < 0.999 + 1e-9);
        }
    }
}

static void edges(void **state)
{
    (void)state;
    assert_int_equal(fedl_select_count(0, 100), 0);
    assert_int_equal(fedl_select_count(10, 0), 10);
    assert_int_equal(fedl_select_count(10, 901), 0);
    assert_int_equal(fedl_select_count(1, 900), 66); /* 0.9^65 = 0.00106, 0.9^66 = 0.00096 */
    assert_int_equal(fedl_select_count(FEDL_SELECT_GOAL_MAX + 1, 10), 0);
    assert_true(fedl_select_count(FEDL_SELECT_GOAL_MAX, 500) > 2 * FEDL_SELECT_GOAL_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(it_is_the_smallest),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
