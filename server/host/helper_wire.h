/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way between server and helper: two exchanges over nng's request/reply, Noise IK inside it.
 *
 *   1  kind u8 (1) ‖ IK message 1          →  1 ‖ session u64 ‖ IK message 2
 *   2  kind u8 (2) ‖ session u64 ‖ records  →  2 ‖ records
 *
 * Records (secure/channel.h) hold 32 KiB of plaintext each, the last one the rest; AD = the bytes
 * in front of the first record. The server knows the helper's key from its certificate, the helper
 * the server's from the fleet's: nobody else may ask. A session serves one exchange.
 *
 * Rejected: one exchange with the request inside message 1 (65,535 bytes at most, and without
 * forward secrecy); nng's TLS (a second kind of certificate).
 */
#ifndef FEDL_HOST_HELPER_WIRE_H
#define FEDL_HOST_HELPER_WIRE_H

#include "helper/helper_machine.h"

#define FEDL_HELPER_REQUEST_BYTES_MAX (32u << 20) /* 81,000 seeds */
#define FEDL_HELPER_PLAIN_BYTES       32768u
#define FEDL_HELPER_WIRE_BYTES_MAX    (34u << 20) /* of one message of nng */
#define FEDL_HELPER_SESSIONS_MAX      8u

/* Asking; everything is copied by value, so that a thread may use it. */
typedef struct fedl_helper_link {
    const fedl_crypto *crypto;
    char url[160];
    uint8_t fleet_id[16];
    uint8_t server_secret[32]; /* the server's Noise static */
    uint8_t helper_public[32];
} fedl_helper_link;

/** Asks once, blocking for up to 2 · FEDL_HELPER_ANSWER_MS. *reply is from malloc, the caller frees
 * it. Errors: ERR_CONNECTION, ERR_TIMEOUT, ERR_AUTH (not that helper, or it does not know this
 * server), ERR_FORMAT, ERR_FULL (request too large), ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_helper_call(const fedl_helper_link *link, uint8_t **reply,
                                            size_t *reply_size, fedl_bytes request);

/* Answering. */
typedef struct fedl_helper_door fedl_helper_door;
typedef struct fedl_helper_door_config {
    const fedl_crypto *crypto;
    uint8_t fleet_id[16];
    uint8_t helper_secret[32];
    uint8_t server_public[32]; /* the only one that may ask */
} fedl_helper_door_config;

/** Makes the reply to one request: *reply (from malloc) of *reply_size bytes. */
typedef void (*fedl_helper_door_serve)(void *context, uint8_t **reply, size_t *reply_size,
                                       fedl_bytes request);
/** Listens. text: on errors one line. Errors: ERR_BUSY (address in use), ERR_IO, ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_helper_door_open(fedl_helper_door **door,
                                                 const fedl_helper_door_config *cfg,
                                                 const char *url, char text[256]);
/** The address that was bound; ports of 0 are replaced. */
const char *fedl_helper_door_url(const fedl_helper_door *door);
/** Handshakes refused so far: of somebody who is not the server, or wants another helper. */
uint64_t fedl_helper_door_strangers(const fedl_helper_door *door);
/** Waits up to wait_ms for a message and answers it; strangers get an empty reply. */
void fedl_helper_door_turn(fedl_helper_door *door, uint32_t wait_ms, fedl_helper_door_serve serve,
                           void *context);
void fedl_helper_door_close(fedl_helper_door *door);

#endif
