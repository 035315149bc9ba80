/* SPDX-License-Identifier: Apache-2.0 */
/* model_spec, model, randomise, forward. */
#include "base/rng.h"
#include "cmocka_all.h"
#include "nn/model_state.h"
#include "nn_fixture.h"

#include <stdlib.h>
#include <string.h>

static void sound_specs_pass_and_are_counted(void **state)
{
    (void)state;
    const fedl_model_spec mlp = fixture_spec(784, 64, 10, FEDL_LOSS_SOFTMAX_CE);
    assert_int_equal(fedl_model_spec_check(&mlp), FEDL_OK);
    assert_int_equal(fedl_model_output_count(&mlp), 10);
    assert_int_equal(fedl_model_parameter_count(&mlp), 785 * 64 + 65 * 10);
    const fedl_model_spec linear = fixture_spec(3, 0, 1, FEDL_LOSS_MSE);
    assert_int_equal(fedl_model_spec_check(&linear), FEDL_OK);
    assert_int_equal(fedl_model_parameter_count(&linear), 4);
    assert_true(fedl_model_spec_equal(&mlp, &mlp));
    assert_false(fedl_model_spec_equal(&mlp, &linear));
    /* The largest allowed: 65535 · 16 weights and 16 biases are 2^20. */
    const fedl_model_spec wide = fixture_spec(65535, 0, 16, FEDL_LOSS_MSE);
    assert_int_equal(fedl_model_spec_check(&wide), FEDL_OK);
    assert_int_equal(fedl_model_parameter_count(&wide), FEDL_PARAMETERS_MAX);
}

static void spec_errors(void **state)
{
    (void)state;
    const fedl_model_spec good = fixture_spec(8, 4, 2, FEDL_LOSS_SOFTMAX_CE);
    fedl_model_spec bad;
#define REFUSED(change, expected)                                                                  \
    do {                                                                                           \
        bad = good;                                                                                \
        change;                                                                                    \
        assert_int_equal(fedl_model_spec_check(&bad), expected);                                   \
        const fedl_model_config config = {.spec = bad, .batch_rows_max = 1};                       \
        fedl_model model;                                                                          \
        static _Alignas(16) uint8_t block[4096];                                                   \
        assert_int_equal(fedl_model_size(&config), 0);                                             \
        assert_int_equal(fedl_model_init(&model, &config, block, sizeof block), expected);         \
    } while (0)
    REFUSED(bad.input_count = 0, FEDL_ERR_RANGE);
    REFUSED(bad.input_count = FEDL_UNITS_MAX + 1, FEDL_ERR_RANGE);
    REFUSED(bad.input_exp = -41, FEDL_ERR_RANGE);
    REFUSED(bad.input_exp = 21, FEDL_ERR_RANGE);
    REFUSED(bad.layer_count = 0, FEDL_ERR_RANGE);
    REFUSED(bad.layer_count = FEDL_LAYERS_MAX + 1, FEDL_ERR_RANGE);
    REFUSED(bad.loss = (fedl_loss_kind)0, FEDL_ERR_UNSUPPORTED);
    REFUSED(bad.loss = (fedl_loss_kind)9, FEDL_ERR_UNSUPPORTED);
    REFUSED(bad.layers[1].kind = (fedl_layer_kind)0, FEDL_ERR_UNSUPPORTED);
    REFUSED(bad.layers[0].units = 0, FEDL_ERR_RANGE);
    REFUSED(bad.layers[0].units = FEDL_UNITS_MAX + 1, FEDL_ERR_RANGE);
    REFUSED(bad.layers[0].weight_exp = -16, FEDL_ERR_RANGE);
    REFUSED(bad.layers[0].weight_exp = -7, FEDL_ERR_RANGE);
    REFUSED(bad.layers[1].units = 4, FEDL_ERR_RANGE);
    REFUSED(bad.layers[1].weight_exp = -14, FEDL_ERR_RANGE);
    REFUSED(bad.layers[2].units = 1, FEDL_ERR_RANGE);        /* softmax of one class */
    REFUSED(bad.layer_count = 2, FEDL_ERR_RANGE);            /* ends with ReLU */
    REFUSED(bad.layers[0] = good.layers[1], FEDL_ERR_RANGE); /* begins with ReLU */
    REFUSED(bad.layers[3] = good.layers[2]; bad.layers[2] = good.layers[1];
            bad.layer_count = 4, FEDL_ERR_RANGE); /* ReLU on ReLU */
    REFUSED(bad.input_count = 65536; bad.layers[0].units = 16, FEDL_ERR_RANGE);
    REFUSED(bad.input_count = 65536; bad.layers[0].units = 65536, FEDL_ERR_RANGE);
#undef REFUSED
    const fedl_model_config config = {.spec = good, .batch_rows_max = FEDL_BATCH_ROWS_MAX + 1};
    static _Alignas(16) uint8_t block[64];
    fedl_model model;
    assert_int_equal(fedl_model_size(&config), 0);
    assert_int_equal(fedl_model_init(&model, &config, block, sizeof block), FEDL_ERR_RANGE);
}

/* Every block size from nothing to success; malloc'ed to the byte, so that a sanitizer sees a
 * step outside. */
static void arena_walk(const fedl_model_spec *spec, uint32_t batch_rows_max)
{
    const fedl_model_config config = {.spec = *spec, .batch_rows_max = batch_rows_max};
    const size_t need = fedl_model_size(&config);
    assert_true(need > 0 && need % 16 == 0);
    fedl_model model = {NULL};
    assert_int_equal(fedl_model_init(&model, &config, NULL, need), FEDL_ERR_SIZE);
    for (size_t size = 0; size <= need; size++) {
        void *block = malloc(size + (size == 0));
        assert_non_null(block);
        model.state = NULL;
        const fedl_status status = fedl_model_init(&model, &config, block, size);
        assert_int_equal(status, size < need ? FEDL_ERR_SIZE : FEDL_OK);
        assert_true((model.state == NULL) == (size < need));
        if (status == FEDL_OK) {
            int8_t input[FIXTURE_INPUTS_MAX] = {1, 2, 3};
            int32_t logits[FIXTURE_OUTPUTS_MAX];
            int8_t logit_exp = 99;
            fedl_model_infer(&model, logits, &logit_exp, input);
            assert_int_equal(logits[0], 0); /* a fresh model is all zeros */
            assert_true(fedl_model_spec_equal(fedl_model_spec_of(&model), spec));
        }
        free(block);
    }
    _Alignas(16) static uint8_t misaligned[8192];
    assert_true(need + 1 < sizeof misaligned);
    assert_int_equal(fedl_model_init(&model, &config, misaligned + 1, need), FEDL_ERR_SIZE);
}

static void every_block_size_from_zero_to_success(void **state)
{
    (void)state;
    const fedl_model_spec mlp = fixture_spec(7, 5, 3, FEDL_LOSS_SOFTMAX_CE);
    const fedl_model_spec linear = fixture_spec(3, 0, 2, FEDL_LOSS_MSE);
    arena_walk(&mlp, 0);
    arena_walk(&mlp, 3);
    arena_walk(&linear, 2);
}

static void initialisation_is_uniform_and_repeatable(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(64, 16, 4, FEDL_LOSS_SOFTMAX_CE);
    fixture_model a;
    fixture_model b;
    fixture_model_open(&a, &spec, 0, 7);
    fixture_model_open(&b, &spec, 0, 7);
    assert_true(fixture_checksum(&a.model) == fixture_checksum(&b.model));
    fedl_model_randomise(&b.model, 8);
    assert_true(fixture_checksum(&a.model) != fixture_checksum(&b.model));
    /* √(6/64) · 2^14 = 5016.6: the limit is 5016, the variance of a uniform is L²/3. */
    const fedli_layer *layer = &a.model.state->layers[0];
    int64_t sum = 0;
    int64_t squares = 0;
    for (size_t i = 0; i < 1024; i++) {
        assert_in_range(layer->weights[i] + 5016, 0, 10032);
        sum += layer->weights[i];
        squares += (int64_t)layer->weights[i] * layer->weights[i];
    }
    /* Five standard deviations of the mean of 1024 uniforms (90.5) and of their square. */
    assert_in_range(sum / 1024 + 453, 0, 906);
    assert_in_range(squares / 1024, 8386752 - 1172000, 8386752 + 1172000);
    for (size_t n = 0; n < 16; n++) {
        assert_int_equal(layer->biases[n], 0);
    }
    /* One input: √6 · 2^15 is beyond int16, so the limit is cut. */
    fedl_model_spec narrow = fixture_spec(1, 0, 16, FEDL_LOSS_MSE);
    narrow.layers[0].weight_exp = -15;
    fixture_model c;
    fixture_model_open(&c, &narrow, 0, 1);
    for (uint32_t i = 0; i < 16; i++) {
        const uint64_t u = fedli_mix32(fedli_mix32(1) + i);
        assert_int_equal(c.model.state->layers[0].weights[i], (int32_t)(u * 65535u >> 32) - 32767);
    }
    fixture_model_close(&a);
    fixture_model_close(&b);
    fixture_model_close(&c);
}

static void inference_by_hand(void **state)
{
    (void)state;
    /* x = (64, −128→−127)·2^−6, W = [[2^13, 2^12]]·2^−13, b = 3·2^−16. */
    fedl_model_spec spec = fixture_spec(2, 0, 1, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 0, 1);
    fedli_layer *layer = &m.model.state->layers[0];
    layer->weights[0] = 8192;
    layer->weights[1] = 4096;
    layer->biases[0] = 3;
    const int8_t input[2] = {64, -128};
    int32_t logits[1];
    int8_t logit_exp;
    fedl_model_infer(&m.model, logits, &logit_exp, input);
    assert_int_equal(logit_exp, -19);
    assert_int_equal(logits[0], 64 * 8192 - 127 * 4096 + 3 * 8);
    /* A coarse input exponent rounds the bias once, half up: 3 / 2^1 → 2. */
    spec.input_exp = -2;
    fixture_model_close(&m);
    fixture_model_open(&m, &spec, 0, 1);
    layer = &m.model.state->layers[0];
    memset(layer->weights, 0, 2 * sizeof *layer->weights);
    layer->biases[0] = 3;
    fedl_model_infer(&m.model, logits, &logit_exp, input);
    assert_int_equal(logit_exp, -15);
    assert_int_equal(logits[0], 2);
    layer->biases[0] = -3;
    fedl_model_infer(&m.model, logits, &logit_exp, input);
    assert_int_equal(logits[0], -1);
    fixture_model_close(&m);
}

static void extreme_weights_saturate_the_accumulator(void **state)
{
    (void)state;
    fedl_model_spec spec = fixture_spec(1024, 0, 5, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 0, 1);
    fedli_layer *layer = &m.model.state->layers[0];
    int8_t input[1024];
    for (size_t k = 0; k < 1024; k++) {
        input[k] = 127;
        for (size_t n = 0; n < 5; n++) {
            layer->weights[n * 1024 + k] = n % 2 == 0 ? INT16_MIN : INT16_MAX;
        }
    }
    int32_t logits[5];
    int8_t logit_exp;
    fedl_model_infer(&m.model, logits, &logit_exp, input);
    /* 1024 · 127 · 32768 = 4.26e9: beyond int32 although every chunk of 512 fits. */
    assert_int_equal(logits[0], INT32_MIN);
    assert_int_equal(logits[1], INT32_MAX);
    assert_int_equal(logits[4], INT32_MIN);
    fixture_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_specs_pass_and_are_counted),
        cmocka_unit_test(spec_errors),
        cmocka_unit_test(every_block_size_from_zero_to_success),
        cmocka_unit_test(initialisation_is_uniform_and_repeatable),
        cmocka_unit_test(inference_by_hand),
        cmocka_unit_test(extreme_weights_saturate_the_accumulator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
