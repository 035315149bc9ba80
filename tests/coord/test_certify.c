/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment when the CA's key is not on the server: devices wait for a certificate from outside. */
#include "coord_world.h"

#include <string.h>

static world w;
static uint8_t ca_secret[64]; /* what the machine elsewhere holds */

static int setup(void **state)
{
    (void)state;
    world_open(&w, NULL);
    memcpy(ca_secret, w.cfg.identity.ca_secret, sizeof ca_secret);
    memset(w.cfg.identity.ca_secret, 0, sizeof w.cfg.identity.ca_secret);
    w.cfg.identity.ca_offline = true;
    world_restart(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static const fedl_device_record *record_of(uint32_t device_id)
{
    for (uint32_t i = 0; i < fedl_coord_device_count(&w.coord); i++) {
        fedl_device_info info;
        fedl_coord_device_at(&w.coord, &info, i);
        if (info.record->device_id == device_id) {
            return info.record;
        }
    }
    return NULL;
}

static device *pending_device(void)
{
    assert_true(world_add_device(&w) != 0);
    device *d = world_new_device(&w);
    device_enrol(&w, d, w.token);
    assert_true(device_rejected(d, FEDL_REJECT_BUSY));
    assert_true(d->message.u.reject.retry_after_ms > 0);
    return d;
}

/* What the CA's machine makes of the device's record. */
static void certificate(fedl_admin *admin, uint32_t device_id, const uint8_t secret[64])
{
    const fedl_device_record *record = record_of(device_id);
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = device_id, .serial = 1};
    memset(admin, 0, sizeof *admin);
    admin->kind = FEDL_ADMIN_DEVICE_CERTIFY;
    admin->device_id = device_id;
    memcpy(cert.fleet_id, w.cfg.identity.fleet_id, 16);
    memcpy(cert.id_public, record->id_public, 32);
    memcpy(cert.noise_public, record->noise_public, 32);
    fedl_cert_issue(w.crypto, admin->certificate, &cert, secret);
}

static fedl_status certify(const fedl_admin *admin)
{
    world_admin(&w, admin);
    return w.admin.status;
}

static void expect_enrolled(device *d, const fedl_admin *admin)
{
    device_enrol(&w, d, w.token);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
    assert_int_equal(d->message.u.enrolled.device_cert.size, FEDLI_CERT_BYTES);
    assert_memory_equal(d->message.u.enrolled.device_cert.data, admin->certificate,
                        FEDLI_CERT_BYTES);
}

static void a_device_waits_for_its_certificate(void **state)
{
    (void)state;
    fedl_admin admin;
    device *d = pending_device();
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_PENDING);
    assert_int_equal(w.log_counts[FEDL_LOG_DEVICE_PENDING], 1);
    assert_int_equal(w.log_counts[FEDL_LOG_DEVICE_ENROLLED], 0);
    device_enrol(&w, d, w.token); /* still */
    assert_true(device_rejected(d, FEDL_REJECT_BUSY));
    world_restart(&w);
    device_enrol(&w, d, w.token); /* also after a restart */
    assert_true(device_rejected(d, FEDL_REJECT_BUSY));
    device *thief = world_new_device(&w);
    device_enrol(&w, thief, w.token); /* the token is used up */
    assert_true(device_rejected(thief, FEDL_REJECT_TOKEN));

    certificate(&admin, 1, ca_secret);
    assert_int_equal(certify(&admin), FEDL_OK);
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_ACTIVE);
    assert_int_equal(w.log_counts[FEDL_LOG_DEVICE_ENROLLED], 1);
    expect_enrolled(d, &admin);
    world_restart(&w);
    expect_enrolled(d, &admin);
    device_connect(&w, d);
    device_checkin(&w, d, 0);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    assert_int_equal(certify(&admin), FEDL_ERR_STATE);
}

static void a_pending_device_can_do_nothing(void **state)
{
    (void)state;
    device *d = pending_device();
    device_hello(&w, d);
    assert_int_equal(d->answer, ANSWER_REFUSED);
}

static void only_its_own_certificate_fits(void **state)
{
    (void)state;
    fedl_admin good;
    fedl_admin other;
    uint8_t public_key[32];
    uint8_t other_ca[64];
    uint8_t seed[32] = {9};
    (void)pending_device();
    device *second = pending_device();
    certificate(&good, 1, ca_secret);
    certificate(&other, 2, ca_secret);

    other.device_id = 1; /* another device's */
    assert_int_equal(certify(&other), FEDL_ERR_MISMATCH);
    w.crypto->sign_keypair(public_key, other_ca, seed);
    certificate(&other, 1, other_ca); /* another CA */
    assert_int_equal(certify(&other), FEDL_ERR_MISMATCH);
    for (size_t at = 0; at < FEDLI_CERT_BYTES; at += 7) {
        other = good;
        other.certificate[at] ^= 4u;
        assert_int_equal(certify(&other), FEDL_ERR_MISMATCH);
    }
    other = good;
    other.device_id = 77;
    assert_int_equal(certify(&other), FEDL_ERR_NOT_FOUND);
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_PENDING);
    assert_int_equal(certify(&good), FEDL_OK);
    device_enrol(&w, second, w.token);
    assert_true(device_rejected(second, FEDL_REJECT_BUSY));
}

static void a_failed_store_leaves_it_pending(void **state)
{
    (void)state;
    fedl_admin admin;
    device *d = pending_device();
    certificate(&admin, 1, ca_secret);
    w.store_fail_at = w.store_serial + 1u;
    assert_int_equal(certify(&admin), FEDL_ERR_NO_SPACE);
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_PENDING);
    device_enrol(&w, d, w.token);
    assert_true(device_rejected(d, FEDL_REJECT_BUSY));
    assert_int_equal(certify(&admin), FEDL_OK);
    expect_enrolled(d, &admin);
}

static void a_pending_device_can_be_revoked(void **state)
{
    (void)state;
    fedl_admin admin;
    const fedl_admin revoke = {.kind = FEDL_ADMIN_DEVICE_REVOKE, .device_id = 1};
    device *d = pending_device();
    certificate(&admin, 1, ca_secret);
    world_admin(&w, &revoke);
    assert_int_equal(w.admin.status, FEDL_OK);
    assert_int_equal(certify(&admin), FEDL_ERR_STATE);
    device_enrol(&w, d, w.token);
    assert_true(device_rejected(d, FEDL_REJECT_TOKEN));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_device_waits_for_its_certificate), CASE(a_pending_device_can_do_nothing),
        CASE(only_its_own_certificate_fits),      CASE(a_failed_store_leaves_it_pending),
        CASE(a_pending_device_can_be_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
