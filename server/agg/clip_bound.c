/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/clip_bound.h"

#include "base/exp2.h"

#define RATE_LOG2E_Q16 18910 /* 0.2 · log2(e) · 2^16 */

uint32_t fedl_clip_bound_above(uint64_t tail_word, uint32_t count)
{
    return (uint32_t)fedli_clamp_i64((int64_t)tail_word, 0, count);
}

uint32_t fedl_clip_bound_next_q16(const fedl_update_config *cfg, uint32_t bound_q16, uint32_t above,
                                  uint32_t count, uint16_t quantile_permille)
{
    const int64_t clip = cfg->clip_q16;
    const int64_t share_q16 = ((int64_t)(count - above) << 16) / count;
    const int64_t goal_q16 = ((int64_t)quantile_permille << 16) / 1000;
    /* |share − goal| ≤ 2^16: the exponent's magnitude is below 0.29, so adding 1 makes it positive.
     */
    const int64_t exponent_q16 = fedli_rshr((share_q16 - goal_q16) * RATE_LOG2E_Q16, 16);
    const int64_t half_q24 = fedli_exp2_negative_q24(exponent_q16 + (1 << 16)); /* < 2^24 */
    const int64_t next = fedli_rshr((int64_t)bound_q16 * half_q24, 23);         /* < 2^56 */
    return (uint32_t)fedli_clamp_i64(next, (clip + FEDL_BOUND_FACTOR - 1) / FEDL_BOUND_FACTOR,
                                     clip * FEDL_BOUND_FACTOR);
}

uint32_t fedl_clip_bound_lr_q16(const fedl_update_config *cfg, uint32_t bound_q16, uint32_t lr_q16)
{
    const uint64_t clip = cfg->clip_q16;
    const uint64_t scaled = ((uint64_t)lr_q16 * bound_q16 + clip / 2u) / clip; /* < 2^48 before */
    return scaled < 1u ? 1u : (uint32_t)scaled;
}
