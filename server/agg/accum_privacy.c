/* SPDX-License-Identifier: Apache-2.0 */
/* What privacy does to a finished sum: turning rotated coordinates back, and central noise. */
#include "agg/accum.h"
#include "base/fixed.h"
#include "base/secret.h"
#include "update/gaussian.h"
#include "update/rotate.h"

#define BLOCK FEDLI_ROTATE_BLOCK

static void set_word(fedl_accum *accum, uint32_t index, int64_t value)
{
    const int64_t high = ((int64_t)1 << (accum->ring_bits - 1)) - 1;
    const int64_t cut = fedli_clamp_i64(value, -high, high);
    if (accum->ring_bits == 8) {
        ((uint8_t *)accum->words)[index] = (uint8_t)cut;
    } else if (accum->ring_bits == 16) {
        ((uint16_t *)accum->words)[index] = (uint16_t)cut;
    } else { /* 24-bit rings keep 32 bits and read the low 24 */
        ((uint32_t *)accum->words)[index] = (uint32_t)cut;
    }
}

void fedl_accum_unrotate(fedl_accum *accum, uint32_t seed)
{
    for (uint32_t first = 0; first + BLOCK <= accum->word_count; first += BLOCK) {
        int64_t values[BLOCK]; /* |sum| ≤ 2^31, 256 of them ≤ 2^39 */
        for (uint32_t i = 0; i < BLOCK; i++) {
            values[i] = fedl_accum_sum(accum, first + i);
        }
        fedli_rotate_hadamard(values);
        fedli_rotate_signs(values, seed, first);
        for (uint32_t i = 0; i < BLOCK; i++) {
            const int64_t half = (int64_t)1 << (FEDLI_ROTATE_SHIFT - 1);
            const int64_t magnitude =
                ((int64_t)fedli_abs_u64(values[i]) + half) >> FEDLI_ROTATE_SHIFT;
            set_word(accum, first + i, values[i] < 0 ? -magnitude : magnitude);
        }
        fedli_wipe(values, sizeof values);
    }
}

void fedl_accum_noise_bit(fedl_accum *accum, uint32_t sigma2_q8, fedl_keystream_fn stream,
                          const uint8_t key[32])
{
    accum->tail[FEDL_TAIL_CLIPPED] += (uint64_t)(int64_t)fedli_noise_bit(sigma2_q8, stream, key);
}

void fedl_accum_noise(fedl_accum *accum, uint32_t sigma2_q8, fedl_keystream_fn stream,
                      const uint8_t key[32])
{
    for (uint32_t i = 0; i < accum->word_count; i++) {
        int32_t noise = 0;
        fedli_noise_add(&noise, i, 1, sigma2_q8, stream, key);
        set_word(accum, i, fedl_accum_sum(accum, i) + noise);
    }
}
