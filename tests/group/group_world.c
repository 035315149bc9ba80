/* SPDX-License-Identifier: Apache-2.0 */
#include "group_world.h"

#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <stdlib.h>
#include <string.h>

#define TASK        7u
#define UTC_S       1800000000u
#define VERIFIED    (1u << 16) /* slots of remembered signatures */
#define FIRST_ROUND 5u

/* ---- crypto that remembers good signatures ---- */

static uint64_t verified[VERIFIED];

static bool verify_once(const uint8_t signature[64], const void *message, size_t size,
                        const uint8_t public_key[32])
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    fedl_hash hash;
    uint64_t digest;
    crypto->hash_init(&hash, sizeof digest, public_key, 32, NULL);
    crypto->hash_update(&hash, signature, 64);
    crypto->hash_update(&hash, message, size);
    crypto->hash_final(&hash, (uint8_t *)&digest, sizeof digest);
    uint64_t *slot = &verified[digest % VERIFIED];
    if (*slot == digest) {
        return true;
    }
    if (!crypto->verify(signature, message, size, public_key)) {
        return false;
    }
    *slot = digest;
    return true;
}

static const fedl_crypto *remembering_crypto(void)
{
    static fedl_crypto crypto;
    crypto = *fedl_crypto_sodium();
    crypto.verify = verify_once;
    return &crypto;
}

/* ---- the fleet ---- */

static void random_bytes(group_world *w, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)fedli_rng_u32(&w->rng);
    }
}

static void make_device(group_world *w, group_device *d, uint32_t device_id)
{
    uint8_t seed[32];
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = device_id, .serial = 1};
    d->device_id = device_id;
    random_bytes(w, seed, sizeof seed);
    w->crypto->sign_keypair(d->id_public, d->id_secret, seed);
    random_bytes(w, seed, sizeof seed);
    w->crypto->x25519_public(d->noise_public, seed);
    memcpy(cert.fleet_id, w->setup.attempt.fleet_id, 16);
    memcpy(cert.id_public, d->id_public, 32);
    memcpy(cert.noise_public, d->noise_public, 32);
    cert.not_after_s = UTC_S + 1000;
    fedl_cert_issue(w->crypto, d->device_cert, &cert, w->ca_secret);
    random_bytes(w, seed, sizeof seed);
    fedli_epoch_key_make(w->crypto, &d->epoch, w->setup.attempt.fleet_id, device_id, TASK,
                         FIRST_ROUND, FEDL_EPOCH_ROUNDS_MAX, d->id_secret, seed);
}

static void make_plan(group_world *w, fedl_server_trust trust, uint8_t ring_bits)
{
    fedl_plan *plan = &w->plan;
    plan->model.input_count = 16;
    plan->model.input_exp = -7;
    plan->model.loss = FEDL_LOSS_MSE;
    plan->model.layer_count = 1;
    plan->model.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, 8, -14};
    plan->train = (fedl_train_config){1, 8, 1677722, 0};
    plan->update.clip_q16 = 262144;
    plan->update.update_exp = -11;
    plan->update.ring_bits = ring_bits;
    plan->update.clients_max = w->n;
    plan->update.w_max = 1;
    plan->aggregation = FEDL_AGGREGATION_MASKED;
    plan->secagg = (fedl_secagg_config){trust, 3, 100, 100, GROUP_STEP_MS, FEDL_EPOCH_ROUNDS_MAX};
    plan->privacy.mode = FEDL_PRIVACY_NONE;
}

static void make_sums(group_world *w)
{
    const fedl_update_config *cfg = &w->plan.update;
    const uint32_t count = fedl_model_parameter_count(&w->plan.model);
    const size_t bytes = fedl_accum_size(cfg, count);
    w->shape.ring_bits = cfg->ring_bits;
    w->shape.body_bytes = fedl_update_body_size(cfg, count);
    w->shape.vector_bytes = fedl_update_vector_size(cfg, count);
    w->sum_block = aligned_alloc(16, bytes);
    w->plain_block = aligned_alloc(16, bytes);
    assert_int_equal(fedl_accum_init(&w->sum, cfg, count, w->sum_block, bytes), FEDL_OK);
    assert_int_equal(fedl_accum_init(&w->plain, cfg, count, w->plain_block, bytes), FEDL_OK);
}

void group_world_open(group_world *w, uint32_t n, fedl_server_trust trust, uint8_t ring_bits)
{
    uint8_t seed[32];
    memset(w, 0, sizeof *w);
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    w->crypto = remembering_crypto();
    fedli_rng_init(&w->rng, 4711u + n);
    w->n = n;
    w->now_ns = 1000000000;
    make_plan(w, trust, ring_bits);
    make_sums(w);
    fedl_site_policy_default(&w->policy);
    w->policy.min_cohort = 3;
    fedli_attempt *attempt = &w->setup.attempt;
    random_bytes(w, attempt->fleet_id, sizeof attempt->fleet_id);
    random_bytes(w, attempt->model_digest, sizeof attempt->model_digest);
    random_bytes(w, attempt->plan_digest, sizeof attempt->plan_digest);
    attempt->task_id = TASK;
    attempt->round = FIRST_ROUND - 1u;
    random_bytes(w, seed, sizeof seed);
    w->crypto->sign_keypair(w->ca_public, w->ca_secret, seed);
    w->setup.crypto = w->crypto;
    w->setup.plan = &w->plan;
    w->setup.ca_public = w->ca_public;
    w->setup.utc_s = UTC_S;
    w->setup.cohort_goal = n;
    w->setup.cohort_min = 3;
    w->devices = calloc(n, sizeof *w->devices);
    assert_non_null(w->devices);
    uint32_t device_id = 10;
    for (uint32_t i = 0; i < n; i++) {
        device_id += 1u + fedli_rng_below(&w->rng, 5);
        make_device(w, &w->devices[i], device_id);
    }
}

static void end_attempt(group_world *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        group_device *d = &w->devices[i];
        if (d->party.state != NULL) {
            fedli_party_end(&d->party);
        }
        free(d->block);
        free(d->update);
        d->block = NULL;
        d->update = NULL;
    }
    if (w->block != NULL) {
        fedl_group_end(&w->group);
        free(w->block);
        w->block = NULL;
    }
}

void group_world_close(group_world *w)
{
    end_attempt(w);
    for (uint32_t i = 0; i < w->n; i++) {
        free(w->devices[i].cache);
    }
    free(w->devices);
    free(w->sum_block);
    free(w->plain_block);
}

static void begin_device(group_world *w, group_device *d)
{
    /* All pairs that this device may ever have: in small worlds only. */
    const uint32_t cache_count = w->n <= FEDL_COMPLETE_GRAPH_MAX ? w->n : 0;
    if (d->cache == NULL && cache_count > 0) {
        d->cache = calloc(cache_count, sizeof *d->cache);
        assert_non_null(d->cache);
    }
    d->setup = (fedli_party_setup){.crypto = w->crypto,
                                   .plan = &w->plan,
                                   .policy = &w->policy,
                                   .attempt = w->setup.attempt,
                                   .device_id = d->device_id,
                                   .ca_public = w->ca_public,
                                   .device_cert = d->device_cert,
                                   .utc_s = UTC_S};
    random_bytes(w, d->setup.secret, sizeof d->setup.secret);
    const size_t block_bytes = fedli_party_size(&w->plan);
    d->block = aligned_alloc(16, block_bytes);
    assert_non_null(d->block);
    assert_int_equal(fedli_party_begin(&d->party, &d->setup, &d->epoch, d->cache, cache_count,
                                       d->block, block_bytes),
                     FEDL_OK);
    /* The padding is zero, as in a real vector. */
    const size_t word_bytes = w->shape.ring_bits / 8u;
    const size_t body_bytes = fedl_model_parameter_count(&w->plan.model) * word_bytes;
    d->update = calloc(1, w->shape.vector_bytes);
    assert_non_null(d->update);
    random_bytes(w, d->update, body_bytes);
    random_bytes(w, d->update + w->shape.body_bytes, w->shape.vector_bytes - w->shape.body_bytes);
    d->offset = 0;
    d->silent_at = GROUP_TALKS;
    d->ended = false;
    d->answer = FEDL_GROUP_OK;
}

void group_world_begin(group_world *w, uint64_t seed)
{
    end_attempt(w);
    fedli_rng_init(&w->rng, seed);
    w->setup.attempt.round++;
    w->setup.attempt.attempt = 1;
    w->setup.attempt.version++;
    w->part_bytes_max = 0;
    w->repeats = false;
    w->restarts = false;
    w->bend = NULL;
    w->look = NULL;
    fedl_accum_clear(&w->sum);
    fedl_accum_clear(&w->plain);
    w->block_bytes = fedl_group_size(&w->plan);
    w->block = aligned_alloc(16, w->block_bytes);
    assert_non_null(w->block);
    memset(w->block, 0xa5, w->block_bytes);
    w->setup.gather_until_ns = w->now_ns + (fedl_instant_ns)GROUP_GATHER_MS * 1000000;
    assert_int_equal(fedl_group_begin(&w->group, &w->setup, w->block, w->block_bytes, w->now_ns),
                     FEDL_OK);
    for (uint32_t i = 0; i < w->n; i++) {
        begin_device(w, &w->devices[i]);
    }
}
