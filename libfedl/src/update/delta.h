/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 1: the difference between trained and received parameters, on the finest grid of the model.
 *
 * That grid is 2^-16 for every model: every dense layer has biases, which live there, and no weight
 * exponent is below −15. So a delta mantissa is a number of 2^-16 units of the weights, and the
 * clipping norm (Q16) is in the same unit.
 */
#ifndef FEDL_UPDATE_DELTA_H
#define FEDL_UPDATE_DELTA_H

#include "fedl/model.h"

#define FEDLI_DELTA_EXP      FEDL_BIAS_EXP
#define FEDLI_BIAS_DELTA_MAX 131072 /* 2^17 on the bias grid: ±2 */

/**
 * out[i] = (trained[i] − reference[i]) · 2^shift for count int16 weights.
 * reference: little-endian bytes of a container, any alignment. shift = weight_exp + 16, 1 … 8.
 * Range: |out| ≤ 65535 · 2^shift < 2^24.
 */
void fedli_delta_weights(int32_t *out, const int16_t *trained, const uint8_t *reference,
                         uint32_t count, int32_t shift);
/** out[i] = trained[i] − reference[i] for int32 biases, saturated to ±FEDLI_BIAS_DELTA_MAX. */
void fedli_delta_biases(int32_t *out, const int32_t *trained, const uint8_t *reference,
                        uint32_t count);
/** Largest |delta| of a tensor with this exponent. */
uint32_t fedli_delta_max(bool bias, int8_t exp);

#endif
