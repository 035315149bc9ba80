/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole training runs against checksums from a second implementation (nn_vectors.py), so that the
 * same numbers come out of every compiler, build type and platform.
 */
#include "base/rng.h"
#include "cmocka_all.h"
#include "nn_fixture.h"

typedef struct nn_vector {
    const char *name;
    fedl_model_spec spec;
    uint32_t row_count;
    fedl_train_config config;
    fedl_train_seed seed;
    uint64_t initial_checksum;
    uint64_t trained_checksum;
    uint64_t loss_sum_q16;
    uint64_t update_count;
    uint64_t saturated_count;
} nn_vector;

#include "nn_vectors.h"

#define DATA_SEED 5u

static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const fedl_model_spec *spec = (const fedl_model_spec *)context;
    const uint32_t outputs = fedl_model_output_count(spec);
    const uint32_t seed = fedli_mix32(DATA_SEED + row);
    for (uint32_t k = 0; k < spec->input_count; k++) {
        input[k] = (int8_t)((int32_t)(fedli_mix32(seed + k) % 255u) - 127);
    }
    if (spec->loss == FEDL_LOSS_SOFTMAX_CE) {
        target[0] = (int32_t)(fedli_mix32(seed + 70000u) % outputs);
        return FEDL_OK;
    }
    for (uint32_t c = 0; c < outputs; c++) {
        target[c] = (int32_t)(fedli_mix32(seed + 70000u + c) % 131072u) - 65536;
    }
    return FEDL_OK;
}

static void trained_models_equal_the_second_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nn_vectors / sizeof nn_vectors[0]; i++) {
        const nn_vector *v = &nn_vectors[i];
        fedl_model_spec spec = v->spec;
        fixture_model m;
        fedl_train_stats stats = {0};
        print_message("%s\n", v->name);
        fixture_model_open(&m, &spec, v->config.batch_rows, 42);
        assert_true(fixture_checksum(&m.model) == v->initial_checksum);
        const fedl_sample_source source = {&spec, v->row_count, read_row};
        const fedl_bytes start = fixture_container(&m.model);
        assert_int_equal(fixture_train(&m.model, &source, start, &v->config, &v->seed, &stats),
                         FEDL_OK);
        assert_true(stats.loss_sum_q16 == v->loss_sum_q16);
        assert_true(stats.update_count == v->update_count);
        assert_true(stats.saturated_count == v->saturated_count);
        assert_true(fixture_checksum(&m.model) == v->trained_checksum);
        fixture_container_free(start);
        fixture_model_close(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trained_models_equal_the_second_implementation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
