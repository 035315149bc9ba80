/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one sum costs in zero-concentrated differential privacy, in integers rounded to the safe
 * side. Adjacency: one device's vector replaced by zero.
 *
 *   Δ̃² = (s·C)² + d/4 + (s·C + √d / 2)     Kairouz, Liu, Steinke 2021 (distributed discrete
 *                                            Gaussian), with β = e^(−1/2), so that √(2·ln(1/β)) = 1
 *   ρ  = Δ̃² / (2 · n_eff · σ²)             per released sum; n_eff honest devices add noise
 *
 * s·C: the clip norm in steps of the update grid; d: coordinates that carry noise.
 *
 * Where the server adds the noise, devices round in public and fedl_update_begin() sees to it that
 * no rounded vector is longer than s·C: Δ² = (s·C)², n_eff = 1 and σ² that of the sum.
 */
#include "base/check.h"
#include "base/fixed.h"
#include "fedl/plan.h"

#define BIT_BOUND_Q16 (UINT64_C(1) << 16) /* 1² */

/* ⌈s·C · 2^8⌉: clip is 2^-16 units of a weight, the grid 2^update_exp. ≤ 2^28 by the plan check. */
static uint64_t clip_steps_q8(const fedl_update_config *cfg)
{
    /* clip · 2^-16 · 2^-exp · 2^8 = clip · 2^(−exp − 8); −exp ∈ [4, 20]. */
    const int32_t left = -cfg->update_exp - 8;
    const uint64_t clip = cfg->clip_q16;
    return left >= 0 ? clip << left : (clip + (UINT64_C(1) << -left) - 1u) >> -left;
}

static uint64_t ceil_sqrt(uint64_t x)
{
    const uint64_t root = fedli_isqrt_u64(x);
    return root * root == x ? root : root + 1u;
}

uint64_t fedl_privacy_bound_q16(const fedl_update_config *cfg, uint32_t parameter_count)
{
    const uint64_t clip_q8 = clip_steps_q8(cfg);
    if (clip_q8 > FEDL_PRIVACY_CLIP_STEPS_MAX << 8) {
        return 0;
    }
    if (cfg->sum_sigma2_q8 != 0) {
        return clip_q8 * clip_q8;
    }
    const uint64_t d = fedl_update_word_count(cfg, parameter_count);
    /* √d in Q8 = √(d · 2^16) ≤ 2^18. All terms in Q16: 2^56 + 2^34 + 2^36 + 2^25. */
    return clip_q8 * clip_q8 + (d << 14) + (clip_q8 << 8) + (ceil_sqrt(d << 16) << 7);
}

uint64_t fedl_privacy_rho(uint64_t bound_q16, uint32_t n_eff, uint32_t sigma2_q8)
{
    if (bound_q16 == 0 || n_eff == 0 || sigma2_q8 == 0 || bound_q16 >= UINT64_C(1) << 58 ||
        (uint64_t)n_eff * sigma2_q8 > (uint64_t)FEDL_COHORT_MAX * FEDL_SIGMA2_Q8_MAX) {
        return UINT64_MAX;
    }
    /*
     * ρ · 2^40 = bound · 2^-16 · 2^40 / (2 · n_eff · σ² · 2^-8) = bound · 2^31 / (n_eff · σ²), a
     * division in three portions, each rounded down but the last: the divisor is below 2^40, so
     * every remainder shifted by 16 stays below 2^56.
     */
    const uint64_t divisor = (uint64_t)n_eff * sigma2_q8;
    const uint64_t whole = bound_q16 / divisor;
    if (whole >= UINT64_C(1) << 32) {
        return UINT64_MAX;
    }
    uint64_t rest = (bound_q16 % divisor) << 16;
    const uint64_t middle = rest / divisor;
    rest = (rest % divisor) << 15;
    const uint64_t last = rest / divisor + (rest % divisor == 0 ? 0u : 1u);
    return (whole << 31) + (middle << 15) + last;
}

uint64_t fedl_privacy_charge(const fedl_plan *plan, uint32_t min_cohort, uint32_t gamma_permille)
{
    const uint32_t count = fedl_model_parameter_count(&plan->model);
    const uint64_t bound = fedl_privacy_bound_q16(&plan->update, count);
    uint32_t honest = 1;
    switch (plan->privacy.mode) {
    case FEDL_PRIVACY_NONE:
        return 0;
    case FEDL_PRIVACY_DISTRIBUTED: {
        /* max(1, ⌈γ·n⌉) of a cohort may collude and leave their noise out. All of them may be among
         * the survivors, so n is the largest cohort, not the smallest. */
        const uint64_t cohort_max = plan->update.clients_max;
        const uint32_t share = (uint32_t)((gamma_permille * cohort_max + 999u) / 1000u);
        const uint32_t colluding = share < 1u ? 1u : share;
        honest = min_cohort > colluding ? min_cohort - colluding : 0u;
        break;
    }
    case FEDL_PRIVACY_CENTRAL: /* sigma2 is that of the whole sum */
        break;
    }
    const uint64_t rho = fedl_privacy_rho(bound, honest, plan->privacy.sigma2_q8);
    if (!plan->privacy.adaptive_clip || rho == UINT64_MAX) {
        return rho;
    }
    /* The bit "above the bound" of one device is released with the sum: Δ = 1. */
    const uint64_t bit = fedl_privacy_rho(BIT_BOUND_Q16, honest, plan->privacy.bit_sigma2_q8);
    return bit >= UINT64_MAX - rho ? UINT64_MAX : rho + bit;
}
