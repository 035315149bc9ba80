/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session channel after a handshake. A record is
 *   nonce u64 (little-endian, explicit, strictly increasing per direction) ‖ ciphertext ‖ tag
 * Requests and replies alternate, so the receiver accepts only a nonce above the last good one: no
 * window, and a replay is refused before any work. A record of the same nonce again gives
 * ERR_REPLAY, on which the server may repeat its cached reply. Every 2^20 messages the key moves on
 * (Noise REKEY, section 4.2 / 11.3): epoch = nonce >> 20.
 *
 * ERR_REPLAY says nothing about who sent the record: it comes before any authentication. A repeated
 * reply is the identical ciphertext, so answering a forged one gives nothing away.
 */
#ifndef FEDL_SECURE_CHANNEL_H
#define FEDL_SECURE_CHANNEL_H

#include "fedl/crypto.h"

#define FEDLI_RECORD_OVERHEAD_BYTES (8u + FEDL_TAG_BYTES)

typedef struct fedli_channel {
    const fedl_crypto *crypto;
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint64_t send_nonce;         /* of the next record */
    uint64_t receive_nonce_next; /* smallest that is still accepted */
    uint32_t send_epoch;
    uint32_t receive_epoch;
} fedli_channel;

/** Both keys come from fedli_noise_split; they are copied, the caller wipes its own. */
void fedli_channel_init(fedli_channel *channel, const fedl_crypto *crypto,
                        const uint8_t send_key[32], const uint8_t receive_key[32]);
/**
 * Seals plaintext into a record; ad is authenticated, not sent (the envelope header). plaintext may
 * lie at out + 8, else it may not overlap out. Errors: ERR_STATE (wiped), ERR_SIZE, ERR_FULL (2^32
 * epochs used up: new handshake).
 */
FEDL_NODISCARD fedl_status fedli_channel_seal(fedli_channel *channel, uint8_t *out,
                                              size_t out_bytes, size_t *out_size,
                                              fedl_bytes plaintext, fedl_bytes ad);
/**
 * Opens a record; out gets record.size − overhead bytes (may be record.data + 8: in
 * place, else no overlap). Errors: ERR_STATE (wiped), ERR_TRUNCATED, ERR_REPLAY (nonce too low),
 * ERR_RANGE (nonce more than one epoch ahead), ERR_SIZE, ERR_AUTH (then those bytes of out are
 * zero, and so is the record when it was opened in place). The state moves only on FEDL_OK.
 */
FEDL_NODISCARD fedl_status fedli_channel_open(fedli_channel *channel, uint8_t *out,
                                              size_t out_bytes, size_t *out_size, fedl_bytes record,
                                              fedl_bytes ad);
/** Forgets the keys; every later call gives ERR_STATE. */
void fedli_channel_wipe(fedli_channel *channel);

#endif
