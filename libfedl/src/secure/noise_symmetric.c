/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/noise_symmetric.h"

#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

#define BLOCK_BYTES 128u /* BLOCKLEN of BLAKE2b, for HMAC */

void fedli_noise_nonce(uint8_t out[FEDL_NONCE_BYTES], uint64_t n)
{
    memset(out, 0, 4);
    fedli_store_u64(out + 4, n);
}

/* HMAC (RFC 2104) over BLAKE2b-512. Noise prescribes HMAC here, not BLAKE2b's own keyed mode. The
 * key is always a chaining key of 64 bytes, shorter than a block, so it is padded and never hashed.
 * The message comes in two parts, of which either may be empty. */
static void hmac(const fedl_crypto *crypto, uint8_t out[FEDLI_NOISE_HASH_BYTES],
                 const uint8_t key[FEDLI_NOISE_HASH_BYTES], fedl_bytes part_1, fedl_bytes part_2)
{
    uint8_t block[BLOCK_BYTES];
    uint8_t inner[FEDLI_NOISE_HASH_BYTES];
    fedl_hash hash;

    memset(block, 0x36, sizeof block);
    for (size_t i = 0; i < FEDLI_NOISE_HASH_BYTES; i++) {
        block[i] = (uint8_t)(key[i] ^ 0x36u);
    }
    crypto->hash_init(&hash, FEDLI_NOISE_HASH_BYTES, NULL, 0, NULL);
    crypto->hash_update(&hash, block, sizeof block);
    crypto->hash_update(&hash, part_1.data, part_1.size);
    crypto->hash_update(&hash, part_2.data, part_2.size);
    crypto->hash_final(&hash, inner, sizeof inner);

    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] = (uint8_t)(block[i] ^ (0x36u ^ 0x5cu));
    }
    crypto->hash_init(&hash, FEDLI_NOISE_HASH_BYTES, NULL, 0, NULL);
    crypto->hash_update(&hash, block, sizeof block);
    crypto->hash_update(&hash, inner, sizeof inner);
    crypto->hash_final(&hash, out, FEDLI_NOISE_HASH_BYTES);

    fedli_wipe(block, sizeof block);
    fedli_wipe(inner, sizeof inner);
}

/* HKDF with two outputs (Noise, section 4.3). input may be empty (Split). */
static void hkdf(const fedl_crypto *crypto, uint8_t out_1[FEDLI_NOISE_HASH_BYTES],
                 uint8_t out_2[FEDLI_NOISE_HASH_BYTES], const uint8_t ck[FEDLI_NOISE_HASH_BYTES],
                 fedl_bytes input)
{
    static const uint8_t one = 1;
    static const uint8_t two = 2;
    const fedl_bytes nothing = {NULL, 0};
    uint8_t temporary[FEDLI_NOISE_HASH_BYTES];

    hmac(crypto, temporary, ck, input, nothing);
    hmac(crypto, out_1, temporary, fedl_bytes_of(&one, 1), nothing);
    hmac(crypto, out_2, temporary, fedl_bytes_of(out_1, FEDLI_NOISE_HASH_BYTES),
         fedl_bytes_of(&two, 1));
    fedli_wipe(temporary, sizeof temporary);
}

void fedli_noise_start(fedli_noise *noise, const uint8_t name[FEDLI_NOISE_HASH_BYTES])
{
    memcpy(noise->h, name, sizeof noise->h);
    memcpy(noise->ck, noise->h, sizeof noise->ck);
    noise->has_key = false;
    noise->n = 0;
}

void fedli_noise_mix_hash(fedli_noise *noise, fedl_bytes data)
{
    fedl_hash hash;
    noise->crypto->hash_init(&hash, sizeof noise->h, NULL, 0, NULL);
    noise->crypto->hash_update(&hash, noise->h, sizeof noise->h);
    noise->crypto->hash_update(&hash, data.data, data.size);
    noise->crypto->hash_final(&hash, noise->h, sizeof noise->h);
}

void fedli_noise_mix_key(fedli_noise *noise, const uint8_t input[32])
{
    uint8_t ck[FEDLI_NOISE_HASH_BYTES];
    uint8_t temp_k[FEDLI_NOISE_HASH_BYTES];
    hkdf(noise->crypto, ck, temp_k, noise->ck, fedl_bytes_of(input, 32));
    memcpy(noise->ck, ck, sizeof noise->ck);
    memcpy(noise->k, temp_k, sizeof noise->k);
    noise->n = 0;
    noise->has_key = true;
    fedli_wipe(ck, sizeof ck);
    fedli_wipe(temp_k, sizeof temp_k);
}

void fedli_noise_encrypt_and_hash(fedli_noise *noise, uint8_t *out, fedl_bytes plain)
{
    size_t size = plain.size;
    if (noise->has_key) {
        uint8_t nonce[FEDL_NONCE_BYTES];
        fedli_noise_nonce(nonce, noise->n);
        noise->crypto->aead_seal(out, plain.data, plain.size, noise->h, sizeof noise->h, nonce,
                                 noise->k);
        /* A key seals at most two texts of one message (s and the payload) before it is replaced,
         * so n cannot overflow. */
        noise->n++;
        size += FEDL_TAG_BYTES;
    } else if (size > 0) {
        memcpy(out, plain.data, size);
    }
    fedli_noise_mix_hash(noise, fedl_bytes_of(out, size));
}

bool fedli_noise_decrypt_and_hash(fedli_noise *noise, uint8_t *out, fedl_bytes sealed)
{
    if (noise->has_key) {
        uint8_t nonce[FEDL_NONCE_BYTES];
        fedli_noise_nonce(nonce, noise->n);
        if (!noise->crypto->aead_open(out, sealed.data, sealed.size, noise->h, sizeof noise->h,
                                      nonce, noise->k)) {
            return false;
        }
        noise->n++;
    } else if (sealed.size > 0) {
        memcpy(out, sealed.data, sealed.size);
    }
    fedli_noise_mix_hash(noise, sealed);
    return true;
}

void fedli_noise_derive(const fedli_noise *noise, uint8_t key_1[32], uint8_t key_2[32])
{
    uint8_t temp_1[FEDLI_NOISE_HASH_BYTES];
    uint8_t temp_2[FEDLI_NOISE_HASH_BYTES];
    const fedl_bytes nothing = {NULL, 0};
    hkdf(noise->crypto, temp_1, temp_2, noise->ck, nothing);
    memcpy(key_1, temp_1, 32);
    memcpy(key_2, temp_2, 32);
    fedli_wipe(temp_1, sizeof temp_1);
    fedli_wipe(temp_2, sizeof temp_2);
}
