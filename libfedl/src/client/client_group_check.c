/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this device train with the round's bound, and begin a masked attempt: what it has answered
 * before, and what its budget of privacy has left. With every no come the two numbers that say why.
 */
#include "client/client_state.h"

#include <string.h>

bool fedli_client_group_is_paused(const fedli_client_state *c, const fedli_client_task *offered)
{
    const fedli_attempt *a = &c->group.setup.attempt;
    uint8_t plan_digest[32];
    fedli_attempt_plan_digest(c->crypto, plan_digest, offered->manifest.plan_digest,
                              offered->manifest.bound_q16);
    return c->group.active && c->group.closed && a->task_id == offered->task_id &&
           a->round == offered->round && a->attempt == offered->attempt &&
           a->version == offered->manifest.version &&
           memcmp(a->model_digest, offered->manifest.digest, sizeof a->model_digest) == 0 &&
           memcmp(a->plan_digest, plan_digest, sizeof a->plan_digest) == 0;
}

/* Noise of the server is the server's promise: it takes nothing from a budget that the device
 * guards itself. */
uint64_t fedli_client_charge(const fedli_client_state *c, const fedl_plan *plan)
{
    const fedl_site_policy *policy = &c->cfg.policy;
    const fedl_secagg_config *s = &plan->secagg;
    if (plan->privacy.mode != FEDL_PRIVACY_DISTRIBUTED) {
        return 0;
    }
    return fedl_privacy_charge(
        plan, s->min_cohort > policy->min_cohort ? s->min_cohort : policy->min_cohort,
        s->gamma_permille > policy->gamma_permille ? s->gamma_permille : policy->gamma_permille);
}

static const fedl_client_accepted *marks_of(const fedli_client_state *c, uint32_t task_id)
{
    const fedl_client_progress *progress = &c->cfg.progress;
    for (uint32_t i = 0; i < progress->count; i++) {
        if (progress->tasks[i].task_id == task_id) {
            return &progress->tasks[i];
        }
    }
    return NULL;
}

bool fedli_client_affords(const fedli_client_state *c, uint32_t task_id, const fedl_plan *plan,
                          uint64_t *left)
{
    const bool charges = plan->privacy.mode == FEDL_PRIVACY_DISTRIBUTED;
    const uint64_t room =
        charges ? fedli_progress_left(&c->cfg.progress, task_id, plan->privacy.rho_budget,
                                      c->cfg.policy.rho_budget)
                : UINT64_MAX;
    const uint64_t charge = fedli_client_charge(c, plan);
    if (left != NULL) {
        *left = room;
    }
    return charge != UINT64_MAX && charge <= room; /* the largest one: nothing bounds it */
}

fedl_refusal fedli_client_group_check(const fedli_client_state *c, const fedli_client_task *offered,
                                      uint64_t *asked, uint64_t *allowed)
{
    const fedl_client_accepted *marks = marks_of(c, offered->task_id);
    *asked = 0;
    *allowed = 0;
    if (fedli_client_group_is_paused(c, offered)) {
        return FEDL_REFUSAL_NONE; /* the same bytes again, nothing new */
    }
    const fedl_refusal refusal = fedli_progress_check_attempt(&c->cfg.progress, offered->task_id,
                                                              offered->round, offered->attempt);
    if (refusal == FEDL_REFUSAL_ATTEMPTS) {
        *asked = offered->attempt;
        *allowed = FEDL_SECAGG_ATTEMPTS_MAX;
    } else if (refusal == FEDL_REFUSAL_ROUND_CLOSED || refusal == FEDL_REFUSAL_ROUND_REUSED) {
        *asked = offered->round; /* and the newest one that was answered */
        *allowed = refusal == FEDL_REFUSAL_ROUND_CLOSED ? marks->round_closed : marks->round_opened;
    } else if (refusal == FEDL_REFUSAL_NONE &&
               !fedli_client_affords(c, offered->task_id, &offered->plan, allowed)) {
        *asked = fedli_client_charge(c, &offered->plan);
        return FEDL_REFUSAL_BUDGET;
    } else {
        *allowed = 0;
    }
    return refusal;
}

fedl_refusal fedli_client_bound_check(const fedli_client_state *c, const fedli_client_task *offered,
                                      uint64_t *asked, uint64_t *allowed)
{
    const fedl_plan *plan = &offered->plan;
    const uint32_t bound_q16 = offered->manifest.bound_q16;
    const uint64_t highest_q16 = (uint64_t)plan->update.clip_q16 * FEDL_BOUND_FACTOR;
    *asked = bound_q16;
    if (!fedl_update_bound_fits(&plan->update, bound_q16)) {
        *allowed = plan->privacy.adaptive_clip ? highest_q16 : 0;
        return FEDL_REFUSAL_BOUND;
    }
    *allowed = c->cfg.policy.clip_q16_max;
    return bound_q16 > *allowed ? FEDL_REFUSAL_POLICY_CLIP : FEDL_REFUSAL_NONE;
}
