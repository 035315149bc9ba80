/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/cert.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

#define BODY_BYTES (FEDLI_CERT_BYTES - FEDL_SIGNATURE_BYTES)

static uint8_t ca_public[32];
static uint8_t ca_secret[64];

static fedl_cert example(void)
{
    fedl_cert cert;
    memset(&cert, 0, sizeof cert);
    cert.role = FEDL_CERT_DEVICE;
    memset(cert.fleet_id, 0x11, sizeof cert.fleet_id);
    cert.subject_id = 1007;
    cert.serial = 2;
    memset(cert.id_public, 0x22, 32);
    memset(cert.noise_public, 0x33, 32);
    cert.not_after_s = 1800000000;
    return cert;
}

static fedl_status open_at(fedl_cert *cert, const uint8_t *bytes, size_t size, uint64_t now_s)
{
    return fedl_cert_open(cert, fedl_crypto_sodium(), fedl_bytes_of(bytes, size), ca_public, now_s);
}

/* Signs a body as the CA would, whatever it says. */
static void sign_body(uint8_t bytes[FEDLI_CERT_BYTES])
{
    uint8_t text[12 + BODY_BYTES];
    memcpy(text, "fedl/cert/v1", 12);
    memcpy(text + 12, bytes, BODY_BYTES);
    fedl_crypto_sodium()->sign(bytes + BODY_BYTES, text, sizeof text, ca_secret);
}

static void layout_is_the_documented_one(void **state)
{
    (void)state;
    const fedl_cert cert = example();
    uint8_t bytes[FEDLI_CERT_BYTES];
    uint8_t same[FEDLI_CERT_BYTES];
    fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, ca_secret);
    assert_int_equal(FEDLI_CERT_BYTES, 176);
    assert_int_equal(fedli_load_u16(bytes), 1);
    assert_int_equal(bytes[2], 1);
    assert_int_equal(bytes[3], 0);
    assert_memory_equal(bytes + 4, cert.fleet_id, 16);
    assert_int_equal(fedli_load_u32(bytes + 20), 1007);
    assert_int_equal(fedli_load_u32(bytes + 24), 2);
    assert_memory_equal(bytes + 28, cert.id_public, 32);
    assert_memory_equal(bytes + 60, cert.noise_public, 32);
    assert_int_equal(fedli_load_u64(bytes + 92), 1800000000);
    assert_int_equal(fedl_cert_not_after_s(bytes), 1800000000);
    for (size_t i = 100; i < BODY_BYTES; i++) {
        assert_int_equal(bytes[i], 0);
    }
    memcpy(same, bytes, sizeof same);
    sign_body(same);
    assert_memory_equal(bytes, same, sizeof same);
}

static void opens_what_was_issued(void **state)
{
    (void)state;
    fedl_cert cert = example();
    fedl_cert back;
    uint8_t bytes[FEDLI_CERT_BYTES];
    uint8_t again[FEDLI_CERT_BYTES];
    for (int role = FEDL_CERT_DEVICE; role <= FEDL_CERT_HELPER; role++) {
        cert.role = (fedl_cert_role)role;
        fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, ca_secret);
        assert_int_equal(open_at(&back, bytes, sizeof bytes, 1700000000), FEDL_OK);
        assert_int_equal(back.role, role);
        fedl_cert_issue(fedl_crypto_sodium(), again, &back, ca_secret);
        assert_memory_equal(bytes, again, sizeof bytes);
    }
}

static void refuses_every_bit_flip_and_size(void **state)
{
    (void)state;
    const fedl_cert cert = example();
    fedl_cert untouched;
    fedl_cert out;
    uint8_t bytes[FEDLI_CERT_BYTES + 1] = {0};
    memset(&untouched, 0x5a, sizeof untouched);
    out = untouched;
    fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, ca_secret);
    for (size_t bit = 0; bit < FEDLI_CERT_BYTES * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(open_at(&out, bytes, FEDLI_CERT_BYTES, 0), FEDL_ERR_AUTH);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t size = 0; size <= sizeof bytes; size++) {
        if (size != FEDLI_CERT_BYTES) {
            assert_int_equal(open_at(&out, bytes, size, 0), FEDL_ERR_FORMAT);
        }
    }
    assert_memory_equal(&out, &untouched, sizeof out);
    assert_int_equal(open_at(&out, bytes, FEDLI_CERT_BYTES, 0), FEDL_OK);
}

static void refuses_signed_nonsense(void **state)
{
    (void)state;
    const struct {
        size_t at;
        uint8_t value;
        fedl_status expected;
    } cases[] = {
        {0, 2, FEDL_ERR_VERSION},  {1, 1, FEDL_ERR_VERSION}, {2, 0, FEDL_ERR_FORMAT},
        {2, 4, FEDL_ERR_FORMAT},   {3, 1, FEDL_ERR_FORMAT},  {100, 1, FEDL_ERR_FORMAT},
        {111, 1, FEDL_ERR_FORMAT},
    };
    const fedl_cert cert = example();
    fedl_cert out;
    uint8_t bytes[FEDLI_CERT_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, ca_secret);
        bytes[cases[i].at] = cases[i].value;
        sign_body(bytes);
        assert_int_equal(open_at(&out, bytes, sizeof bytes, 0), cases[i].expected);
    }
}

static void refuses_another_ca_and_another_context(void **state)
{
    (void)state;
    const fedl_cert cert = example();
    const uint8_t seed[32] = {7};
    fedl_cert out;
    uint8_t other_public[32];
    uint8_t other_secret[64];
    uint8_t bytes[FEDLI_CERT_BYTES];
    fedl_crypto_sodium()->sign_keypair(other_public, other_secret, seed);
    fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, other_secret);
    assert_int_equal(open_at(&out, bytes, sizeof bytes, 0), FEDL_ERR_AUTH);
    /* Signed by the CA, but not as a certificate. */
    fedl_crypto_sodium()->sign(bytes + BODY_BYTES, bytes, BODY_BYTES, ca_secret);
    assert_int_equal(open_at(&out, bytes, sizeof bytes, 0), FEDL_ERR_AUTH);
}

static void expires(void **state)
{
    (void)state;
    fedl_cert cert = example();
    fedl_cert out;
    uint8_t bytes[FEDLI_CERT_BYTES];
    fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, ca_secret);
    assert_int_equal(open_at(&out, bytes, sizeof bytes, 1800000000), FEDL_OK);
    memset(&out, 0x5a, sizeof out);
    assert_int_equal(open_at(&out, bytes, sizeof bytes, 1800000001), FEDL_ERR_EXPIRED);
    assert_int_equal(out.serial, 0x5a5a5a5a);
    assert_int_equal(open_at(&out, bytes, sizeof bytes, 0), FEDL_OK);
    cert.not_after_s = 0;
    fedl_cert_issue(fedl_crypto_sodium(), bytes, &cert, ca_secret);
    assert_int_equal(open_at(&out, bytes, sizeof bytes, UINT64_MAX), FEDL_OK);
}

int main(void)
{
    const uint8_t seed[32] = {42};
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    fedl_crypto_sodium()->sign_keypair(ca_public, ca_secret, seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(opens_what_was_issued),
        cmocka_unit_test(refuses_every_bit_flip_and_size),
        cmocka_unit_test(refuses_signed_nonsense),
        cmocka_unit_test(refuses_another_ca_and_another_context),
        cmocka_unit_test(expires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
