/* SPDX-License-Identifier: Apache-2.0 */
/* With how many neighbours of a device a lying server opens its vector. */
#include "cmocka_all.h"

#include "planner/isolation.h"
#include "secagg/params.h"

static uint32_t needed(uint32_t n, uint32_t gamma_permille, uint32_t delta_permille)
{
    fedli_params params = {0, 0, 0};
    assert_int_equal(
        fedli_params_for(&params, n, gamma_permille, delta_permille, FEDL_TRUST_CURIOUS), FEDL_OK);
    const uint32_t count = fedl_isolation_lying(n, params.k, params.t);
    assert_true(count <= 2 * params.t - params.k); /* what the threshold is made to withstand */
    return count;
}

/* tests/secagg/test_party_views.c opens a vector of this ring with whole devices and no helper. */
static void rings_of_few_colluding_devices_need_nobody(void **state)
{
    (void)state;
    assert_int_equal(needed(200, 10, 50), 0);
    assert_int_equal(needed(1000, 10, 100), 0);
}

/* An independent program that takes viewers in another order gave these numbers or one less. */
static void rings(void **state)
{
    (void)state;
    assert_int_equal(needed(129, 100, 50), 12);
    assert_int_equal(needed(200, 100, 50), 14);
    assert_int_equal(needed(1000, 100, 50), 18);
    assert_int_equal(needed(5000, 100, 50), 20);
    assert_int_equal(needed(1000, 333, 50), 76);
    assert_int_equal(needed(200, 100, 300), 22); /* 2k + 1 places are more than n */
}

/* Nobody sees fewer than t alive, so with few colluding devices only the threshold is left. */
static void complete_graphs(void **state)
{
    (void)state;
    static const uint32_t cases[][2] = {{3, 2},  {4, 3},  {5, 2},   {6, 3},
                                        {10, 3}, {50, 7}, {128, 15}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(needed(cases[i][0], 100, 50), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_of_few_colluding_devices_need_nobody),
        cmocka_unit_test(rings),
        cmocka_unit_test(complete_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
