/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked rounds under valgrind, which reports every branch and index that depends on a secret:
 * secrets are marked as undefined memory (as in tests/secure/constant_time.c). Two answers are
 * public: whether a DH result is zero and whether a sealed text opens. The crypto table of this
 * test says so; everything else is what runs in a device.
 *
 * Coordinates, thresholds, ids, bitmaps and the graph are public, and stay defined.
 */
#include "base/secret.h"
#include "secagg/helper.h"
#include "secagg/pair.h"
#include "secagg/prg.h"
#include "secagg/shamir.h"
#include "secagg/share.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#define T 20u
#define K 31u

static fedl_crypto crypto;

static bool x25519_of_public_success(uint8_t shared[32], const uint8_t secret[32],
                                     const uint8_t point[32])
{
    uint8_t copy[32];
    memcpy(copy, secret, 32);
    (void)VALGRIND_MAKE_MEM_DEFINED(copy, sizeof copy);
    const bool good = fedl_crypto_sodium()->x25519(shared, copy, point);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(shared, 32);
    return good;
}

static bool open_of_public_success(uint8_t *out, const void *sealed, size_t size, const void *ad,
                                   size_t ad_bytes, const uint8_t nonce[12], const uint8_t key[32])
{
    uint8_t copy[32];
    memcpy(copy, key, 32);
    (void)VALGRIND_MAKE_MEM_DEFINED(copy, sizeof copy);
    const bool good = fedl_crypto_sodium()->aead_open(out, sealed, size, ad, ad_bytes, nonce, copy);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(out, size - FEDL_TAG_BYTES);
    return good;
}

/* From the DH to all that a chain gives. */
static bool pair_is_clean(void)
{
    const uint8_t rb[32] = {1};
    const uint8_t fleet[16] = {2};
    const uint8_t salt[FEDLI_SALT_BYTES] = {3};
    uint8_t secrets[2][32] = {{4}, {5}};
    fedli_pair_end ends[2] = {{.device_id = 7, .epoch = 3, .round_lo = 3},
                              {.device_id = 9, .epoch = 4, .round_lo = 4}};
    fedli_pair pair;
    uint8_t out[32];
    uint8_t tag[FEDLI_CONFIRM_TAG_BYTES];
    for (int i = 0; i < 2; i++) {
        crypto.x25519_public(ends[i].epoch_public, secrets[i]);
    }
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secrets, sizeof secrets);
    if (fedli_pair_derive(&crypto, &pair, fleet, 1, &ends[0], secrets[0], &ends[1], 6) != FEDL_OK ||
        fedli_pair_advance(&crypto, &pair, 8) != FEDL_OK) {
        return false;
    }
    fedli_pair_seed(&crypto, out, &pair, rb);
    fedli_pair_share_key(&crypto, out, &pair, rb, 7, 9, salt);
    fedli_pair_confirm(&crypto, tag, &pair, rb, 7, 9, rb);
    return true;
}

/* What a device makes of its one secret, up to the sealed shares, and a neighbour opening one. */
static bool shares_are_clean(void)
{
    const uint8_t rb[32] = {1};
    uint8_t secret[32] = {2};
    uint8_t share_key[32] = {3};
    uint8_t seeds[K * 32] = {4};
    uint8_t box[K * 32 + 16];
    uint8_t pair[64];
    uint8_t sealed[FEDLI_SEALED_PAIR_BYTES];
    uint8_t out[32];
    uint8_t tag[FEDLI_SHARE_TAG_BYTES];
    fedli_attempt_secrets secrets;
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(share_key, sizeof share_key);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seeds, sizeof seeds);
    fedli_attempt_secrets_derive(&crypto, &secrets, secret);
    fedli_self_seed(&crypto, out, secrets.b, rb);
    fedli_commitment(&crypto, out, rb, 7, secrets.b);
    fedli_share_pair(pair, &secrets, T, 5);
    fedli_share_tag(&crypto, tag, rb, 7, 5, FEDLI_SHARE_B, pair);
    fedli_share_seal(&crypto, sealed, pair, share_key, rb, 7, 9, 5);
    fedli_seedbox_seal(&crypto, box, seeds, K, secrets.d, rb, 7);
    (void)VALGRIND_MAKE_MEM_DEFINED(sealed, sizeof sealed); /* they are on the wire now */
    (void)VALGRIND_MAKE_MEM_DEFINED(box, sizeof box);
    return fedli_share_open(&crypto, pair, sealed, share_key, rb, 7, 9, 5) &&
           fedli_seedbox_open(&crypto, seeds, box, K, secrets.d, rb, 7);
}

static bool shamir_is_clean(void)
{
    uint8_t secret[29] = {1};
    uint8_t coefficients[(T - 1) * sizeof secret] = {2};
    uint8_t share[sizeof secret];
    uint8_t out[sizeof secret] = {0};
    uint8_t weights[T];
    uint8_t xs[T];
    uint8_t elements[2] = {3, 4};
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(coefficients, sizeof coefficients);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(elements, sizeof elements);
    elements[0] = fedli_gf256_mul(elements[0], elements[1]);
    elements[1] = fedli_gf256_inverse(elements[0]);
    for (uint32_t i = 0; i < T; i++) {
        xs[i] = (uint8_t)(i + 1);
    }
    if (fedli_shamir_weights(weights, xs, T, 0) != FEDL_OK) {
        return false;
    }
    for (uint32_t i = 0; i < T; i++) {
        fedli_shamir_share(share, secret, sizeof secret, coefficients, T, xs[i]);
        fedli_shamir_combine(out, weights[i], share, sizeof share);
    }
    (void)VALGRIND_MAKE_MEM_DEFINED(out, sizeof out);
    (void)VALGRIND_MAKE_MEM_DEFINED(secret, sizeof secret);
    return memcmp(out, secret, sizeof secret) == 0;
}

/* Only what the comparison came to is public: of a neighbour's tag with the one that the pair's
 * chain gives, of a commitment, of a mask's seed with the one that a saved state has. */
static bool is_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    bool equal = fedli_equal_ct(a, b, size);
    (void)VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof equal);
    return equal;
}

static bool comparisons_are_clean(void)
{
    const uint8_t rb[32] = {1};
    uint8_t b[32] = {2};
    fedli_pair pair = {.round = 3, .chain = {4}};
    uint8_t values[2][3][32];
    (void)VALGRIND_MAKE_MEM_UNDEFINED(b, sizeof b);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(pair.chain, sizeof pair.chain);
    memset(values, 0, sizeof values);
    for (int i = 0; i < 2; i++) {
        fedli_pair_seed(&crypto, values[i][0], &pair, rb);
        fedli_pair_confirm(&crypto, values[i][1], &pair, rb, 7, 9, rb);
        fedli_commitment(&crypto, values[i][2], rb, 7, b);
    }
    for (int v = 0; v < 3; v++) {
        if (!is_equal(values[0][v], values[1][v], 32)) {
            return false;
        }
        values[1][v][v * 15] ^= 1u; /* wherever they differ */
        if (is_equal(values[0][v], values[1][v], 32)) {
            return false;
        }
    }
    return true;
}

/* What a device makes for a helper: the key of its mask, and of the message that carries it. */
static bool seed_is_clean(void)
{
    const uint8_t rb[32] = {1};
    uint8_t secret[32] = {2};
    uint8_t seed[32];
    uint8_t ephemeral[32];
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    fedli_seed_derive(&crypto, seed, ephemeral, secret, rb);
    return true;
}

/* Every ring and every backend that valgrind has instructions for (not AVX-512); vector and key are
 * secret. */
static bool masks_are_clean(void)
{
    static const uint32_t rings[] = {8, 16, 24, 32};
    const fedli_prg *prg;
    for (uint32_t index = 0; (prg = fedli_prg_at(index)) != NULL; index++) {
        for (uint32_t r = 0; r < 4; r++) {
            const fedli_mask_shape shape = {rings[r], 1216, 1280};
            uint8_t vector[1280] = {1};
            uint8_t key[32] = {2};
            (void)VALGRIND_MAKE_MEM_UNDEFINED(vector, sizeof vector);
            (void)VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof key);
            fedli_mask_apply(prg, &shape, vector, 0, sizeof vector, key, r % 2 == 0);
        }
    }
    return true;
}

int main(void)
{
    if (RUNNING_ON_VALGRIND == 0) {
        (void)fprintf(stderr, "constant_time_secagg: run me under valgrind\n");
        return 1;
    }
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    crypto = *fedl_crypto_sodium();
    crypto.x25519 = x25519_of_public_success;
    crypto.aead_open = open_of_public_success;
    return pair_is_clean() && shares_are_clean() && shamir_is_clean() && comparisons_are_clean() &&
                   seed_is_clean() && masks_are_clean()
               ? 0
               : 1;
}
