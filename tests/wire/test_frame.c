/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "wire/frame.h"
#include "wire/message.h"

#include <stdlib.h>
#include <string.h>

static void envelope_layout_is_the_written_one(void **state)
{
    (void)state;
    static const uint8_t expected[FEDLI_ENVELOPE_HEADER_BYTES] = {
        'f', 'e', 'd', 'l', 1, 4, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    uint8_t bytes[FEDLI_ENVELOPE_HEADER_BYTES + 3] = {0};
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_RECORD, 0x1122334455667788u);
    assert_memory_equal(bytes, expected, sizeof expected);
    memcpy(bytes + FEDLI_ENVELOPE_HEADER_BYTES, "xyz", 3);
    fedli_envelope envelope;
    assert_int_equal(fedli_envelope_decode(&envelope, fedl_bytes_of(bytes, sizeof bytes)), FEDL_OK);
    assert_int_equal(envelope.kind, FEDLI_ENVELOPE_RECORD);
    assert_true(envelope.session_id == 0x1122334455667788u);
    assert_int_equal(envelope.body.size, 3);
    assert_ptr_equal(envelope.body.data, bytes + FEDLI_ENVELOPE_HEADER_BYTES);
}

static fedl_status decode_changed(size_t index, uint8_t value)
{
    uint8_t bytes[FEDLI_ENVELOPE_HEADER_BYTES + 1] = {0};
    fedli_envelope envelope;
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_HELLO_IK, 0);
    bytes[index] = value;
    return fedli_envelope_decode(&envelope, fedl_bytes_of(bytes, sizeof bytes));
}

static void envelope_refuses_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(decode_changed(i, 'x'), FEDL_ERR_FORMAT);
    }
    assert_int_equal(decode_changed(4, 0), FEDL_ERR_VERSION);
    assert_int_equal(decode_changed(4, 2), FEDL_ERR_VERSION);
    assert_int_equal(decode_changed(5, 0), FEDL_ERR_FORMAT);
    assert_int_equal(decode_changed(5, 6), FEDL_ERR_FORMAT);
    assert_int_equal(decode_changed(5, 5), FEDL_ERR_FORMAT); /* REFUSE with a body */
    assert_int_equal(decode_changed(6, 1), FEDL_ERR_FORMAT);
    assert_int_equal(decode_changed(7, 1), FEDL_ERR_FORMAT);
    assert_int_equal(decode_changed(5, 3), FEDL_OK);
    uint8_t header[FEDLI_ENVELOPE_HEADER_BYTES];
    fedli_envelope envelope;
    fedli_envelope_header_encode(header, FEDLI_ENVELOPE_REFUSE, 7);
    for (size_t size = 0; size < sizeof header; size++) {
        uint8_t *exact = (uint8_t *)malloc(size + 1);
        memcpy(exact + 1, header, size);
        assert_int_equal(fedli_envelope_decode(&envelope, fedl_bytes_of(exact + 1, size)),
                         FEDL_ERR_TRUNCATED);
        free(exact);
    }
    assert_int_equal(fedli_envelope_decode(&envelope, fedl_bytes_of(header, sizeof header)),
                     FEDL_OK);
    assert_int_equal(envelope.body.size, 0);
}

static void envelope_has_a_largest_size(void **state)
{
    (void)state;
    uint8_t *bytes = (uint8_t *)calloc(1, FEDLI_ENVELOPE_BYTES_MAX + 1u);
    fedli_envelope envelope;
    fedli_envelope_header_encode(bytes, FEDLI_ENVELOPE_RECORD, 1);
    assert_int_equal(
        fedli_envelope_decode(&envelope, fedl_bytes_of(bytes, FEDLI_ENVELOPE_BYTES_MAX)), FEDL_OK);
    assert_int_equal(
        fedli_envelope_decode(&envelope, fedl_bytes_of(bytes, FEDLI_ENVELOPE_BYTES_MAX + 1u)),
        FEDL_ERR_FORMAT);
    free(bytes);
}

static void frame_layout_is_the_written_one(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x02, 0x01, 0, 0, 8, 7, 6, 5,   4,   3,   2,   1,  3,
                                       0,    0,    0, 2, 0, 0, 0, 'm', 's', 'g', 'p', 'q'};
    const fedli_frame frame = {.kind = 0x0102,
                               .request_id = 0x0102030405060708u,
                               .message = fedl_bytes_of("msg", 3),
                               .payload = fedl_bytes_of("pq", 2)};
    uint8_t bytes[sizeof expected];
    size_t size = 0;
    for (size_t capacity = 0; capacity < sizeof bytes; capacity++) {
        assert_int_equal(fedli_frame_encode(bytes, capacity, &size, &frame), FEDL_ERR_SIZE);
    }
    assert_int_equal(size, 0);
    assert_int_equal(fedli_frame_encode(bytes, sizeof bytes, &size, &frame), FEDL_OK);
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    fedli_frame decoded;
    assert_int_equal(fedli_frame_decode(&decoded, fedl_bytes_of(bytes, size)), FEDL_OK);
    assert_int_equal(decoded.kind, 0x0102);
    assert_true(decoded.request_id == frame.request_id);
    assert_int_equal(decoded.message.size, 3);
    assert_int_equal(decoded.payload.size, 2);
    assert_memory_equal(decoded.payload.data, "pq", 2);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(fedli_frame_decode(&decoded, fedl_bytes_of(bytes, cut)),
                         FEDL_ERR_TRUNCATED);
    }
    bytes[16] = 1; /* a payload of one: one byte is left over */
    assert_int_equal(fedli_frame_decode(&decoded, fedl_bytes_of(bytes, size)), FEDL_ERR_FORMAT);
    bytes[16] = 2;
    bytes[2] = 1;
    assert_int_equal(fedli_frame_decode(&decoded, fedl_bytes_of(bytes, size)), FEDL_ERR_FORMAT);
}

/* Encodes and decodes a frame of these sizes; both must give the same kind of answer. */
static fedl_status frame_of_sizes(uint32_t message_bytes, uint32_t payload_bytes)
{
    const size_t total = FEDLI_FRAME_HEADER_BYTES + (size_t)message_bytes + payload_bytes;
    uint8_t *data = (uint8_t *)calloc(1, total + 1);
    uint8_t *bytes = (uint8_t *)calloc(1, total);
    const fedli_frame frame = {.kind = 1,
                               .message = fedl_bytes_of(data, message_bytes),
                               .payload = fedl_bytes_of(data, payload_bytes)};
    size_t size = 0;
    const fedl_status status = fedli_frame_encode(bytes, total, &size, &frame);
    memset(bytes, 0, total);
    for (size_t i = 0; i < 4; i++) {
        bytes[12 + i] = (uint8_t)(message_bytes >> (8 * i));
        bytes[16 + i] = (uint8_t)(payload_bytes >> (8 * i));
    }
    fedli_frame decoded;
    const fedl_status back = fedli_frame_decode(&decoded, fedl_bytes_of(bytes, total));
    assert_true((status == FEDL_OK) == (back == FEDL_OK));
    assert_true(back == FEDL_OK || back == FEDL_ERR_FORMAT);
    free(data);
    free(bytes);
    return status;
}

static void frame_limits_hold_on_both_sides(void **state)
{
    (void)state;
    const uint32_t rest = FEDLI_FRAME_BYTES_MAX - FEDLI_FRAME_HEADER_BYTES - FEDLI_CHUNK_BYTES_MAX;
    assert_int_equal(frame_of_sizes(FEDLI_MESSAGE_BYTES_MAX, 0), FEDL_OK);
    assert_int_equal(frame_of_sizes(FEDLI_MESSAGE_BYTES_MAX + 1, 0), FEDL_ERR_RANGE);
    assert_int_equal(frame_of_sizes(0, FEDLI_CHUNK_BYTES_MAX), FEDL_OK);
    assert_int_equal(frame_of_sizes(0, FEDLI_CHUNK_BYTES_MAX + 1), FEDL_ERR_RANGE);
    assert_int_equal(frame_of_sizes(rest, FEDLI_CHUNK_BYTES_MAX), FEDL_OK);
    assert_int_equal(frame_of_sizes(rest + 1, FEDLI_CHUNK_BYTES_MAX), FEDL_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelope_layout_is_the_written_one),
        cmocka_unit_test(envelope_refuses_what_is_wrong),
        cmocka_unit_test(envelope_has_a_largest_size),
        cmocka_unit_test(frame_layout_is_the_written_one),
        cmocka_unit_test(frame_limits_hold_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
