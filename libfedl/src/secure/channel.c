/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nonces count on across epochs, so (key, nonce) is unique twice over: the nonce never repeats in a
 * session and the key changes with nonce >> 20. The key of an epoch is REKEY of the one before
 * (Noise, section 4.2), which cannot be run backwards: a key taken from memory does not open the
 * records of earlier epochs.
 *
 * Rejected: an implicit counter (a lost record would end the session, and a client that resends
 * after a time-out could not), and a window of accepted nonces (requests and replies alternate).
 */
#include "secure/channel.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "secure/noise_symmetric.h"

#include <string.h>

#define EPOCH_BITS  20u
#define NONCE_LIMIT (UINT64_C(1) << (32u + EPOCH_BITS)) /* 2^32 epochs */

void fedli_channel_init(fedli_channel *channel, const fedl_crypto *crypto,
                        const uint8_t send_key[32], const uint8_t receive_key[32])
{
    memset(channel, 0, sizeof *channel);
    channel->crypto = crypto;
    memcpy(channel->send_key, send_key, 32);
    memcpy(channel->receive_key, receive_key, 32);
}

/* next = first 32 bytes of ENCRYPT(key, 2^64 − 1, "", 32 zeros). Records never use that nonce. */
static void rekey(const fedl_crypto *crypto, uint8_t next[32], const uint8_t key[32])
{
    static const uint8_t zeros[32];
    uint8_t sealed[32 + FEDL_TAG_BYTES];
    uint8_t nonce[FEDL_NONCE_BYTES];
    fedli_noise_nonce(nonce, UINT64_MAX);
    crypto->aead_seal(sealed, zeros, sizeof zeros, NULL, 0, nonce, key);
    memcpy(next, sealed, 32);
    fedli_wipe(sealed, sizeof sealed);
}

fedl_status fedli_channel_seal(fedli_channel *channel, uint8_t *out, size_t out_bytes,
                               size_t *out_size, fedl_bytes plaintext, fedl_bytes ad)
{
    if (channel->crypto == NULL) {
        return FEDL_ERR_STATE;
    }
    if (out_bytes < FEDLI_RECORD_OVERHEAD_BYTES ||
        out_bytes - FEDLI_RECORD_OVERHEAD_BYTES < plaintext.size) {
        return FEDL_ERR_SIZE;
    }
    const uint64_t number = channel->send_nonce;
    if (number >= NONCE_LIMIT) {
        return FEDL_ERR_FULL;
    }
    const uint32_t epoch = (uint32_t)(number >> EPOCH_BITS); /* < 2^32: number < 2^52 */
    if (epoch != channel->send_epoch) {
        /* Nonces rise by one, so the epoch does too. */
        FEDLI_CHECK(epoch - channel->send_epoch == 1);
        rekey(channel->crypto, channel->send_key, channel->send_key);
        channel->send_epoch = epoch;
    }
    uint8_t nonce[FEDL_NONCE_BYTES];
    fedli_noise_nonce(nonce, number);
    /* The nonce is used up before it is used. */
    channel->send_nonce = number + 1;
    channel->crypto->aead_seal(out + 8, plaintext.data, plaintext.size, ad.data, ad.size, nonce,
                               channel->send_key);
    fedli_store_u64(out, number);
    *out_size = plaintext.size + FEDLI_RECORD_OVERHEAD_BYTES;
    return FEDL_OK;
}

fedl_status fedli_channel_open(fedli_channel *channel, uint8_t *out, size_t out_bytes,
                               size_t *out_size, fedl_bytes record, fedl_bytes ad)
{
    if (channel->crypto == NULL) {
        return FEDL_ERR_STATE;
    }
    if (record.size < FEDLI_RECORD_OVERHEAD_BYTES) {
        return FEDL_ERR_TRUNCATED;
    }
    const uint64_t number = fedli_load_u64(record.data);
    if (number < channel->receive_nonce_next) {
        return FEDL_ERR_REPLAY;
    }
    /* In 64 bits, so that the last epoch plus one does not wrap to 0. number ≥ receive_nonce_next
     * gives number >> 20 ≥ receive_epoch: the difference is not negative. */
    const uint64_t ahead = (number >> EPOCH_BITS) - channel->receive_epoch;
    if (number >= NONCE_LIMIT || ahead > 1) {
        return FEDL_ERR_RANGE;
    }
    const size_t size = record.size - FEDLI_RECORD_OVERHEAD_BYTES;
    if (out_bytes < size) {
        return FEDL_ERR_SIZE;
    }
    uint8_t key[32];
    if (ahead == 1) {
        rekey(channel->crypto, key, channel->receive_key);
    } else {
        memcpy(key, channel->receive_key, sizeof key);
    }
    uint8_t nonce[FEDL_NONCE_BYTES];
    fedli_noise_nonce(nonce, number);
    const bool good = channel->crypto->aead_open(out, record.data + 8, record.size - 8, ad.data,
                                                 ad.size, nonce, key);
    if (good) {
        memcpy(channel->receive_key, key, sizeof key);
        channel->receive_epoch = (uint32_t)(number >> EPOCH_BITS);
        channel->receive_nonce_next = number + 1;
        *out_size = size;
    } else {
        fedli_wipe(out, size);
    }
    fedli_wipe(key, sizeof key);
    return good ? FEDL_OK : FEDL_ERR_AUTH;
}

void fedli_channel_wipe(fedli_channel *channel)
{
    fedli_wipe(channel, sizeof *channel);
}
