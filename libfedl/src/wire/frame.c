/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include "base/check.h"
#include "base/cursor.h"
#include "wire/message.h"

static const uint8_t magic[4] = {'f', 'e', 'd', 'l'};

void fedli_envelope_header_encode(uint8_t out[FEDLI_ENVELOPE_HEADER_BYTES],
                                  fedli_envelope_kind kind, uint64_t session_id)
{
    fedli_writer writer;
    size_t size = 0;
    fedli_writer_init(&writer, out, FEDLI_ENVELOPE_HEADER_BYTES);
    fedli_write_copy(&writer, magic, sizeof magic);
    fedli_write_u8(&writer, FEDLI_PROTOCOL_VERSION);
    fedli_write_u8(&writer, (uint8_t)kind);
    fedli_write_u16(&writer, 0);
    fedli_write_u64(&writer, session_id);
    FEDLI_CHECK(fedli_writer_end(&writer, &size) == FEDL_OK && size == FEDLI_ENVELOPE_HEADER_BYTES);
}

fedl_status fedli_envelope_decode(fedli_envelope *envelope, fedl_bytes bytes)
{
    fedli_reader reader;
    uint8_t head[4];
    fedli_reader_init(&reader, bytes);
    fedli_read_copy(&reader, head, sizeof head);
    const uint8_t version = fedli_read_u8(&reader);
    const uint8_t kind = fedli_read_u8(&reader);
    const uint16_t reserved = fedli_read_u16(&reader);
    const uint64_t session_id = fedli_read_u64(&reader);
    if (reader.failed) {
        return FEDL_ERR_TRUNCATED;
    }
    if (head[0] != magic[0] || head[1] != magic[1] || head[2] != magic[2] || head[3] != magic[3]) {
        return FEDL_ERR_FORMAT;
    }
    /* The version comes before all other rules: another version may have other ones. */
    if (version != FEDLI_PROTOCOL_VERSION) {
        return FEDL_ERR_VERSION;
    }
    if (kind < FEDLI_ENVELOPE_HELLO_IK || kind > FEDLI_ENVELOPE_REFUSE || reserved != 0 ||
        bytes.size > FEDLI_ENVELOPE_BYTES_MAX) {
        return FEDL_ERR_FORMAT;
    }
    const fedl_bytes body = fedli_read_view(&reader, fedli_reader_left(&reader));
    if (kind == FEDLI_ENVELOPE_REFUSE && body.size != 0) {
        return FEDL_ERR_FORMAT;
    }
    envelope->kind = (fedli_envelope_kind)kind;
    envelope->session_id = session_id;
    envelope->body = body;
    return FEDL_OK;
}

/* The three limits of a frame; sizes are at most 2^32 here, so the sum cannot overflow 64 bits. */
static bool sizes_fit(uint64_t message_bytes, uint64_t payload_bytes)
{
    return message_bytes <= FEDLI_MESSAGE_BYTES_MAX && payload_bytes <= FEDLI_CHUNK_BYTES_MAX &&
           FEDLI_FRAME_HEADER_BYTES + message_bytes + payload_bytes <= FEDLI_FRAME_BYTES_MAX;
}

fedl_status fedli_frame_encode(uint8_t *out, size_t out_bytes, size_t *out_size,
                               const fedli_frame *frame)
{
    fedli_writer writer;
    if (frame->message.size > UINT32_MAX || frame->payload.size > UINT32_MAX ||
        !sizes_fit(frame->message.size, frame->payload.size)) {
        return FEDL_ERR_RANGE;
    }
    fedli_writer_init(&writer, out, out_bytes);
    fedli_write_u16(&writer, frame->kind);
    fedli_write_u16(&writer, 0);
    fedli_write_u64(&writer, frame->request_id);
    fedli_write_u32(&writer, (uint32_t)frame->message.size);
    fedli_write_u32(&writer, (uint32_t)frame->payload.size);
    fedli_write_copy(&writer, frame->message.data, frame->message.size);
    fedli_write_copy(&writer, frame->payload.data, frame->payload.size);
    return fedli_writer_end(&writer, out_size);
}

fedl_status fedli_frame_decode(fedli_frame *frame, fedl_bytes bytes)
{
    fedli_reader reader;
    fedli_reader_init(&reader, bytes);
    const uint16_t kind = fedli_read_u16(&reader);
    const uint16_t flags = fedli_read_u16(&reader);
    const uint64_t request_id = fedli_read_u64(&reader);
    const uint32_t message_bytes = fedli_read_u32(&reader);
    const uint32_t payload_bytes = fedli_read_u32(&reader);
    if (reader.failed) {
        return FEDL_ERR_TRUNCATED;
    }
    if (flags != 0 || !sizes_fit(message_bytes, payload_bytes)) {
        return FEDL_ERR_FORMAT;
    }
    const fedl_bytes message = fedli_read_view(&reader, message_bytes);
    const fedl_bytes payload = fedli_read_view(&reader, payload_bytes);
    const fedl_status status = fedli_reader_end(&reader);
    if (status != FEDL_OK) {
        return status;
    }
    frame->kind = kind;
    frame->request_id = request_id;
    frame->message = message;
    frame->payload = payload;
    return FEDL_OK;
}
