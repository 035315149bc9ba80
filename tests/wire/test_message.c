/* SPDX-License-Identifier: Apache-2.0 */
/* Every message: there and back, written bytes, every prefix, every flipped bit, every arena. */
#include "cmocka_all.h"

#include "message_samples.h"

#include <string.h>

static uint8_t frame[SAMPLE_FRAME_BYTES];
static uint8_t again[SAMPLE_FRAME_BYTES];

static size_t encode(uint8_t *out, const fedl_message *message)
{
    size_t size = 0;
    assert_int_equal(fedl_message_encode(out, SAMPLE_FRAME_BYTES, &size, message, sample_scratch(),
                                         FEDLI_MESSAGE_ARENA_BYTES),
                     FEDL_OK);
    return size;
}

static void every_message_comes_back(void **state)
{
    (void)state;
    uint32_t kinds = 0;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const fedl_message message = sample_message(i);
        const size_t size = encode(frame, &message);
        fedl_message decoded;
        assert_int_equal(fedl_message_decode(&decoded, fedl_bytes_of(frame, size), sample_scratch(),
                                             FEDLI_MESSAGE_ARENA_BYTES),
                         FEDL_OK);
        assert_message_equal(&message, &decoded);
        /* Encoding uses the scratch again, so it works on the sample, which decoded equals. */
        assert_int_equal(encode(again, &message), size);
        assert_memory_equal(frame, again, size);
        kinds |= 1u << message.kind;
    }
    assert_int_equal(kinds, 0xfffeu); /* kinds 1 … 15 were all there */
}

/* Written by hand from the field numbers and the rules of protobuf. */
static void bytes_are_the_written_ones(void **state)
{
    (void)state;
    static const uint8_t reject[] = {10,   0,    0,    0,  1, 0, 0, 0, 0, 0,
                                     0,    0,    9,    0,  0, 0, 0, 0, 0, 0, /* header */
                                     0x08, 6,                                /* code */
                                     0x10, 0xbc, 0x05,       /* retry_after_ms = 700 */
                                     0x1a, 2,    'n',  'o'}; /* text */
    static const uint8_t upload_head[] = {0x08, 4,    0x10, 5,    0x18, 6,    0x20,
                                          0x80, 0x05, 0x28, 0x80, 0x06, 0x32, 32};
    fedl_message message;
    memset(&message, 0, sizeof message);
    message.kind = FEDL_MESSAGE_REJECT;
    message.request_id = 1;
    message.u.reject = (fedl_message_reject){FEDL_REJECT_BUSY, 700, fedl_bytes_of("no", 2)};
    assert_int_equal(encode(frame, &message), sizeof reject);
    assert_memory_equal(frame, reject, sizeof reject);

    message = sample_message(13);
    const size_t size = encode(frame, &message);
    assert_int_equal(size, FEDLI_FRAME_HEADER_BYTES + sizeof upload_head + 32 + 128);
    assert_memory_equal(frame + FEDLI_FRAME_HEADER_BYTES, upload_head, sizeof upload_head);
    assert_memory_equal(frame + size - 128, message.u.upload.payload.data, 128);

    memset(&message, 0, sizeof message);
    message.kind = FEDL_MESSAGE_LEAVE;
    assert_int_equal(encode(frame, &message), FEDLI_FRAME_HEADER_BYTES);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const fedl_message message = sample_message(i);
        const size_t size = encode(frame, &message);
        const size_t step = size > 2000 ? 97 : 1;
        for (size_t cut = 0; cut < size; cut += step) {
            fedl_message decoded;
            assert_int_equal(decode_exact(&decoded, frame, cut), FEDL_ERR_TRUNCATED);
        }
    }
}

/*
 * The same, but with a frame header that promises exactly the shortened message: now it is the
 * protobuf that is cut. A cut between two fields may be a good message of fewer fields.
 */
static void every_prefix_of_the_inner_message_is_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const fedl_message message = sample_message(i);
        (void)encode(frame, &message);
        const size_t inner = (size_t)frame[12] | ((size_t)frame[13] << 8);
        const size_t step = inner > 2000 ? 97 : 1;
        memset(frame + 16, 0, 4);
        for (size_t cut = 0; cut < inner; cut += step) {
            fedl_message decoded;
            frame[12] = (uint8_t)cut;
            frame[13] = (uint8_t)(cut >> 8);
            const fedl_status status =
                decode_exact(&decoded, frame, FEDLI_FRAME_HEADER_BYTES + cut);
            assert_true(status == FEDL_OK || status == FEDL_ERR_FORMAT || status == FEDL_ERR_RANGE);
        }
    }
}

/* A flipped bit gives an error or a message that can be encoded again: never anything between. */
static void every_flipped_bit_is_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const fedl_message message = sample_message(i);
        const size_t size = encode(frame, &message);
        const size_t step = size > 2000 ? 211 : 1;
        for (size_t bit = 0; bit < 8 * size; bit += step) {
            frame[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            fedl_message decoded;
            _Alignas(16) static uint8_t own[FEDLI_MESSAGE_ARENA_BYTES];
            const fedl_status status = decode_exact(&decoded, frame, size);
            assert_true(status != FEDL_ERR_SIZE && status != FEDL_ERR_ARGUMENT);
            if (fedl_message_decode(&decoded, fedl_bytes_of(frame, size), own, sizeof own) ==
                FEDL_OK) {
                assert_int_equal(status, FEDL_OK);
                (void)encode(again, &decoded);
            }
            frame[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

static void arenas_grow_from_nothing_to_success(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const fedl_message message = sample_message(i);
        const size_t frame_bytes = encode(frame, &message);
        fedl_status status = FEDL_ERR_SIZE;
        for (size_t bytes = 0; status != FEDL_OK; bytes += 16) {
            fedl_message decoded;
            assert_true(bytes <= FEDLI_MESSAGE_ARENA_BYTES);
            status = fedl_message_decode(&decoded, fedl_bytes_of(frame, frame_bytes),
                                         sample_scratch(), bytes);
            assert_true(status == FEDL_OK || status == FEDL_ERR_SIZE);
            assert_true(status != FEDL_OK || bytes > 0);
        }
        status = FEDL_ERR_SIZE;
        for (size_t bytes = 0; status != FEDL_OK; bytes += 16) {
            size_t size = 0;
            assert_true(bytes <= FEDLI_MESSAGE_ARENA_BYTES);
            status =
                fedl_message_encode(again, sizeof again, &size, &message, sample_scratch(), bytes);
            assert_true(status == FEDL_OK ? size == frame_bytes : status == FEDL_ERR_SIZE);
        }
        for (size_t room = 0; room<frame_bytes; room += frame_bytes> 2000 ? 997 : 1) {
            size_t size = 4711;
            assert_int_equal(fedl_message_encode(again, room, &size, &message, sample_scratch(),
                                                 FEDLI_MESSAGE_ARENA_BYTES),
                             FEDL_ERR_SIZE);
            assert_int_equal(size, 4711);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(bytes_are_the_written_ones),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_prefix_of_the_inner_message_is_safe),
        cmocka_unit_test(every_flipped_bit_is_safe),
        cmocka_unit_test(arenas_grow_from_nothing_to_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
