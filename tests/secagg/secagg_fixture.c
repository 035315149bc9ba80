/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg_fixture.h"

#include "base/hex.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

void fixture_pattern(uint8_t *out, size_t size, uint32_t first)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(first + 37u * i);
    }
}

void fixture_expect(const uint8_t *data, size_t size, const char *vector)
{
    uint8_t expected[2048];
    assert_true(size <= sizeof expected);
    assert_int_equal(strlen(vector), 2 * size);
    assert_int_equal(fedli_hex_decode(expected, size, vector), FEDL_OK);
    assert_memory_equal(data, expected, size);
}

void fixture_entry(fedli_roster_entry *entry, uint8_t epoch_secret[32], uint32_t i)
{
    uint8_t secret[32];
    memset(entry, 0, sizeof *entry);
    entry->device_id = 10 + 7 * i;
    entry->epoch = 3 + i;
    fixture_pattern(secret, 32, i + 1);
    fixture_pattern(entry->id_public, 32, 100 + i);
    fixture_pattern(entry->nonce, FEDLI_NONCE16_BYTES, 50 + i);
    fedl_crypto_sodium()->x25519_public(entry->epoch_public, secret);
    if (epoch_secret != NULL) {
        memcpy(epoch_secret, secret, 32);
    }
}

fedli_attempt fixture_attempt(void)
{
    fedli_attempt attempt = {.task_id = FIXTURE_TASK, .round = 9, .attempt = 2, .version = 8};
    fixture_pattern(attempt.fleet_id, 16, 1);
    fixture_pattern(attempt.model_digest, 32, 3);
    fixture_pattern(attempt.plan_digest, 32, 4);
    return attempt;
}

void fixture_binding(uint8_t rb[32], uint8_t roster_root[32], uint8_t beacon[32])
{
    const fedli_attempt attempt = fixture_attempt();
    uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES];
    uint8_t root[32];
    uint8_t nonces[32];
    fedli_roster_entry entry;
    fedli_roster_hash hash;
    fedli_roster_hash_init(&hash, fedl_crypto_sodium(), FIXTURE_DEVICES);
    for (uint32_t i = 0; i < FIXTURE_DEVICES; i++) {
        fixture_entry(&entry, NULL, i);
        fedli_roster_entry_encode(bytes, &entry);
        fedli_roster_hash_add(&hash, fedl_crypto_sodium(), bytes);
    }
    fedli_roster_hash_end(&hash, fedl_crypto_sodium(), root, nonces);
    fedli_round_binding(fedl_crypto_sodium(), rb, &attempt, FIXTURE_DEVICES, 4, 3, root, nonces);
    if (roster_root != NULL) {
        memcpy(roster_root, root, 32);
    }
    if (beacon != NULL) {
        memcpy(beacon, nonces, 32);
    }
}
