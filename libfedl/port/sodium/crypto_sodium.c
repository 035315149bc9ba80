/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsodium behind the crypto table. The specific names (…_blake2b, …_chacha20poly1305_ietf) are
 * used, never the generic ones, because the protocol fixes the algorithms and libsodium's defaults
 * may move.
 *
 * A call that libsodium can only refuse for a broken contract (an output longer than 64 bytes) is a
 * defect of the caller and traps.
 */
#include "sodium/crypto_sodium.h"

#include "base/check.h"

#include <sodium.h>

_Static_assert(sizeof(crypto_generichash_blake2b_state) <= sizeof(fedl_hash),
               "the hash state fits the opaque block");
_Static_assert(_Alignof(crypto_generichash_blake2b_state) <= _Alignof(fedl_hash),
               "the opaque block is aligned for the hash state");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == FEDL_TAG_BYTES &&
                   crypto_aead_chacha20poly1305_ietf_NPUBBYTES == FEDL_NONCE_BYTES &&
                   crypto_aead_chacha20poly1305_ietf_KEYBYTES == FEDL_KEY_BYTES &&
                   crypto_sign_ed25519_BYTES == FEDL_SIGNATURE_BYTES &&
                   crypto_sign_ed25519_SECRETKEYBYTES == FEDL_SIGN_SECRET_BYTES,
               "sizes agree with the table");

static crypto_generichash_blake2b_state *state_of(fedl_hash *hash)
{
    return (crypto_generichash_blake2b_state *)(void *)hash;
}

static void hash_init(fedl_hash *hash, size_t out_bytes, const uint8_t *key, size_t key_bytes,
                      const uint8_t *personal)
{
    FEDLI_CHECK(out_bytes >= 1 && out_bytes <= FEDL_HASH_BYTES_MAX);
    FEDLI_CHECK(key_bytes <= FEDL_HASH_BYTES_MAX && (key != NULL || key_bytes == 0));
    FEDLI_CHECK(crypto_generichash_blake2b_init_salt_personal(state_of(hash), key, key_bytes,
                                                              out_bytes, NULL, personal) == 0);
}

static void hash_update(fedl_hash *hash, const void *data, size_t size)
{
    if (size > 0) {
        FEDLI_CHECK(crypto_generichash_blake2b_update(state_of(hash), data, size) == 0);
    }
}

static void hash_final(fedl_hash *hash, uint8_t *out, size_t out_bytes)
{
    FEDLI_CHECK(crypto_generichash_blake2b_final(state_of(hash), out, out_bytes) == 0);
    sodium_memzero(hash, sizeof *hash);
}

static bool x25519(uint8_t shared[32], const uint8_t secret[32], const uint8_t point[32])
{
    /* libsodium refuses points of small order and an all-zero result. */
    if (crypto_scalarmult_curve25519(shared, secret, point) != 0) {
        sodium_memzero(shared, 32);
        return false;
    }
    return true;
}

static void x25519_public(uint8_t public_key[32], const uint8_t secret[32])
{
    FEDLI_CHECK(crypto_scalarmult_curve25519_base(public_key, secret) == 0);
}

static void sign_keypair(uint8_t public_key[32], uint8_t secret[64], const uint8_t seed[32])
{
    FEDLI_CHECK(crypto_sign_ed25519_seed_keypair(public_key, secret, seed) == 0);
}

static void sign(uint8_t signature[64], const void *message, size_t size, const uint8_t secret[64])
{
    FEDLI_CHECK(crypto_sign_ed25519_detached(signature, NULL, message, size, secret) == 0);
}

static bool verify(const uint8_t signature[64], const void *message, size_t size,
                   const uint8_t public_key[32])
{
    return crypto_sign_ed25519_verify_detached(signature, message, size, public_key) == 0;
}

static void aead_seal(uint8_t *out, const void *message, size_t size, const void *ad,
                      size_t ad_bytes, const uint8_t nonce[12], const uint8_t key[32])
{
    FEDLI_CHECK(crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, message, size, ad, ad_bytes,
                                                          NULL, nonce, key) == 0);
}

static bool aead_open(uint8_t *out, const void *sealed, size_t size, const void *ad,
                      size_t ad_bytes, const uint8_t nonce[12], const uint8_t key[32])
{
    if (size < FEDL_TAG_BYTES) {
        return false;
    }
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, size, ad, ad_bytes,
                                                     nonce, key) == 0;
}

static const fedl_crypto sodium_table = {
    .name = "libsodium",
    .hash_init = hash_init,
    .hash_update = hash_update,
    .hash_final = hash_final,
    .x25519 = x25519,
    .x25519_public = x25519_public,
    .sign_keypair = sign_keypair,
    .sign = sign,
    .verify = verify,
    .aead_seal = aead_seal,
    .aead_open = aead_open,
};

fedl_status fedl_crypto_sodium_init(void)
{
    return sodium_init() < 0 ? FEDL_ERR_UNSUPPORTED : FEDL_OK;
}

const fedl_crypto *fedl_crypto_sodium(void)
{
    return &sodium_table;
}

void fedl_random_bytes(void *out, size_t size)
{
    randombytes_buf(out, size);
}
