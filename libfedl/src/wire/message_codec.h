/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What message.c asks of the message_*.c files: per message one pair of functions between our
 * struct and protobuf-c's, each checking every range, so that encoding refuses what decoding would.
 *
 * to_pb:   builds the generated struct in arena; its byte fields borrow from the message.
 *          Errors: ERR_RANGE, ERR_SIZE (arena).
 * from_pb: fills the message; views point into the unpacked struct's memory. The payload was set
 *          before. Errors: ERR_FORMAT, ERR_RANGE.
 */
#ifndef FEDL_WIRE_MESSAGE_CODEC_H
#define FEDL_WIRE_MESSAGE_CODEC_H

#include "wire/message.h"
#include "wire/pb_arena.h"

typedef struct fedli_message_codec {
    const ProtobufCMessageDescriptor *descriptor;
    fedl_status (*to_pb)(ProtobufCMessage **out, const fedl_message *message,
                         fedli_pb_arena *arena);
    fedl_status (*from_pb)(fedl_message *message, const ProtobufCMessage *pb);
} fedli_message_codec;

/* message_join.c: ENROL, ENROLLED, LEAVE, LEFT */
extern const fedli_message_codec fedli_codec_enrol;
extern const fedli_message_codec fedli_codec_enrolled;
extern const fedli_message_codec fedli_codec_leave;
extern const fedli_message_codec fedli_codec_left;
/* message_task.c: CHECKIN, TASK, WAIT, REJECT */
extern const fedli_message_codec fedli_codec_checkin;
extern const fedli_message_codec fedli_codec_task;
extern const fedli_message_codec fedli_codec_wait;
extern const fedli_message_codec fedli_codec_reject;
/* message_transfer.c: FETCH, CHUNK, UPLOAD, ACCEPTED */
extern const fedli_message_codec fedli_codec_fetch;
extern const fedli_message_codec fedli_codec_chunk;
extern const fedli_message_codec fedli_codec_upload;
extern const fedli_message_codec fedli_codec_accepted;

/* message_item.c: PUT, GET, PART */
extern const fedli_message_codec fedli_codec_put;
extern const fedli_message_codec fedli_codec_get;
extern const fedli_message_codec fedli_codec_part;

/** A protobuf-c field that borrows size bytes at data; protobuf-c only reads them. */
ProtobufCBinaryData fedli_pb_borrow(const uint8_t *data, size_t size);
/** Copies a field of exactly size bytes. Errors: ERR_FORMAT (another size). */
FEDL_NODISCARD fedl_status fedli_pb_copy(uint8_t *out, size_t size, ProtobufCBinaryData field);
/** True when 1 ≤ view.size ≤ size_max. */
bool fedli_view_fits(fedl_bytes view, size_t size_max);

#endif
