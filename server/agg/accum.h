/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one accumulator of a group: Σ over clients of their vectors, body in Z_{2^b}, tail in
 * Z_{2^64}. Memory is constant in the number of clients: ring_bits/8 bytes per parameter (24 bits
 * take 4). Integer sums: the result does not depend on the order of arrival.
 */
#ifndef FEDL_AGG_ACCUM_H
#define FEDL_AGG_ACCUM_H

#include "fedl/update.h"

typedef struct fedl_accum {
    uint8_t ring_bits;
    uint32_t parameter_count;
    size_t vector_bytes; /* of one incoming vector */
    uint32_t count;      /* vectors added since the last clear */
    void *words;         /* uint8/uint16/uint32 [parameter_count], host order */
    uint64_t tail[FEDL_TAIL_WORDS];
} fedl_accum;

/** Bytes of block for init; config and count were checked. */
size_t fedl_accum_size(const fedl_update_config *cfg, uint32_t parameter_count);
FEDL_NODISCARD fedl_status fedl_accum_init(fedl_accum *accum, const fedl_update_config *cfg,
                                           uint32_t parameter_count, void *block,
                                           size_t block_bytes);
/** Forgets everything that was added; the words are wiped. */
void fedl_accum_clear(fedl_accum *accum);
/** Adds one whole vector. Errors: ERR_MISMATCH (its size). Nothing is added on error. */
FEDL_NODISCARD fedl_status fedl_accum_add(fedl_accum *accum, fedl_bytes vector);
/** Re-centred sum of coordinate index as a signed number, |sum| < 2^(b−1). */
int64_t fedl_accum_sum(const fedl_accum *accum, uint32_t index);

#endif
