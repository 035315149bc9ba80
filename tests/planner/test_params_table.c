/* SPDX-License-Identifier: Apache-2.0 */
/* The frozen table of secagg: its form, rows computed again, and what a lying server could do. */
#include "cmocka_all.h"

#include "fedl/secagg.h"
#include "planner/finder.h"
#include "planner/params_row.h"
#include "secagg/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint32_t bands[FEDLI_PARAMS_BAND_COUNT + 1] = FEDLI_PARAMS_BANDS;

static uint32_t last_of(uint32_t n_from)
{
    for (uint32_t b = 0; b + 1 < FEDLI_PARAMS_BAND_COUNT; b++) {
        if (bands[b] == n_from) {
            return bands[b + 1] - 1;
        }
    }
    assert_int_equal(n_from, bands[FEDLI_PARAMS_BAND_COUNT - 1]);
    return FEDL_COHORT_MAX;
}

static int64_t rank_of(const fedli_params_row *row)
{
    return (((int64_t)row->trust * 1000 + row->gamma_permille) * 1000 + row->delta_permille) *
               100000 +
           row->n_from;
}

static void rows_are_sorted_and_sound(void **state)
{
    (void)state;
    assert_true(fedli_params_row_count > 400);
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        const fedli_params_row *row = &fedli_params_table[i];
        (void)last_of(row->n_from);
        assert_true(i == 0 || rank_of(row) > rank_of(row - 1));
        assert_true(row->k % 2 == 0 && row->k <= FEDL_NEIGHBOURS_MAX && row->k + 1u < row->n_from);
        assert_true(row->t <= row->k && row->c >= 1);
        assert_true(2u * row->t > (uint32_t)row->k + row->c);
        assert_true(2u * row->t == (uint32_t)row->k + row->c + 1);
    }
}

/* Every 29th row and the narrow bands; test_params_table_all computes all of them. */
static void rows_are_what_the_finder_says(void **state)
{
    (void)state;
    uint32_t compared = 0;
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        const fedli_params_row *row = &fedli_params_table[i];
        if (row->n_from > 500 || (i % 29 != 0 && row->n_from != 129)) {
            continue;
        }
        fedli_params_row again;
        memset(&again, 0, sizeof again);
        assert_int_equal(fedl_params_row_find(&again, row->trust, row->gamma_permille,
                                              row->delta_permille, row->n_from,
                                              last_of(row->n_from)),
                         FEDL_OK);
        assert_memory_equal(&again, row, sizeof again);
        compared++;
    }
    assert_true(compared > 50);
}

/* A combination is missing only where the finder has nothing. */
static void what_is_missing_does_not_exist(void **state)
{
    (void)state;
    fedli_params_row row;
    assert_int_equal(fedl_params_row_find(&row, FEDL_TRUST_CURIOUS, 100, 400, 129, last_of(129)),
                     FEDL_ERR_NOT_FOUND);
    assert_int_equal(fedl_params_row_find(&row, FEDL_TRUST_CURIOUS, 333, 400, 129, last_of(129)),
                     FEDL_ERR_RANGE);
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        assert_true(fedli_params_table[i].gamma_permille +
                        2u * fedli_params_table[i].delta_permille <
                    1000u);
    }
}

/*
 * The finder's connectivity reckons with δ·n devices that vanish by chance. A lying server names
 * them after it saw the graph. The threshold alone then holds the ring together: 2^-60 per roster
 * in the rows for trust = active. (The rows for a curious server would give 2^-26: that is why
 * there are two kinds.)
 */
static void a_server_that_picks_the_vanished_cannot_part_the_ring(void **state)
{
    (void)state;
    double worst_active = -(double)INFINITY;
    double worst_curious = -(double)INFINITY;
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        const fedli_params_row *row = &fedli_params_table[i];
        const uint32_t last = last_of(row->n_from);
        for (uint32_t n = row->n_from; n <= last; n += 1 + (last - row->n_from) / 20) {
            const fedl_finder_config config =
                fedl_finder_config_default(n, row->gamma_permille, row->delta_permille);
            const double split = fedl_finder_log_split(&config, row->k, row->t) / log(2);
            if (row->trust == FEDL_TRUST_ACTIVE) {
                worst_active = split > worst_active ? split : worst_active;
            } else {
                worst_curious = split > worst_curious ? split : worst_curious;
            }
        }
    }
    assert_true(worst_active < -60);
    assert_true(worst_curious > -40 && worst_curious < -20);
}

/* docs/plan.md shows ten rows. */
static void the_page_shows_the_table(void **state)
{
    (void)state;
    FILE *page = fopen(FEDL_SOURCE_DIR "/docs/plan.md", "r");
    char line[512];
    uint32_t seen = 0;
    assert_non_null(page);
    while (fgets(line, sizeof line, page) != NULL) {
        unsigned thousands = 0;
        unsigned rest = 0;
        double gamma = 0;
        double delta = 0;
        unsigned k[2];
        unsigned t[2];
        const char *columns = strstr(line, " %") != NULL ? strchr(line + 1, '|') : NULL;
        const int parts = sscanf(line, "| %u,%u", &thousands, &rest);
        if (columns == NULL || parts < 1 ||
            sscanf(columns, "| %lf %% | %lf %% | %u / %u | %u / %u", &gamma, &delta, &k[0], &t[0],
                   &k[1], &t[1]) != 6) {
            continue;
        }
        const uint32_t n = parts == 2 ? thousands * 1000u + rest : thousands;
        for (uint32_t i = 0; i < 2; i++) {
            fedli_params params;
            assert_int_equal(fedli_params_for(&params, n, (uint32_t)lround(10 * gamma),
                                              (uint32_t)lround(10 * delta),
                                              i == 0 ? FEDL_TRUST_CURIOUS : FEDL_TRUST_ACTIVE),
                             FEDL_OK);
            assert_int_equal(params.k, k[i]);
            assert_int_equal(params.t, t[i]);
        }
        seen++;
    }
    (void)fclose(page);
    assert_int_equal(seen, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_and_sound),
        cmocka_unit_test(rows_are_what_the_finder_says),
        cmocka_unit_test(what_is_missing_does_not_exist),
        cmocka_unit_test(the_page_shows_the_table),
        cmocka_unit_test(a_server_that_picks_the_vanished_cannot_part_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
