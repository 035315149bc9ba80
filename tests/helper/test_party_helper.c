/* SPDX-License-Identifier: Apache-2.0 */
/* A helper round on the device: the same bytes whenever they are sent again, one mask, and no step
 * with a helper whose certificate is not good. */
#include "base/secret.h"
#include "cmocka_all.h"
#include "secagg/helper.h"
#include "secagg/party.h"
#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

#define UTC_S 1700000000u

static const fedl_crypto *crypto;
static fedl_plan plan;
static fedl_site_policy policy;
static fedli_party_setup setup_of;
static fedli_party party;
static fedli_epoch_key no_epoch;
static uint8_t ca_public[32];
static uint8_t ca_secret[64];
static uint8_t id_secret[64];
static uint8_t noise_secret[32];
static uint8_t helper_secret[32];
static uint8_t device_cert[FEDLI_DEVICE_CERT_BYTES];
static uint8_t helper_cert[FEDLI_DEVICE_CERT_BYTES];
static _Alignas(16) uint8_t block[8192];
static _Alignas(16) uint8_t copy[8192];

static void certify(uint8_t *out, fedl_cert_role role, uint32_t id, const uint8_t *id_public,
                    const uint8_t *secret, const uint8_t *by)
{
    fedl_cert cert = {.role = role, .subject_id = id, .serial = 1, .not_after_s = UTC_S};
    memcpy(cert.fleet_id, setup_of.attempt.fleet_id, 16);
    if (id_public != NULL) {
        memcpy(cert.id_public, id_public, 32);
    }
    crypto->x25519_public(cert.noise_public, secret);
    fedl_cert_issue(crypto, out, &cert, by);
}

static int setup(void **state)
{
    uint8_t seed[32] = {1};
    uint8_t id_public[32];
    (void)state;
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    crypto = fedl_crypto_sodium();
    memset(&plan, 0, sizeof plan);
    plan.model.input_count = 9;
    plan.model.loss = FEDL_LOSS_SOFTMAX_CE;
    plan.model.layer_count = 1;
    plan.model.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, 10, -14};
    plan.update = (fedl_update_config){
        .clip_q16 = 65536, .update_exp = -11, .ring_bits = 16, .clients_max = 200, .w_max = 1};
    plan.aggregation = FEDL_AGGREGATION_HELPER;
    plan.secagg = (fedl_secagg_config){FEDL_TRUST_CURIOUS, 8, 100, 50, 1000, 20};
    fedl_site_policy_default(&policy);
    memset(&setup_of, 0, sizeof setup_of);
    setup_of.crypto = crypto;
    setup_of.plan = &plan;
    setup_of.policy = &policy;
    memset(setup_of.attempt.fleet_id, 7, 16);
    setup_of.attempt.task_id = 3;
    setup_of.attempt.round = 2;
    setup_of.attempt.attempt = 1;
    setup_of.attempt.version = 2;
    setup_of.device_id = 12;
    setup_of.utc_s = UTC_S;
    memset(setup_of.secret, 0x5a, 32);
    crypto->sign_keypair(ca_public, ca_secret, seed);
    seed[0] = 2;
    crypto->sign_keypair(id_public, id_secret, seed);
    memset(noise_secret, 3, 32);
    memset(helper_secret, 4, 32);
    certify(device_cert, FEDL_CERT_DEVICE, 12, id_public, noise_secret, ca_secret);
    certify(helper_cert, FEDL_CERT_HELPER, 0, NULL, helper_secret, ca_secret);
    setup_of.ca_public = ca_public;
    setup_of.device_cert = device_cert;
    setup_of.id_secret = id_secret;
    setup_of.noise_secret = noise_secret;
    assert_true(fedli_party_size(&plan) <= sizeof block);
    memset(&no_epoch, 0, sizeof no_epoch);
    assert_int_equal(fedli_party_begin(&party, &setup_of, &no_epoch, NULL, 0, block, sizeof block),
                     FEDL_OK);
    return 0;
}

/* The state goes on at another address. */
static void move(void)
{
    const size_t size = fedli_party_size(&plan);
    uint8_t *from = (uint8_t *)party.state;
    uint8_t *to = from == block ? copy : block;
    memcpy(to, from, size);
    memset(from, 0, size);
    assert_int_equal(fedli_party_restore(&party, &setup_of, &no_epoch, NULL, 0, to, size), FEDL_OK);
}

static void read_cert(const uint8_t *cert, size_t step)
{
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_GET);
    assert_int_equal(fedli_party_item(&party), FEDL_ITEM_HELPER);
    for (size_t at = 0; at < FEDLI_DEVICE_CERT_BYTES; at += step) {
        const size_t left = FEDLI_DEVICE_CERT_BYTES - at;
        assert_int_equal(fedli_party_offset(&party), at);
        fedli_party_take(&party, fedl_bytes_of(cert + at, left < step ? left : step),
                         FEDLI_DEVICE_CERT_BYTES);
    }
}

static void a_seed_is_the_same_whenever_it_is_sent(void **state)
{
    (void)state;
    uint8_t first[FEDLI_SEED_ITEM_BYTES];
    fedli_seed seed;
    read_cert(helper_cert, 100);
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_STORE_OPENED);
    move();
    fedli_party_stored(&party);
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_PUT);
    assert_int_equal(fedli_party_item(&party), FEDL_ITEM_SEED);
    assert_int_equal(fedli_party_blob(&party).size, FEDLI_SEED_ITEM_BYTES);
    memcpy(first, fedli_party_blob(&party).data, sizeof first);
    move();
    assert_memory_equal(fedli_party_blob(&party).data, first, sizeof first);
    assert_int_equal(fedli_seed_open(crypto, &seed, first, helper_secret, setup_of.attempt.fleet_id,
                                     ca_public, UTC_S),
                     FEDL_OK);
    assert_int_equal(seed.device_id, 12);
    assert_int_equal(seed.min_cohort, 8); /* the plan asks for more than the site */
    assert_memory_equal(seed.rb, fedli_party_binding(&party), 32);
    assert_int_equal(fedli_seed_open(crypto, &seed, first, noise_secret, setup_of.attempt.fleet_id,
                                     ca_public, UTC_S),
                     FEDL_ERR_AUTH); /* for nobody but the helper */

    /* The mask is that of the seed, and nothing else. */
    uint8_t vector[1024] = {0};
    fedli_mask_shape shape = {16, 256, 320};
    assert_int_equal(fedli_seed_open(crypto, &seed, first, helper_secret, setup_of.attempt.fleet_id,
                                     ca_public, UTC_S),
                     FEDL_OK);
    fedli_party_put_done(&party);
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_UPLOAD);
    move();
    shape.body_bytes = fedl_update_body_size(&plan.update, fedl_model_parameter_count(&plan.model));
    shape.vector_bytes = shape.body_bytes + 64;
    fedli_party_mask(&party, vector, 0, shape.vector_bytes);
    fedli_mask_apply(fedli_prg_best(), &shape, vector, 0, shape.vector_bytes, seed.seed, true);
    for (size_t i = 0; i < sizeof vector; i++) {
        assert_int_equal(vector[i], 0);
    }
    fedli_party_uploaded(&party);
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_DONE);
    for (size_t i = 0; i + 32 <= fedli_party_size(&plan); i++) {
        assert_memory_not_equal((uint8_t *)party.state + i, seed.seed, 32); /* it is wiped */
    }
    /* Another attempt has another mask. */
    setup_of.attempt.attempt = 2;
    memset(setup_of.secret, 0x5b, 32);
    fedli_seed second;
    assert_int_equal(fedli_party_begin(&party, &setup_of, &no_epoch, NULL, 0, block, sizeof block),
                     FEDL_OK);
    read_cert(helper_cert, 176);
    fedli_party_stored(&party);
    assert_int_equal(fedli_seed_open(crypto, &second, fedli_party_blob(&party).data, helper_secret,
                                     setup_of.attempt.fleet_id, ca_public, UTC_S),
                     FEDL_OK);
    assert_memory_not_equal(second.seed, seed.seed, 32);
    assert_memory_not_equal(second.rb, seed.rb, 32);
}

static void expect_refused(const uint8_t *cert)
{
    read_cert(cert, 176);
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_REFUSED);
    assert_int_equal(fedli_party_refusal(&party), FEDL_REFUSAL_HELPER);
    assert_int_equal(setup(NULL), 0);
}

static void a_helper_without_a_good_certificate_is_refused(void **state)
{
    (void)state;
    uint8_t cert[FEDLI_DEVICE_CERT_BYTES];
    for (size_t i = 0; i < sizeof cert; i += 11) { /* forged */
        memcpy(cert, helper_cert, sizeof cert);
        cert[i] ^= 1;
        expect_refused(cert);
    }
    certify(cert, FEDL_CERT_HELPER, 0, NULL, helper_secret, id_secret); /* by another CA */
    expect_refused(cert);
    certify(cert, FEDL_CERT_ROUND, 0, NULL, helper_secret, ca_secret); /* of the server itself */
    expect_refused(cert);
    certify(cert, FEDL_CERT_DEVICE, 0, NULL, helper_secret, ca_secret);
    expect_refused(cert);
    certify(cert, FEDL_CERT_HELPER, 5, NULL, helper_secret, ca_secret);
    expect_refused(cert);
    setup_of.attempt.fleet_id[0] ^= 1; /* of another fleet */
    certify(cert, FEDL_CERT_HELPER, 0, NULL, helper_secret, ca_secret);
    setup_of.attempt.fleet_id[0] ^= 1;
    expect_refused(cert);
    setup_of.utc_s = UTC_S + 1; /* expired */
    expect_refused(helper_cert);
    fedli_party_take(&party, fedl_bytes_of(helper_cert, 100), 175); /* another size */
    assert_int_equal(fedli_party_refusal(&party), FEDL_REFUSAL_HELPER);
}

static void a_key_of_low_order_is_refused(void **state)
{
    (void)state;
    uint8_t cert[FEDLI_DEVICE_CERT_BYTES];
    fedl_cert weak = {.role = FEDL_CERT_HELPER, .serial = 1}; /* the point 0 */
    memcpy(weak.fleet_id, setup_of.attempt.fleet_id, 16);
    fedl_cert_issue(crypto, cert, &weak, ca_secret);
    read_cert(cert, 176);
    fedli_party_stored(&party);
    assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_REFUSED);
    assert_int_equal(fedli_party_refusal(&party), FEDL_REFUSAL_HELPER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_seed_is_the_same_whenever_it_is_sent, setup),
        cmocka_unit_test_setup(a_helper_without_a_good_certificate_is_refused, setup),
        cmocka_unit_test_setup(a_key_of_low_order_is_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
