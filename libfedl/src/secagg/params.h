/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k and t by integers only, the same on both sides.
 *
 * n ≤ 128: complete graph, k = n − 1, c = max(1, ⌈γ·n/1000⌉), t = ⌊(k + c)/2⌋ + 1.
 * n > 128: a frozen table made by the finder (port/planner, Bell et al. 2020 as in Google's
 * graph_parameter_finder, semi-malicious 2t > k + c, 2^-40 security, 2^-20 failure; ACTIVE above
 * 128: 2^-80): for bands of n and a grid of γ and δ, each rounded to the safe side.
 */
#ifndef FEDL_SECAGG_PARAMS_H
#define FEDL_SECAGG_PARAMS_H

#include "fedl/secagg.h"

typedef struct fedli_params {
    uint32_t k;
    uint32_t t;
    uint32_t
        c; /* most colluding neighbours of one device that the threshold withstands: 2t > k + c */
} fedli_params;

/** What the server uses. The rows above 128 are secagg/params_table.h. Errors: ERR_RANGE (n < 3 or
 * > 65535; γ or δ outside the table: γ + 2δ must be below 1000 ‰; no k ≤ 254 does it). */
FEDL_NODISCARD fedl_status fedli_params_for(fedli_params *params, uint32_t n,
                                            uint32_t gamma_permille, uint32_t delta_permille,
                                            fedl_server_trust trust);
/**
 * Whether a device may accept (n, k, t): t ≤ k, 2t > k + c, and k exactly the table's (n − 1 up to
 * 128). More neighbours are not safer: of 254 instead of 66 among 1,000 more than the table's
 * c = 31 collude in 7 of 100 cases, and 2t > 254 + 31 would not notice. γ and δ are the plan's (a
 * site's γ is no larger: FEDL_REFUSAL_POLICY_GAMMA).
 */
bool fedli_params_acceptable(uint32_t n, uint32_t k, uint32_t t, uint32_t gamma_permille,
                             uint32_t delta_permille, fedl_server_trust trust);
/** Largest k that rosters of 3 … n_max devices can get: sizes memory. */
uint32_t fedli_params_k_max(uint32_t n_max, uint32_t gamma_permille, uint32_t delta_permille,
                            fedl_server_trust trust);
/** Colluding devices in a cohort of n: max(1, ⌈γ·n/1000⌉). */
uint32_t fedli_colluding(uint32_t n, uint32_t gamma_permille);

#endif
