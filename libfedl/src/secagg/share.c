/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/share.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/binding.h"
#include "secagg/prg.h"
#include "secagg/shamir.h"

#include <string.h>

#define ROW_BYTES 64u /* a row of coefficients: one keystream block */
#define ROWS      8u  /* that are made at a time */
#define AD_BYTES  (32u + 4u + 4u + 1u)
#define TAG_BYTES (32u + 4u + 1u + 1u + FEDLI_SHARE_BYTES)

_Static_assert(ROW_BYTES == FEDLI_PRG_BLOCK_BYTES && ROW_BYTES == 2u * FEDLI_SHARE_BYTES,
               "row i of the coefficients is keystream block i");

static const uint8_t zero_nonce[FEDL_NONCE_BYTES]; /* every key seals one text only */

void fedli_attempt_secrets_derive(const fedl_crypto *crypto, fedli_attempt_secrets *secrets,
                                  const uint8_t secret[32])
{
    uint8_t whole[32];
    fedli_kdf(crypto, whole, secret, "fedl.attn.v1", NULL, 0);
    memcpy(secrets->nonce, whole, sizeof secrets->nonce);
    fedli_kdf(crypto, whole, secret, "fedl.atts.v1", NULL, 0);
    memcpy(secrets->salt, whole, sizeof secrets->salt);
    fedli_kdf(crypto, secrets->b, secret, "fedl.attb.v1", NULL, 0);
    fedli_kdf(crypto, secrets->d, secret, "fedl.attd.v1", NULL, 0);
    fedli_kdf(crypto, secrets->coefficient_key, secret, "fedl.attc.v1", NULL, 0);
    fedli_kdf(crypto, secrets->noise_key, secret, "fedl.attz.v1", NULL, 0);
    fedli_wipe(whole, sizeof whole);
}

void fedli_self_seed(const fedl_crypto *crypto, uint8_t seed[32], const uint8_t b[32],
                     const uint8_t rb[32])
{
    fedli_kdf(crypto, seed, b, "fedl.self.v1", rb, 32);
}

void fedli_commitment(const fedl_crypto *crypto, uint8_t cb[32], const uint8_t rb[32],
                      uint32_t owner_id, const uint8_t b[32])
{
    uint8_t text[32 + 4 + 32];
    memcpy(text, rb, 32);
    fedli_store_u32(text + 32, owner_id);
    memcpy(text + 36, b, 32);
    fedli_hash(crypto, cb, "fedl.comb.v1", text, sizeof text);
    fedli_wipe(text, sizeof text);
}

/*
 * Horner's rule over pieces of ROWS rows, from the highest on, so that no more than a piece is in
 * memory: value = row_first + row_(first + 1)·x + … + (value of the pieces above)·x^ROWS, for which
 * that value stands behind the piece as its last row.
 */
void fedli_share_pair(uint8_t pair[64], const fedli_attempt_secrets *secrets, uint32_t t, uint8_t x)
{
    uint8_t rows[(ROWS + 1) * ROW_BYTES];
    uint8_t secret[ROW_BYTES];
    uint8_t value[ROW_BYTES] = {0};
    FEDLI_CHECK(t >= 1 && x != 0);
    memcpy(secret, secrets->b, FEDLI_SHARE_BYTES);
    memcpy(secret + FEDLI_SHARE_BYTES, secrets->d, FEDLI_SHARE_BYTES);
    for (uint32_t left = t - 1; left > 0;) {
        const uint32_t count = left < ROWS ? left : ROWS;
        left -= count;
        fedli_prg_portable.stream(rows, count, secrets->coefficient_key, left);
        memcpy(rows + (size_t)count * ROW_BYTES, value, ROW_BYTES);
        fedli_shamir_share(value, rows, ROW_BYTES, rows + ROW_BYTES, count + 1, x);
    }
    fedli_shamir_share(pair, secret, ROW_BYTES, value, 2, x);
    fedli_wipe(rows, sizeof rows);
    fedli_wipe(secret, sizeof secret);
    fedli_wipe(value, sizeof value);
}

void fedli_share_tag(const fedl_crypto *crypto, uint8_t tag[FEDLI_SHARE_TAG_BYTES],
                     const uint8_t rb[32], uint32_t owner_id, uint8_t x, fedli_share_kind kind,
                     const uint8_t share[FEDLI_SHARE_BYTES])
{
    uint8_t text[TAG_BYTES];
    uint8_t whole[32];
    memcpy(text, rb, 32);
    fedli_store_u32(text + 32, owner_id);
    text[36] = x;
    text[37] = (uint8_t)kind;
    memcpy(text + 38, share, FEDLI_SHARE_BYTES);
    fedli_hash(crypto, whole, "fedl.shrc.v1", text, sizeof text);
    memcpy(tag, whole, FEDLI_SHARE_TAG_BYTES);
    fedli_wipe(text, sizeof text);
}

static void share_ad(uint8_t ad[AD_BYTES], const uint8_t rb[32], uint32_t from_id, uint32_t to_id,
                     uint8_t x)
{
    memcpy(ad, rb, 32);
    fedli_store_u32(ad + 32, from_id);
    fedli_store_u32(ad + 36, to_id);
    ad[40] = x;
}

void fedli_share_seal(const fedl_crypto *crypto, uint8_t sealed[FEDLI_SEALED_PAIR_BYTES],
                      const uint8_t pair[64], const uint8_t share_key[32], const uint8_t rb[32],
                      uint32_t from_id, uint32_t to_id, uint8_t x)
{
    uint8_t ad[AD_BYTES];
    share_ad(ad, rb, from_id, to_id, x);
    crypto->aead_seal(sealed, pair, 2u * FEDLI_SHARE_BYTES, ad, sizeof ad, zero_nonce, share_key);
}

bool fedli_share_open(const fedl_crypto *crypto, uint8_t pair[64],
                      const uint8_t sealed[FEDLI_SEALED_PAIR_BYTES], const uint8_t share_key[32],
                      const uint8_t rb[32], uint32_t from_id, uint32_t to_id, uint8_t x)
{
    uint8_t ad[AD_BYTES];
    share_ad(ad, rb, from_id, to_id, x);
    return crypto->aead_open(pair, sealed, FEDLI_SEALED_PAIR_BYTES, ad, sizeof ad, zero_nonce,
                             share_key);
}
