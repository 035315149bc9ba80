/* SPDX-License-Identifier: Apache-2.0 */
#include "update/quantise.h"

#include "base/check.h"
#include "base/fixed.h"
#include "base/rng.h"
#include "update/clip.h"

uint32_t fedli_quantise_seed(const fedl_train_seed *seed)
{
    const uint32_t base = fedli_device_seed(seed->run_seed, seed->round, seed->device_id);
    return fedli_mix32(base + 0x80000000u);
}

/* shift > 0: the update grid is coarser than the delta grid. */
static void round_coarser(const fedli_quantiser *q, int32_t *values, uint32_t first, uint32_t count)
{
    /* Copies, so that the compiler need not fear that values overlap *q, and vectorises. */
    const int32_t shift = q->shift;
    const uint32_t counter = q->seed + first;
    const uint32_t factor_q15 = q->factor_q15;
    const uint32_t random_mask = q->truncate ? 0u : 0xffffffffu;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t bits = fedli_mix32(counter + i) & random_mask;
        /* r: the top `shift` bits, uniform in [0, 2^shift). */
        const uint32_t r = bits >> (32 - shift);
        const int32_t sign = values[i] >> 31; /* 0 or −1 */
        const uint32_t magnitude = fedli_clip_scale(fedli_abs_u32(values[i]), factor_q15);
        /* magnitude < 2^28, r < 2^12: no overflow; rounded < 2^28. */
        const int32_t rounded = (int32_t)((magnitude + r) >> shift);
        values[i] = (rounded ^ sign) - sign;
    }
}

/* shift ≤ 0: the update grid holds every value exactly. */
static void scale_finer(const fedli_quantiser *q, int32_t *values, uint32_t count)
{
    const int32_t left = -q->shift;
    const uint32_t factor_q15 = q->factor_q15;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t sign = values[i] >> 31;
        const uint32_t magnitude = fedli_clip_scale(fedli_abs_u32(values[i]), factor_q15);
        /* magnitude < 2^24 and left ≤ 4: below 2^28. When it was scaled up it is at most the clip,
         * which is at most 2^20 steps then. */
        const int32_t exact = (int32_t)(magnitude << left);
        values[i] = (exact ^ sign) - sign;
    }
}

void fedli_quantise(const fedli_quantiser *quantiser, int32_t *values, uint32_t first,
                    uint32_t count)
{
    FEDLI_CHECK(quantiser->shift >= -4 && quantiser->shift <= 12);
    FEDLI_CHECK(quantiser->factor_q15 <= FEDLI_CLIP_MAX_Q15);
    fedli_quantiser q = *quantiser;
    if (q.factor_q15 > FEDLI_CLIP_ONE_Q15) { /* adaptive clipping below the plan's clip */
        fedli_clip_scale_up(values, count, q.factor_q15);
        q.factor_q15 = FEDLI_CLIP_ONE_Q15;
    }
    if (q.shift > 0) {
        round_coarser(&q, values, first, count);
    } else {
        scale_finer(&q, values, count);
    }
}

uint32_t fedli_quantise_saturate(int32_t *values, uint32_t count, uint32_t q_max)
{
    const int32_t high = (int32_t)q_max;
    uint32_t cut = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t value = values[i];
        const int32_t kept = value > high ? high : value < -high ? -high : value;
        cut += kept != value ? 1u : 0u;
        values[i] = kept;
    }
    return cut;
}
