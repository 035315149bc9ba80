/* SPDX-License-Identifier: Apache-2.0 */
#include "prg_conformance.h"

#include "cmocka_all.h"

#include <string.h>

#define BLOCK       64u
#define BLOCKS_MAX  56u /* more than three turns of the widest backend */
#define GUARD_BYTES 64u

void prg_fill(uint8_t *out, size_t size, uint32_t seed)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1u;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out[i] = (uint8_t)(x >> 32);
    }
}

void prg_plain_add(uint8_t *a, const uint8_t *b, size_t size, uint32_t lane_bits, bool subtract)
{
    const size_t lane_bytes = lane_bits / 8;
    int carry = 0;
    for (size_t i = 0; i < size; i++) {
        if (i % lane_bytes == 0) {
            carry = 0;
        }
        const int sum = subtract ? a[i] - b[i] - carry : a[i] + b[i] + carry;
        carry = sum < 0 || sum > 255;
        a[i] = (uint8_t)(sum & 255);
    }
}

/* Bytes around the place that is worked on must stay. */
static void check_add(const fedli_prg *prg, const uint8_t key[32], size_t block_count,
                      uint32_t counter, uint32_t lane_bits, bool subtract, size_t misalign)
{
    static uint8_t keystream[BLOCKS_MAX * BLOCK];
    static uint8_t expected[BLOCKS_MAX * BLOCK + 2 * GUARD_BYTES];
    static uint8_t actual[BLOCKS_MAX * BLOCK + 2 * GUARD_BYTES];
    const size_t size = block_count * BLOCK;
    prg_reference(keystream, block_count, key, counter);
    prg_fill(expected, sizeof expected, counter + lane_bits);
    memcpy(actual, expected, sizeof actual);
    prg_plain_add(expected + misalign, keystream, size, lane_bits, subtract);
    prg->add(actual + misalign, block_count, key, counter, lane_bits, subtract);
    assert_memory_equal(actual, expected, sizeof actual);
    prg->add(actual + misalign, block_count, key, counter, lane_bits, !subtract);
    prg_fill(expected, sizeof expected, counter + lane_bits);
    assert_memory_equal(actual, expected, sizeof actual);
}

static void check_stream(const fedli_prg *prg, const uint8_t key[32], size_t block_count,
                         uint32_t counter, size_t misalign)
{
    static uint8_t expected[BLOCKS_MAX * BLOCK + 2 * GUARD_BYTES];
    static uint8_t actual[BLOCKS_MAX * BLOCK + 2 * GUARD_BYTES];
    memset(expected, 0xa5, sizeof expected);
    memset(actual, 0xa5, sizeof actual);
    prg_reference(expected + misalign, block_count, key, counter);
    prg->stream(actual + misalign, block_count, key, counter);
    assert_memory_equal(actual, expected, sizeof actual);
}

/* RFC 8439 appendix A.1, test vectors 1 to 4: those with a zero nonce (§2.3.2 and §2.4.2 have
 * another nonce, which this generator can't be given). */
static void check_rfc8439(const fedli_prg *prg)
{
    static const struct {
        uint8_t key_at, key_byte, counter;
        uint8_t block[BLOCK];
    } vectors[4] = {
        {0, 0, 0, {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53,
                   0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36,
                   0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48,
                   0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4,
                   0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86}},
        {0, 0, 1, {0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73,
                   0x2d, 0x08, 0x0d, 0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6,
                   0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed, 0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e,
                   0x43, 0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5, 0x31, 0xed, 0x1f, 0x28,
                   0x51, 0x0a, 0xfb, 0x45, 0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f}},
        {31, 1, 1, {0x3a, 0xeb, 0x52, 0x24, 0xec, 0xf8, 0x49, 0x92, 0x9b, 0x9d, 0x82, 0x8d, 0xb1,
                    0xce, 0xd4, 0xdd, 0x83, 0x20, 0x25, 0xe8, 0x01, 0x8b, 0x81, 0x60, 0xb8, 0x22,
                    0x84, 0xf3, 0xc9, 0x49, 0xaa, 0x5a, 0x8e, 0xca, 0x00, 0xbb, 0xb4, 0xa7, 0x3b,
                    0xda, 0xd1, 0x92, 0xb5, 0xc4, 0x2f, 0x73, 0xf2, 0xfd, 0x4e, 0x27, 0x36, 0x44,
                    0xc8, 0xb3, 0x61, 0x25, 0xa6, 0x4a, 0xdd, 0xeb, 0x00, 0x6c, 0x13, 0xa0}},
        {1, 255, 2, {0x72, 0xd5, 0x4d, 0xfb, 0xf1, 0x2e, 0xc4, 0x4b, 0x36, 0x26, 0x92, 0xdf, 0x94,
                     0x13, 0x7f, 0x32, 0x8f, 0xea, 0x8d, 0xa7, 0x39, 0x90, 0x26, 0x5e, 0xc1, 0xbb,
                     0xbe, 0xa1, 0xae, 0x9a, 0xf0, 0xca, 0x13, 0xb2, 0x5a, 0xa2, 0x6c, 0xb4, 0xa6,
                     0x48, 0xcb, 0x9b, 0x9d, 0x1b, 0xe6, 0x5b, 0x2c, 0x09, 0x24, 0xa6, 0x6c, 0x54,
                     0xd5, 0x45, 0xec, 0x1b, 0x73, 0x74, 0xf4, 0x87, 0x2e, 0x99, 0xf0, 0x96}},
    };
    for (size_t i = 0; i < 4; i++) {
        uint8_t key[32] = {0};
        uint8_t out[3 * BLOCK];
        key[vectors[i].key_at] = vectors[i].key_byte;
        prg->stream(out, 1, key, vectors[i].counter);
        assert_memory_equal(out, vectors[i].block, BLOCK);
        prg->stream(out, vectors[i].counter + 1u, key, 0);
        assert_memory_equal(out + vectors[i].counter * BLOCK, vectors[i].block, BLOCK);
    }
}

void prg_conformance(const fedli_prg *prg)
{
    static const uint32_t lanes[5] = {8, 16, 24, 32, 64};
    uint8_t key[32];
    assert_non_null(prg->name);
    check_rfc8439(prg);
    for (uint32_t block_count = 0; block_count <= BLOCKS_MAX; block_count++) {
        prg_fill(key, sizeof key, block_count);
        /* Up to the last counter there is: a vector of at most 8 MiB never comes near it, and the
         * counter must not wrap within a call. */
        const uint32_t counters[3] = {0, 7, UINT32_MAX - (block_count == 0 ? 0 : block_count - 1)};
        for (size_t i = 0; i < 3; i++) {
            check_stream(prg, key, block_count, counters[i], (block_count + i) % 5);
            for (size_t lane = 0; lane < 5; lane++) {
                const size_t misalign = (7 * block_count + 3 * i + lane) % GUARD_BYTES;
                check_add(prg, key, block_count, counters[i], lanes[lane], false, misalign);
                check_add(prg, key, block_count, counters[i], lanes[lane], true, misalign);
            }
        }
    }
    for (size_t misalign = 0; misalign < GUARD_BYTES; misalign++) {
        check_stream(prg, key, 17, 3, misalign);
        check_add(prg, key, 27, 3, 16, misalign % 2 != 0, misalign);
        check_add(prg, key, 52, 3, 24, misalign % 2 != 0, misalign);
    }
}
