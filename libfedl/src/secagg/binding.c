/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/binding.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define BINDING_BYTES (FEDLI_ATTEMPT_BYTES + 4u + 2u + 2u + 32u + 32u)

static void personal_hash(const fedl_crypto *crypto, uint8_t out[32], const uint8_t *key,
                          const char *personal, const void *data, size_t size)
{
    uint8_t padded[FEDL_PERSONAL_BYTES] = {0};
    fedl_hash hash;
    for (size_t i = 0; personal[i] != 0; i++) {
        FEDLI_CHECK(i < sizeof padded);
        padded[i] = (uint8_t)personal[i];
    }
    crypto->hash_init(&hash, FEDL_HASH_BYTES, key, key == NULL ? 0 : FEDL_KEY_BYTES, padded);
    if (size > 0) {
        crypto->hash_update(&hash, data, size);
    }
    crypto->hash_final(&hash, out, FEDL_HASH_BYTES);
}

void fedli_hash(const fedl_crypto *crypto, uint8_t out[32], const char *personal, const void *data,
                size_t size)
{
    personal_hash(crypto, out, NULL, personal, data, size);
}

void fedli_kdf(const fedl_crypto *crypto, uint8_t out[32], const uint8_t key[32],
               const char *personal, const void *data, size_t size)
{
    personal_hash(crypto, out, key, personal, data, size);
}

void fedli_attempt_plan_digest(const fedl_crypto *crypto, uint8_t out[32],
                               const uint8_t plan_digest[32], uint32_t bound_q16)
{
    uint8_t text[32u + 4u];
    memcpy(text, plan_digest, 32);
    if (bound_q16 == 0) {
        memcpy(out, text, 32);
        return;
    }
    fedli_store_u32(text + 32, bound_q16);
    fedli_hash(crypto, out, "fedl.bound.v1", text, sizeof text);
}

void fedli_roster_hash_init(fedli_roster_hash *hash, const fedl_crypto *crypto, uint32_t n)
{
    static const uint8_t for_root[FEDL_PERSONAL_BYTES] = "fedl.rost.v1";
    static const uint8_t for_beacon[FEDL_PERSONAL_BYTES] = "fedl.bcon.v1";
    uint8_t count[4];
    fedli_store_u32(count, n);
    crypto->hash_init(&hash->root, FEDL_HASH_BYTES, NULL, 0, for_root);
    crypto->hash_init(&hash->beacon, FEDL_HASH_BYTES, NULL, 0, for_beacon);
    crypto->hash_update(&hash->root, count, sizeof count);
    crypto->hash_update(&hash->beacon, count, sizeof count);
}

void fedli_roster_hash_add(fedli_roster_hash *hash, const fedl_crypto *crypto,
                           const uint8_t entry[FEDLI_ROSTER_ENTRY_BYTES])
{
    crypto->hash_update(&hash->root, entry, FEDLI_ROSTER_ENTRY_BYTES);
    crypto->hash_update(&hash->beacon, entry, 4);
    crypto->hash_update(&hash->beacon, entry + FEDLI_ROSTER_ENTRY_BYTES - FEDLI_NONCE16_BYTES,
                        FEDLI_NONCE16_BYTES);
}

void fedli_roster_hash_end(fedli_roster_hash *hash, const fedl_crypto *crypto, uint8_t root[32],
                           uint8_t beacon[32])
{
    crypto->hash_final(&hash->root, root, FEDL_HASH_BYTES);
    crypto->hash_final(&hash->beacon, beacon, FEDL_HASH_BYTES);
}

void fedli_attempt_write(fedli_writer *writer, const fedli_attempt *attempt)
{
    fedli_write_copy(writer, attempt->fleet_id, 16);
    fedli_write_u32(writer, attempt->task_id);
    fedli_write_u32(writer, attempt->round);
    fedli_write_u32(writer, attempt->attempt);
    fedli_write_u32(writer, attempt->version);
    fedli_write_copy(writer, attempt->model_digest, 32);
    fedli_write_copy(writer, attempt->plan_digest, 32);
}

void fedli_round_binding(const fedl_crypto *crypto, uint8_t rb[32], const fedli_attempt *attempt,
                         uint32_t n, uint16_t k, uint16_t t, const uint8_t roster_root[32],
                         const uint8_t beacon[32])
{
    uint8_t text[BINDING_BYTES];
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, text, sizeof text);
    fedli_attempt_write(&writer, attempt);
    fedli_write_u32(&writer, n);
    fedli_write_u16(&writer, k);
    fedli_write_u16(&writer, t);
    fedli_write_copy(&writer, roster_root, 32);
    fedli_write_copy(&writer, beacon, 32);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == sizeof text);
    fedli_hash(crypto, rb, "fedl.round.v1", text, sizeof text);
}
