/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rejected for cohorts above 128: the finder itself (it is float, and two builds of it could
 * disagree), and interpolation between rows (nothing proves what lies between two of them).
 */
#include "secagg/params.h"

#include "secagg/params_table.h"

static const uint32_t bands[FEDLI_PARAMS_BAND_COUNT] = FEDLI_PARAMS_BANDS;
static const uint16_t gammas[FEDLI_PARAMS_GAMMA_COUNT] = FEDLI_PARAMS_GAMMAS;
static const uint16_t deltas[FEDLI_PARAMS_DELTA_COUNT] = FEDLI_PARAMS_DELTAS;

_Static_assert(FEDL_NEIGHBOURS_MAX <= UINT8_MAX, "k fits the table");

uint32_t fedli_colluding(uint32_t n, uint32_t gamma_permille)
{
    const uint64_t c = ((uint64_t)n * gamma_permille + 999u) / 1000u;
    return c == 0 ? 1 : (uint32_t)c;
}

static bool below_hard_limit(uint32_t gamma_permille, uint32_t delta_permille)
{
    return (uint64_t)gamma_permille + 2 * (uint64_t)delta_permille < 1000;
}

/* The smallest value of the grid that is not below the one asked for; 0: there is none. */
static uint16_t round_up(const uint16_t *grid, uint32_t count, uint32_t asked)
{
    for (uint32_t i = 0; i < count; i++) {
        if (grid[i] >= asked) {
            return grid[i];
        }
    }
    return 0;
}

static bool is_of(const fedli_params_row *row, uint16_t gamma, uint16_t delta,
                  fedl_server_trust trust)
{
    return row->trust == (uint8_t)trust && row->gamma_permille == gamma &&
           row->delta_permille == delta;
}

/* NULL: the table has no such row. */
static const fedli_params_row *find_row(uint32_t n, uint32_t gamma_permille,
                                        uint32_t delta_permille, fedl_server_trust trust)
{
    const uint16_t gamma = round_up(gammas, FEDLI_PARAMS_GAMMA_COUNT, gamma_permille);
    const uint16_t delta = round_up(deltas, FEDLI_PARAMS_DELTA_COUNT, delta_permille);
    uint32_t band = 0;
    for (uint32_t i = 0; i < FEDLI_PARAMS_BAND_COUNT && bands[i] <= n; i++) {
        band = bands[i];
    }
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        const fedli_params_row *row = &fedli_params_table[i];
        if (row->n_from == band && is_of(row, gamma, delta, trust)) {
            return row;
        }
    }
    return NULL;
}

fedl_status fedli_params_for(fedli_params *params, uint32_t n, uint32_t gamma_permille,
                             uint32_t delta_permille, fedl_server_trust trust)
{
    if (n < FEDL_COHORT_MIN || n > FEDL_COHORT_MAX ||
        !below_hard_limit(gamma_permille, delta_permille)) {
        return FEDL_ERR_RANGE;
    }
    fedli_params found;
    if (n <= FEDL_COMPLETE_GRAPH_MAX) {
        found.k = n - 1;
        found.c = fedli_colluding(n, gamma_permille);
        found.t = (found.k + found.c) / 2 + 1;
        if (found.t > found.k) {
            return FEDL_ERR_RANGE;
        }
    } else {
        const fedli_params_row *row = find_row(n, gamma_permille, delta_permille, trust);
        if (row == NULL) {
            return FEDL_ERR_RANGE;
        }
        found.k = row->k;
        found.c = row->c;
        found.t = row->t;
    }
    *params = found;
    return FEDL_OK;
}

bool fedli_params_acceptable(uint32_t n, uint32_t k, uint32_t t, uint32_t gamma_permille,
                             uint32_t delta_permille, fedl_server_trust trust)
{
    fedli_params least;
    return fedli_params_for(&least, n, gamma_permille, delta_permille, trust) == FEDL_OK &&
           k == least.k && t <= k && 2 * t > k + least.c;
}

uint32_t fedli_params_k_max(uint32_t n_max, uint32_t gamma_permille, uint32_t delta_permille,
                            fedl_server_trust trust)
{
    const uint16_t gamma = round_up(gammas, FEDLI_PARAMS_GAMMA_COUNT, gamma_permille);
    const uint16_t delta = round_up(deltas, FEDLI_PARAMS_DELTA_COUNT, delta_permille);
    const uint32_t complete = n_max < FEDL_COMPLETE_GRAPH_MAX ? n_max : FEDL_COMPLETE_GRAPH_MAX;
    uint32_t k = complete == 0 ? 0 : complete - 1;
    for (uint32_t i = 0; i < fedli_params_row_count; i++) {
        const fedli_params_row *row = &fedli_params_table[i];
        if (row->n_from <= n_max && row->k > k && is_of(row, gamma, delta, trust)) {
            k = row->k;
        }
    }
    return k;
}
