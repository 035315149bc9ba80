/* SPDX-License-Identifier: Apache-2.0 */
#include "update/update_noised.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/fixed.h"
#include "base/secret.h"
#include "fedl/plan.h"
#include "update/clip.h"
#include "update/delta.h"
#include "update/gaussian.h"
#include "update/pack.h"
#include "update/rotate.h"
#include "update/update_stream.h"

#include <string.h>

#define BLOCK         FEDLI_ROTATE_BLOCK
#define TRIES_MAX     1000u
#define ROUNDING_BASE 0x80000000u
#define TRY_BLOCKS    65536u /* 2^20 words of 32 bits */

/* Clipped deltas of words first …, zeros behind the last parameter: |value| < 2^28. */
static void load_block(const fedl_update *update, int64_t values[BLOCK], uint32_t first)
{
    const uint32_t total = fedl_model_parameter_count(fedl_model_spec_of(update->model));
    const uint32_t count = first >= total ? 0 : total - first < BLOCK ? total - first : BLOCK;
    int32_t deltas[BLOCK];
    memset(values, 0, BLOCK * sizeof values[0]);
    if (count == 0) {
        return;
    }
    fedli_update_stream stream;
    fedli_update_stream_init(&stream, update, first);
    fedli_update_stream_read(&stream, deltas, count);
    uint32_t factor_q15 = update->factor_q15;
    if (factor_q15 > FEDLI_CLIP_ONE_Q15) {
        fedli_clip_scale_up(deltas, count, factor_q15);
        factor_q15 = FEDLI_CLIP_ONE_Q15;
    }
    for (uint32_t i = 0; i < count; i++) {
        const int64_t magnitude = fedli_clip_scale(fedli_abs_u32(deltas[i]), factor_q15);
        values[i] = deltas[i] < 0 ? -magnitude : magnitude;
    }
    fedli_wipe(deltas, sizeof deltas);
}

/* z = sign · ⌊(|v| + r) / 2^shift⌋, r uniform in [0, 2^shift) from the secret stream; cut at q_max.
 * shift ≤ 12 + 4. |v| < 2^36: |z| < 2^40 before the cut. */
static void round_block(const fedl_update *update, int32_t out[BLOCK], const int64_t values[BLOCK],
                        uint32_t first, int32_t shift)
{
    uint8_t random[BLOCK * 4u];
    update->stream(random, sizeof random / 64u, update->noise_key,
                   ROUNDING_BASE + update->rounding_try * TRY_BLOCKS + first / 16u);
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint64_t magnitude = fedli_abs_u64(values[i]);
        if (shift > 0) {
            magnitude = (magnitude + (fedli_load_u32(random + 4u * i) >> (32 - shift))) >> shift;
        } else {
            magnitude <<= -shift;
        }
        if (magnitude > update->q_max) {
            magnitude = update->q_max;
        }
        out[i] = values[i] < 0 ? -(int32_t)magnitude : (int32_t)magnitude;
    }
    fedli_wipe(random, sizeof random);
}

/* The rounded words first … first + 255, still without noise. first is a multiple of 256. */
static void make_block(const fedl_update *update, int32_t out[BLOCK], uint32_t first)
{
    int64_t values[BLOCK];
    int32_t shift = update->config.update_exp - FEDLI_DELTA_EXP;
    load_block(update, values, first);
    if (update->config.rotate) {
        fedli_rotate_signs(values, update->rotate_seed, first);
        fedli_rotate_hadamard(values);
        shift += FEDLI_ROTATE_SHIFT;
    }
    round_block(update, out, values, first, shift);
    fedli_wipe(values, sizeof values);
}

static uint32_t word_count_of(const fedl_update *update)
{
    return fedl_update_word_count(&update->config,
                                  fedl_model_parameter_count(fedl_model_spec_of(update->model)));
}

/* Σ z² of the whole vector; |z| ≤ q_max < 2^31 and 2^20 words could pass 2^64: it stops early. */
static bool bound_holds(const fedl_update *update, uint64_t bound_q16)
{
    const uint32_t total = word_count_of(update);
    const uint64_t bound = bound_q16 >> 16;
    uint64_t sum = 0;
    for (uint32_t first = 0; first < total; first += BLOCK) {
        int32_t words[BLOCK];
        make_block(update, words, first);
        for (uint32_t i = 0; i < BLOCK && sum <= bound; i++) {
            const uint64_t z = fedli_abs_u32(words[i]);
            sum += z * z; /* bound < 2^42 and z² < 2^62: no overflow */
        }
        fedli_wipe(words, sizeof words);
        if (sum > bound) {
            return false;
        }
    }
    return true;
}

/* Adaptive clipping: whether the norm was above the bound, and noise of the same key. */
static void noise_bit(fedl_update *update)
{
    int32_t bit = fedli_update_is_above(update) ? 1 : 0;
    if (update->config.bit_sigma2_q8 != 0) {
        bit += fedli_noise_bit(update->config.bit_sigma2_q8, update->stream, update->noise_key);
    }
    update->tail[FEDL_TAIL_CLIPPED] = (uint64_t)(int64_t)bit;
    fedli_wipe(&bit, sizeof bit);
}

fedl_status fedl_update_protect(fedl_update *update, fedl_keystream_fn stream,
                                const uint8_t noise_key[32])
{
    const uint32_t count = fedl_model_parameter_count(fedl_model_spec_of(update->model));
    if (update->config.noise_sigma2_q8 == 0) {
        return FEDL_ERR_STATE;
    }
    const uint64_t bound_q16 = fedl_privacy_bound_q16(&update->config, count);
    update->noised = false;
    update->stream = stream;
    memcpy(update->noise_key, noise_key, sizeof update->noise_key);
    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        update->rounding_try = i;
        if (bound_holds(update, bound_q16)) {
            update->noised = true;
            noise_bit(update);
            return FEDL_OK;
        }
    }
    fedli_wipe(update->noise_key, sizeof update->noise_key);
    return FEDL_ERR_RANGE;
}

void fedli_noised_read(const fedl_update *update, uint8_t *out, size_t at, size_t end)
{
    const size_t word_bytes = update->config.ring_bits / 8u;
    FEDLI_CHECK(update->noised);
    while (at < end) {
        int32_t words[BLOCK];
        uint8_t bytes[BLOCK * 4u];
        const uint32_t first = (uint32_t)(at / word_bytes) / BLOCK * BLOCK;
        const size_t begin = first * word_bytes;
        make_block(update, words, first);
        fedli_noise_add(words, first, BLOCK, update->config.noise_sigma2_q8, update->stream,
                        update->noise_key);
        fedli_pack(bytes, words, BLOCK, 1, update->config.ring_bits);
        const size_t stop = begin + BLOCK * word_bytes < end ? begin + BLOCK * word_bytes : end;
        memcpy(out, bytes + (at - begin), stop - at);
        out += stop - at;
        at = stop;
        fedli_wipe(words, sizeof words);
        fedli_wipe(bytes, sizeof bytes);
    }
}
