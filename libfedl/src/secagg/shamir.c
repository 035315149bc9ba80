/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight field elements at a time, one in each byte of a uint64_t, with shifts and masks alone.
 *
 * Rejected: log and exp tables (their indices would be secret and show in the cache), and integer
 * multiplication even by constants (on some MCUs its time depends on the operands).
 */
#include "secagg/shamir.h"

#include "base/check.h"

#include <stdbool.h>
#include <string.h>

#define LANES     8u
#define LANE_ONES UINT64_C(0x0101010101010101)

static uint64_t load(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static void store(uint8_t *p, uint64_t word)
{
    memcpy(p, &word, sizeof word);
}

/* Every lane times x, reduced by 0x11B: 0x1B = 1 + 2 + 8 + 16 where a bit fell out. */
static inline uint64_t times_x(uint64_t a)
{
    const uint64_t out = a >> 7 & LANE_ONES;
    return (a & ~(LANE_ONES << 7)) << 1 ^ out ^ out << 1 ^ out << 3 ^ out << 4;
}

/* Lane by lane a · b. A lane of (ones << 8) − ones is 0xFF where that of ones is 1, else 0. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint32_t bit = 8; bit-- > 0;) {
        const uint64_t ones = b >> bit & LANE_ONES;
        product = times_x(product) ^ (a & ((ones << 8) - ones));
    }
    return product;
}

/* a^254 = a^(2 + 4 + … + 128), which is 1/a, and 0 for 0. */
static uint64_t invert(uint64_t a)
{
    uint64_t power = multiply(a, a);
    uint64_t inverse = power;
    for (int i = 0; i < 6; i++) {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    return inverse;
}

static uint64_t in_all_lanes(uint8_t a)
{
    uint64_t word = a;
    word |= word << 8;
    word |= word << 16;
    return word | word << 32;
}

uint8_t fedli_gf256_mul(uint8_t a, uint8_t b)
{
    return (uint8_t)multiply(a, b);
}

uint8_t fedli_gf256_inverse(uint8_t a)
{
    return (uint8_t)invert(a);
}

/* out = a · factor + b, size bytes each; out may be a or b. */
static void multiply_add(uint8_t *out, const uint8_t *a, uint8_t factor, const uint8_t *b,
                         size_t size)
{
    const uint64_t factors = in_all_lanes(factor);
    size_t i = 0;
    for (; i + LANES <= size; i += LANES) {
        store(out + i, multiply(load(a + i), factors) ^ load(b + i));
    }
    for (; i < size; i++) {
        out[i] = (uint8_t)(multiply(a[i], factor) ^ b[i]);
    }
}

void fedli_shamir_share(uint8_t *share, const uint8_t *secret, size_t size,
                        const uint8_t *coefficients, uint32_t t, uint8_t x)
{
    FEDLI_CHECK(t >= 1 && x != 0);
    if (t == 1) {
        memcpy(share, secret, size);
        return;
    }
    memcpy(share, coefficients + (size_t)(t - 2) * size, size);
    for (uint32_t i = t - 2; i-- > 0;) {
        multiply_add(share, share, x, coefficients + (size_t)i * size, size);
    }
    multiply_add(share, share, x, secret, size);
}

static fedl_status check_coordinates(const uint8_t *xs, uint32_t count)
{
    bool seen[256] = {false};
    if (count == 0 || count > 255) {
        return FEDL_ERR_RANGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (xs[i] == 0 || seen[xs[i]]) {
            return FEDL_ERR_RANGE;
        }
        seen[xs[i]] = true;
    }
    return FEDL_OK;
}

/* Coordinates are public: which of them a lane holds may be branched on. */
fedl_status fedli_shamir_weights(uint8_t *weights, const uint8_t *xs, uint32_t count, uint8_t at)
{
    const fedl_status status = check_coordinates(xs, count);
    if (status != FEDL_OK) {
        return status;
    }
    for (uint32_t i = 0; i < count; i += LANES) {
        const uint32_t lanes = count - i < LANES ? count - i : LANES;
        uint8_t mine[LANES] = {0};
        uint8_t result[LANES];
        memcpy(mine, xs + i, lanes);
        const uint64_t own = load(mine);
        uint64_t above = in_all_lanes(1);
        uint64_t below = above;
        for (uint32_t j = 0; j < count; j++) {
            /* The factor j = i of a lane is 1, above and below. */
            uint8_t skip[LANES] = {0};
            if (j >= i && j < i + lanes) {
                skip[j - i] = 0xff;
            }
            const uint64_t skipped = load(skip);
            const uint64_t one = skipped & LANE_ONES;
            const uint64_t other = in_all_lanes(xs[j]);
            above = multiply(above, ((in_all_lanes(at) ^ other) & ~skipped) | one);
            below = multiply(below, ((own ^ other) & ~skipped) | one);
        }
        store(result, multiply(above, invert(below)));
        memcpy(weights + i, result, lanes);
    }
    return FEDL_OK;
}

void fedli_shamir_combine(uint8_t *out, uint8_t weight, const uint8_t *share, size_t size)
{
    multiply_add(out, share, weight, out, size);
}
