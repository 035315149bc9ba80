/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt of a masked round: the party (secagg/party.h) says what is wanted next, this file
 * turns that into work of the machine. It begins when an update is ready and ends with the next
 * check-in, whatever the reason; nothing of it outlives that but the epoch key and the pairs that
 * were derived. Only a party that has named its survivors stays until other work comes: a server
 * that was restarted behind the commit point asks for its last items once more, by offering the
 * same attempt.
 *
 *   update ready ─► party ─► PUT, GET (client_group_io.c) │ STORE │ UPLOAD (client_upload.c)
 *                    └─ DONE, REFUSED, rejected by the server ─► CHECKIN
 *
 * The trained update stays: the next attempt of the round masks the same numbers anew.
 */
#include "client/client_state.h"

#include "base/check.h"
#include "base/secret.h"

#include <string.h>

bool fedli_client_is_masked(const fedli_client_state *c)
{
    /* By the plan alone: whatever else may be wrong, a masked plan's update never goes unmasked. */
    return c->task.plan.aggregation != FEDL_AGGREGATION_PLAIN;
}

/* ---- memory ---- */

void fedli_client_group_lay_out(fedli_client_state *c, const fedl_plan *plan, fedli_arena *arena)
{
    const fedl_secagg_config *s = &plan->secagg;
    fedli_client_group *g = &c->group;
    if (plan->aggregation == FEDL_AGGREGATION_PLAIN) {
        return;
    }
    const bool helped = plan->aggregation == FEDL_AGGREGATION_HELPER; /* no pairs */
    const size_t party_bytes = fedli_party_size(plan);
    const uint32_t cache_count =
        helped ? 0
               : fedli_params_k_max(plan->update.clients_max, s->gamma_permille, s->delta_permille,
                                    s->trust);
    void *party = fedli_arena_take(arena, 1, party_bytes);
    fedli_pair_cache_entry *cache =
        helped ? NULL : fedli_arena_take(arena, cache_count, sizeof *cache);
    if (arena->block == NULL || arena->failed) {
        return; /* only counting, or the block is too small */
    }
    g->block = party;
    g->block_bytes = party_bytes;
    g->cache = cache;
    g->cache_count = cache_count;
}

void fedli_client_group_clear(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    fedli_client_group_end(c);
    if (g->cache != NULL) {
        fedli_wipe(g->cache, g->cache_count * sizeof *g->cache);
    }
}

void fedli_client_group_drop(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    fedli_client_group_clear(c);
    g->block = NULL;
    g->block_bytes = 0;
    g->cache = NULL;
    g->cache_count = 0;
}

void fedli_client_group_pause(fedli_client_state *c)
{
    const fedli_client_group *g = &c->group;
    const bool may_repeat =
        g->active && g->closed && fedli_party_next(&g->party) != FEDLI_PARTY_REFUSED;
    if (!may_repeat) {
        fedli_client_group_end(c);
    }
}

void fedli_client_group_end(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    fedli_client_group_unprotect(c);
    if (g->active) {
        fedli_party_end(&g->party);
        g->active = false;
    }
}

/* ---- privacy ---- */

/* The attempt's own secret makes the noise: none is used for two sums, and a part of the vector
 * that is sent again is the same. */
static fedl_status protect(fedli_client_state *c)
{
    if (c->task.plan.update.noise_sigma2_q8 == 0) {
        return FEDL_OK;
    }
    return fedl_update_protect(&c->update, fedli_prg_best()->stream,
                               fedli_party_noise_key(&c->group.party));
}

void fedli_client_group_unprotect(fedli_client_state *c)
{
    c->update.noised = false;
    fedli_wipe(c->update.noise_key, sizeof c->update.noise_key);
}

/* ---- what has to be durable ---- */

static void apply(const fedli_client_state *c, fedl_client_progress *progress)
{
    const fedli_attempt *attempt = &c->group.setup.attempt;
    if (c->group.closing) {
        fedli_progress_close(progress, attempt->task_id, attempt->round);
    } else {
        fedli_progress_open(progress, attempt->task_id, attempt->round, attempt->attempt,
                            fedli_client_charge(c, c->group.setup.plan));
    }
}

static void store_progress(fedli_client_state *c, bool closing)
{
    fedl_client_progress next = c->cfg.progress;
    c->group.closing = closing;
    apply(c, &next);
    fedli_client_store_progress(c, &next);
    c->work = FEDLI_WORK_STORE;
}

/* ---- beginning ---- */

static void fill_setup(fedli_client_state *c)
{
    const fedl_identity *identity = &c->cfg.identity;
    const fedl_manifest *manifest = &c->task.manifest;
    fedli_party_setup *setup = &c->group.setup;
    memset(setup, 0, sizeof *setup);
    setup->crypto = c->crypto;
    setup->plan = &c->task.plan;
    setup->policy = &c->cfg.policy;
    setup->attempt.task_id = c->task.task_id;
    setup->attempt.round = c->task.round;
    setup->attempt.attempt = c->task.attempt;
    setup->attempt.version = manifest->version;
    memcpy(setup->attempt.fleet_id, identity->fleet_id, sizeof setup->attempt.fleet_id);
    memcpy(setup->attempt.model_digest, manifest->digest, sizeof setup->attempt.model_digest);
    fedli_attempt_plan_digest(c->crypto, setup->attempt.plan_digest, manifest->plan_digest,
                              manifest->bound_q16);
    setup->device_id = identity->device_id;
    setup->ca_public = identity->ca_public;
    setup->device_cert = identity->cert;
    setup->utc_s = c->event->utc_s;
    setup->id_secret = identity->id_secret;
    setup->noise_secret = identity->noise_secret;
}

/* Two secrets from one event, apart from each other and from whatever else the event's entropy is
 * used for in this step (a handshake, the jitter of a pause). */
static void draw_secret(const fedli_client_state *c, uint8_t out[32], const char *personal)
{
    fedli_hash(c->crypto, out, personal, c->event->entropy, FEDL_ENTROPY_BYTES);
}

/* Pairs belong to an epoch key: a new one makes them worthless. */
static void renew_epoch(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    const fedl_identity *identity = &c->cfg.identity;
    uint8_t secret[32];
    if (c->task.plan.aggregation == FEDL_AGGREGATION_HELPER ||
        fedli_epoch_key_good(&g->epoch, identity->device_id, c->task.task_id, c->task.round)) {
        return;
    }
    fedli_wipe(g->cache, g->cache_count * sizeof *g->cache);
    draw_secret(c, secret, "fedl.newepoch.v1");
    fedli_epoch_key_make(c->crypto, &g->epoch, identity->fleet_id, identity->device_id,
                         c->task.task_id, c->task.round, c->task.plan.secagg.epoch_rounds,
                         identity->id_secret, secret);
    fedli_wipe(secret, sizeof secret);
}

bool fedli_client_group_is_reported(const fedli_client_state *c)
{
    return c->group.active && c->group.reported;
}

/* Once, however often the server wants the last items. */
static void announce(fedli_client_state *c)
{
    if (!c->group.announced) {
        fedli_client_log(c, FEDL_CLIENT_LOG_UPLOADED)->a = fedli_client_vector_size(c);
        c->group.announced = true;
    }
    c->trouble = 0;
}

void fedli_client_group_late(fedli_client_state *c)
{
    /* Others were faster and the sum is whole, or the attempt has failed: the next offer tells. */
    if (!c->group.announced) {
        c->group.late_round = c->group.setup.attempt.round;
    }
    c->trouble = 0;
    fedli_client_checkin_later(c, 0);
}

void fedli_client_group_offered(fedli_client_state *c, const fedl_manifest *manifest)
{
    fedli_client_group *g = &c->group;
    if (g->late_round != 0 && manifest->task_id == g->setup.attempt.task_id &&
        manifest->round >= g->late_round) {
        announce(c);
        g->late_round = 0;
    }
}

/* The charge is durable: from here on bytes may leave. */
static void upload(fedli_client_state *c)
{
    const fedl_status status = protect(c);
    if (status != FEDL_OK) {
        fedli_client_task_refuse(c, status);
        return;
    }
    fedli_client_upload_start(c);
}

/* What the party wants next becomes the work of the machine. */
static void advance(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    fedl_client_action *log;
    uint64_t left = 0;
    uint32_t asked = 0;
    uint32_t allowed = 0;
    c->request_ns = c->now_ns;
    switch (fedli_party_next(&g->party)) {
    case FEDLI_PARTY_PUT:
        g->put_offset = 0;
        g->put_stalls = 0;
        c->work = FEDLI_WORK_PUT;
        return;
    case FEDLI_PARTY_GET:
        c->work = FEDLI_WORK_GET;
        return;
    case FEDLI_PARTY_STORE_OPENED:
        if (!fedli_client_affords(c, g->setup.attempt.task_id, g->setup.plan, &left)) {
            /* An attempt that was resumed under a stricter policy. */
            log = fedli_client_task_decline(c, FEDL_REFUSAL_BUDGET, 0);
            log->asked = fedli_client_charge(c, g->setup.plan);
            log->allowed = left;
            return;
        }
        if (fedli_party_cohort(&g->party) != 0) { /* with a helper nobody sees a roster */
            fedli_client_log(c, FEDL_CLIENT_LOG_COHORT)->a = fedli_party_cohort(&g->party);
        }
        store_progress(c, false);
        return;
    case FEDLI_PARTY_UPLOAD:
        upload(c);
        return;
    case FEDLI_PARTY_STORE_CLOSED:
        store_progress(c, true);
        return;
    case FEDLI_PARTY_DONE:
        announce(c);
        g->late_round = 0;
        fedli_client_checkin_later(c, 0);
        return;
    case FEDLI_PARTY_REFUSED:
        fedli_party_numbers(&g->party, &asked, &allowed);
        log = fedli_client_task_decline(c, fedli_party_refusal(&g->party),
                                        fedli_party_accused(&g->party));
        log->asked = asked;
        log->allowed = allowed;
        return;
    }
}

fedl_status fedli_client_group_resume(fedli_client_state *c, fedl_bytes party)
{
    fedli_client_group *g = &c->group;
    if (party.size != g->block_bytes) {
        return FEDL_ERR_CORRUPT;
    }
    fill_setup(c);
    memcpy(g->block, party.data, party.size);
    const fedl_status status = fedli_party_restore(&g->party, &g->setup, &g->epoch, g->cache,
                                                   g->cache_count, g->block, g->block_bytes);
    g->active = status == FEDL_OK;
    if (!g->active) {
        fedli_wipe(g->block, g->block_bytes);
    }
    return status;
}

void fedli_client_group_start(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    FEDLI_CHECK(g->block != NULL);
    if (fedli_client_group_is_paused(c, &c->task)) {
        fedli_party_rewind(&g->party);
        advance(c);
        return;
    }
    fedli_client_group_end(c);
    /* Checked when the task was offered, and again where it counts. */
    const fedl_refusal refusal = fedli_progress_check_attempt(&c->cfg.progress, c->task.task_id,
                                                              c->task.round, c->task.attempt);
    if (refusal != FEDL_REFUSAL_NONE) {
        fedli_client_task_decline(c, refusal, 0);
        return;
    }
    fill_setup(c);
    renew_epoch(c);
    draw_secret(c, g->setup.secret, "fedl.attempt.v1");
    const fedl_status status = fedli_party_begin(&g->party, &g->setup, &g->epoch, g->cache,
                                                 g->cache_count, g->block, g->block_bytes);
    fedli_wipe(g->setup.secret, sizeof g->setup.secret);
    if (status != FEDL_OK) {
        fedli_client_task_decline(c, FEDL_REFUSAL_CERTIFICATE, c->cfg.identity.device_id);
        return;
    }
    g->active = true;
    g->reported = false;
    g->closed = false;
    g->announced = false;
    g->late_round = 0;
    advance(c);
}

/* ---- going on ---- */

void fedli_client_group_stored(fedli_client_state *c, fedl_status status)
{
    if (status != FEDL_OK) {
        fedli_client_task_refuse(c, status); /* ends the attempt: nothing may follow from it */
        return;
    }
    apply(c, &c->cfg.progress);
    c->group.closed = c->group.closing;
    fedli_party_stored(&c->group.party);
    advance(c);
}

void fedli_client_group_next(fedli_client_state *c)
{
    advance(c);
}
