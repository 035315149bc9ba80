/* SPDX-License-Identifier: Apache-2.0 */
/* The SeedBox: what brings the edge seeds of a device that vanished back, without any DH. */
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/binding.h"
#include "secagg/share.h"

#include <string.h>

#define AD_BYTES (32u + 4u)

static const uint8_t zero_nonce[FEDL_NONCE_BYTES]; /* every key seals one box only */

static void box_key(const fedl_crypto *crypto, uint8_t key[32], uint8_t ad[AD_BYTES],
                    const uint8_t d[32], const uint8_t rb[32], uint32_t owner_id)
{
    fedli_kdf(crypto, key, d, "fedl.sbox.v1", rb, 32);
    memcpy(ad, rb, 32);
    fedli_store_u32(ad + 32, owner_id);
}

void fedli_seedbox_seal(const fedl_crypto *crypto, uint8_t *box, const uint8_t *seeds, uint32_t k,
                        const uint8_t d[32], const uint8_t rb[32], uint32_t owner_id)
{
    uint8_t key[32];
    uint8_t ad[AD_BYTES];
    box_key(crypto, key, ad, d, rb, owner_id);
    crypto->aead_seal(box, seeds, 32u * (size_t)k, ad, sizeof ad, zero_nonce, key);
    fedli_wipe(key, sizeof key);
}

bool fedli_seedbox_open(const fedl_crypto *crypto, uint8_t *seeds, const uint8_t *box, uint32_t k,
                        const uint8_t d[32], const uint8_t rb[32], uint32_t owner_id)
{
    uint8_t key[32];
    uint8_t ad[AD_BYTES];
    box_key(crypto, key, ad, d, rb, owner_id);
    const bool good =
        crypto->aead_open(seeds, box, fedli_seedbox_bytes(k), ad, sizeof ad, zero_nonce, key);
    fedli_wipe(key, sizeof key);
    return good;
}
