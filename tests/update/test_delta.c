/* SPDX-License-Identifier: Apache-2.0 */
#include "update/delta.h"

#include "base/cursor.h"
#include "cmocka_all.h"

static void weights_reach_both_ends_exactly(void **state)
{
    (void)state;
    const int16_t trained[4] = {32767, -32768, 5, -1};
    const int16_t received[4] = {-32768, 32767, 5, 1};
    uint8_t bytes[1 + 8];
    for (size_t i = 0; i < 4; i++) {
        /* One byte off, so that a typed load would be misaligned. */
        fedli_store_u16(bytes + 1 + 2 * i, (uint16_t)received[i]);
    }
    for (int32_t shift = 1; shift <= 8; shift++) {
        int32_t out[4];
        fedli_delta_weights(out, trained, bytes + 1, 4, shift);
        assert_int_equal(out[0], 65535 << shift);
        assert_int_equal(out[1], -65535 * (1 << shift));
        assert_int_equal(out[2], 0);
        assert_int_equal(out[3], -2 * (1 << shift));
        assert_int_equal(fedli_delta_max(false, (int8_t)(shift - 16)), 65535u << shift);
    }
}

static void biases_saturate_at_two(void **state)
{
    (void)state;
    const int32_t trained[6] = {INT32_MAX, INT32_MIN, 131072, 131073, -131072, -131073};
    const int32_t received[6] = {INT32_MIN, INT32_MAX, 0, 0, 0, 0};
    const int32_t expected[6] = {131072, -131072, 131072, 131072, -131072, -131072};
    uint8_t bytes[24];
    int32_t out[6];
    for (size_t i = 0; i < 6; i++) {
        fedli_store_u32(bytes + 4 * i, (uint32_t)received[i]);
    }
    fedli_delta_biases(out, trained, bytes, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(out[i], expected[i]);
    }
    assert_int_equal(fedli_delta_max(true, FEDL_BIAS_EXP), 131072);
    const int32_t small[1] = {-131071};
    fedli_store_u32(bytes, 0);
    fedli_delta_biases(out, small, bytes, 1);
    assert_int_equal(out[0], -131071);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_reach_both_ends_exactly),
        cmocka_unit_test(biases_saturate_at_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
