/* SPDX-License-Identifier: Apache-2.0 */
/* trainer and evaluate at the edges of their inputs: ties, the value −128, exponents that leave
 * their range. */
#include "cmocka_all.h"
#include "nn/model_state.h"
#include "nn_fixture.h"

#include <string.h>

static const fedl_train_config plain = {
    .local_epochs = 2, .batch_rows = 4, .lr_q24 = FEDL_LR_ONE_Q24 / 10};
static const fedl_train_seed seed = {11, 3, 5};

static void ties_go_to_the_lower_index(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(6, 0, 3, FEDL_LOSS_SOFTMAX_CE);
    fixture_model m;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 0, 1);
    memset(m.model.state->layers[0].weights, 0, 18 * sizeof(int16_t));
    const fedl_sample_source source = fixture_source(&rows, &spec, 30, 1);
    uint64_t class_count[3] = {0};
    for (uint32_t row = 0; row < 30; row++) {
        int8_t input[6];
        int32_t target;
        assert_int_equal(source.read(source.context, row, input, &target), FEDL_OK);
        class_count[target]++;
    }
    assert_true(class_count[0] != class_count[2]);
    fedl_eval_stats stats = {0};
    assert_int_equal(fedl_model_evaluate(&m.model, &stats, &source, 0, 30), FEDL_OK);
    assert_int_equal(stats.correct_count, class_count[0]);
    /* 30 · ln 3 in Q16, rounded per row. */
    assert_in_range(stats.loss_sum_q16, 30 * 71999 - 60, 30 * 71999 + 60);
    /* Classes 1 and 2 tie above class 0: class 1 is the answer. */
    m.model.state->layers[0].biases[1] = 5;
    m.model.state->layers[0].biases[2] = 5;
    memset(&stats, 0, sizeof stats);
    assert_int_equal(fedl_model_evaluate(&m.model, &stats, &source, 0, 30), FEDL_OK);
    assert_int_equal(stats.correct_count, class_count[1]);
    fixture_model_close(&m);
}

/* Rows of one constant, which is the context. */
static fedl_status read_constant(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    memset(input, *(const int8_t *)context, 8);
    input[row % 8u] = 3;
    target[0] = (int32_t)(row % 3u);
    return FEDL_OK;
}

static void minus_128_counts_as_minus_127(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(8, 5, 3, FEDL_LOSS_SOFTMAX_CE);
    uint64_t checksums[2];
    uint64_t losses[2];
    int8_t constants[2] = {-127, -128};
    for (size_t i = 0; i < 2; i++) {
        fixture_model m;
        fixture_model_open(&m, &spec, 4, 1);
        const fedl_sample_source source = {&constants[i], 20, read_constant};
        fedl_eval_stats stats = {0};
        assert_int_equal(fedl_model_evaluate(&m.model, &stats, &source, 0, 20), FEDL_OK);
        losses[i] = stats.loss_sum_q16;
        assert_int_equal(
            fixture_train(&m.model, &source, fedl_bytes_of(NULL, 0), &plain, &seed, NULL), FEDL_OK);
        checksums[i] = fixture_checksum(&m.model);
        fixture_model_close(&m);
    }
    assert_true(losses[0] == losses[1]);
    assert_true(checksums[0] == checksums[1]);
}

static void an_exponent_beyond_its_range_is_divergence(void **state)
{
    (void)state;
    /* Inputs of 2^20 times weights of 2^−8 make hidden values of about 2^29: more than 127 · 2^20.
     */
    fedl_model_spec spec = fixture_spec(8, 5, 3, FEDL_LOSS_SOFTMAX_CE);
    spec.input_exp = 20;
    spec.layers[0].weight_exp = -8;
    spec.layers[2].weight_exp = -8;
    fixture_model m;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 4, 1);
    for (size_t i = 0; i < 40; i++) {
        m.model.state->layers[0].weights[i] = (int16_t)(i / 8 % 2 == 0 ? 4000 : -4000);
    }
    const fedl_sample_source source = fixture_source(&rows, &spec, 20, 1);
    fedl_train_config config = plain;
    config.lr_q24 = 1;
    fedl_trainer trainer;
    bool done = false;
    assert_int_equal(
        fedl_trainer_begin(&trainer, &m.model, &source, fedl_bytes_of(NULL, 0), &config, &seed),
        FEDL_OK);
    assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_ERR_DIVERGED);
    assert_false(done);
    /* It was the exponent, not the weights. */
    assert_int_equal(fedl_trainer_stats(&trainer)->saturated_count, 0);
    fixture_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_go_to_the_lower_index),
        cmocka_unit_test(minus_128_counts_as_minus_127),
        cmocka_unit_test(an_exponent_beyond_its_range_is_divergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
