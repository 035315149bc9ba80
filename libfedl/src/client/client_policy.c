/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site's policy against a plan: what the owner of a device demands, whatever the server says.
 * Asked once per TASK, when the offer is verified and before any memory is asked for. A model that
 * is offered for prediction only asks nothing of the device, so no policy applies to it.
 */
#include "client/client_state.h"

#define GAMMA_PERMILLE_MAX 333u /* what a plan may reckon with at most */

/* How much a kind of aggregation protects, whatever its number; 0: unknown. A helper needs one
 * party more to be trusted than masks among devices do. */
static uint32_t rank(fedl_aggregation aggregation)
{
    switch (aggregation) {
    case FEDL_AGGREGATION_PLAIN:
        return 1;
    case FEDL_AGGREGATION_HELPER:
        return 2;
    case FEDL_AGGREGATION_MASKED:
        return 3;
    }
    return 0;
}

bool fedli_policy_good(const fedl_site_policy *policy)
{
    return rank(policy->min_aggregation) != 0 && policy->min_cohort >= FEDL_COHORT_MIN &&
           policy->gamma_permille <= GAMMA_PERMILLE_MAX && policy->epochs_max >= 1 &&
           policy->w_max >= 1 && policy->clip_q16_max >= 1;
}

void fedli_policy_numbers(const fedl_site_policy *policy, const fedl_plan *plan,
                          fedl_refusal refusal, uint64_t *asked, uint64_t *allowed)
{
    const struct {
        fedl_refusal refusal;
        uint64_t asked;
        uint64_t allowed;
    } rows[] = {
        {FEDL_REFUSAL_POLICY_COHORT, plan->secagg.min_cohort, policy->min_cohort},
        {FEDL_REFUSAL_POLICY_GAMMA, plan->secagg.gamma_permille, policy->gamma_permille},
        {FEDL_REFUSAL_POLICY_EPOCHS, plan->train.local_epochs, policy->epochs_max},
        {FEDL_REFUSAL_POLICY_WEIGHT, plan->update.w_max, policy->w_max},
        {FEDL_REFUSAL_POLICY_CLIP, plan->update.clip_q16, policy->clip_q16_max},
        {FEDL_REFUSAL_BUDGET, plan->privacy.rho_budget, policy->rho_budget},
        {FEDL_REFUSAL_POLICY_EPSILON, plan->privacy.rho_budget, policy->rho_max},
    };
    *asked = 0;
    *allowed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].refusal == refusal) {
            *asked = rows[i].asked;
            *allowed = rows[i].allowed;
        }
    }
}

fedl_refusal fedli_policy_check(const fedl_site_policy *policy, const fedl_plan *plan)
{
    const bool plain = plan->aggregation == FEDL_AGGREGATION_PLAIN;
    if (rank(plan->aggregation) < rank(policy->min_aggregation)) {
        return plain ? FEDL_REFUSAL_PLAIN : FEDL_REFUSAL_POLICY_HELPER;
    }
    if (policy->require_active && plan->secagg.trust != FEDL_TRUST_ACTIVE) {
        return FEDL_REFUSAL_TRUST; /* a plain plan has no trust at all */
    }
    if (!plain && plan->secagg.min_cohort < policy->min_cohort) {
        return FEDL_REFUSAL_POLICY_COHORT;
    }
    if (!plain && plan->secagg.gamma_permille < policy->gamma_permille) {
        return FEDL_REFUSAL_POLICY_GAMMA;
    }
    if (plan->train.local_epochs > policy->epochs_max) {
        return FEDL_REFUSAL_POLICY_EPOCHS;
    }
    /* Without w_unit every device weighs 1, whatever w_max says. */
    if (plan->update.w_unit != 0 && plan->update.w_max > policy->w_max) {
        return FEDL_REFUSAL_POLICY_WEIGHT;
    }
    if (plan->update.clip_q16 > policy->clip_q16_max) {
        return FEDL_REFUSAL_POLICY_CLIP;
    }
    /* Without noise of the devices nothing bounds what an update tells: above every limit. */
    const bool limited = policy->rho_max != UINT64_MAX || policy->rho_budget != UINT64_MAX;
    if ((policy->require_privacy || limited) && plan->privacy.mode != FEDL_PRIVACY_DISTRIBUTED) {
        return FEDL_REFUSAL_POLICY_PRIVACY;
    }
    /* All that the plan may ever spend; what its attempts do spend is charged one by one. */
    if (limited && plan->privacy.rho_budget > policy->rho_max) {
        return FEDL_REFUSAL_POLICY_EPSILON;
    }
    /* A budget of nothing is spent from the start. */
    return limited && policy->rho_budget == 0 ? FEDL_REFUSAL_BUDGET : FEDL_REFUSAL_NONE;
}
