/* SPDX-License-Identifier: Apache-2.0 */
#include "agg_fixture.h"

#include "base/cursor.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

fedl_model_spec agg_fixture_spec(void)
{
    fedl_model_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.input_count = 6;
    spec.input_exp = -7;
    spec.loss = FEDL_LOSS_SOFTMAX_CE;
    spec.layer_count = 3;
    spec.layers[0] = (fedl_layer_spec){.kind = FEDL_LAYER_DENSE, .units = 5, .weight_exp = -15};
    spec.layers[1] = (fedl_layer_spec){.kind = FEDL_LAYER_RELU};
    spec.layers[2] = (fedl_layer_spec){.kind = FEDL_LAYER_DENSE, .units = 3, .weight_exp = -8};
    return spec;
}

void *agg_fixture_block(size_t bytes)
{
    void *block = aligned_alloc(16, (bytes + 15u) & ~(size_t)15u);
    assert_non_null(block);
    return block;
}

void agg_fixture_init(agg_fixture *fixture, uint8_t ring_bits, uint32_t clients_max, uint32_t w_max)
{
    fixture->spec = agg_fixture_spec();
    fixture->update = (fedl_update_config){.clip_q16 = 65536,
                                           .update_exp = -12,
                                           .ring_bits = ring_bits,
                                           .clients_max = clients_max,
                                           .w_unit = 0,
                                           .w_max = w_max};
    assert_int_equal(fedl_update_config_check(&fixture->update, &fixture->spec), FEDL_OK);
    fixture->count = fedl_model_parameter_count(&fixture->spec);
    fixture->vector_bytes = fedl_update_vector_size(&fixture->update, fixture->count);
    const size_t accum_bytes = fedl_accum_size(&fixture->update, fixture->count);
    fixture->accum_block = agg_fixture_block(accum_bytes);
    assert_int_equal(fedl_accum_init(&fixture->accum, &fixture->update, fixture->count,
                                     fixture->accum_block, accum_bytes),
                     FEDL_OK);
    const size_t master_bytes = fedl_master_size(&fixture->spec);
    fixture->master_block = agg_fixture_block(master_bytes);
    assert_int_equal(
        fedl_master_init(&fixture->master, &fixture->spec, fixture->master_block, master_bytes),
        FEDL_OK);
}

void agg_fixture_free(agg_fixture *fixture)
{
    free(fixture->accum_block);
    free(fixture->master_block);
}

void agg_fixture_put(const agg_fixture *fixture, uint8_t *vector, uint32_t index, int64_t value)
{
    const size_t word_bytes = fixture->update.ring_bits / 8u;
    for (size_t b = 0; b < word_bytes; b++) {
        vector[index * word_bytes + b] = (uint8_t)((uint64_t)value >> (8 * b));
    }
}

static uint8_t *tail_of(const agg_fixture *fixture, uint8_t *vector)
{
    return vector + fixture->vector_bytes - 64u;
}

void agg_fixture_honest(const agg_fixture *fixture, uint8_t *vector, fedli_rng *rng,
                        uint32_t weight)
{
    const int64_t q_max = fedl_update_q_max(&fixture->update);
    memset(vector, 0, fixture->vector_bytes);
    for (uint32_t i = 0; i < fixture->count; i++) {
        const int64_t z = (int64_t)fedli_rng_below(rng, (uint32_t)(2 * q_max + 1)) - q_max;
        agg_fixture_put(fixture, vector, i, z * weight);
    }
    uint8_t *tail = tail_of(fixture, vector);
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        fedli_store_u64(tail + 8 * i, fedli_rng_u32(rng));
    }
    fedli_store_u64(tail, weight);
}

void agg_fixture_liar(const agg_fixture *fixture, uint8_t *vector, fedli_rng *rng, uint32_t weight)
{
    for (size_t i = 0; i < fixture->vector_bytes; i++) {
        vector[i] = (uint8_t)fedli_rng_u32(rng);
    }
    fedli_store_u64(tail_of(fixture, vector), weight);
}

void agg_fixture_random_master(agg_fixture *fixture, fedli_rng *rng)
{
    for (uint32_t i = 0; i < fixture->count; i++) {
        fixture->master.words[i] = fedli_i32_of(fedli_rng_u32(rng));
    }
}
