/* SPDX-License-Identifier: Apache-2.0 */
#include "sodium/crypto_sodium.h"

#include "cmocka_all.h"
#include "crypto_conformance.h"

#include <string.h>

static void init_may_be_repeated(void **state)
{
    (void)state;
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    assert_ptr_equal(fedl_crypto_sodium(), fedl_crypto_sodium());
    assert_string_equal(fedl_crypto_sodium()->name, "libsodium");
}

static void random_bytes_fill_the_block_and_no_more(void **state)
{
    (void)state;
    uint8_t a[66];
    uint8_t b[66];
    uint8_t ones[64];
    uint8_t any_set[64] = {0};
    memset(a, 0x5a, sizeof a);
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 64; i++) { /* a bit stays 0 in all 64 draws once in 2^55 runs */
        fedl_random_bytes(a + 1, 64);
        for (int k = 0; k < 64; k++) {
            any_set[k] |= a[k + 1];
        }
    }
    assert_memory_equal(any_set, ones, 64);
    assert_int_equal(a[0], 0x5a);
    assert_int_equal(a[65], 0x5a);
    memcpy(b, a, sizeof b);
    fedl_random_bytes(b + 1, 0);
    assert_memory_equal(a, b, sizeof a);
    fedl_random_bytes(b + 1, 64);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_may_be_repeated),
        cmocka_unit_test(random_bytes_fill_the_block_and_no_more),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += crypto_conformance_run(fedl_crypto_sodium());
    failed += crypto_wycheproof_run(fedl_crypto_sodium());
    return failed;
}
