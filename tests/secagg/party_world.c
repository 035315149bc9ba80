/* SPDX-License-Identifier: Apache-2.0 */
#include "party_world.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "secagg/params.h"
#include "secagg/share.h"
#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <stdlib.h>
#include <string.h>

static void *zeroed(size_t size)
{
    void *block = calloc(1, size);
    assert_non_null(block);
    return block;
}

/* ---- making ---- */

void world_secret(const world *w, uint8_t *out, size_t size, const char *what, uint32_t index)
{
    uint8_t name[12];
    uint32_t counter = 0;
    fedli_store_u64(name, w->seed);
    fedli_store_u32(name + 8, index);
    while (size > 0) {
        uint8_t block[32];
        uint8_t key[32] = {0};
        const size_t step = size < 32 ? size : 32;
        fedli_store_u32(key, counter++);
        memcpy(key + 4, name, sizeof name);
        fedli_hash(&w->crypto, block, what, key, sizeof key);
        memcpy(out, block, step);
        out += step;
        size -= step;
    }
}

void world_certify(const world *w, world_device *device, bool by_our_ca)
{
    uint8_t seed[32];
    uint8_t other_public[32];
    uint8_t other_secret[64];
    fedl_cert cert = {.role = FEDL_CERT_DEVICE,
                      .subject_id = device->id,
                      .serial = 1,
                      .not_after_s = w->not_after_s};
    memcpy(cert.fleet_id, w->fleet_id, 16);
    memcpy(cert.id_public, device->id_public, 32);
    world_secret(w, cert.noise_public, 32, "noise", device->id);
    world_secret(w, seed, 32, "other CA", 0);
    w->crypto.sign_keypair(other_public, other_secret, seed);
    fedl_cert_issue(&w->crypto, device->device_cert, &cert,
                    by_our_ca ? w->ca_secret : other_secret);
}

void world_new_epoch(world *w, uint32_t position, uint32_t round)
{
    world_device *device = &w->devices[position];
    uint8_t secret[32];
    world_secret(w, secret, 32, "epoch", device->id + (round << 16));
    fedli_epoch_key_make(&w->crypto, &device->epoch, w->fleet_id, device->id, WORLD_TASK, round,
                         w->plan.secagg.epoch_rounds, device->id_secret, secret);
    if (device->cache_count > 0) {
        memset(device->cache, 0, device->cache_count * sizeof *device->cache);
    }
}

void world_set_cache(world *w, uint32_t entries)
{
    for (uint32_t i = 0; i < w->count; i++) {
        free(w->devices[i].cache);
        w->devices[i].cache_count = entries;
        w->devices[i].cache =
            entries == 0 ? NULL : zeroed(entries * sizeof(fedli_pair_cache_entry));
    }
}

static void device_make(world *w, uint32_t position)
{
    world_device *device = &w->devices[position];
    const size_t vector_bytes = toy_shape(&w->plan).vector_bytes;
    const size_t words_bytes =
        fedl_model_parameter_count(&w->plan.model) * w->plan.update.ring_bits / 8u;
    uint8_t seed[32];
    device->id = 10u + 7u * position;
    world_secret(w, seed, 32, "identity", device->id);
    w->crypto.sign_keypair(device->id_public, device->id_secret, seed);
    world_certify(w, device, true);
    world_new_epoch(w, position, 1);
    device->block = zeroed(fedli_party_size(&w->plan));
    device->update = zeroed(vector_bytes);
    world_secret(w, device->update, words_bytes, "update", device->id);
    world_secret(w, device->update + vector_bytes - 64, 64, "tail", device->id);
}

void world_init(world *w, uint32_t n, fedl_server_trust trust, uint32_t ring_bits, uint64_t seed)
{
    uint8_t ca_seed[32];
    memset(w, 0, sizeof *w);
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    w->crypto = *fedl_crypto_sodium();
    w->seed = seed;
    w->not_after_s = WORLD_UTC_S;
    w->plan.model.input_count = 9;
    w->plan.model.input_exp = -7;
    w->plan.model.loss = FEDL_LOSS_SOFTMAX_CE;
    w->plan.model.layer_count = 1;
    w->plan.model.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, 10, -14};
    w->plan.update = (fedl_update_config){.clip_q16 = 65536,
                                          .update_exp = -11,
                                          .ring_bits = (uint8_t)ring_bits,
                                          .clients_max = n,
                                          .w_max = 1};
    w->plan.aggregation = FEDL_AGGREGATION_MASKED;
    w->plan.secagg = (fedl_secagg_config){trust, 3, 100, 50, 1000, 20};
    w->plan.privacy.mode = FEDL_PRIVACY_NONE;
    fedl_site_policy_default(&w->policy);
    w->policy.min_cohort = 3;
    world_secret(w, w->fleet_id, 16, "fleet", 0);
    world_secret(w, ca_seed, 32, "CA", 0);
    w->crypto.sign_keypair(w->ca_public, w->ca_secret, ca_seed);
    w->count = n;
    w->devices = zeroed(n * sizeof *w->devices);
    for (uint32_t i = 0; i < n; i++) {
        device_make(w, i);
    }
}

void world_deinit(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        fedli_party_end(&w->devices[i].party);
        free(w->devices[i].cache);
        free(w->devices[i].block);
        free(w->devices[i].update);
    }
    free(w->devices);
    toy_deinit(&w->toy);
}

void world_begin(world *w, uint32_t round, uint32_t attempt)
{
    const fedl_secagg_config *secagg = &w->plan.secagg;
    fedli_params params;
    memset(&w->attempt, 0, sizeof w->attempt);
    memcpy(w->attempt.fleet_id, w->fleet_id, 16);
    w->attempt.task_id = WORLD_TASK;
    w->attempt.round = round;
    w->attempt.attempt = attempt;
    w->attempt.version = round - 1;
    world_secret(w, w->attempt.model_digest, 32, "model", round);
    world_secret(w, w->attempt.plan_digest, 32, "plan", 0);
    assert_int_equal(fedli_params_for(&params, w->count, secagg->gamma_permille,
                                      secagg->delta_permille, secagg->trust),
                     FEDL_OK);
    toy_deinit(&w->toy);
    toy_init(&w->toy, &w->crypto, &w->plan, &w->attempt, w->count, params.k, params.t);
    for (uint32_t i = 0; i < w->count; i++) {
        world_device *device = &w->devices[i];
        w->toy.ids[i] = device->id;
        device->setup = (fedli_party_setup){.crypto = &w->crypto,
                                            .plan = &w->plan,
                                            .policy = &w->policy,
                                            .attempt = w->attempt,
                                            .device_id = device->id,
                                            .ca_public = w->ca_public,
                                            .device_cert = device->device_cert,
                                            .utc_s = WORLD_UTC_S};
        world_secret(w, device->setup.secret, 32, "attempt",
                     device->id + (round << 16) + (attempt << 28));
        device->stored_opened = 0;
        device->stored_closed = 0;
        device->certs_got = 0;
        fedli_party_end(&device->party);
        assert_int_equal(fedli_party_begin(&device->party, &device->setup, &device->epoch,
                                           device->cache, device->cache_count, device->block,
                                           fedli_party_size(&w->plan)),
                         FEDL_OK);
    }
}

/* ---- judging ---- */

void world_expect_sum(const world *w)
{
    const fedli_mask_shape shape = toy_shape(&w->plan);
    const size_t words_bytes =
        fedl_model_parameter_count(&w->plan.model) * w->plan.update.ring_bits / 8u;
    uint8_t *expected = zeroed(shape.vector_bytes);
    uint8_t *sum = zeroed(shape.vector_bytes);
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->toy.in_u3[i]) {
            toy_vector_add(&w->plan, expected, w->devices[i].update);
        }
    }
    assert_true(toy_unmask(&w->toy, sum));
    assert_memory_equal(sum, expected, words_bytes);
    assert_memory_equal(sum + shape.body_bytes, expected + shape.body_bytes, 64);
    free(expected);
    free(sum);
}

fedl_refusal world_refusal(const world *w, uint32_t position)
{
    return fedli_party_refusal(&w->devices[position].party);
}

void world_expect_numbers(const world *w, uint32_t position, uint32_t asked, uint32_t allowed)
{
    uint32_t numbers[2];
    fedli_party_numbers(&w->devices[position].party, &numbers[0], &numbers[1]);
    assert_int_equal(numbers[0], asked);
    assert_int_equal(numbers[1], allowed);
}

void world_expect_refused(const world *w, uint32_t position, fedl_refusal reason)
{
    const fedli_party *party = &w->devices[position].party;
    assert_string_equal(fedl_refusal_text(fedli_party_refusal(party)), fedl_refusal_text(reason));
    assert_int_equal(fedli_party_next(party), FEDLI_PARTY_REFUSED);
    world_expect_wiped(w, position);
}

static bool contains(const uint8_t *block, size_t size, const uint8_t *secret, size_t secret_bytes)
{
    for (size_t i = 0; i + secret_bytes <= size; i++) {
        if (memcmp(block + i, secret, secret_bytes) == 0) {
            return true;
        }
    }
    return false;
}

void world_expect_wiped(const world *w, uint32_t position)
{
    const world_device *device = &w->devices[position];
    const size_t size = fedli_party_size(&w->plan);
    fedli_attempt_secrets secrets;
    uint8_t secret[32];
    uint8_t self[32];
    const uint32_t round = w->attempt.round;
    world_secret(w, secret, 32, "attempt", device->id + (round << 16) + (w->attempt.attempt << 28));
    fedli_attempt_secrets_derive(&w->crypto, &secrets, secret);
    fedli_self_seed(&w->crypto, self, secrets.b, fedli_party_binding(&device->party));
    assert_false(contains(device->block, size, secret, 32));
    assert_false(contains(device->block, size, secrets.b, 32));
    assert_false(contains(device->block, size, secrets.d, 32));
    assert_false(contains(device->block, size, secrets.noise_key, 32));
    assert_false(contains(device->block, size, self, 32));
    for (uint32_t i = 0; i < device->cache_count; i++) {
        if (device->cache[i].device_id != 0) {
            assert_false(contains(device->block, size, device->cache[i].pair.chain, 32));
        }
    }
}
