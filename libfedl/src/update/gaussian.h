/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The discrete Gaussian N_Z(0, σ²): P(x) ∝ exp(−x² / 2σ²) on the integers, sampled exactly, with
 * integers only. Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy",
 * algorithms 1 to 3: rejection from a discrete Laplace, whose coins are Bernoulli(exp(−p/q)).
 *
 * Random bits come from a keystream; sample number i owns FEDLI_NOISE_BLOCKS blocks of it, so any
 * part of a vector can be made again without what lies before it. Sampling takes a number of steps
 * that depends on the sample: it is not constant time, and runs before the network phases.
 *
 * Rejected: rounding a continuous Gaussian (not private by any theorem that we could cite), and
 * tables of the distribution function (memory on an MCU, one table per σ).
 */
#ifndef FEDL_UPDATE_GAUSSIAN_H
#define FEDL_UPDATE_GAUSSIAN_H

#include "fedl/update.h"

/* Keystream blocks of one sample: 1024 · 8 numbers, of which about 20 are used. */
#define FEDLI_NOISE_BLOCKS 1024u
#define FEDLI_NOISE_BUFFER 4u
/* Up to σ = 256 a sample's magnitude is below this. */
#define FEDLI_NOISE_END 8192u /* 32 · 256 */

/* A stream of uniform numbers out of keystream blocks. */
typedef struct fedli_noise_bits {
    fedl_keystream_fn stream;
    const uint8_t *key; /* 32 bytes */
    uint32_t block;     /* next one to be made */
    uint32_t used;      /* words taken from buffer */
    uint8_t buffer[FEDLI_NOISE_BUFFER * 64u];
} fedli_noise_bits;

/** Stands at the first number of block `block`. Wipe bits after use. */
void fedli_noise_bits_init(fedli_noise_bits *bits, fedl_keystream_fn stream, const uint8_t key[32],
                           uint32_t block);
/** Uniform in [0, bound), 1 ≤ bound ≤ 2^62, by rejection: no modulo bias. */
uint64_t fedli_noise_below(fedli_noise_bits *bits, uint64_t bound);
/** True with probability exp(−p/q); q ≥ 1, p < 2^62, q ≤ 2^56. */
bool fedli_noise_bernoulli_exp(fedli_noise_bits *bits, uint64_t p, uint64_t q);
/** One sample, 1 ≤ sigma2_q8 ≤ FEDL_SIGMA2_Q8_MAX; larger ones are multiples of 256. */
int32_t fedli_noise_sample(fedli_noise_bits *bits, uint32_t sigma2_q8);
/** values[i] += sample number first + i. first + count ≤ 2^20. */
void fedli_noise_add(int32_t *values, uint32_t first, uint32_t count, uint32_t sigma2_q8,
                     fedl_keystream_fn stream, const uint8_t key[32]);
/** The noise of the word FEDL_TAIL_CLIPPED, sigma2_q8 as above: one sample, from blocks of the
 * keystream that no word and no rounding takes. */
int32_t fedli_noise_bit(uint32_t sigma2_q8, fedl_keystream_fn stream, const uint8_t key[32]);

#endif
