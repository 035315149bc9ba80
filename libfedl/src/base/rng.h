/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counter-based pseudo-random numbers for everything that must come out the same everywhere:
 * dither, initialisation, shuffling, rounding, partitions. NOT for secrets: those come from the
 * crypto port.
 *
 * mix32 is the "lowbias32" finaliser (C. Wellons, hash-prospector, public domain): docs/numerics.md
 * §5.
 */
#ifndef FEDL_BASE_RNG_H
#define FEDL_BASE_RNG_H

#include <stdint.h>

static inline uint32_t fedli_mix32(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}

/** Seed of one device in one round: mix32(mix32(run_seed ^ round) ^ device_id). */
static inline uint32_t fedli_device_seed(uint32_t run_seed, uint32_t round, uint32_t device_id)
{
    return fedli_mix32(fedli_mix32(run_seed ^ round) ^ device_id);
}

/**
 * A stateless permutation of [0, count): position index of the shuffle that belongs to seed.
 *
 * A balanced Feistel network of 6 rounds over the smallest even number of bits that holds count,
 * walked along its cycle until the value falls below count (expected < 4 steps). Needs no memory,
 * so an MCU can shuffle any number of rows. index < count, 1 ≤ count ≤ 2^30.
 */
uint32_t fedli_shuffle_at(uint32_t seed, uint32_t index, uint32_t count);

/** A sequence of 32-bit numbers from a 64-bit seed (two mixed words per step), for host-side
 * choices. */
typedef struct fedli_rng {
    uint32_t key_low;
    uint32_t key_high;
    uint64_t counter;
} fedli_rng;

void fedli_rng_init(fedli_rng *rng, uint64_t seed);
uint32_t fedli_rng_u32(fedli_rng *rng);
/** Uniform in [0, bound), bound ≥ 1, by rejection: no modulo bias. */
uint32_t fedli_rng_below(fedli_rng *rng, uint32_t bound);

#endif
