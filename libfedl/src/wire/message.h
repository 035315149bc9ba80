/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message of the protocol as a plain struct. protobuf-c stays behind message_decode/encode:
 * the rest of fedl sees only these. Ranges, enums and lengths are checked here and nowhere deeper.
 *
 * Field numbers: proto/fedl/v1/fedl.proto, ledger in proto/README.md.
 */
#ifndef FEDL_WIRE_MESSAGE_H
#define FEDL_WIRE_MESSAGE_H

#include "fedl/plan.h"
#include "secagg/item.h"
#include "wire/frame.h"

#include <stdbool.h>

#define FEDLI_MANIFEST_BYTES_MAX 512u
#define FEDLI_CERT_BYTES_MAX     256u
#define FEDLI_NAME_BYTES_MAX     64u
#define FEDLI_TEXT_BYTES_MAX     200u
#define FEDLI_WAIT_MS_MAX        60000u     /* longest long-poll */
#define FEDLI_DELAY_MS_MAX       604800000u /* longest deadline or retry_after: 7 days */
#define FEDLI_TRANSFER_BYTES_MAX (1u << 23) /* largest container or vector: 8 MiB */
/* Largest protobuf message: TASK with its plan, plus room for tags. */
#define FEDLI_MESSAGE_BYTES_MAX (FEDL_PLAN_BYTES_MAX + 1024u)
/* Arena that decoding any message needs (protobuf-c's structs and copies). */
#define FEDLI_MESSAGE_ARENA_BYTES (2u * FEDLI_MESSAGE_BYTES_MAX + 2048u)

typedef enum fedl_message_kind {
    FEDL_MESSAGE_ENROL = 1,    /* device → server, payload of XX message 3 */
    FEDL_MESSAGE_ENROLLED = 2, /* server → device */
    FEDL_MESSAGE_CHECKIN = 3,  /* device → server, long-poll */
    FEDL_MESSAGE_TASK = 4,     /* server → device: train this */
    FEDL_MESSAGE_WAIT = 5,     /* server → device: come back later, perhaps with a newer model */
    FEDL_MESSAGE_FETCH = 6,    /* device → server */
    FEDL_MESSAGE_CHUNK = 7,    /* server → device, payload = part of a container */
    FEDL_MESSAGE_UPLOAD = 8,   /* device → server, payload = part of a vector */
    FEDL_MESSAGE_ACCEPTED = 9, /* server → device */
    FEDL_MESSAGE_REJECT = 10,  /* server → device */
    FEDL_MESSAGE_LEAVE = 11,   /* device → server */
    FEDL_MESSAGE_LEFT = 12,    /* server → device */
    FEDL_MESSAGE_PUT = 13,     /* device → server, payload = part of an item of a masked round */
    FEDL_MESSAGE_GET = 14,     /* device → server, long-poll */
    FEDL_MESSAGE_PART = 15,    /* server → device, payload = part of an item */
} fedl_message_kind;

typedef enum fedl_reject_code {
    FEDL_REJECT_VERSION = 1,    /* no common protocol version; text names what the server speaks */
    FEDL_REJECT_MALFORMED = 2,  /* the message did not decode */
    FEDL_REJECT_STALE = 3,      /* (round, attempt) is over or unknown: check in again */
    FEDL_REJECT_NOT_MEMBER = 4, /* the device was not chosen for this attempt */
    FEDL_REJECT_MISMATCH = 5,   /* size or digest differs from what the task needs */
    FEDL_REJECT_BUSY = 6,       /* no free slot: try again after retry_after_ms */
    FEDL_REJECT_NOT_FOUND = 7,  /* unknown task or model */
    FEDL_REJECT_LIMIT = 8,      /* a limit of the server is reached */
    FEDL_REJECT_INTERNAL = 9,   /* the server could not store; try again */
    FEDL_REJECT_TOKEN = 10,     /* enrolment token unknown, used or expired */
} fedl_reject_code;

typedef struct fedl_message_enrol {
    uint8_t secret[16];    /* of the token */
    uint8_t id_public[32]; /* device's Ed25519 key; its Noise key is known from the handshake */
    uint32_t library_version;
} fedl_message_enrol;

typedef struct fedl_message_enrolled {
    uint32_t device_id; /* ≥ 1 */
    uint8_t fleet_id[16];
    fedl_bytes device_cert; /* exact signed bytes ‖ signature, secure/cert.h */
    fedl_bytes server_cert;
} fedl_message_enrolled;

typedef struct fedl_message_checkin {
    uint32_t protocol_min;
    uint32_t protocol_max;
    uint32_t library_version;  /* major·10^6 + minor·10^3 + patch */
    uint32_t memory_bytes_max; /* what the device can give to a task; 0 = no limit stated */
    uint32_t wait_ms_max;      /* longest long-poll the device wants, ≤ FEDLI_WAIT_MS_MAX */
    uint32_t have_task_id;     /* newest verified model the device holds; 0 = none */
    uint8_t have_digest[32];   /* all zero when have_task_id is 0 */
} fedl_message_checkin;

/* A signed model with its plan: enough to verify, fetch and use it. */
typedef struct fedl_model_offer {
    fedl_bytes manifest; /* exact bytes, secure/manifest.h: 1 … FEDLI_MANIFEST_BYTES_MAX */
    uint8_t signature[64];
    fedl_bytes plan; /* canonical plan, 1 … FEDL_PLAN_BYTES_MAX; its digest is in the manifest */
} fedl_model_offer;

typedef struct fedl_message_task {
    uint32_t task_id;
    uint32_t round;       /* ≥ 1 */
    uint32_t attempt;     /* ≥ 1 */
    uint32_t deadline_ms; /* from now, 1 … FEDLI_DELAY_MS_MAX */
    fedl_model_offer offer;
} fedl_message_task;

typedef struct fedl_message_wait {
    uint32_t retry_after_ms; /* ≤ FEDLI_DELAY_MS_MAX */
    bool has_offer;          /* a newer model than the device's, for prediction only */
    fedl_model_offer offer;
} fedl_message_wait;

typedef struct fedl_message_fetch {
    uint32_t task_id;
    uint8_t digest[32];
    uint64_t offset;
    uint32_t bytes_max; /* FEDLI_CHUNK_BYTES_MIN … MAX */
} fedl_message_fetch;

typedef struct fedl_message_chunk {
    uint64_t offset;
    uint64_t total_bytes; /* 1 … FEDLI_TRANSFER_BYTES_MAX */
    fedl_bytes payload;   /* ≥ 1 byte; offset + size ≤ total_bytes */
} fedl_message_chunk;

typedef struct fedl_message_upload {
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    uint64_t offset;      /* multiple of 64 */
    uint64_t total_bytes; /* of the vector: a multiple of 64, 64 … FEDLI_TRANSFER_BYTES_MAX */
    uint8_t digest[32];   /* BLAKE2b-256 of the whole vector */
    fedl_bytes payload;   /* ≥ 64 bytes, multiple of 64; offset + size ≤ total_bytes */
} fedl_message_upload;

typedef struct fedl_message_accepted {
    uint64_t next_offset; /* where the device goes on; total_bytes when complete; ≤ 2^23 */
    bool complete;        /* counted, once */
} fedl_message_accepted;

/* Items of a masked round: secagg/item.h. The answer is ACCEPTED. */
typedef struct fedl_message_put {
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    fedl_group_item item; /* one that goes up */
    uint64_t offset;
    uint64_t total_bytes; /* 1 … FEDLI_TRANSFER_BYTES_MAX */
    fedl_bytes payload;   /* ≥ 1 byte; offset + size ≤ total_bytes */
} fedl_message_put;

typedef struct fedl_message_get {
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    fedl_group_item item; /* one that comes down */
    uint64_t offset;
    uint32_t bytes_max;   /* FEDLI_CHUNK_BYTES_MIN … MAX */
    uint32_t wait_ms_max; /* ≤ FEDLI_WAIT_MS_MAX */
} fedl_message_get;

typedef struct fedl_message_part {
    fedl_group_item item;
    uint64_t offset;
    uint64_t total_bytes; /* 0: not there yet, ask again; then offset is 0 and payload empty */
    fedl_bytes payload;   /* else ≥ 1 byte; offset + size ≤ total_bytes */
} fedl_message_part;

typedef struct fedl_message_reject {
    fedl_reject_code code;
    uint32_t retry_after_ms;
    fedl_bytes text; /* ≤ FEDLI_TEXT_BYTES_MAX, printable ASCII */
} fedl_message_reject;

typedef struct fedl_message {
    fedl_message_kind kind;
    uint64_t request_id;
    union {
        fedl_message_enrol enrol;
        fedl_message_enrolled enrolled;
        fedl_message_checkin checkin;
        fedl_message_task task;
        fedl_message_wait wait;
        fedl_message_fetch fetch;
        fedl_message_chunk chunk;
        fedl_message_upload upload;
        fedl_message_accepted accepted;
        fedl_message_reject reject;
        fedl_message_put put;
        fedl_message_get get;
        fedl_message_part part;
    } u; /* LEAVE and LEFT have no fields */
} fedl_message;

/**
 * Writes message as a whole frame. Only scratch_bytes ≥ FEDLI_MESSAGE_ARENA_BYTES is promised to
 * do; scratch is 16-byte aligned and free again afterwards.
 * Errors: ERR_SIZE (out or scratch too small, scratch misaligned), ERR_RANGE (a field outside its
 * range), ERR_ARGUMENT (unknown kind).
 */
FEDL_NODISCARD fedl_status fedl_message_encode(uint8_t *out, size_t out_bytes, size_t *out_size,
                                               const fedl_message *message, void *scratch,
                                               size_t scratch_bytes);
/**
 * Reads one frame. Views in message point into frame bytes (payload) or into scratch (16-byte
 * aligned), and live as long. Fields of a newer minor version are ignored.
 * Errors: those of fedli_frame_decode(), ERR_FORMAT (not protobuf, a field twice, a fixed-size
 * field of another size, a payload where none belongs), ERR_RANGE (a field outside its range),
 * ERR_UNSUPPORTED (unknown kind), ERR_SIZE (scratch too small or misaligned).
 */
FEDL_NODISCARD fedl_status fedl_message_decode(fedl_message *message, fedl_bytes frame,
                                               void *scratch, size_t scratch_bytes);

#endif
