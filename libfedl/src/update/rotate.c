/* SPDX-License-Identifier: Apache-2.0 */
#include "update/rotate.h"

#include "base/rng.h"

/* Sets the signs apart from rounding, dither and shuffles, which mix the run's seed in other ways.
 */
#define SIGN_SALT 0x5167e5u

uint32_t fedli_rotate_seed(uint32_t run_seed, uint32_t round)
{
    return fedli_mix32(fedli_mix32(run_seed ^ SIGN_SALT) ^ round);
}

void fedli_rotate_hadamard(int64_t values[FEDLI_ROTATE_BLOCK])
{
    for (uint32_t half = 1; half < FEDLI_ROTATE_BLOCK; half *= 2u) {
        for (uint32_t start = 0; start < FEDLI_ROTATE_BLOCK; start += 2u * half) {
            for (uint32_t i = start; i < start + half; i++) {
                const int64_t a = values[i];
                const int64_t b = values[i + half];
                values[i] = a + b;
                values[i + half] = a - b;
            }
        }
    }
}

void fedli_rotate_signs(int64_t values[FEDLI_ROTATE_BLOCK], uint32_t seed, uint32_t first)
{
    for (uint32_t i = 0; i < FEDLI_ROTATE_BLOCK; i++) {
        const int64_t sign = (int64_t)(fedli_mix32(seed + first + i) >> 31); /* 0 or 1 */
        values[i] = (values[i] ^ -sign) + sign;
    }
}
