/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise handshakes (Noise Protocol Framework, revision 34) with 25519, ChaChaPoly and BLAKE2b:
 * IK for sessions, XX for enrolment, X for one-shot messages.
 *
 *   init ─▶ write / read in turn, as the pattern says ─▶ finished ─▶ split ─▶ wiped
 *
 * Every call works on a copy of the state, which replaces the state only after everything verified;
 * the copy is wiped on every exit. No memory is allocated and no entropy is drawn: ephemeral
 * secrets come in as arguments. Whoever creates a fedli_noise ends it with split or wipe.
 *
 * Decision: docs/decisions/0001-noise-on-libsodium.md.
 */
#ifndef FEDL_SECURE_NOISE_H
#define FEDL_SECURE_NOISE_H

#include "fedl/crypto.h"

/* Bytes that a handshake message has beyond its payload, in the order of the messages. */
#define FEDLI_NOISE_IK_OVERHEAD_1 96u
#define FEDLI_NOISE_IK_OVERHEAD_2 48u
#define FEDLI_NOISE_XX_OVERHEAD_1 32u
#define FEDLI_NOISE_XX_OVERHEAD_2 96u
#define FEDLI_NOISE_XX_OVERHEAD_3 64u
#define FEDLI_NOISE_X_OVERHEAD    96u

typedef enum fedli_noise_pattern {
    FEDLI_NOISE_IK = 1,
    FEDLI_NOISE_XX = 2,
    FEDLI_NOISE_X = 3,
} fedli_noise_pattern;

/* Caller-owned; fields are private to noise.c and noise_symmetric.c. About 400 bytes. */
typedef struct fedli_noise {
    const fedl_crypto *crypto; /* NULL: wiped, every call gives ERR_STATE */
    fedli_noise_pattern pattern;
    bool initiator;
    bool has_key;
    uint8_t message_index; /* of the next message */
    uint8_t h[64];
    uint8_t ck[64];
    uint8_t k[32];
    uint64_t n;
    uint8_t s_secret[32];
    uint8_t s_public[32];
    uint8_t e_secret[32];
    uint8_t e_public[32];
    uint8_t rs[32];
    uint8_t re[32];
} fedli_noise;

/**
 * Starts a handshake. secret is this side's static X25519 secret, copied. remote_public is needed
 * by the initiator of IK and X, else NULL. prologue is mixed into the hash: both sides must give
 * the same bytes; it is borrowed for the call only.
 * Errors: ERR_ARGUMENT (unknown pattern; remote_public missing, or given where none belongs).
 */
FEDL_NODISCARD fedl_status fedli_noise_init(fedli_noise *noise, const fedl_crypto *crypto,
                                            fedli_noise_pattern pattern, bool initiator,
                                            fedl_bytes prologue, const uint8_t secret[32],
                                            const uint8_t *remote_public);
/** Bytes that the next message has beyond its payload; 0 when finished or wiped. */
size_t fedli_noise_overhead(const fedli_noise *noise);
/**
 * Writes the next message with payload; out gets overhead + payload.size bytes and may not overlap
 * payload. ephemeral_secret: 32 fresh secret bytes, used when the message has an e token (all but
 * XX message 3, where it may be NULL). Errors: ERR_STATE (not our turn, or finished), ERR_SIZE (out
 * too small, or the message over 65535 bytes), ERR_ARGUMENT (ephemeral_secret missing), ERR_AUTH (a
 * DH gave zero: the peer's key is of low order). On error the state is unchanged; on ERR_AUTH the
 * touched part of out is zero.
 */
FEDL_NODISCARD fedl_status fedli_noise_write(fedli_noise *noise, uint8_t *out, size_t out_bytes,
                                             size_t *out_size, fedl_bytes payload,
                                             const uint8_t ephemeral_secret[32]);
/**
 * Reads the next message; payload gets message.size − overhead bytes and may not overlap message.
 * Errors: ERR_STATE, ERR_TRUNCATED, ERR_SIZE (payload too small, or the message over 65535 bytes),
 * ERR_AUTH (forged, other prologue, other keys, low-order point). On error the state is unchanged;
 * on ERR_AUTH payload is zero.
 */
FEDL_NODISCARD fedl_status fedli_noise_read(fedli_noise *noise, uint8_t *payload,
                                            size_t payload_bytes, size_t *payload_size,
                                            fedl_bytes message);
/** True when all messages of the pattern were exchanged. */
bool fedli_noise_finished(const fedli_noise *noise);
/**
 * The peer's static key once it is known (the initiator of IK and X: at once; their responder:
 * after message 1; XX: after message 2 or 3), else NULL. The pointer goes into noise: copy the key
 * before split.
 */
const uint8_t *fedli_noise_remote_static(const fedli_noise *noise);
/**
 * Keys for both directions from this side's point of view, and the handshake hash, which binds
 * whatever quotes it to this session. Wipes noise. Of X only the key of initiator → responder is
 * for use. Errors: ERR_STATE (not finished, or split before).
 */
FEDL_NODISCARD fedl_status fedli_noise_split(fedli_noise *noise, uint8_t send_key[32],
                                             uint8_t receive_key[32], uint8_t handshake_hash[64]);
void fedli_noise_wipe(fedli_noise *noise);

#endif
