/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local work: evaluation of the received model on the held-out rows, training, and the digest
 * of the resulting vector, in slices of one batch. Runs between two steps of the machine, perhaps
 * on another thread, so it emits no actions and touches nothing that belongs to the link.
 *
 *   BEGIN ─load container─► EVALUATE ─► LEARN ─measure update─► DIGEST ─► DONE
 *
 * A masked vector has no digest: each attempt masks it anew, and its upload is named by the round
 * binding.
 */
#include "client/client_state.h"

#include "base/check.h"

#include <string.h>

/* Bytes of the vector hashed in one slice; a multiple of 64. */
#define DIGEST_SLICE_BYTES 4096u

bool fedli_update_key_equal(const fedli_update_key *a, const fedli_update_key *b)
{
    return a->task_id == b->task_id && a->round == b->round &&
           memcmp(a->digest, b->digest, sizeof a->digest) == 0 &&
           memcmp(a->plan_digest, b->plan_digest, sizeof a->plan_digest) == 0;
}

void fedli_client_task_key(const fedli_client_state *c, const fedli_client_task *task,
                           fedli_update_key *key)
{
    key->task_id = task->task_id;
    key->round = task->round;
    memcpy(key->digest, task->manifest.digest, sizeof key->digest);
    fedli_attempt_plan_digest(c->crypto, key->plan_digest, task->manifest.plan_digest,
                              task->manifest.bound_q16);
}

fedl_update_config fedli_client_update_config(const fedli_client_state *c)
{
    fedl_update_config config = c->task.plan.update;
    config.bound_q16 = c->task.manifest.bound_q16;
    return config;
}

void fedli_client_train_start(fedli_client_state *c)
{
    fedli_update_key key;
    fedli_client_task_key(c, &c->task, &key);
    if (c->update_ready && fedli_update_key_equal(&c->update_key, &key)) {
        fedli_client_report(c); /* the same numbers again, whatever the attempt */
        return;
    }
    c->update_ready = false;
    c->update_sent = false;
    c->update_key = key;
    memset(&c->training, 0, sizeof c->training);
    c->training.stage = FEDLI_STAGE_BEGIN;
    fedl_client_action *train = fedli_client_action(c, FEDL_CLIENT_TRAIN);
    train->plan = &c->task.plan;
    train->task_id = c->task.task_id;
    train->round = c->task.round;
    train->version = c->task.manifest.version;
    c->work = FEDLI_WORK_TRAIN;
}

static fedl_bytes container_of(const fedli_client_state *c)
{
    return fedl_bytes_of(c->container, (size_t)c->task.manifest.container_bytes);
}

static fedl_status begin(fedli_client_state *c, const fedl_sample_source *train)
{
    fedli_training *t = &c->training;
    const fedl_train_seed seed = {c->task.plan.run_seed, c->task.round, c->cfg.identity.device_id};
    fedl_status status = fedl_model_load(&c->model, container_of(c));
    if (status == FEDL_OK) {
        t->seed = seed;
        status = fedl_trainer_begin(&t->trainer, &c->model, train, container_of(c),
                                    &c->task.plan.train, &t->seed);
    }
    if (status == FEDL_OK) {
        t->eval_next = 0;
        t->stage = FEDLI_STAGE_EVALUATE;
    }
    return status;
}

static fedl_status evaluate(fedli_client_state *c, const fedl_sample_source *eval)
{
    fedli_training *t = &c->training;
    uint32_t rows = eval->row_count - t->eval_next;
    if (rows > c->task.plan.train.batch_rows) {
        rows = c->task.plan.train.batch_rows;
    }
    if (rows > 0) {
        const fedl_status status =
            fedl_model_evaluate(&c->model, &t->eval, eval, t->eval_next, rows);
        if (status != FEDL_OK) {
            return status;
        }
        t->eval_next += rows;
    }
    if (t->eval_next == eval->row_count) {
        t->stage = FEDLI_STAGE_LEARN;
    }
    return FEDL_OK;
}

static fedl_status learn(fedli_client_state *c, uint32_t row_count)
{
    fedli_training *t = &c->training;
    bool last = false;
    fedl_status status = fedl_trainer_step(&t->trainer, &last);
    if (status != FEDL_OK || !last) {
        return status;
    }
    const fedl_update_config config = fedli_client_update_config(c);
    status = fedl_update_begin(&c->update, &c->model, container_of(c), &config, &t->seed, row_count,
                               fedl_trainer_stats(&t->trainer), &t->eval);
    if (status == FEDL_OK) {
        t->row_count = row_count;
        t->stats = *fedl_trainer_stats(&t->trainer);
        t->digest_offset = 0;
        c->crypto->hash_init(&t->hash, FEDL_HASH_BYTES, NULL, 0, NULL);
        t->stage = fedli_client_is_masked(c) ? FEDLI_STAGE_DONE : FEDLI_STAGE_DIGEST;
    }
    return status;
}

static fedl_status digest(fedli_client_state *c)
{
    fedli_training *t = &c->training;
    const size_t total = fedl_update_vector_size(&c->task.plan.update,
                                                 fedl_model_parameter_count(&c->task.plan.model));
    size_t size = total - t->digest_offset;
    if (size > DIGEST_SLICE_BYTES) {
        size = DIGEST_SLICE_BYTES;
    }
    FEDLI_CHECK(size <= c->in_bytes);
    const fedl_status status = fedl_update_read(&c->update, c->in, t->digest_offset, size);
    if (status != FEDL_OK) {
        return status;
    }
    c->crypto->hash_update(&t->hash, c->in, size);
    t->digest_offset += size;
    if (t->digest_offset == total) {
        c->crypto->hash_final(&t->hash, c->update_digest, sizeof c->update_digest);
        t->stage = FEDLI_STAGE_DONE;
    }
    return FEDL_OK;
}

fedl_status fedli_client_train_run(fedli_client_state *c, bool *done,
                                   const fedl_sample_source *train, const fedl_sample_source *eval,
                                   uint32_t step_max)
{
    fedli_training *t = &c->training;
    if (c->work != FEDLI_WORK_TRAIN) {
        return FEDL_ERR_STATE;
    }
    fedl_status status = FEDL_OK;
    if (t->stage == FEDLI_STAGE_BEGIN) {
        status = begin(c, train);
    }
    for (uint32_t i = 0; i < step_max && status == FEDL_OK && t->stage != FEDLI_STAGE_DONE; i++) {
        switch (t->stage) {
        case FEDLI_STAGE_EVALUATE:
            status = evaluate(c, eval);
            break;
        case FEDLI_STAGE_LEARN:
            status = learn(c, train->row_count);
            break;
        case FEDLI_STAGE_DIGEST:
            status = digest(c);
            break;
        case FEDLI_STAGE_BEGIN:
        case FEDLI_STAGE_DONE:
            break;
        }
    }
    if (status == FEDL_OK) {
        *done = t->stage == FEDLI_STAGE_DONE;
    }
    return status;
}

void fedli_client_on_trained(fedli_client_state *c, fedl_status status)
{
    if (status != FEDL_OK) {
        if (status == FEDL_ERR_DIVERGED) {
            c->diverged = true;
            c->diverged_key = c->update_key;
        }
        fedli_client_task_refuse(c, status);
        return;
    }
    const fedl_train_stats *stats = &c->training.stats;
    fedl_client_action *log = fedli_client_log(c, FEDL_CLIENT_LOG_TRAINED);
    log->a = stats->row_count;
    log->b = stats->row_count == 0 ? 0 : stats->loss_sum_q16 / stats->row_count;
    c->update_ready = true;
    fedli_client_report(c);
}
