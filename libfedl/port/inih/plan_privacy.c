/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential privacy in a plan file: people write σ, ε and δ; the plan holds σ² and a budget of ρ
 * (zero-concentrated), both whole numbers.
 *
 * Keys of privacy in a plan without it are ignored, as those of masking in a plain one.
 */
#include "inih/plan_draft.h"
#include "planner/accountant.h"

#include <string.h>

#define SIGMA_Q16_MIN (2u << 16) /* below, sums of discrete Gaussians are none */

void plan_privacy_finish(plan_draft *draft)
{
    fedl_privacy_config *privacy = &draft->config->plan.privacy;
    if (privacy->mode == FEDL_PRIVACY_NONE) {
        memset(privacy, 0, sizeof *privacy);
        privacy->mode = FEDL_PRIVACY_NONE;
        return;
    }
    if (!plan_given(draft, "privacy", "rotate")) {
        privacy->rotate = privacy->mode == FEDL_PRIVACY_DISTRIBUTED;
    }
    /* Q16² = Q32 → Q8, rounded down: less noise is reckoned with, never more. */
    const uint64_t sigma2_q32 = (uint64_t)draft->sigma_q16 * draft->sigma_q16;
    privacy->sigma2_q8 = (uint32_t)(sigma2_q32 >> 24);
    privacy->quantile_permille =
        privacy->adaptive_clip ? (uint16_t)draft->quantile_permille : (uint16_t)0;
    privacy->rho_budget =
        fedl_zcdp_units_down(fedl_zcdp_rho(draft->epsilon, draft->config->privacy_delta));
}

/* The coarsest grid on which the clip norm is short enough for exact bounds. */
static int32_t smallest_exp(uint32_t clip_q16)
{
    int32_t update_exp = FEDL_UPDATE_EXP_MIN;
    while (update_exp < FEDL_UPDATE_EXP_MAX &&
           (uint64_t)clip_q16 << -update_exp > FEDL_PRIVACY_CLIP_STEPS_MAX << 16) {
        update_exp++;
    }
    return update_exp;
}

void plan_privacy_check(plan_draft *draft)
{
    const fedl_plan *plan = &draft->config->plan;
    const uint32_t sigma_line = plan_line_of(draft, "privacy", "sigma");
    if (plan->privacy.mode == FEDL_PRIVACY_NONE) {
        return;
    }
    if (!plan_given(draft, "privacy", "sigma") || !plan_given(draft, "privacy", "epsilon")) {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "privacy", "mode"),
                  "differential privacy needs 'sigma' and 'epsilon' in [privacy]");
    }
    if (plan->privacy.mode == FEDL_PRIVACY_DISTRIBUTED) {
        if (plan->aggregation == FEDL_AGGREGATION_PLAIN) {
            plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "privacy", "mode"),
                      "mode = distributed in [privacy] hides a device in the sum of all: it needs "
                      "mode = masked in [aggregation]");
        }
        if (draft->sigma_q16 < SIGMA_Q16_MIN) {
            plan_fail(draft, FEDL_ERR_RANGE, sigma_line,
                      "sigma in [privacy] is below 2 steps, where noise of several devices does "
                      "not add up: use sigma = 2 or a smaller update_exp");
        }
    } else if (plan->privacy.rotate) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "privacy", "rotate"),
                  "rotate in [privacy] is for noise of the devices: use rotate = no");
    }
    if (plan->update.w_unit != 0 || plan->update.w_max != 1) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "w_unit"),
                  "with differential privacy all devices weigh the same: use w_unit = 0 and w_max "
                  "= 1");
    }
    const int32_t smallest = smallest_exp(plan->update.clip_q16);
    if (plan->update.update_exp < smallest) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "update_exp"),
                  "clip in [aggregation] is more than 1048576 steps of 2^%d: use update_exp = %d",
                  plan->update.update_exp, smallest);
    }
}
