/* SPDX-License-Identifier: Apache-2.0 */
/* sgd and the two layers' small print: rate, biases, skipped layers, masks, FedProx. */
#include "base/rng.h"
#include "cmocka_all.h"
#include "nn/sgd.h"
#include "nn_fixture.h"

#include <math.h>
#include <string.h>

static void the_rate_is_close_and_normalised(void **state)
{
    (void)state;
    const uint32_t rates[] = {1, 2, 3, 16777, 1677722, 1u << 24, (1u << 24) + 1, 1u << 28};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (uint32_t rows = 1; rows <= 1024; rows++) {
            const fedli_rate rate = fedli_rate_of(rates[i], rows);
            const double exact = ldexp(rates[i], -24) / rows;
            assert_in_range(rate.mantissa, 1 << 14, (1 << 15) - 1);
            assert_true(fabs(ldexp(rate.mantissa, rate.exp) / exact - 1.0) < ldexp(1.01, -15));
        }
    }
    /* 1/3 = 0.10101…b: 2^16/3 = 21845.33 → 21845 · 2^−16. */
    const fedli_rate third = fedli_rate_of(1u << 24, 3);
    assert_int_equal(third.mantissa, 21845);
    assert_int_equal(third.exp, -16);
    /* A quotient that rounds up to 2^15 is renormalised. */
    const fedli_rate carry = fedli_rate_of((1u << 24) - 1, 1);
    assert_int_equal(carry.mantissa, 1 << 14);
    assert_int_equal(carry.exp, -14);
}

static void biases_move_by_the_rounded_sum_and_saturate(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(3, 0, 3, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 2, 1);
    fedli_model_state *s = m.model.state;
    const int16_t error[6] = {5, -5, 511, 1, -1, 511};
    memcpy(s->error, error, sizeof error);
    s->error_exp = -18; /* Σ = 6, −6, 1022 → RSHR by 2: 2, −1, 256 */
    s->layers[0].biases[2] = INT32_MIN + 10;
    fedli_sgd_step step = {.rows = 2};
    fedli_sgd_update_biases(s, 0, &step);
    assert_int_equal(s->layers[0].biases[0], -2);
    assert_int_equal(s->layers[0].biases[1], 1);
    assert_int_equal(s->layers[0].biases[2], INT32_MIN);
    assert_int_equal(step.update_count, 3);
    assert_int_equal(step.saturated_count, 1);
    s->error_exp = -10; /* left by 6 */
    fedli_sgd_update_biases(s, 0, &step);
    assert_int_equal(s->layers[0].biases[0], -2 - 6 * 64);
    s->error_exp = 20; /* left by 36 */
    fedli_sgd_update_biases(s, 0, &step);
    assert_int_equal(s->layers[0].biases[1], INT32_MAX);
    fixture_model_close(&m);
}

static void a_gradient_too_small_for_the_grid_skips_the_layer(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(3, 0, 2, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 1, 1);
    fedli_model_state *s = m.model.state;
    const int16_t error[2] = {511, -511};
    const int8_t input[3] = {127, 127, 127};
    memcpy(s->error, error, sizeof error);
    memcpy(s->layers[0].input, input, sizeof input);
    s->layers[0].input_exp = -7;
    const uint64_t before = fixture_checksum(&m.model);
    fedli_sgd_step step = {.rows = 1};
    s->error_exp = -36; /* s = −13 + 36 + 7 = 30 */
    fedli_sgd_update_weights(s, 0, &step);
    assert_int_equal(step.update_count, 0);
    assert_true(fixture_checksum(&m.model) == before);
    s->error_exp = -35; /* s = 29: some of the dithers carry over time */
    for (uint32_t i = 0; i < 200000 && fixture_checksum(&m.model) == before; i++) {
        step.dither_seed = i;
        fedli_sgd_update_weights(s, 0, &step);
    }
    assert_true(step.update_count > 0);
    assert_true(fixture_checksum(&m.model) != before);
    fixture_model_close(&m);
}

static void rounding_is_unbiased(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(64, 0, 2, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 1, 1);
    fedli_model_state *s = m.model.state;
    memset(s->layers[0].weights, 0, 128 * sizeof(int16_t));
    memset(s->layers[0].input, 1, 64);
    s->layers[0].input_exp = -7;
    s->error[0] = 300; /* 300 / 1024 of a unit per step */
    s->error[1] = -300;
    s->error_exp = -16; /* s = −13 + 16 + 7 = 10 */
    fedli_sgd_step step = {.rows = 1};
    for (uint32_t i = 0; i < 1000; i++) {
        step.dither_seed = fedli_mix32(i);
        fedli_sgd_update_weights(s, 0, &step);
    }
    int64_t sums[2] = {0, 0};
    for (size_t k = 0; k < 64; k++) {
        sums[0] += s->layers[0].weights[k];
        sums[1] += s->layers[0].weights[64 + k];
    }
    /* 64000 Bernoulli trials with p = 300/1024: 18750 ± 5 · 115. */
    assert_in_range(-sums[0], 18750 - 576, 18750 + 576);
    assert_in_range(sums[1], 18750 - 576, 18750 + 576);
    fixture_model_close(&m);
}

static void relu_cuts_forward_and_masks_backward(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(2, 4, 2, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 1, 1);
    fedli_model_state *s = m.model.state;
    const int32_t wide[4] = {5, 0, -7, INT32_MIN};
    memcpy(s->wide, wide, sizeof wide);
    fedli_layer_relu.forward(s, 1, 1);
    assert_int_equal(s->wide[0], 5);
    assert_int_equal(s->wide[1] | s->wide[2] | s->wide[3], 0);
    /* The mask is what the layer above saw after rounding: 0 blocks. */
    const int8_t output[4] = {1, 0, 127, 0};
    const int32_t gradient[4] = {100, 200, -300, INT32_MAX};
    memcpy(s->layers[2].input, output, sizeof output);
    memcpy(s->wide, gradient, sizeof gradient);
    s->wide_exp = -20;
    fedli_sgd_step step = {.rows = 1};
    fedli_layer_relu.backward(s, 1, &step);
    assert_int_equal(s->error[0], 100);
    assert_int_equal(s->error[1], 0);
    assert_int_equal(s->error[2], -300);
    assert_int_equal(s->error[3], 0);
    assert_int_equal(s->error_exp, -20);
    assert_false(s->error_zero);
    fixture_model_close(&m);
}

static void prox_pulls_by_the_given_share(void **state)
{
    (void)state;
    assert_int_equal(fedli_prox_q30(1u << 24, 65536), 1u << 30);
    assert_int_equal(fedli_prox_q30(1, 511), 0);
    assert_int_equal(fedli_prox_q30(1, 512), 1);
    const fedl_model_spec spec = fixture_spec(32, 0, 8, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_model_open(&m, &spec, 1, 1);
    fedli_model_state *s = m.model.state;
    const fedl_bytes start = fixture_container(&m.model);
    /* The whole way back is exact, from the ends of both ranges too. */
    const uint64_t home = fixture_checksum(&m.model);
    for (size_t i = 0; i < 256; i++) {
        s->layers[0].weights[i] = i % 2 == 0 ? INT16_MIN : INT16_MAX;
    }
    s->layers[0].biases[0] = INT32_MIN;
    s->layers[0].biases[1] = INT32_MAX;
    fedli_sgd_prox(s, start, 1u << 30, 7);
    assert_true(fixture_checksum(&m.model) == home);
    /* A quarter of a distance of 2 is half a unit: on average. */
    for (size_t i = 0; i < 256; i++) {
        s->layers[0].weights[i] = (int16_t)(s->layers[0].weights[i] + 2);
    }
    s->layers[0].biases[3] += 1000;
    int64_t before = 0;
    int64_t after = 0;
    for (size_t i = 0; i < 256; i++) {
        before += s->layers[0].weights[i];
    }
    fedli_sgd_prox(s, start, 1u << 28, 7);
    for (size_t i = 0; i < 256; i++) {
        after += s->layers[0].weights[i];
    }
    assert_in_range(before - after, 128 - 40, 128 + 40);
    assert_int_equal(s->layers[0].biases[3], 750);
    assert_int_equal(s->layers[0].biases[4], 0);
    fixture_container_free(start);
    fixture_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_close_and_normalised),
        cmocka_unit_test(biases_move_by_the_rounded_sum_and_saturate),
        cmocka_unit_test(a_gradient_too_small_for_the_grid_skips_the_layer),
        cmocka_unit_test(rounding_is_unbiased),
        cmocka_unit_test(relu_cuts_forward_and_masks_backward),
        cmocka_unit_test(prox_pulls_by_the_given_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
