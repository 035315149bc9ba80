/* SPDX-License-Identifier: Apache-2.0 */
/* What a newer or a hostile peer may send: unknown fields, kinds and enum values. */
#include "cmocka_all.h"

#include "message_samples.h"

#include <string.h>

static uint8_t frame[SAMPLE_FRAME_BYTES];

/* A frame of kind around protobuf bytes, without payload. */
static fedl_status decode_raw(fedl_message *message, uint16_t kind, const uint8_t *pb, size_t size)
{
    const fedli_frame raw = {.kind = kind, .message = fedl_bytes_of(pb, size)};
    size_t frame_bytes = 0;
    assert_int_equal(fedli_frame_encode(frame, sizeof frame, &frame_bytes, &raw), FEDL_OK);
    return decode_exact(message, frame, frame_bytes);
}

static void unknown_kinds_have_their_own_error(void **state)
{
    (void)state;
    fedl_message message;
    assert_int_equal(decode_raw(&message, 0, NULL, 0), FEDL_ERR_UNSUPPORTED);
    assert_int_equal(decode_raw(&message, 16, NULL, 0), FEDL_ERR_UNSUPPORTED);
    assert_int_equal(decode_raw(&message, UINT16_MAX, NULL, 0), FEDL_ERR_UNSUPPORTED);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_LEFT, NULL, 0), FEDL_OK);
    message.kind = (fedl_message_kind)16;
    size_t size = 0;
    assert_int_equal(fedl_message_encode(frame, sizeof frame, &size, &message, sample_scratch(),
                                         FEDLI_MESSAGE_ARENA_BYTES),
                     FEDL_ERR_ARGUMENT);
}

static void unknown_fields_are_ignored(void **state)
{
    (void)state;
    static const uint8_t accepted[] = {0x08, 64,                     /* next_offset */
                                       0xfa, 0x03, 3, 'n', 'e', 'w', /* field 63: bytes */
                                       0x10, 1,                      /* complete */
                                       0x18, 9,                      /* field 3: varint */
                                       0x25, 1,    2, 3,   4};       /* field 4: 32 bits */
    fedl_message message;
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_ACCEPTED, accepted, sizeof accepted),
                     FEDL_OK);
    assert_true(message.u.accepted.next_offset == 64 && message.u.accepted.complete);
}

/* The worst that the scan lets through must fit the documented arena: it is the peer's doing. */
static void the_most_unknown_fields_fit_the_arena(void **state)
{
    (void)state;
    static uint8_t pb[FEDLI_MESSAGE_BYTES_MAX];
    size_t size = 0;
    for (uint32_t number = 8; number <= 63; number++) {
        const uint32_t key = (number << 3) | 2u;
        if (key < 128) {
            pb[size++] = (uint8_t)key;
        } else {
            pb[size++] = (uint8_t)(key | 0x80u);
            pb[size++] = (uint8_t)(key >> 7);
        }
        const size_t left = sizeof pb - size - 3u * (63u - number) - 2u;
        const size_t length = number == 63 ? left : 1 + left % 7;
        pb[size++] = (uint8_t)(length | 0x80u);
        pb[size++] = (uint8_t)(length >> 7);
        size += length;
    }
    assert_int_equal(size, sizeof pb);
    fedl_message message;
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_LEAVE, pb, size), FEDL_OK);
}

static void a_field_of_another_type_is_refused(void **state)
{
    (void)state;
    static const uint8_t offset_as_bytes[] = {0x0a, 1, 64};
    static const uint8_t text_as_number[] = {0x08, 6, 0x18, 1};
    fedl_message message;
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_ACCEPTED, offset_as_bytes, 3),
                     FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_REJECT, text_as_number, 4), FEDL_ERR_FORMAT);
}

static void unknown_enum_values_are_refused(void **state)
{
    (void)state;
    static const uint8_t largest[] = {0x08, 10};
    static const uint8_t next[] = {0x08, 11};
    static const uint8_t zero[] = {0x10, 5};
    static const uint8_t negative[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0x01};
    fedl_message message;
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_REJECT, largest, 2), FEDL_OK);
    assert_int_equal(message.u.reject.code, FEDL_REJECT_TOKEN);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_REJECT, next, 2), FEDL_ERR_RANGE);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_REJECT, zero, 2), FEDL_ERR_RANGE);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_REJECT, negative, sizeof negative),
                     FEDL_ERR_RANGE);
}

static void a_payload_where_none_belongs_is_refused(void **state)
{
    (void)state;
    const fedli_frame raw = {.kind = FEDL_MESSAGE_LEAVE, .payload = fedl_bytes_of("x", 1)};
    size_t size = 0;
    fedl_message message;
    assert_int_equal(fedli_frame_encode(frame, sizeof frame, &size, &raw), FEDL_OK);
    assert_int_equal(decode_exact(&message, frame, size), FEDL_ERR_FORMAT);
}

static void fixed_fields_of_another_size_are_refused(void **state)
{
    (void)state;
    static const uint8_t digest_without_task[] = {0x08, 1, 0x10, 1, 0x3a, 1, 7};
    static const uint8_t task_without_digest[] = {0x08, 1, 0x10, 1, 0x30, 1};
    static const uint8_t half_an_offer[] = {0x08, 1, 0x12, 1, 'm'};
    static const uint8_t short_secret[] = {0x0a, 2, 'a', 'b'};
    fedl_message message;
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_CHECKIN, digest_without_task, 7),
                     FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_CHECKIN, task_without_digest, 6),
                     FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_WAIT, half_an_offer, 5), FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_ENROL, short_secret, 4), FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_ENROLLED, NULL, 0), FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_TASK, NULL, 0), FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_FETCH, NULL, 0), FEDL_ERR_FORMAT);
    assert_int_equal(decode_raw(&message, FEDL_MESSAGE_UPLOAD, NULL, 0), FEDL_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_kinds_have_their_own_error),
        cmocka_unit_test(unknown_fields_are_ignored),
        cmocka_unit_test(the_most_unknown_fields_fit_the_arena),
        cmocka_unit_test(a_field_of_another_type_is_refused),
        cmocka_unit_test(unknown_enum_values_are_refused),
        cmocka_unit_test(a_payload_where_none_belongs_is_refused),
        cmocka_unit_test(fixed_fields_of_another_size_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
