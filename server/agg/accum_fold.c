/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/accum_fold.h"

#include <string.h>

/* memcpy and a swap instead of fedli_load_u32(): gcc vectorises both, clang only this one. */
static uint16_t load_u16(const uint8_t *p)
{
    uint16_t word;
    memcpy(&word, p, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap16(word) : word;
}

static uint32_t load_u32(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(word) : word;
}

static uint64_t load_u64(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word) : word;
}

void fedli_fold_u8(uint8_t *restrict sum, const uint8_t *restrict bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] = (uint8_t)(sum[i] + bytes[i]);
    }
}

void fedli_fold_u16(uint16_t *restrict sum, const uint8_t *restrict bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] = (uint16_t)(sum[i] + load_u16(bytes + 2 * i));
    }
}

void fedli_fold_u24(uint32_t *restrict sum, const uint8_t *restrict bytes, size_t count)
{
    /*
     * Two words by one load of 8 bytes (gcc and clang both make vectors of it; one word at a time
     * is half as fast with gcc). Whatever else a load brings lands in bits 24 … 31 of a sum, which
     * never carry downwards.
     */
    const size_t pair_count = count / 2;
    for (size_t i = 0; i < pair_count; i++) {
        const uint64_t pair = load_u64(bytes + 6 * i);
        sum[2 * i] += (uint32_t)pair;
        sum[2 * i + 1] += (uint32_t)(pair >> 24);
    }
    if (count % 2 != 0) {
        sum[count - 1] += load_u32(bytes + 3 * (count - 1));
    }
}

void fedli_fold_u32(uint32_t *restrict sum, const uint8_t *restrict bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += load_u32(bytes + 4 * i);
    }
}
