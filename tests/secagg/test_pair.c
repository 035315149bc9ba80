/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/pair.h"

#include "base/hex.h"
#include "cmocka_all.h"
#include "secagg_fixture.h"
#include "secagg_vectors.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

/* Devices 1 (epoch from round 4) and 3 (from round 6) of the example. */
static fedli_pair_end ends[2];
static uint8_t secrets[2][32];
static uint8_t fleet[16];
static uint8_t rb[32];

static int setup(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        fedli_roster_entry entry;
        fixture_entry(&entry, secrets[i], 2 * i + 1);
        ends[i].device_id = entry.device_id;
        memcpy(ends[i].epoch_public, entry.epoch_public, 32);
        ends[i].epoch = entry.epoch;
        ends[i].round_lo = entry.epoch;
    }
    fixture_pattern(fleet, sizeof fleet, 1);
    fixture_binding(rb, NULL, NULL);
    return 0;
}

static fedl_status derive(fedli_pair *pair, uint32_t self, uint32_t round)
{
    return fedli_pair_derive(fedl_crypto_sodium(), pair, fleet, FIXTURE_TASK, &ends[self],
                             secrets[self], &ends[1 - self], round);
}

static fedli_pair derived(uint32_t round)
{
    fedli_pair pair;
    assert_int_equal(derive(&pair, 0, round), FEDL_OK);
    return pair;
}

static void chains_are_those_of_the_second_implementation(void **state)
{
    (void)state;
    fedli_pair pair;
    for (uint32_t self = 0; self < 2; self++) {
        assert_int_equal(derive(&pair, self, 6), FEDL_OK);
        assert_int_equal(pair.round, 6);
        fixture_expect(pair.chain, 32, VECTOR_CHAIN_6);
        assert_int_equal(derive(&pair, self, 9), FEDL_OK);
        assert_int_equal(pair.round, 9);
        fixture_expect(pair.chain, 32, VECTOR_CHAIN_9);
        assert_int_equal(derive(&pair, self, 6 + FEDL_EPOCH_ROUNDS_MAX - 1), FEDL_OK);
        fixture_expect(pair.chain, 32, VECTOR_CHAIN_1029);
    }
}

static void advancing_is_deriving_later(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    fedli_pair pair = derived(6);
    assert_int_equal(fedli_pair_advance(crypto, &pair, 6), FEDL_OK);
    fixture_expect(pair.chain, 32, VECTOR_CHAIN_6);
    assert_int_equal(fedli_pair_advance(crypto, &pair, 9), FEDL_OK);
    assert_int_equal(pair.round, 9);
    fixture_expect(pair.chain, 32, VECTOR_CHAIN_9);
    for (uint32_t round = 10; round <= 1029; round++) {
        assert_int_equal(fedli_pair_advance(crypto, &pair, round), FEDL_OK);
    }
    fixture_expect(pair.chain, 32, VECTOR_CHAIN_1029);
}

static void refuses_to_go_back_or_too_far(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    fedli_pair pair;
    fedli_pair before;
    memset(&pair, 0x5a, sizeof pair);
    before = pair;
    assert_int_equal(derive(&pair, 0, 5), FEDL_ERR_RANGE);
    assert_int_equal(derive(&pair, 1, 5), FEDL_ERR_RANGE);
    assert_int_equal(derive(&pair, 0, 0), FEDL_ERR_RANGE);
    assert_int_equal(derive(&pair, 0, 6 + FEDL_EPOCH_ROUNDS_MAX), FEDL_ERR_RANGE);
    assert_int_equal(derive(&pair, 0, UINT32_MAX), FEDL_ERR_RANGE);
    assert_memory_equal(&pair, &before, sizeof pair);
    before = pair = derived(9);
    assert_int_equal(fedli_pair_advance(crypto, &pair, 8), FEDL_ERR_RANGE);
    assert_int_equal(fedli_pair_advance(crypto, &pair, 9 + FEDL_EPOCH_ROUNDS_MAX), FEDL_ERR_RANGE);
    assert_memory_equal(&pair, &before, sizeof pair);
    assert_int_equal(fedli_pair_advance(crypto, &pair, 8 + FEDL_EPOCH_ROUNDS_MAX), FEDL_OK);
    memset(&pair, 0, sizeof pair); /* an empty one */
    assert_int_equal(fedli_pair_advance(crypto, &pair, 1), FEDL_ERR_RANGE);
}

/* All encodings of points whose order divides 8 (the ones of RFC 7748's security section and their
 * copies with a value of p or more). */
static void refuses_low_order_points(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    const fedli_pair_end good = ends[1];
    fedli_pair pair;
    fedli_pair before;
    memset(&pair, 0x5a, sizeof pair);
    before = pair;
    for (size_t i = 0; i < 2 * sizeof points / sizeof points[0]; i++) {
        assert_int_equal(fedli_hex_decode(ends[1].epoch_public, 32, points[i / 2]), FEDL_OK);
        ends[1].epoch_public[31] |= i % 2 == 0 ? 0 : 0x80;
        assert_int_equal(derive(&pair, 0, 9), FEDL_ERR_AUTH);
        assert_memory_equal(&pair, &before, sizeof pair);
    }
    ends[1] = good;
    assert_int_equal(derive(&pair, 0, 9), FEDL_OK);
}

/* Device 9 certifies device 1's epoch key, also spelled with its unused bit, as its own: nobody
 * proves that he has the secret. Both ids and both keys enter the root, so device 3 shares nothing
 * with it that it shares with device 1, and device 9 itself can't make what device 3 makes. */
static void a_copied_epoch_key_opens_nothing(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const fedli_pair honest = derived(9);
    for (uint32_t spelling = 0; spelling < 2; spelling++) {
        fedli_pair_end thief = ends[0];
        fedli_pair copied;
        fedli_pair own;
        thief.device_id = 9;
        thief.epoch_public[31] ^= spelling == 0 ? 0 : 0x80;
        assert_int_equal(fedli_pair_derive(crypto, &copied, fleet, FIXTURE_TASK, &ends[1],
                                           secrets[1], &thief, 9),
                         FEDL_OK);
        assert_memory_not_equal(copied.chain, honest.chain, 32);
        /* With whatever secret it has: here one of its own. */
        const uint8_t secret[32] = {9, 9, 9};
        assert_int_equal(
            fedli_pair_derive(crypto, &own, fleet, FIXTURE_TASK, &thief, secret, &ends[1], 9),
            FEDL_OK);
        assert_memory_not_equal(own.chain, copied.chain, 32);
        assert_memory_not_equal(own.chain, honest.chain, 32);
    }
}

/* Whatever enters the root changes the chain. */
static void chain_covers_fleet_task_ids_epochs_and_keys(void **state)
{
    (void)state;
    enum { variants = 7 };
    fedli_pair pairs[variants];
    for (int i = 0; i < variants; i++) {
        fedli_pair_end self = ends[0];
        fedli_pair_end peer = ends[1];
        uint8_t other_fleet[16];
        memcpy(other_fleet, fleet, 16);
        other_fleet[0] ^= (uint8_t)(i == 1);
        self.device_id += (uint32_t)(i == 2);
        peer.device_id += (uint32_t)(i == 3);
        self.epoch += (uint32_t)(i == 4);
        self.epoch_public[5] ^= (uint8_t)(i == 5);
        assert_int_equal(fedli_pair_derive(fedl_crypto_sodium(), &pairs[i], other_fleet,
                                           FIXTURE_TASK + (uint32_t)(i == 6), &self, secrets[0],
                                           &peer, 9),
                         FEDL_OK);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(pairs[i].chain, pairs[j].chain, 32);
        }
    }
}

static void what_a_chain_gives_is_as_documented(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const fedli_pair pair = derived(9);
    const uint8_t u2[3] = {0x1b, 0xff, 0x05};
    const uint8_t u3[3] = {0x13, 0xff, 0x01};
    uint8_t salt[FEDLI_SALT_BYTES];
    uint8_t out[32];
    assert_int_equal(fedli_hex_decode(salt, sizeof salt, VECTOR_ATTEMPT_SALT), FEDL_OK);
    fedli_pair_seed(crypto, out, &pair, rb);
    fixture_expect(out, 32, VECTOR_SEED);
    fedli_pair_share_key(crypto, out, &pair, rb, ends[0].device_id, ends[1].device_id, salt);
    fixture_expect(out, 32, VECTOR_SHARE_KEY);
    fedli_survivors_digest(crypto, out, 19, u2, u3);
    fixture_expect(out, 32, VECTOR_SURVIVORS);
    uint8_t tag[FEDLI_CONFIRM_TAG_BYTES];
    fedli_pair_confirm(crypto, tag, &pair, rb, ends[0].device_id, ends[1].device_id, out);
    fixture_expect(tag, sizeof tag, VECTOR_CONFIRM);
}

/* Direction, binding, salt and both sets keep keys and tags apart. */
static void keys_and_tags_cover_every_input(void **state)
{
    (void)state;
    enum { variants = 6 };
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const fedli_pair pair = derived(9);
    uint8_t keys[variants][32];
    uint8_t tags[variants][FEDLI_CONFIRM_TAG_BYTES];
    for (int i = 0; i < variants; i++) {
        uint8_t binding[32];
        uint8_t salt[FEDLI_SALT_BYTES] = {0};
        uint8_t sets[2][1] = {{7}, {3}};
        uint8_t digest[32];
        memcpy(binding, rb, 32);
        binding[31] ^= (uint8_t)(i == 1);
        salt[15] ^= (uint8_t)(i == 2);
        sets[0][0] ^= (uint8_t)(i == 2 ? 8 : 0);
        sets[1][0] ^= (uint8_t)(i == 5 ? 2 : 0);
        const uint32_t from = i == 3 ? 31 : 17;
        const uint32_t to = i == 3 ? 17 : i == 4 ? 32 : 31;
        salt[0] ^= (uint8_t)(i == 5);
        fedli_pair_share_key(crypto, keys[i], &pair, binding, from, to, salt);
        fedli_survivors_digest(crypto, digest, 4, sets[0], sets[1]);
        fedli_pair_confirm(crypto, tags[i], &pair, binding, from, to, digest);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(keys[i], keys[j], 32);
            assert_memory_not_equal(tags[i], tags[j], FEDLI_CONFIRM_TAG_BYTES);
        }
    }
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_are_those_of_the_second_implementation),
        cmocka_unit_test(advancing_is_deriving_later),
        cmocka_unit_test(refuses_to_go_back_or_too_far),
        cmocka_unit_test(refuses_low_order_points),
        cmocka_unit_test(a_copied_epoch_key_opens_nothing),
        cmocka_unit_test(chain_covers_fleet_task_ids_epochs_and_keys),
        cmocka_unit_test(what_a_chain_gives_is_as_documented),
        cmocka_unit_test(keys_and_tags_cover_every_input),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
