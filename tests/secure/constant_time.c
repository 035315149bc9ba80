/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run under valgrind, which then reports every branch and index that depends on a secret: secrets
 * are marked as undefined memory (the method of ctgrind). One branch is meant to depend on one:
 * whether a DH result is zero. The x25519 of this test's table declares that answer public.
 */
#include "secure/cert.h"
#include "secure/channel.h"
#include "secure/noise.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <valgrind/memcheck.h>

static bool x25519_of_public_success(uint8_t shared[32], const uint8_t secret[32],
                                     const uint8_t point[32])
{
    uint8_t copy[32];
    for (int i = 0; i < 32; i++) {
        copy[i] = secret[i];
    }
    (void)VALGRIND_MAKE_MEM_DEFINED(copy, sizeof copy);
    const bool good = fedl_crypto_sodium()->x25519(shared, copy, point);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(shared, 32);
    return good;
}

static fedl_crypto crypto;

static bool token_is_clean(void)
{
    uint8_t secret[FEDLI_TOKEN_SECRET_BYTES] = {1};
    const uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES] = {2};
    char text[FEDLI_TOKEN_TEXT_BYTES];
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    fedl_token_format(&crypto, text, secret, fingerprint);
    return true;
}

static bool handshake_is_clean(void)
{
    uint8_t secrets[2][32] = {{1}, {2}};
    uint8_t ephemerals[2][32] = {{3}, {4}};
    uint8_t server_public[32];
    uint8_t message[FEDLI_NOISE_IK_OVERHEAD_1];
    uint8_t keys[2][32];
    uint8_t hash[64];
    uint8_t empty[1];
    size_t size = 0;
    size_t payload_size = 0;
    const fedl_bytes none = {NULL, 0};
    fedli_noise device;
    fedli_noise server;
    crypto.x25519_public(server_public, secrets[1]);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secrets, sizeof secrets);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(ephemerals, sizeof ephemerals);
    bool good = fedli_noise_init(&device, &crypto, FEDLI_NOISE_IK, true, none, secrets[0],
                                 server_public) == FEDL_OK;
    good = good && fedli_noise_init(&server, &crypto, FEDLI_NOISE_IK, false, none, secrets[1],
                                    NULL) == FEDL_OK;
    (void)VALGRIND_MAKE_MEM_DEFINED(server.s_public, 32);
    (void)VALGRIND_MAKE_MEM_DEFINED(server.h, 64); /* a hash of public bytes so far */
    for (int i = 0; good && i < 2; i++) {
        fedli_noise *from = i == 0 ? &device : &server;
        fedli_noise *to = i == 0 ? &server : &device;
        good =
            fedli_noise_write(from, message, sizeof message, &size, none, ephemerals[i]) == FEDL_OK;
        (void)VALGRIND_MAKE_MEM_DEFINED(message, sizeof message); /* it is on the wire now */
        /* Whether the tag fits is public too, but only the AEAD knows when it is decided: reading
         * starts from defined keys. */
        (void)VALGRIND_MAKE_MEM_DEFINED(to, sizeof *to);
        crypto.x25519 = fedl_crypto_sodium()->x25519;
        good = good && fedli_noise_read(to, empty, 0, &payload_size,
                                        fedl_bytes_of(message, size)) == FEDL_OK;
        crypto.x25519 = x25519_of_public_success;
        (void)VALGRIND_MAKE_MEM_UNDEFINED(to->ck, sizeof to->ck);
        (void)VALGRIND_MAKE_MEM_UNDEFINED(to->s_secret, sizeof to->s_secret);
    }
    return good && fedli_noise_split(&device, keys[0], keys[1], hash) == FEDL_OK &&
           fedli_noise_split(&server, keys[0], keys[1], hash) == FEDL_OK;
}

static bool sealing_is_clean(void)
{
    uint8_t keys[2][32] = {{1}, {2}};
    uint8_t text[100] = {3};
    uint8_t record[sizeof text + FEDLI_RECORD_OVERHEAD_BYTES];
    size_t size = 0;
    fedli_channel channel;
    (void)VALGRIND_MAKE_MEM_UNDEFINED(keys, sizeof keys);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(text, sizeof text);
    fedli_channel_init(&channel, &crypto, keys[0], keys[1]);
    channel.send_nonce = (UINT64_C(1) << 20) - 1; /* so that the key moves on once */
    bool good = true;
    for (int i = 0; i < 3; i++) {
        good = good && fedli_channel_seal(&channel, record, sizeof record, &size,
                                          fedl_bytes_of(text, sizeof text),
                                          fedl_bytes_of("header", 6)) == FEDL_OK;
    }
    return good && channel.send_epoch == 1;
}

int main(void)
{
    if (RUNNING_ON_VALGRIND == 0) {
        (void)fprintf(stderr, "constant_time: run me under valgrind\n");
        return 1;
    }
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    crypto = *fedl_crypto_sodium();
    crypto.x25519 = x25519_of_public_success;
    return token_is_clean() && handshake_is_clean() && sealing_is_clean() ? 0 : 1;
}
