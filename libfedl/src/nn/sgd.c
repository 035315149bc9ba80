/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/sgd.h"

#include "base/cursor.h"
#include "base/fixed.h"
#include "base/rng.h"

#define PROX_TAG 0x70726f78u /* "prox": its dither is never that of the gradient */

fedli_rate fedli_rate_of(uint32_t lr_q24, uint32_t rows)
{
    /* 2^22 ≤ quotient ≤ 2^60, in Q56. */
    const uint64_t quotient = ((uint64_t)lr_q24 << 32) / rows;
    int32_t shift = fedli_bitlen_u64(quotient) - 15;
    int32_t mantissa = (int32_t)fedli_rshr((int64_t)quotient, shift);
    if (mantissa == 1 << 15) {
        mantissa = 1 << 14;
        shift++;
    }
    const fedli_rate rate = {mantissa, shift - 56};
    return rate;
}

uint32_t fedli_prox_q30(uint32_t lr_q24, uint32_t mu_q16)
{
    return (uint32_t)fedli_rshr((int64_t)((uint64_t)lr_q24 * mu_q16), 10);
}

void fedli_sgd_update_weights(fedli_model_state *state, uint32_t index, fedli_sgd_step *step)
{
    fedli_layer *layer = &state->layers[index];
    const int32_t shift = layer->weight_exp - (state->error_exp + layer->input_exp);
    if (shift > FEDLI_SHIFT_MAX) {
        return;
    }
    const fedli_dense_shape shape = {step->rows, layer->in_count, layer->out_count};
    if (shift > 0) {
        const uint32_t seed = fedli_mix32(step->dither_seed + index);
        for (uint32_t k = 0; k < layer->in_count; k++) {
            state->dither[k] = fedli_mix32(seed + k);
        }
    }
    step->update_count += (uint64_t)layer->out_count * layer->in_count;
    step->saturated_count += state->kernels->update(layer->weights, state->error, layer->input,
                                                    state->dither, shift, &shape, state->scratch);
}

void fedli_sgd_update_biases(fedli_model_state *state, uint32_t index, fedli_sgd_step *step)
{
    fedli_layer *layer = &state->layers[index];
    const int32_t shift = FEDL_BIAS_EXP - state->error_exp;
    for (uint32_t n = 0; n < layer->out_count; n++) {
        int32_t sum = 0; /* ≤ 1024 · 511 */
        for (uint32_t b = 0; b < step->rows; b++) {
            sum += state->error[(size_t)b * layer->out_count + n];
        }
        const int64_t exact = layer->biases[n] - fedli_rshr(sum, shift);
        layer->biases[n] = fedli_sat32(exact);
        step->saturated_count += exact != layer->biases[n];
    }
    step->update_count += layer->out_count;
}

void fedli_error_narrow(fedli_model_state *state, size_t count)
{
    const fedli_requant plan = fedli_requant_i16(state->error, state->wide, state->wide_exp, count);
    state->error_exp = plan.exp;
    state->error_zero = plan.zero;
    state->overflow = state->overflow || plan.overflow;
}

void fedli_sgd_backward(fedli_model_state *state, fedli_rate rate, fedli_sgd_step *step)
{
    const fedli_requant top =
        state->loss->error(state->error, state->wide, state->wide_exp, state->targets, step->rows,
                           state->output_count, rate);
    state->error_exp = top.exp;
    state->error_zero = top.zero;
    state->overflow = state->overflow || top.overflow;
    for (uint32_t i = state->spec.layer_count; i-- > 0 && !state->error_zero;) {
        state->layers[i].ops->backward(state, i, step);
    }
}

/* (difference · c + r) >> 30 with a 30-bit dither: |difference| < 2^32 and c ≤ 2^30, so the product
 * stays below 2^62 and the dither has room. */
static int64_t pull(int64_t difference, uint32_t prox_q30, uint32_t hash)
{
    return (difference * (int64_t)prox_q30 + (int64_t)(hash >> 2)) >> 30;
}

void fedli_sgd_prox(fedli_model_state *state, fedl_bytes reference, uint32_t prox_q30,
                    uint32_t step_seed)
{
    const uint8_t *at = reference.data + fedl_container_header_size(&state->spec);
    for (uint32_t l = 0; l < state->spec.layer_count; l++) {
        fedli_layer *layer = &state->layers[l];
        if (layer->weights == NULL) {
            continue;
        }
        const uint32_t seed = fedli_mix32(fedli_mix32(step_seed ^ PROX_TAG) + l);
        const uint32_t weight_count = layer->out_count * layer->in_count;
        for (uint32_t i = 0; i < weight_count; i++, at += 2) {
            const int64_t d = (int64_t)layer->weights[i] - fedli_i16_of(fedli_load_u16(at));
            if (d != 0) {
                /* The step goes toward the reference and not past it: the result fits. */
                const int64_t w = layer->weights[i] - pull(d, prox_q30, fedli_mix32(seed + i));
                layer->weights[i] = (int16_t)w;
            }
        }
        for (uint32_t n = 0; n < layer->out_count; n++, at += 4) {
            const int64_t d = (int64_t)layer->biases[n] - fedli_i32_of(fedli_load_u32(at));
            if (d != 0) {
                const uint32_t hash = fedli_mix32(seed + weight_count + n);
                layer->biases[n] = (int32_t)(layer->biases[n] - pull(d, prox_q30, hash));
            }
        }
    }
}
