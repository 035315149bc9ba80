/* SPDX-License-Identifier: Apache-2.0 */
/* The second opinion on every commit: see sim_oracle.h. */
#include "sim_oracle.h"

#include <stdlib.h>
#include <string.h>

static fedl_status wrong(fedl_sim_oracle *o, const char *text)
{
    o->text = o->text == NULL ? text : o->text;
    return FEDL_ERR_MISMATCH;
}

static void *aligned(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

void fedl_sim_oracle_init(fedl_sim_oracle *oracle, const fedl_sim_config *cfg)
{
    *oracle = (fedl_sim_oracle){.cfg = cfg};
}

void fedl_sim_oracle_deinit(fedl_sim_oracle *oracle)
{
    free(oracle->master_block);
    free(oracle->container);
    free(oracle->survivors);
    *oracle = (fedl_sim_oracle){0};
}

/* ---- one round again ---- */

/* The work of one device, from scratch, into vector. */
static fedl_status make_vector(const fedl_sim_oracle *o, uint32_t round, uint32_t device_id,
                               void *block, size_t block_bytes, uint8_t *vector, size_t size)
{
    const fedl_plan *plan = &o->cfg->task->plan;
    const fedl_partition *part = o->cfg->partition;
    const uint32_t first = part->first[device_id - 1];
    const fedl_bytes container = fedl_bytes_of(o->container, o->container_bytes);
    const fedl_train_seed seed = {plan->run_seed, round, device_id};
    const fedl_model_config model_cfg = {.spec = plan->model,
                                         .batch_rows_max = plan->train.batch_rows};
    fedl_view train_view;
    fedl_view eval_view;
    fedl_model model;
    fedl_eval_stats eval = {0};
    fedl_trainer trainer;
    fedl_update update;
    fedl_status status = fedl_view_split(&train_view, &eval_view, o->cfg->table, part->rows + first,
                                         part->first[device_id] - first, plan->run_seed, device_id,
                                         plan->holdout_permille);
    if (status != FEDL_OK) {
        return status;
    }
    const fedl_sample_source train_rows = fedl_view_source(&train_view);
    const fedl_sample_source eval_rows = fedl_view_source(&eval_view);
    status = fedl_model_init(&model, &model_cfg, block, block_bytes);
    if (status == FEDL_OK) {
        status = fedl_model_load(&model, container);
    }
    if (status == FEDL_OK) {
        status = fedl_model_evaluate(&model, &eval, &eval_rows, 0, eval_rows.row_count);
    }
    if (status == FEDL_OK) {
        status = fedl_trainer_begin(&trainer, &model, &train_rows, container, &plan->train, &seed);
    }
    bool done = false;
    while (!done && status == FEDL_OK) {
        status = fedl_trainer_step(&trainer, &done);
    }
    if (status == FEDL_OK) {
        status = fedl_update_begin(&update, &model, container, &plan->update, &seed,
                                   train_rows.row_count, fedl_trainer_stats(&trainer), &eval);
    }
    return status == FEDL_OK ? fedl_update_read(&update, vector, 0, size) : status;
}

static fedl_status add_members(const fedl_sim_oracle *o, fedl_accum *accum, const fedl_store_op *op)
{
    const fedl_plan *plan = &o->cfg->task->plan;
    const fedl_model_config model_cfg = {.spec = plan->model,
                                         .batch_rows_max = plan->train.batch_rows};
    const size_t block_bytes = fedl_model_size(&model_cfg);
    const size_t size =
        fedl_update_vector_size(&plan->update, fedl_model_parameter_count(&plan->model));
    void *block = aligned(block_bytes);
    uint8_t *vector = malloc(size);
    fedl_status status = block == NULL || vector == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    for (uint32_t i = 0; i < op->member_count && status == FEDL_OK; i++) {
        status = make_vector(o, op->round, op->members[i], block, block_bytes, vector, size);
        if (status == FEDL_OK) {
            status = fedl_accum_add(accum, fedl_bytes_of(vector, size));
        }
    }
    free(vector);
    free(block);
    return status;
}

static fedl_status compare(fedl_sim_oracle *o, const fedl_accum *accum, const fedl_store_op *op)
{
    const fedl_task_config *task = o->cfg->task;
    const fedl_agg_config agg = {.kind = (fedl_agg_kind)task->round.agg_kind,
                                 .server_lr_q16 = task->round.server_lr_q16,
                                 .update_exp = task->plan.update.update_exp};
    const uint32_t parameters = fedl_model_parameter_count(&task->plan.model);
    if (op->metrics.report_count != op->member_count) {
        return wrong(o, "the number of reports is not the number of members");
    }
    if (memcmp(op->metrics.tail, accum->tail, sizeof accum->tail) != 0) {
        return wrong(o, "the sum of the tails differs");
    }
    fedl_status status = fedl_agg_find(agg.kind)->apply(&agg, &o->master, NULL, accum);
    if (status == FEDL_OK && memcmp(op->model.master_words, o->master.words,
                                    parameters * sizeof o->master.words[0]) != 0) {
        return wrong(o, "the sum of the updates differs");
    }
    if (status == FEDL_OK) {
        status = fedl_master_export_container(&o->master, o->container, o->container_bytes);
    }
    if (status == FEDL_OK &&
        (op->model.container.size != o->container_bytes ||
         memcmp(op->model.container.data, o->container, o->container_bytes) != 0)) {
        return wrong(o, "the model differs");
    }
    return status;
}

static fedl_status check_sum(fedl_sim_oracle *o, const fedl_store_op *op)
{
    const fedl_plan *plan = &o->cfg->task->plan;
    const uint32_t parameters = fedl_model_parameter_count(&plan->model);
    const size_t bytes = fedl_accum_size(&plan->update, parameters);
    void *block = aligned(bytes);
    fedl_accum accum;
    fedl_status status = block == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    if (status == FEDL_OK) {
        status = fedl_accum_init(&accum, &plan->update, parameters, block, bytes);
    }
    if (status == FEDL_OK) {
        status = add_members(o, &accum, op);
    }
    if (status == FEDL_OK) {
        status = compare(o, &accum, op);
    }
    free(block);
    return status;
}

/* ---- ops ---- */

static bool rise(const uint32_t *ids, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (ids[i] <= ids[i - 1]) {
            return false;
        }
    }
    return true;
}

static fedl_status on_task(fedl_sim_oracle *o, const fedl_store_op *op)
{
    const fedl_model_spec *spec = &o->cfg->task->plan.model;
    const size_t bytes = fedl_master_size(spec);
    o->container_bytes = op->model.container.size;
    o->container = malloc(o->container_bytes);
    o->master_block = aligned(bytes);
    if (o->container == NULL || o->master_block == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    memcpy(o->container, op->model.container.data, o->container_bytes);
    const fedl_status status = fedl_master_init(&o->master, spec, o->master_block, bytes);
    return status == FEDL_OK ? fedl_master_load_container(&o->master, op->model.container) : status;
}

/* From here on shares of this kind and no other may be asked for: never twice in a round. */
static fedl_status on_group(fedl_sim_oracle *o, const fedl_store_op *op)
{
    if (op->round <= o->closed_round) {
        return wrong(o, "a second masked sum of one round");
    }
    if (!rise(op->members, op->member_count)) {
        return wrong(o, "a device stands twice in a masked sum");
    }
    uint32_t *ids = realloc(o->survivors, (op->member_count + 1u) * sizeof *ids);
    if (ids == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    o->survivors = ids;
    o->survivor_count = 0;
    o->closed_round = op->round;
    for (uint32_t i = 0; i < op->member_count; i++) {
        if (op->share_kinds[i] == 1u) {
            ids[o->survivor_count++] = op->members[i];
        } else if (op->share_kinds[i] != 2u) {
            return wrong(o, "neither kind of share");
        }
    }
    return FEDL_OK;
}

static fedl_status on_commit(fedl_sim_oracle *o, const fedl_store_op *op)
{
    const fedl_plan *plan = &o->cfg->task->plan;
    if (op->model.version != o->checked_rounds + 2u) {
        return wrong(o, "a gap between versions");
    }
    if (op->member_count == 0 || !rise(op->members, op->member_count)) {
        return wrong(o, "a device is counted twice, or none is");
    }
    if (plan->aggregation != FEDL_AGGREGATION_PLAIN &&
        (op->round != o->closed_round || op->member_count != o->survivor_count ||
         op->member_count < plan->secagg.min_cohort ||
         memcmp(op->members, o->survivors, op->member_count * sizeof op->members[0]) != 0)) {
        return wrong(o, "the members are not those of the masked sum, or too few");
    }
    const fedl_status status = check_sum(o, op);
    o->checked_rounds += status == FEDL_OK ? 1u : 0u;
    return status;
}

fedl_status fedl_sim_oracle_stored(fedl_sim_oracle *oracle, const fedl_store_op *op)
{
    if (op->kind == FEDL_STORE_TASK_ADD) {
        return on_task(oracle, op);
    }
    if (op->kind == FEDL_STORE_GROUP_COMMIT) {
        return on_group(oracle, op);
    }
    return op->kind == FEDL_STORE_COMMIT ? on_commit(oracle, op) : FEDL_OK;
}
