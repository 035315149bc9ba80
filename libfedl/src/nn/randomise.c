/* SPDX-License-Identifier: Apache-2.0 */
/*
 * He-like initialisation without libm: weight i of layer l is uniform in [−L, L] with
 * L = min(⌊√(6·2^(−2·e_W) / in)⌋, 32767), from the counter-based generator
 * (docs/numerics.md, "Initialisation").
 */
#include "base/fixed.h"
#include "base/rng.h"
#include "nn/model_state.h"

#include <string.h>

void fedl_model_randomise(fedl_model *model, uint32_t seed)
{
    fedli_model_state *state = model->state;
    for (uint32_t l = 0; l < state->spec.layer_count; l++) {
        fedli_layer *layer = &state->layers[l];
        if (layer->weights == NULL) {
            continue;
        }
        /* 6 · 2^(2·15) < 2^33. */
        const uint64_t variance = ((uint64_t)6 << (-2 * layer->weight_exp)) / layer->in_count;
        const uint32_t root = fedli_isqrt_u64(variance);
        const uint32_t limit = root > INT16_MAX ? INT16_MAX : root;
        const uint32_t layer_seed = fedli_mix32(seed + l);
        const size_t count = (size_t)layer->out_count * layer->in_count;
        for (size_t i = 0; i < count; i++) {
            const uint64_t u = fedli_mix32(layer_seed + (uint32_t)i);
            const int32_t w = (int32_t)((u * (2u * limit + 1u)) >> 32) - (int32_t)limit;
            layer->weights[i] = (int16_t)w;
        }
        memset(layer->biases, 0, layer->out_count * sizeof *layer->biases);
    }
}
