/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model may look like. The chain begins and ends with a dense layer and a ReLU follows a
 * dense layer only: then every ReLU has a dense layer above it whose input is its mask.
 */
#include "nn/layer.h"
#include "nn/loss.h"
#include "nn/requant.h"

static fedl_status check_order(const fedl_model_spec *spec)
{
    const uint32_t last = spec->layer_count - 1;
    if (spec->layers[0].kind == FEDL_LAYER_RELU || spec->layers[last].kind == FEDL_LAYER_RELU) {
        return FEDL_ERR_RANGE;
    }
    for (uint32_t i = 1; i < spec->layer_count; i++) {
        if (spec->layers[i].kind == FEDL_LAYER_RELU &&
            spec->layers[i - 1].kind == FEDL_LAYER_RELU) {
            return FEDL_ERR_RANGE;
        }
    }
    return FEDL_OK;
}

fedl_status fedl_model_spec_check(const fedl_model_spec *spec)
{
    if (spec->input_count < 1 || spec->input_count > FEDL_UNITS_MAX ||
        spec->input_exp < FEDLI_EXP_MIN || spec->input_exp > FEDLI_EXP_MAX ||
        spec->layer_count < 1 || spec->layer_count > FEDL_LAYERS_MAX) {
        return FEDL_ERR_RANGE;
    }
    const fedli_loss_ops *loss = fedli_loss_ops_of(spec->loss);
    if (loss == NULL) {
        return FEDL_ERR_UNSUPPORTED;
    }
    uint32_t width = spec->input_count;
    uint64_t total = 0;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        const fedli_layer_ops *ops = fedli_layer_ops_of(spec->layers[i].kind);
        if (ops == NULL) {
            return FEDL_ERR_UNSUPPORTED;
        }
        uint64_t parameter_count = 0;
        const fedl_status status = ops->check(&spec->layers[i], width, &width, &parameter_count);
        if (status != FEDL_OK) {
            return status;
        }
        /* At most 16 layers of 2^32 + 2^16: far from 2^64. */
        total += parameter_count;
    }
    if (total > FEDL_PARAMETERS_MAX || width < loss->output_count_min) {
        return FEDL_ERR_RANGE;
    }
    return check_order(spec);
}

uint32_t fedl_model_output_count(const fedl_model_spec *spec)
{
    uint32_t width = spec->input_count;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        width = spec->layers[i].kind == FEDL_LAYER_DENSE ? spec->layers[i].units : width;
    }
    return width;
}

uint32_t fedl_model_parameter_count(const fedl_model_spec *spec)
{
    uint32_t width = spec->input_count;
    uint32_t total = 0;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        if (spec->layers[i].kind == FEDL_LAYER_DENSE) {
            total += (width + 1u) * spec->layers[i].units;
            width = spec->layers[i].units;
        }
    }
    return total;
}

bool fedl_model_spec_equal(const fedl_model_spec *a, const fedl_model_spec *b)
{
    if (a->input_count != b->input_count || a->input_exp != b->input_exp || a->loss != b->loss ||
        a->layer_count != b->layer_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->layer_count; i++) {
        const fedl_layer_spec *x = &a->layers[i];
        const fedl_layer_spec *y = &b->layers[i];
        if (x->kind != y->kind || x->units != y->units || x->weight_exp != y->weight_exp) {
            return false;
        }
    }
    return true;
}
