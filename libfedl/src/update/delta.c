/* SPDX-License-Identifier: Apache-2.0 */
#include "update/delta.h"

#include "base/cursor.h"
#include "base/fixed.h"

_Static_assert(FEDL_WEIGHT_EXP_MIN > FEDLI_DELTA_EXP, "the bias grid is the finest of every model");
_Static_assert(FEDL_WEIGHT_EXP_MAX - FEDLI_DELTA_EXP <= 8, "weight deltas stay below 2^24");

void fedli_delta_weights(int32_t *out, const int16_t *trained, const uint8_t *reference,
                         uint32_t count, int32_t shift)
{
    const int32_t unit = (int32_t)1 << shift;
    for (uint32_t i = 0; i < count; i++) {
        /* Two int16: the difference lies in ±65535; times 2^8 at most, below 2^24. */
        const int32_t before = fedli_i16_of(fedli_load_u16(reference + 2 * (size_t)i));
        out[i] = (trained[i] - before) * unit;
    }
}

void fedli_delta_biases(int32_t *out, const int32_t *trained, const uint8_t *reference,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        /* Two int32: the difference needs 33 bits. */
        const int64_t before = fedli_i32_of(fedli_load_u32(reference + 4 * (size_t)i));
        const int64_t delta = (int64_t)trained[i] - before;
        out[i] = (int32_t)fedli_clamp_i64(delta, -FEDLI_BIAS_DELTA_MAX, FEDLI_BIAS_DELTA_MAX);
    }
}

uint32_t fedli_delta_max(bool bias, int8_t exp)
{
    return bias ? (uint32_t)FEDLI_BIAS_DELTA_MAX : UINT32_C(65535) << (exp - FEDLI_DELTA_EXP);
}
