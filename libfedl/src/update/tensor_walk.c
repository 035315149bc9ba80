/* SPDX-License-Identifier: Apache-2.0 */
#include "update/tensor_walk.h"

void fedli_tensor_walk_init(fedli_tensor_walk *walk, const fedl_model_spec *spec)
{
    /* "bias" makes the first next() look for a dense layer, starting at layer 0. */
    const fedli_tensor_walk start = {.spec = spec,
                                     .layer = 0,
                                     .input_count = spec->input_count,
                                     .bias = true,
                                     .exp = 0,
                                     .first = 0,
                                     .count = 0,
                                     .byte_offset = fedl_container_header_size(spec)};
    *walk = start;
}

bool fedli_tensor_walk_next(fedli_tensor_walk *walk)
{
    const fedl_model_spec *spec = walk->spec;
    /* parameter counts are at most 2^20, so neither sum below can overflow. */
    const size_t mantissa_bytes = walk->bias ? 4u : 2u;
    walk->byte_offset += walk->count * mantissa_bytes;
    walk->first += walk->count;
    if (!walk->bias) {
        walk->bias = true;
        walk->exp = FEDL_BIAS_EXP;
        walk->count = spec->layers[walk->layer].units;
        return true;
    }
    uint32_t layer = walk->layer;
    if (walk->count != 0) {
        walk->input_count = spec->layers[layer].units;
        layer++;
    }
    while (layer < spec->layer_count && spec->layers[layer].kind != FEDL_LAYER_DENSE) {
        layer++;
    }
    walk->layer = layer;
    walk->count = 0;
    if (layer == spec->layer_count) {
        return false;
    }
    walk->bias = false;
    walk->exp = spec->layers[layer].weight_exp;
    walk->count = spec->layers[layer].units * walk->input_count;
    return true;
}
