/* SPDX-License-Identifier: Apache-2.0 */
#include "update/gaussian.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/fixed.h"
#include "base/secret.h"

#define BUFFER_WORDS (FEDLI_NOISE_BUFFER * 8u)
#define SIGMA2_ONE   256u    /* σ² = 1, Q8 */
#define Y_END_COARSE 131072u /* 32 · 4096 */

void fedli_noise_bits_init(fedli_noise_bits *bits, fedl_keystream_fn stream, const uint8_t key[32],
                           uint32_t block)
{
    bits->stream = stream;
    bits->key = key;
    bits->block = block;
    bits->used = BUFFER_WORDS;
}

static uint64_t next_word(fedli_noise_bits *bits)
{
    if (bits->used == BUFFER_WORDS) {
        bits->stream(bits->buffer, FEDLI_NOISE_BUFFER, bits->key, bits->block);
        bits->block += FEDLI_NOISE_BUFFER;
        bits->used = 0;
    }
    const uint64_t word = fedli_load_u64(bits->buffer + 8u * bits->used);
    bits->used++;
    return word;
}

uint64_t fedli_noise_below(fedli_noise_bits *bits, uint64_t bound)
{
    FEDLI_CHECK(bound >= 1 && bound <= (UINT64_C(1) << 62));
    /* The smallest 2^k − 1 ≥ bound − 1: more than half of all tries hit. */
    const int32_t length = fedli_bitlen_u64(bound - 1u);
    const uint64_t mask = length == 0 ? 0 : UINT64_MAX >> (64 - length);
    uint64_t value;
    do {
        value = next_word(bits) & mask;
    } while (value >= bound);
    return value;
}

/* Algorithm 1 for 0 ≤ p/q ≤ 1: the parity of the first k at which a coin of p / (q·k) fails. k is
 * below 60 but with probability 1/60!, and q·k stays below 2^62. */
static bool bernoulli_exp_small(fedli_noise_bits *bits, uint64_t p, uint64_t q)
{
    uint64_t k = 1;
    while (k < 60u && fedli_noise_below(bits, q * k) < p) {
        k++;
    }
    return k % 2u == 1u;
}

bool fedli_noise_bernoulli_exp(fedli_noise_bits *bits, uint64_t p, uint64_t q)
{
    for (; p > q; p -= q) {
        if (!bernoulli_exp_small(bits, 1, 1)) {
            return false; /* p/q may be large, but each step goes on with e^-1 only */
        }
    }
    return bernoulli_exp_small(bits, p, q);
}

/* Algorithm 2, discrete Laplace of scale t: P(y) ∝ exp(−|y| / t). Magnitude and sign. */
static uint64_t laplace(fedli_noise_bits *bits, uint64_t t, bool *negative)
{
    for (;;) {
        const uint64_t u = fedli_noise_below(bits, t);
        if (!fedli_noise_bernoulli_exp(bits, u, t)) {
            continue;
        }
        uint64_t v = 0;
        while (bernoulli_exp_small(bits, 1, 1)) {
            v++;
        }
        const uint64_t magnitude = u + t * v;
        *negative = fedli_noise_below(bits, 2) == 1u;
        if (magnitude != 0 || !*negative) { /* zero has one sign only */
            return magnitude;
        }
    }
}

int32_t fedli_noise_sample(fedli_noise_bits *bits, uint32_t sigma2_q8)
{
    FEDLI_CHECK(sigma2_q8 >= 1 && (sigma2_q8 <= FEDL_SIGMA2_Q8_MAX || sigma2_q8 % SIGMA2_ONE == 0));
    /* σ² = n/unit, t = ⌊σ⌋ + 1: keep y with probability exp(−(|y| − σ²/t)² / 2σ²), which is
     * exp(−(unit·t·|y| − n)² / (2·unit·n·t²)). Up to σ = 256: unit = 256, t ≤ 257, n ≤ 2^24; above
     * unit = 1, t ≤ 2^12, n < 2^24. */
    const bool coarse = sigma2_q8 > FEDL_SIGMA2_Q8_MAX;
    const uint64_t unit = coarse ? 1u : SIGMA2_ONE;
    const uint64_t n = coarse ? sigma2_q8 / SIGMA2_ONE : sigma2_q8;
    const uint64_t t = (uint64_t)fedli_isqrt_u64(sigma2_q8 / SIGMA2_ONE) + 1u;
    const uint64_t q = 2u * unit * n * t * t; /* ≤ 2^9 · 2^24 · 2^16.02 or 2 · 2^24 · 2^24 */
    const uint64_t y_end = coarse ? Y_END_COARSE : FEDLI_NOISE_END;
    for (;;) {
        bool negative = false;
        const uint64_t y = laplace(bits, t, &negative);
        if (y >= y_end) {
            continue; /* from 32 σ on: kept with probability exp(−480) at most */
        }
        const uint64_t scaled = unit * t * y; /* < 2^30.1 or ≤ 2^29 */
        const uint64_t distance = scaled > n ? scaled - n : n - scaled;
        if (fedli_noise_bernoulli_exp(bits, distance * distance, q)) { /* < 2^61 */
            return negative ? -(int32_t)y : (int32_t)y;
        }
    }
}

void fedli_noise_add(int32_t *values, uint32_t first, uint32_t count, uint32_t sigma2_q8,
                     fedl_keystream_fn stream, const uint8_t key[32])
{
    fedli_noise_bits bits;
    FEDLI_CHECK(first <= FEDL_PARAMETERS_MAX && count <= FEDL_PARAMETERS_MAX - first);
    for (uint32_t i = 0; i < count; i++) {
        fedli_noise_bits_init(&bits, stream, key, (first + i) * FEDLI_NOISE_BLOCKS);
        values[i] += fedli_noise_sample(&bits, sigma2_q8);
    }
    fedli_wipe(&bits, sizeof bits);
}

int32_t fedli_noise_bit(uint32_t sigma2_q8, fedl_keystream_fn stream, const uint8_t key[32])
{
    fedli_noise_bits bits;
    /* Words end where this begins, at 2^30; rounding begins at 2^31. */
    fedli_noise_bits_init(&bits, stream, key, FEDL_PARAMETERS_MAX * FEDLI_NOISE_BLOCKS);
    const int32_t sample = fedli_noise_sample(&bits, sigma2_q8);
    fedli_wipe(&bits, sizeof bits);
    return sample;
}
