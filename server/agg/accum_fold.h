/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops of the accumulator: sum[i] += word i of little-endian bytes, in Z_{2^b}.
 *
 * Plain loops: on little-endian hosts the loads are plain loads and compilers vectorise; on
 * big-endian hosts each word is swapped. No alignment is asked of bytes; sum and bytes are
 * disjoint.
 */
#ifndef FEDL_AGG_ACCUM_FOLD_H
#define FEDL_AGG_ACCUM_FOLD_H

#include <stddef.h>
#include <stdint.h>

void fedli_fold_u8(uint8_t *restrict sum, const uint8_t *restrict bytes, size_t count);
void fedli_fold_u16(uint16_t *restrict sum, const uint8_t *restrict bytes, size_t count);
/**
 * Words of 3 bytes into 32-bit sums, of which the low 24 bits count: the top byte holds garbage.
 * At least 2 bytes after the last word can be read (in a vector, the tail follows).
 */
void fedli_fold_u24(uint32_t *restrict sum, const uint8_t *restrict bytes, size_t count);
void fedli_fold_u32(uint32_t *restrict sum, const uint8_t *restrict bytes, size_t count);

#endif
