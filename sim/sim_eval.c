/* SPDX-License-Identifier: Apache-2.0 */
/* Test-set evaluation on worker threads: see sim_eval.h. */
#include "sim_eval.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX     8u
#define PART_ROWS_MIN 500u

typedef struct eval_part {
    fedl_sim_job job;
    fedl_sim_eval *eval;
    uint32_t row_first;
    uint32_t row_count;
    fedl_eval_stats stats;
    fedl_status status;
} eval_part;

struct fedl_sim_eval {
    fedl_sim_pool *pool;
    fedl_model_config cfg;
    uint8_t *container;
    size_t container_bytes;
    fedl_view view;
    fedl_sample_source source;
    uint32_t part_count;
    eval_part parts[PARTS_MAX];
};

static void run_part(void *context)
{
    eval_part *part = context;
    const fedl_sim_eval *eval = part->eval;
    const size_t bytes = fedl_model_size(&eval->cfg);
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    fedl_model model;
    part->status =
        block == NULL ? FEDL_ERR_NO_MEMORY : fedl_model_init(&model, &eval->cfg, block, bytes);
    if (part->status == FEDL_OK) {
        part->status =
            fedl_model_load(&model, fedl_bytes_of(eval->container, eval->container_bytes));
    }
    if (part->status == FEDL_OK) {
        part->status = fedl_model_evaluate(&model, &part->stats, &eval->source, part->row_first,
                                           part->row_count);
    }
    free(block);
}

fedl_status fedl_sim_eval_begin(fedl_sim_eval **eval, fedl_sim_pool *pool, fedl_bytes container,
                                const fedl_table *table)
{
    fedl_model_config cfg = {.batch_rows_max = 0};
    const fedl_status status = fedl_container_header_decode(&cfg.spec, container);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_sim_eval *made = calloc(1, sizeof *made);
    uint8_t *copy = malloc(container.size);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return FEDL_ERR_NO_MEMORY;
    }
    memcpy(copy, container.data, container.size);
    made->pool = pool;
    made->cfg = cfg;
    made->container = copy;
    made->container_bytes = container.size;
    fedl_view_all(&made->view, table);
    made->source = fedl_view_source(&made->view);
    const uint32_t parts = table->row_count / PART_ROWS_MIN;
    made->part_count = parts < 1 ? 1 : parts > PARTS_MAX ? PARTS_MAX : parts;
    for (uint32_t i = 0; i < made->part_count; i++) {
        eval_part *part = &made->parts[i];
        const uint64_t rows = table->row_count;
        part->eval = made;
        part->job.run = run_part;
        part->job.context = part;
        part->row_first = (uint32_t)(rows * i / made->part_count);
        part->row_count = (uint32_t)(rows * (i + 1) / made->part_count) - part->row_first;
        fedl_sim_pool_submit(pool, &part->job, FEDL_SIM_RELAXED);
    }
    *eval = made;
    return FEDL_OK;
}

bool fedl_sim_eval_is_done(fedl_sim_eval *eval)
{
    bool done = true;
    for (uint32_t i = 0; i < eval->part_count && done; i++) {
        done = fedl_sim_pool_is_done(eval->pool, &eval->parts[i].job);
    }
    return done;
}

fedl_status fedl_sim_eval_end(fedl_sim_eval *eval, fedl_eval_stats *stats)
{
    fedl_eval_stats sum = {0};
    fedl_status status = FEDL_OK;
    for (uint32_t i = 0; i < eval->part_count; i++) {
        const eval_part *part = &eval->parts[i];
        fedl_sim_pool_wait(eval->pool, &eval->parts[i].job);
        status = status == FEDL_OK ? part->status : status;
        sum.row_count += part->stats.row_count;
        sum.correct_count += part->stats.correct_count;
        sum.loss_sum_q16 += part->stats.loss_sum_q16;
    }
    free(eval->container);
    free(eval);
    if (status == FEDL_OK) {
        *stats = sum;
    }
    return status;
}

double fedl_sim_accuracy(const fedl_eval_stats *stats)
{
    return stats->row_count == 0 ? 0.0 : (double)stats->correct_count / (double)stats->row_count;
}

double fedl_sim_loss(const fedl_eval_stats *stats)
{
    return stats->row_count == 0 ? 0.0
                                 : (double)stats->loss_sum_q16 / 65536.0 / (double)stats->row_count;
}
