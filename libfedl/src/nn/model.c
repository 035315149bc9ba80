/* SPDX-License-Identifier: Apache-2.0 */
/* Size and layout of a model: one function for both, so they cannot disagree. */
#include "nn/model_state.h"

#include "base/arena.h"

#include <string.h>

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static fedl_status config_check(const fedl_model_config *cfg)
{
    const fedl_status status = fedl_model_spec_check(&cfg->spec);
    if (status != FEDL_OK) {
        return status;
    }
    return cfg->batch_rows_max > FEDL_BATCH_ROWS_MAX ? FEDL_ERR_RANGE : FEDL_OK;
}

/* Everything that follows from the checked configuration alone. */
static void describe(fedli_model_state *state, const fedl_model_config *cfg)
{
    memset(state, 0, sizeof *state);
    state->spec = cfg->spec;
    state->batch_rows_max = cfg->batch_rows_max;
    state->output_count = fedl_model_output_count(&cfg->spec);
    state->loss = fedli_loss_ops_of(cfg->spec.loss);
    state->target_count = state->loss->target_count(state->output_count);
    state->kernels = &fedli_kernels_ref;
    uint32_t width = cfg->spec.input_count;
    for (uint32_t i = 0; i < cfg->spec.layer_count; i++) {
        const fedl_layer_spec *spec = &cfg->spec.layers[i];
        fedli_layer *layer = &state->layers[i];
        layer->ops = fedli_layer_ops_of(spec->kind);
        layer->weight_exp = spec->weight_exp;
        layer->in_count = width;
        width = spec->kind == FEDL_LAYER_DENSE ? spec->units : width;
        layer->out_count = width;
    }
}

/* Takes every tensor in the order of the picture in model_state.h. */
static void lay_out(fedli_model_state *state, fedli_arena *arena)
{
    const uint32_t rows = larger(state->batch_rows_max, 1);
    uint32_t widest = 0;
    uint32_t widest_input = 0;
    size_t scratch_bytes = 0;
    for (uint32_t i = 0; i < state->spec.layer_count; i++) {
        fedli_layer *layer = &state->layers[i];
        const fedli_dense_shape shape = {rows, layer->in_count, layer->out_count};
        const size_t bytes = state->kernels->scratch_size(&shape);
        layer->ops->lay_out(layer, arena, rows);
        widest = larger(widest, layer->out_count);
        widest_input = larger(widest_input, layer->in_count);
        scratch_bytes = bytes > scratch_bytes ? bytes : scratch_bytes;
    }
    state->wide = fedli_arena_take(arena, (size_t)rows * widest, sizeof *state->wide);
    state->targets =
        fedli_arena_take(arena, (size_t)rows * state->target_count, sizeof *state->targets);
    state->scratch = fedli_arena_take(arena, scratch_bytes, 1);
    if (state->batch_rows_max > 0) {
        state->error = fedli_arena_take(arena, (size_t)rows * widest, sizeof *state->error);
        state->dither = fedli_arena_take(arena, widest_input, sizeof *state->dither);
    }
}

size_t fedl_model_size(const fedl_model_config *cfg)
{
    if (config_check(cfg) != FEDL_OK) {
        return 0;
    }
    fedli_model_state state;
    fedli_arena arena;
    describe(&state, cfg);
    fedli_arena_init(&arena, NULL, 0);
    (void)fedli_arena_take(&arena, 1, sizeof state);
    lay_out(&state, &arena);
    return fedli_arena_size(&arena);
}

fedl_status fedl_model_init(fedl_model *model, const fedl_model_config *cfg, void *block,
                            size_t block_bytes)
{
    const fedl_status status = config_check(cfg);
    if (status != FEDL_OK) {
        return status;
    }
    if (block == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedli_arena arena;
    fedli_arena_init(&arena, block, block_bytes);
    fedli_model_state *state = fedli_arena_take(&arena, 1, sizeof *state);
    if (state == NULL) {
        return FEDL_ERR_SIZE;
    }
    describe(state, cfg);
    lay_out(state, &arena);
    if (arena.failed) {
        return FEDL_ERR_SIZE;
    }
    /* A model that was never loaded is all zeros, not whatever the block held. */
    for (uint32_t i = 0; i < state->spec.layer_count; i++) {
        fedli_layer *layer = &state->layers[i];
        if (layer->weights != NULL) {
            memset(layer->weights, 0,
                   (size_t)layer->out_count * layer->in_count * sizeof *layer->weights);
            memset(layer->biases, 0, layer->out_count * sizeof *layer->biases);
        }
    }
    model->state = state;
    return FEDL_OK;
}

const fedl_model_spec *fedl_model_spec_of(const fedl_model *model)
{
    return &model->state->spec;
}
