/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking up a machine that was put away (client_save.c). Each saved state is good for once: the
 * first thing that the new machine does is to make durable that it was taken up, and a state whose
 * progress is not the device's present one is refused. So a device can't be made to live through
 * the same attempt twice, with other survivors or another vector.
 *
 *   restore() ─► STORE resumed + 1 ─► NEED_MEMORY ─► party, update ─► what the party wants next
 */
#include "client/saved.h"

#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

/* ---- reading ---- */

static void read_body(fedli_saved *s, fedli_reader *r)
{
    s->device_id = fedli_read_u32(r);
    s->fleet_id = fedli_read_view(r, 16);
    s->task_id = fedli_read_u32(r);
    s->round = fedli_read_u32(r);
    s->attempt = fedli_read_u32(r);
    s->late_round = fedli_read_u32(r);
    s->epoch_cert = fedli_read_view(r, FEDLI_EPOCH_CERT_BYTES);
    s->epoch_secret = fedli_read_view(r, 32);
    s->progress.task_id = s->task_id;
    s->progress.version = fedli_read_u32(r);
    fedli_read_copy(r, s->progress.digest, sizeof s->progress.digest);
    s->progress.round_opened = fedli_read_u32(r);
    s->progress.attempt_opened = fedli_read_u32(r);
    s->progress.round_closed = fedli_read_u32(r);
    s->progress.resumed = fedli_read_u32(r);
    s->progress.rho_spent = fedli_read_u64(r);
    s->manifest = fedli_read_view(r, FEDLI_MANIFEST_KEPT_BYTES);
    s->plan = fedli_read_view(r, fedli_read_u32(r));
    s->party = fedli_read_view(r, fedli_read_u32(r));
    if ((s->flags & FEDLI_SAVED_UPDATE) != 0) {
        s->update_rows = fedli_read_u32(r);
        s->train.loss_sum_q16 = fedli_read_u64(r);
        s->eval.row_count = fedli_read_u64(r);
        s->eval.correct_count = fedli_read_u64(r);
        s->eval.loss_sum_q16 = fedli_read_u64(r);
        const uint32_t container_bytes = fedli_read_u32(r);
        s->reference = fedli_read_view(r, container_bytes);
        s->trained = fedli_read_view(r, container_bytes);
    }
}

fedl_status fedli_saved_read(fedli_saved *saved, const fedl_crypto *crypto,
                             const fedl_identity *identity, fedl_bytes bytes)
{
    fedli_reader r;
    fedli_saved s;
    uint8_t tag[FEDL_HASH_BYTES];
    memset(&s, 0, sizeof s);
    fedli_reader_init(&r, bytes);
    if (fedli_read_u32(&r) != FEDLI_SAVED_MAGIC) {
        return FEDL_ERR_FORMAT;
    }
    const uint16_t format = fedli_read_u16(&r);
    s.flags = fedli_read_u16(&r);
    s.size = fedli_read_u32(&r);
    const uint32_t library = fedli_read_u32(&r);
    if (fedli_reader_left(&r) < FEDL_HASH_BYTES || s.size != bytes.size) {
        return FEDL_ERR_CORRUPT;
    }
    const size_t body_bytes = bytes.size - FEDL_HASH_BYTES;
    fedli_saved_tag(crypto, tag, identity, bytes.data, body_bytes);
    if (!fedli_equal_ct(tag, bytes.data + body_bytes, sizeof tag)) {
        return FEDL_ERR_CORRUPT;
    }
    if (format != FEDLI_SAVED_FORMAT || library != FEDL_LIBRARY_VERSION ||
        (s.flags & ~FEDLI_SAVED_FLAGS) != 0) {
        return FEDL_ERR_VERSION;
    }
    fedli_reader_init(&r, fedl_bytes_of(bytes.data + 16, body_bytes - 16u));
    read_body(&s, &r);
    if (fedli_reader_end(&r) != FEDL_OK) {
        return FEDL_ERR_CORRUPT;
    }
    *saved = s;
    return FEDL_OK;
}

/* ---- checking ---- */

static bool has(const fedli_saved *s, uint32_t flag)
{
    return (s->flags & flag) != 0;
}

/* Numbers and flags that contradict each other, or the marks of the task. */
static bool is_possible(const fedli_saved *s)
{
    const fedl_client_accepted *marks = &s->progress;
    const bool closed = has(s, FEDLI_SAVED_CLOSED);
    const bool opened = marks->round_opened == s->round && marks->attempt_opened == s->attempt;
    if (s->task_id == 0 || s->round == 0 || s->attempt == 0 ||
        s->attempt > FEDL_SECAGG_ATTEMPTS_MAX || marks->attempt_opened > FEDL_SECAGG_ATTEMPTS_MAX) {
        return false;
    }
    if (has(s, FEDLI_SAVED_REPORTED) == has(s, FEDLI_SAVED_UPDATE) ||
        (has(s, FEDLI_SAVED_REPORTED) && (!has(s, FEDLI_SAVED_SENT) || !opened)) ||
        (closed && !has(s, FEDLI_SAVED_REPORTED)) || (has(s, FEDLI_SAVED_ANNOUNCED) && !closed)) {
        return false;
    }
    if (s->late_round != 0 &&
        (s->late_round != s->round || !closed || has(s, FEDLI_SAVED_ANNOUNCED))) {
        return false;
    }
    return (closed ? marks->round_closed == s->round : marks->round_closed < s->round) &&
           s->eval.correct_count <= s->eval.row_count &&
           (!has(s, FEDLI_SAVED_UPDATE) || s->update_rows > 0);
}

/* Is the party as far as the flags and the marks say? */
static bool party_fits(const fedli_party *party, const fedli_saved *s)
{
    const fedli_party_want want = fedli_party_next(party);
    const bool opened =
        s->progress.round_opened == s->round && s->progress.attempt_opened == s->attempt;
    if (want == FEDLI_PARTY_DONE) {
        return has(s, FEDLI_SAVED_CLOSED);
    }
    if (want == FEDLI_PARTY_UPLOAD) {
        return opened && !has(s, FEDLI_SAVED_REPORTED);
    }
    if (want != FEDLI_PARTY_PUT && want != FEDLI_PARTY_GET) {
        return false; /* never put away there */
    }
    switch (fedli_party_item(party)) {
    case FEDL_ITEM_HELPER:
    case FEDL_ITEM_READY:
    case FEDL_ITEM_ROSTER:
    case FEDL_ITEM_CERTS:
        return !opened && !has(s, FEDLI_SAVED_REPORTED) &&
               (s->round > s->progress.round_opened ||
                (s->round == s->progress.round_opened && s->attempt > s->progress.attempt_opened));
    case FEDL_ITEM_SEED:
    case FEDL_ITEM_SHARES:
    case FEDL_ITEM_FORWARD:
    case FEDL_ITEM_COMPLAINT:
        return opened && !has(s, FEDLI_SAVED_REPORTED);
    case FEDL_ITEM_SURVIVORS:
        return has(s, FEDLI_SAVED_REPORTED) && !has(s, FEDLI_SAVED_CLOSED);
    case FEDL_ITEM_CONFIRM:
    case FEDL_ITEM_CONFIRMS:
    case FEDL_ITEM_UNMASK:
        return has(s, FEDLI_SAVED_CLOSED);
    }
    return false;
}

static bool is_present(const fedl_client_progress *progress, const fedl_client_accepted *saved)
{
    for (uint32_t i = 0; i < progress->count; i++) {
        const fedl_client_accepted *now = &progress->tasks[i];
        if (now->task_id == saved->task_id) {
            return now->version == saved->version &&
                   memcmp(now->digest, saved->digest, sizeof now->digest) == 0 &&
                   now->round_opened == saved->round_opened &&
                   now->attempt_opened == saved->attempt_opened &&
                   now->round_closed == saved->round_closed && now->resumed == saved->resumed &&
                   now->rho_spent == saved->rho_spent;
        }
    }
    return false;
}

/* Takes the task back into the machine. Errors: those of the offer's checks, ERR_POLICY. */
static fedl_status take_task(fedli_client_state *c, const fedli_saved *s)
{
    uint8_t digest[FEDL_HASH_BYTES];
    fedli_client_task task;
    memset(&task, 0, sizeof task);
    task.to_train = true;
    task.task_id = s->task_id;
    task.round = s->round;
    task.attempt = s->attempt;
    memcpy(task.manifest_bytes, s->manifest.data, sizeof task.manifest_bytes);
    fedl_status status = fedl_manifest_open(
        &task.manifest, c->crypto, fedl_bytes_of(task.manifest_bytes, FEDLI_MANIFEST_BYTES),
        task.manifest_bytes + FEDLI_MANIFEST_BYTES, c->cfg.identity.server_round_public);
    if (status == FEDL_OK) {
        status = fedl_plan_decode(&task.plan, s->plan);
    }
    if (status != FEDL_OK) {
        return status;
    }
    fedl_digest(c->crypto, digest, s->plan.data, s->plan.size);
    if (memcmp(digest, task.manifest.plan_digest, sizeof digest) != 0 ||
        memcmp(task.manifest.fleet_id, c->cfg.identity.fleet_id, 16) != 0 ||
        s->plan.size > FEDL_PLAN_BYTES_MAX || !fedli_client_task_fits(&task) ||
        !fedli_progress_holds(&c->cfg.progress, &task.manifest) ||
        task.plan.aggregation == FEDL_AGGREGATION_PLAIN || !c->cfg.identity.has_cert) {
        return FEDL_ERR_CORRUPT;
    }
    if (fedli_policy_check(&c->cfg.policy, &task.plan) != FEDL_REFUSAL_NONE) {
        return FEDL_ERR_POLICY;
    }
    fedli_client_keep_offer(c, &task, s->plan);
    return FEDL_OK;
}

static fedl_status take_epoch(fedli_client_state *c, const fedli_saved *s)
{
    const fedl_identity *identity = &c->cfg.identity;
    fedli_epoch_key *epoch = &c->group.epoch;
    uint8_t epoch_public[32];
    fedl_cert own;
    if (c->task.plan.aggregation == FEDL_AGGREGATION_HELPER) {
        return FEDL_OK; /* no pairs, no key */
    }
    fedl_status status =
        fedl_cert_open(&own, c->crypto, fedl_bytes_of(identity->cert, sizeof identity->cert),
                       identity->ca_public, 0);
    if (status == FEDL_OK) {
        status = fedli_epoch_cert_open(&epoch->cert, c->crypto, s->epoch_cert.data, own.id_public);
    }
    memcpy(epoch->cert_bytes, s->epoch_cert.data, sizeof epoch->cert_bytes);
    memcpy(epoch->secret, s->epoch_secret.data, sizeof epoch->secret);
    if (status != FEDL_OK) {
        return FEDL_ERR_CORRUPT;
    }
    c->crypto->x25519_public(epoch_public, epoch->secret);
    return memcmp(epoch->cert.fleet_id, identity->fleet_id, 16) == 0 &&
                   fedli_epoch_key_good(epoch, identity->device_id, s->task_id, s->round) &&
                   memcmp(epoch_public, epoch->cert.epoch_public, sizeof epoch_public) == 0
               ? FEDL_OK
               : FEDL_ERR_CORRUPT;
}

fedl_status fedl_client_restore(fedl_client *client, const fedl_client_config *cfg, void *block,
                                size_t block_bytes, fedl_bytes saved)
{
    fedl_client fresh = {NULL};
    fedli_saved s;
    if (cfg->mode != FEDL_CLIENT_RUN) {
        return FEDL_ERR_RANGE;
    }
    fedl_status status = fedl_client_init(&fresh, cfg, block, block_bytes);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_client_state *c = fresh.state;
    status = fedli_saved_read(&s, c->crypto, &cfg->identity, saved);
    if (status == FEDL_OK && (s.device_id != cfg->identity.device_id ||
                              memcmp(s.fleet_id.data, cfg->identity.fleet_id, 16) != 0)) {
        status = FEDL_ERR_CORRUPT;
    }
    if (status == FEDL_OK && !is_present(&cfg->progress, &s.progress)) {
        status = FEDL_ERR_REPLAY;
    }
    if (status == FEDL_OK && !is_possible(&s)) {
        status = FEDL_ERR_CORRUPT;
    }
    if (status == FEDL_OK) {
        status = take_task(c, &s);
    }
    if (status == FEDL_OK) {
        status = take_epoch(c, &s);
    }
    if (status != FEDL_OK) {
        fedl_client_deinit(&fresh);
        return status;
    }
    c->saved = saved;
    c->work = FEDLI_WORK_RESUME;
    *client = fresh;
    return FEDL_OK;
}

/* ---- going on ---- */

void fedli_client_resume_store(fedli_client_state *c)
{
    fedl_client_progress next = c->cfg.progress;
    if (c->saved.size != 0) {
        fedli_progress_resume(&next, c->task.task_id);
        fedli_client_store_progress(c, &next);
    }
}

void fedli_client_resume_stored(fedli_client_state *c, fedl_status status)
{
    if (status != FEDL_OK) {
        c->saved = fedl_bytes_of(NULL, 0);
        fedli_client_task_refuse(c, status);
        return;
    }
    fedli_progress_resume(&c->cfg.progress, c->task.task_id);
    fedli_client_ask_for_memory(c);
}

/* The update, from the very numbers that it was made of before. */
static fedl_status make_update(fedli_client_state *c, const fedli_saved *s)
{
    const fedl_train_seed seed = {c->task.plan.run_seed, s->round, c->cfg.identity.device_id};
    const size_t size = fedl_container_size(&c->task.plan.model);
    uint8_t digest[FEDL_HASH_BYTES];
    fedl_digest(c->crypto, digest, s->reference.data, s->reference.size);
    if (s->reference.size != size || memcmp(digest, c->task.manifest.digest, sizeof digest) != 0) {
        return FEDL_ERR_CORRUPT;
    }
    memcpy(c->container, s->reference.data, size);
    const fedl_update_config config = fedli_client_update_config(c);
    fedl_status status = fedl_model_load(&c->model, s->trained);
    if (status == FEDL_OK) {
        status = fedl_update_begin(&c->update, &c->model, fedl_bytes_of(c->container, size),
                                   &config, &seed, s->update_rows, &s->train, &s->eval);
    }
    if (status != FEDL_OK) {
        return status;
    }
    /* For the case that this one is put away, too. */
    c->training.stats = s->train;
    c->training.eval = s->eval;
    c->training.stage = FEDLI_STAGE_DONE;
    c->training.row_count = s->update_rows;
    fedli_client_task_key(c, &c->task, &c->update_key);
    c->update_ready = true;
    c->fetched_bytes = size;
    c->verified = true;
    return FEDL_OK;
}

void fedli_client_resume_memory(fedli_client_state *c)
{
    fedli_saved s;
    /* The host may have changed the bytes since restore() looked at them. */
    fedl_status status = fedli_saved_read(&s, c->crypto, &c->cfg.identity, c->saved);
    c->saved = fedl_bytes_of(NULL, 0);
    if (status == FEDL_OK && (s.flags & FEDLI_SAVED_UPDATE) != 0) {
        status = make_update(c, &s);
    }
    if (status == FEDL_OK) {
        status = fedli_client_group_resume(c, s.party);
    }
    if (status == FEDL_OK && !party_fits(&c->group.party, &s)) {
        status = FEDL_ERR_CORRUPT;
    }
    if (status != FEDL_OK) {
        fedli_client_task_drop(c);
        fedli_client_task_refuse(c, status);
        return;
    }
    c->group.reported = (s.flags & FEDLI_SAVED_REPORTED) != 0;
    c->group.closed = (s.flags & FEDLI_SAVED_CLOSED) != 0;
    c->group.announced = (s.flags & FEDLI_SAVED_ANNOUNCED) != 0;
    c->group.late_round = s.late_round;
    c->update_sent = (s.flags & FEDLI_SAVED_SENT) != 0;
    fedli_client_group_next(c);
}
