/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax cross-entropy in integers (docs/numerics.md §4): exponentials from a quartic, one
 * reciprocal per row, probabilities in Q24. The target's error is minus the sum of the others, so
 * a nearly perfect row keeps its precision and every row sums to zero.
 *
 * Rejected: the cubic (relative error 1.1e-4 against 3.5e-6, for one multiplication less), a table
 * (memory on an MCU), a division per class.
 */
#include "nn/loss.h"

#include "base/exp2.h"
#include "base/fixed.h"

#define LOG2_E_Q16 94548 /* log2(e) · 2^16 */
#define LN_2_Q30   744261118
#define ONE_Q24    ((int64_t)1 << 24)

/* (max − z)·log2(e) in Q16. distance < 2^32, so the product is below 2^49. */
static int64_t exponent_q16(int64_t distance, int32_t exp)
{
    return fedli_rshr(distance * LOG2_E_Q16, -exp);
}

static int32_t largest(const int32_t *z, uint32_t count)
{
    int32_t top = z[0];
    for (uint32_t c = 1; c < count; c++) {
        top = z[c] > top ? z[c] : top;
    }
    return top;
}

/* log2(x) in Q16, rounded down, for x ≥ 1: the whole part, then 16 squarings for the bits behind
 * the point. */
static int64_t log2_q16(uint64_t x)
{
    const int32_t whole = fedli_bitlen_u64(x) - 1;
    /* y in [1, 2) as Q31. */
    uint64_t y_q31 = whole > 31 ? x >> (whole - 31) : x << (31 - whole);
    int64_t result = whole;
    for (int32_t i = 0; i < 16; i++) {
        y_q31 = (y_q31 * y_q31) >> 31; /* < 2^33, product < 2^64 */
        const uint64_t carry = y_q31 >> 32;
        y_q31 >>= carry;
        result = result * 2 + (int64_t)carry;
    }
    return result;
}

static uint32_t target_count(uint32_t output_count)
{
    (void)output_count;
    return 1;
}

static bool target_valid(const int32_t *target, uint32_t output_count)
{
    return target[0] >= 0 && (uint32_t)target[0] < output_count;
}

static uint32_t value_q16(const int32_t *logits, int32_t exp, const int32_t *target,
                          uint32_t output_count)
{
    const int64_t top = largest(logits, output_count);
    int64_t sum_q24 = 0;
    for (uint32_t c = 0; c < output_count; c++) {
        sum_q24 += fedli_exp2_negative_q24(exponent_q16(top - logits[c], exp));
    }
    /* −log2 p = log2 Σ + t of the target; the sum is at least 2^24, so nothing is negative. */
    const int64_t t_q16 = exponent_q16(top - logits[target[0]], exp);
    const int64_t bits_q16 = log2_q16((uint64_t)sum_q24) - ((int64_t)24 << 16) +
                             fedli_clamp_i64(t_q16, 0, (int64_t)1 << 32);
    const int64_t nats_q16 = fedli_rshr(bits_q16 * LN_2_Q30, 30);
    return (uint32_t)fedli_clamp_i64(nats_q16, 0, FEDLI_LOSS_MAX_Q16);
}

/* Replaces one row of logits by its error p − onehot in Q24. */
static uint64_t row_error_q24(int32_t *z, int32_t exp, uint32_t target, uint32_t count)
{
    const int64_t top = largest(z, count);
    int64_t sum_q24 = 0;
    for (uint32_t c = 0; c < count; c++) {
        z[c] = (int32_t)fedli_exp2_negative_q24(exponent_q16(top - z[c], exp));
        sum_q24 += z[c];
    }
    /* 2^24 ≤ sum ≤ 2^40, hence 2^7 ≤ reciprocal ≤ 2^23 and p·reciprocal ≤ 2^47. */
    const int64_t reciprocal = ((int64_t)1 << 47) / sum_q24;
    int64_t others_q24 = 0;
    uint64_t magnitude_or = 0;
    for (uint32_t c = 0; c < count; c++) {
        if (c == target) {
            continue;
        }
        z[c] = (int32_t)((z[c] * reciprocal + ((int64_t)1 << 22)) >> 23);
        others_q24 += z[c];
        magnitude_or |= (uint64_t)z[c];
    }
    /* Rounding adds at most half a unit per class: others ≤ 2^24 + 2^15. */
    z[target] = (int32_t)-others_q24;
    return magnitude_or | (uint64_t)others_q24;
}

static fedli_requant error(int16_t *error, int32_t *logits, int32_t exp, const int32_t *targets,
                           uint32_t rows, uint32_t output_count, fedli_rate rate)
{
    uint64_t magnitude_or = 0;
    for (uint32_t b = 0; b < rows; b++) {
        int32_t *z = logits + (size_t)b * output_count;
        (void)row_error_q24(z, exp, (uint32_t)targets[b], output_count);
        for (uint32_t c = 0; c < output_count; c++) {
            magnitude_or |= fedli_abs_u64((int64_t)z[c] * rate.mantissa);
        }
    }
    const fedli_requant plan = fedli_requant_plan(magnitude_or, rate.exp - 24, FEDLI_ERROR_BITS);
    for (size_t i = 0; i < (size_t)rows * output_count; i++) {
        /* |z| < 2^25 and the rate's mantissa < 2^15: below 2^40. */
        error[i] = (int16_t)fedli_clamp_i64(
            fedli_rshr((int64_t)logits[i] * rate.mantissa, plan.shift), -511, 511);
    }
    return plan;
}

const fedli_loss_ops fedli_loss_softmax = {
    .kind = FEDL_LOSS_SOFTMAX_CE,
    .output_count_min = 2,
    .target_count = target_count,
    .target_valid = target_valid,
    .value_q16 = value_q16,
    .error = error,
};
