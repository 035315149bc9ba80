/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector with noise, in blocks of 256 words:
 *
 *   deltas ─ clip ─ [signs ─ Hadamard] ─ secret stochastic rounding ─ cut at q_max ─ + N_Z(0, σ²)
 *
 * All randomness is keystream of the attempt's noise key: sample i of the noise owns blocks 1024·i
 * …, that of the tail the blocks from 2^30 on, rounding try a takes word i from 32-bit word i of
 * the blocks from 2^31 + a·2^16 on. So any part can be made again, and what is sent again is the
 * same.
 */
#ifndef FEDL_UPDATE_UPDATE_NOISED_H
#define FEDL_UPDATE_UPDATE_NOISED_H

#include "fedl/update.h"

/** With adaptive clipping: whether the norm is above the bound of the round; else false. */
bool fedli_update_is_above(const fedl_update *update);
/** Bytes [at, end) of the words, end ≤ word_count · ring_bits/8; update->noised is set. */
void fedli_noised_read(const fedl_update *update, uint8_t *out, size_t at, size_t end);

#endif
