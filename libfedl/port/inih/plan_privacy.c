/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential privacy in a plan file: people write σ, ε and δ; the plan holds σ² and a budget of ρ
 * (zero-concentrated), both whole numbers.
 *
 * Keys of privacy in a plan without it are ignored, as those of masking in a plain one.
 */
#include "inih/plan_draft.h"
#include "planner/accountant.h"
#include "secagg/params.h"

#include <math.h>
#include <string.h>

#define SIGMA_MAX           256u /* of a device */
#define SIGMA_SUM_MAX       4095u
#define EPSILON_MAX         1000
#define QUANTILE_SIGMA_MIN  5
#define SIGMA_Q16_MIN       (2u << 16) /* below, sums of discrete Gaussians are none */
#define CLIP_ADAPTIVE_MAX   4095u
#define LR_ADAPTIVE_MAX_Q16 (1u << 16)

/* Q16² = Q32 → Q8, rounded down: less noise is reckoned with, never more. */
static uint32_t variance_q8(uint32_t sigma_q16)
{
    const uint32_t sigma2_q8 = (uint32_t)((uint64_t)sigma_q16 * sigma_q16 >> 24);
    /* So large, the sampler takes whole steps². */
    return sigma2_q8 > FEDL_SIGMA2_Q8_MAX ? sigma2_q8 & FEDL_SUM_SIGMA2_Q8_MAX : sigma2_q8;
}

/* Andrew et al. 2021 take a twentieth of the cohort. Below 5 the bit would cost more than ρ = 0.02
 * a round; a device's noise is at least 2, as that of its coordinates. */
static uint32_t usual_quantile_sigma_q16(const plan_draft *draft)
{
    const double n = draft->config->round.clients_goal;
    double sigma = fmin(fmax(n / 20, QUANTILE_SIGMA_MIN), SIGMA_SUM_MAX);
    if (draft->config->plan.privacy.mode == FEDL_PRIVACY_DISTRIBUTED) {
        sigma = fmax(sigma / sqrt(fmax(n, 1)), SIGMA_Q16_MIN / 65536.0);
    }
    return (uint32_t)ceil(sigma * 65536);
}

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
    privacy->sigma2_q8 = variance_q8(draft->sigma_q16);
    if (privacy->adaptive_clip) {
        privacy->quantile_permille = (uint16_t)draft->quantile_permille;
        if (draft->quantile_sigma_q16 == 0) {
            draft->quantile_sigma_q16 = usual_quantile_sigma_q16(draft);
        }
        privacy->bit_sigma2_q8 = variance_q8(draft->quantile_sigma_q16);
    }
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

/* 2^b must hold ±4 standard deviations of a coordinate of the sum: n clipped vectors spread over d
 * coordinates, their rounding and their noise (docs/update.md §9). */
static bool ring_holds(const fedl_plan *plan, uint8_t ring_bits)
{
    fedl_update_config update = plan->update;
    update.ring_bits = ring_bits;
    const double n = update.clients_max;
    const double d = fedl_update_word_count(&update, fedl_model_parameter_count(&plan->model));
    const double clip_steps = ldexp(update.clip_q16, -16 - update.update_exp);
    const double sigma2 = update.noise_sigma2_q8 / 256.0;
    const double spread = sqrt(clip_steps * clip_steps * n * n / d + (0.25 + sigma2) * n +
                               update.sum_sigma2_q8 / 256.0);
    return ldexp(1, ring_bits) >= 2 * 4 * spread && fedl_update_q_max(&update) >= 1;
}

static void check_ring(plan_draft *draft)
{
    const fedl_plan *plan = &draft->config->plan;
    const uint32_t line = plan_line_of(draft, "aggregation", "ring_bits");
    if (draft->status != FEDL_OK || fedl_model_spec_check(&plan->model) != FEDL_OK ||
        ring_holds(plan, plan->update.ring_bits)) {
        return;
    }
    for (uint8_t bits = 16; bits <= 32; bits = (uint8_t)(bits + 8u)) {
        if (ring_holds(plan, bits)) {
            plan_fail(draft, FEDL_ERR_RANGE, line,
                      "sums of %u clipped and noised updates do not fit ring_bits = %u in "
                      "[aggregation]",
                      plan->update.clients_max, plan->update.ring_bits);
            plan_suggest(draft, "aggregation", "ring_bits", "%u", bits);
            return;
        }
    }
    plan_fail(draft, FEDL_ERR_RANGE, line,
              "sums of %u clipped and noised updates fit no ring_bits in [aggregation]",
              plan->update.clients_max);
    fedl_plan coarser = *plan;
    while (coarser.update.update_exp < FEDL_UPDATE_EXP_MAX && !ring_holds(&coarser, 32)) {
        coarser.update.update_exp++;
    }
    plan_suggest(draft, "aggregation", "update_exp", "%d", coarser.update.update_exp);
    plan_suggest(draft, "aggregation", "clients_max", "%u", draft->config->round.clients_goal);
}

static uint32_t sigma_max(const fedl_plan *plan)
{
    return plan->privacy.mode == FEDL_PRIVACY_DISTRIBUTED ? SIGMA_MAX : SIGMA_SUM_MAX;
}

/* The noise with which all rounds would cost the budget, for an error's text: rounded up to a
 * tenth, and a tenth more. */
static double sigma_for(uint32_t sigma_q16, const fedl_task_config *config, uint64_t charge)
{
    const double factor =
        (double)charge * config->round.round_count / (double)config->plan.privacy.rho_budget;
    return ceil(sqrt(factor) * sigma_q16 / 65536.0 * 10) / 10 + 0.1;
}

/* ε that pays for all rounds, rounded up to three places. */
static double epsilon_for(const fedl_task_config *config, uint64_t charge)
{
    const double rho = fedl_zcdp_from_units(charge) * config->round.round_count;
    return ceil(fedl_zcdp_epsilon(rho, config->privacy_delta) * 1000 + 1) / 1000;
}

/* The budget must pay for every round once: failed attempts are charged on top. */
static void check_budget(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_plan *plan = &config->plan;
    const uint32_t rounds = config->round.round_count;
    if (draft->status != FEDL_OK || fedl_model_spec_check(&plan->model) != FEDL_OK) {
        return;
    }
    const uint64_t charge =
        fedl_privacy_charge(plan, plan->secagg.min_cohort, plan->secagg.gamma_permille);
    if (charge == UINT64_MAX) {
        const uint32_t colluding =
            fedli_colluding(plan->update.clients_max, plan->secagg.gamma_permille);
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "min_cohort"),
                  "min_cohort in [aggregation] (%u) leaves no noise but that of the %u of %u "
                  "clients_max that may collude (gamma)",
                  plan->secagg.min_cohort, colluding, plan->update.clients_max);
        plan_suggest(draft, "aggregation", "min_cohort", "%u", colluding + 2u);
        plan_suggest(draft, "aggregation", "clients_max", "%u", draft->config->round.clients_goal);
        return;
    }
    const uint64_t affordable = plan->privacy.rho_budget / charge;
    if (affordable >= rounds) {
        return;
    }
    plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "privacy", "epsilon"),
              "epsilon = %g in [privacy] pays for %u of %u rounds", draft->epsilon,
              (uint32_t)affordable, rounds);
    if (affordable > 0) {
        plan_suggest(draft, "round", "rounds", "%u", (uint32_t)affordable);
    }
    const double sigma = sigma_for(draft->sigma_q16, config, charge);
    if (sigma <= sigma_max(plan)) {
        plan_suggest(draft, "privacy", "sigma", "%.1f", sigma);
    } else { /* on a coarser grid the same clip norm has fewer steps, and sigma counts for more */
        const int32_t coarser = (int32_t)ceil(log2(sigma / sigma_max(plan)));
        plan_suggest(draft, "aggregation", "update_exp", "%d", plan->update.update_exp + coarser);
    }
    const double quantile_sigma = sigma_for(draft->quantile_sigma_q16, config, charge);
    if (plan->privacy.adaptive_clip && quantile_sigma <= sigma_max(plan)) {
        plan_suggest(draft, "privacy", "quantile_sigma", "%.1f", quantile_sigma);
    }
    if (epsilon_for(config, charge) <= EPSILON_MAX) {
        plan_suggest(draft, "privacy", "epsilon", "%.3f", epsilon_for(config, charge));
    }
}

static void check_adaptive(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const uint32_t line = plan_line_of(draft, "privacy", "quantile_sigma");
    if (config->plan.privacy.mode == FEDL_PRIVACY_DISTRIBUTED) {
        if (draft->quantile_sigma_q16 < SIGMA_Q16_MIN) {
            plan_fail(draft, FEDL_ERR_RANGE, line,
                      "quantile_sigma in [privacy] is below 2 a device");
            plan_suggest(draft, "privacy", "quantile_sigma", "2");
        }
        if (draft->quantile_sigma_q16 > SIGMA_MAX << 16) {
            plan_fail(draft, FEDL_ERR_RANGE, line,
                      "quantile_sigma in [privacy] is above 256 a device");
            plan_suggest(draft, "privacy", "quantile_sigma", "%u", SIGMA_MAX);
        }
    }
    if (config->plan.update.clip_q16 > UINT32_MAX / FEDL_BOUND_FACTOR) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "clip"),
                  "clip in [aggregation] is above 4095, too large to grow with adaptive_clip");
        plan_suggest(draft, "aggregation", "clip", "%u", CLIP_ADAPTIVE_MAX);
    }
    if (config->round.server_lr_q16 > LR_ADAPTIVE_MAX_Q16) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "server_lr"),
                  "server_lr in [aggregation] is above 1, which adaptive_clip may multiply by 16");
        plan_suggest(draft, "aggregation", "server_lr", "1");
    }
}

/* Keys that say how much privacy, and none that says which: whoever wrote them believes in noise
 * that nobody would add. With mode = none they are spelt out of use on purpose. */
static void check_mode_given(plan_draft *draft)
{
    static const char *const keys[] = {"sigma",         "epsilon",  "delta",         "rotate",
                                       "adaptive_clip", "quantile", "quantile_sigma"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (plan_given(draft, "privacy", keys[i]) && !plan_given(draft, "privacy", "mode")) {
            plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "privacy", keys[i]),
                      "'%s' in [privacy] has no effect without 'mode' (none, distributed or "
                      "central)",
                      keys[i]);
            return;
        }
    }
}

/* One round's noise in a weight, as a share of all that a weight can be, above which there is
 * nothing left to learn: with a quarter most weights are at an end of their range after a few
 * rounds. At a twelfth Fashion-MNIST still loses half of its accuracy (docs/privacy.md). */
#define NOISE_SHARE_MAX 0.25

static void check_noise(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_plan *plan = &config->plan;
    const double n = config->round.clients_goal;
    if (!draft->source->strict || draft->status != FEDL_OK) {
        return;
    }
    const double variance =
        plan->update.noise_sigma2_q8 / 256.0 * n + plan->update.sum_sigma2_q8 / 256.0;
    const double in_mean =
        ldexp(sqrt(variance) / n, plan->update.update_exp) * config->round.server_lr_q16 / 65536.0;
    const double most = ldexp(NOISE_SHARE_MAX, 15 + draft->weight_exp);
    if (in_mean <= most) {
        return;
    }
    plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "privacy", "sigma"),
              "noise moves every weight by %.2g a round, and weights end at %.2g: nothing can be "
              "learnt",
              in_mean, ldexp(1, 15 + draft->weight_exp));
    plan_suggest(draft, "privacy", "sigma", "%.1f",
                 floor(draft->sigma_q16 / 65536.0 * most / in_mean * 10) / 10);
    plan_suggest(draft, "aggregation", "update_exp", "%d",
                 plan->update.update_exp - (int32_t)ceil(log2(in_mean / most)));
}

void plan_privacy_check(plan_draft *draft)
{
    const fedl_plan *plan = &draft->config->plan;
    const uint32_t sigma_line = plan_line_of(draft, "privacy", "sigma");
    if (plan->privacy.mode == FEDL_PRIVACY_NONE) {
        check_mode_given(draft);
        return;
    }
    if (!plan_given(draft, "privacy", "sigma") || !plan_given(draft, "privacy", "epsilon")) {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "privacy", "mode"),
                  "differential privacy needs 'sigma' and 'epsilon' in [privacy]");
    }
    if (plan->privacy.adaptive_clip) {
        check_adaptive(draft);
    }
    if (plan->privacy.mode == FEDL_PRIVACY_DISTRIBUTED) {
        if (plan->aggregation == FEDL_AGGREGATION_PLAIN) {
            plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "privacy", "mode"),
                      "mode = distributed in [privacy] hides a device in the sum of all: it needs "
                      "mode = masked or helper in [aggregation]");
            plan_suggest(draft, "aggregation", "mode", "masked");
        }
        if (draft->sigma_q16 < SIGMA_Q16_MIN) {
            plan_fail(draft, FEDL_ERR_RANGE, sigma_line,
                      "sigma in [privacy] is below 2 steps, where noise of several devices does "
                      "not add up");
            plan_suggest(draft, "privacy", "sigma", "2");
        }
        if (draft->sigma_q16 > SIGMA_MAX << 16) {
            plan_fail(draft, FEDL_ERR_RANGE, sigma_line,
                      "sigma in [privacy] is above 256 steps a device");
            plan_suggest(draft, "privacy", "sigma", "%u", SIGMA_MAX);
        }
    } else if (plan->privacy.rotate) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "privacy", "rotate"),
                  "rotate in [privacy] is for noise of the devices");
        plan_suggest(draft, "privacy", "rotate", "no");
    }
    if (plan->update.w_unit != 0 || plan->update.w_max != 1) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "w_unit"),
                  "with differential privacy all devices weigh the same: w_unit = 0, w_max = 1");
        if (plan->update.w_unit != 0) {
            plan_suggest(draft, "aggregation", "w_unit", "0");
        }
        if (plan->update.w_max != 1) {
            plan_suggest(draft, "aggregation", "w_max", "1");
        }
    }
    const int32_t smallest = smallest_exp(plan->update.clip_q16);
    if (plan->update.update_exp < smallest) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "update_exp"),
                  "clip in [aggregation] is more than 1048576 steps of 2^%d",
                  plan->update.update_exp);
        plan_suggest(draft, "aggregation", "update_exp", "%d", smallest);
        plan_suggest(draft, "aggregation", "clip", "%u",
                     (uint32_t)FEDL_PRIVACY_CLIP_STEPS_MAX >> -plan->update.update_exp);
    }
    check_ring(draft);
    check_budget(draft);
    check_noise(draft);
}
