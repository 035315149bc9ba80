/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random signs and a Walsh–Hadamard transform over blocks of 256 coordinates: spreads a vector
 * evenly over its coordinates before it is rounded and noised, so that a narrow ring holds it.
 *
 *   y = H·S·x / 16     H: 256 × 256 of ±1, H·H = 256, so H/16 keeps lengths and is its own inverse
 *   S: sign of coordinate i = bit 31 of mix32(seed + i); public
 *
 * Both directions are exact up to the division by 16, which is left to the caller. Ailon and
 * Chazelle 2009 (fast Johnson–Lindenstrauss); in federated learning: Suresh et al. 2017.
 */
#ifndef FEDL_UPDATE_ROTATE_H
#define FEDL_UPDATE_ROTATE_H

#include <stdint.h>

#define FEDLI_ROTATE_BLOCK 256u
#define FEDLI_ROTATE_SHIFT 4 /* H scales lengths by 2^4 */

/** Seed of the signs: the same for all devices of a round. */
uint32_t fedli_rotate_seed(uint32_t run_seed, uint32_t round);
/** values = H·values in place. Range: 256 · max|values| must fit 63 bits. */
void fedli_rotate_hadamard(int64_t values[FEDLI_ROTATE_BLOCK]);
/** Flips the signs of coordinates first … first + 255. */
void fedli_rotate_signs(int64_t values[FEDLI_ROTATE_BLOCK], uint32_t seed, uint32_t first);

#endif
