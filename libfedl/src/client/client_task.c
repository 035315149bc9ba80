/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers: what the server wants this device to use is checked from the outside in. Signature before
 * any field of the manifest, the plan's digest before any field of the plan, both before memory is
 * asked for. A refused offer leaves what the device holds untouched.
 */
#include "client/client_state.h"

#include "base/arena.h"
#include "base/check.h"

#include <string.h>

/* Before the next check-in, when the server offers a model that the device holds already. */
#define HELD_OFFER_PAUSE_MS 1000u

/* One layout for asking and for using the block of a task. */
static size_t lay_out(fedli_client_state *c, const fedl_plan *plan, void *block, size_t block_bytes)
{
    const fedl_model_config config = {plan->model, plan->train.batch_rows};
    const size_t model_bytes = fedl_model_size(&config);
    fedli_arena arena;
    fedli_arena_init(&arena, block, block_bytes);
    fedli_client_group_lay_out(c, plan, &arena);
    uint8_t *container = fedli_arena_take(&arena, 1, fedl_container_size(&plan->model));
    void *model = fedli_arena_take(&arena, 1, model_bytes);
    if (model_bytes == 0 || arena.failed) {
        return 0;
    }
    if (block != NULL) {
        const fedl_status status = fedl_model_init(&c->model, &config, model, model_bytes);
        FEDLI_CHECK(status == FEDL_OK); /* the plan was checked and the size comes from the nn */
        c->container = container;
    }
    return fedli_arena_size(&arena);
}

void fedli_client_checkin_later(fedli_client_state *c, uint64_t delay_ms)
{
    fedli_client_group_pause(c);
    c->work = FEDLI_WORK_CHECKIN;
    c->request_ns = fedli_client_after_ms(c, delay_ms);
}

void fedli_client_task_refuse(fedli_client_state *c, fedl_status status)
{
    const uint32_t pause_ms = fedli_client_backoff_ms(c, c->trouble);
    c->trouble++;
    fedl_client_action *log = fedli_client_log(c, FEDL_CLIENT_LOG_TASK_REFUSED);
    log->status = status;
    log->a = pause_ms;
    fedli_client_checkin_later(c, pause_ms);
}

fedl_client_action *fedli_client_task_decline(fedli_client_state *c, fedl_refusal refusal,
                                              uint32_t accused)
{
    fedli_client_task_refuse(c, FEDL_ERR_POLICY);
    fedl_client_action *log = &c->actions->items[c->actions->count - 1u];
    log->refusal = refusal;
    log->accused = accused;
    return log;
}

/* The block stays, its model goes. */
static void forget_model(fedli_client_state *c)
{
    c->verified = false;
    c->announced = false;
    c->update_ready = false;
    c->update_sent = false;
    c->fetched_bytes = 0;
}

void fedli_client_task_drop(fedli_client_state *c)
{
    forget_model(c);
    fedli_client_group_drop(c);
    c->container = NULL;
    c->model.state = NULL;
    if (c->block != NULL) {
        c->block = NULL;
        c->block_bytes = 0;
        fedli_client_action(c, FEDL_CLIENT_RELEASE_MEMORY);
    }
}

static fedl_status check_manifest(const fedli_client_state *c, const fedl_manifest *manifest,
                                  uint32_t round)
{
    if (memcmp(manifest->fleet_id, c->cfg.identity.fleet_id, sizeof manifest->fleet_id) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    /* Anti-rollback: versions of one task never fall, and a version never changes. */
    const fedl_status progress = fedli_progress_check(&c->cfg.progress, manifest);
    if (progress != FEDL_OK) {
        return progress;
    }
    if (manifest->library_version_min > FEDL_LIBRARY_VERSION) {
        return FEDL_ERR_VERSION;
    }
    const bool late = manifest->expires_s != 0 && c->event->utc_s > manifest->expires_s;
    if (late || (manifest->expires_round != 0 && round > manifest->expires_round)) {
        return FEDL_ERR_EXPIRED;
    }
    return FEDL_OK;
}

/*
 * Verifies an offer and reads it into *out; out->plan.data still points into the message. round is
 * 0 for a model that is only for prediction. Errors: those of fedl_manifest_open(),
 * fedl_plan_decode(); ERR_MISMATCH (fleet, task, plan digest, sizes, other bytes of an accepted
 * version), ERR_REPLAY (older than the newest accepted), ERR_VERSION, ERR_EXPIRED.
 */
static fedl_status check_offer(const fedli_client_state *c, fedli_client_task *out,
                               const fedl_model_offer *offer)
{
    uint8_t digest[FEDL_HASH_BYTES];
    fedl_status status = fedl_manifest_open(&out->manifest, c->crypto, offer->manifest,
                                            offer->signature, c->cfg.identity.server_round_public);
    if (status != FEDL_OK) {
        return status;
    }
    status = check_manifest(c, &out->manifest, out->round);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_digest(c->crypto, digest, offer->plan.data, offer->plan.size);
    if (memcmp(digest, out->manifest.plan_digest, sizeof digest) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    status = fedl_plan_decode(&out->plan, offer->plan);
    if (status != FEDL_OK) {
        return status;
    }
    if (!fedli_client_task_fits(out)) {
        return FEDL_ERR_MISMATCH;
    }
    memcpy(out->manifest_bytes, offer->manifest.data, FEDLI_MANIFEST_BYTES);
    memcpy(out->manifest_bytes + FEDLI_MANIFEST_BYTES, offer->signature, FEDL_SIGNATURE_BYTES);
    return FEDL_OK;
}

/* One plan of one task has one layout of its block. */
static bool same_plan(const fedli_client_task *a, const fedli_client_task *b)
{
    return a->manifest.task_id == b->manifest.task_id &&
           memcmp(a->manifest.plan_digest, b->manifest.plan_digest, FEDL_HASH_BYTES) == 0;
}

static bool same_model(const fedli_client_task *a, const fedli_client_task *b)
{
    return same_plan(a, b) && a->manifest.bound_q16 == b->manifest.bound_q16 &&
           memcmp(a->manifest.digest, b->manifest.digest, FEDL_HASH_BYTES) == 0;
}

/* Copies the offer into the machine; the plan's bytes move to their own place. */
void fedli_client_keep_offer(fedli_client_state *c, const fedli_client_task *offered,
                             fedl_bytes plan)
{
    FEDLI_CHECK(plan.size <= FEDL_PLAN_BYTES_MAX);
    memmove(c->plan_bytes, plan.data, plan.size);
    c->plan_bytes_used = plan.size;
    c->task = *offered;
    const fedl_status status =
        fedl_plan_decode(&c->task.plan, fedl_bytes_of(c->plan_bytes, plan.size));
    FEDLI_CHECK(status == FEDL_OK); /* the same bytes decoded a moment ago */
}

void fedli_client_ask_for_memory(fedli_client_state *c)
{
    const size_t bytes = lay_out(c, &c->task.plan, NULL, 0);
    if (bytes == 0 || (c->cfg.memory_bytes_max != 0 && bytes > c->cfg.memory_bytes_max)) {
        fedli_client_task_refuse(c, FEDL_ERR_NO_MEMORY);
        return;
    }
    fedli_client_action(c, FEDL_CLIENT_NEED_MEMORY)->size_bytes = bytes;
    c->work = FEDLI_WORK_MEMORY;
}

/* The model is held already, or has to be fetched. */
static void take_up(fedli_client_state *c, const fedli_client_task *offered, fedl_bytes plan)
{
    const bool held = c->block != NULL && same_model(&c->task, offered);
    const bool fits = c->block != NULL && same_plan(&c->task, offered);
    if (!fits) {
        fedli_client_task_drop(c);
    } else if (!held) {
        fedli_client_group_end(c);
        forget_model(c); /* the next version takes its place; pairs of the epoch stay */
    }
    fedli_client_keep_offer(c, offered, plan);
    if (c->task.to_train) {
        fedli_client_log(c, FEDL_CLIENT_LOG_TASK);
    }
    if (!fits) {
        fedli_client_ask_for_memory(c);
    } else if (c->verified) {
        fedli_client_use_model(c);
    } else {
        c->work = FEDLI_WORK_FETCH; /* goes on at the byte where it was interrupted */
    }
}

/* The log entry just written is about an offer that was not taken up. */
static void log_offered(fedli_client_state *c, const fedl_message_task *task)
{
    fedl_client_action *log = &c->actions->items[c->actions->count - 1u];
    log->task_id = task->task_id;
    log->round = task->round;
    log->attempt = task->attempt;
}

/* Can and may this device do what a verified plan asks? Else it was refused. */
static bool plan_suits(fedli_client_state *c, const fedli_client_task *offered)
{
    const fedl_plan *plan = &offered->plan;
    const fedl_refusal refusal = fedli_policy_check(&c->cfg.policy, plan);
    if (refusal != FEDL_REFUSAL_NONE) {
        fedl_client_action *log = fedli_client_task_decline(c, refusal, 0);
        fedli_policy_numbers(&c->cfg.policy, plan, refusal, &log->asked, &log->allowed);
        return false;
    }
    uint64_t asked = 0;
    uint64_t allowed = 0;
    const fedl_refusal bound = fedli_client_bound_check(c, offered, &asked, &allowed);
    if (bound != FEDL_REFUSAL_NONE) {
        fedl_client_action *log = fedli_client_task_decline(c, bound, 0);
        log->asked = asked;
        log->allowed = allowed;
        return false;
    }
    if (plan->aggregation == FEDL_AGGREGATION_PLAIN) {
        return true;
    }
    if (!c->cfg.identity.has_cert) {
        fedli_client_task_decline(c, FEDL_REFUSAL_CERTIFICATE, c->cfg.identity.device_id)->text =
            "this device joined before masking existed: let it leave and join again";
        return false;
    }
    const fedl_refusal reused = fedli_client_group_check(c, offered, &asked, &allowed);
    if (reused != FEDL_REFUSAL_NONE) {
        fedl_client_action *log = fedli_client_task_decline(c, reused, 0);
        log->asked = asked;
        log->allowed = allowed;
        return false;
    }
    return true;
}

void fedli_client_on_task(fedli_client_state *c, const fedl_message_task *task)
{
    fedli_client_task offered;
    fedli_update_key key;
    memset(&offered, 0, sizeof offered);
    offered.to_train = true;
    offered.task_id = task->task_id;
    offered.round = task->round;
    offered.attempt = task->attempt;
    const fedl_status status = check_offer(c, &offered, &task->offer);
    if (status != FEDL_OK) {
        fedli_client_task_refuse(c, status);
        log_offered(c, task);
        return;
    }
    fedli_client_group_offered(c, &offered.manifest);
    if (!plan_suits(c, &offered)) {
        log_offered(c, task);
        return;
    }
    fedli_client_task_key(c, &offered, &key);
    if (c->diverged && fedli_update_key_equal(&c->diverged_key, &key)) {
        /* The run is deterministic: it would diverge again. The next round may go better. */
        fedli_client_task_refuse(c, FEDL_ERR_DIVERGED);
        return;
    }
    if (fedli_client_group_is_paused(c, &offered)) {
        fedli_client_keep_offer(c, &offered,
                                task->offer.plan); /* a WAIT may have put another there */
        fedli_client_log(c, FEDL_CLIENT_LOG_TASK); /* neither model nor update is needed for it */
        fedli_client_group_start(c);
        return;
    }
    take_up(c, &offered, task->offer.plan);
}

bool fedli_client_polled_long(const fedli_client_state *c)
{
    const uint32_t half_ms = c->cfg.poll_ms / 2u;
    const uint32_t least_ms = half_ms > c->cfg.backoff_ms_min ? half_ms : c->cfg.backoff_ms_min;
    return c->now_ns >= c->sent_ns + (fedl_instant_ns)least_ms * 1000000;
}

void fedli_client_on_wait(fedli_client_state *c, const fedl_message_wait *wait)
{
    uint64_t pause_ms = wait->retry_after_ms;
    /* A server that never lets a poll wait would have the device spin. */
    if (pause_ms == 0 && !fedli_client_polled_long(c)) {
        pause_ms = c->cfg.backoff_ms_min;
    }
    fedli_client_log(c, FEDL_CLIENT_LOG_WAITING)->a = pause_ms;
    fedli_client_checkin_later(c, pause_ms);
    if (!wait->has_offer) {
        c->trouble = 0;
        return;
    }
    fedli_client_task offered;
    memset(&offered, 0, sizeof offered);
    const fedl_status status = check_offer(c, &offered, &wait->offer);
    if (status != FEDL_OK) {
        fedli_client_task_refuse(c, status);
        return;
    }
    fedli_client_group_offered(c, &offered.manifest);
    offered.task_id = offered.manifest.task_id;
    offered.round = offered.manifest.round;
    if (c->announced && c->block != NULL && same_model(&c->task, &offered)) {
        /* An honest server does not offer what the device says it holds. */
        if (pause_ms < HELD_OFFER_PAUSE_MS && !fedli_client_polled_long(c)) {
            fedli_client_checkin_later(c, HELD_OFFER_PAUSE_MS);
        }
        fedli_client_keep_offer(c, &offered, wait->offer.plan);
        return;
    }
    take_up(c, &offered, wait->offer.plan);
}

void fedli_client_on_memory(fedli_client_state *c)
{
    const fedl_client_event *event = c->event;
    if (event->block == NULL) {
        c->saved = fedl_bytes_of(NULL, 0);
        fedli_client_task_refuse(c, FEDL_ERR_NO_MEMORY);
        return;
    }
    c->block = event->block;
    c->block_bytes = event->block_bytes;
    if (lay_out(c, &c->task.plan, event->block, event->block_bytes) == 0) {
        c->saved = fedl_bytes_of(NULL, 0);
        fedli_client_task_drop(c); /* smaller than asked for: give it back */
        fedli_client_task_refuse(c, FEDL_ERR_SIZE);
        return;
    }
    fedli_client_group_clear(c); /* the host's bytes are no pairs */
    if (c->saved.size != 0) {
        fedli_client_resume_memory(c);
        return;
    }
    c->fetched_bytes = 0;
    c->work = FEDLI_WORK_FETCH;
    c->request_ns = c->now_ns;
}

void fedli_client_store_progress(fedli_client_state *c, const fedl_client_progress *progress)
{
    const size_t size = fedl_client_progress_encode(c->progress_bytes, progress);
    fedl_client_action *store = fedli_client_action(c, FEDL_CLIENT_STORE);
    store->store_kind = FEDL_CLIENT_STORE_PROGRESS;
    store->bytes = fedl_bytes_of(c->progress_bytes, size);
}

void fedli_client_use_model(fedli_client_state *c)
{
    const fedl_manifest *manifest = &c->task.manifest;
    if (!fedli_progress_holds(&c->cfg.progress, manifest)) {
        /* Durable before use: otherwise a power cut would open the way back to older models. */
        fedl_client_progress next = c->cfg.progress;
        fedli_progress_accept(&next, manifest);
        fedli_client_store_progress(c, &next);
        c->work = FEDLI_WORK_PROGRESS;
        return;
    }
    fedli_progress_accept(&c->cfg.progress, manifest); /* its task is the one used last */
    if (!c->announced) {
        fedl_client_action *ready = fedli_client_action(c, FEDL_CLIENT_MODEL_READY);
        ready->plan = &c->task.plan;
        ready->model = fedl_bytes_of(c->container, (size_t)manifest->container_bytes);
        ready->manifest = fedl_bytes_of(c->task.manifest_bytes, sizeof c->task.manifest_bytes);
        ready->task_id = manifest->task_id;
        ready->version = manifest->version;
        c->announced = true;
    }
    if (c->task.to_train) {
        fedli_client_train_start(c);
    } else {
        fedli_client_checkin_later(c, 0); /* tells the server at once which model it holds */
    }
}

void fedli_client_progress_stored(fedli_client_state *c, fedl_status status)
{
    if (status != FEDL_OK) {
        fedli_client_task_refuse(c, status);
        return;
    }
    fedli_progress_accept(&c->cfg.progress, &c->task.manifest);
    fedli_client_use_model(c);
}
