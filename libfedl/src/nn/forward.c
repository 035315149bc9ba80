/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass over all layers, and inference of one row on top of it. */
#include "nn/model_state.h"

#include <string.h>

void fedli_model_sanitise(int8_t *input, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        input[i] = (int8_t)(input[i] < -FEDLI_ACTIVATION_MAX ? -FEDLI_ACTIVATION_MAX : input[i]);
    }
}

void fedli_model_forward(fedli_model_state *state, uint32_t rows)
{
    state->layers[0].input_exp = state->spec.input_exp;
    for (uint32_t i = 0; i < state->spec.layer_count; i++) {
        state->layers[i].ops->forward(state, i, rows);
    }
}

void fedl_model_infer(fedl_model *model, int32_t *logits, int8_t *logit_exp, const int8_t *input)
{
    fedli_model_state *state = model->state;
    memcpy(state->layers[0].input, input, state->spec.input_count);
    fedli_model_sanitise(state->layers[0].input, state->spec.input_count);
    fedli_model_forward(state, 1);
    memcpy(logits, state->wide, state->output_count * sizeof *logits);
    /* At most 20 − 8 and at least −40 − 15. */
    *logit_exp = (int8_t)state->wide_exp;
}
