/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregators: what the server does with a finished sum. One row per algorithm, one file per row.
 * All obey: deterministic, order-free (they see only the sum), one client's influence bounded by
 * the ring.
 */
#ifndef FEDL_AGG_AGG_H
#define FEDL_AGG_AGG_H

#include "agg/accum.h"
#include "agg/master.h"

typedef enum fedl_agg_kind {
    FEDL_AGG_FEDAVG = 1, /* master += server_lr · Σ w·Δ / Σ w  (McMahan et al. 2017) */
} fedl_agg_kind;

typedef struct fedl_agg_config {
    fedl_agg_kind kind;
    uint32_t server_lr_q16; /* 1 … 16·2^16 */
    int8_t update_exp;
} fedl_agg_config;

typedef struct fedl_agg_ops {
    const char *name; /* as in the plan file */
    fedl_agg_kind kind;
    size_t (*state_size)(
        const fedl_model_spec *spec); /* optimiser state kept between rounds, 0 = none */
    /* Moves master by the sum in accum. Σw = accum->tail[FEDL_TAIL_WEIGHT]. Errors: ERR_RANGE (Σw =
     * 0). */
    fedl_status (*apply)(const fedl_agg_config *cfg, fedl_master *master, void *state,
                         const fedl_accum *accum);
} fedl_agg_ops;

/** The row of kind, or NULL. */
const fedl_agg_ops *fedl_agg_find(fedl_agg_kind kind);
/** The row with this name, or NULL. */
const fedl_agg_ops *fedl_agg_find_name(const char *name);

#endif
