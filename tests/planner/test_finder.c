/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The finder against published numbers: rows of our own specification, and the degrees and
 * thresholds that the tests of google-parfait/federated-compute expect
 * (fcp/secagg/server/graph_parameter_finder_test.cc; there the threshold is an upper bound).
 */
#include "cmocka_all.h"

#include "fedl/secagg.h"
#include "planner/finder.h"

#include <math.h>

typedef struct row {
    uint32_t n;
    uint32_t gamma_permille;
    uint32_t delta_permille;
    fedl_finder_server server;
    uint32_t security_bits;
    uint32_t k;
    uint32_t t;
} row;

static fedl_graph_choice find(const row *r, fedl_status expected)
{
    fedl_finder_config config =
        fedl_finder_config_default(r->n, r->gamma_permille, r->delta_permille);
    fedl_graph_choice choice = {0, 0, 0};
    config.server = r->server;
    config.security_bits = r->security_bits;
    config.k_max = 4000;
    assert_int_equal(fedl_finder_find(&choice, &config), expected);
    return choice;
}

static void rows_of_the_specification(void **state)
{
    (void)state;
    static const row rows[] = {
        {1000, 100, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 66, 49},
        {1000, 100, 20, FEDL_FINDER_SEMI_MALICIOUS, 40, 48, 38},
        {5000, 100, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 76, 56},
        {500, 50, 100, FEDL_FINDER_SEMI_MALICIOUS, 40, 66, 44},
        {200, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 68, 58},
        {1000, 100, 50, FEDL_FINDER_SEMI_MALICIOUS, 80, 84, 65},
        {1000, 100, 300, FEDL_FINDER_CURIOUS, 40, 88, 36},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const fedl_graph_choice choice = find(&rows[i], FEDL_OK);
        assert_int_equal(choice.k, rows[i].k);
        assert_int_equal(choice.t, rows[i].t);
    }
}

static const row public_rows[] = {
    {100, 450, 450, FEDL_FINDER_CURIOUS, 40, 92, 46},
    {1000, 450, 450, FEDL_FINDER_CURIOUS, 40, 822, 417},
    {10000, 450, 450, FEDL_FINDER_CURIOUS, 40, 3494, 1771},
    {10, 330, 330, FEDL_FINDER_CURIOUS, 40, 8, 4},
    {100, 330, 330, FEDL_FINDER_CURIOUS, 40, 68, 34},
    {1000, 330, 330, FEDL_FINDER_CURIOUS, 40, 286, 150},
    {10000, 330, 330, FEDL_FINDER_CURIOUS, 40, 422, 221},
    {100000, 330, 330, FEDL_FINDER_CURIOUS, 40, 480, 251},
    {1000000, 330, 330, FEDL_FINDER_CURIOUS, 40, 518, 270},
    {100, 300, 300, FEDL_FINDER_SEMI_MALICIOUS, 40, 92, 62},
    {1000, 300, 300, FEDL_FINDER_SEMI_MALICIOUS, 40, 872, 584},
    {10, 50, 330, FEDL_FINDER_CURIOUS, 40, 4, 2},
    {100, 50, 330, FEDL_FINDER_CURIOUS, 40, 28, 6},
    {1000, 50, 330, FEDL_FINDER_CURIOUS, 40, 72, 24},
    {10000, 50, 330, FEDL_FINDER_CURIOUS, 40, 86, 29},
    {100000, 50, 330, FEDL_FINDER_CURIOUS, 40, 96, 32},
    {1000000, 50, 330, FEDL_FINDER_CURIOUS, 40, 102, 34},
    {10, 50, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 8, 5},
    {100, 50, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 72, 39},
    {1000, 50, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 398, 223},
    {10000, 50, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 746, 420},
    {100000, 50, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 882, 496},
    {1000000, 50, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 970, 545},
    {10, 330, 50, FEDL_FINDER_CURIOUS, 40, 4, 4},
    {100, 330, 50, FEDL_FINDER_CURIOUS, 40, 34, 29},
    {1000, 330, 50, FEDL_FINDER_CURIOUS, 40, 78, 60},
    {10000, 330, 50, FEDL_FINDER_CURIOUS, 40, 92, 70},
    {100000, 330, 50, FEDL_FINDER_CURIOUS, 40, 102, 77},
    {1000000, 330, 50, FEDL_FINDER_CURIOUS, 40, 110, 83},
    {10, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 4, 4},
    {100, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 42, 37},
    {1000, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 132, 109},
    {10000, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 178, 146},
    {100000, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 196, 160},
    {1000000, 330, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 212, 173},
    {10, 50, 50, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {100, 50, 50, FEDL_FINDER_CURIOUS, 40, 12, 6},
    {1000, 50, 50, FEDL_FINDER_CURIOUS, 40, 30, 17},
    {10000, 50, 50, FEDL_FINDER_CURIOUS, 40, 34, 20},
    {100000, 50, 50, FEDL_FINDER_CURIOUS, 40, 36, 21},
    {1000000, 50, 50, FEDL_FINDER_CURIOUS, 40, 38, 22},
    {10, 50, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
    {100, 50, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 16, 11},
    {1000, 50, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 52, 37},
    {10000, 50, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 62, 44},
    {100000, 50, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 68, 48},
    {1000000, 50, 50, FEDL_FINDER_SEMI_MALICIOUS, 40, 74, 52},
    {10, 330, 0, FEDL_FINDER_CURIOUS, 40, 4, 4},
    {100, 330, 0, FEDL_FINDER_CURIOUS, 40, 26, 25},
    {1000, 330, 0, FEDL_FINDER_CURIOUS, 40, 38, 36},
    {10000, 330, 0, FEDL_FINDER_CURIOUS, 40, 42, 40},
    {100000, 330, 0, FEDL_FINDER_CURIOUS, 40, 46, 44},
    {1000000, 330, 0, FEDL_FINDER_CURIOUS, 40, 50, 47},
    {10, 330, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 4, 4},
    {100, 330, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 26, 26},
    {1000, 330, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 38, 37},
    {10000, 330, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 42, 41},
    {100000, 330, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 46, 45},
    {1000000, 330, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 50, 49},
    {10, 0, 330, FEDL_FINDER_CURIOUS, 40, 4, 2},
    {100, 0, 330, FEDL_FINDER_CURIOUS, 40, 26, 2},
    {1000, 0, 330, FEDL_FINDER_CURIOUS, 40, 38, 2},
    {10000, 0, 330, FEDL_FINDER_CURIOUS, 40, 42, 2},
    {100000, 0, 330, FEDL_FINDER_CURIOUS, 40, 46, 2},
    {1000000, 0, 330, FEDL_FINDER_CURIOUS, 40, 50, 2},
    {10, 0, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 8, 5},
    {100, 0, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 68, 35},
    {1000, 0, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 228, 115},
    {10000, 0, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 326, 164},
    {100000, 0, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 372, 187},
    {1000000, 0, 330, FEDL_FINDER_SEMI_MALICIOUS, 40, 410, 206},
    {10, 0, 0, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {100, 0, 0, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {1000, 0, 0, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {10000, 0, 0, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {100000, 0, 0, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {1000000, 0, 0, FEDL_FINDER_CURIOUS, 40, 2, 2},
    {10, 0, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
    {100, 0, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
    {1000, 0, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
    {10000, 0, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
    {100000, 0, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
    {1000000, 0, 0, FEDL_FINDER_SEMI_MALICIOUS, 40, 2, 2},
};

static void rows_of_a_public_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof public_rows / sizeof public_rows[0]; i++) {
        const fedl_graph_choice choice = find(&public_rows[i], FEDL_OK);
        if (choice.k != public_rows[i].k || choice.t > public_rows[i].t) {
            fail_msg("row %zu: %u/%u, not %u/%u", i, choice.k, choice.t, public_rows[i].k,
                     public_rows[i].t);
        }
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const row out[] = {
        {0, 100, 100, FEDL_FINDER_CURIOUS, 40, 0, 0},
        {2, 100, 100, FEDL_FINDER_CURIOUS, 40, 0, 0},
        {1u << 21, 100, 100, FEDL_FINDER_CURIOUS, 40, 0, 0},
        {1000, 100, 1000, FEDL_FINDER_CURIOUS, 40, 0, 0},
        {1000, 500, 500, FEDL_FINDER_CURIOUS, 40, 0, 0},
        {1000, 500, 250, FEDL_FINDER_SEMI_MALICIOUS, 40, 0, 0},
    };
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        (void)find(&out[i], FEDL_ERR_RANGE);
    }
    const row none = {10, 333, 300, FEDL_FINDER_SEMI_MALICIOUS, 40, 0, 0};
    (void)find(&none, FEDL_ERR_NOT_FOUND);
    fedl_finder_config config = fedl_finder_config_default(1000, 100, 50);
    fedl_graph_choice choice;
    config.k_max = 64;
    assert_int_equal(fedl_finder_find(&choice, &config), FEDL_ERR_NOT_FOUND);
    config.k_max = 66;
    assert_int_equal(fedl_finder_find(&choice, &config), FEDL_OK);
    assert_int_equal(choice.c, 31);
    assert_int_equal(fedl_finder_band(&choice, &config, 999), FEDL_ERR_RANGE);
    assert_int_equal(fedl_finder_band(&choice, &config, 1u << 21), FEDL_ERR_RANGE);
}

/* A choice holds at its own n and with fewer of either kind; one step less of t or k does not. */
static void a_choice_is_the_smallest(void **state)
{
    (void)state;
    const fedl_finder_config config = fedl_finder_config_default(700, 150, 80);
    fedl_graph_choice choice;
    uint32_t low = 0;
    uint32_t high = 0;
    assert_int_equal(fedl_finder_find(&choice, &config), FEDL_OK);
    assert_true(2 * choice.t > choice.k + choice.c);
    assert_false(2 * choice.t > choice.k + choice.c + 1);
    assert_true(fedl_finder_thresholds(&low, &high, &config, choice.k));
    assert_int_equal(choice.t, low);
    assert_true(high >= low);
    assert_true(fedl_finder_log_failure(&config, choice.k, high) < -20 * log(2));
    assert_true(fedl_finder_log_failure(&config, choice.k, high + 1) >= -20 * log(2));
    for (uint32_t k = 2; k < choice.k; k += 2) {
        assert_false(fedl_finder_thresholds(&low, &high, &config, k));
    }
}

/* floor(γ·n)/n jumps: a band is harder than its ends. */
static void a_band_holds_for_each_n(void **state)
{
    (void)state;
    const fedl_finder_config config = fedl_finder_config_default(300, 100, 100);
    fedl_finder_config at = config;
    fedl_graph_choice band;
    assert_int_equal(fedl_finder_band(&band, &config, 499), FEDL_OK);
    for (at.n = 300; at.n <= 499; at.n++) {
        uint32_t low = 0;
        uint32_t high = 0;
        assert_true(fedl_finder_thresholds(&low, &high, &at, band.k));
        assert_true(low <= band.t && band.t <= high);
    }
    fedl_graph_choice first;
    at.n = 300;
    assert_int_equal(fedl_finder_find(&first, &at), FEDL_OK);
    assert_true(first.k <= band.k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_specification),
        cmocka_unit_test(rows_of_a_public_implementation),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_choice_is_the_smallest),
        cmocka_unit_test(a_band_holds_for_each_n),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
