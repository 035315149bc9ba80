/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fixed.h"
#include "cmocka_all.h"

static void rshr_rounds_half_up(void **state)
{
    (void)state;
    assert_int_equal(fedli_rshr(5, 1), 3);
    assert_int_equal(fedli_rshr(-5, 1), -2);
    assert_int_equal(fedli_rshr(-6, 2), -1);
    assert_int_equal(fedli_rshr(7, 0), 7);
    assert_int_equal(fedli_rshr(7, -3), 56);
    assert_int_equal(fedli_rshr(INT64_C(1) << 62, 63), 0);
    assert_int_equal(fedli_rshr(INT64_C(1) << 62, 62), 1);
    assert_int_equal(fedli_rshr(0, -100), 0);
}

static void rshr_left_shift_saturates(void **state)
{
    (void)state;
    assert_true(fedli_rshr(3, -61) == INT64_C(1) << 62);
    assert_true(fedli_rshr(-3, -61) == -(INT64_C(1) << 62));
    assert_true(fedli_rshr(1, -61) == INT64_C(1) << 61);
    assert_true(fedli_rshr(1, -1000) == INT64_C(1) << 62);
}

static void saturation_stops_at_the_ends(void **state)
{
    (void)state;
    assert_int_equal(fedli_sat16(32768), 32767);
    assert_int_equal(fedli_sat16(-32769), -32768);
    assert_int_equal(fedli_sat16(-7), -7);
    assert_int_equal(fedli_sat32(INT64_C(1) << 40), INT32_MAX);
    assert_int_equal(fedli_sat32(-(INT64_C(1) << 40)), INT32_MIN);
    assert_int_equal(fedli_abs_u32(INT32_MIN), 0x80000000u);
}

static void isqrt_is_the_exact_floor(void **state)
{
    (void)state;
    const uint64_t samples[] = {0,         1, 2, 3, 4, 15, 16, 17, UINT32_MAX, UINT64_C(1) << 62,
                                UINT64_MAX};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const uint64_t root = fedli_isqrt_u64(samples[i]);
        assert_true(root * root <= samples[i]);
        assert_true(root == UINT32_MAX || (root + 1) * (root + 1) > samples[i]);
    }
    for (uint64_t x = 0; x < 100000; x++) {
        const uint64_t root = fedli_isqrt_u64(x);
        assert_true(root * root <= x && (root + 1) * (root + 1) > x);
    }
}

static void bit_lengths(void **state)
{
    (void)state;
    assert_int_equal(fedli_bitlen_u32(0), 0);
    assert_int_equal(fedli_bitlen_u32(255), 8);
    assert_int_equal(fedli_bitlen_u32(256), 9);
    assert_int_equal(fedli_bitlen_u64(UINT64_MAX), 64);
    assert_true(fedli_fixed_self_test());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rshr_rounds_half_up),
        cmocka_unit_test(rshr_left_shift_saturates),
        cmocka_unit_test(saturation_stops_at_the_ends),
        cmocka_unit_test(isqrt_is_the_exact_floor),
        cmocka_unit_test(bit_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
