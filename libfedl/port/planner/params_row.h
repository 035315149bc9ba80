/* SPDX-License-Identifier: Apache-2.0 */
/* One row of secagg/params_table.c from the finder. Used by fedl-params-table and by the test that
 * compares the table with it. */
#ifndef FEDL_PORT_PARAMS_ROW_H
#define FEDL_PORT_PARAMS_ROW_H

#include "fedl/status.h"
#include "secagg/params_table.h"

#include <stdint.h>

/** Good for every n from n_from to n_last. trust: fedl_server_trust. Errors: those of
 * fedl_finder_band(). */
FEDL_NODISCARD fedl_status fedl_params_row_find(fedli_params_row *row, uint8_t trust,
                                                uint16_t gamma_permille, uint16_t delta_permille,
                                                uint32_t n_from, uint32_t n_last);

#endif
