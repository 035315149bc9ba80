/* SPDX-License-Identifier: Apache-2.0 */
/* Training in one place: see sim_local.h. */
#include "sim_local.h"

#include <stdlib.h>

static fedl_status train(fedl_sim_local *local, fedl_model *model)
{
    fedl_train_config cfg = local->plan->train;
    cfg.local_epochs = local->epochs;
    cfg.prox_mu_q16 = 0;
    fedl_trainer trainer;
    fedl_model_randomise(model, local->seed.run_seed);
    fedl_status status = fedl_trainer_begin(&trainer, model, &local->source, fedl_bytes_of(NULL, 0),
                                            &cfg, &local->seed);
    bool done = false;
    while (status == FEDL_OK && !done) {
        status = atomic_load(&local->job.cancelled) ? FEDL_ERR_CANCELLED
                                                    : fedl_trainer_step(&trainer, &done);
    }
    return status;
}

static void run_local(void *context)
{
    fedl_sim_local *local = context;
    const fedl_model_config cfg = {.spec = local->plan->model,
                                   .batch_rows_max = local->plan->train.batch_rows};
    const size_t bytes = fedl_model_size(&cfg);
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    fedl_model model;
    local->stats = (fedl_eval_stats){0};
    local->status =
        block == NULL ? FEDL_ERR_NO_MEMORY : fedl_model_init(&model, &cfg, block, bytes);
    if (local->status == FEDL_OK) {
        local->status = train(local, &model);
    }
    if (local->status == FEDL_OK) {
        fedl_view view;
        fedl_view_all(&view, local->test);
        const fedl_sample_source source = fedl_view_source(&view);
        local->status =
            fedl_model_evaluate(&model, &local->stats, &source, 0, local->test->row_count);
    }
    free(block);
}

void fedl_sim_local_submit(fedl_sim_local *local, fedl_sim_pool *pool)
{
    local->job.run = run_local;
    local->job.context = local;
    fedl_sim_pool_submit(pool, &local->job, FEDL_SIM_URGENT);
}

static fedl_status union_read(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const fedl_sim_union *rows = context;
    uint32_t low = 0;
    uint32_t high = rows->count;
    if (row >= rows->first[high]) {
        return FEDL_ERR_RANGE;
    }
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (row >= rows->first[middle]) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const fedl_sample_source source = fedl_view_source(&rows->views[low]);
    return source.read(source.context, row - rows->first[low], input, target);
}

fedl_sample_source fedl_sim_union_source(const fedl_sim_union *rows)
{
    const fedl_sample_source source = {.context = (void *)(uintptr_t)rows,
                                       .row_count = rows->first[rows->count],
                                       .read = union_read};
    return source;
}
