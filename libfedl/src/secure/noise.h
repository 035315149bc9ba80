/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise handshakes (Noise Protocol Framework, revision 34) with 25519, ChaChaPoly and BLAKE2b:
 * IK for sessions, XX for enrolment, X for one-shot messages.
 *
 * Work on locals, commit to state only after everything verified, wipe on every exit.
 */
#ifndef FEDL_SECURE_NOISE_H
#define FEDL_SECURE_NOISE_H

#include "fedl/crypto.h"

typedef enum fedli_noise_pattern {
    FEDLI_NOISE_IK = 1,
    FEDLI_NOISE_XX = 2,
    FEDLI_NOISE_X = 3,
} fedli_noise_pattern;

/* Caller-owned; fields are private to noise.c. About 400 bytes. */
typedef struct fedli_noise {
    const fedl_crypto *crypto;
    fedli_noise_pattern pattern;
    bool initiator;
    bool has_key;
    uint8_t message_index;
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
 * Starts a handshake. remote_public is needed by the initiator of IK and X, else NULL.
 * prologue is mixed into the hash: both sides must give the same bytes. Errors: ERR_ARGUMENT.
 */
FEDL_NODISCARD fedl_status fedli_noise_init(fedli_noise *noise, const fedl_crypto *crypto,
                                            fedli_noise_pattern pattern, bool initiator,
                                            fedl_bytes prologue, const uint8_t secret[32],
                                            const uint8_t *remote_public);
/**
 * Writes the next message with payload. ephemeral_secret: 32 fresh secret bytes (used when the
 * message has an e token). Errors: ERR_STATE (not our turn, or finished), ERR_SIZE, ERR_AUTH (a DH
 * gave zero). On error the state is unchanged.
 */
FEDL_NODISCARD fedl_status fedli_noise_write(fedli_noise *noise, uint8_t *out, size_t out_bytes,
                                             size_t *out_size, fedl_bytes payload,
                                             const uint8_t ephemeral_secret[32]);
/** Reads the next message. Errors: ERR_STATE, ERR_TRUNCATED, ERR_SIZE, ERR_AUTH. On error the state
 * is unchanged. */
FEDL_NODISCARD fedl_status fedli_noise_read(fedli_noise *noise, uint8_t *payload,
                                            size_t payload_bytes, size_t *payload_size,
                                            fedl_bytes message);
/** True when all messages of the pattern were exchanged. */
bool fedli_noise_finished(const fedli_noise *noise);
/** The peer's static key, once known (after IK message 1, XX message 2 or 3). */
const uint8_t *fedli_noise_remote_static(const fedli_noise *noise);
/** Keys for both directions from this side's point of view, and the handshake hash. Wipes noise.
 * Errors: ERR_STATE. */
FEDL_NODISCARD fedl_status fedli_noise_split(fedli_noise *noise, uint8_t send_key[32],
                                             uint8_t receive_key[32], uint8_t handshake_hash[64]);
void fedli_noise_wipe(fedli_noise *noise);

#endif
