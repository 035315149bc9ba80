/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one accumulator of a group: Σ over clients of their vectors, body in Z_{2^b}, tail in
 * Z_{2^64}. Memory is constant in the number of clients: ring_bits/8 bytes per parameter (24 bits
 * take 4). Integer sums: the result does not depend on the order of arrival.
 *
 * The words are kept in host order so that the loop of fedl_accum_add() is a plain vector addition;
 * bytes are read little-endian on every host. Rejected: keeping the sum as little-endian bytes
 * (three times slower for 24 bits, nothing gained for the others); one accumulator per client
 * (memory would grow with the cohort).
 */
#ifndef FEDL_AGG_ACCUM_H
#define FEDL_AGG_ACCUM_H

#include "fedl/update.h"

/* Caller-owned; the host may read every field, only this module writes them. */
typedef struct fedl_accum {
    uint8_t ring_bits;
    uint32_t parameter_count;
    uint32_t word_count;  /* of a vector: parameter_count, or more when vectors are rotated */
    uint32_t clients_max; /* more vectors than this could wrap around the ring */
    uint32_t w_max;       /* most weight one honest vector carries */
    size_t vector_bytes;  /* of one incoming vector */
    uint32_t count;       /* vectors added since the last clear */
    void *words;          /* uint8/uint16/uint32 [word_count], host order */
    uint64_t tail[FEDL_TAIL_WORDS];
} fedl_accum;

/** Bytes of the block that init needs (a multiple of 16); cfg was checked. */
size_t fedl_accum_size(const fedl_update_config *cfg, uint32_t parameter_count);
/**
 * Lays the accumulator out in block (16-byte aligned, owned by the caller, outlives the
 * accumulator) and clears it; cfg was checked against the spec with parameter_count parameters.
 * Errors: ERR_RANGE (ring_bits, parameter_count 0 or above FEDL_PARAMETERS_MAX), ERR_SIZE (block
 * too small or misaligned).
 */
FEDL_NODISCARD fedl_status fedl_accum_init(fedl_accum *accum, const fedl_update_config *cfg,
                                           uint32_t parameter_count, void *block,
                                           size_t block_bytes);
/** Forgets everything that was added; the words are wiped. */
void fedl_accum_clear(fedl_accum *accum);
/**
 * Adds one whole vector; its padding is ignored. The vector is only read.
 * Errors: ERR_MISMATCH (its size), ERR_FULL (clients_max vectors are in). Nothing is added then.
 */
FEDL_NODISCARD fedl_status fedl_accum_add(fedl_accum *accum, fedl_bytes vector);
/**
 * Adds one whole vector and wipes it, in one pass: a masked vector that nobody needs alone any
 * more. Errors: those of fedl_accum_add(). The vector is as it was then.
 */
FEDL_NODISCARD fedl_status fedl_accum_take(fedl_accum *accum, uint8_t *vector, size_t vector_bytes);
/** Re-centred sum of coordinate index: −2^(b−1) ≤ sum < 2^(b−1); index < word_count. */
int64_t fedl_accum_sum(const fedl_accum *accum, uint32_t index);
/**
 * Writes the sum as one vector (vector_bytes bytes, padding 0): what a group stores or hands over,
 * byte for byte the same on every host. Errors: ERR_SIZE (out is too small).
 */
FEDL_NODISCARD fedl_status fedl_accum_export(const fedl_accum *accum, uint8_t *out,
                                             size_t out_bytes);
/**
 * Turns a sum of rotated vectors back (update/rotate.h), in place: each word is rounded to the grid
 * (half away from zero) and cut to the ring. seed: of the round's signs. Once per sum.
 */
void fedl_accum_unrotate(fedl_accum *accum, uint32_t seed);
/**
 * Adds discrete Gaussian noise of variance sigma2_q8 (grid steps², Q8; as sum_sigma2_q8 of the
 * update's configuration) to every word, cut to the ring: central privacy. key is secret and used
 * once.
 */
void fedl_accum_noise(fedl_accum *accum, uint32_t sigma2_q8, fedl_keystream_fn stream,
                      const uint8_t key[32]);
/**
 * Adaptive clipping: the same for the tail's FEDL_TAIL_CLIPPED, mod 2^64, with a sample of its own
 * from the same key.
 */
void fedl_accum_noise_bit(fedl_accum *accum, uint32_t sigma2_q8, fedl_keystream_fn stream,
                          const uint8_t key[32]);
/**
 * Takes an exported sum of count vectors in place of the present content.
 * Errors: ERR_MISMATCH (its size), ERR_RANGE (count above clients_max).
 */
FEDL_NODISCARD fedl_status fedl_accum_import(fedl_accum *accum, fedl_bytes vector, uint32_t count);

#endif
