/* SPDX-License-Identifier: Apache-2.0 */
/* Whole vectors against those of an independent implementation (update_vectors.py), byte by byte.
 * They are frozen: a change here changes every digest in the field. */
#include "base/hex.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "update_fixture.h"
#include "update_vectors.h"

#include <string.h>

static void fill(update_fixture *fixture, uint32_t spread)
{
    for (uint32_t i = 0; i < fixture->count; i++) {
        const int32_t before = (int32_t)(fedli_mix32(2 * i + 1) % 20001u) - 10000;
        const int32_t step = (int32_t)(fedli_mix32(2 * i + 2) % (2 * spread + 1)) - (int32_t)spread;
        fixture_set(fixture, i, before, before + step);
    }
    fixture_load(fixture);
}

static void vectors_equal_the_independent_ones(void **state)
{
    (void)state;
    const uint32_t units[2] = {4, 2};
    const fedl_train_stats train = {.loss_sum_q16 = 1000};
    const fedl_eval_stats eval = {.row_count = 20, .correct_count = 10, .loss_sum_q16 = 3000};
    size_t truncated = 0;
    for (size_t v = 0; v < sizeof update_vectors / sizeof update_vectors[0]; v++) {
        const update_vector *vector = &update_vectors[v];
        const fedl_model_spec spec = fixture_spec(3, 2, units, vector->exps);
        update_fixture fixture;
        fixture_init(&fixture, &spec);
        fill(&fixture, vector->spread);
        fedl_update update;
        assert_int_equal(fedl_update_begin(&update, &fixture.model, fixture_reference(&fixture),
                                           &vector->config, &vector->seed, vector->row_count,
                                           &train, &eval),
                         FEDL_OK);
        assert_int_equal(update.truncate, vector->truncate);
        truncated += vector->truncate ? 1u : 0u;
        uint8_t expected[512];
        uint8_t got[512];
        const size_t size = fedl_update_vector_size(&vector->config, fixture.count);
        assert_true(size <= sizeof got && strlen(vector->hex) == 2 * size);
        assert_int_equal(fedli_hex_decode(expected, size, vector->hex), FEDL_OK);
        assert_int_equal(fedl_update_read(&update, got, 0, size), FEDL_OK);
        assert_memory_equal(got, expected, size);
        fixture_free(&fixture);
    }
    assert_in_range(truncated, 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_equal_the_independent_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
