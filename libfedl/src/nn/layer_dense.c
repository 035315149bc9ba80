/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fully connected layer: y = x·Wᵀ + b.
 *
 *   forward   wide [rows, in] → narrow to int8 input → wide [rows, out], exponent e_x + e_W
 *   backward  error [rows, out] → wide [rows, in] (not for the first layer), then W and b are
 *             updated in place, then wide is masked by the ReLU below, if any, and narrowed to
 * error
 *
 * The data gradient is taken before the update, so that both use the weights of the forward pass.
 */
#include "nn/layer.h"

#include "base/fixed.h"
#include "nn/model_state.h"
#include "nn/requant.h"
#include "nn/sgd.h"

static fedl_status check(const fedl_layer_spec *spec, uint32_t in_count, uint32_t *out_count,
                         uint64_t *parameter_count)
{
    if (spec->units < 1 || spec->units > FEDL_UNITS_MAX || spec->weight_exp < FEDL_WEIGHT_EXP_MIN ||
        spec->weight_exp > FEDL_WEIGHT_EXP_MAX) {
        return FEDL_ERR_RANGE;
    }
    *out_count = spec->units;
    *parameter_count = (uint64_t)spec->units * in_count + spec->units;
    return FEDL_OK;
}

static void lay_out(fedli_layer *layer, fedli_arena *arena, uint32_t rows)
{
    layer->weights =
        fedli_arena_take(arena, (size_t)layer->out_count * layer->in_count, sizeof *layer->weights);
    layer->biases = fedli_arena_take(arena, layer->out_count, sizeof *layer->biases);
    layer->input = fedli_arena_take(arena, (size_t)rows * layer->in_count, sizeof *layer->input);
}

static fedli_dense_shape shape_of(const fedli_layer *layer, uint32_t rows)
{
    const fedli_dense_shape shape = {rows, layer->in_count, layer->out_count};
    return shape;
}

static void forward(fedli_model_state *state, uint32_t index, uint32_t rows)
{
    fedli_layer *layer = &state->layers[index];
    if (index > 0) {
        const fedli_requant plan = fedli_requant_i8(layer->input, state->wide, state->wide_exp,
                                                    (size_t)rows * layer->in_count);
        layer->input_exp = plan.exp;
        state->overflow = state->overflow || plan.overflow;
    }
    const fedli_dense_shape shape = shape_of(layer, rows);
    state->wide_exp = layer->input_exp + layer->weight_exp;
    state->kernels->forward(state->wide, layer->input, layer->weights, layer->biases,
                            state->wide_exp - FEDL_BIAS_EXP, &shape, state->scratch);
}

static void backward(fedli_model_state *state, uint32_t index, fedli_sgd_step *step)
{
    fedli_layer *layer = &state->layers[index];
    const fedli_dense_shape shape = shape_of(layer, step->rows);
    if (index > 0) {
        state->kernels->data_gradient(state->wide, state->error, layer->weights, &shape,
                                      state->scratch);
        state->wide_exp = state->error_exp + layer->weight_exp;
    }
    fedli_sgd_update_weights(state, index, step);
    fedli_sgd_update_biases(state, index, step);
    if (index == 0) {
        state->error_zero = true;
        return;
    }
    if (state->layers[index - 1].ops->kind == FEDL_LAYER_RELU) {
        /* ReLU's own backward needs the wide gradient: it narrows after masking. */
        return;
    }
    fedli_error_narrow(state, (size_t)step->rows * layer->in_count);
}

const fedli_layer_ops fedli_layer_dense = {
    .kind = FEDL_LAYER_DENSE,
    .name = "dense",
    .check = check,
    .lay_out = lay_out,
    .forward = forward,
    .backward = backward,
};
