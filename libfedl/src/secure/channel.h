/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session channel after a handshake. A record is
 *   nonce u64 (little-endian, explicit, strictly increasing per direction) ‖ ciphertext ‖ tag
 * Requests and replies alternate, so the receiver accepts only a nonce above the last good one: no
 * window, and a replay is refused before any work. A record of the same nonce again gives
 * ERR_REPLAY, on which the server may repeat its cached reply. Every 2^20 messages the key moves on
 * (Noise REKEY, section 4.2 / 11.3): epoch = nonce >> 20.
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

void fedli_channel_init(fedli_channel *channel, const fedl_crypto *crypto,
                        const uint8_t send_key[32], const uint8_t receive_key[32]);
/**
 * Seals plaintext into a record; ad is authenticated, not sent (the envelope header). plaintext may
 * lie at out + 8. Errors: ERR_SIZE, ERR_FULL (2^32 epochs used up: new handshake).
 */
FEDL_NODISCARD fedl_status fedli_channel_seal(fedli_channel *channel, uint8_t *out,
                                              size_t out_bytes, size_t *out_size,
                                              fedl_bytes plaintext, fedl_bytes ad);
/**
 * Opens a record; out gets record.size − overhead bytes (may be record.data + 8: in place).
 * Errors: ERR_TRUNCATED, ERR_REPLAY (nonce too low), ERR_RANGE (nonce more than one epoch ahead),
 * ERR_SIZE, ERR_AUTH. The state moves only on FEDL_OK.
 */
FEDL_NODISCARD fedl_status fedli_channel_open(fedli_channel *channel, uint8_t *out,
                                              size_t out_bytes, size_t *out_size, fedl_bytes record,
                                              fedl_bytes ad);
void fedli_channel_wipe(fedli_channel *channel);

#endif
