/* SPDX-License-Identifier: Apache-2.0 */
/* The whole frozen table, and every combination that is not in it, from the finder. */
#include "cmocka_all.h"

#include "fedl/secagg.h"
#include "planner/params_row.h"

#include <string.h>

static const uint32_t bands[FEDLI_PARAMS_BAND_COUNT + 1] = FEDLI_PARAMS_BANDS;
static const uint16_t gammas[FEDLI_PARAMS_GAMMA_COUNT] = FEDLI_PARAMS_GAMMAS;
static const uint16_t deltas[FEDLI_PARAMS_DELTA_COUNT] = FEDLI_PARAMS_DELTAS;

static void the_table_is_what_the_finder_says(void **state)
{
    (void)state;
    uint32_t next = 0;
    for (uint8_t trust = FEDL_TRUST_CURIOUS; trust <= FEDL_TRUST_ACTIVE; trust++) {
        for (uint32_t i = 0;
             i < FEDLI_PARAMS_GAMMA_COUNT * FEDLI_PARAMS_DELTA_COUNT * FEDLI_PARAMS_BAND_COUNT;
             i++) {
            const uint32_t b = i % FEDLI_PARAMS_BAND_COUNT;
            const uint32_t d = i / FEDLI_PARAMS_BAND_COUNT % FEDLI_PARAMS_DELTA_COUNT;
            const uint32_t g = i / FEDLI_PARAMS_BAND_COUNT / FEDLI_PARAMS_DELTA_COUNT;
            const uint32_t last =
                b + 1 < FEDLI_PARAMS_BAND_COUNT ? bands[b + 1] - 1 : FEDL_COHORT_MAX;
            fedli_params_row row;
            memset(&row, 0, sizeof row);
            if (fedl_params_row_find(&row, trust, gammas[g], deltas[d], bands[b], last) ==
                FEDL_OK) {
                assert_true(next < fedli_params_row_count);
                assert_memory_equal(&row, &fedli_params_table[next], sizeof row);
                next++;
            }
        }
    }
    assert_int_equal(next, fedli_params_row_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_what_the_finder_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
