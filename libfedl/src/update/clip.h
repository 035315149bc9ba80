/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 2: the L2 clip. ‖d‖ is measured exactly, the factor is rounded down and every product is
 * truncated toward zero, so the clipped vector is provably not longer than C.
 *
 * Proof. N2 = Σ d² exactly, norm = ⌈√N2⌉ ≥ ‖d‖. When N2 > C²: f = ⌊C·2^15 / norm⌋, hence
 * f / 2^15 ≤ C / norm. |d'| = ⌊|d|·f / 2^15⌋ ≤ |d|·C / norm for each coordinate, so
 * ‖d'‖ ≤ ‖d‖·C / norm ≤ C.
 */
#ifndef FEDL_UPDATE_CLIP_H
#define FEDL_UPDATE_CLIP_H

#include "fedl/update.h"

#define FEDLI_CLIP_ONE_Q15 (UINT32_C(1) << 15)
#define FEDLI_CLIP_MAX_Q15 (FEDL_BOUND_FACTOR * FEDLI_CLIP_ONE_Q15)

/** Σ values². Range: the caller's bound keeps the whole sum of a delta below 2^63. */
uint64_t fedli_clip_sum_squares(const int32_t *values, uint32_t count);
/** ⌈√n2⌉ for n2 < 2^63, hence ≤ 3037000500 < 2^32. */
uint32_t fedli_clip_norm(uint64_t n2);
/** f of the proof above, 2^15 when n2 ≤ clip²; clip ≥ 1, n2 < 2^63. */
uint32_t fedli_clip_factor_q15(uint64_t n2, uint32_t clip);
/**
 * Adaptive clipping: clip at bound and scale bound to clip, in one factor ⌊clip·2^15 / max(norm,
 * bound)⌋; the proof above holds for it with max(norm, bound) in the place of norm. norm: of
 * fedli_clip_norm(); 1 ≤ clip ≤ 16·bound, so that it is at most 2^19.
 */
uint32_t fedli_clip_rescale_q15(uint32_t norm, uint32_t clip, uint32_t bound);
/** values[i] = sign · ⌊|values[i]| · factor_q15 / 2^15⌋ for |values[i]| < 2^24, factor ≤ 2^19:
 * below 2^28. */
void fedli_clip_scale_up(int32_t *values, uint32_t count, uint32_t factor_q15);
/** True when Σ d² of any delta of this (checked) spec stays below 2^63. */
bool fedli_clip_norm_fits(const fedl_model_spec *spec);

/** ⌊magnitude · factor_q15 / 2^15⌋ for magnitude < 2^24 and factor ≤ 2^15, in 32 bits; a factor of
 * 2^15 changes no magnitude. */
static inline uint32_t fedli_clip_scale(uint32_t magnitude, uint32_t factor_q15)
{
    /*
     * magnitude = high·2^15 + low, and high·f·2^15 is divisible by 2^15, so the split is exact.
     * high < 2^9: high·f ≤ 2^24. low < 2^15: low·f < 2^30. The sum is at most magnitude.
     */
    const uint32_t high = magnitude >> 15;
    const uint32_t low = magnitude & 0x7fffu;
    return high * factor_q15 + ((low * factor_q15) >> 15);
}

#endif
