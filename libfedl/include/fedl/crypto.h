/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crypto port: a small table of primitives that the protocol layers are written against.
 * port/sodium fills it on hosts; an MCU may bring another one. Entropy is not in the table: secret
 * random bytes come into the machines as events.
 *
 * Primitives: BLAKE2b (RFC 7693), X25519 (RFC 7748), Ed25519 (RFC 8032), ChaCha20-Poly1305 (RFC
 * 8439).
 */
#ifndef FEDL_CRYPTO_H
#define FEDL_CRYPTO_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#include <stdbool.h>

#define FEDL_HASH_BYTES        32u
#define FEDL_HASH_BYTES_MAX    64u
#define FEDL_PERSONAL_BYTES    16u
#define FEDL_KEY_BYTES         32u
#define FEDL_SIGN_SECRET_BYTES 64u /* seed ‖ public key, as libsodium keeps it */
#define FEDL_SIGNATURE_BYTES   64u
#define FEDL_NONCE_BYTES       12u
#define FEDL_TAG_BYTES         16u

/* Streaming hash; the port casts the opaque bytes to its own state. */
typedef struct fedl_hash {
    _Alignas(64) uint8_t opaque[384];
} fedl_hash;

typedef struct fedl_crypto {
    const char *name;

    /* BLAKE2b with out_bytes 1…64, key (may be NULL, 0…64 bytes) and personalisation (16 bytes or
     * NULL). */
    void (*hash_init)(fedl_hash *hash, size_t out_bytes, const uint8_t *key, size_t key_bytes,
                      const uint8_t *personal);
    void (*hash_update)(fedl_hash *hash, const void *data, size_t size);
    /* Wipes hash. out_bytes is that of hash_init. */
    void (*hash_final)(fedl_hash *hash, uint8_t *out, size_t out_bytes);

    /* shared = secret · point. False when the result is all zero (low-order point): the caller
     * aborts. */
    bool (*x25519)(uint8_t shared[32], const uint8_t secret[32], const uint8_t point[32]);
    void (*x25519_public)(uint8_t public_key[32], const uint8_t secret[32]);

    void (*sign_keypair)(uint8_t public_key[32], uint8_t secret[64], const uint8_t seed[32]);
    void (*sign)(uint8_t signature[64], const void *message, size_t size, const uint8_t secret[64]);
    bool (*verify)(const uint8_t signature[64], const void *message, size_t size,
                   const uint8_t public_key[32]);

    /* out = ciphertext ‖ 16-byte tag, size + 16 bytes; in place (out == message) is allowed. */
    void (*aead_seal)(uint8_t *out, const void *message, size_t size, const void *ad,
                      size_t ad_bytes, const uint8_t nonce[12], const uint8_t key[32]);
    /* size includes the tag; out gets size − 16 bytes; in place is allowed. False: forged, out is
     * not to be used. */
    bool (*aead_open)(uint8_t *out, const void *sealed, size_t size, const void *ad,
                      size_t ad_bytes, const uint8_t nonce[12], const uint8_t key[32]);
} fedl_crypto;

/** Plain BLAKE2b-256 of one block (what b2sum -l 256 prints): the model digest. */
void fedl_digest(const fedl_crypto *crypto, uint8_t out[FEDL_HASH_BYTES], const void *data,
                 size_t size);

#endif
