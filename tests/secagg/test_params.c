/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/params.h"

#include "cmocka_all.h"
#include "secagg/params_table.h"

#include <string.h>

static fedli_params of(uint32_t n, uint32_t gamma, uint32_t delta, fedl_server_trust trust)
{
    fedli_params params;
    assert_int_equal(fedli_params_for(&params, n, gamma, delta, trust), FEDL_OK);
    return params;
}

static void colluding_is_rounded_up_and_at_least_one(void **state)
{
    (void)state;
    assert_int_equal(fedli_colluding(3, 0), 1);
    assert_int_equal(fedli_colluding(10, 100), 1);
    assert_int_equal(fedli_colluding(11, 100), 2);
    assert_int_equal(fedli_colluding(100, 330), 33);
    assert_int_equal(fedli_colluding(100, 333), 34);
    assert_int_equal(fedli_colluding(65535, 999), 65470);
    assert_int_equal(fedli_colluding(UINT32_MAX, 1000), UINT32_MAX);
}

/* n, γ → t, and how many of the n may vanish. */
static void complete_graphs_follow_the_formula(void **state)
{
    (void)state;
    static const uint32_t rows[][4] = {
        {3, 100, 2, 0},  {4, 100, 3, 0},     {5, 100, 3, 1},     {6, 100, 4, 1},
        {10, 100, 6, 3}, {100, 330, 67, 32}, {128, 333, 86, 41}, {128, 0, 65, 62},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int trust = FEDL_TRUST_CURIOUS; trust <= FEDL_TRUST_ACTIVE; trust++) {
            const fedli_params params = of(rows[i][0], rows[i][1], 100, (fedl_server_trust)trust);
            assert_int_equal(params.k, rows[i][0] - 1);
            assert_int_equal(params.t, rows[i][2]);
            assert_int_equal(params.k - params.t, rows[i][3]);
            assert_true(2 * params.t > params.k + params.c);
            assert_false(2 * (params.t - 1) > params.k + params.c);
        }
    }
}

static void refuses_what_no_threshold_can_do(void **state)
{
    (void)state;
    static const uint32_t rows[][3] = {
        {0, 100, 50},
        {2, 100, 50},
        {65536, 100, 50},
        {10, 100, 450},
        {10, 999, 1},
        {10, 1000, 0},
        {10, 0, 500},
        {10, 0, UINT32_MAX},
        {10, UINT32_MAX, 0},
        {3, 334, 0} /* two of three collude */,
        {100, 999, 0} /* t > k */,
        {1000, 100, 450},
        {1000, 334, 0},
        {1000, 10, 401},
    };
    fedli_params params;
    memset(&params, 0x5a, sizeof params);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(
            fedli_params_for(&params, rows[i][0], rows[i][1], rows[i][2], FEDL_TRUST_CURIOUS),
            FEDL_ERR_RANGE);
        assert_false(fedli_params_acceptable(rows[i][0], rows[i][0] - 1, rows[i][0] - 1, rows[i][1],
                                             rows[i][2], FEDL_TRUST_CURIOUS));
    }
    assert_int_equal(params.k, 0x5a5a5a5a);
    assert_int_equal(fedli_params_for(&params, 1000, 100, 50, (fedl_server_trust)0),
                     FEDL_ERR_RANGE);
    assert_int_equal(fedli_params_for(&params, 10, 100, 449, FEDL_TRUST_CURIOUS), FEDL_OK);
    assert_int_equal(fedli_params_for(&params, 3, 333, 0, FEDL_TRUST_CURIOUS), FEDL_OK);
}

static uint32_t last_of_band(uint32_t n_from)
{
    static const uint32_t bands[] = FEDLI_PARAMS_BANDS;
    for (uint32_t i = 0; i < FEDLI_PARAMS_BAND_COUNT; i++) {
        if (bands[i] > n_from) {
            return bands[i] - 1;
        }
    }
    return FEDL_COHORT_MAX;
}

/* Sorted, on the grid, and each row can be used for its whole band. */
static void table_rows_are_in_range_and_order(void **state)
{
    (void)state;
    assert_true(fedli_params_row_count > 0);
    uint64_t last_key = 0;
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        const fedli_params_row *row = &fedli_params_table[i];
        const uint64_t key = (uint64_t)row->trust << 56 | (uint64_t)row->gamma_permille << 40 |
                             (uint64_t)row->delta_permille << 24 | row->n_from;
        assert_true(i == 0 || key > last_key);
        last_key = key;
        assert_true(row->trust == FEDL_TRUST_CURIOUS || row->trust == FEDL_TRUST_ACTIVE);
        assert_true(row->gamma_permille + 2u * row->delta_permille < 1000);
        assert_true(row->k % 2 == 0 && row->k >= 2 && row->k <= FEDL_NEIGHBOURS_MAX);
        assert_true(row->k < row->n_from && row->t <= row->k && 2u * row->t > row->k + row->c);
        assert_true(row->c >= 1 && row->t > row->c);
        const uint32_t ns[2] = {row->n_from, last_of_band(row->n_from)};
        for (uint32_t j = 0; j < 2; j++) {
            const fedli_params params =
                of(ns[j], row->gamma_permille, row->delta_permille, (fedl_server_trust)row->trust);
            assert_int_equal(params.k, row->k);
            assert_int_equal(params.t, row->t);
            assert_int_equal(params.c, row->c);
        }
    }
}

static void values_between_the_grid_go_to_the_safe_side(void **state)
{
    (void)state;
    const fedli_params row = of(1000, 100, 50, FEDL_TRUST_CURIOUS);
    const uint32_t asked[][2] = {{51, 50}, {100, 21}, {99, 49}};
    for (uint32_t i = 0; i < 3; i++) {
        const fedli_params params = of(1999, asked[i][0], asked[i][1], FEDL_TRUST_CURIOUS);
        assert_int_equal(params.k, row.k);
        assert_int_equal(params.t, row.t);
        assert_int_equal(params.c, row.c);
    }
}

static bool accepts(uint32_t n, uint32_t k, uint32_t t, fedl_server_trust trust)
{
    return fedli_params_acceptable(n, k, t, 100, 50, trust);
}

static void devices_accept_what_servers_use_and_nothing_weaker(void **state)
{
    (void)state;
    const uint32_t ns[] = {3, 5, 10, 100, 128, 1000, 5000};
    for (uint32_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
        const uint32_t n = ns[i];
        const fedli_params p = of(n, 100, 50, FEDL_TRUST_CURIOUS);
        assert_true(accepts(n, p.k, p.t, FEDL_TRUST_CURIOUS));
        assert_true(accepts(n, p.k, p.k, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, p.k, (p.k + p.c) / 2, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, p.k, p.k + 1, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, p.k, 0, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, p.k - 1, p.t, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, p.k - 2, p.t, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, p.k + 1, p.t + 1, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n + 1, n <= 128 ? p.k : 256, 256, FEDL_TRUST_CURIOUS));
        assert_false(accepts(n, UINT32_MAX, UINT32_MAX, FEDL_TRUST_CURIOUS));
    }
    /* More neighbours are not safer: more of them collude, and c stays. */
    const fedli_params p = of(1000, 100, 50, FEDL_TRUST_CURIOUS);
    for (uint32_t k = 2; k <= FEDL_NEIGHBOURS_MAX; k += 2) {
        for (uint32_t t = 0; t <= k + 1; t++) {
            assert_int_equal(accepts(1000, k, t, FEDL_TRUST_CURIOUS),
                             k == p.k && t >= p.t && t <= k);
        }
    }
}

static void active_servers_need_more_above_128(void **state)
{
    (void)state;
    const fedli_params curious = of(1000, 100, 50, FEDL_TRUST_CURIOUS);
    const fedli_params active = of(1000, 100, 50, FEDL_TRUST_ACTIVE);
    assert_true(active.k > curious.k);
    assert_false(accepts(1000, curious.k, curious.t, FEDL_TRUST_ACTIVE));
    assert_true(accepts(1000, active.k, active.t, FEDL_TRUST_ACTIVE));
}

static void k_max_bounds_every_roster(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= 128; n += 25) {
        assert_int_equal(fedli_params_k_max(n, 100, 50, FEDL_TRUST_CURIOUS), n - 1);
    }
    for (int trust = FEDL_TRUST_CURIOUS; trust <= FEDL_TRUST_ACTIVE; trust++) {
        uint32_t k_max = 0;
        for (uint32_t n = 129; n <= FEDL_COHORT_MAX; n += n < 1100 ? 1 : 977) {
            fedli_params params;
            if (fedli_params_for(&params, n, 100, 50, (fedl_server_trust)trust) == FEDL_OK) {
                k_max = params.k > k_max ? params.k : k_max;
            }
            const uint32_t bound = fedli_params_k_max(n, 100, 50, (fedl_server_trust)trust);
            assert_int_equal(bound, k_max > 127 ? k_max : 127);
        }
    }
    assert_int_equal(fedli_params_k_max(0, 100, 50, FEDL_TRUST_CURIOUS), 0);
    assert_int_equal(fedli_params_k_max(70000, 400, 400, FEDL_TRUST_CURIOUS), 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colluding_is_rounded_up_and_at_least_one),
        cmocka_unit_test(complete_graphs_follow_the_formula),
        cmocka_unit_test(refuses_what_no_threshold_can_do),
        cmocka_unit_test(table_rows_are_in_range_and_order),
        cmocka_unit_test(values_between_the_grid_go_to_the_safe_side),
        cmocka_unit_test(devices_accept_what_servers_use_and_nothing_weaker),
        cmocka_unit_test(active_servers_need_more_above_128),
        cmocka_unit_test(k_max_bounds_every_roster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
