/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"
#include "nn/requant.h"

static void values_keep_seven_bits_and_round_half_up(void **state)
{
    (void)state;
    /* OR of magnitudes 1000 → 10 bits → s = 3. */
    const int32_t acc[6] = {1000, -1000, 4, -4, 12, -12};
    const int8_t expected[6] = {125, -125, 1, 0, 2, -1};
    int8_t out[6];
    const fedli_requant plan = fedli_requant_i8(out, acc, -20, 6);
    assert_int_equal(plan.shift, 3);
    assert_int_equal(plan.exp, -17);
    assert_false(plan.zero);
    assert_false(plan.overflow);
    assert_memory_equal(out, expected, sizeof out);
}

static void rounding_up_to_the_next_power_is_clamped(void **state)
{
    (void)state;
    const int32_t acc[2] = {1023, -1023};
    int8_t out[2];
    (void)fedli_requant_i8(out, acc, 0, 2);
    assert_int_equal(out[0], 127);
    assert_int_equal(out[1], -127);
    int16_t wide[2];
    const fedli_requant plan = fedli_requant_i16(wide, acc, 0, 2);
    assert_int_equal(plan.shift, 1);
    assert_int_equal(wide[0], 511);
    assert_int_equal(wide[1], -511);
}

static void the_or_counts_not_the_maximum(void **state)
{
    (void)state;
    /* 96 | 31 = 127 needs 7 bits as 96 does; 64 | 63 too: the bit length is that of the maximum. */
    const int32_t acc[3] = {96, -31, 0};
    int8_t out[3];
    const fedli_requant plan = fedli_requant_i8(out, acc, -3, 3);
    assert_int_equal(plan.shift, 0);
    assert_int_equal(out[0], 96);
    assert_int_equal(out[1], -31);
}

static void small_values_are_shifted_up_exactly(void **state)
{
    (void)state;
    const int32_t acc[2] = {3, -1};
    int8_t out[2];
    const fedli_requant plan = fedli_requant_i8(out, acc, -10, 2);
    assert_int_equal(plan.shift, -5);
    assert_int_equal(plan.exp, -15);
    assert_int_equal(out[0], 96);
    assert_int_equal(out[1], -32);
}

static void the_ends_of_int32(void **state)
{
    (void)state;
    const int32_t acc[2] = {INT32_MIN, INT32_MAX};
    int8_t out[2];
    int16_t wide[2];
    assert_int_equal(fedli_requant_i8(out, acc, -40, 2).shift, 25);
    assert_int_equal(out[0], -64);
    assert_int_equal(out[1], 64);
    assert_int_equal(fedli_requant_i16(wide, acc, -40, 2).shift, 23);
    assert_int_equal(wide[0], -256);
    assert_int_equal(wide[1], 256);
}

static void zeros_keep_their_exponent(void **state)
{
    (void)state;
    const int32_t acc[2] = {0, 0};
    int8_t out[2] = {1, 1};
    int16_t wide[2] = {1, 1};
    fedli_requant plan = fedli_requant_i8(out, acc, -9, 2);
    assert_true(plan.zero);
    assert_int_equal(plan.exp, -9);
    assert_int_equal(out[0] | out[1], 0);
    plan = fedli_requant_i16(wide, acc, -55, 2);
    assert_true(plan.zero);
    assert_false(plan.overflow);
    assert_int_equal(plan.exp, FEDLI_EXP_MIN);
    assert_int_equal(wide[0] | wide[1], 0);
}

static void exponents_underflow_gradually_and_overflow_loudly(void **state)
{
    (void)state;
    const int32_t acc[2] = {1000, -3};
    int16_t out[2];
    fedli_requant plan = fedli_requant_i16(out, acc, -45, 2);
    assert_int_equal(plan.shift, 5);
    assert_int_equal(plan.exp, -40);
    assert_int_equal(out[0], 31);
    assert_int_equal(out[1], 0);
    plan = fedli_requant_i16(out, acc, -120, 2);
    assert_int_equal(plan.exp, -40);
    assert_int_equal(out[0] | out[1], 0);
    int8_t narrow[2];
    plan = fedli_requant_i8(narrow, acc, 19, 2);
    assert_true(plan.overflow);
    assert_int_equal(plan.exp, 20);
    assert_int_equal(narrow[0], 127);
    assert_int_equal(narrow[1], -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keep_seven_bits_and_round_half_up),
        cmocka_unit_test(rounding_up_to_the_next_power_is_clamped),
        cmocka_unit_test(the_or_counts_not_the_maximum),
        cmocka_unit_test(small_values_are_shifted_up_exactly),
        cmocka_unit_test(the_ends_of_int32),
        cmocka_unit_test(zeros_keep_their_exponent),
        cmocka_unit_test(exponents_underflow_gradually_and_overflow_loudly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
