/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two outer layers of every message; docs/protocol.md "Envelope" and "Frame" have the offsets.
 *
 * Envelope (clear, 16 bytes, then its body):
 *   magic "fedl", version u8, kind u8, reserved u16 = 0, session id u64
 *   HELLO_IK, HELLO_XX and FINISH_XX carry a Noise handshake message, RECORD a secure/channel
 *   record. REFUSE is empty: one generic refusal that says nothing about why.
 *
 * Frame (inside the channel or as handshake payload, 20 bytes, then message and payload):
 *   kind u16, flags u16 = 0, request id u64, message bytes u32, payload bytes u32
 *
 * Sizes are capped before anything is unpacked: a whole envelope fits FEDLI_ENVELOPE_BYTES_MAX.
 */
#ifndef FEDL_WIRE_FRAME_H
#define FEDL_WIRE_FRAME_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#define FEDLI_PROTOCOL_VERSION      1u
#define FEDLI_ENVELOPE_HEADER_BYTES 16u
#define FEDLI_FRAME_HEADER_BYTES    20u
#define FEDLI_CHUNK_BYTES_MAX       61440u /* payload of one frame: a multiple of 64 */
#define FEDLI_CHUNK_BYTES_MIN       256u
#define FEDLI_CHUNK_BYTES_DEFAULT                                                                  \
    16384u /* framing < 1 %, and a slow peer holds little memory of the other */
#define FEDLI_NOISE_MESSAGE_BYTES_MAX 65535u
/* A frame in one channel record: the record adds its nonce (8 bytes) and its tag (16 bytes). */
#define FEDLI_FRAME_BYTES_MAX    (FEDLI_NOISE_MESSAGE_BYTES_MAX - 24u)
#define FEDLI_ENVELOPE_BYTES_MAX (FEDLI_ENVELOPE_HEADER_BYTES + FEDLI_NOISE_MESSAGE_BYTES_MAX)

typedef enum fedli_envelope_kind {
    FEDLI_ENVELOPE_HELLO_IK = 1, /* client → server: IK message 1; reply: same kind with message 2
                                    and the new session id */
    FEDLI_ENVELOPE_HELLO_XX = 2, /* client → server: XX message 1; reply: same kind with message 2
                                    and the new session id */
    FEDLI_ENVELOPE_FINISH_XX =
        3, /* client → server: XX message 3; reply: RECORD with ENROLLED, or REFUSE */
    FEDLI_ENVELOPE_RECORD = 4,
    FEDLI_ENVELOPE_REFUSE = 5, /* server → client */
} fedli_envelope_kind;

typedef struct fedli_envelope {
    fedli_envelope_kind kind;
    uint64_t session_id; /* 0 in a HELLO from the client */
    fedl_bytes body;     /* points into the decoded bytes */
} fedli_envelope;

/** Writes the header only; the body follows at out + FEDLI_ENVELOPE_HEADER_BYTES (caller put it
 * there). */
void fedli_envelope_header_encode(uint8_t out[FEDLI_ENVELOPE_HEADER_BYTES],
                                  fedli_envelope_kind kind, uint64_t session_id);
/** Errors: ERR_TRUNCATED, ERR_FORMAT (magic, kind, reserved, too long, REFUSE with a body),
 * ERR_VERSION (said before any rule of this version is applied). */
FEDL_NODISCARD fedl_status fedli_envelope_decode(fedli_envelope *envelope, fedl_bytes bytes);

typedef struct fedli_frame {
    uint16_t kind;       /* fedl_message_kind, range-checked by message_decode */
    uint64_t request_id; /* client's idempotence key inside the channel; a reply repeats it */
    fedl_bytes message;  /* protobuf bytes */
    fedl_bytes payload;  /* raw chunk, size ≤ FEDLI_CHUNK_BYTES_MAX */
} fedli_frame;

/** Errors: ERR_SIZE (out too small), ERR_RANGE (message, payload or the whole above its limit). */
FEDL_NODISCARD fedl_status fedli_frame_encode(uint8_t *out, size_t out_bytes, size_t *out_size,
                                              const fedli_frame *frame);
/** Views point into bytes. Errors: ERR_TRUNCATED, ERR_FORMAT (sizes that don't add up, too long,
 * reserved bits). */
FEDL_NODISCARD fedl_status fedli_frame_decode(fedli_frame *frame, fedl_bytes bytes);

#endif
