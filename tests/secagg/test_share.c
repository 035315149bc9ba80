/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/share.h"

#include "base/hex.h"
#include "cmocka_all.h"
#include "secagg/prg.h"
#include "secagg/shamir.h"
#include "secagg_fixture.h"
#include "secagg_vectors.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

#define FROM 17u
#define TO   31u

static fedli_attempt_secrets secrets;
static uint8_t rb[32];
static uint8_t share_key[32];

static int setup(void **state)
{
    (void)state;
    uint8_t secret[32];
    fixture_pattern(secret, 32, 9);
    fedli_attempt_secrets_derive(fedl_crypto_sodium(), &secrets, secret);
    fixture_binding(rb, NULL, NULL);
    return fedli_hex_decode(share_key, 32, VECTOR_SHARE_KEY) == FEDL_OK ? 0 : 1;
}

static void secrets_are_those_of_the_second_implementation(void **state)
{
    (void)state;
    uint8_t out[32];
    fixture_expect(secrets.nonce, 16, VECTOR_ATTEMPT_NONCE);
    fixture_expect(secrets.salt, 16, VECTOR_ATTEMPT_SALT);
    fixture_expect(secrets.b, 32, VECTOR_ATTEMPT_B);
    fixture_expect(secrets.d, 32, VECTOR_ATTEMPT_D);
    fixture_expect(secrets.coefficient_key, 32, VECTOR_ATTEMPT_COEFFICIENTS);
    fixture_expect(secrets.noise_key, 32, VECTOR_ATTEMPT_NOISE);
    fedli_self_seed(fedl_crypto_sodium(), out, secrets.b, rb);
    fixture_expect(out, 32, VECTOR_SELF_SEED);
    fedli_commitment(fedl_crypto_sodium(), out, rb, FROM, secrets.b);
    fixture_expect(out, 32, VECTOR_COMMITMENT);
}

static void shares_are_those_of_the_second_implementation(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t pair[64];
    uint8_t sealed[FEDLI_SEALED_PAIR_BYTES];
    uint8_t tag[FEDLI_SHARE_TAG_BYTES];
    fedli_share_pair(pair, &secrets, 20, 255);
    fixture_expect(pair, 64, VECTOR_PAIR_T20_X255);
    fedli_share_pair(pair, &secrets, 3, 3);
    fixture_expect(pair, 64, VECTOR_PAIR_T3_X3);
    fedli_share_seal(crypto, sealed, pair, share_key, rb, FROM, TO, 3);
    fixture_expect(sealed, sizeof sealed, VECTOR_SEALED);
    fedli_share_tag(crypto, tag, rb, FROM, 3, FEDLI_SHARE_B, pair);
    fixture_expect(tag, sizeof tag, VECTOR_TAG_B);
    fedli_share_tag(crypto, tag, rb, FROM, 3, FEDLI_SHARE_D, pair + 32);
    fixture_expect(tag, sizeof tag, VECTOR_TAG_D);
}

/* Pieces of eight rows and a last one of any length make what all rows at once make. */
static void pairs_do_not_depend_on_pieces(void **state)
{
    (void)state;
    static uint8_t rows[254 * 64];
    uint8_t secret[64];
    uint8_t expected[64];
    uint8_t pair[64];
    memcpy(secret, secrets.b, 32);
    memcpy(secret + 32, secrets.d, 32);
    fedli_prg_portable.stream(rows, 254, secrets.coefficient_key, 0);
    for (uint32_t t = 1; t <= 255; t++) {
        const uint8_t x = (uint8_t)(256 - t);
        fedli_shamir_share(expected, secret, 64, rows, t, x);
        fedli_share_pair(pair, &secrets, t, x);
        assert_memory_equal(pair, expected, 64);
    }
}

static void t_pairs_give_b_and_d(void **state)
{
    (void)state;
    enum { t = 49, k = 66 };
    uint8_t xs[t];
    uint8_t weights[t];
    uint8_t pair[64];
    uint8_t out[64] = {0};
    for (uint32_t i = 0; i < t; i++) {
        xs[i] = (uint8_t)(k - i);
    }
    assert_int_equal(fedli_shamir_weights(weights, xs, t, 0), FEDL_OK);
    for (uint32_t i = 0; i < t; i++) {
        fedli_share_pair(pair, &secrets, t, xs[i]);
        fedli_shamir_combine(out, weights[i], pair, 64);
    }
    assert_memory_equal(out, secrets.b, 32);
    assert_memory_equal(out + 32, secrets.d, 32);
}

static void opens_what_was_sealed(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t pair[64];
    uint8_t sealed[FEDLI_SEALED_PAIR_BYTES];
    uint8_t out[64];
    fedli_share_pair(pair, &secrets, 3, 3);
    fedli_share_seal(crypto, sealed, pair, share_key, rb, FROM, TO, 3);
    assert_true(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO, 3));
    assert_memory_equal(out, pair, 64);
}

static void refuses_forged_and_misplaced_shares(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t sealed[FEDLI_SEALED_PAIR_BYTES];
    uint8_t pair[64];
    uint8_t out[64];
    fedli_share_pair(pair, &secrets, 3, 3);
    fedli_share_seal(crypto, sealed, pair, share_key, rb, FROM, TO, 3);
    for (uint32_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO, 3));
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (uint32_t bit = 0; bit < 256; bit++) {
        rb[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO, 3));
        rb[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        share_key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO, 3));
        share_key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, FROM + 1, TO, 3));
    assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO + 1, 3));
    assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, TO, FROM, 3));
    assert_false(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO, 4));
    assert_true(fedli_share_open(crypto, out, sealed, share_key, rb, FROM, TO, 3));
}

/* A tag is of one share at one place. */
static void tags_and_commitments_cover_every_input(void **state)
{
    (void)state;
    enum { variants = 6 };
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t tags[variants][FEDLI_SHARE_TAG_BYTES];
    uint8_t commitments[4][32];
    for (int i = 0; i < variants; i++) {
        uint8_t binding[32];
        uint8_t share[32] = {0};
        memcpy(binding, rb, 32);
        binding[0] ^= (uint8_t)(i == 1);
        share[31] ^= (uint8_t)(i == 3);
        const uint32_t owner = i == 2 ? FROM + 1 : FROM;
        fedli_share_tag(crypto, tags[i], binding, owner, i == 4 ? 4 : 3,
                        i == 5 ? FEDLI_SHARE_D : FEDLI_SHARE_B, share);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(tags[i], tags[j], FEDLI_SHARE_TAG_BYTES);
        }
        if (i < 4) {
            fedli_commitment(crypto, commitments[i], binding, owner, share);
        }
        for (int j = 0; j < i && i < 4; j++) {
            assert_memory_not_equal(commitments[i], commitments[j], 32);
        }
    }
}

static void seedbox_is_that_of_the_second_implementation(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t seeds[4 * 32];
    uint8_t box[4 * 32 + 16];
    uint8_t in_place[4 * 32 + 16];
    fixture_pattern(seeds, sizeof seeds, 11);
    fedli_seedbox_seal(crypto, box, seeds, 4, secrets.d, rb, FROM);
    fixture_expect(box, sizeof box, VECTOR_SEEDBOX);
    memcpy(in_place, seeds, sizeof seeds);
    fedli_seedbox_seal(crypto, in_place, in_place, 4, secrets.d, rb, FROM);
    assert_memory_equal(in_place, box, sizeof box);
    assert_true(fedli_seedbox_open(crypto, in_place, in_place, 4, secrets.d, rb, FROM));
    assert_memory_equal(in_place, seeds, sizeof seeds);
}

static void refuses_forged_and_misplaced_seedboxes(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t seeds[5 * 32];
    uint8_t box[5 * 32 + 16] = {0};
    uint8_t out[5 * 32];
    fixture_pattern(seeds, sizeof seeds, 11);
    fedli_seedbox_seal(crypto, box, seeds, 4, secrets.d, rb, FROM);
    assert_true(fedli_seedbox_open(crypto, out, box, 4, secrets.d, rb, FROM));
    assert_memory_equal(out, seeds, 4 * 32);
    for (uint32_t bit = 0; bit < 8 * (4 * 32 + 16); bit++) {
        box[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(fedli_seedbox_open(crypto, out, box, 4, secrets.d, rb, FROM));
        box[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_false(fedli_seedbox_open(crypto, out, box, 3, secrets.d, rb, FROM));
    assert_false(fedli_seedbox_open(crypto, out, box, 5, secrets.d, rb, FROM));
    assert_false(fedli_seedbox_open(crypto, out, box, 4, secrets.b, rb, FROM));
    assert_false(fedli_seedbox_open(crypto, out, box, 4, secrets.d, rb, TO));
    rb[0] ^= 1;
    assert_false(fedli_seedbox_open(crypto, out, box, 4, secrets.d, rb, FROM));
    rb[0] ^= 1;
    assert_true(fedli_seedbox_open(crypto, out, box, 4, secrets.d, rb, FROM));
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_those_of_the_second_implementation),
        cmocka_unit_test(shares_are_those_of_the_second_implementation),
        cmocka_unit_test(pairs_do_not_depend_on_pieces),
        cmocka_unit_test(t_pairs_give_b_and_d),
        cmocka_unit_test(opens_what_was_sealed),
        cmocka_unit_test(refuses_forged_and_misplaced_shares),
        cmocka_unit_test(tags_and_commitments_cover_every_input),
        cmocka_unit_test(seedbox_is_that_of_the_second_implementation),
        cmocka_unit_test(refuses_forged_and_misplaced_seedboxes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
