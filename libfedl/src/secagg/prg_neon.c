/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mask generator for aarch64: 4 blocks side by side in 16 of the 32 NEON registers, register i
 * holding word i of each; words become blocks by two steps of zips, four words at a time, and are
 * added to the vector from registers. Little-endian aarch64 only; prg_sources.cmake sees to it.
 */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/prg_backend.h"

#include <arm_neon.h>
#include <string.h>

#define TURN_BLOCKS 4u
#define TURN_BYTES  (TURN_BLOCKS * FEDLI_PRG_BLOCK_BYTES)

#define ROTATE_16(x) vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(x)))
#define ROTATE_12(x) vsriq_n_u32(vshlq_n_u32(x, 12), x, 20)
#define ROTATE_8(x)  vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(x), by_8))
#define ROTATE_7(x)  vsriq_n_u32(vshlq_n_u32(x, 7), x, 25)

/* One step of four quarter rounds: independent operations stand side by side. */
#define STEP(a0, b0, d0, a1, b1, d1, a2, b2, d2, a3, b3, d3, rotate)                               \
    do {                                                                                           \
        v[a0] = vaddq_u32(v[a0], v[b0]);                                                           \
        v[a1] = vaddq_u32(v[a1], v[b1]);                                                           \
        v[a2] = vaddq_u32(v[a2], v[b2]);                                                           \
        v[a3] = vaddq_u32(v[a3], v[b3]);                                                           \
        v[d0] = veorq_u32(v[d0], v[a0]);                                                           \
        v[d1] = veorq_u32(v[d1], v[a1]);                                                           \
        v[d2] = veorq_u32(v[d2], v[a2]);                                                           \
        v[d3] = veorq_u32(v[d3], v[a3]);                                                           \
        v[d0] = rotate(v[d0]);                                                                     \
        v[d1] = rotate(v[d1]);                                                                     \
        v[d2] = rotate(v[d2]);                                                                     \
        v[d3] = rotate(v[d3]);                                                                     \
    } while (0)

static inline __attribute__((always_inline)) void blocks(uint32x4_t v[16], const uint32_t state[16])
{
    static const uint32_t step_words[4] = {0, 1, 2, 3};
    static const uint8_t by_8_bytes[16] = {3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14};
    const uint32x4_t steps = vld1q_u32(step_words);
    const uint8x16_t by_8 = vld1q_u8(by_8_bytes);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        v[i] = vdupq_n_u32(state[i]);
    }
    v[12] = vaddq_u32(v[12], steps);
    for (int i = 0; i < 10; i++) {
        STEP(0, 4, 12, 1, 5, 13, 2, 6, 14, 3, 7, 15, ROTATE_16);
        STEP(8, 12, 4, 9, 13, 5, 10, 14, 6, 11, 15, 7, ROTATE_12);
        STEP(0, 4, 12, 1, 5, 13, 2, 6, 14, 3, 7, 15, ROTATE_8);
        STEP(8, 12, 4, 9, 13, 5, 10, 14, 6, 11, 15, 7, ROTATE_7);
        STEP(0, 5, 15, 1, 6, 12, 2, 7, 13, 3, 4, 14, ROTATE_16);
        STEP(10, 15, 5, 11, 12, 6, 8, 13, 7, 9, 14, 4, ROTATE_12);
        STEP(0, 5, 15, 1, 6, 12, 2, 7, 13, 3, 4, 14, ROTATE_8);
        STEP(10, 15, 5, 11, 12, 6, 8, 13, 7, 9, 14, 4, ROTATE_7);
    }
    v[12] = vaddq_u32(v[12], steps);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        v[i] = vaddq_u32(v[i], vdupq_n_u32(state[i]));
    }
    /* Register 4q+j: words 4q … 4q+3 of block j. */
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) {
        const uint64x2_t t0 = vreinterpretq_u64_u32(vzip1q_u32(v[4 * q], v[4 * q + 1]));
        const uint64x2_t t1 = vreinterpretq_u64_u32(vzip2q_u32(v[4 * q], v[4 * q + 1]));
        const uint64x2_t t2 = vreinterpretq_u64_u32(vzip1q_u32(v[4 * q + 2], v[4 * q + 3]));
        const uint64x2_t t3 = vreinterpretq_u64_u32(vzip2q_u32(v[4 * q + 2], v[4 * q + 3]));
        v[4 * q] = vreinterpretq_u32_u64(vzip1q_u64(t0, t2));
        v[4 * q + 1] = vreinterpretq_u32_u64(vzip2q_u64(t0, t2));
        v[4 * q + 2] = vreinterpretq_u32_u64(vzip1q_u64(t1, t3));
        v[4 * q + 3] = vreinterpretq_u32_u64(vzip2q_u64(t1, t3));
    }
}

#define ADD_8(a, b)     vaddq_u8(a, vreinterpretq_u8_u32(b))
#define SUB_8(a, b)     vsubq_u8(a, vreinterpretq_u8_u32(b))
#define IN_U16(f, a, b) vreinterpretq_u8_u16(f(vreinterpretq_u16_u8(a), vreinterpretq_u16_u32(b)))
#define IN_U32(f, a, b) vreinterpretq_u8_u32(f(vreinterpretq_u32_u8(a), b))
#define IN_U64(f, a, b) vreinterpretq_u8_u64(f(vreinterpretq_u64_u8(a), vreinterpretq_u64_u32(b)))
#define ADD_16(a, b)    IN_U16(vaddq_u16, a, b)
#define SUB_16(a, b)    IN_U16(vsubq_u16, a, b)
#define ADD_32(a, b)    IN_U32(vaddq_u32, a, b)
#define SUB_32(a, b)    IN_U32(vsubq_u32, a, b)
#define ADD_64(a, b)    IN_U64(vaddq_u64, a, b)
#define SUB_64(a, b)    IN_U64(vsubq_u64, a, b)

/* Loads and stores bytes: any alignment. */
#define PUT_ALL(make)                                                                              \
    do {                                                                                           \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < 16; i++)                                   \
        {                                                                                          \
            uint8_t *at = bytes + 64 * (i % 4) + 16 * (i / 4);                                     \
            vst1q_u8(at, make(vld1q_u8(at), v[i]));                                                \
        }                                                                                          \
    } while (0)

/* how: lane bits, plus 1 to subtract. */
static inline __attribute__((always_inline)) void turn(uint8_t *bytes, const uint32_t state[16],
                                                       uint32_t how)
{
    uint32x4_t v[16];
    blocks(v, state);
    switch (how) {
    case 8:
        PUT_ALL(ADD_8);
        break;
    case 9:
        PUT_ALL(SUB_8);
        break;
    case 16:
        PUT_ALL(ADD_16);
        break;
    case 17:
        PUT_ALL(SUB_16);
        break;
    case 32:
        PUT_ALL(ADD_32);
        break;
    case 33:
        PUT_ALL(SUB_32);
        break;
    case 64:
        PUT_ALL(ADD_64);
        break;
    case 65:
        PUT_ALL(SUB_64);
        break;
    default:
        FEDLI_CHECK(false);
    }
}

static inline __attribute__((always_inline)) void turn_stream(uint8_t *out,
                                                              const uint32_t state[16])
{
    uint32x4_t v[16];
    blocks(v, state);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        vst1q_u8(out + 64 * (i % 4) + 16 * (i / 4), vreinterpretq_u8_u32(v[i]));
    }
}

static void stream_neon(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter)
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
        stream_neon(keystream, count, key, counter);
        fedli_prg_lanes(bytes, keystream, size, 24, subtract);
        bytes += size;
        counter += (uint32_t)count;
        block_count -= count;
    }
    fedli_wipe(keystream, sizeof keystream);
}

static void add_neon(uint8_t *bytes, size_t block_count, const uint8_t key[32], uint32_t counter,
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

const fedli_prg fedli_prg_neon = {"neon", add_neon, stream_neon};
