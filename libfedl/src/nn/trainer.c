/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local run: epochs of shuffled mini-batches, one batch per call.
 *
 * A call first reads the whole batch and checks it; only then is anything changed. So a failing
 * source leaves the trainer where it was and the same call may be made again.
 */
#include "base/rng.h"
#include "nn/sgd.h"

#include "fedl/train.h"

#include <string.h>

#define SHUFFLE_TAG    0x73687566u /* "shuf" */
#define EPOCHS_MAX     1000u
#define ROWS_MAX       (1u << 30) /* of fedli_shuffle_at() */
#define LR_MAX_Q24     (16u * FEDL_LR_ONE_Q24)
#define PROX_LIMIT_Q40 ((uint64_t)1 << 40)
/* Seeds from 2^31 on belong to the rounding of updates. */
#define STEPS_MAX ((uint64_t)INT32_MAX)

static uint64_t steps_per_epoch(uint32_t row_count, uint32_t batch_rows)
{
    return ((uint64_t)row_count + batch_rows - 1u) / batch_rows;
}

static fedl_status config_check(const fedli_model_state *state, const fedl_train_config *config,
                                uint32_t row_count)
{
    const bool sound =
        config->local_epochs >= 1 && config->local_epochs <= EPOCHS_MAX &&
        config->batch_rows >= 1 && config->batch_rows <= state->batch_rows_max &&
        config->lr_q24 >= 1 && config->lr_q24 <= LR_MAX_Q24 &&
        (uint64_t)config->lr_q24 * config->prox_mu_q16 <= PROX_LIMIT_Q40 && row_count >= 1 &&
        row_count <= ROWS_MAX &&
        steps_per_epoch(row_count, config->batch_rows) * config->local_epochs <= STEPS_MAX;
    return sound ? FEDL_OK : FEDL_ERR_RANGE;
}

static bool reference_matches(const fedli_model_state *state, fedl_bytes reference)
{
    fedl_model_spec spec;
    return fedl_container_header_decode(&spec, reference) == FEDL_OK &&
           fedl_model_spec_equal(&spec, &state->spec) &&
           reference.size == fedl_container_size(&spec);
}

fedl_status fedl_trainer_begin(fedl_trainer *trainer, fedl_model *model,
                               const fedl_sample_source *source, fedl_bytes reference,
                               const fedl_train_config *config, const fedl_train_seed *seed)
{
    const fedli_model_state *state = model->state;
    if (state->batch_rows_max == 0) {
        return FEDL_ERR_ARGUMENT;
    }
    const fedl_status status = config_check(state, config, source->row_count);
    if (status != FEDL_OK) {
        return status;
    }
    if (config->prox_mu_q16 > 0 && !reference_matches(state, reference)) {
        return FEDL_ERR_ARGUMENT;
    }
    memset(trainer, 0, sizeof *trainer);
    trainer->model = model;
    trainer->source = *source;
    trainer->reference = reference;
    trainer->config = *config;
    trainer->seed = *seed;
    return FEDL_OK;
}

/* Fills layers[0].input and targets with the next rows of the epoch's permutation. */
static fedl_status read_batch(fedl_trainer *trainer, uint32_t device_seed, uint32_t rows)
{
    fedli_model_state *state = trainer->model->state;
    const fedl_sample_source *source = &trainer->source;
    const uint32_t shuffle_seed =
        fedli_mix32(fedli_mix32(device_seed ^ SHUFFLE_TAG) + trainer->epoch);
    const size_t in_count = state->spec.input_count;
    for (uint32_t b = 0; b < rows; b++) {
        const uint32_t row =
            fedli_shuffle_at(shuffle_seed, trainer->row_next + b, source->row_count);
        int32_t *target = state->targets + (size_t)b * state->target_count;
        const fedl_status status =
            source->read(source->context, row, state->layers[0].input + b * in_count, target);
        if (status != FEDL_OK) {
            return status;
        }
        if (!state->loss->target_valid(target, state->output_count)) {
            return FEDL_ERR_RANGE;
        }
    }
    fedli_model_sanitise(state->layers[0].input, rows * in_count);
    return FEDL_OK;
}

static uint64_t batch_loss_q16(const fedli_model_state *state, uint32_t rows)
{
    uint64_t sum = 0;
    for (uint32_t b = 0; b < rows; b++) {
        sum += state->loss->value_q16(
            state->wide + (size_t)b * state->output_count, state->wide_exp,
            state->targets + (size_t)b * state->target_count, state->output_count);
    }
    return sum;
}

static void advance(fedl_trainer *trainer, uint32_t rows)
{
    trainer->step++;
    trainer->row_next += rows;
    if (trainer->row_next == trainer->source.row_count) {
        trainer->row_next = 0;
        trainer->epoch++;
    }
}

fedl_status fedl_trainer_step(fedl_trainer *trainer, bool *done)
{
    fedli_model_state *state = trainer->model->state;
    const fedl_train_config *config = &trainer->config;
    fedl_train_stats *stats = &trainer->stats;
    if (trainer->epoch == config->local_epochs) {
        *done = true;
        return FEDL_OK;
    }
    const uint32_t device_seed =
        fedli_device_seed(trainer->seed.run_seed, trainer->seed.round, trainer->seed.device_id);
    const uint32_t left = trainer->source.row_count - trainer->row_next;
    const uint32_t rows = left < config->batch_rows ? left : config->batch_rows;
    const fedl_status status = read_batch(trainer, device_seed, rows);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_sgd_step step = {.rows = rows, .dither_seed = fedli_mix32(device_seed + trainer->step)};
    state->overflow = false;
    fedli_model_forward(state, rows);
    if (trainer->epoch + 1u == config->local_epochs) {
        stats->loss_sum_q16 += batch_loss_q16(state, rows);
        stats->row_count += rows;
    }
    fedli_sgd_backward(state, fedli_rate_of(config->lr_q24, rows), &step);
    if (config->prox_mu_q16 > 0) {
        fedli_sgd_prox(state, trainer->reference,
                       fedli_prox_q30(config->lr_q24, config->prox_mu_q16), step.dither_seed);
    }
    stats->step_count++;
    stats->update_count += step.update_count;
    stats->saturated_count += step.saturated_count;
    advance(trainer, rows);
    if (state->overflow || stats->saturated_count > stats->update_count / 100u) {
        return FEDL_ERR_DIVERGED;
    }
    *done = trainer->epoch == config->local_epochs;
    return FEDL_OK;
}

const fedl_train_stats *fedl_trainer_stats(const fedl_trainer *trainer)
{
    return &trainer->stats;
}
