/* SPDX-License-Identifier: Apache-2.0 */
#include "coord_party.h"

#include "secagg/params.h"

#include <stdlib.h>
#include <string.h>

#define PUT_BYTES    700u
#define GET_BYTES    512u
#define UPLOAD_BYTES 192u
#define WAIT_MS      5000u

void parties_open(party_world *p, uint32_t n, fedl_server_trust trust)
{
    memset(p, 0, sizeof *p);
    world *w = &p->w;
    world_open(w, NULL);
    w->plan.aggregation = FEDL_AGGREGATION_MASKED;
    w->plan.secagg = (fedl_secagg_config){.trust = trust,
                                          .min_cohort = 3,
                                          .gamma_permille = 100,
                                          .delta_permille = 200,
                                          .step_ms = 2000,
                                          .epoch_rounds = 8};
    w->round.clients_goal = n;
    w->round.reports_min = 3;
    w->round.select_count = n;
    w->round.pool_min = n;
    w->round.pool_timeout_ms = 0;
    w->check_sums = true;
    world_join_members(w, n);
    p->count = n;
    for (uint32_t i = 0; i < n; i++) {
        party_device *q = &p->parties[i];
        q->d = &w->devices[i];
        fedl_site_policy_default(&q->policy);
        q->policy.min_cohort = 3;
        q->block_bytes = fedli_party_size(&w->plan);
        q->block = aligned_alloc(16, (q->block_bytes + 15u) / 16u * 16u);
        q->closed = malloc(q->block_bytes);
        assert_non_null(q->block);
        assert_non_null(q->closed);
    }
}

void parties_add_task(party_world *p)
{
    assert_int_equal(world_add_task(&p->w, "masked"), 1);
    world_transcript_clear(&p->w);
}

void parties_close(party_world *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->parties[i].block);
        free(p->parties[i].closed);
    }
    world_close(&p->w);
}

static void begin(party_world *p, party_device *q)
{
    world *w = &p->w;
    const fedl_message_task *task = &q->d->message.u.task;
    fedl_manifest manifest;
    if (q->has_closed && task->round == q->round && task->attempt == q->attempt) {
        memcpy(q->block, q->closed, q->block_bytes); /* the server has restarted: once more */
        assert_int_equal(fedli_party_restore(&q->party, &q->setup, &q->epoch, q->cache,
                                             PARTY_CACHE_MAX, q->block, q->block_bytes),
                         FEDL_OK);
        q->begun = true;
        return;
    }
    q->has_closed = false;
    assert_int_equal(fedl_manifest_open(&manifest, w->crypto, task->offer.manifest,
                                        task->offer.signature, w->cfg.identity.round_public),
                     FEDL_OK);
    q->task_id = task->task_id;
    q->round = task->round;
    q->attempt = task->attempt;
    fedli_party_setup *setup = &q->setup;
    memset(setup, 0, sizeof *setup);
    setup->crypto = w->crypto;
    setup->plan = &w->plan;
    setup->policy = &q->policy;
    memcpy(setup->attempt.fleet_id, w->cfg.identity.fleet_id, 16);
    setup->attempt.task_id = task->task_id;
    setup->attempt.round = task->round;
    setup->attempt.attempt = task->attempt;
    setup->attempt.version = manifest.version;
    memcpy(setup->attempt.model_digest, manifest.digest, 32);
    memcpy(setup->attempt.plan_digest, manifest.plan_digest, 32);
    setup->device_id = q->d->id;
    setup->ca_public = w->cfg.identity.ca_public;
    setup->device_cert = q->d->device_cert;
    setup->id_secret = q->d->id_secret;
    setup->noise_secret = q->d->noise_secret;
    for (size_t i = 0; i < sizeof setup->secret; i++) {
        setup->secret[i] = (uint8_t)fedli_rng_u32(&w->rng);
    }
    if (!fedli_epoch_key_good(&q->epoch, q->d->id, q->task_id, q->round)) {
        uint8_t secret[32];
        for (size_t i = 0; i < sizeof secret; i++) {
            secret[i] = (uint8_t)fedli_rng_u32(&w->rng);
        }
        fedli_epoch_key_make(w->crypto, &q->epoch, w->cfg.identity.fleet_id, q->d->id, q->task_id,
                             q->round, w->plan.secagg.epoch_rounds, q->d->id_secret, secret);
        memset(q->cache, 0, sizeof q->cache);
    }
    assert_int_equal(fedli_party_begin(&q->party, setup, &q->epoch, q->cache, PARTY_CACHE_MAX,
                                       q->block, q->block_bytes),
                     FEDL_OK);
    q->begun = true;
    q->told = false;
    q->offset = 0;
}

static void end(party_device *q)
{
    fedli_party_end(&q->party);
    q->begun = false;
    q->offset = 0;
}

/* Sends a message, perhaps after the one before it, perhaps twice. */
static void post(party_world *p, party_device *q, fedl_message *message, fedl_bytes payload)
{
    assert_true(payload.size <= sizeof q->sent_bytes);
    if (q->sends_old && q->sent.kind != 0) {
        device_send(&p->w, q->d, &q->sent);
    }
    device_send(&p->w, q->d, message);
    if (q->sends_twice) {
        device_send(&p->w, q->d, message);
    }
    q->sent = *message;
    if (payload.size > 0) {
        memcpy(q->sent_bytes, payload.data, payload.size);
    }
    if (message->kind == FEDL_MESSAGE_PUT) {
        q->sent.u.put.payload = fedl_bytes_of(q->sent_bytes, payload.size);
    } else if (message->kind == FEDL_MESSAGE_UPLOAD) {
        q->sent.u.upload.payload = fedl_bytes_of(q->sent_bytes, payload.size);
    }
}

/* Asks for what the party wants next. */
static void send_put(party_world *p, party_device *q)
{
    const fedl_bytes blob = fedli_party_blob(&q->party);
    const size_t left = blob.size - (size_t)q->offset;
    uint8_t bytes[PUT_BYTES];
    fedl_message message = {.kind = FEDL_MESSAGE_PUT};
    fedl_message_put *put = &message.u.put;
    put->task_id = q->task_id;
    put->round = q->round;
    put->attempt = q->attempt;
    put->item = fedli_party_item(&q->party);
    put->offset = q->offset;
    put->total_bytes = blob.size;
    put->payload = fedl_bytes_of(bytes, left < PUT_BYTES ? left : PUT_BYTES);
    memcpy(bytes, blob.data + q->offset, put->payload.size);
    party_spoil(q, put->item, bytes);
    post(p, q, &message, put->payload);
}

static void send_get(party_world *p, party_device *q)
{
    fedl_message message = {.kind = FEDL_MESSAGE_GET};
    message.u.get = (fedl_message_get){q->task_id,
                                       q->round,
                                       q->attempt,
                                       fedli_party_item(&q->party),
                                       fedli_party_offset(&q->party),
                                       GET_BYTES,
                                       WAIT_MS};
    post(p, q, &message, fedl_bytes_of(NULL, 0));
}

static void send_vector(party_world *p, party_device *q)
{
    world *w = &p->w;
    uint8_t vector[4096];
    const size_t total = world_vector_bytes(w);
    const size_t left = total - (size_t)q->offset;
    const size_t size = left < UPLOAD_BYTES ? left : UPLOAD_BYTES;
    fedl_message message = {.kind = FEDL_MESSAGE_UPLOAD};
    fedl_message_upload *upload = &message.u.upload;
    assert_true(total <= sizeof vector);
    world_vector(w, vector, world_seed_of(q->task_id, q->round, q->d->id));
    if (q->lies_about_range) {
        vector[1] = 0x7f; /* near 2^15: more than all devices together may have */
    }
    upload->task_id = q->task_id;
    upload->round = q->round;
    upload->attempt = q->attempt;
    upload->offset = q->offset;
    upload->total_bytes = total;
    memcpy(upload->digest, fedli_party_binding(&q->party), 32);
    fedli_party_mask(&q->party, vector + q->offset, (size_t)q->offset, size);
    upload->payload = fedl_bytes_of(vector + q->offset, size);
    post(p, q, &message, upload->payload);
}

/* Instead of its vector a complaint about somebody who has done nothing. */
static void send_slander(party_world *p, party_device *q)
{
    uint8_t bytes[FEDLI_COMPLAINT_BYTES] = {(uint8_t)q->slanders, 0, 0, 0, FEDL_REFUSAL_SHARE};
    fedl_message message = {.kind = FEDL_MESSAGE_PUT};
    message.u.put = (fedl_message_put){q->task_id,
                                       q->round,
                                       q->attempt,
                                       FEDL_ITEM_COMPLAINT,
                                       0,
                                       sizeof bytes,
                                       fedl_bytes_of(bytes, sizeof bytes)};
    device_send(&p->w, q->d, &message);
    q->slanders++;
    end(q);
}

static void tell_secrets(party_world *p, party_device *q)
{
    fedli_attempt_secrets secrets;
    fedli_params params;
    const uint32_t n = fedli_party_cohort(&q->party);
    if (p->forbidden == NULL || q->told || n == 0) {
        return;
    }
    assert_int_equal(fedli_params_for(&params, n, p->w.plan.secagg.gamma_permille,
                                      p->w.plan.secagg.delta_permille, p->w.plan.secagg.trust),
                     FEDL_OK);
    fedli_attempt_secrets_derive(p->w.crypto, &secrets, q->setup.secret);
    forbidden_pair_add(p->forbidden, q->d->id, q->attempt, &secrets, params.t, params.k);
    q->told = true;
}

static bool is_lost(party_device *q, fedli_party_want want)
{
    if (q->lost_at == want && (q->lose_in_round == 0 || q->lose_in_round == q->round)) {
        const bool has_item = want == FEDLI_PARTY_PUT || want == FEDLI_PARTY_GET;
        q->lost = !has_item || fedli_party_item(&q->party) == q->lost_item;
    }
    return q->lost;
}

/* Everything up to the next request; false when there is none to send. */
static bool ask(party_world *p, party_device *q)
{
    for (;;) {
        tell_secrets(p, q);
        const fedli_party_want want = fedli_party_next(&q->party);
        if (is_lost(q, want)) {
            return false;
        }
        switch (want) {
        case FEDLI_PARTY_PUT:
            send_put(p, q);
            return true;
        case FEDLI_PARTY_GET:
            send_get(p, q);
            return true;
        case FEDLI_PARTY_UPLOAD:
            if (q->slanders != 0) {
                send_slander(p, q);
            } else {
                send_vector(p, q);
            }
            return true;
        case FEDLI_PARTY_STORE_OPENED:
            fedli_party_stored(&q->party);
            break;
        case FEDLI_PARTY_STORE_CLOSED:
            fedli_party_stored(&q->party);
            memcpy(q->closed, q->block, q->block_bytes);
            q->has_closed = true;
            break;
        case FEDLI_PARTY_DONE:
            q->done_count++;
            end(q);
            return true;
        case FEDLI_PARTY_REFUSED:
            q->refused_count++;
            q->refusal = fedli_party_refusal(&q->party);
            end(q);
            return true;
        }
    }
}

static void take_answer(party_device *q)
{
    const fedl_message *m = &q->d->message;
    const fedli_party_want want = fedli_party_next(&q->party);
    if (device_rejected(q->d, FEDL_REJECT_BUSY)) {
        return; /* the same once more */
    }
    if (m->kind == FEDL_MESSAGE_REJECT) {
        q->rejected = m->u.reject.code;
        end(q);
        return;
    }
    if (want == FEDLI_PARTY_GET) {
        assert_int_equal(m->kind, FEDL_MESSAGE_PART);
        assert_int_equal(m->u.part.item, fedli_party_item(&q->party));
        if (m->u.part.total_bytes != 0) {
            fedli_party_take(&q->party, m->u.part.payload, m->u.part.total_bytes);
        }
        return;
    }
    assert_int_equal(m->kind, FEDL_MESSAGE_ACCEPTED);
    q->offset = m->u.accepted.next_offset;
    if (m->u.accepted.complete) {
        q->offset = 0;
        if (want == FEDLI_PARTY_PUT) {
            fedli_party_put_done(&q->party);
        } else {
            fedli_party_uploaded(&q->party);
        }
    }
}

static bool connect(party_world *p, party_device *q)
{
    if (q->connected && q->restart_count == p->w.restart_count) {
        return false;
    }
    device_hello(&p->w, q->d);
    q->connected = q->d->answer == ANSWER_HELLO;
    q->restart_count = p->w.restart_count;
    q->waits = false;
    return q->connected;
}

bool party_pump(party_world *p, party_device *q)
{
    device *d = q->d;
    if (q->lost || d->id == 0) {
        return false;
    }
    if (connect(p, q)) {
        return true;
    }
    if (q->waits) {
        if (d->answer == ANSWER_NONE) {
            return false;
        }
        q->waits = false;
        if (d->answer != ANSWER_MESSAGE) {
            q->connected = false;
        } else if (q->begun) {
            take_answer(q);
        } else if (device_got(d, FEDL_MESSAGE_TASK)) {
            begin(p, q);
        }
        return true;
    }
    if (!q->begun) {
        device_checkin(&p->w, d, 20000);
        q->waits = true;
        return d->answer != ANSWER_NONE;
    }
    const bool moved = ask(p, q);
    q->waits = moved && q->begun;
    return moved;
}

void parties_run(party_world *p)
{
    bool moved = true;
    for (uint32_t rounds = 0; moved; rounds++) {
        assert_true(rounds < 5000);
        moved = false;
        for (uint32_t i = 0; i < p->count; i++) {
            moved = party_pump(p, &p->parties[i]) || moved;
        }
        world_settle(&p->w);
        for (uint32_t i = 0; i < p->count; i++) { /* the sweep has answered somebody */
            const party_device *q = &p->parties[i];
            moved = moved || (q->waits && !q->lost && q->d->answer != ANSWER_NONE);
        }
    }
}

void parties_run_until(party_world *p, uint32_t version, uint32_t ms)
{
    const fedl_instant_ns until_ns = p->w.now_ns + (fedl_instant_ns)ms * 1000000;
    parties_run(p);
    while (p->w.version[1] < version && p->w.now_ns < until_ns) {
        world_run_ms(&p->w, 250);
        parties_run(p);
    }
}
