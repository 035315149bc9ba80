/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/binding.h"

#include "cmocka_all.h"
#include "secagg_fixture.h"
#include "secagg_vectors.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

static void hashes_are_those_of_the_second_implementation(void **state)
{
    (void)state;
    uint8_t rb[32];
    uint8_t root[32];
    uint8_t beacon[32];
    fixture_binding(rb, root, beacon);
    fixture_expect(root, 32, VECTOR_ROSTER_ROOT);
    fixture_expect(beacon, 32, VECTOR_BEACON);
    fixture_expect(rb, 32, VECTOR_BINDING);
}

/* Personalisation, key and data keep hashes apart; an empty text needs no pointer. */
static void hash_and_kdf_are_separate(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const uint8_t keys[2][32] = {{0}, {1}};
    uint8_t outs[6][32];
    fedli_hash(crypto, outs[0], "fedl.a.v1", "text", 4);
    fedli_hash(crypto, outs[1], "fedl.b.v1", "text", 4);
    fedli_hash(crypto, outs[2], "fedl.a.v1", NULL, 0);
    fedli_kdf(crypto, outs[3], keys[0], "fedl.a.v1", "text", 4);
    fedli_kdf(crypto, outs[4], keys[1], "fedl.a.v1", "text", 4);
    fedli_kdf(crypto, outs[5], keys[0], "0123456789abcdef", NULL, 0);
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(outs[i], outs[j], 32);
        }
    }
}

/* A round's bound of adaptive clipping goes with the plan; without one the digest is the plan's. */
static void a_bound_is_part_of_the_plan(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t plan[2][32];
    uint8_t text[36];
    uint8_t out[32];
    uint8_t again[32];
    memset(plan[0], 1, 32);
    memset(plan[1], 2, 32);
    fedli_attempt_plan_digest(crypto, out, plan[0], 0);
    assert_memory_equal(out, plan[0], 32);
    memcpy(text, plan[0], 32);
    memcpy(text + 32, "\x04\x03\x02\x01", 4);
    fedli_hash(crypto, again, "fedl.bound.v1", text, sizeof text);
    fedli_attempt_plan_digest(crypto, out, plan[0], 0x01020304);
    assert_memory_equal(out, again, 32);
    fedli_attempt_plan_digest(crypto, again, plan[0], 0x01020305);
    assert_memory_not_equal(out, again, 32);
    fedli_attempt_plan_digest(crypto, again, plan[1], 0x01020304);
    assert_memory_not_equal(out, again, 32);
}

/* Every byte of an entry counts for the root; id and nonce count for the beacon, and they alone. */
static void roster_hashes_cover_every_byte(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES] = {1};
    uint8_t root[2][32];
    uint8_t beacon[2][32];
    fedli_roster_hash hash;
    for (size_t i = 0; i <= sizeof bytes; i++) {
        const size_t which = i == 0 ? 0 : 1;
        if (i > 0) {
            bytes[i - 1] ^= 0x40;
        }
        fedli_roster_hash_init(&hash, crypto, 3);
        fedli_roster_hash_add(&hash, crypto, bytes);
        fedli_roster_hash_end(&hash, crypto, root[which], beacon[which]);
        if (i > 0) {
            bytes[i - 1] ^= 0x40;
            const bool in_beacon = i - 1 < 4 || i - 1 >= sizeof bytes - 16;
            assert_memory_not_equal(root[0], root[1], 32);
            assert_int_equal(memcmp(beacon[0], beacon[1], 32) != 0, in_beacon);
        }
    }
    fedli_roster_hash_init(&hash, crypto, 4);
    fedli_roster_hash_add(&hash, crypto, bytes);
    fedli_roster_hash_end(&hash, crypto, root[1], beacon[1]);
    assert_memory_not_equal(root[0], root[1], 32);
    assert_memory_not_equal(beacon[0], beacon[1], 32);
}

static void bind(uint8_t rb[32], const fedli_attempt *attempt, const uint32_t nkt[3],
                 const uint8_t root[32], const uint8_t beacon[32])
{
    fedli_round_binding(fedl_crypto_sodium(), rb, attempt, nkt[0], (uint16_t)nkt[1],
                        (uint16_t)nkt[2], root, beacon);
}

static void binding_covers_every_field(void **state)
{
    (void)state;
    enum { variants = 13 };
    uint8_t rb[variants][32];
    uint8_t roots[2][32] = {{1}, {2}};
    uint8_t beacons[2][32] = {{3}, {4}};
    for (int i = 0; i < variants; i++) {
        fedli_attempt attempt = fixture_attempt();
        uint32_t nkt[3] = {9, 8, 6};
        attempt.fleet_id[15] ^= (uint8_t)(i == 1);
        attempt.task_id += (uint32_t)(i == 2);
        attempt.round += (uint32_t)(i == 3);
        attempt.attempt += (uint32_t)(i == 4);
        attempt.version += (uint32_t)(i == 5);
        attempt.model_digest[31] ^= (uint8_t)(i == 6);
        attempt.plan_digest[31] ^= (uint8_t)(i == 7);
        nkt[0] += (uint32_t)(i == 8);
        nkt[1] += (uint32_t)(i == 9);
        nkt[2] += (uint32_t)(i == 10);
        bind(rb[i], &attempt, nkt, roots[i == 11], beacons[i == 12]);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(rb[i], rb[j], 32);
        }
    }
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_second_implementation),
        cmocka_unit_test(hash_and_kdf_are_separate),
        cmocka_unit_test(a_bound_is_part_of_the_plan),
        cmocka_unit_test(roster_hashes_cover_every_byte),
        cmocka_unit_test(binding_covers_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
