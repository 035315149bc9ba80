/* SPDX-License-Identifier: Apache-2.0 */
#include "fedl/crypto.h"

void fedl_digest(const fedl_crypto *crypto, uint8_t out[FEDL_HASH_BYTES], const void *data,
                 size_t size)
{
    fedl_hash hash;
    crypto->hash_init(&hash, FEDL_HASH_BYTES, NULL, 0, NULL);
    crypto->hash_update(&hash, data, size);
    crypto->hash_final(&hash, out, FEDL_HASH_BYTES);
}
