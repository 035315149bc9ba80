/* SPDX-License-Identifier: Apache-2.0 */
#include "update/clip.h"

#include "base/fixed.h"
#include "update/delta.h"
#include "update/tensor_walk.h"

uint64_t fedli_clip_sum_squares(const int32_t *values, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        /* |value| < 2^24, so one square is below 2^48. */
        const uint64_t magnitude = fedli_abs_u32(values[i]);
        sum += magnitude * magnitude;
    }
    return sum;
}

uint32_t fedli_clip_norm(uint64_t n2)
{
    const uint64_t floor_root = fedli_isqrt_u64(n2);
    return (uint32_t)(floor_root + (floor_root * floor_root < n2 ? 1u : 0u));
}

uint32_t fedli_clip_factor_q15(uint64_t n2, uint32_t clip)
{
    /* clip < 2^32: its square fits u64, the comparison is exact. */
    if (n2 <= (uint64_t)clip * clip) {
        return FEDLI_CLIP_ONE_Q15;
    }
    /* n2 > clip² ≥ 1 makes norm > clip ≥ 1; clip·2^15 < 2^47; the quotient is below 2^15. */
    return (uint32_t)(((uint64_t)clip << 15) / fedli_clip_norm(n2));
}

uint32_t fedli_clip_rescale_q15(uint32_t norm, uint32_t clip, uint32_t bound)
{
    return (uint32_t)(((uint64_t)clip << 15) / (norm > bound ? norm : bound));
}

void fedli_clip_scale_up(int32_t *values, uint32_t count, uint32_t factor_q15)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t product = (uint64_t)fedli_abs_u32(values[i]) * factor_q15; /* < 2^43 */
        const int32_t magnitude = (int32_t)(product >> 15);
        values[i] = values[i] < 0 ? -magnitude : magnitude;
    }
}

bool fedli_clip_norm_fits(const fedl_model_spec *spec)
{
    const uint64_t limit = (uint64_t)1 << 63;
    uint64_t worst = 0;
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, spec);
    while (fedli_tensor_walk_next(&walk)) {
        /* largest² < 2^48 and count ≤ 2^20: each product is at most 2^68, so divide first. */
        const uint64_t largest = fedli_delta_max(walk.bias, walk.exp);
        const uint64_t square = largest * largest;
        if (walk.count > (limit - 1u - worst) / square) {
            return false;
        }
        worst += walk.count * square;
    }
    return true;
}
