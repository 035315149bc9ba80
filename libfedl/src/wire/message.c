/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message.h"

#include "wire/message_codec.h"
#include "wire/pb_scan.h"

#include <string.h>

static const fedli_message_codec *codec_of(fedl_message_kind kind)
{
    switch (kind) {
    case FEDL_MESSAGE_ENROL:
        return &fedli_codec_enrol;
    case FEDL_MESSAGE_ENROLLED:
        return &fedli_codec_enrolled;
    case FEDL_MESSAGE_CHECKIN:
        return &fedli_codec_checkin;
    case FEDL_MESSAGE_TASK:
        return &fedli_codec_task;
    case FEDL_MESSAGE_WAIT:
        return &fedli_codec_wait;
    case FEDL_MESSAGE_FETCH:
        return &fedli_codec_fetch;
    case FEDL_MESSAGE_CHUNK:
        return &fedli_codec_chunk;
    case FEDL_MESSAGE_UPLOAD:
        return &fedli_codec_upload;
    case FEDL_MESSAGE_ACCEPTED:
        return &fedli_codec_accepted;
    case FEDL_MESSAGE_REJECT:
        return &fedli_codec_reject;
    case FEDL_MESSAGE_LEAVE:
        return &fedli_codec_leave;
    case FEDL_MESSAGE_LEFT:
        return &fedli_codec_left;
    case FEDL_MESSAGE_PUT:
        return &fedli_codec_put;
    case FEDL_MESSAGE_GET:
        return &fedli_codec_get;
    case FEDL_MESSAGE_PART:
        return &fedli_codec_part;
    }
    return NULL;
}

/* Where a message keeps its payload; NULL for the kinds that have none. */
static fedl_bytes *payload_of(fedl_message *message)
{
    if (message->kind == FEDL_MESSAGE_CHUNK) {
        return &message->u.chunk.payload;
    }
    if (message->kind == FEDL_MESSAGE_UPLOAD) {
        return &message->u.upload.payload;
    }
    if (message->kind == FEDL_MESSAGE_PUT) {
        return &message->u.put.payload;
    }
    if (message->kind == FEDL_MESSAGE_PART) {
        return &message->u.part.payload;
    }
    return NULL;
}

static fedl_bytes payload_view(const fedl_message *message)
{
    if (message->kind == FEDL_MESSAGE_CHUNK) {
        return message->u.chunk.payload;
    }
    if (message->kind == FEDL_MESSAGE_UPLOAD) {
        return message->u.upload.payload;
    }
    if (message->kind == FEDL_MESSAGE_PUT) {
        return message->u.put.payload;
    }
    if (message->kind == FEDL_MESSAGE_PART) {
        return message->u.part.payload;
    }
    return fedl_bytes_of(NULL, 0);
}

fedl_status fedl_message_encode(uint8_t *out, size_t out_bytes, size_t *out_size,
                                const fedl_message *message, void *scratch, size_t scratch_bytes)
{
    const fedli_message_codec *codec = codec_of(message->kind);
    if (codec == NULL) {
        return FEDL_ERR_ARGUMENT;
    }
    fedli_pb_arena arena;
    fedli_pb_arena_init(&arena, scratch, scratch_bytes);
    ProtobufCMessage *pb = NULL;
    fedl_status status = codec->to_pb(&pb, message, &arena);
    if (status != FEDL_OK) {
        return status;
    }
    /* Packed into scratch first: protobuf-c does not know how large out is. */
    const size_t packed_bytes = protobuf_c_message_get_packed_size(pb);
    uint8_t *packed = (uint8_t *)fedli_pb_arena_take(&arena, packed_bytes);
    if (packed == NULL) {
        return FEDL_ERR_SIZE;
    }
    const fedli_frame frame = {
        .kind = (uint16_t)message->kind,
        .request_id = message->request_id,
        .message = fedl_bytes_of(packed, protobuf_c_message_pack(pb, packed)),
        .payload = payload_view(message),
    };
    return fedli_frame_encode(out, out_bytes, out_size, &frame);
}

fedl_status fedl_message_decode(fedl_message *message, fedl_bytes bytes, void *scratch,
                                size_t scratch_bytes)
{
    fedli_frame frame;
    fedl_status status = fedli_frame_decode(&frame, bytes);
    if (status != FEDL_OK) {
        return status;
    }
    if (frame.kind < FEDL_MESSAGE_ENROL || frame.kind > FEDL_MESSAGE_PART) {
        return FEDL_ERR_UNSUPPORTED;
    }
    /* Work on a copy: the caller's message is written only when everything has been checked. */
    fedl_message decoded;
    memset(&decoded, 0, sizeof decoded);
    decoded.kind = (fedl_message_kind)frame.kind;
    decoded.request_id = frame.request_id;
    fedl_bytes *payload = payload_of(&decoded);
    if (payload != NULL) {
        *payload = frame.payload;
    } else if (frame.payload.size != 0) {
        return FEDL_ERR_FORMAT;
    }
    status = fedli_pb_scan(frame.message);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_pb_arena arena;
    fedli_pb_arena_init(&arena, scratch, scratch_bytes);
    const fedli_message_codec *codec = codec_of(decoded.kind);
    const ProtobufCMessage *pb = protobuf_c_message_unpack(codec->descriptor, &arena.allocator,
                                                           frame.message.size, frame.message.data);
    if (pb == NULL) {
        return fedli_pb_arena_failed(&arena) ? FEDL_ERR_SIZE : FEDL_ERR_FORMAT;
    }
    status = codec->from_pb(&decoded, pb);
    if (status == FEDL_OK) {
        *message = decoded;
    }
    return status;
}

ProtobufCBinaryData fedli_pb_borrow(const uint8_t *data, size_t size)
{
    /* protobuf-c has one struct for reading and writing, so the const is lost here, once. */
    const ProtobufCBinaryData field = {size, (uint8_t *)(uintptr_t)data};
    return field;
}

fedl_status fedli_pb_copy(uint8_t *out, size_t size, ProtobufCBinaryData field)
{
    if (field.len != size) {
        return FEDL_ERR_FORMAT;
    }
    memcpy(out, field.data, size);
    return FEDL_OK;
}

bool fedli_view_fits(fedl_bytes view, size_t size_max)
{
    return view.size >= 1 && view.size <= size_max;
}
