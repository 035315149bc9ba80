/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/params_row.h"

#include "fedl/secagg.h"
#include "planner/finder.h"

fedl_status fedl_params_row_find(fedli_params_row *row, uint8_t trust, uint16_t gamma_permille,
                                 uint16_t delta_permille, uint32_t n_from, uint32_t n_last)
{
    fedl_finder_config config = fedl_finder_config_default(n_from, gamma_permille, delta_permille);
    /* Colluding devices choose their nonces last: a lying server lets them try many rosters. */
    config.security_bits = trust == FEDL_TRUST_ACTIVE ? 80 : 40;
    fedl_graph_choice choice;
    const fedl_status status = fedl_finder_band(&choice, &config, n_last);
    if (status == FEDL_OK) {
        const fedli_params_row found = {n_from,
                                        gamma_permille,
                                        delta_permille,
                                        trust,
                                        (uint8_t)choice.k,
                                        (uint8_t)choice.t,
                                        (uint8_t)choice.c};
        *row = found;
    }
    return status;
}
