/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adaptive clipping (Andrew, Thakkar, McMahan, Ramaswamy 2021, "Differentially Private Learning
 * with Adaptive Clipping", algorithm 1): the bound of a round follows a quantile of the devices'
 * norms,
 *
 *   C_{t+1} = C_t · exp(−0.2 · (b − γ)),   b: the noisy share of devices not above C_t, cut to [0,
 * 1]
 *
 * in integers, so that every host makes the same bound. Devices scale C_t to the plan's clip C, so
 * that grid, ring and noise stay; the mean is scaled back here, in the server's learning rate.
 */
#ifndef FEDL_AGG_CLIP_BOUND_H
#define FEDL_AGG_CLIP_BOUND_H

#include "fedl/update.h"

/** The tail's FEDL_TAIL_CLIPPED of a noisy sum of count ≥ 1 devices, re-centred and cut to 0 …
 * count. */
uint32_t fedl_clip_bound_above(uint64_t tail_word, uint32_t count);
/**
 * The bound of the next round, within cfg's range. cfg: with adaptive clipping; bound_q16: this
 * round's, which fits it; above ≤ count devices were above it, count in [1, 2^16);
 * quantile_permille in [1, 999].
 */
uint32_t fedl_clip_bound_next_q16(const fedl_update_config *cfg, uint32_t bound_q16, uint32_t above,
                                  uint32_t count, uint16_t quantile_permille);
/** The learning rate with which a round of this bound moves the model: lr_q16 · C_t / C, rounded,
 * at least 1. lr_q16 ≤ 2^16 and the bound fits cfg: at most 2^20. */
uint32_t fedl_clip_bound_lr_q16(const fedl_update_config *cfg, uint32_t bound_q16, uint32_t lr_q16);

#endif
