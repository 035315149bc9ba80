/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = max(x, 0), in place on the wide tensor. It always stands between two dense layers (the spec
 * check sees to it), so the mask of the backward pass is the int8 input of the layer above: the
 * gradient passes where that mantissa is positive. No memory of its own.
 */
#include "nn/layer.h"

#include "nn/model_state.h"
#include "nn/sgd.h"

static fedl_status check(const fedl_layer_spec *spec, uint32_t in_count, uint32_t *out_count,
                         uint64_t *parameter_count)
{
    if (spec->units != 0 || spec->weight_exp != 0) {
        return FEDL_ERR_RANGE;
    }
    *out_count = in_count;
    *parameter_count = 0;
    return FEDL_OK;
}

static void lay_out(fedli_layer *layer, fedli_arena *arena, uint32_t rows)
{
    (void)layer;
    (void)arena;
    (void)rows;
}

static void forward(fedli_model_state *state, uint32_t index, uint32_t rows)
{
    const size_t count = (size_t)rows * state->layers[index].out_count;
    int32_t *wide = state->wide;
    for (size_t i = 0; i < count; i++) {
        wide[i] = wide[i] > 0 ? wide[i] : 0;
    }
}

static void backward(fedli_model_state *state, uint32_t index, fedli_sgd_step *step)
{
    const size_t count = (size_t)step->rows * state->layers[index].out_count;
    const int8_t *output = state->layers[index + 1].input;
    int32_t *wide = state->wide;
    for (size_t i = 0; i < count; i++) {
        wide[i] = output[i] > 0 ? wide[i] : 0;
    }
    fedli_error_narrow(state, count);
}

const fedli_layer_ops fedli_layer_relu = {
    .kind = FEDL_LAYER_RELU,
    .name = "relu",
    .check = check,
    .lay_out = lay_out,
    .forward = forward,
    .backward = backward,
};
