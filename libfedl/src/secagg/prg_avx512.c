/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mask generator for AVX-512 (F and BW): 16 blocks side by side, register i holding word i of
 * each. After the rounds four steps of shuffles turn words into blocks, so that each register holds
 * 64 bytes that lie together in the vector, and is added to it from there: the keystream is never
 * in memory. CMake compiles this file for AVX-512; prg.c asks the processor first.
 *
 * Rejected: adding words scattered (16 gathers and scatters per word); 32 blocks (the registers
 * don't suffice). What is left below 16 blocks costs one turn: 8 blocks or fewer go to AVX2.
 */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/prg_backend.h"

#include <immintrin.h>
#include <string.h>

#define TURN_BLOCKS 16u
#define TURN_BYTES  (TURN_BLOCKS * FEDLI_PRG_BLOCK_BYTES)

/* Four quarter rounds step by step, so that independent operations stand side by side. */
#define HALF_ROUND(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, n, m)           \
    do {                                                                                           \
        v[a0] = _mm512_add_epi32(v[a0], v[b0]);                                                    \
        v[a1] = _mm512_add_epi32(v[a1], v[b1]);                                                    \
        v[a2] = _mm512_add_epi32(v[a2], v[b2]);                                                    \
        v[a3] = _mm512_add_epi32(v[a3], v[b3]);                                                    \
        v[d0] = _mm512_rol_epi32(_mm512_xor_si512(v[d0], v[a0]), n);                               \
        v[d1] = _mm512_rol_epi32(_mm512_xor_si512(v[d1], v[a1]), n);                               \
        v[d2] = _mm512_rol_epi32(_mm512_xor_si512(v[d2], v[a2]), n);                               \
        v[d3] = _mm512_rol_epi32(_mm512_xor_si512(v[d3], v[a3]), n);                               \
        v[c0] = _mm512_add_epi32(v[c0], v[d0]);                                                    \
        v[c1] = _mm512_add_epi32(v[c1], v[d1]);                                                    \
        v[c2] = _mm512_add_epi32(v[c2], v[d2]);                                                    \
        v[c3] = _mm512_add_epi32(v[c3], v[d3]);                                                    \
        v[b0] = _mm512_rol_epi32(_mm512_xor_si512(v[b0], v[c0]), m);                               \
        v[b1] = _mm512_rol_epi32(_mm512_xor_si512(v[b1], v[c1]), m);                               \
        v[b2] = _mm512_rol_epi32(_mm512_xor_si512(v[b2], v[c2]), m);                               \
        v[b3] = _mm512_rol_epi32(_mm512_xor_si512(v[b3], v[c3]), m);                               \
    } while (0)
#define COLUMNS   0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15
#define DIAGONALS 0, 5, 10, 15, 1, 6, 11, 12, 2, 7, 8, 13, 3, 4, 9, 14
#define HALF(...) HALF_ROUND(__VA_ARGS__)

/* Hides that the words behind state are the same as before: they are broadcast from memory where
 * they are needed, which is free, and neither kept in registers that the rounds need nor laid down,
 * broadcast, on the stack, where nobody would wipe them. */
#define FORGET(state) __asm__ volatile("" : "+r"(state) : : "memory")

/* v[i] = word i of the 16 blocks that begin at state's counter. */
static inline __attribute__((always_inline)) void rounds(__m512i v[16], const uint32_t state[16])
{
    const __m512i steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    FORGET(state);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        v[i] = _mm512_set1_epi32((int)state[i]);
    }
    v[12] = _mm512_add_epi32(v[12], steps);
    for (int i = 0; i < 10; i++) {
        HALF(COLUMNS, 16, 12);
        HALF(COLUMNS, 8, 7);
        HALF(DIAGONALS, 16, 12);
        HALF(DIAGONALS, 8, 7);
    }
    v[12] = _mm512_add_epi32(v[12], steps);
    FORGET(state);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        v[i] = _mm512_add_epi32(v[i], _mm512_set1_epi32((int)state[i]));
    }
}

/* Four words of each block come together: quad q (words 4q … 4q+3), lane l of register 4q+j is
 * words of block 4l+j. */
#define QUAD(q)                                                                                    \
    do {                                                                                           \
        const __m512i t0 = _mm512_unpacklo_epi32(v[4 * (q)], v[4 * (q) + 1]);                      \
        const __m512i t1 = _mm512_unpackhi_epi32(v[4 * (q)], v[4 * (q) + 1]);                      \
        const __m512i t2 = _mm512_unpacklo_epi32(v[4 * (q) + 2], v[4 * (q) + 3]);                  \
        const __m512i t3 = _mm512_unpackhi_epi32(v[4 * (q) + 2], v[4 * (q) + 3]);                  \
        v[4 * (q)] = _mm512_unpacklo_epi64(t0, t2);                                                \
        v[4 * (q) + 1] = _mm512_unpackhi_epi64(t0, t2);                                            \
        v[4 * (q) + 2] = _mm512_unpacklo_epi64(t1, t3);                                            \
        v[4 * (q) + 3] = _mm512_unpackhi_epi64(t1, t3);                                            \
    } while (0)
/* Blocks j, 4+j, 8+j and 12+j from the four quads: a 4 × 4 transposition of 128-bit lanes. */
#define LANES(j)                                                                                   \
    do {                                                                                           \
        const __m512i t0 = _mm512_shuffle_i32x4(v[j], v[4 + (j)], 0x44);                           \
        const __m512i t1 = _mm512_shuffle_i32x4(v[j], v[4 + (j)], 0xee);                           \
        const __m512i t2 = _mm512_shuffle_i32x4(v[8 + (j)], v[12 + (j)], 0x44);                    \
        const __m512i t3 = _mm512_shuffle_i32x4(v[8 + (j)], v[12 + (j)], 0xee);                    \
        v[j] = _mm512_shuffle_i32x4(t0, t2, 0x88);                                                 \
        v[4 + (j)] = _mm512_shuffle_i32x4(t0, t2, 0xdd);                                           \
        v[8 + (j)] = _mm512_shuffle_i32x4(t1, t3, 0x88);                                           \
        v[12 + (j)] = _mm512_shuffle_i32x4(t1, t3, 0xdd);                                          \
    } while (0)

/* v[j] = block j. */
static inline __attribute__((always_inline)) void blocks(__m512i v[16], const uint32_t state[16])
{
    rounds(v, state);
    QUAD(0);
    QUAD(1);
    QUAD(2);
    QUAD(3);
    LANES(0);
    LANES(1);
    LANES(2);
    LANES(3);
}

#define PUT(j, make)                                                                               \
    do {                                                                                           \
        const __m512i a = _mm512_loadu_si512(bytes + 64 * (j));                                    \
        _mm512_storeu_si512(bytes + 64 * (j), make(a, v[j]));                                      \
    } while (0)
#define PUT4(j, make)                                                                              \
    PUT(j, make);                                                                                  \
    PUT((j) + 1, make);                                                                            \
    PUT((j) + 2, make);                                                                            \
    PUT((j) + 3, make)
#define PUT_ALL(make)                                                                              \
    do {                                                                                           \
        PUT4(0, make);                                                                             \
        PUT4(4, make);                                                                             \
        PUT4(8, make);                                                                             \
        PUT4(12, make);                                                                            \
    } while (0)

/* how: lane bits, plus 1 to subtract. */
static inline __attribute__((always_inline)) void turn(uint8_t *bytes, const uint32_t state[16],
                                                       uint32_t how)
{
    __m512i v[16];
    blocks(v, state);
    switch (how) {
    case 8:
        PUT_ALL(_mm512_add_epi8);
        break;
    case 9:
        PUT_ALL(_mm512_sub_epi8);
        break;
    case 16:
        PUT_ALL(_mm512_add_epi16);
        break;
    case 17:
        PUT_ALL(_mm512_sub_epi16);
        break;
    case 32:
        PUT_ALL(_mm512_add_epi32);
        break;
    case 33:
        PUT_ALL(_mm512_sub_epi32);
        break;
    case 64:
        PUT_ALL(_mm512_add_epi64);
        break;
    case 65:
        PUT_ALL(_mm512_sub_epi64);
        break;
    default:
        FEDLI_CHECK(false);
    }
}

static inline __attribute__((always_inline)) void turn_stream(uint8_t *out,
                                                              const uint32_t state[16])
{
    __m512i v[16];
    blocks(v, state);
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++) {
        _mm512_storeu_si512(out + 64 * j, v[j]);
    }
}

/* bytes += or −= keystream in words of 24 bits; size: a multiple of 48. Sixteen words at a time: 12
 * bytes into each lane of 128 bits, spread to four words of 32 bits, and back. */
static void lanes_u24(uint8_t *bytes, const uint8_t *keystream, size_t size, bool subtract)
{
    const __mmask16 mask = 0x0fff; /* 48 bytes */
    const __m512i deal = _mm512_set_epi32(11, 11, 10, 9, 8, 8, 7, 6, 5, 5, 4, 3, 2, 2, 1, 0);
    const __m512i join = _mm512_set_epi32(15, 15, 15, 15, 14, 13, 12, 10, 9, 8, 6, 5, 4, 2, 1, 0);
    const __m512i spread =
        _mm512_broadcast_i32x4(_mm_set_epi8(-1, 11, 10, 9, -1, 8, 7, 6, -1, 5, 4, 3, -1, 2, 1, 0));
    const __m512i pack = _mm512_broadcast_i32x4(
        _mm_set_epi8(-1, -1, -1, -1, 14, 13, 12, 10, 9, 8, 6, 5, 4, 2, 1, 0));
    const __m512i flip = _mm512_set1_epi32(subtract ? -1 : 0);
    for (size_t at = 0; at < size; at += 48) {
        /* A masked load or store would wait for the neighbour's store; only the end needs one. */
        __m512i a = size - at >= 64 ? _mm512_loadu_si512(bytes + at)
                                    : _mm512_maskz_loadu_epi32(mask, bytes + at);
        a = _mm512_permutexvar_epi32(deal, a);
        __m512i b = _mm512_permutexvar_epi32(deal, _mm512_maskz_loadu_epi32(mask, keystream + at));
        a = _mm512_xor_si512(_mm512_shuffle_epi8(a, spread), flip);
        b = _mm512_shuffle_epi8(b, spread);
        a = _mm512_xor_si512(_mm512_add_epi32(a, b), flip);
        a = _mm512_permutexvar_epi32(join, _mm512_shuffle_epi8(a, pack));
        _mm256_storeu_si256((__m256i *)(void *)(bytes + at), _mm512_castsi512_si256(a));
        _mm_storeu_si128((__m128i *)(void *)(bytes + at + 32), _mm512_extracti32x4_epi32(a, 2));
    }
}

static void stream_avx512(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter)
{
    uint32_t state[16];
    fedli_prg_state(state, key, counter);
    for (; block_count >= TURN_BLOCKS; block_count -= TURN_BLOCKS) {
        turn_stream(out, state);
        state[12] += TURN_BLOCKS;
        out += TURN_BYTES;
    }
    if (block_count > TURN_BLOCKS / 2) {
        uint8_t keystream[TURN_BYTES];
        turn_stream(keystream, state);
        memcpy(out, keystream, block_count * FEDLI_PRG_BLOCK_BYTES);
        fedli_wipe(keystream, sizeof keystream);
    } else if (block_count > 0) {
        fedli_prg_avx2.stream(out, block_count, key, state[12]);
    }
    fedli_wipe(state, sizeof state);
}

static void add_u24(uint8_t *bytes, size_t block_count, const uint8_t key[32], uint32_t counter,
                    bool subtract)
{
    uint8_t keystream[3 * TURN_BYTES]; /* a multiple of 48: no word crosses its end */
    while (block_count > 0) {
        const size_t count = block_count < 3 * TURN_BLOCKS ? block_count : 3 * TURN_BLOCKS;
        const size_t size = count * FEDLI_PRG_BLOCK_BYTES;
        const size_t cut = size - size % 48;
        stream_avx512(keystream, count, key, counter);
        lanes_u24(bytes, keystream, cut, subtract);
        fedli_prg_lanes(bytes + cut, keystream + cut, size - cut, 24, subtract);
        bytes += size;
        counter += (uint32_t)count;
        block_count -= count;
    }
    fedli_wipe(keystream, sizeof keystream);
}

static void add_avx512(uint8_t *bytes, size_t block_count, const uint8_t key[32], uint32_t counter,
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
    if (block_count > TURN_BLOCKS / 2) {
        uint8_t keystream[TURN_BYTES];
        turn_stream(keystream, state);
        fedli_prg_lanes(bytes, keystream, block_count * FEDLI_PRG_BLOCK_BYTES, lane_bits, subtract);
        fedli_wipe(keystream, sizeof keystream);
    } else if (block_count > 0) {
        fedli_prg_avx2.add(bytes, block_count, key, state[12], lane_bits, subtract);
    }
    fedli_wipe(state, sizeof state);
}

const fedli_prg fedli_prg_avx512 = {"avx512", add_avx512, stream_avx512};
