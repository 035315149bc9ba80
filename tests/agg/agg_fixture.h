/* SPDX-License-Identifier: Apache-2.0 */
/* A master copy, an accumulator and random client vectors. Errors end the test. */
#ifndef FEDL_TESTS_AGG_FIXTURE_H
#define FEDL_TESTS_AGG_FIXTURE_H

#include "agg/agg.h"
#include "base/rng.h"

typedef struct agg_fixture {
    fedl_model_spec spec;
    fedl_update_config update;
    uint32_t count; /* parameters */
    size_t vector_bytes;
    fedl_accum accum;
    fedl_master master;
    void *accum_block;
    void *master_block;
} agg_fixture;

/** 6 – 5 – ReLU – 3 with weight exponents −15 and −8: 53 parameters. */
fedl_model_spec agg_fixture_spec(void);
void agg_fixture_init(agg_fixture *fixture, uint8_t ring_bits, uint32_t clients_max,
                      uint32_t w_max);
void agg_fixture_free(agg_fixture *fixture);
/** A new 16-byte aligned block; free() it. */
void *agg_fixture_block(size_t bytes);
/** Sets word index of a vector to value mod 2^b. */
void agg_fixture_put(const agg_fixture *fixture, uint8_t *vector, uint32_t index, int64_t value);
/** An honest client's vector: weight w, every |x| ≤ w·q_max, random counts in the tail. */
void agg_fixture_honest(const agg_fixture *fixture, uint8_t *vector, fedli_rng *rng,
                        uint32_t weight);
/** Anything at all in body and padding; weight w in the tail. */
void agg_fixture_liar(const agg_fixture *fixture, uint8_t *vector, fedli_rng *rng, uint32_t weight);
/** Random words over the whole int32 range. */
void agg_fixture_random_master(agg_fixture *fixture, fedli_rng *rng);

#endif
