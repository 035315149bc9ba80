/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Squared error: the error of an output is z − t, the gradient of ½(z − t)²; the loss that is
 * reported is Σ (z − t)² over the outputs. Both sides are aligned to the finer exponent, but to
 * none below 2^−30, so that 47 bits hold any difference and 62 its product with the rate.
 */
#include "nn/loss.h"

#include "base/fixed.h"

#define FINEST_EXP (-30)
#define SIDE_MAX   ((int64_t)1 << 46)

static int32_t common_exp(int32_t exp)
{
    const int32_t finer = exp < FEDL_TARGET_EXP ? exp : FEDL_TARGET_EXP;
    return finer < FINEST_EXP ? FINEST_EXP : finer;
}

/* (z − t) in units of 2^common_exp(exp), |result| ≤ 2^47. */
static int64_t difference(int32_t z, int32_t exp, int32_t target)
{
    const int32_t common = common_exp(exp);
    const int64_t left = fedli_clamp_i64(fedli_rshr(z, common - exp), -SIDE_MAX, SIDE_MAX);
    const int64_t right =
        fedli_clamp_i64(fedli_rshr(target, common - FEDL_TARGET_EXP), -SIDE_MAX, SIDE_MAX);
    return left - right;
}

static uint32_t target_count(uint32_t output_count)
{
    return output_count;
}

static bool target_valid(const int32_t *target, uint32_t output_count)
{
    (void)target;
    (void)output_count;
    return true;
}

static uint32_t value_q16(const int32_t *logits, int32_t exp, const int32_t *target,
                          uint32_t output_count)
{
    uint64_t sum_q32 = 0;
    for (uint32_t c = 0; c < output_count; c++) {
        const int64_t d_q16 = fedli_clamp_i64(
            fedli_rshr(difference(logits[c], exp, target[c]), -16 - common_exp(exp)),
            -FEDLI_LOSS_MAX_Q16, FEDLI_LOSS_MAX_Q16);
        /* Each square is below 2^62 and the sum is cut at 2^62: no overflow. */
        const uint64_t square_q32 = (uint64_t)(d_q16 * d_q16);
        sum_q32 =
            sum_q32 + square_q32 < ((uint64_t)1 << 62) ? sum_q32 + square_q32 : ((uint64_t)1 << 62);
    }
    return (uint32_t)fedli_clamp_i64(fedli_rshr((int64_t)sum_q32, 16), 0, FEDLI_LOSS_MAX_Q16);
}

static fedli_requant error(int16_t *error, int32_t *logits, int32_t exp, const int32_t *targets,
                           uint32_t rows, uint32_t output_count, fedli_rate rate)
{
    const size_t count = (size_t)rows * output_count;
    uint64_t magnitude_or = 0;
    for (size_t i = 0; i < count; i++) {
        magnitude_or |= fedli_abs_u64(difference(logits[i], exp, targets[i]) * rate.mantissa);
    }
    const fedli_requant plan =
        fedli_requant_plan(magnitude_or, common_exp(exp) + rate.exp, FEDLI_ERROR_BITS);
    for (size_t i = 0; i < count; i++) {
        /* |difference| ≤ 2^47 times a mantissa below 2^15: at most 2^62, which RSHR takes. */
        error[i] = (int16_t)fedli_clamp_i64(
            fedli_rshr(difference(logits[i], exp, targets[i]) * rate.mantissa, plan.shift), -511,
            511);
    }
    return plan;
}

const fedli_loss_ops fedli_loss_mse = {
    .kind = FEDL_LOSS_MSE,
    .output_count_min = 1,
    .target_count = target_count,
    .target_valid = target_valid,
    .value_q16 = value_q16,
    .error = error,
};
