/* SPDX-License-Identifier: Apache-2.0 */
#include "update/rotate.h"

#include "base/rng.h"
#include "cmocka_all.h"

#include <string.h>

#define N FEDLI_ROTATE_BLOCK

static void hadamard_is_the_matrix_of_signs(void **state)
{
    (void)state;
    for (uint32_t column = 0; column < N; column += 5) {
        int64_t values[N] = {0};
        values[column] = 3;
        fedli_rotate_hadamard(values);
        for (uint32_t row = 0; row < N; row++) { /* Sylvester: (−1)^(number of common bits) */
            assert_int_equal(values[row], __builtin_popcount(row & column) % 2 == 0 ? 3 : -3);
        }
    }
}

static void twice_is_256_times(void **state)
{
    (void)state;
    fedli_rng rng;
    int64_t values[N];
    int64_t before[N];
    fedli_rng_init(&rng, 3);
    for (uint32_t i = 0; i < N; i++) {
        before[i] = (int64_t)fedli_rng_u32(&rng) - 0x80000000ll;
    }
    memcpy(values, before, sizeof values);
    fedli_rotate_signs(values, 77, 512);
    fedli_rotate_hadamard(values);
    fedli_rotate_hadamard(values);
    fedli_rotate_signs(values, 77, 512);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(values[i], before[i] * 256);
    }
}

static void signs_are_the_mixed_bits(void **state)
{
    (void)state;
    int64_t values[N];
    uint32_t flipped = 0;
    for (uint32_t i = 0; i < N; i++) {
        values[i] = 1;
    }
    fedli_rotate_signs(values, fedli_rotate_seed(9, 4), 256);
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t bit = fedli_mix32(fedli_rotate_seed(9, 4) + 256 + i) >> 31;
        assert_int_equal(values[i], bit != 0 ? -1 : 1);
        flipped += bit;
    }
    assert_in_range(flipped, 88, 168);
    assert_int_not_equal(fedli_rotate_seed(9, 4), fedli_rotate_seed(9, 5));
    assert_int_not_equal(fedli_rotate_seed(9, 4), fedli_rotate_seed(8, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hadamard_is_the_matrix_of_signs),
        cmocka_unit_test(twice_is_256_times),
        cmocka_unit_test(signs_are_the_mixed_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
