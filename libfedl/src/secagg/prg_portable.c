/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mask generator in plain C: one block at a time, for every processor. ChaCha20 (RFC 8439
 * §2.3) has no table and no branch on secrets, so this is constant time wherever 32-bit additions
 * and rotations are.
 *
 * Rejected: several blocks side by side, left to the compiler's vectoriser (gcc makes good code of
 * it for some targets only; the processors that gain have a backend of their own).
 */
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/prg_backend.h"

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define QUARTER_ROUND(a, b, c, d)                                                                  \
    do {                                                                                           \
        a += b;                                                                                    \
        d = ROTATE(d ^ a, 16);                                                                     \
        c += d;                                                                                    \
        b = ROTATE(b ^ c, 12);                                                                     \
        a += b;                                                                                    \
        d = ROTATE(d ^ a, 8);                                                                      \
        c += d;                                                                                    \
        b = ROTATE(b ^ c, 7);                                                                      \
    } while (0)

void fedli_prg_state(uint32_t state[16], const uint8_t key[32], uint32_t counter)
{
    state[0] = 0x61707865u;
    state[1] = 0x3320646eu;
    state[2] = 0x79622d32u;
    state[3] = 0x6b206574u;
    for (size_t i = 0; i < 8; i++) {
        state[4 + i] = fedli_load_u32(key + 4 * i);
    }
    state[12] = counter;
    state[13] = 0;
    state[14] = 0;
    state[15] = 0;
}

static void block_of(uint8_t out[FEDLI_PRG_BLOCK_BYTES], const uint32_t state[16])
{
    uint32_t x[16];
    for (size_t i = 0; i < 16; i++) {
        x[i] = state[i];
    }
    for (int i = 0; i < 10; i++) {
        QUARTER_ROUND(x[0], x[4], x[8], x[12]);
        QUARTER_ROUND(x[1], x[5], x[9], x[13]);
        QUARTER_ROUND(x[2], x[6], x[10], x[14]);
        QUARTER_ROUND(x[3], x[7], x[11], x[15]);
        QUARTER_ROUND(x[0], x[5], x[10], x[15]);
        QUARTER_ROUND(x[1], x[6], x[11], x[12]);
        QUARTER_ROUND(x[2], x[7], x[8], x[13]);
        QUARTER_ROUND(x[3], x[4], x[9], x[14]);
    }
    for (size_t i = 0; i < 16; i++) {
        fedli_store_u32(out + 4 * i, x[i] + state[i]);
    }
}

static void stream_portable(uint8_t *out, size_t block_count, const uint8_t key[32],
                            uint32_t counter)
{
    uint32_t state[16];
    fedli_prg_state(state, key, counter);
    for (size_t i = 0; i < block_count; i++) {
        block_of(out + i * FEDLI_PRG_BLOCK_BYTES, state);
        state[12]++;
    }
    fedli_wipe(state, sizeof state);
}

static void add_portable(uint8_t *bytes, size_t block_count, const uint8_t key[32],
                         uint32_t counter, uint32_t lane_bits, bool subtract)
{
    uint8_t keystream[3 * FEDLI_PRG_BLOCK_BYTES]; /* whole words of 24 bits */
    while (block_count > 0) {
        const size_t count = block_count < 3 ? block_count : 3;
        const size_t size = count * FEDLI_PRG_BLOCK_BYTES;
        stream_portable(keystream, count, key, counter);
        fedli_prg_lanes(bytes, keystream, size, lane_bits, subtract);
        bytes += size;
        counter += (uint32_t)count;
        block_count -= count;
    }
    fedli_wipe(keystream, sizeof keystream);
}

const fedli_prg fedli_prg_portable = {"portable", add_portable, stream_portable};
