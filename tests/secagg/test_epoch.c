/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/epoch.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "secagg_fixture.h"
#include "secagg_vectors.h"
#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

#define BODY_BYTES (FEDLI_EPOCH_CERT_BYTES - FEDL_SIGNATURE_BYTES)
#define NOW_S      1700000000u

static uint8_t ca_public[32];
static uint8_t ca_secret[64];
static uint8_t id_public[32];
static uint8_t id_secret[64];
static uint8_t other_secret[64];

static fedli_epoch_cert example(void)
{
    fedli_epoch_cert cert;
    fedli_roster_entry entry;
    memset(&cert, 0, sizeof cert);
    fixture_entry(&entry, NULL, 1);
    fixture_pattern(cert.fleet_id, 16, 1);
    cert.device_id = entry.device_id;
    cert.task_id = FIXTURE_TASK;
    cert.epoch = 4;
    cert.round_lo = 4;
    cert.round_hi = 1027;
    memcpy(cert.epoch_public, entry.epoch_public, 32);
    return cert;
}

/* Signs a body as the device would, whatever it says. */
static void sign_body(uint8_t bytes[FEDLI_EPOCH_CERT_BYTES])
{
    uint8_t text[13 + BODY_BYTES];
    memcpy(text, "fedl/epoch/v1", 13);
    memcpy(text + 13, bytes, BODY_BYTES);
    fedl_crypto_sodium()->sign(bytes + BODY_BYTES, text, sizeof text, id_secret);
}

static fedl_status open_cert(fedli_epoch_cert *cert, const uint8_t *bytes)
{
    return fedli_epoch_cert_open(cert, fedl_crypto_sodium(), bytes, id_public);
}

static void layout_is_the_documented_one(void **state)
{
    (void)state;
    const fedli_epoch_cert cert = example();
    fedli_epoch_cert back;
    uint8_t bytes[FEDLI_EPOCH_CERT_BYTES];
    uint8_t same[FEDLI_EPOCH_CERT_BYTES];
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, id_secret);
    fixture_expect(bytes, BODY_BYTES, VECTOR_EPOCH_BODY);
    memcpy(same, bytes, sizeof same);
    sign_body(same);
    assert_memory_equal(bytes, same, sizeof same);
    assert_int_equal(open_cert(&back, bytes), FEDL_OK);
    assert_memory_equal(back.fleet_id, cert.fleet_id, 16);
    assert_int_equal(back.device_id, cert.device_id);
    assert_int_equal(back.task_id, cert.task_id);
    assert_int_equal(back.epoch, cert.epoch);
    assert_int_equal(back.round_lo, cert.round_lo);
    assert_int_equal(back.round_hi, cert.round_hi);
    assert_memory_equal(back.epoch_public, cert.epoch_public, 32);
}

static void refuses_every_bit_flip(void **state)
{
    (void)state;
    const fedli_epoch_cert cert = example();
    fedli_epoch_cert out;
    uint8_t bytes[FEDLI_EPOCH_CERT_BYTES];
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, id_secret);
    memset(&out, 0x5a, sizeof out);
    for (uint32_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(open_cert(&out, bytes), FEDL_ERR_AUTH);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(out.device_id, 0x5a5a5a5a);
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, other_secret);
    assert_int_equal(open_cert(&out, bytes), FEDL_ERR_AUTH);
    fedl_crypto_sodium()->sign(bytes + BODY_BYTES, bytes, BODY_BYTES, id_secret); /* no context */
    assert_int_equal(open_cert(&out, bytes), FEDL_ERR_AUTH);
}

static void expect_range(uint32_t epoch, uint32_t lo, uint32_t hi, fedl_status expected)
{
    fedli_epoch_cert cert = example();
    fedli_epoch_cert out;
    uint8_t bytes[FEDLI_EPOCH_CERT_BYTES];
    cert.epoch = epoch;
    cert.round_lo = lo;
    cert.round_hi = hi;
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, id_secret);
    assert_int_equal(open_cert(&out, bytes), expected);
}

static void refuses_signed_nonsense(void **state)
{
    (void)state;
    fedli_epoch_cert cert = example();
    fedli_epoch_cert out;
    uint8_t bytes[FEDLI_EPOCH_CERT_BYTES];
    expect_range(1, 1, 1, FEDL_OK);
    expect_range(1, 1, 1024, FEDL_OK);
    expect_range(1, 1, 1025, FEDL_ERR_FORMAT);
    expect_range(0, 0, 5, FEDL_ERR_FORMAT);
    expect_range(5, 5, 4, FEDL_ERR_FORMAT);
    expect_range(4, 5, 9, FEDL_ERR_FORMAT);
    expect_range(UINT32_MAX, UINT32_MAX, UINT32_MAX, FEDL_OK);
    expect_range(UINT32_MAX - 1, UINT32_MAX - 1, 3, FEDL_ERR_FORMAT);
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, id_secret);
    bytes[0] = 2;
    sign_body(bytes);
    assert_int_equal(open_cert(&out, bytes), FEDL_ERR_VERSION);
    bytes[0] = 1;
    bytes[3] = 1;
    sign_body(bytes);
    assert_int_equal(open_cert(&out, bytes), FEDL_ERR_FORMAT);
    cert.device_id = 0;
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, id_secret);
    assert_int_equal(open_cert(&out, bytes), FEDL_ERR_FORMAT);
    cert = example();
    cert.task_id = 0;
    fedli_epoch_cert_issue(fedl_crypto_sodium(), bytes, &cert, id_secret);
    assert_int_equal(open_cert(&out, bytes), FEDL_ERR_FORMAT);
}

/* Everything that fedli_peer_check() looks at; a test spoils one thing. */
typedef struct peer {
    fedl_cert device;
    fedli_epoch_cert epoch;
    fedli_roster_entry entry;
    const uint8_t *device_signer;
    const uint8_t *epoch_signer;
    uint32_t task_id;
    uint32_t round;
    uint64_t now_s;
    uint8_t fleet_id[16];
} peer;

static peer good_peer(void)
{
    peer p;
    memset(&p, 0, sizeof p);
    p.epoch = example();
    p.device.role = FEDL_CERT_DEVICE;
    memcpy(p.device.fleet_id, p.epoch.fleet_id, 16);
    memcpy(p.fleet_id, p.epoch.fleet_id, 16);
    p.device.subject_id = p.epoch.device_id;
    memcpy(p.device.id_public, id_public, 32);
    p.device.not_after_s = NOW_S;
    fixture_entry(&p.entry, NULL, 1);
    memcpy(p.entry.id_public, id_public, 32);
    p.device_signer = ca_secret;
    p.epoch_signer = id_secret;
    p.task_id = FIXTURE_TASK;
    p.round = 9;
    p.now_s = NOW_S;
    return p;
}

static fedl_status check(const peer *p, fedli_epoch_cert *out)
{
    uint8_t certs[FEDLI_CERT_PAIR_BYTES];
    fedl_cert_issue(fedl_crypto_sodium(), certs, &p->device, p->device_signer);
    fedli_epoch_cert_issue(fedl_crypto_sodium(), certs + FEDLI_DEVICE_CERT_BYTES, &p->epoch,
                           p->epoch_signer);
    return fedli_peer_check(fedl_crypto_sodium(), out, &p->entry, certs, ca_public, p->fleet_id,
                            p->task_id, p->round, p->now_s);
}

static void takes_good_peers(void **state)
{
    (void)state;
    fedli_epoch_cert out;
    peer p = good_peer();
    assert_int_equal(check(&p, &out), FEDL_OK);
    assert_int_equal(out.round_lo, 4);
    assert_memory_equal(out.epoch_public, p.entry.epoch_public, 32);
    p.round = 4;
    assert_int_equal(check(&p, &out), FEDL_OK);
    p.round = 1027;
    assert_int_equal(check(&p, &out), FEDL_OK);
    p.device.not_after_s = 5;
    p.now_s = 0; /* no clock */
    assert_int_equal(check(&p, &out), FEDL_OK);
}

static void expect_device_refused(const peer *p, fedl_status expected)
{
    fedli_epoch_cert out;
    memset(&out, 0x5a, sizeof out);
    assert_int_equal(check(p, &out), expected);
    assert_int_equal(out.device_id, 0x5a5a5a5a);
}

static void refuses_bad_device_certificates(void **state)
{
    (void)state;
    peer p = good_peer();
    p.device_signer = other_secret;
    expect_device_refused(&p, FEDL_ERR_AUTH);
    p = good_peer();
    p.device.role = FEDL_CERT_ROUND;
    expect_device_refused(&p, FEDL_ERR_AUTH);
    p = good_peer();
    p.device.fleet_id[3] ^= 1;
    expect_device_refused(&p, FEDL_ERR_AUTH);
    p = good_peer();
    p.device.subject_id += 1;
    expect_device_refused(&p, FEDL_ERR_AUTH);
    p = good_peer();
    p.entry.id_public[31] ^= 1;
    expect_device_refused(&p, FEDL_ERR_AUTH);
    p = good_peer();
    p.now_s += 1;
    expect_device_refused(&p, FEDL_ERR_EXPIRED);
    p.device_signer = other_secret; /* forged goes before expired */
    expect_device_refused(&p, FEDL_ERR_AUTH);
}

static void refuses_bad_epoch_certificates(void **state)
{
    (void)state;
    peer p = good_peer();
    p.epoch_signer = other_secret;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.epoch.fleet_id[15] ^= 1;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.epoch.device_id += 1;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.epoch.task_id += 1;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.entry.epoch += 1;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.entry.epoch_public[0] ^= 1;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.round = 3;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p.round = 1028;
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
    p = good_peer();
    p.epoch.round_hi = 1028; /* longer than an epoch may be */
    expect_device_refused(&p, FEDL_ERR_MISMATCH);
}

int main(void)
{
    const uint8_t seeds[3][32] = {{1}, {2}, {3}};
    uint8_t unused[32];
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    fedl_crypto_sodium()->sign_keypair(ca_public, ca_secret, seeds[0]);
    fedl_crypto_sodium()->sign_keypair(id_public, id_secret, seeds[1]);
    fedl_crypto_sodium()->sign_keypair(unused, other_secret, seeds[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(refuses_every_bit_flip),
        cmocka_unit_test(refuses_signed_nonsense),
        cmocka_unit_test(takes_good_peers),
        cmocka_unit_test(refuses_bad_device_certificates),
        cmocka_unit_test(refuses_bad_epoch_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
