/* SPDX-License-Identifier: Apache-2.0 */
#include "coord_world.h"

#include "base/cursor.h"

#include <string.h>

static world w;

static int setup(void **state)
{
    (void)state;
    world_open(&w, NULL);
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

static void a_token_makes_a_device(void **state)
{
    (void)state;
    const uint32_t id = world_add_device(&w);
    assert_int_equal(id, 1);
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_INVITED);
    assert_string_equal(record_of(1)->name, "device");
    assert_int_equal(record_of(1)->token_expires_s, w.utc_s + 3600);

    device *d = world_new_device(&w);
    device_enrol(&w, d, w.token);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
    assert_int_equal(d->message.u.enrolled.device_id, 1);
    assert_memory_equal(d->message.u.enrolled.fleet_id, w.cfg.identity.fleet_id, 16);

    fedl_cert cert;
    assert_int_equal(fedl_cert_open(&cert, w.crypto, d->message.u.enrolled.device_cert,
                                    w.cfg.identity.ca_public, w.utc_s),
                     FEDL_OK);
    assert_int_equal(cert.role, FEDL_CERT_DEVICE);
    assert_int_equal(cert.subject_id, 1);
    assert_memory_equal(cert.id_public, d->id_public, 32);
    assert_memory_equal(cert.noise_public, d->noise_public, 32);
    assert_int_equal(fedl_cert_open(&cert, w.crypto, d->message.u.enrolled.server_cert,
                                    w.cfg.identity.ca_public, w.utc_s),
                     FEDL_OK);
    assert_int_equal(cert.role, FEDL_CERT_ROUND);
    assert_memory_equal(cert.id_public, w.cfg.identity.round_public, 32);

    assert_int_equal(record_of(1)->state, FEDL_DEVICE_ACTIVE);
    assert_memory_equal(record_of(1)->noise_public, d->noise_public, 32);
    assert_string_equal(w.transcript, "[  1000] device 1 enrolled\n");
    device_connect(&w, d);
    device_checkin(&w, d, 0);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
}

static void wrong_used_and_late_tokens_are_rejected(void **state)
{
    (void)state;
    char token[FEDLI_TOKEN_TEXT_BYTES];
    uint8_t secret[16] = {1, 2, 3};
    uint8_t fingerprint[16];
    (void)world_add_device(&w);
    fedl_fingerprint(w.crypto, fingerprint, w.cfg.identity.noise_public, w.cfg.identity.ca_public);
    fedl_token_format(w.crypto, token, secret, fingerprint);
    device *guesser = world_new_device(&w);
    device_enrol(&w, guesser, token);
    assert_true(device_rejected(guesser, FEDL_REJECT_TOKEN));
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_INVITED);

    device *first = world_new_device(&w);
    device_enrol(&w, first, w.token);
    assert_true(device_got(first, FEDL_MESSAGE_ENROLLED));
    device *second = world_new_device(&w);
    device_enrol(&w, second, w.token); /* used */
    assert_true(device_rejected(second, FEDL_REJECT_TOKEN));

    (void)world_add_device(&w);
    w.utc_s += 3600;
    device *just = world_new_device(&w);
    device_enrol(&w, just, w.token); /* the last good second */
    assert_true(device_got(just, FEDL_MESSAGE_ENROLLED));
    (void)world_add_device(&w);
    w.utc_s += 3601;
    device *late = world_new_device(&w);
    device_enrol(&w, late, w.token);
    assert_true(device_rejected(late, FEDL_REJECT_TOKEN));

    /* A key that belongs to one device can't be that of a second. */
    (void)world_add_device(&w);
    memcpy(second->id_public, late->id_public, 32);
    memcpy(second->noise_secret, first->noise_secret, 32);
    device_enrol(&w, second, w.token);
    assert_true(device_rejected(second, FEDL_REJECT_TOKEN));
}

static void a_revoked_invitation_is_worth_nothing(void **state)
{
    (void)state;
    const fedl_admin revoke = {.kind = FEDL_ADMIN_DEVICE_REVOKE, .device_id = 1};
    (void)world_add_device(&w);
    world_admin(&w, &revoke);
    assert_int_equal(w.admin.status, FEDL_OK);
    device *d = world_new_device(&w);
    device_enrol(&w, d, w.token);
    assert_true(device_rejected(d, FEDL_REJECT_TOKEN));
}

static void nothing_is_said_before_it_is_stored(void **state)
{
    (void)state;
    (void)world_add_device(&w);
    device *d = world_new_device(&w);
    device *thief = world_new_device(&w);
    w.hold = true;
    device_enrol(&w, d, w.token);
    assert_int_equal(d->answer, ANSWER_NONE);
    device_enrol(&w, thief, w.token); /* the token is being used */
    assert_true(device_rejected(thief, FEDL_REJECT_BUSY));
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_INVITED);
    world_store_one(&w);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
}

static void a_failed_store_leaves_the_token_good(void **state)
{
    (void)state;
    (void)world_add_device(&w);
    device *d = world_new_device(&w);
    w.store_fail_at = w.store_serial + 1u;
    device_enrol(&w, d, w.token);
    assert_true(device_rejected(d, FEDL_REJECT_INTERNAL));
    assert_true(d->message.u.reject.retry_after_ms > 0);
    assert_int_equal(record_of(1)->state, FEDL_DEVICE_INVITED);
    device_enrol(&w, d, w.token);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
}

static void a_lost_answer_can_be_had_again(void **state)
{
    (void)state;
    (void)world_add_device(&w);
    device *d = world_new_device(&w);
    w.hold = true;
    device_enrol(&w, d, w.token);
    device_gone(&w, d);
    world_store_all(&w);
    w.hold = false;
    /* The same message again: the kept reply. */
    device_send_raw(&w, d, d->sent, d->sent_bytes);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
    /* A new handshake with the same keys: the same device, also after a restart. */
    device_enrol(&w, d, w.token);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
    assert_int_equal(d->message.u.enrolled.device_id, 1);
    world_restart(&w);
    device_enrol(&w, d, w.token);
    assert_true(device_got(d, FEDL_MESSAGE_ENROLLED));
    assert_int_equal(d->message.u.enrolled.device_id, 1);
    assert_int_equal(fedl_coord_device_count(&w.coord), 1);
}

static void broken_handshakes_are_refused(void **state)
{
    (void)state;
    (void)world_add_device(&w);
    device *d = world_new_device(&w);
    device_enrol(&w, d, w.token);
    const uint32_t good = w.log_counts[FEDL_LOG_DEVICE_ENROLLED];
    uint8_t bytes[FEDLI_ENVELOPE_HEADER_BYTES + 200] = {0};
    /* XX message 1 too short; message 3 for no session, for a session of another kind, forged. */
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_HELLO_XX, 0);
    device_send_raw(&w, d, bytes, FEDLI_ENVELOPE_HEADER_BYTES + 31u);
    assert_int_equal(d->answer, ANSWER_REFUSED);
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_FINISH_XX, 12345);
    device_send_raw(&w, d, bytes, sizeof bytes);
    assert_int_equal(d->answer, ANSWER_REFUSED);
    device_connect(&w, d);
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_FINISH_XX, d->session_id);
    device_send_raw(&w, d, bytes, sizeof bytes);
    assert_int_equal(d->answer, ANSWER_REFUSED);
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_HELLO_XX, 0);
    device_send_raw(&w, d, bytes, FEDLI_ENVELOPE_HEADER_BYTES + 32u); /* e = 0: low order */
    assert_int_equal(d->answer, ANSWER_REFUSED);
    assert_int_equal(w.log_counts[FEDL_LOG_DEVICE_ENROLLED], good);
}

static void the_fleet_has_a_limit(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < w.cfg.devices_max; i++) {
        assert_int_equal(world_add_device(&w), i + 1u);
    }
    assert_int_equal(world_add_device(&w), 0);
    assert_int_equal(w.admin.status, FEDL_ERR_FULL);
}

static void failed_adds_burn_their_number(void **state)
{
    (void)state;
    w.store_fail_at = 1;
    assert_int_equal(world_add_device(&w), 0);
    assert_int_equal(w.admin.status, FEDL_ERR_NO_SPACE);
    assert_null(w.admin.text);
    assert_int_equal(fedl_coord_device_count(&w.coord), 0);
    assert_int_equal(world_add_device(&w), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_makes_a_device, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_used_and_late_tokens_are_rejected, setup, teardown),
        cmocka_unit_test_setup_teardown(a_revoked_invitation_is_worth_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_said_before_it_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_store_leaves_the_token_good, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_answer_can_be_had_again, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_handshakes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_fleet_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_adds_burn_their_number, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
