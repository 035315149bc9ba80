/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 3: from the finest grid to the one grid of the plan, by stochastic rounding or, as a
 * fall-back, by truncation; then saturation to ±q_max.
 *
 * Rounding works on magnitudes: z = sign(d)·⌊(|d| + r) / 2^s⌋ with r uniform in [0, 2^s). Its
 * expectation is d / 2^s exactly, zero stays zero, and r = 0 is truncation toward zero, so both
 * kinds are one line of code.
 */
#ifndef FEDL_UPDATE_QUANTISE_H
#define FEDL_UPDATE_QUANTISE_H

#include "fedl/train.h"

typedef struct fedli_quantiser {
    uint32_t factor_q15; /* clip factor, ≤ 2^15 */
    int32_t shift;       /* update_exp − (−16): −4 … 12 */
    uint32_t seed;       /* of the rounding bits */
    bool truncate;
} fedli_quantiser;

/**
 * Seed of the rounding bits: PRF(run_seed, device_id, round). The attempt is not in it, so a
 * repeated upload is the same vector. It is the base that training step 2^31 would have, which no
 * run reaches: rounding and training dither never share a stream.
 */
uint32_t fedli_quantise_seed(const fedl_train_seed *seed);
/**
 * values[i] = the delta of parameter first + i, replaced in place by its scaled and rounded value
 * in units of 2^update_exp. Range: |in| < 2^24, |out| ≤ 2^28.
 */
void fedli_quantise(const fedli_quantiser *quantiser, int32_t *values, uint32_t first,
                    uint32_t count);
/** Cuts values to ±q_max and returns how many it cut. q_max < 2^31. */
uint32_t fedli_quantise_saturate(int32_t *values, uint32_t count, uint32_t q_max);

#endif
