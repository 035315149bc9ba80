/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rosters above FEDL_COMPLETE_GRAPH_MAX devices: the finder's results (port/planner), frozen, so
 * that server and devices agree without floating point. Written by fedl-params-table; a test
 * computes rows again.
 *
 * A row is good for EVERY n from its n_from up to the next band. Sorted by (trust, γ, δ, n_from);
 * γ and δ of a plan are rounded up to the next value of the grid. A combination that is not there
 * has no k ≤ 254: refuse it, don't fall back to another band.
 */
#ifndef FEDL_SECAGG_PARAMS_TABLE_H
#define FEDL_SECAGG_PARAMS_TABLE_H

#include <stdint.h>

typedef struct fedli_params_row {
    uint32_t n_from;         /* first n of the band, one of FEDLI_PARAMS_BANDS */
    uint16_t gamma_permille; /* one of FEDLI_PARAMS_GAMMAS */
    uint16_t delta_permille; /* one of FEDLI_PARAMS_DELTAS */
    uint8_t trust;           /* fedl_server_trust: CURIOUS 2^-40, ACTIVE 2^-80; both 2t > k + c */
    uint8_t k;               /* even */
    uint8_t t;
    uint8_t c; /* most colluding neighbours with 2t > k + c */
} fedli_params_row;

/* clang-format off */
#define FEDLI_PARAMS_BANDS  {129, 200, 300, 500, 1000, 2000, 5000, 10000, 20000, 50000}
#define FEDLI_PARAMS_GAMMAS {10, 50, 100, 200, 333}
#define FEDLI_PARAMS_DELTAS {10, 20, 50, 100, 200, 300, 400}
/* clang-format on */
#define FEDLI_PARAMS_BAND_COUNT  10u
#define FEDLI_PARAMS_GAMMA_COUNT 5u
#define FEDLI_PARAMS_DELTA_COUNT 7u

extern const fedli_params_row fedli_params_table[];
extern const uint32_t fedli_params_row_count;

#endif
