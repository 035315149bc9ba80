/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps 4 and 5: weight, ring, bytes. x = w·z mod 2^b as a little-endian word of b/8 bytes.
 */
#ifndef FEDL_UPDATE_PACK_H
#define FEDL_UPDATE_PACK_H

#include "fedl/bytes.h"

/**
 * out (count · ring_bits/8 bytes) = values[i] · weight in Z_{2^b}. ring_bits ∈ {8, 16, 24, 32};
 * |values| ≤ q_max and weight ≤ w_max, so that the products stay below 2^(b−1).
 */
void fedli_pack(uint8_t *out, const int32_t *values, uint32_t count, uint32_t weight,
                uint8_t ring_bits);

#endif
