/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregators: what the server does with a finished sum. One row per algorithm, one file per row.
 *
 * All obey: deterministic; order-free (they see only the sum); one client's influence is bounded:
 * no sum, whatever its words hold, moves a coordinate by more than the ring's range allows.
 */
#ifndef FEDL_AGG_AGG_H
#define FEDL_AGG_AGG_H

#include "agg/accum.h"
#include "agg/master.h"

#define FEDL_SERVER_LR_ONE_Q16 (1u << 16)
#define FEDL_SERVER_LR_MAX_Q16 (1u << 20)

typedef enum fedl_agg_kind {
    FEDL_AGG_FEDAVG = 1, /* master += server_lr · Σ w·Δ / Σ w  (McMahan et al. 2017) */
} fedl_agg_kind;

typedef struct fedl_agg_config {
    fedl_agg_kind kind;
    uint32_t server_lr_q16; /* 1 … FEDL_SERVER_LR_MAX_Q16 (= 16) */
    int8_t update_exp;      /* grid of the sum, FEDL_UPDATE_EXP_MIN … FEDL_UPDATE_EXP_MAX */
} fedl_agg_config;

typedef struct fedl_agg_ops {
    const char *name; /* as in the plan file */
    fedl_agg_kind kind;
    /* Bytes of optimiser state kept between rounds, 0 = none; spec was checked. */
    size_t (*state_size)(const fedl_model_spec *spec);
    /*
     * Moves master by the sum in accum; Σw = accum->tail[FEDL_TAIL_WEIGHT]. state holds state_size
     * bytes, zero before the first round; NULL when that is 0.
     * Errors: ERR_RANGE (a field of cfg; no vector in accum; Σw outside [count, count·w_max], which
     * only a lying client causes: the round is then abandoned), ERR_MISMATCH (accum and master have
     * another parameter count). Nothing is changed then.
     */
    fedl_status (*apply)(const fedl_agg_config *cfg, fedl_master *master, void *state,
                         const fedl_accum *accum);
} fedl_agg_ops;

/** The row of kind, or NULL. Static storage. */
const fedl_agg_ops *fedl_agg_find(fedl_agg_kind kind);
/** The row with this name (zero-terminated), or NULL. Static storage. */
const fedl_agg_ops *fedl_agg_find_name(const char *name);

/** What every apply() checks first. Errors: ERR_RANGE, ERR_MISMATCH as listed above. */
FEDL_NODISCARD fedl_status fedl_agg_check(const fedl_agg_config *cfg, const fedl_master *master,
                                          const fedl_accum *accum);

extern const fedl_agg_ops fedli_agg_fedavg;

#endif
