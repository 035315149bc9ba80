/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_dense, layer_relu and both losses together: the step that the integer back-propagation
 * takes, against central finite differences of the loss in double and against the float reference.
 *
 * The integer model sees inputs, weights and biases that doubles hold exactly, so all differences
 * come from rounding activations to 7 bits, errors to 9 bits and the step to the weight grid.
 */
#include "base/rng.h"
#include "cmocka_all.h"
#include "nn/model_state.h"
#include "nn/sgd.h"
#include "nn_fixture.h"
#include "reference_float.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS           8u
#define PARAMETERS_MAX 1024u
#define WIDTH_MAX      32u

/* One batch and the double copy of a model, in container order. */
typedef struct problem {
    fedl_model_spec spec;
    uint32_t target_count;
    int8_t inputs[ROWS][WIDTH_MAX];
    int32_t targets[ROWS][WIDTH_MAX];
    double parameters[PARAMETERS_MAX];
    uint32_t parameter_count;
} problem;

static double target_of(const problem *p, uint32_t row, uint32_t c)
{
    return ldexp(p->targets[row][c], FEDL_TARGET_EXP);
}

/*
 * How near the pre-activations came to the kink of a ReLU: smallest magnitude and largest value per
 * layer, over the batch. Rounding closes a unit below 1/128 of the largest (that is its definition)
 * where a finite difference sees it open; problems that near to a kink are not posed.
 */
#define MARGIN 0.02
static double kink_low[FEDL_LAYERS_MAX];
static double kink_high[FEDL_LAYERS_MAX];

static void measure_kink(uint32_t layer, const double *z, uint32_t width)
{
    for (uint32_t k = 0; k < width; k++) {
        kink_low[layer] = fmin(kink_low[layer], fabs(z[k]));
        kink_high[layer] = fmax(kink_high[layer], z[k]);
    }
}

/* Loss of one row in double; for MSE half the squared error, whose gradient the trainer follows. */
static double row_loss(const problem *p, const double *parameters, uint32_t row)
{
    double a[WIDTH_MAX];
    uint32_t width = p->spec.input_count;
    for (uint32_t k = 0; k < width; k++) {
        a[k] = ldexp(p->inputs[row][k], p->spec.input_exp);
    }
    for (uint32_t l = 0; l < p->spec.layer_count; l++) {
        const fedl_layer_spec *layer = &p->spec.layers[l];
        if (layer->kind == FEDL_LAYER_RELU) {
            measure_kink(l, a, width);
            for (uint32_t k = 0; k < width; k++) {
                a[k] = fmax(a[k], 0.0);
            }
            continue;
        }
        double z[WIDTH_MAX];
        const double *biases = parameters + (size_t)layer->units * width;
        for (uint32_t n = 0; n < layer->units; n++) {
            z[n] = biases[n];
            for (uint32_t k = 0; k < width; k++) {
                z[n] += parameters[(size_t)n * width + k] * a[k];
            }
        }
        parameters = biases + layer->units;
        width = layer->units;
        memcpy(a, z, width * sizeof *a);
    }
    double sum = 0.0;
    if (p->spec.loss == FEDL_LOSS_MSE) {
        for (uint32_t c = 0; c < width; c++) {
            sum += 0.5 * (a[c] - target_of(p, row, c)) * (a[c] - target_of(p, row, c));
        }
        return sum;
    }
    for (uint32_t c = 0; c < width; c++) {
        sum += exp(a[c]);
    }
    return log(sum) - a[p->targets[row][0]];
}

static double mean_loss(const problem *p, const double *parameters)
{
    double sum = 0.0;
    for (uint32_t row = 0; row < ROWS; row++) {
        sum += row_loss(p, parameters, row);
    }
    return sum / ROWS;
}

static bool near_a_kink(const problem *p)
{
    bool near = false;
    for (uint32_t l = 0; l < p->spec.layer_count; l++) {
        kink_low[l] = HUGE_VAL;
        kink_high[l] = 0.0;
    }
    (void)mean_loss(p, p->parameters);
    for (uint32_t l = 0; l < p->spec.layer_count; l++) {
        near = near || kink_low[l] < MARGIN * kink_high[l];
    }
    return near;
}

/* Reads weights and biases as doubles, in container order. */
static uint32_t copy_parameters(double *out, const fedl_model *model)
{
    uint32_t count = 0;
    for (uint32_t l = 0; l < model->state->spec.layer_count; l++) {
        const fedli_layer *layer = &model->state->layers[l];
        if (layer->weights == NULL) {
            continue;
        }
        for (uint32_t i = 0; i < layer->out_count * layer->in_count; i++) {
            out[count++] = ldexp(layer->weights[i], layer->weight_exp);
        }
        for (uint32_t n = 0; n < layer->out_count; n++) {
            out[count++] = ldexp(layer->biases[n], FEDL_BIAS_EXP);
        }
    }
    return count;
}

static void pose(problem *p, fixture_model *m, const fedl_model_spec *spec, uint32_t seed)
{
    memset(p, 0, sizeof *p);
    p->spec = *spec;
    fixture_model_open(m, spec, ROWS, seed);
    for (uint32_t l = 0; l < spec->layer_count; l++) {
        fedli_layer *layer = &m->model.state->layers[l];
        for (uint32_t n = 0; layer->biases != NULL && n < layer->out_count; n++) {
            layer->biases[n] = (int32_t)(fedli_mix32(seed + n) % 20000u) - 10000;
        }
    }
    p->target_count = m->model.state->target_count;
    p->parameter_count = copy_parameters(p->parameters, &m->model);
    assert_true(p->parameter_count <= PARAMETERS_MAX);
    fixture_rows rows;
    const fedl_sample_source source = fixture_source(&rows, spec, ROWS, seed);
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_int_equal(source.read(source.context, row, p->inputs[row], p->targets[row]),
                         FEDL_OK);
    }
}

/* Rate 1 makes the step the mean gradient itself, on the grid of the weights. */
static void integer_gradient(double *gradient, const problem *p, fedl_model *model)
{
    double after[PARAMETERS_MAX];
    fedli_model_state *state = model->state;
    for (uint32_t row = 0; row < ROWS; row++) {
        memcpy(state->layers[0].input + (size_t)row * p->spec.input_count, p->inputs[row],
               p->spec.input_count);
        memcpy(state->targets + (size_t)row * p->target_count, p->targets[row],
               p->target_count * sizeof(int32_t));
    }
    fedli_sgd_step step = {.rows = ROWS, .dither_seed = 1};
    fedli_model_forward(state, ROWS);
    fedli_sgd_backward(state, fedli_rate_of(FEDL_LR_ONE_Q24, ROWS), &step);
    assert_int_equal(step.saturated_count, 0);
    assert_int_equal(copy_parameters(after, model), p->parameter_count);
    for (uint32_t i = 0; i < p->parameter_count; i++) {
        gradient[i] = p->parameters[i] - after[i];
    }
}

static void difference_gradient(double *gradient, const problem *p)
{
    const double h = 1e-6;
    for (uint32_t i = 0; i < p->parameter_count; i++) {
        double moved[PARAMETERS_MAX];
        memcpy(moved, p->parameters, sizeof moved);
        moved[i] += h;
        const double up = mean_loss(p, moved);
        moved[i] -= 2.0 * h;
        gradient[i] = (up - mean_loss(p, moved)) / (2.0 * h);
    }
}

static void float_gradient(double *gradient, const problem *p, const fedl_model *model)
{
    reference_model reference;
    float inputs[ROWS * WIDTH_MAX];
    float targets[ROWS * WIDTH_MAX];
    uint32_t count = 0;
    reference_open(&reference, model);
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t k = 0; k < p->spec.input_count; k++) {
            inputs[row * p->spec.input_count + k] =
                (float)ldexp(p->inputs[row][k], p->spec.input_exp);
        }
        for (uint32_t c = 0; c < p->target_count; c++) {
            targets[row * p->target_count + c] = p->spec.loss == FEDL_LOSS_MSE
                                                     ? (float)target_of(p, row, c)
                                                     : (float)p->targets[row][c];
        }
    }
    reference_gradient(&reference, inputs, targets, ROWS);
    for (uint32_t l = 0; l < reference.layer_count; l++) {
        const reference_layer *layer = &reference.layers[l];
        for (uint32_t n = 0; n < layer->out_count; n++) {
            for (uint32_t k = 0; k < layer->in_count; k++) {
                gradient[count++] = (double)layer->weight_gradient[k * layer->out_count + n] / ROWS;
            }
        }
        for (uint32_t n = 0; n < layer->out_count; n++) {
            gradient[count++] = (double)layer->bias_gradient[n] / ROWS;
        }
    }
    assert_int_equal(count, p->parameter_count);
    reference_close(&reference);
}

static double relative_distance(const double *a, const double *b, uint32_t count)
{
    double difference = 0.0;
    double size = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(difference / size);
}

static void check(const fedl_model_spec *spec, double tolerance)
{
    uint32_t posed = 0;
    for (uint32_t seed = 1; posed < 10; seed++) {
        static problem p;
        fixture_model m;
        static double exact[PARAMETERS_MAX];
        static double real[PARAMETERS_MAX];
        static double fixed[PARAMETERS_MAX];
        assert_true(seed < 5000);
        pose(&p, &m, spec, seed);
        if (near_a_kink(&p)) {
            fixture_model_close(&m);
            continue;
        }
        posed++;
        difference_gradient(exact, &p);
        float_gradient(real, &p, &m.model);
        integer_gradient(fixed, &p, &m.model);
        assert_true(relative_distance(real, exact, p.parameter_count) < 1e-4);
        assert_true(relative_distance(fixed, exact, p.parameter_count) < tolerance);
        assert_true(relative_distance(fixed, real, p.parameter_count) < tolerance);
        fixture_model_close(&m);
    }
}

static void dense_alone_softmax(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(16, 0, 5, FEDL_LOSS_SOFTMAX_CE);
    check(&spec, 0.01);
}

static void dense_alone_mse(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(16, 0, 5, FEDL_LOSS_MSE);
    check(&spec, 0.01);
}

static void dense_relu_dense_softmax(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(16, 12, 5, FEDL_LOSS_SOFTMAX_CE);
    check(&spec, 0.02);
}

static void dense_relu_dense_mse(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(16, 12, 5, FEDL_LOSS_MSE);
    check(&spec, 0.02);
}

static void dense_dense_without_relu(void **state)
{
    (void)state;
    fedl_model_spec spec = fixture_spec(16, 12, 5, FEDL_LOSS_MSE);
    spec.layers[1] = spec.layers[2];
    spec.layer_count = 2;
    check(&spec, 0.02);
}

static void five_layers(void **state)
{
    (void)state;
    fedl_model_spec spec = fixture_spec(16, 6, 5, FEDL_LOSS_SOFTMAX_CE);
    spec.layers[4] = spec.layers[2];
    spec.layers[2] = spec.layers[0];
    spec.layers[3] = spec.layers[1];
    spec.layers[2].units = 5;
    spec.layer_count = 5;
    check(&spec, 0.03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_alone_softmax),      cmocka_unit_test(dense_alone_mse),
        cmocka_unit_test(dense_relu_dense_softmax), cmocka_unit_test(dense_relu_dense_mse),
        cmocka_unit_test(dense_dense_without_relu), cmocka_unit_test(five_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
