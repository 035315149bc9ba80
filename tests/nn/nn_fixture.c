/* SPDX-License-Identifier: Apache-2.0 */
#include "nn_fixture.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

fedl_model_spec fixture_spec(uint32_t input_count, uint32_t hidden, uint32_t outputs,
                             fedl_loss_kind loss)
{
    fedl_model_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.input_count = input_count;
    spec.input_exp = -6;
    spec.loss = loss;
    if (hidden > 0) {
        spec.layers[spec.layer_count++] = (fedl_layer_spec){FEDL_LAYER_DENSE, hidden, -14};
        spec.layers[spec.layer_count++] = (fedl_layer_spec){FEDL_LAYER_RELU, 0, 0};
    }
    spec.layers[spec.layer_count++] = (fedl_layer_spec){FEDL_LAYER_DENSE, outputs, -13};
    return spec;
}

void fixture_model_open(fixture_model *fixture, const fedl_model_spec *spec,
                        uint32_t batch_rows_max, uint32_t seed)
{
    const fedl_model_config config = {.spec = *spec, .batch_rows_max = batch_rows_max};
    const size_t size = fedl_model_size(&config);
    MUST(size > 0);
    fixture->block = malloc(size);
    MUST(fixture->block != NULL);
    memset(fixture->block, 0xa5, size);
    MUST(fedl_model_init(&fixture->model, &config, fixture->block, size) == FEDL_OK);
    fedl_model_randomise(&fixture->model, seed);
}

void fixture_model_close(fixture_model *fixture)
{
    free(fixture->block);
    fixture->block = NULL;
}

/* Roughly uniform in [−range, range]. */
static int32_t noise(uint32_t seed, uint32_t index, uint32_t range)
{
    return (int32_t)(fedli_mix32(seed + index) % (2u * range + 1u)) - (int32_t)range;
}

static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    fixture_rows *rows = (fixture_rows *)context;
    const uint32_t outputs = fedl_model_output_count(&rows->spec);
    const uint32_t row_seed = fedli_mix32(fedli_mix32(rows->seed) + row);
    rows->read_count++;
    if (row == rows->fail_row && rows->fail_status != FEDL_OK) {
        return rows->fail_status;
    }
    const bool classes = rows->spec.loss == FEDL_LOSS_SOFTMAX_CE;
    const uint32_t label = row_seed % outputs;
    for (uint32_t k = 0; k < rows->spec.input_count; k++) {
        const int32_t centre = classes ? noise(fedli_mix32(label + 77u), k, 50) : 0;
        input[k] = (int8_t)(centre + noise(row_seed, k + 1u, 60));
    }
    if (classes) {
        target[0] = (int32_t)label;
        return FEDL_OK;
    }
    for (uint32_t c = 0; c < outputs; c++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < rows->spec.input_count; k++) {
            sum += input[k] * noise(fedli_mix32(c + 99u), k, 40);
        }
        target[c] = sum * 4;
    }
    return FEDL_OK;
}

fedl_sample_source fixture_source(fixture_rows *rows, const fedl_model_spec *spec,
                                  uint32_t row_count, uint32_t seed)
{
    memset(rows, 0, sizeof *rows);
    rows->spec = *spec;
    rows->seed = seed;
    const fedl_sample_source source = {rows, row_count, read_row};
    return source;
}

uint64_t fixture_fnv(const void *data, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

fedl_bytes fixture_container(const fedl_model *model)
{
    const size_t size = fedl_container_size(fedl_model_spec_of(model));
    uint8_t *data = malloc(size);
    MUST(data != NULL);
    MUST(fedl_model_export(model, data, size) == FEDL_OK);
    return fedl_bytes_of(data, size);
}

void fixture_container_free(fedl_bytes container)
{
    free((void *)(uintptr_t)container.data);
}

uint64_t fixture_checksum(const fedl_model *model)
{
    const fedl_bytes bytes = fixture_container(model);
    const uint64_t hash = fixture_fnv(bytes.data, bytes.size);
    fixture_container_free(bytes);
    return hash;
}

fedl_status fixture_train(fedl_model *model, const fedl_sample_source *source, fedl_bytes reference,
                          const fedl_train_config *config, const fedl_train_seed *seed,
                          fedl_train_stats *stats)
{
    fedl_trainer trainer;
    fedl_status status = fedl_trainer_begin(&trainer, model, source, reference, config, seed);
    bool done = false;
    while (status == FEDL_OK && !done) {
        status = fedl_trainer_step(&trainer, &done);
    }
    if (status == FEDL_OK && stats != NULL) {
        *stats = *fedl_trainer_stats(&trainer);
    }
    return status;
}
