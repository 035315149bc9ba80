/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include "base/check.h"
#include "base/fixed.h"

#define SHUFFLE_ROUNDS 6u

static uint32_t feistel(uint32_t seed, uint32_t value, int32_t half_bits)
{
    const uint32_t mask = ((uint32_t)1 << half_bits) - 1u;
    uint32_t left = value >> half_bits;
    uint32_t right = value & mask;
    for (uint32_t round = 0; round < SHUFFLE_ROUNDS; round++) {
        const uint32_t key = fedli_mix32(seed + 0x9e3779b9u * (round + 1u));
        const uint32_t next = left ^ (fedli_mix32(key ^ right) & mask);
        left = right;
        right = next;
    }
    return (left << half_bits) | right;
}

uint32_t fedli_shuffle_at(uint32_t seed, uint32_t index, uint32_t count)
{
    FEDLI_CHECK(index < count && count <= ((uint32_t)1 << 30));
    if (count == 1) {
        return 0;
    }
    const int32_t bits = fedli_bitlen_u32(count - 1u);
    const int32_t half_bits = (bits + 1) / 2;
    uint32_t value = index;
    /* The walk ends: the network permutes [0, 4^half) and index itself lies on its cycle. */
    do {
        value = feistel(seed, value, half_bits);
    } while (value >= count);
    return value;
}

void fedli_rng_init(fedli_rng *rng, uint64_t seed)
{
    rng->key_low = fedli_mix32((uint32_t)seed ^ 0x5bd1e995u);
    rng->key_high = fedli_mix32((uint32_t)(seed >> 32) + rng->key_low);
    rng->counter = 0;
}

uint32_t fedli_rng_u32(fedli_rng *rng)
{
    const uint32_t low = (uint32_t)rng->counter;
    const uint32_t high = (uint32_t)(rng->counter >> 32);
    rng->counter++;
    return fedli_mix32(fedli_mix32(low ^ rng->key_low) + rng->key_high + high * 0x9e3779b9u);
}

uint32_t fedli_rng_below(fedli_rng *rng, uint32_t bound)
{
    FEDLI_CHECK(bound >= 1);
    /* Numbers below threshold would make some residues one more likely than others. */
    const uint32_t threshold = (0u - bound) % bound;
    uint32_t x;
    do {
        x = fedli_rng_u32(rng);
    } while (x < threshold);
    return x % bound;
}
