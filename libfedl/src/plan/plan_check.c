/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a plan one that every part of fedl can carry out? Model and update know their own rules; the
 * rules of training stand here, because a plan is refused long before a trainer exists.
 */
#include "fedl/plan.h"

#define EPOCHS_MAX           1000u
#define LR_Q24_MAX           (16u << 24)
#define HOLDOUT_PERMILLE_MAX 500u

static fedl_status train_check(const fedl_train_config *train)
{
    if (train->local_epochs < 1 || train->local_epochs > EPOCHS_MAX || train->batch_rows < 1 ||
        train->batch_rows > FEDL_BATCH_ROWS_MAX || train->lr_q24 < 1 ||
        train->lr_q24 > LR_Q24_MAX) {
        return FEDL_ERR_RANGE;
    }
    /* η·μ ≤ 1: beyond it the proximal step would overshoot the reference. lr ≤ 2^28 and μ < 2^32,
     * so the product stays below 2^60. */
    const uint64_t product_q40 = (uint64_t)train->lr_q24 * train->prox_mu_q16;
    return product_q40 <= (1ull << 40) ? FEDL_OK : FEDL_ERR_RANGE;
}

fedl_status fedl_plan_check(const fedl_plan *plan)
{
    fedl_status status = fedl_model_spec_check(&plan->model);
    if (status != FEDL_OK) {
        return status;
    }
    status = train_check(&plan->train);
    if (status != FEDL_OK) {
        return status;
    }
    status = fedl_update_config_check(&plan->update, &plan->model);
    if (status != FEDL_OK) {
        return status;
    }
    if (plan->aggregation != FEDL_AGGREGATION_PLAIN) {
        return FEDL_ERR_UNSUPPORTED;
    }
    if (plan->holdout_permille > HOLDOUT_PERMILLE_MAX ||
        plan->data.size > FEDL_PLAN_DATA_BYTES_MAX) {
        return FEDL_ERR_RANGE;
    }
    return FEDL_OK;
}
