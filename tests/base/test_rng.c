/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "cmocka_all.h"

#include <string.h>

static void mix32_known_answers(void **state)
{
    (void)state;
    /* Computed with an independent implementation (Python, 32-bit masking). */
    assert_int_equal(fedli_mix32(0), 0);
    assert_int_equal(fedli_mix32(1), 0x688990c0u);
    assert_int_equal(fedli_mix32(0xdeadbeefu), 0xe628c683u);
}

static void shuffle_is_a_permutation(void **state)
{
    (void)state;
    static uint8_t seen[5000];
    const uint32_t counts[] = {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (uint32_t seed = 0; seed < 5; seed++) {
            memset(seen, 0, sizeof seen);
            for (uint32_t i = 0; i < counts[c]; i++) {
                const uint32_t at = fedli_shuffle_at(seed, i, counts[c]);
                assert_true(at < counts[c]);
                assert_int_equal(seen[at], 0);
                seen[at] = 1;
            }
        }
    }
}

static void shuffle_spreads_every_position(void **state)
{
    (void)state;
    /* Where row 0 of 8 goes over 8000 seeds: each place expects 1000, standard deviation 29.6. */
    uint32_t place[8] = {0};
    for (uint32_t seed = 0; seed < 8000; seed++) {
        place[fedli_shuffle_at(fedli_mix32(seed), 0, 8)]++;
    }
    for (size_t i = 0; i < 8; i++) {
        assert_in_range(place[i], 1000 - 150, 1000 + 150);
    }
}

static void below_is_uniform_and_repeatable(void **state)
{
    (void)state;
    fedli_rng a;
    fedli_rng b;
    fedli_rng_init(&a, 42);
    fedli_rng_init(&b, 42);
    uint32_t count[7] = {0};
    for (uint32_t i = 0; i < 70000; i++) {
        const uint32_t x = fedli_rng_below(&a, 7);
        assert_int_equal(x, fedli_rng_below(&b, 7));
        count[x]++;
    }
    for (size_t i = 0; i < 7; i++) {
        /* Standard deviation 92.6; five of them. */
        assert_in_range(count[i], 10000 - 463, 10000 + 463);
    }
    fedli_rng_init(&b, UINT64_C(42) | (UINT64_C(1) << 40));
    fedli_rng_init(&a, 42);
    uint32_t equal = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        equal += fedli_rng_u32(&a) == fedli_rng_u32(&b);
    }
    assert_int_equal(equal, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mix32_known_answers),
        cmocka_unit_test(shuffle_is_a_permutation),
        cmocka_unit_test(shuffle_spreads_every_position),
        cmocka_unit_test(below_is_uniform_and_repeatable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
