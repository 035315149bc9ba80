/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/manifest.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

static uint8_t signer_public[32];
static uint8_t signer_secret[64];

static fedl_manifest example(void)
{
    fedl_manifest m;
    memset(&m, 0, sizeof m);
    m.model_class = FEDL_MODEL_TRAIN_ONLY;
    memset(m.fleet_id, 0x11, sizeof m.fleet_id);
    m.task_id = 0x01020304;
    m.version = 7;
    m.round = 6;
    memset(m.parent_digest, 0x22, 32);
    memset(m.digest, 0x33, 32);
    m.container_bytes = UINT64_C(0x0102030405060708);
    memset(m.plan_digest, 0x44, 32);
    m.parameter_count = 26010;
    m.security_counter = 3;
    m.library_version_min = 0x000100;
    m.created_s = 1700000000;
    m.expires_s = 1800000000;
    m.expires_round = 99;
    m.bound_q16 = 0x05060708;
    return m;
}

static fedl_status open_all(fedl_manifest *m, const uint8_t *bytes, size_t size,
                            const uint8_t signature[64])
{
    return fedl_manifest_open(m, fedl_crypto_sodium(), fedl_bytes_of(bytes, size), signature,
                              signer_public);
}

static void layout_is_the_documented_one(void **state)
{
    (void)state;
    const fedl_manifest m = example();
    uint8_t bytes[FEDLI_MANIFEST_BYTES];
    memset(bytes, 0xee, sizeof bytes);
    fedl_manifest_encode(bytes, &m);
    assert_int_equal(fedli_load_u16(bytes), 1);
    assert_int_equal(bytes[2], 1);
    assert_int_equal(bytes[3], 0);
    assert_memory_equal(bytes + 4, m.fleet_id, 16);
    assert_int_equal(fedli_load_u32(bytes + 20), m.task_id);
    assert_int_equal(fedli_load_u32(bytes + 24), m.version);
    assert_int_equal(fedli_load_u32(bytes + 28), m.round);
    assert_memory_equal(bytes + 32, m.parent_digest, 32);
    assert_memory_equal(bytes + 64, m.digest, 32);
    assert_int_equal(fedli_load_u64(bytes + 96), m.container_bytes);
    assert_memory_equal(bytes + 104, m.plan_digest, 32);
    assert_int_equal(fedli_load_u32(bytes + 136), m.parameter_count);
    assert_int_equal(fedli_load_u32(bytes + 140), m.security_counter);
    assert_int_equal(fedli_load_u32(bytes + 144), m.library_version_min);
    assert_int_equal(fedli_load_u32(bytes + 148), m.expires_round);
    assert_int_equal(fedli_load_u64(bytes + 152), m.created_s);
    assert_int_equal(fedli_load_u64(bytes + 160), m.expires_s);
    assert_int_equal(fedli_load_u32(bytes + 168), m.bound_q16);
    assert_int_equal(fedl_manifest_bound_q16(bytes), m.bound_q16);
    for (size_t i = 172; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

static void opens_what_was_signed(void **state)
{
    (void)state;
    const fedl_manifest m = example();
    fedl_manifest back;
    uint8_t bytes[FEDLI_MANIFEST_BYTES];
    uint8_t again[FEDLI_MANIFEST_BYTES];
    uint8_t signature[64];
    memset(&back, 0, sizeof back);
    fedl_manifest_encode(bytes, &m);
    fedl_manifest_sign(fedl_crypto_sodium(), signature, bytes, signer_secret);
    assert_int_equal(open_all(&back, bytes, sizeof bytes, signature), FEDL_OK);
    fedl_manifest_encode(again, &back);
    assert_memory_equal(bytes, again, sizeof bytes);
    /* What is signed is "fedl/manifest/v1" and the bytes; the bare bytes are another text. */
    uint8_t signed_text[16 + FEDLI_MANIFEST_BYTES];
    memcpy(signed_text, "fedl/manifest/v1", 16);
    memcpy(signed_text + 16, bytes, sizeof bytes);
    assert_true(
        fedl_crypto_sodium()->verify(signature, signed_text, sizeof signed_text, signer_public));
    assert_false(fedl_crypto_sodium()->verify(signature, bytes, sizeof bytes, signer_public));
}

static void refuses_every_bit_flip_and_size(void **state)
{
    (void)state;
    const fedl_manifest m = example();
    fedl_manifest untouched;
    fedl_manifest out;
    uint8_t bytes[FEDLI_MANIFEST_BYTES + 1] = {0};
    uint8_t signature[64];
    memset(&untouched, 0x5a, sizeof untouched);
    out = untouched;
    fedl_manifest_encode(bytes, &m);
    fedl_manifest_sign(fedl_crypto_sodium(), signature, bytes, signer_secret);
    for (size_t bit = 0; bit < FEDLI_MANIFEST_BYTES * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(open_all(&out, bytes, FEDLI_MANIFEST_BYTES, signature), FEDL_ERR_AUTH);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t bit = 0; bit < sizeof signature * 8; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(open_all(&out, bytes, FEDLI_MANIFEST_BYTES, signature), FEDL_ERR_AUTH);
        signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t size = 0; size <= sizeof bytes; size++) {
        if (size != FEDLI_MANIFEST_BYTES) {
            assert_int_equal(open_all(&out, bytes, size, signature), FEDL_ERR_FORMAT);
        }
    }
    assert_memory_equal(&out, &untouched, sizeof out);
    assert_int_equal(open_all(&out, bytes, FEDLI_MANIFEST_BYTES, signature), FEDL_OK);
}

/* Bytes that this schema does not allow are refused even with a good signature. */
static void refuses_signed_nonsense(void **state)
{
    (void)state;
    const struct {
        size_t at;
        uint8_t value;
        fedl_status expected;
    } cases[] = {
        {0, 2, FEDL_ERR_VERSION},  {1, 1, FEDL_ERR_VERSION},     {2, 0, FEDL_ERR_FORMAT},
        {2, 2, FEDL_ERR_FORMAT},   {3, 1, FEDL_ERR_FORMAT},      {172, 1, FEDL_ERR_FORMAT},
        {200, 9, FEDL_ERR_FORMAT}, {239, 0x80, FEDL_ERR_FORMAT},
    };
    const fedl_manifest m = example();
    fedl_manifest out;
    uint8_t bytes[FEDLI_MANIFEST_BYTES];
    uint8_t signature[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fedl_manifest_encode(bytes, &m);
        bytes[cases[i].at] = cases[i].value;
        fedl_manifest_sign(fedl_crypto_sodium(), signature, bytes, signer_secret);
        assert_int_equal(open_all(&out, bytes, sizeof bytes, signature), cases[i].expected);
    }
}

static void refuses_another_signer(void **state)
{
    (void)state;
    const fedl_manifest m = example();
    const uint8_t seed[32] = {99};
    fedl_manifest out;
    uint8_t other_public[32];
    uint8_t other_secret[64];
    uint8_t bytes[FEDLI_MANIFEST_BYTES];
    uint8_t signature[64];
    fedl_crypto_sodium()->sign_keypair(other_public, other_secret, seed);
    fedl_manifest_encode(bytes, &m);
    fedl_manifest_sign(fedl_crypto_sodium(), signature, bytes, other_secret);
    assert_int_equal(open_all(&out, bytes, sizeof bytes, signature), FEDL_ERR_AUTH);
}

static void expires_by_time_and_by_round(void **state)
{
    (void)state;
    fedl_manifest m = example();
    assert_false(fedl_manifest_expired(&m, 1800000000, 99));
    assert_true(fedl_manifest_expired(&m, 1800000001, 1));
    assert_true(fedl_manifest_expired(&m, 1, 100));
    assert_false(fedl_manifest_expired(&m, 0, 99)); /* a device without a clock */
    assert_true(fedl_manifest_expired(&m, 0, 100));
    m.expires_s = 0;
    assert_false(fedl_manifest_expired(&m, UINT64_MAX, 99));
    m.expires_round = 0;
    assert_false(fedl_manifest_expired(&m, UINT64_MAX, UINT32_MAX));
}

int main(void)
{
    const uint8_t seed[32] = {42};
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    fedl_crypto_sodium()->sign_keypair(signer_public, signer_secret, seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(opens_what_was_signed),
        cmocka_unit_test(refuses_every_bit_flip_and_size),
        cmocka_unit_test(refuses_signed_nonsense),
        cmocka_unit_test(refuses_another_signer),
        cmocka_unit_test(expires_by_time_and_by_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
