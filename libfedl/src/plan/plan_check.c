/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a plan one that every part of fedl can carry out? Model and update know their own rules; the
 * rules of training stand here, because a plan is refused long before a trainer exists.
 */
#include "fedl/plan.h"

#define EPOCHS_MAX           1000u
#define LR_Q24_MAX           (16u << 24)
#define HOLDOUT_PERMILLE_MAX 500u
#define STEP_MS_MAX          604800000u             /* 7 days, as every delay */
#define RHO_BUDGET_MAX       (1024u * FEDL_RHO_ONE) /* far beyond any meaning */

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

static bool secagg_is_in_range(const fedl_secagg_config *secagg)
{
    return (secagg->trust == FEDL_TRUST_CURIOUS || secagg->trust == FEDL_TRUST_ACTIVE) &&
           secagg->min_cohort >= FEDL_COHORT_MIN && secagg->gamma_permille <= 333 &&
           secagg->delta_permille <= 400 && secagg->step_ms >= 1 &&
           secagg->step_ms <= STEP_MS_MAX && secagg->epoch_rounds >= 1 &&
           secagg->epoch_rounds <= FEDL_EPOCH_ROUNDS_MAX;
}

static bool secagg_is_zero(const fedl_secagg_config *secagg)
{
    return secagg->trust == 0 && secagg->min_cohort == 0 && secagg->gamma_permille == 0 &&
           secagg->delta_permille == 0 && secagg->step_ms == 0 && secagg->epoch_rounds == 0;
}

static bool privacy_is_in_range(const fedl_privacy_config *privacy, fedl_aggregation aggregation)
{
    if (privacy->mode == FEDL_PRIVACY_NONE) {
        return !privacy->rotate && !privacy->adaptive_clip && privacy->quantile_permille == 0 &&
               privacy->sigma2_q8 == 0 && privacy->bit_sigma2_q8 == 0 && privacy->rho_budget == 0;
    }
    const bool quantile_good =
        privacy->adaptive_clip
            ? privacy->quantile_permille >= 1 && privacy->quantile_permille <= 999 &&
                  privacy->bit_sigma2_q8 != 0 /* its range: that of the update's configuration */
            : privacy->quantile_permille == 0 && privacy->bit_sigma2_q8 == 0;
    const bool noise_good =
        privacy->mode == FEDL_PRIVACY_DISTRIBUTED
            ? privacy->sigma2_q8 >= FEDL_SIGMA2_Q8_MIN && aggregation != FEDL_AGGREGATION_PLAIN
            : privacy->sigma2_q8 >= 1 && !privacy->rotate;
    const uint32_t sigma2_max =
        privacy->mode == FEDL_PRIVACY_DISTRIBUTED ? FEDL_SIGMA2_Q8_MAX : FEDL_SUM_SIGMA2_Q8_MAX;
    return quantile_good && noise_good && privacy->sigma2_q8 <= sigma2_max &&
           privacy->rho_budget >= 1 && privacy->rho_budget <= RHO_BUDGET_MAX;
}

/* Masking and privacy: enums, ranges, and zero where a part is not used, so that the same plan has
 * one encoding. */
static fedl_status protection_check(const fedl_plan *plan)
{
    const fedl_privacy_mode mode = plan->privacy.mode;
    fedl_plan settled = *plan;
    fedl_plan_settle(&settled);
    if (mode != FEDL_PRIVACY_NONE && mode != FEDL_PRIVACY_DISTRIBUTED &&
        mode != FEDL_PRIVACY_CENTRAL) {
        return FEDL_ERR_UNSUPPORTED;
    }
    if (!privacy_is_in_range(&plan->privacy, plan->aggregation) ||
        settled.update.rotate != plan->update.rotate ||
        settled.update.noise_sigma2_q8 != plan->update.noise_sigma2_q8 ||
        settled.update.sum_sigma2_q8 != plan->update.sum_sigma2_q8 ||
        settled.update.bit_sigma2_q8 != plan->update.bit_sigma2_q8 || plan->update.bound_q16 != 0) {
        return FEDL_ERR_RANGE;
    }
    if (mode != FEDL_PRIVACY_NONE &&
        (plan->update.w_unit != 0 || plan->update.w_max != 1 ||
         fedl_privacy_bound_q16(&plan->update, fedl_model_parameter_count(&plan->model)) == 0)) {
        return FEDL_ERR_RANGE; /* a weight would multiply what one device can move */
    }
    switch (plan->aggregation) {
    case FEDL_AGGREGATION_PLAIN:
        return secagg_is_zero(&plan->secagg) ? FEDL_OK : FEDL_ERR_RANGE;
    case FEDL_AGGREGATION_MASKED:
    case FEDL_AGGREGATION_HELPER:
        return secagg_is_in_range(&plan->secagg) &&
                       plan->secagg.min_cohort <= plan->update.clients_max
                   ? FEDL_OK
                   : FEDL_ERR_RANGE;
    }
    return FEDL_ERR_UNSUPPORTED;
}

void fedl_plan_settle(fedl_plan *plan)
{
    const bool distributed = plan->privacy.mode == FEDL_PRIVACY_DISTRIBUTED;
    plan->update.rotate = distributed && plan->privacy.rotate;
    plan->update.noise_sigma2_q8 = distributed ? plan->privacy.sigma2_q8 : 0;
    plan->update.sum_sigma2_q8 =
        plan->privacy.mode == FEDL_PRIVACY_CENTRAL ? plan->privacy.sigma2_q8 : 0;
    plan->update.bit_sigma2_q8 = plan->privacy.bit_sigma2_q8;
    plan->update.bound_q16 = 0;
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
    status = protection_check(plan);
    if (status != FEDL_OK) {
        return status;
    }
    if (plan->holdout_permille > HOLDOUT_PERMILLE_MAX ||
        plan->data.size > FEDL_PLAN_DATA_BYTES_MAX) {
        return FEDL_ERR_RANGE;
    }
    return FEDL_OK;
}
