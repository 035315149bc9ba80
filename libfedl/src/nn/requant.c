/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/requant.h"

#include "base/fixed.h"
#include "nn/kernels.h"

fedli_requant fedli_requant_plan(uint64_t magnitude_or, int32_t exp, int32_t bits)
{
    fedli_requant plan = {.zero = magnitude_or == 0};
    const int32_t wanted = plan.zero ? 0 : fedli_bitlen_u64(magnitude_or) - bits;
    plan.shift = (int32_t)fedli_clamp_i64(wanted, FEDLI_EXP_MIN - exp, FEDLI_EXP_MAX - exp);
    plan.overflow = !plan.zero && wanted > plan.shift;
    plan.exp = exp + plan.shift;
    return plan;
}

static uint32_t magnitude_or(const int32_t *acc, size_t count)
{
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++) {
        /* x ^ sign is |x| or |x| − 1; adding the sign bit gives |x| without a branch. */
        const uint32_t sign = acc[i] < 0 ? UINT32_MAX : 0;
        all |= ((uint32_t)acc[i] ^ sign) - sign;
    }
    return all;
}

/* RSHR for 1 ≤ shift ≤ 31 in 32 bits: floor, then the last bit that fell out. No overflow, since
 * the floor of a halved int32 has room for the carry. */
static inline int32_t rshr32(int32_t x, int32_t shift)
{
    return (x >> shift) + ((x >> (shift - 1)) & 1);
}

static inline int32_t clamp32(int32_t x, int32_t limit)
{
    return x > limit ? limit : x < -limit ? -limit : x;
}

fedli_requant fedli_requant_i8(int8_t *out, const int32_t *acc, int32_t exp, size_t count)
{
    const fedli_requant plan =
        fedli_requant_plan(magnitude_or(acc, count), exp, FEDLI_ACTIVATION_BITS);
    if (plan.shift >= 1 && plan.shift <= 31) {
        for (size_t i = 0; i < count; i++) {
            out[i] = (int8_t)clamp32(rshr32(acc[i], plan.shift), FEDLI_ACTIVATION_MAX);
        }
        return plan;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (int8_t)fedli_clamp_i64(fedli_rshr(acc[i], plan.shift), -FEDLI_ACTIVATION_MAX,
                                         FEDLI_ACTIVATION_MAX);
    }
    return plan;
}

fedli_requant fedli_requant_i16(int16_t *out, const int32_t *acc, int32_t exp, size_t count)
{
    const fedli_requant plan = fedli_requant_plan(magnitude_or(acc, count), exp, FEDLI_ERROR_BITS);
    if (plan.shift >= 1 && plan.shift <= 31) {
        for (size_t i = 0; i < count; i++) {
            out[i] = (int16_t)clamp32(rshr32(acc[i], plan.shift), FEDLI_ERROR_MAX);
        }
        return plan;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (int16_t)fedli_clamp_i64(fedli_rshr(acc[i], plan.shift), -FEDLI_ERROR_MAX,
                                          FEDLI_ERROR_MAX);
    }
    return plan;
}
