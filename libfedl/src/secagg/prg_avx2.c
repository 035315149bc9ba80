/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mask generator for AVX2: 8 blocks side by side, register i holding word i of each. After the
 * rounds words become blocks by three steps of shuffles, eight words at a time, and are added to
 * the vector from registers. CMake compiles this file for AVX2; prg.c asks the processor first.
 *
 * The rounds need 16 registers and the rotations more, so that four words live on the stack;
 * rotations by 16 and 8 are byte shuffles, which need no second register. Words of 24 bits are
 * spread to 32 bits and packed again, with the keystream in memory.
 */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/prg_backend.h"

#include <immintrin.h>
#include <string.h>

#define TURN_BLOCKS 8u
#define TURN_BYTES  (TURN_BLOCKS * FEDLI_PRG_BLOCK_BYTES)

#define ROTATE_16(x) _mm256_shuffle_epi8(x, by_16)
#define ROTATE_8(x)  _mm256_shuffle_epi8(x, by_8)
#define ROTATE_12(x) _mm256_or_si256(_mm256_slli_epi32(x, 12), _mm256_srli_epi32(x, 20))
#define ROTATE_7(x)  _mm256_or_si256(_mm256_slli_epi32(x, 7), _mm256_srli_epi32(x, 25))

/*
 * Half of four quarter rounds, step by step, so that independent operations stand side by side. The
 * four words c live in memory; the barrier keeps the compiler from choosing others each time. Two
 * quarter rounds at a time with all but two words in registers are slower (2.9 against 3.2 GB/s on
 * Zen 4).
 */
#define ADD_C(i, b, d)                                                                             \
    do {                                                                                           \
        const __m256i sum = _mm256_add_epi32(c[i], v[d]);                                          \
        c[i] = sum;                                                                                \
        __asm__ volatile("" : "+m"(c[i]));                                                         \
        v[b] = _mm256_xor_si256(v[b], sum);                                                        \
    } while (0)
#define HALF_ROUND(b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, rotate_d, rotate_b)             \
    do {                                                                                           \
        v[0] = _mm256_add_epi32(v[0], v[b0]);                                                      \
        v[1] = _mm256_add_epi32(v[1], v[b1]);                                                      \
        v[2] = _mm256_add_epi32(v[2], v[b2]);                                                      \
        v[3] = _mm256_add_epi32(v[3], v[b3]);                                                      \
        v[d0] = _mm256_xor_si256(v[d0], v[0]);                                                     \
        v[d1] = _mm256_xor_si256(v[d1], v[1]);                                                     \
        v[d2] = _mm256_xor_si256(v[d2], v[2]);                                                     \
        v[d3] = _mm256_xor_si256(v[d3], v[3]);                                                     \
        v[d0] = rotate_d(v[d0]);                                                                   \
        v[d1] = rotate_d(v[d1]);                                                                   \
        v[d2] = rotate_d(v[d2]);                                                                   \
        v[d3] = rotate_d(v[d3]);                                                                   \
        ADD_C(c0, b0, d0);                                                                         \
        ADD_C(c1, b1, d1);                                                                         \
        ADD_C(c2, b2, d2);                                                                         \
        ADD_C(c3, b3, d3);                                                                         \
        v[b0] = rotate_b(v[b0]);                                                                   \
        v[b1] = rotate_b(v[b1]);                                                                   \
        v[b2] = rotate_b(v[b2]);                                                                   \
        v[b3] = rotate_b(v[b3]);                                                                   \
    } while (0)
#define HALF(...) HALF_ROUND(__VA_ARGS__)
/* Words b, c (from word 8 on) and d of the quarter rounds whose a is word 0, 1, 2, 3. */
#define COLUMNS   4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15
#define DIAGONALS 5, 6, 7, 4, 2, 3, 0, 1, 15, 12, 13, 14

/* Hides that the words behind state are the same as before: they are broadcast from memory where
 * they are needed, which is free, and neither kept in registers that the rounds need nor laid down,
 * broadcast, on the stack, where nobody would wipe them. */
#define FORGET(state) __asm__ volatile("" : "+r"(state) : : "memory")

/* v[i] = word i of the 8 blocks that begin at state's counter. */
static inline __attribute__((always_inline)) void rounds(__m256i v[16], const uint32_t state[16])
{
    const __m256i steps = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    const __m256i by_16 = _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13,
                                          12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2);
    const __m256i by_8 = _mm256_set_epi8(14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3, 14,
                                         13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3);
    FORGET(state);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        v[i] = _mm256_set1_epi32((int)state[i]);
    }
    v[12] = _mm256_add_epi32(v[12], steps);
    __m256i c[4] = {v[8], v[9], v[10], v[11]};
    for (int i = 0; i < 10; i++) {
        HALF(COLUMNS, ROTATE_16, ROTATE_12);
        HALF(COLUMNS, ROTATE_8, ROTATE_7);
        HALF(DIAGONALS, ROTATE_16, ROTATE_12);
        HALF(DIAGONALS, ROTATE_8, ROTATE_7);
    }
    v[8] = c[0];
    v[9] = c[1];
    v[10] = c[2];
    v[11] = c[3];
    v[12] = _mm256_add_epi32(v[12], steps);
    FORGET(state);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        v[i] = _mm256_add_epi32(v[i], _mm256_set1_epi32((int)state[i]));
    }
}

/* Registers h … h+7 hold eight words of 8 blocks each; afterwards register h+j holds these eight
 * words of block j. */
static inline __attribute__((always_inline)) void transpose(__m256i v[16], const int h)
{
    __m256i t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi32(v[h + 2 * i], v[h + 2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(v[h + 2 * i], v[h + 2 * i + 1]);
    }
    const __m256i u0 = _mm256_unpacklo_epi64(t[0], t[2]);
    const __m256i u1 = _mm256_unpackhi_epi64(t[0], t[2]);
    const __m256i u2 = _mm256_unpacklo_epi64(t[1], t[3]);
    const __m256i u3 = _mm256_unpackhi_epi64(t[1], t[3]);
    const __m256i u4 = _mm256_unpacklo_epi64(t[4], t[6]);
    const __m256i u5 = _mm256_unpackhi_epi64(t[4], t[6]);
    const __m256i u6 = _mm256_unpacklo_epi64(t[5], t[7]);
    const __m256i u7 = _mm256_unpackhi_epi64(t[5], t[7]);
    v[h] = _mm256_permute2x128_si256(u0, u4, 0x20);
    v[h + 1] = _mm256_permute2x128_si256(u1, u5, 0x20);
    v[h + 2] = _mm256_permute2x128_si256(u2, u6, 0x20);
    v[h + 3] = _mm256_permute2x128_si256(u3, u7, 0x20);
    v[h + 4] = _mm256_permute2x128_si256(u0, u4, 0x31);
    v[h + 5] = _mm256_permute2x128_si256(u1, u5, 0x31);
    v[h + 6] = _mm256_permute2x128_si256(u2, u6, 0x31);
    v[h + 7] = _mm256_permute2x128_si256(u3, u7, 0x31);
}

#define PUT_ALL(make)                                                                              \
    do {                                                                                           \
        _Pragma("GCC unroll 16") for (size_t j = 0; j < 16; j++)                                   \
        {                                                                                          \
            __m256i *at = (__m256i *)(void *)(bytes + 64 * (j % 8) + 32 * (j / 8));                \
            _mm256_storeu_si256(at, make(_mm256_loadu_si256(at), v[j]));                           \
        }                                                                                          \
    } while (0)

/* how: lane bits, plus 1 to subtract. */
static inline __attribute__((always_inline)) void turn(uint8_t *bytes, const uint32_t state[16],
                                                       uint32_t how)
{
    __m256i v[16];
    rounds(v, state);
    transpose(v, 0);
    transpose(v, 8);
    switch (how) {
    case 8:
        PUT_ALL(_mm256_add_epi8);
        break;
    case 9:
        PUT_ALL(_mm256_sub_epi8);
        break;
    case 16:
        PUT_ALL(_mm256_add_epi16);
        break;
    case 17:
        PUT_ALL(_mm256_sub_epi16);
        break;
    case 32:
        PUT_ALL(_mm256_add_epi32);
        break;
    case 33:
        PUT_ALL(_mm256_sub_epi32);
        break;
    case 64:
        PUT_ALL(_mm256_add_epi64);
        break;
    case 65:
        PUT_ALL(_mm256_sub_epi64);
        break;
    default:
        FEDLI_CHECK(false);
    }
}

static inline __attribute__((always_inline)) void turn_stream(uint8_t *out,
                                                              const uint32_t state[16])
{
    __m256i v[16];
    rounds(v, state);
    transpose(v, 0);
    transpose(v, 8);
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++) {
        _mm256_storeu_si256((__m256i *)(void *)(out + 64 * (j % 8) + 32 * (j / 8)), v[j]);
    }
}

/* bytes += or −= keystream in words of 24 bits; size: a multiple of 24. Eight words at a time: the
 * two loads of 16 bytes share 8, so that nothing beyond the 24 is touched. */
static void lanes_u24(uint8_t *bytes, const uint8_t *keystream, size_t size, bool subtract)
{
    const __m256i spread = _mm256_set_epi8(-1, 15, 14, 13, -1, 12, 11, 10, -1, 9, 8, 7, -1, 6, 5, 4,
                                           -1, 11, 10, 9, -1, 8, 7, 6, -1, 5, 4, 3, -1, 2, 1, 0);
    const __m256i pack = _mm256_broadcastsi128_si256(
        _mm_set_epi8(-1, -1, -1, -1, 14, 13, 12, 10, 9, 8, 6, 5, 4, 2, 1, 0));
    const __m256i join = _mm256_set_epi32(7, 7, 6, 5, 4, 2, 1, 0);
    const __m256i flip = _mm256_set1_epi32(subtract ? -1 : 0);
    for (size_t at = 0; at < size; at += 24) {
        const __m256i a = _mm256_loadu2_m128i((const __m128i *)(const void *)(bytes + at + 8),
                                              (const __m128i *)(const void *)(bytes + at));
        const __m256i b = _mm256_loadu2_m128i((const __m128i *)(const void *)(keystream + at + 8),
                                              (const __m128i *)(const void *)(keystream + at));
        __m256i sum = _mm256_xor_si256(_mm256_shuffle_epi8(a, spread), flip);
        sum = _mm256_add_epi32(sum, _mm256_shuffle_epi8(b, spread));
        sum = _mm256_shuffle_epi8(_mm256_xor_si256(sum, flip), pack);
        sum = _mm256_permutevar8x32_epi32(sum, join);
        _mm_storeu_si128((__m128i *)(void *)(bytes + at), _mm256_castsi256_si128(sum));
        _mm_storel_epi64((__m128i *)(void *)(bytes + at + 16), _mm256_extracti128_si256(sum, 1));
    }
}

static void stream_avx2(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter)
{
    uint32_t state[16];
    fedli_prg_state(state, key, counter);
    for (; block_count >= TURN_BLOCKS; block_count -= TURN_BLOCKS) {
        turn_stream(out, state);
        state[12] += TURN_BLOCKS;
        out += TURN_BYTES;
    }
    if (block_count > 0) {
        uint8_t keystream[TURN_BYTES];
        turn_stream(keystream, state);
        memcpy(out, keystream, block_count * FEDLI_PRG_BLOCK_BYTES);
        fedli_wipe(keystream, sizeof keystream);
    }
    fedli_wipe(state, sizeof state);
}

static void add_u24(uint8_t *bytes, size_t block_count, const uint8_t key[32], uint32_t counter,
                    bool subtract)
{
    uint8_t keystream[3 * TURN_BYTES]; /* a multiple of 24: no word crosses its end */
    while (block_count > 0) {
        const size_t count = block_count < 3 * TURN_BLOCKS ? block_count : 3 * TURN_BLOCKS;
        const size_t size = count * FEDLI_PRG_BLOCK_BYTES;
        const size_t cut = size - size % 24;
        stream_avx2(keystream, count, key, counter);
        lanes_u24(bytes, keystream, cut, subtract);
        fedli_prg_lanes(bytes + cut, keystream + cut, size - cut, 24, subtract);
        bytes += size;
        counter += (uint32_t)count;
        block_count -= count;
    }
    fedli_wipe(keystream, sizeof keystream);
}

static void add_avx2(uint8_t *bytes, size_t block_count, const uint8_t key[32], uint32_t counter,
                     uint32_t lane_bits, bool subtract)
{
    if (lane_bits == 24) {
        add_u24(bytes, block_count, key, counter, subtract);
        return;
    }
    uint32_t state[16];
    fedli_prg_state(state, key, counter);
    for (; block_count >= TURN_BLOCKS; block_count -= TURN_BLOCKS) {
        turn(bytes, state, lane_bits + (subtract ? 1u : 0u));
        state[12] += TURN_BLOCKS;
        bytes += TURN_BYTES;
    }
    if (block_count > 0) {
        uint8_t keystream[TURN_BYTES];
        turn_stream(keystream, state);
        fedli_prg_lanes(bytes, keystream, block_count * FEDLI_PRG_BLOCK_BYTES, lane_bits, subtract);
        fedli_wipe(keystream, sizeof keystream);
    }
    fedli_wipe(state, sizeof state);
}

const fedli_prg fedli_prg_avx2 = {"avx2", add_avx2, stream_avx2};
