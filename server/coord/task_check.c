/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can this coordinator run a plan and a round together? Each field has its own rules elsewhere;
 * here are those of their combination. A masked task that could never make a sum, or none that
 * hides a device, is refused when it is given, not round after round.
 */
#include "coord/coord_state.h"
#include "secagg/params.h"

static fedl_status check_masked(const fedl_plan *plan, const fedl_round_config *round,
                                const char **reason)
{
    const fedl_secagg_config *secagg = &plan->secagg;
    const uint32_t cohort_min =
        secagg->min_cohort > round->reports_min ? secagg->min_cohort : round->reports_min;
    fedli_params params;
    if (round->clients_goal < secagg->min_cohort) {
        *reason = "the goal is below min_cohort";
        return FEDL_ERR_RANGE;
    }
    if (plan->aggregation == FEDL_AGGREGATION_HELPER) {
        return FEDL_OK; /* no graph */
    }
    if (fedli_params_for(&params, round->clients_goal, secagg->gamma_permille,
                         secagg->delta_permille, secagg->trust) != FEDL_OK) {
        *reason = "no safe k and t for the goal";
        return FEDL_ERR_RANGE;
    }
    if (fedli_params_for(&params, cohort_min, secagg->gamma_permille, secagg->delta_permille,
                         secagg->trust) != FEDL_OK) {
        *reason = "no safe k and t for the smallest cohort";
        return FEDL_ERR_RANGE;
    }
    return FEDL_OK;
}

uint64_t fedli_task_charge(const fedl_plan *plan)
{
    return fedl_privacy_charge(plan, plan->secagg.min_cohort, plan->secagg.gamma_permille);
}

fedl_status fedl_coord_task_check(const fedl_plan *plan, const fedl_round_config *round,
                                  const char **reason)
{
    const char *text = NULL;
    fedl_status status = fedl_plan_check(plan);
    if (status == FEDL_OK) {
        status = fedl_round_config_check(round, plan);
    }
    if (status == FEDL_OK && fedl_agg_find((fedl_agg_kind)round->agg_kind) == NULL) {
        text = "unknown aggregator";
        status = FEDL_ERR_UNSUPPORTED;
    }
    if (status == FEDL_OK && fedli_task_charge(plan) > plan->privacy.rho_budget) {
        text = "the privacy budget pays for no round";
        status = FEDL_ERR_RANGE;
    }
    if (status == FEDL_OK && plan->aggregation != FEDL_AGGREGATION_PLAIN) {
        status = check_masked(plan, round, &text);
    }
    if (reason != NULL) {
        *reason = text;
    }
    return status;
}
