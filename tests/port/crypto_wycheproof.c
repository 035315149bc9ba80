/* SPDX-License-Identifier: Apache-2.0 */
/* Project Wycheproof: a dozen or two cases of each kind always, the full files when they are here.
 */
#include "cmocka_all.h"
#include "crypto_conformance.h"
#include "vector_json.h"

#include <string.h>

typedef void case_runner(const fedl_crypto *crypto, const cJSON *group, const cJSON *test);

static bool is_result(const cJSON *test, const char *result)
{
    return strcmp(vector_text(test, "result"), result) == 0;
}

static bool has_flag(const cJSON *test, const char *name)
{
    const cJSON *flag;
    cJSON_ArrayForEach(flag, cJSON_GetObjectItemCaseSensitive(test, "flags"))
    {
        if (strcmp(flag->valuestring, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "Acceptable" cases are the unusual points. All of them must work, except those whose result is
 * zero, which the table promises to refuse. */
static void run_x25519(const fedl_crypto *crypto, const cJSON *group, const cJSON *test)
{
    (void)group;
    vector_bytes point;
    vector_bytes secret;
    vector_bytes expected;
    uint8_t shared[32];
    vector_hex(&point, test, "public");
    vector_hex(&secret, test, "private");
    vector_hex(&expected, test, "shared");
    assert_int_equal(point.size, 32);
    assert_int_equal(secret.size, 32);
    const bool good = crypto->x25519(shared, secret.data, point.data);
    assert_int_equal(good, !has_flag(test, "ZeroSharedSecret"));
    assert_memory_equal(shared, expected.data, 32);
}

static void run_ed25519(const fedl_crypto *crypto, const cJSON *group, const cJSON *test)
{
    vector_bytes key;
    vector_bytes message;
    vector_bytes signature;
    vector_hex(&key, cJSON_GetObjectItemCaseSensitive(group, "publicKey"), "pk");
    vector_hex(&message, test, "msg");
    vector_hex(&signature, test, "sig");
    assert_int_equal(key.size, 32);
    if (signature.size != FEDL_SIGNATURE_BYTES) {
        assert_true(is_result(test, "invalid")); /* cannot be expressed in the table */
        return;
    }
    assert_int_equal(crypto->verify(signature.data, message.data, message.size, key.data),
                     is_result(test, "valid"));
}

static void run_aead(const fedl_crypto *crypto, const cJSON *group, const cJSON *test)
{
    (void)group;
    vector_bytes key;
    vector_bytes nonce;
    vector_bytes ad;
    vector_bytes message;
    vector_bytes sealed;
    vector_bytes tag;
    static uint8_t out[VECTOR_BYTES_MAX + FEDL_TAG_BYTES];
    vector_hex(&key, test, "key");
    vector_hex(&nonce, test, "iv");
    vector_hex(&ad, test, "aad");
    vector_hex(&message, test, "msg");
    vector_hex(&sealed, test, "ct");
    vector_hex(&tag, test, "tag");
    assert_int_equal(key.size, 32);
    if (nonce.size != FEDL_NONCE_BYTES) {
        assert_true(is_result(test, "invalid")); /* cannot be expressed in the table */
        return;
    }
    assert_int_equal(tag.size, FEDL_TAG_BYTES);
    assert_true(sealed.size + tag.size <= sizeof sealed.data);
    memcpy(sealed.data + sealed.size, tag.data, tag.size);
    sealed.size += tag.size;
    const bool good =
        crypto->aead_open(out, sealed.data, sealed.size, ad.data, ad.size, nonce.data, key.data);
    assert_int_equal(good, is_result(test, "valid"));
    if (!good) {
        return;
    }
    assert_memory_equal(out, message.data, message.size);
    crypto->aead_seal(out, message.data, message.size, ad.data, ad.size, nonce.data, key.data);
    assert_memory_equal(out, sealed.data, sealed.size);
}

static void run_file(const fedl_crypto *crypto, const char *path, case_runner *run)
{
    cJSON *json = vector_load(path);
    if (json == NULL) {
        print_message("SKIPPED: the full vector set %s is not here\n", path);
        skip();
    }
    int count = 0;
    const cJSON *group;
    const cJSON *test;
    cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(json, "testGroups"))
    {
        cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(group, "tests"))
        {
            run(crypto, group, test);
            count++;
        }
    }
    assert_int_equal(count, cJSON_GetObjectItemCaseSensitive(json, "numberOfTests")->valueint);
    assert_true(count >= 12);
    cJSON_Delete(json);
}

static void few_x25519(void **state)
{
    run_file(*state, "tests/vectors/x25519_few.json", run_x25519);
}

static void few_ed25519(void **state)
{
    run_file(*state, "tests/vectors/ed25519_few.json", run_ed25519);
}

static void few_chacha20_poly1305(void **state)
{
    run_file(*state, "tests/vectors/chacha20_poly1305_few.json", run_aead);
}

static void full_x25519(void **state)
{
    run_file(*state, "../shared/vectors/wycheproof_x25519_test.json", run_x25519);
}

static void full_ed25519(void **state)
{
    run_file(*state, "../shared/vectors/wycheproof_ed25519_test.json", run_ed25519);
}

static void full_chacha20_poly1305(void **state)
{
    run_file(*state, "../shared/vectors/wycheproof_chacha20_poly1305_test.json", run_aead);
}

int crypto_wycheproof_run(const fedl_crypto *crypto)
{
    void *port = (void *)(uintptr_t)crypto;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(few_x25519, port),
        cmocka_unit_test_prestate(few_ed25519, port),
        cmocka_unit_test_prestate(few_chacha20_poly1305, port),
        cmocka_unit_test_prestate(full_x25519, port),
        cmocka_unit_test_prestate(full_ed25519, port),
        cmocka_unit_test_prestate(full_chacha20_poly1305, port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
