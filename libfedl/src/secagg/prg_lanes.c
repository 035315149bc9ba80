/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keystream in memory added to a vector in its wire layout.
 *
 * Words of 8, 16 and 24 bits are added several at a time inside a larger integer: with the highest
 * bit of every lane taken out nothing carries from one lane into the next, and the highest bits are
 * put in by exclusive or. Little-endian lanes lie in a little-endian integer in order, so that this
 * holds on every host. a − b is ~(~a + b) in each lane.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "secagg/prg_backend.h"

/* top: the highest bit of each lane. */
static inline void lanes_below_u32(uint8_t *bytes, const uint8_t *keystream, size_t size,
                                   uint32_t top, uint32_t flip)
{
    for (size_t at = 0; at < size; at += 4) {
        const uint32_t a = fedli_load_u32(bytes + at) ^ flip;
        const uint32_t b = fedli_load_u32(keystream + at);
        const uint32_t sum = ((a & ~top) + (b & ~top)) ^ ((a ^ b) & top);
        fedli_store_u32(bytes + at, sum ^ flip);
    }
}

static void lanes_u32(uint8_t *bytes, const uint8_t *keystream, size_t size, uint32_t flip)
{
    for (size_t at = 0; at < size; at += 4) {
        const uint32_t a = fedli_load_u32(bytes + at) ^ flip;
        fedli_store_u32(bytes + at, (a + fedli_load_u32(keystream + at)) ^ flip);
    }
}

static void lanes_u64(uint8_t *bytes, const uint8_t *keystream, size_t size, uint64_t flip)
{
    for (size_t at = 0; at < size; at += 8) {
        const uint64_t a = fedli_load_u64(bytes + at) ^ flip;
        fedli_store_u64(bytes + at, (a + fedli_load_u64(keystream + at)) ^ flip);
    }
}

/* Highest bits of 24-bit lanes in each third of a group of eight lanes (24 bytes). */
#define GROUP24_BYTES 24u
#define TOP24_0       UINT64_C(0x0000800000800000)
#define TOP24_1       UINT64_C(0x0080000080000080)
#define TOP24_2       UINT64_C(0x8000008000008000)

/* Eight words in 24 bytes as one sum of 192 bits; a carry between the thirds belongs to the lane
 * that crosses the border, and is taken in below that lane's highest bit. */
static inline void lanes_u24_eight(uint8_t *bytes, const uint8_t *keystream, uint64_t flip)
{
    const uint64_t a0 = fedli_load_u64(bytes) ^ flip;
    const uint64_t a1 = fedli_load_u64(bytes + 8) ^ flip;
    const uint64_t a2 = fedli_load_u64(bytes + 16) ^ flip;
    const uint64_t b0 = fedli_load_u64(keystream);
    const uint64_t b1 = fedli_load_u64(keystream + 8);
    const uint64_t b2 = fedli_load_u64(keystream + 16);
    const uint64_t s0 = (a0 & ~TOP24_0) + (b0 & ~TOP24_0);
    const uint64_t s1 = (a1 & ~TOP24_1) + (s0 < (b0 & ~TOP24_0)) + (b1 & ~TOP24_1);
    const uint64_t s2 = (a2 & ~TOP24_2) + (s1 < (b1 & ~TOP24_1)) + (b2 & ~TOP24_2);
    fedli_store_u64(bytes, s0 ^ ((a0 ^ b0) & TOP24_0) ^ flip);
    fedli_store_u64(bytes + 8, s1 ^ ((a1 ^ b1) & TOP24_1) ^ flip);
    fedli_store_u64(bytes + 16, s2 ^ ((a2 ^ b2) & TOP24_2) ^ flip);
}

static void lanes_u24(uint8_t *bytes, const uint8_t *keystream, size_t size, uint32_t flip)
{
    const uint64_t flip_u64 = (uint64_t)flip << 32 | flip;
    size_t at = 0;
    for (; at + GROUP24_BYTES <= size; at += GROUP24_BYTES) {
        lanes_u24_eight(bytes + at, keystream + at, flip_u64);
    }
    for (; at < size; at += 3) {
        const size_t left = size - at < 3 ? size - at : 3;
        uint32_t a = 0;
        uint32_t b = 0;
        for (size_t i = 0; i < left; i++) {
            a |= (uint32_t)bytes[at + i] << (8 * i);
            b |= (uint32_t)keystream[at + i] << (8 * i);
        }
        const uint32_t sum = ((a ^ flip) + b) ^ flip;
        for (size_t i = 0; i < left; i++) {
            bytes[at + i] = (uint8_t)(sum >> (8 * i));
        }
    }
}

void fedli_prg_lanes(uint8_t *bytes, const uint8_t *keystream, size_t size, uint32_t lane_bits,
                     bool subtract)
{
    const uint32_t flip = subtract ? UINT32_MAX : 0u;
    FEDLI_CHECK(size % 8 == 0);
    if (lane_bits == 8) {
        lanes_below_u32(bytes, keystream, size, 0x80808080u, flip);
    } else if (lane_bits == 16) {
        lanes_below_u32(bytes, keystream, size, 0x80008000u, flip);
    } else if (lane_bits == 24) {
        lanes_u24(bytes, keystream, size, flip);
    } else if (lane_bits == 32) {
        lanes_u32(bytes, keystream, size, flip);
    } else {
        FEDLI_CHECK(lane_bits == 64);
        lanes_u64(bytes, keystream, size, (uint64_t)flip << 32 | flip);
    }
}
