/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fedl-params-table > libfedl/src/secagg/params_table.c
 *
 * Takes a few seconds: each row is checked for each n of its band.
 */
#include "fedl/secagg.h"
#include "planner/params_row.h"

#include <stdio.h>

static const uint32_t bands[FEDLI_PARAMS_BAND_COUNT + 1] = FEDLI_PARAMS_BANDS;
static const uint16_t gammas[FEDLI_PARAMS_GAMMA_COUNT] = FEDLI_PARAMS_GAMMAS;
static const uint16_t deltas[FEDLI_PARAMS_DELTA_COUNT] = FEDLI_PARAMS_DELTAS;

static void print_bands(uint8_t trust, uint16_t gamma, uint16_t delta)
{
    uint32_t found = 0;
    for (uint32_t b = 0; b < FEDLI_PARAMS_BAND_COUNT; b++) {
        const uint32_t last = b + 1 < FEDLI_PARAMS_BAND_COUNT ? bands[b + 1] - 1 : FEDL_COHORT_MAX;
        fedli_params_row row;
        if (fedl_params_row_find(&row, trust, gamma, delta, bands[b], last) == FEDL_OK) {
            printf("%s{%u, %u, %u, %u, %u, %u, %u},",
                   found == 0       ? "    "
                   : found % 4 == 0 ? "\n    "
                                    : " ",
                   row.n_from, row.gamma_permille, row.delta_permille, row.trust, row.k, row.t,
                   row.c);
            found++;
        }
    }
    (void)fputs(found != 0 ? "\n" : "", stdout);
}

int main(void)
{
    puts("/* SPDX-License-Identifier: Apache-2.0 */\n"
         "/* Written by fedl-params-table; see params_table.h. n_from, gamma, delta, trust, k, t, "
         "c */\n"
         "#include \"secagg/params_table.h\"\n\n"
         "/* clang-format off */\n"
         "const fedli_params_row fedli_params_table[] = {");
    for (uint8_t trust = FEDL_TRUST_CURIOUS; trust <= FEDL_TRUST_ACTIVE; trust++) {
        for (uint32_t g = 0; g < FEDLI_PARAMS_GAMMA_COUNT; g++) {
            for (uint32_t d = 0; d < FEDLI_PARAMS_DELTA_COUNT; d++) {
                print_bands(trust, gammas[g], deltas[d]);
            }
        }
    }
    puts("};\n"
         "/* clang-format on */\n\n"
         "const uint32_t fedli_params_row_count = sizeof fedli_params_table / sizeof "
         "fedli_params_table[0];");
    return fflush(stdout) == 0 ? 0 : 1;
}
