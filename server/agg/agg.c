/* SPDX-License-Identifier: Apache-2.0 */
/* The table of aggregators: a new one is a file agg_<x>.c, a kind, and a row here. */
#include "agg/agg.h"

#include <string.h>

static const fedl_agg_ops *const table[] = {
    &fedli_agg_fedavg,
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

const fedl_agg_ops *fedl_agg_find(fedl_agg_kind kind)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (table[i]->kind == kind) {
            return table[i];
        }
    }
    return NULL;
}

const fedl_agg_ops *fedl_agg_find_name(const char *name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}

fedl_status fedl_agg_check(const fedl_agg_config *cfg, const fedl_master *master,
                           const fedl_accum *accum)
{
    if (cfg->server_lr_q16 < 1 || cfg->server_lr_q16 > FEDL_SERVER_LR_MAX_Q16 ||
        cfg->update_exp < FEDL_UPDATE_EXP_MIN || cfg->update_exp > FEDL_UPDATE_EXP_MAX) {
        return FEDL_ERR_RANGE;
    }
    if (accum->parameter_count != master->parameter_count) {
        return FEDL_ERR_MISMATCH;
    }
    /* count < 2^16 and w_max < 2^8 by the update config: the product is below 2^24. */
    const uint64_t weight = accum->tail[FEDL_TAIL_WEIGHT];
    if (accum->count == 0 || weight < accum->count ||
        weight > (uint64_t)accum->count * accum->w_max) {
        return FEDL_ERR_RANGE;
    }
    return FEDL_OK;
}
