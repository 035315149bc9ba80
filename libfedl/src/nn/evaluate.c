/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation, row by row: the result of a row never depends on its neighbours. */
#include "fedl/train.h"
#include "nn/model_state.h"

/* Ties go to the lower index. */
static uint32_t arg_max(const int32_t *z, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < count; c++) {
        best = z[c] > z[best] ? c : best;
    }
    return best;
}

fedl_status fedl_model_evaluate(fedl_model *model, fedl_eval_stats *stats,
                                const fedl_sample_source *source, uint32_t row_first,
                                uint32_t row_count)
{
    fedli_model_state *state = model->state;
    if (row_first > source->row_count || row_count > source->row_count - row_first) {
        return FEDL_ERR_RANGE;
    }
    fedl_eval_stats sum = *stats;
    for (uint32_t row = row_first; row < row_first + row_count; row++) {
        int8_t *input = state->layers[0].input;
        const fedl_status status = source->read(source->context, row, input, state->targets);
        if (status != FEDL_OK) {
            return status;
        }
        if (!state->loss->target_valid(state->targets, state->output_count)) {
            return FEDL_ERR_RANGE;
        }
        fedli_model_sanitise(input, state->spec.input_count);
        fedli_model_forward(state, 1);
        sum.row_count++;
        sum.loss_sum_q16 += state->loss->value_q16(state->wide, state->wide_exp, state->targets,
                                                   state->output_count);
        if (state->spec.loss == FEDL_LOSS_SOFTMAX_CE) {
            const uint32_t best = arg_max(state->wide, state->output_count);
            sum.correct_count += best == (uint32_t)state->targets[0];
        }
    }
    *stats = sum;
    return FEDL_OK;
}
