/* SPDX-License-Identifier: Apache-2.0 */
#include "reference_float.h"

#include "base/cursor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *zeros(size_t count)
{
    float *block = calloc(count == 0 ? 1 : count, sizeof *block);
    if (block == NULL) {
        abort();
    }
    return block;
}

static void layer_open(reference_layer *layer, const uint8_t **at, int32_t weight_exp)
{
    const size_t in = layer->in_count;
    const size_t out = layer->out_count;
    layer->weights = zeros(in * out);
    layer->biases = zeros(out);
    layer->input = zeros(in);
    layer->error = zeros(out);
    layer->weight_gradient = zeros(in * out);
    layer->bias_gradient = zeros(out);
    for (size_t n = 0; n < out; n++) {
        for (size_t k = 0; k < in; k++, *at += 2) {
            layer->weights[k * out + n] =
                ldexpf((float)fedli_i16_of(fedli_load_u16(*at)), weight_exp);
        }
    }
    for (size_t n = 0; n < out; n++, *at += 4) {
        layer->biases[n] = ldexpf((float)fedli_i32_of(fedli_load_u32(*at)), FEDL_BIAS_EXP);
    }
}

void reference_open(reference_model *reference, const fedl_model *model)
{
    memset(reference, 0, sizeof *reference);
    reference->spec = *fedl_model_spec_of(model);
    const fedl_model_spec *spec = &reference->spec;
    const size_t size = fedl_container_size(spec);
    uint8_t *container = malloc(size);
    if (container == NULL || fedl_model_export(model, container, size) != FEDL_OK) {
        abort();
    }
    const uint8_t *at = container + fedl_container_header_size(spec);
    uint32_t width = spec->input_count;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        if (spec->layers[i].kind == FEDL_LAYER_RELU) {
            reference->layers[reference->layer_count - 1].relu_after = true;
            continue;
        }
        reference_layer *layer = &reference->layers[reference->layer_count++];
        layer->in_count = width;
        layer->out_count = spec->layers[i].units;
        layer_open(layer, &at, spec->layers[i].weight_exp);
        width = layer->out_count;
    }
    reference->logits = zeros(width);
    free(container);
}

void reference_close(reference_model *reference)
{
    for (uint32_t i = 0; i < reference->layer_count; i++) {
        reference_layer *layer = &reference->layers[i];
        free(layer->weights);
        free(layer->biases);
        free(layer->input);
        free(layer->error);
        free(layer->weight_gradient);
        free(layer->bias_gradient);
    }
    free(reference->logits);
}

static void dense_forward(const reference_layer *layer, float *restrict out)
{
    memcpy(out, layer->biases, layer->out_count * sizeof *out);
    for (size_t k = 0; k < layer->in_count; k++) {
        const float x = layer->input[k];
        const float *restrict w = layer->weights + k * layer->out_count;
        if (x != 0.0f) {
            for (size_t n = 0; n < layer->out_count; n++) {
                out[n] += x * w[n];
            }
        }
    }
}

void reference_forward(reference_model *reference, const float *input)
{
    memcpy(reference->layers[0].input, input, reference->layers[0].in_count * sizeof *input);
    for (uint32_t i = 0; i < reference->layer_count; i++) {
        const reference_layer *layer = &reference->layers[i];
        const bool last = i + 1 == reference->layer_count;
        float *out = last ? reference->logits : reference->layers[i + 1].input;
        dense_forward(layer, out);
        for (size_t n = 0; layer->relu_after && n < layer->out_count; n++) {
            out[n] = out[n] > 0.0f ? out[n] : 0.0f;
        }
    }
}

static float log_sum_exp(const float *z, uint32_t count)
{
    float top = z[0];
    for (uint32_t c = 1; c < count; c++) {
        top = z[c] > top ? z[c] : top;
    }
    float sum = 0.0f;
    for (uint32_t c = 0; c < count; c++) {
        sum += expf(z[c] - top);
    }
    return top + logf(sum);
}

float reference_loss(const reference_model *reference, const float *target)
{
    const uint32_t count = fedl_model_output_count(&reference->spec);
    const float *z = reference->logits;
    if (reference->spec.loss == FEDL_LOSS_SOFTMAX_CE) {
        return log_sum_exp(z, count) - z[(uint32_t)target[0]];
    }
    float sum = 0.0f;
    for (uint32_t c = 0; c < count; c++) {
        sum += (z[c] - target[c]) * (z[c] - target[c]);
    }
    return sum;
}

static void top_error(reference_model *reference, const float *target)
{
    const uint32_t count = fedl_model_output_count(&reference->spec);
    const float *z = reference->logits;
    float *e = reference->layers[reference->layer_count - 1].error;
    if (reference->spec.loss == FEDL_LOSS_MSE) {
        for (uint32_t c = 0; c < count; c++) {
            e[c] = z[c] - target[c];
        }
        return;
    }
    const float log_sum = log_sum_exp(z, count);
    for (uint32_t c = 0; c < count; c++) {
        e[c] = expf(z[c] - log_sum) - (c == (uint32_t)target[0] ? 1.0f : 0.0f);
    }
}

static void layer_backward(reference_layer *layer, reference_layer *below)
{
    const float *restrict e = layer->error;
    for (size_t k = 0; k < layer->in_count; k++) {
        const float x = layer->input[k];
        const size_t row = k * layer->out_count;
        if (x != 0.0f) {
            float *restrict gradient = layer->weight_gradient + row;
            for (size_t n = 0; n < layer->out_count; n++) {
                gradient[n] += x * e[n];
            }
        }
        if (below != NULL) {
            const float *restrict w = layer->weights + row;
            float sum = 0.0f;
            for (size_t n = 0; n < layer->out_count; n++) {
                sum += w[n] * e[n];
            }
            below->error[k] = below->relu_after && x <= 0.0f ? 0.0f : sum;
        }
    }
    for (size_t n = 0; n < layer->out_count; n++) {
        layer->bias_gradient[n] += e[n];
    }
}

void reference_gradient(reference_model *reference, const float *inputs, const float *targets,
                        uint32_t rows)
{
    const bool classes = reference->spec.loss == FEDL_LOSS_SOFTMAX_CE;
    const size_t target_count = classes ? 1 : fedl_model_output_count(&reference->spec);
    for (uint32_t i = 0; i < reference->layer_count; i++) {
        reference_layer *layer = &reference->layers[i];
        const size_t count = (size_t)layer->in_count * layer->out_count;
        memset(layer->weight_gradient, 0, count * sizeof(float));
        memset(layer->bias_gradient, 0, layer->out_count * sizeof(float));
    }
    for (uint32_t b = 0; b < rows; b++) {
        reference_forward(reference, inputs + (size_t)b * reference->spec.input_count);
        top_error(reference, targets + b * target_count);
        for (uint32_t i = reference->layer_count; i-- > 0;) {
            layer_backward(&reference->layers[i], i > 0 ? &reference->layers[i - 1] : NULL);
        }
    }
}

static void descend(float *restrict p, const float *restrict gradient, size_t count, float rate)
{
    for (size_t i = 0; i < count; i++) {
        p[i] -= rate * gradient[i];
    }
}

void reference_train(reference_model *reference, const float *inputs, const float *targets,
                     uint32_t rows, float rate)
{
    reference_gradient(reference, inputs, targets, rows);
    for (uint32_t i = 0; i < reference->layer_count; i++) {
        reference_layer *layer = &reference->layers[i];
        const size_t count = (size_t)layer->in_count * layer->out_count;
        descend(layer->weights, layer->weight_gradient, count, rate / (float)rows);
        descend(layer->biases, layer->bias_gradient, layer->out_count, rate / (float)rows);
    }
}
