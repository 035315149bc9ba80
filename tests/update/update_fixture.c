/* SPDX-License-Identifier: Apache-2.0 */
#include "update_fixture.h"

#include "base/cursor.h"
#include "base/rng.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

fedl_model_spec fixture_spec(uint32_t input_count, uint32_t dense_count, const uint32_t *units,
                             const int8_t *exps)
{
    fedl_model_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.input_count = input_count;
    spec.input_exp = -7;
    spec.loss = FEDL_LOSS_SOFTMAX_CE;
    for (uint32_t i = 0; i < dense_count; i++) {
        if (i > 0) {
            spec.layers[spec.layer_count++] = (fedl_layer_spec){.kind = FEDL_LAYER_RELU};
        }
        spec.layers[spec.layer_count++] =
            (fedl_layer_spec){.kind = FEDL_LAYER_DENSE, .units = units[i], .weight_exp = exps[i]};
    }
    assert_int_equal(fedl_model_spec_check(&spec), FEDL_OK);
    return spec;
}

static void *block_of(size_t bytes)
{
    /* cmocka's allocator does not promise the alignment that models ask for. */
    void *block = aligned_alloc(16, (bytes + 15u) & ~(size_t)15u);
    assert_non_null(block);
    return block;
}

void fixture_init(update_fixture *fixture, const fedl_model_spec *spec)
{
    fixture->spec = *spec;
    fixture->count = fedl_model_parameter_count(spec);
    fixture->container_bytes = fedl_container_size(spec);
    const fedl_model_config config = {.spec = *spec, .batch_rows_max = 0};
    const size_t model_bytes = fedl_model_size(&config);
    assert_true(model_bytes > 0);
    fixture->block = block_of(model_bytes);
    assert_int_equal(fedl_model_init(&fixture->model, &config, fixture->block, model_bytes),
                     FEDL_OK);
    uint8_t **sides[2] = {&fixture->before, &fixture->after};
    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes = block_of(fixture->container_bytes);
        memset(bytes, 0, fixture->container_bytes);
        assert_int_equal(fedl_container_header_encode(bytes, fixture->container_bytes, spec),
                         FEDL_OK);
        *sides[i] = bytes;
    }
    fixture_load(fixture);
}

void fixture_free(update_fixture *fixture)
{
    free(fixture->block);
    free(fixture->before);
    free(fixture->after);
}

fixture_place fixture_place_of(const update_fixture *fixture, uint32_t index)
{
    const fedl_model_spec *spec = &fixture->spec;
    size_t at = fedl_container_header_size(spec);
    uint32_t first = 0;
    uint32_t inputs = spec->input_count;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        const fedl_layer_spec *layer = &spec->layers[i];
        if (layer->kind != FEDL_LAYER_DENSE) {
            continue;
        }
        const uint32_t weights = inputs * layer->units;
        if (index < first + weights) {
            return (fixture_place){false, layer->weight_exp, at + 2 * (size_t)(index - first)};
        }
        at += 2 * (size_t)weights;
        first += weights;
        if (index < first + layer->units) {
            return (fixture_place){true, FEDL_BIAS_EXP, at + 4 * (size_t)(index - first)};
        }
        at += 4 * (size_t)layer->units;
        first += layer->units;
        inputs = layer->units;
    }
    fail_msg("no parameter %u", (unsigned)index);
    return (fixture_place){false, 0, 0};
}

static void put(uint8_t *container, fixture_place place, int32_t value)
{
    if (place.bias) {
        fedli_store_u32(container + place.byte_offset, (uint32_t)value);
    } else {
        const int32_t cut = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
        fedli_store_u16(container + place.byte_offset, (uint16_t)cut);
    }
}

static int64_t get(const uint8_t *container, fixture_place place)
{
    const uint8_t *p = container + place.byte_offset;
    return place.bias ? fedli_i32_of(fedli_load_u32(p)) : fedli_i16_of(fedli_load_u16(p));
}

void fixture_set(update_fixture *fixture, uint32_t index, int32_t before, int32_t after)
{
    const fixture_place place = fixture_place_of(fixture, index);
    put(fixture->before, place, before);
    put(fixture->after, place, after);
}

void fixture_randomise(update_fixture *fixture, uint32_t seed, uint32_t spread)
{
    fedli_rng rng;
    fedli_rng_init(&rng, seed);
    for (uint32_t i = 0; i < fixture->count; i++) {
        const int32_t before = (int32_t)fedli_rng_below(&rng, 20001) - 10000;
        const int32_t step = (int32_t)fedli_rng_below(&rng, 2 * spread + 1) - (int32_t)spread;
        fixture_set(fixture, i, before, before + step);
    }
    fixture_load(fixture);
}

void fixture_load(update_fixture *fixture)
{
    const fedl_bytes after = fedl_bytes_of(fixture->after, fixture->container_bytes);
    assert_int_equal(fedl_model_load(&fixture->model, after), FEDL_OK);
}

int64_t fixture_delta(const update_fixture *fixture, uint32_t index)
{
    const fixture_place place = fixture_place_of(fixture, index);
    const int64_t delta = get(fixture->after, place) - get(fixture->before, place);
    if (place.bias) {
        return delta > 131072 ? 131072 : delta < -131072 ? -131072 : delta;
    }
    return delta * ((int64_t)1 << (place.exp + 16));
}

fedl_bytes fixture_reference(const update_fixture *fixture)
{
    return fedl_bytes_of(fixture->before, fixture->container_bytes);
}

void fixture_begin(const update_fixture *fixture, fedl_update *update,
                   const fedl_update_config *cfg)
{
    const fedl_train_seed seed = {.run_seed = 7, .round = 3, .device_id = 11};
    assert_int_equal(fedl_update_begin(update, &fixture->model, fixture_reference(fixture), cfg,
                                       &seed, 100, NULL, NULL),
                     FEDL_OK);
}

fedl_update_config fixture_config(void)
{
    return (fedl_update_config){.clip_q16 = 65536,
                                .update_exp = -12,
                                .ring_bits = 16,
                                .clients_max = 10,
                                .w_unit = 20,
                                .w_max = 8};
}
