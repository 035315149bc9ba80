/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a finished sum to a signed model version.
 *
 *   sum ─LOAD─► master; sum [+ noise] ─apply─► master ─export─► container ─digest─► manifest
 *                                                               ─sign─► COMMIT ─stored─► visible
 *
 * While a round collects its master is in the store alone, and read back into the staging place
 * when the sum is finished: no vector is put together from then on until the commit is stored.
 * What comes back is compared with the container, which still is the visible version's: a word
 * that has changed in the store is read again, for ever, rather than signed.
 * Container and master are changed in place; the record of the visible version stays as it was
 * until the commit is stored, and no bytes of the container are handed out in between.
 */
#include "base/check.h"
#include "coord/coord_state.h"

#include <string.h>

/* 0.1.0, the first library that reads plans of version 1 (major·10^6 + minor·10^3 + patch). */
#define LIBRARY_VERSION_MIN 1000u

void fedli_publish_sign(const fedli_coord_state *c, const fedli_task *t, fedl_model_record *model,
                        uint32_t expires_round)
{
    fedl_manifest manifest = {.model_class = FEDL_MODEL_TRAIN_ONLY,
                              .task_id = t->task_id,
                              .version = model->version,
                              .round = model->round,
                              .container_bytes = t->container_bytes,
                              .parameter_count = t->master.parameter_count,
                              .security_counter = 1,
                              .library_version_min = LIBRARY_VERSION_MIN,
                              .expires_round = expires_round,
                              .created_s = model->created_s,
                              .bound_q16 = model->bound_q16};
    fedl_digest(c->crypto, model->digest, t->container, t->container_bytes);
    memcpy(manifest.fleet_id, c->cfg.identity.fleet_id, 16);
    memcpy(manifest.parent_digest, model->parent_digest, 32);
    memcpy(manifest.digest, model->digest, 32);
    memcpy(manifest.plan_digest, t->plan_digest, 32);
    fedl_manifest_encode(model->manifest, &manifest);
    fedl_manifest_sign(c->crypto, model->signature, model->manifest, c->cfg.identity.round_secret);
}

/* Counts the members whose vectors are in the sum, by rising id. */
static uint32_t list_counted(fedli_task *t)
{
    uint32_t count = fedli_task_is_masked(t) ? fedli_masked_survivors(t) : 0;
    for (uint32_t i = 0; !fedli_task_is_masked(t) && i < t->member_count; i++) {
        if (t->members[i].state == FEDLI_MEMBER_REPORTED) {
            t->member_ids[count++] = t->members[i].device_id;
        }
    }
    FEDLI_CHECK(count == t->accum.count);
    return count;
}

/* The master words are in place. */
static void commit(fedli_coord_state *c, fedli_task *t)
{
    const fedl_agg_config cfg = {.kind = t->agg->kind,
                                 .server_lr_q16 = fedli_adaptive_lr_q16(t),
                                 .update_exp = t->plan.update.update_exp};
    fedli_central_noise(c, t);
    fedl_status status = t->agg->apply(&cfg, &t->master, t->agg_state, &t->accum);
    if (status != FEDL_OK) {
        if (fedli_task_is_masked(t)) {
            fedli_round_burn(c, t, "the sum has no weight");
        } else {
            fedli_round_abort(c, t, "the sum has no weight");
        }
        return;
    }
    status = fedl_master_export_container(&t->master, t->container, t->container_bytes);
    FEDLI_CHECK(status == FEDL_OK);

    t->phase = FEDL_PHASE_COMMITTING;
    t->timer_ns = FEDL_NEVER_NS;
    t->op.kind = FEDL_STORE_COMMIT;
    t->op.round = t->round;
    t->op.attempt = t->attempt;
    t->op.members = t->member_ids;
    t->op.member_count = list_counted(t);
    t->op.text = NULL;
    t->op.blamed = t->masked.blamed; /* a sum can be whole although somebody lied */
    t->op.blamed_other = t->masked.blamed_other;
    t->op.blamed_in_doubt = false;
    t->op.rho = fedli_task_is_central(t) ? fedli_task_charge(&t->plan) : 0;
    t->op.model = t->model;
    t->op.model.version = t->model.version + 1u;
    t->op.model.round = t->round;
    t->op.model.created_s = c->event->utc_s;
    t->op.model.bound_q16 = fedli_adaptive_next(t);
    memcpy(t->op.model.parent_digest, t->model.digest, 32);
    fedli_publish_sign(c, t, &t->op.model, t->round + 1u);
    t->op.metrics = t->metrics;
    t->op.metrics.report_count = t->accum.count;
    memcpy(t->op.metrics.tail, t->accum.tail, sizeof t->op.metrics.tail);
    t->op.metrics.tail[FEDL_TAIL_CLIPPED] = fedli_adaptive_clipped(t);
    t->op.metrics.duration_ms = (uint64_t)((c->now_ns - t->phase_since_ns) / 1000000);
    fedli_task_emit_op(c, t);
}

static void emit_load(fedli_coord_state *c, fedli_task *t)
{
    t->timer_ns = FEDL_NEVER_NS;
    t->load = (fedl_load_job){.task_id = t->task_id,
                              .version = t->model.version,
                              .master_words = t->master.words,
                              .parameter_count = t->master.parameter_count};
    t->load_ticket = c->ticket_next++;
    fedl_action *action = fedli_outbox_action(c, FEDL_ACTION_LOAD);
    action->ticket = t->load_ticket;
    action->load = &t->load;
}

void fedli_publish_begin(fedli_coord_state *c, fedli_task *t)
{
    t->phase = FEDL_PHASE_LOADING;
    fedli_upload_wipe(t);
    emit_load(c, t);
}

void fedli_publish_timer(fedli_coord_state *c, fedli_task *t)
{
    if (t->timer_ns <= c->now_ns) { /* never while it is out */
        emit_load(c, t);
    }
}

void fedli_publish_loaded(fedli_coord_state *c, fedli_task *t)
{
    FEDLI_CHECK(t->phase == FEDL_PHASE_LOADING);
    t->load_ticket = 0;
    fedl_status status = c->event->status;
    const char *text = NULL; /* the host knows why reading has failed */
    if (status == FEDL_OK && !fedl_master_is_of(&t->master, t->container)) {
        status = FEDL_ERR_CORRUPT; /* the next version would be signed all the same */
        text = "the stored master weights are not those of the newest version";
    }
    if (status != FEDL_OK) {
        fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_STORE_FAILED, t);
        log->status = status;
        log->text = text;
        t->timer_ns = fedli_after_ms(c->now_ns, fedli_task_pause_ms(t));
        return;
    }
    commit(c, t);
    fedli_masked_end(c, t);
}
