/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, errors, save and restore of a party, its noise key, and the epoch key's helpers. */
#include "secagg/party.h"

#include "cmocka_all.h"
#include "party_world.h"
#include "secagg/share.h"

#include <stdlib.h>
#include <string.h>

static void make(world *w, uint32_t n)
{
    world_init(w, n, FEDL_TRUST_ACTIVE, 16, 500 + n);
    world_begin(w, 1, 1);
}

/* ---- memory ---- */

static size_t size_for(uint32_t clients_max)
{
    fedl_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.update.clients_max = clients_max;
    plan.secagg = (fedl_secagg_config){FEDL_TRUST_CURIOUS, 3, 100, 50, 1000, 20};
    return fedli_party_size(&plan);
}

static void blocks_are_small(void **state)
{
    (void)state;
    assert_in_range(size_for(3), 1, 2000);
    assert_in_range(size_for(10), 1, 3500);
    assert_in_range(size_for(128), 1, 26000);
    assert_in_range(size_for(1000), 1, 30000);
    assert_true(size_for(10) < size_for(50) && size_for(50) < size_for(128));
}

/* Nothing is read or written beyond the size that was asked for. */
static void a_tight_block_is_enough(void **state)
{
    (void)state;
    world w;
    make(&w, 5);
    const size_t size = fedli_party_size(&w.plan);
    for (uint32_t i = 0; i < w.count; i++) {
        world_device *device = &w.devices[i];
        fedli_party_end(&device->party);
        free(device->block);
        device->block = malloc(size); /* the sanitizer watches its end */
        assert_non_null(device->block);
        memset(device->block, 0xee, size);
        world_secret(&w, device->setup.secret, 32, "attempt", device->id + (1u << 16) + (1u << 28));
        assert_int_equal(fedli_party_begin(&device->party, &device->setup, &device->epoch, NULL, 0,
                                           device->block, size),
                         FEDL_OK);
    }
    w.devices[4].lost_at_vector = true;
    world_to_end(&w);
    world_expect_sum(&w);
    world_deinit(&w);
}

/* ---- begin ---- */

static fedl_status begin(world_device *device, void *block, size_t size)
{
    return fedli_party_begin(&device->party, &device->setup, &device->epoch, device->cache,
                             device->cache_count, block, size);
}

static void begin_names_what_is_wrong(void **state)
{
    (void)state;
    world w;
    make(&w, 5);
    world_device *device = &w.devices[0];
    const size_t size = fedli_party_size(&w.plan);
    uint8_t *block = malloc(size + 16);
    assert_non_null(block);
    const fedli_party before = device->party;
    assert_int_equal(begin(device, block, size - 1), FEDL_ERR_SIZE);
    assert_int_equal(begin(device, block + 8, size), FEDL_ERR_SIZE);
    device->setup.attempt.round = 21; /* the epoch key serves rounds 1 … 20 */
    assert_int_equal(begin(device, block, size), FEDL_ERR_STATE);
    device->setup.attempt.round = 20;
    device->setup.attempt.task_id++;
    assert_int_equal(begin(device, block, size), FEDL_ERR_STATE);
    device->setup.attempt.task_id--;
    world_certify(&w, device, false);
    assert_int_equal(begin(device, block, size), FEDL_ERR_AUTH);
    world_certify(&w, device, true);
    device->setup.attempt.fleet_id[0] ^= 1;
    assert_int_equal(begin(device, block, size), FEDL_ERR_AUTH);
    device->setup.attempt.fleet_id[0] ^= 1;
    device->setup.device_cert = w.devices[1].device_cert;
    assert_int_equal(begin(device, block, size), FEDL_ERR_AUTH);
    device->setup.device_cert = device->device_cert;
    assert_memory_equal(&device->party, &before, sizeof before);
    assert_int_equal(begin(device, block, size), FEDL_OK);
    fedli_party_end(&device->party);
    fedli_party_end(&device->party); /* no harm */
    device->party = before;
    free(block);
    world_deinit(&w);
}

static void ready_is_the_documented_layout(void **state)
{
    (void)state;
    world w;
    make(&w, 5);
    const world_device *device = &w.devices[2];
    fedli_attempt_secrets secrets;
    fedli_attempt_secrets_derive(&w.crypto, &secrets, device->setup.secret);
    assert_int_equal(fedli_party_next(&device->party), FEDLI_PARTY_PUT);
    assert_int_equal(fedli_party_item(&device->party), FEDL_ITEM_READY);
    assert_int_equal(fedli_party_cohort(&device->party), 0);
    const fedl_bytes blob = fedli_party_blob(&device->party);
    static const uint8_t caps[4];
    assert_int_equal(blob.size, 364);
    assert_memory_equal(blob.data, secrets.nonce, 16);
    assert_memory_equal(blob.data + 16, w.attempt.model_digest, 32);
    assert_memory_equal(blob.data + 48, caps, 4);
    assert_memory_equal(blob.data + 52, device->device_cert, 176);
    assert_memory_equal(blob.data + 228, device->epoch.cert_bytes, 136);
    world_deinit(&w);
}

static void noise_key_is_the_attempts(void **state)
{
    (void)state;
    world w;
    make(&w, 3);
    const world_device *device = &w.devices[1];
    fedli_attempt_secrets secrets;
    fedli_attempt_secrets_derive(&w.crypto, &secrets, device->setup.secret);
    assert_memory_equal(fedli_party_noise_key(&device->party), secrets.noise_key, 32);
    world_to_shares(&w);
    w.devices[1].lost_at_vector = true;
    world_pump_all(&w);
    assert_int_equal(fedli_party_next(&device->party), FEDLI_PARTY_UPLOAD);
    assert_memory_equal(fedli_party_noise_key(&device->party), secrets.noise_key, 32);
    world_deinit(&w);
}

static bool holds(const world *w, const uint8_t secret[32])
{
    const uint8_t *block = w->devices[0].block;
    for (size_t i = 0; i + 32 <= fedli_party_size(&w->plan); i++) {
        if (memcmp(block + i, secret, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* A secret lies in the block only as long as a step still needs it. */
static void secrets_go_with_their_last_use(void **state)
{
    (void)state;
    world w;
    make(&w, 3);
    const world_device *device = &w.devices[0];
    fedli_attempt_secrets secrets;
    uint8_t self[32];
    fedli_attempt_secrets_derive(&w.crypto, &secrets, device->setup.secret);
    assert_true(holds(&w, device->setup.secret));
    w.devices[0].lost_at_vector = true;
    world_to_shares(&w);
    fedli_self_seed(&w.crypto, self, secrets.b, w.toy.rb);
    assert_false(holds(&w, device->setup.secret));
    assert_false(holds(&w, secrets.b));
    assert_false(holds(&w, secrets.d));
    assert_false(holds(&w, secrets.coefficient_key));
    assert_true(holds(&w, self));
    assert_true(holds(&w, secrets.noise_key));
    w.devices[0].lost_at_vector = false;
    world_pump_all(&w);
    assert_int_equal(fedli_party_item(&device->party), FEDL_ITEM_SURVIVORS);
    assert_false(holds(&w, self));
    assert_false(holds(&w, secrets.noise_key));
    world_deinit(&w);
}

/* ---- restore ---- */

static fedl_status restore(world_device *device, void *block, size_t size)
{
    fedli_party party;
    return fedli_party_restore(&party, &device->setup, &device->epoch, device->cache,
                               device->cache_count, block, size);
}

/* Every byte of a party that waits for the server is covered. */
static void every_changed_byte_is_found(world *w)
{
    world_device *device = &w->devices[0];
    const size_t size = fedli_party_size(&w->plan);
    uint8_t *block = device->block;
    for (size_t i = 0; i < size; i++) {
        block[i] ^= 0x10;
        assert_int_equal(restore(device, block, size), FEDL_ERR_CORRUPT);
        block[i] ^= 0x10;
    }
    assert_int_equal(restore(device, block, size), FEDL_OK);
    assert_int_equal(restore(device, block, size - 1), FEDL_ERR_SIZE);
    assert_int_equal(restore(device, block + 8, size), FEDL_ERR_SIZE);
}

static void a_damaged_party_is_not_restored(void **state)
{
    (void)state;
    world w;
    make(&w, 3);
    every_changed_byte_is_found(&w);
    world_to_shares(&w);
    every_changed_byte_is_found(&w);
    w.devices[0].lost_at_vector = true;
    world_pump_all(&w);
    every_changed_byte_is_found(&w);
    w.devices[0].lost_at_vector = false;
    world_pump_all(&w);
    every_changed_byte_is_found(&w);
    world_deinit(&w);
}

static void a_party_of_something_else_is_not_restored(void **state)
{
    (void)state;
    world w;
    make(&w, 5);
    world_device *device = &w.devices[0];
    const size_t size = fedli_party_size(&w.plan);
    device->setup.attempt.attempt = 2;
    assert_int_equal(restore(device, device->block, size), FEDL_ERR_CORRUPT);
    device->setup.attempt.attempt = 1;
    device->setup.attempt.plan_digest[31] ^= 1;
    assert_int_equal(restore(device, device->block, size), FEDL_ERR_CORRUPT);
    device->setup.attempt.plan_digest[31] ^= 1;
    device->setup.device_id++;
    assert_int_equal(restore(device, device->block, size), FEDL_ERR_CORRUPT);
    device->setup.device_id--;
    world_new_epoch(&w, 0, 2);
    assert_int_equal(restore(device, device->block, size), FEDL_ERR_CORRUPT);
    world_new_epoch(&w, 0, 1);
    assert_int_equal(restore(device, device->block, size), FEDL_OK);
    fedl_plan other = w.plan;
    other.update.clients_max = 4;
    device->setup.plan = &other;
    assert_int_equal(restore(device, device->block, size), FEDL_ERR_CORRUPT);
    world_deinit(&w);
}

/* A copy and the original, both at UPLOAD, can only send one vector. */
static void a_copy_sends_the_same_vector(void **state)
{
    (void)state;
    world w;
    make(&w, 4);
    world_device *device = &w.devices[3];
    const size_t size = fedli_party_size(&w.plan);
    const size_t vector_bytes = toy_shape(&w.plan).vector_bytes;
    uint8_t *vectors = calloc(2, vector_bytes);
    void *copy = malloc(size);
    fedli_party other;
    assert_true(vectors != NULL && copy != NULL);
    w.devices[3].lost_at_vector = true;
    world_to_shares(&w);
    world_pump_all(&w);
    assert_int_equal(fedli_party_next(&device->party), FEDLI_PARTY_UPLOAD);
    memcpy(copy, device->block, size);
    assert_int_equal(
        fedli_party_restore(&other, &device->setup, &device->epoch, NULL, 0, copy, size), FEDL_OK);
    fedli_party_mask(&device->party, vectors, 0, vector_bytes);
    fedli_party_mask(&other, vectors + vector_bytes, 0, vector_bytes);
    assert_memory_equal(vectors, vectors + vector_bytes, vector_bytes);
    free(vectors);
    free(copy);
    world_deinit(&w);
}

/* ---- epoch keys ---- */

static void epoch_keys_serve_their_rounds(void **state)
{
    (void)state;
    world w;
    make(&w, 3);
    const world_device *device = &w.devices[0];
    fedli_epoch_key key;
    fedli_epoch_cert cert;
    uint8_t secret[32] = {1, 2, 3};
    uint8_t point[32];
    memset(&key, 0, sizeof key);
    assert_false(fedli_epoch_key_good(&key, 0, 0, 0));
    fedli_epoch_key_make(&w.crypto, &key, w.fleet_id, device->id, WORLD_TASK, 5, 10,
                         device->id_secret, secret);
    assert_int_equal(fedli_epoch_cert_open(&cert, &w.crypto, key.cert_bytes, device->id_public),
                     FEDL_OK);
    w.crypto.x25519_public(point, secret);
    assert_memory_equal(cert.epoch_public, point, 32);
    assert_memory_equal(cert.fleet_id, w.fleet_id, 16);
    assert_int_equal(cert.epoch, 5);
    assert_int_equal(cert.round_lo, 5);
    assert_int_equal(cert.round_hi, 14);
    assert_false(fedli_epoch_key_good(&key, device->id, WORLD_TASK, 4));
    assert_true(fedli_epoch_key_good(&key, device->id, WORLD_TASK, 5));
    assert_true(fedli_epoch_key_good(&key, device->id, WORLD_TASK, 14));
    assert_false(fedli_epoch_key_good(&key, device->id, WORLD_TASK, 15));
    assert_false(fedli_epoch_key_good(&key, device->id + 1, WORLD_TASK, 5));
    assert_false(fedli_epoch_key_good(&key, device->id, WORLD_TASK + 1, 5));
    fedli_epoch_key_make(&w.crypto, &key, w.fleet_id, device->id, WORLD_TASK, UINT32_MAX - 2, 1024,
                         device->id_secret, secret);
    assert_int_equal(key.cert.round_hi, UINT32_MAX);
    assert_true(fedli_epoch_key_good(&key, device->id, WORLD_TASK, UINT32_MAX));
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_small),
        cmocka_unit_test(a_tight_block_is_enough),
        cmocka_unit_test(begin_names_what_is_wrong),
        cmocka_unit_test(ready_is_the_documented_layout),
        cmocka_unit_test(noise_key_is_the_attempts),
        cmocka_unit_test(secrets_go_with_their_last_use),
        cmocka_unit_test(a_damaged_party_is_not_restored),
        cmocka_unit_test(a_party_of_something_else_is_not_restored),
        cmocka_unit_test(a_copy_sends_the_same_vector),
        cmocka_unit_test(epoch_keys_serve_their_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
