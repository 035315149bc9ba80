/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit, from both sides: the largest good value encodes and decodes, one beyond is refused
 * by encode. That decode refuses it too is shown with bytes that our encoder would not write.
 */
#include "cmocka_all.h"

#include "message_samples.h"

#include <string.h>

static uint8_t frame[SAMPLE_FRAME_BYTES];
static uint8_t zeros[FEDLI_CHUNK_BYTES_MAX + 64u];

static fedl_status encode(const fedl_message *message)
{
    size_t size = 0;
    const fedl_status status = fedl_message_encode(frame, sizeof frame, &size, message,
                                                   sample_scratch(), FEDLI_MESSAGE_ARENA_BYTES);
    if (status == FEDL_OK) {
        fedl_message decoded;
        assert_int_equal(decode_exact(&decoded, frame, size), FEDL_OK);
    }
    return status;
}

#define EXPECT(index, change, expected)                                                            \
    do {                                                                                           \
        fedl_message m = sample_message(index);                                                    \
        change;                                                                                    \
        assert_int_equal(encode(&m), expected);                                                    \
    } while (0)

static void joining(void **state)
{
    (void)state;
    EXPECT(1, m.u.enrolled.device_id = 0, FEDL_ERR_RANGE);
    EXPECT(1, m.u.enrolled.device_id = UINT32_MAX, FEDL_OK);
    EXPECT(1, m.u.enrolled.device_cert.size = 0, FEDL_ERR_RANGE);
    EXPECT(1, m.u.enrolled.server_cert.size = 0, FEDL_ERR_RANGE);
    EXPECT(1, m.u.enrolled.device_cert.size = FEDLI_CERT_BYTES_MAX, FEDL_OK);
    EXPECT(1, m.u.enrolled.device_cert.size = FEDLI_CERT_BYTES_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(1, m.u.enrolled.server_cert.size = FEDLI_CERT_BYTES_MAX + 1, FEDL_ERR_RANGE);
}

static void checking_in(void **state)
{
    (void)state;
    EXPECT(4, m.u.checkin.protocol_min = 0, FEDL_ERR_RANGE);
    EXPECT(4, m.u.checkin.protocol_max = 1, FEDL_OK);
    EXPECT(4, m.u.checkin.protocol_min = 4, FEDL_ERR_RANGE);
    EXPECT(4, m.u.checkin.wait_ms_max = FEDLI_WAIT_MS_MAX, FEDL_OK);
    EXPECT(4, m.u.checkin.wait_ms_max = FEDLI_WAIT_MS_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(4, m.u.checkin.have_digest[31] = 1, FEDL_ERR_RANGE);
    EXPECT(5, memset(m.u.checkin.have_digest, 0, 32), FEDL_OK);
}

static void tasks_and_waits(void **state)
{
    (void)state;
    EXPECT(6, m.u.task.task_id = 0, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.round = 0, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.attempt = 0, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.deadline_ms = 0, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.deadline_ms = FEDLI_DELAY_MS_MAX, FEDL_OK);
    EXPECT(6, m.u.task.deadline_ms = FEDLI_DELAY_MS_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.offer.manifest.size = 0, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.offer.manifest.size = FEDLI_MANIFEST_BYTES_MAX, FEDL_OK);
    EXPECT(6, m.u.task.offer.manifest.size = FEDLI_MANIFEST_BYTES_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.offer.plan.size = 0, FEDL_ERR_RANGE);
    EXPECT(6, m.u.task.offer.plan.size = FEDL_PLAN_BYTES_MAX, FEDL_OK);
    EXPECT(6, m.u.task.offer.plan.size = FEDL_PLAN_BYTES_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(8, m.u.wait.retry_after_ms = FEDLI_DELAY_MS_MAX, FEDL_OK);
    EXPECT(8, m.u.wait.retry_after_ms = FEDLI_DELAY_MS_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(9, m.u.wait.offer.plan.size = 0, FEDL_ERR_RANGE);
    EXPECT(9, m.u.wait.offer.manifest.size = FEDLI_MANIFEST_BYTES_MAX + 1, FEDL_ERR_RANGE);
}

static void rejecting(void **state)
{
    (void)state;
    memset(zeros, ' ', sizeof zeros);
    EXPECT(10, m.u.reject.code = (fedl_reject_code)0, FEDL_ERR_RANGE);
    EXPECT(10, m.u.reject.code = (fedl_reject_code)11, FEDL_ERR_RANGE);
    EXPECT(10, m.u.reject.retry_after_ms = FEDLI_DELAY_MS_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(10, m.u.reject.text.size = 0, FEDL_OK);
    EXPECT(10, m.u.reject.text = fedl_bytes_of(zeros, FEDLI_TEXT_BYTES_MAX), FEDL_OK);
    EXPECT(10, m.u.reject.text = fedl_bytes_of(zeros, FEDLI_TEXT_BYTES_MAX + 1), FEDL_ERR_RANGE);
    EXPECT(10, m.u.reject.text = fedl_bytes_of("\x1f", 1), FEDL_ERR_RANGE);
    EXPECT(10, m.u.reject.text = fedl_bytes_of("\x20", 1), FEDL_OK);
    EXPECT(10, m.u.reject.text = fedl_bytes_of("\x7e", 1), FEDL_OK);
    EXPECT(10, m.u.reject.text = fedl_bytes_of("\x7f", 1), FEDL_ERR_RANGE);
}

static void fetching(void **state)
{
    (void)state;
    EXPECT(11, m.u.fetch.task_id = 0, FEDL_ERR_RANGE);
    EXPECT(11, m.u.fetch.offset = FEDLI_TRANSFER_BYTES_MAX, FEDL_OK);
    EXPECT(11, m.u.fetch.offset = FEDLI_TRANSFER_BYTES_MAX + 1u, FEDL_ERR_RANGE);
    EXPECT(11, m.u.fetch.bytes_max = FEDLI_CHUNK_BYTES_MIN, FEDL_OK);
    EXPECT(11, m.u.fetch.bytes_max = FEDLI_CHUNK_BYTES_MIN - 1, FEDL_ERR_RANGE);
    EXPECT(11, m.u.fetch.bytes_max = FEDLI_CHUNK_BYTES_MAX, FEDL_OK);
    EXPECT(11, m.u.fetch.bytes_max = FEDLI_CHUNK_BYTES_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(12, m.u.chunk.payload.size = 0, FEDL_ERR_RANGE);
    EXPECT(12, m.u.chunk.payload.size = 100, FEDL_ERR_RANGE);
    EXPECT(12, m.u.chunk.offset = UINT64_MAX, FEDL_ERR_RANGE);
    EXPECT(12, m.u.chunk.total_bytes = 198, FEDL_ERR_RANGE);
    EXPECT(12, m.u.chunk.total_bytes = FEDLI_TRANSFER_BYTES_MAX, FEDL_OK);
    EXPECT(12, m.u.chunk.total_bytes = FEDLI_TRANSFER_BYTES_MAX + 1u, FEDL_ERR_RANGE);
}

static void uploading(void **state)
{
    (void)state;
    EXPECT(13, m.u.upload.task_id = 0, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.round = 0, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.attempt = 0, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.offset = 641, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.offset = 704, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.offset = 576, FEDL_OK);
    EXPECT(13, m.u.upload.total_bytes = 640 + 129, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.total_bytes = FEDLI_TRANSFER_BYTES_MAX, FEDL_OK);
    EXPECT(13, m.u.upload.total_bytes = FEDLI_TRANSFER_BYTES_MAX + 64u, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.payload.size = 0, FEDL_ERR_RANGE);
    EXPECT(13, m.u.upload.payload.size = 127, FEDL_ERR_RANGE);
    EXPECT(14,
           (m.u.upload.total_bytes += 64,
            m.u.upload.payload = fedl_bytes_of(zeros, FEDLI_CHUNK_BYTES_MAX + 64u)),
           FEDL_ERR_RANGE);
    EXPECT(15, m.u.accepted.next_offset = FEDLI_TRANSFER_BYTES_MAX, FEDL_OK);
    EXPECT(15, m.u.accepted.next_offset = FEDLI_TRANSFER_BYTES_MAX + 1u, FEDL_ERR_RANGE);
}

/* Raises one varint of a good message in place and expects decode to refuse it as out of range. */
static void decode_checks_what_encode_checks(void **state)
{
    (void)state;
    static const struct {
        uint16_t kind;
        size_t size;
        uint8_t pb[12];
    } rows[] = {
        {FEDL_MESSAGE_CHECKIN, 4, {0x08, 2, 0x10, 1}},                         /* min above max */
        {FEDL_MESSAGE_CHECKIN, 8, {0x08, 1, 0x10, 1, 0x28, 0xe1, 0xd4, 0x03}}, /* 60,001 ms */
        {FEDL_MESSAGE_CHUNK, 2, {0x10, 1}},                                    /* no payload */
        {FEDL_MESSAGE_ACCEPTED, 5, {0x08, 0x81, 0x80, 0x80, 0x04}},            /* 2^23 + 1 */
        {FEDL_MESSAGE_WAIT, 6, {0x08, 0x81, 0xb8, 0xb2, 0xa0, 0x02}},          /* 7 days + 1 ms */
        {FEDL_MESSAGE_REJECT, 5, {0x08, 1, 0x1a, 1, '\n'}},                    /* control letter */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const fedli_frame raw = {.kind = rows[i].kind,
                                 .message = fedl_bytes_of(rows[i].pb, rows[i].size)};
        size_t size = 0;
        fedl_message decoded;
        assert_int_equal(fedli_frame_encode(frame, sizeof frame, &size, &raw), FEDL_OK);
        assert_int_equal(decode_exact(&decoded, frame, size), FEDL_ERR_RANGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining),
        cmocka_unit_test(checking_in),
        cmocka_unit_test(tasks_and_waits),
        cmocka_unit_test(rejecting),
        cmocka_unit_test(fetching),
        cmocka_unit_test(uploading),
        cmocka_unit_test(decode_checks_what_encode_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
