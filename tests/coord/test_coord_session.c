/* SPDX-License-Identifier: Apache-2.0 */
#include "coord_world.h"

#include "base/cursor.h"

#include <string.h>

static world w;

static int setup(void **state)
{
    (void)state;
    world_open(&w, NULL);
    world_join_members(&w, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static fedl_coord_counters counters(void)
{
    fedl_coord_counters c;
    fedl_coord_counters_read(&w.coord, &c);
    return c;
}

static bool connected(uint32_t index)
{
    fedl_device_info info;
    fedl_coord_device_at(&w.coord, &info, index);
    return info.connected;
}

static void revoke(uint32_t device_id)
{
    const fedl_admin admin = {.kind = FEDL_ADMIN_DEVICE_REVOKE, .device_id = device_id};
    world_admin(&w, &admin);
}

static void strangers_are_refused_alike(void **state)
{
    (void)state;
    device *stranger = world_new_device(&w);
    device_hello(&w, stranger);
    assert_int_equal(stranger->answer, ANSWER_REFUSED);
    assert_int_equal(w.last_refusal, FEDL_ERR_NOT_FOUND);
    uint8_t refusal[64];
    const size_t size = stranger->got_bytes;
    memcpy(refusal, stranger->got, size);

    revoke(1);
    device_hello(&w, &w.devices[0]);
    assert_int_equal(w.devices[0].answer, ANSWER_REFUSED);
    assert_int_equal(w.last_refusal, FEDL_ERR_REVOKED);
    assert_int_equal(w.devices[0].got_bytes, size);
    assert_memory_equal(w.devices[0].got, refusal, size); /* says nothing about why */

    w.devices[1].server_noise_public[3] ^= 1u; /* another server's key */
    device_hello(&w, &w.devices[1]);
    assert_int_equal(w.devices[1].answer, ANSWER_REFUSED);
    assert_memory_equal(w.devices[1].got, refusal, size);
    assert_int_equal(counters().sessions_open, 0);
}

static void a_hello_changes_nothing_a_device_could_see(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    uint8_t hello[256];
    device_connect(&w, d);
    const size_t hello_bytes = d->sent_bytes;
    memcpy(hello, d->sent, hello_bytes);
    assert_false(connected(0));
    device_checkin(&w, d, 10000);
    assert_true(connected(0));
    assert_int_equal(d->answer, ANSWER_NONE);

    /* Replayed: an answer that nobody can use, and the session goes on. */
    device *thief = world_new_device(&w);
    device_send_raw(&w, thief, hello, hello_bytes);
    assert_int_equal(thief->answer, ANSWER_HELLO);
    assert_int_equal(counters().sessions_open, 1);
    assert_int_equal(d->answer, ANSWER_NONE);
    device_checkin(&w, d, 0);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));

    /* The device itself comes anew: its old session ends with the first record, not before. */
    device_checkin(&w, d, 10000);
    device_abandon(&w, d);
    device_connect(&w, d);
    assert_int_equal(w.log_counts[FEDL_LOG_SESSION_OPENED], 1);
    device_checkin(&w, d, 0);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    assert_int_equal(w.log_counts[FEDL_LOG_SESSION_OPENED], 2);
    assert_int_equal(counters().sessions_open, 1);
}

static void a_repeated_record_gets_the_kept_reply_or_silence(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    uint8_t record[512];
    uint8_t reply[512];
    device_connect(&w, d);
    device_checkin(&w, d, 0);
    const size_t record_bytes = d->sent_bytes;
    const size_t reply_bytes = d->got_bytes;
    memcpy(record, d->sent, record_bytes);
    memcpy(reply, d->got, reply_bytes);

    device *thief = world_new_device(&w);
    device_abandon(&w, thief);
    fedl_event event;
    fedl_actions actions;
    world_event(&w, &event, FEDL_EVENT_MESSAGE);
    event.request = 999999;
    event.bytes = fedl_bytes_of(record, record_bytes);
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_OK);
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.items[0].kind, FEDL_ACTION_SEND);
    assert_int_equal(actions.items[0].bytes.size, reply_bytes);
    assert_memory_equal(actions.items[0].bytes.data, reply, reply_bytes);
    assert_int_equal(counters().replays, 1);

    /* A new nonce with the same request id: the same reply, nothing is done twice. */
    d->channel.receive_nonce_next--; /* the device has not seen the reply */
    d->request_id--;
    device_checkin(&w, d, 0);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    assert_int_equal(d->got_bytes, reply_bytes);
    assert_memory_equal(d->got, reply, reply_bytes);

    /* An older record: silence. */
    device_checkin(&w, d, 0);
    device_send_raw(&w, thief, record, record_bytes);
    assert_int_equal(thief->answer, ANSWER_DROPPED);
    assert_int_equal(counters().replays, 2);

    /* A replay of a parked request neither gets nor ends it. */
    device_checkin(&w, d, 5000);
    device_send_raw(&w, thief, d->sent, d->sent_bytes);
    assert_int_equal(thief->answer, ANSWER_DROPPED);
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&w, 5000);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
}

static void a_new_request_takes_the_place_of_the_parked_one(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    device_connect(&w, d);
    device_checkin(&w, d, 10000);
    device_checkin(&w, d, 0); /* the first was abandoned: its DROP is accounted for */
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    device_checkin(&w, d, 10000);
    device_gone(&w, d);
    world_run_ms(&w, 20000); /* an answer to a gone request would fail here */
}

static void garbage_gets_no_answer_at_any_size(void **state)
{
    (void)state;
    static uint8_t bytes[FEDLI_ENVELOPE_BYTES_MAX + 100];
    device *d = &w.devices[0];
    device_connect(&w, d);
    device_checkin(&w, d, 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)fedli_rng_u32(&w.rng);
    }
    for (size_t size = 0; size < 200; size++) {
        device_send_raw(&w, d, bytes, size);
        assert_int_equal(d->answer, ANSWER_DROPPED);
    }
    const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 6, 255};
    for (size_t k = 0; k < sizeof kinds; k++) {
        for (size_t size = 16; size <= sizeof bytes; size += size < 120 ? 1u : 9000u) {
            fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_RECORD, d->session_id);
            bytes[5] = kinds[k];
            device_send_raw(&w, d, bytes, size);
            assert_true(d->answer == ANSWER_REFUSED || d->answer == ANSWER_DROPPED ||
                        d->answer == ANSWER_HELLO);
        }
        device_send_raw(&w, d, bytes, sizeof bytes);
        assert_true(d->answer == ANSWER_REFUSED || d->answer == ANSWER_DROPPED);
    }
    device_checkin(&w, d, 0); /* the true session is as it was */
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
}

static void what_does_not_decode_is_rejected_inside(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    uint8_t frame[256];
    device_connect(&w, d);
    for (size_t size = 0; size < sizeof frame; size += 5) {
        for (size_t i = 0; i < size; i++) {
            frame[i] = (uint8_t)fedli_rng_u32(&w.rng);
        }
        device_seal_frame(d, frame, size);
        d->request_id = 0; /* it can't be read: the answer repeats nothing */
        device_send_raw(&w, d, d->sent, d->sent_bytes);
        assert_true(device_rejected(d, FEDL_REJECT_MALFORMED));
    }
    /* A kind that is known but never a request, and one that nobody knows. */
    fedl_message message = {.kind = FEDL_MESSAGE_LEFT};
    device_send(&w, d, &message);
    assert_true(device_rejected(d, FEDL_REJECT_MALFORMED));
    const fedli_frame unknown = {.kind = 77, .request_id = 4711};
    size_t size = 0;
    assert_int_equal(fedli_frame_encode(frame, sizeof frame, &size, &unknown), FEDL_OK);
    device_seal_frame(d, frame, size);
    d->request_id = 4711;
    device_send_raw(&w, d, d->sent, d->sent_bytes);
    assert_true(device_rejected(d, FEDL_REJECT_MALFORMED));
}

static void every_flipped_bit_of_a_record_is_refused(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    fedl_message message = {.kind = FEDL_MESSAGE_CHECKIN, .request_id = 1};
    device_connect(&w, d);
    message.u.checkin.protocol_min = 1;
    message.u.checkin.protocol_max = 1;
    device_seal(d, &message);
    for (size_t bit = 0; bit < 8u * d->sent_bytes; bit++) {
        d->sent[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
        device_send_raw(&w, d, d->sent, d->sent_bytes);
        assert_true(d->answer == ANSWER_REFUSED || d->answer == ANSWER_DROPPED);
        d->sent[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
    }
    assert_int_equal(counters().sessions_open, 0);
    d->request_id = 1;
    device_send_raw(&w, d, d->sent, d->sent_bytes);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
}

static void revoking_ends_the_session_at_once(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    device_connect(&w, d);
    device_checkin(&w, d, 10000);
    device *half = &w.devices[1];
    device_connect(&w, half);
    w.hold = true;
    revoke(1);
    assert_int_equal(d->answer, ANSWER_REFUSED); /* before the store has answered */
    assert_false(w.admin_answered);
    device_hello(&w, d);
    assert_int_equal(d->answer, ANSWER_REFUSED);
    revoke(1); /* under way */
    assert_int_equal(w.admin.status, FEDL_ERR_BUSY);
    w.store_fail_at = w.store_serial + 1u;
    world_store_one(&w);
    assert_int_equal(w.admin.status, FEDL_ERR_NO_SPACE);
    device_hello(&w, d);
    assert_int_equal(d->answer, ANSWER_REFUSED); /* stays out, stored or not */
    w.hold = false;
    revoke(1);
    assert_int_equal(w.admin.status, FEDL_OK);
    revoke(1);
    assert_int_equal(w.admin.status, FEDL_OK); /* again: nothing to do */
    revoke(2);
    device_checkin(&w, half, 0); /* a half-open session of a device revoked since */
    assert_int_equal(half->answer, ANSWER_REFUSED);
    revoke(77);
    assert_int_equal(w.admin.status, FEDL_ERR_NOT_FOUND);
}

static void leaving_is_stored_and_final(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    fedl_message leave = {.kind = FEDL_MESSAGE_LEAVE};
    device_connect(&w, d);
    w.store_fail_at = w.store_serial + 1u;
    device_send(&w, d, &leave);
    assert_true(device_rejected(d, FEDL_REJECT_INTERNAL));
    w.hold = true;
    device_send(&w, d, &leave);
    assert_int_equal(d->answer, ANSWER_NONE);
    device_send(&w, d, &leave); /* impatient: the newest request gets the answer */
    world_store_one(&w);
    assert_int_equal(w.store_count, 0);
    assert_true(device_got(d, FEDL_MESSAGE_LEFT));
    w.hold = false;
    device_checkin(&w, d, 0);
    assert_int_equal(d->answer, ANSWER_REFUSED);
    device_hello(&w, d);
    assert_int_equal(d->answer, ANSWER_REFUSED);
}

static void versions_are_negotiated_by_name(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    fedl_message message = {.kind = FEDL_MESSAGE_CHECKIN};
    device_connect(&w, d);
    message.u.checkin.protocol_min = 2;
    message.u.checkin.protocol_max = 5;
    device_send(&w, d, &message);
    assert_true(device_rejected(d, FEDL_REJECT_VERSION));
    assert_memory_equal(d->message.u.reject.text.data, "this server speaks protocol 1",
                        d->message.u.reject.text.size);
    message.u.checkin.protocol_min = 1;
    device_send(&w, d, &message);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
}

/* An envelope that decodes, of any kind: with a body of zeros, to the session 77. */
static answer_kind poke(device *d, fedli_envelope_kind kind)
{
    uint8_t bytes[FEDLI_ENVELOPE_HEADER_BYTES + 100] = {0};
    fedli_envelope_header_encode(bytes, kind, 77);
    device_send_raw(&w, d, bytes, sizeof bytes);
    return d->answer;
}

static uint32_t poke_often(device *d, fedli_envelope_kind kind, uint32_t count)
{
    uint32_t refused = 0;
    for (uint32_t i = 0; i < count; i++) {
        refused += poke(d, kind) == ANSWER_REFUSED ? 1u : 0u;
        assert_true(d->answer == ANSWER_REFUSED || d->answer == ANSWER_DROPPED);
    }
    return refused;
}

static void refusals_are_rationed(void **state)
{
    (void)state;
    fedl_coord_config cfg;
    world_config(&cfg);
    cfg.refusals_per_s = 5;
    world_close(&w);
    world_open(&w, &cfg);
    device *d = world_new_device(&w);
    assert_int_equal(poke_often(d, FEDLI_ENVELOPE_HELLO_IK, 20), 5);
    w.now_ns += 1000000000;
    assert_int_equal(poke(d, FEDLI_ENVELOPE_HELLO_IK), ANSWER_REFUSED);
}

/* After a restart each device needs the refusal of its old session to come anew at once. */
static void strangers_cannot_silence_the_refusal_of_old_sessions(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    device *stranger = world_new_device(&w);
    w.cfg.refusals_per_s = 5;
    device_connect(&w, d);
    world_restart(&w);
    for (uint32_t i = 0; i < 3000; i++) {
        device_send_raw(&w, stranger, "x", 1);
        assert_int_equal(stranger->answer, ANSWER_DROPPED);
        assert_int_equal(poke(stranger, FEDLI_ENVELOPE_REFUSE), ANSWER_DROPPED);
    }
    assert_int_equal(poke_often(stranger, FEDLI_ENVELOPE_HELLO_IK, 20), 5);
    device_checkin(&w, d, 0);
    assert_int_equal(d->answer, ANSWER_REFUSED);
    device_connect(&w, d);

    /* A ration of its own, which in turn takes nothing from the other. */
    w.now_ns += 1000000000;
    assert_int_equal(poke_often(stranger, FEDLI_ENVELOPE_RECORD, 1500), 1000);
    assert_int_equal(poke(stranger, FEDLI_ENVELOPE_FINISH_XX), ANSWER_DROPPED);
    assert_int_equal(poke_often(stranger, FEDLI_ENVELOPE_HELLO_IK, 20), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strangers_are_refused_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hello_changes_nothing_a_device_could_see, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_repeated_record_gets_the_kept_reply_or_silence, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_new_request_takes_the_place_of_the_parked_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(garbage_gets_no_answer_at_any_size, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_decode_is_rejected_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_of_a_record_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(revoking_ends_the_session_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(leaving_is_stored_and_final, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_are_negotiated_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_are_rationed, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_cannot_silence_the_refusal_of_old_sessions, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
