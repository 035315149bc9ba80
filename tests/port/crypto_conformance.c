/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto_conformance.h"

#include "base/hex.h"
#include "cmocka_all.h"

#include <string.h>

#define TEXT_BYTES_MAX 1000u

/* The bytes that the hashes below were computed over: 1, 8, 15, … modulo 256. */
static const uint8_t *pattern(void)
{
    static uint8_t data[TEXT_BYTES_MAX];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 1);
    }
    return data;
}

static size_t from_hex(uint8_t *out, const char *text)
{
    const size_t size = strlen(text) / 2;
    assert_int_equal(fedli_hex_decode(out, size, text), FEDL_OK);
    return size;
}

/* b2sum -l 256 of GNU coreutils printed these. */
static void digest_equals_b2sum(void **state)
{
    static const struct {
        size_t size;
        const char *digest;
    } cases[] = {
        {0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
        {1, "ee155ace9c40292074cb6aff8c9ccdd273c81648ff1149ef36bcea6ebb8a3e25"},
        {3, "e43d000b0a37d6fcddcd15640107181a908675e1820dd5ae307155ffff196ba5"},
        {64, "48f895a11d5c35824fd5f6d340d24f1273f85f55367eeee09c906dc9e758cb94"},
        {127, "3b03a73c3c02e3eef11be3e2e16c12ccf6090dea00aa861ded320910892e13ac"},
        {128, "6b89237e0a469a721c700b8bbcb51b6231c48e71ff023e0e3444ec84882ae32e"},
        {129, "524a9dc9d008a9ce1d9d2a111bcd10d2461a02dadf30ec5a47225501608a87eb"},
        {1000, "1d16566788d72e44f7c8ca9aaf73edc64bb03fc69322cb735f49974d7c9ce383"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t expected[32];
        uint8_t digest[32];
        assert_int_equal(from_hex(expected, cases[i].digest), 32);
        fedl_digest(*state, digest, pattern(), cases[i].size);
        assert_memory_equal(digest, expected, 32);
    }
}

/* RFC 7693, appendix A; the others from Python's hashlib.blake2b. */
static void hash_with_key_and_personalisation(void **state)
{
    static const struct {
        size_t out_bytes;
        const char *key;
        const char *personal;
        size_t size;
        const char *hash;
    } cases[] = {
        {32, "", "6665646c2e746f6b6e2e763100000000", 64,
         "0653554ef050747167c5bf59d73bee8ab518c9c1f07276336848a90719161c9d"},
        {32, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "6665646c2e6d61736b2e763100000000", 100,
         "5ecf78af6386a6acb51d731018dd89acab77dea47759cb123e6fb9a3184a7016"},
        {64,
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
         "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
         "", 0,
         "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
         "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568"},
        {16, "6b", "000102030405060708090a0b0c0d0e0f", 129, "4180b4d8cd97478dbe7c814f9bb100be"},
        {1, "", "", 5, "cd"},
        {64, "", "", 300,
         "b7e35afe31bddc8abfb9c98783f9a3687812d175ce351ed3c75301cae551af1c"
         "5b31a0086d90290b566de24f1f55e3da2e71dfce432ac0261f29c213c682904e"},
    };
    const fedl_crypto *crypto = *state;
    fedl_hash hash;
    uint8_t out[64];
    uint8_t expected[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t key[64];
        uint8_t personal[16];
        const size_t key_bytes = from_hex(key, cases[i].key);
        const bool has_personal = from_hex(personal, cases[i].personal) == 16;
        assert_int_equal(from_hex(expected, cases[i].hash), cases[i].out_bytes);
        crypto->hash_init(&hash, cases[i].out_bytes, key_bytes == 0 ? NULL : key, key_bytes,
                          has_personal ? personal : NULL);
        crypto->hash_update(&hash, pattern(), cases[i].size);
        crypto->hash_final(&hash, out, cases[i].out_bytes);
        assert_memory_equal(out, expected, cases[i].out_bytes);
    }
    (void)from_hex(expected, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                             "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    crypto->hash_init(&hash, 64, NULL, 0, NULL);
    crypto->hash_update(&hash, "abc", 3);
    crypto->hash_final(&hash, out, 64);
    assert_memory_equal(out, expected, 64);
}

static void hash_streams_at_every_split(void **state)
{
    const fedl_crypto *crypto = *state;
    uint8_t whole[32];
    uint8_t split[32];
    const size_t size = 300;
    fedl_digest(crypto, whole, pattern(), size);
    for (size_t at = 0; at <= size; at++) {
        fedl_hash hash;
        crypto->hash_init(&hash, 32, NULL, 0, NULL);
        crypto->hash_update(&hash, pattern(), at);
        crypto->hash_update(&hash, NULL, 0);
        crypto->hash_update(&hash, pattern() + at, size - at);
        crypto->hash_final(&hash, split, 32);
        assert_memory_equal(whole, split, 32);
    }
}

/* A keyed state is a secret, and callers leave wiping it to hash_final. */
static void hash_final_wipes_the_state(void **state)
{
    static const fedl_hash zero;
    const fedl_crypto *crypto = *state;
    fedl_hash hash;
    uint8_t out[32];
    crypto->hash_init(&hash, 32, pattern(), 32, NULL);
    crypto->hash_update(&hash, pattern(), 200);
    assert_memory_not_equal(&hash, &zero, sizeof hash);
    crypto->hash_final(&hash, out, 32);
    assert_memory_equal(&hash, &zero, sizeof hash);
}

/* RFC 7748, section 5.2. */
static void x25519_known_answers(void **state)
{
    static const char *const cases[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };
    const fedl_crypto *crypto = *state;
    uint8_t k[32] = {9};
    uint8_t u[32] = {9};
    uint8_t out[32];
    uint8_t expected[32];
    for (int i = 1; i <= 1000; i++) {
        assert_true(crypto->x25519(out, k, u));
        memcpy(u, k, 32);
        memcpy(k, out, 32);
        if (i == 1) {
            (void)from_hex(expected,
                           "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
            assert_memory_equal(k, expected, 32);
        }
    }
    (void)from_hex(expected, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    assert_memory_equal(k, expected, 32);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)from_hex(k, cases[i][0]);
        (void)from_hex(u, cases[i][1]);
        (void)from_hex(expected, cases[i][2]);
        assert_true(crypto->x25519(out, k, u));
        assert_memory_equal(out, expected, 32);
    }
    const uint8_t base[32] = {9};
    crypto->x25519_public(out, k);
    assert_true(crypto->x25519(expected, k, base));
    assert_memory_equal(out, expected, 32);
}

/* RFC 8032, section 7.1, TEST 1 to 3. */
static void ed25519_known_answers(void **state)
{
    static const char *const cases[][4] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    const fedl_crypto *crypto = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t seed[32];
        uint8_t expected[64];
        uint8_t message[2];
        uint8_t public_key[32];
        uint8_t secret[64];
        uint8_t signature[64];
        (void)from_hex(seed, cases[i][0]);
        (void)from_hex(expected, cases[i][1]);
        crypto->sign_keypair(public_key, secret, seed);
        assert_memory_equal(public_key, expected, 32);
        const size_t size = from_hex(message, cases[i][2]);
        (void)from_hex(expected, cases[i][3]);
        crypto->sign(signature, message, size, secret);
        assert_memory_equal(signature, expected, 64);
        assert_true(crypto->verify(signature, message, size, public_key));
        for (size_t bit = 0; bit < 512; bit++) {
            signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_false(crypto->verify(signature, message, size, public_key));
            signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

/* RFC 8439, section 2.8.2. */
static void aead_known_answer(void **state)
{
    static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                               "only one tip for the future, sunscreen would be it.";
    const fedl_crypto *crypto = *state;
    uint8_t key[32];
    uint8_t nonce[12];
    uint8_t ad[12];
    uint8_t expected[130];
    uint8_t out[130];
    for (size_t i = 0; i < 32; i++) {
        key[i] = (uint8_t)(0x80 + i);
    }
    (void)from_hex(nonce, "070000004041424344454647");
    (void)from_hex(ad, "50515253c0c1c2c3c4c5c6c7");
    const size_t size =
        from_hex(expected, "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                           "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                           "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                           "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
    assert_int_equal(size, sizeof text - 1 + FEDL_TAG_BYTES);
    crypto->aead_seal(out, text, sizeof text - 1, ad, sizeof ad, nonce, key);
    assert_memory_equal(out, expected, size);
    assert_true(crypto->aead_open(out, out, size, ad, sizeof ad, nonce, key)); /* in place */
    assert_memory_equal(out, text, sizeof text - 1);
}

static void aead_seals_in_place_at_every_size(void **state)
{
    const fedl_crypto *crypto = *state;
    const uint8_t key[32] = {1};
    const uint8_t nonce[12] = {2};
    uint8_t apart[300];
    uint8_t in_place[300];
    for (size_t size = 0; size <= 280; size++) {
        memcpy(in_place, pattern(), size);
        crypto->aead_seal(apart, pattern(), size, "ad", 2, nonce, key);
        crypto->aead_seal(in_place, in_place, size, "ad", 2, nonce, key);
        assert_memory_equal(apart, in_place, size + FEDL_TAG_BYTES);
        assert_true(
            crypto->aead_open(in_place, in_place, size + FEDL_TAG_BYTES, "ad", 2, nonce, key));
        assert_memory_equal(in_place, pattern(), size);
    }
}

static void aead_refuses_every_change(void **state)
{
    const fedl_crypto *crypto = *state;
    uint8_t key[32] = {1};
    uint8_t nonce[12] = {2};
    uint8_t ad[5] = {3};
    uint8_t sealed[20 + FEDL_TAG_BYTES];
    uint8_t out[20];
    crypto->aead_seal(sealed, pattern(), 20, ad, sizeof ad, nonce, key);
    const struct {
        uint8_t *data;
        size_t size;
    } parts[] = {
        {key, sizeof key}, {nonce, sizeof nonce}, {ad, sizeof ad}, {sealed, sizeof sealed}};
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        for (size_t bit = 0; bit < parts[p].size * 8; bit++) {
            parts[p].data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_false(crypto->aead_open(out, sealed, sizeof sealed, ad, sizeof ad, nonce, key));
            parts[p].data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
    for (size_t size = 0; size < sizeof sealed; size++) {
        assert_false(crypto->aead_open(out, sealed, size, ad, sizeof ad, nonce, key));
    }
    assert_true(crypto->aead_open(out, sealed, sizeof sealed, ad, sizeof ad, nonce, key));
}

int crypto_conformance_run(const fedl_crypto *crypto)
{
    void *port = (void *)(uintptr_t)crypto;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(digest_equals_b2sum, port),
        cmocka_unit_test_prestate(hash_with_key_and_personalisation, port),
        cmocka_unit_test_prestate(hash_streams_at_every_split, port),
        cmocka_unit_test_prestate(hash_final_wipes_the_state, port),
        cmocka_unit_test_prestate(x25519_known_answers, port),
        cmocka_unit_test_prestate(ed25519_known_answers, port),
        cmocka_unit_test_prestate(aead_known_answer, port),
        cmocka_unit_test_prestate(aead_seals_in_place_at_every_size, port),
        cmocka_unit_test_prestate(aead_refuses_every_change, port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
