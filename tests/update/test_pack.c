/* SPDX-License-Identifier: Apache-2.0 */
#include "update/pack.h"

#include "cmocka_all.h"

#include <string.h>

static void words_are_little_endian_in_every_ring(void **state)
{
    (void)state;
    const int32_t values[4] = {1, -1, 5, -16};
    uint8_t out[16];
    const uint8_t ring8[4] = {3, 0xfd, 15, 0xd0};
    fedli_pack(out, values, 4, 3, 8);
    assert_memory_equal(out, ring8, sizeof ring8);
    const uint8_t ring16[8] = {3, 0, 0xfd, 0xff, 15, 0, 0xd0, 0xff};
    fedli_pack(out, values, 4, 3, 16);
    assert_memory_equal(out, ring16, sizeof ring16);
    const uint8_t ring24[12] = {3, 0, 0, 0xfd, 0xff, 0xff, 15, 0, 0, 0xd0, 0xff, 0xff};
    fedli_pack(out, values, 4, 3, 24);
    assert_memory_equal(out, ring24, sizeof ring24);
    const uint8_t ring32[16] = {3,  0, 0, 0, 0xfd, 0xff, 0xff, 0xff,
                                15, 0, 0, 0, 0xd0, 0xff, 0xff, 0xff};
    fedli_pack(out, values, 4, 3, 32);
    assert_memory_equal(out, ring32, sizeof ring32);
}

static void the_largest_products_fit(void **state)
{
    (void)state;
    uint8_t out[8];
    const int32_t values[2] = {8421504, -8421504}; /* ⌊(2^31 − 1) / 255⌋ */
    fedli_pack(out, values, 2, 255, 32);
    const uint8_t expected[8] = {0x80, 0xff, 0xff, 0x7f, 0x80, 0x00, 0x00, 0x80};
    assert_memory_equal(out, expected, sizeof expected);
}

static void nothing_is_written_behind_the_words(void **state)
{
    (void)state;
    const int32_t value = -1;
    for (uint8_t bits = 8; bits <= 32; bits = (uint8_t)(bits + 8)) {
        uint8_t out[8];
        memset(out, 0x55, sizeof out);
        fedli_pack(out, &value, 1, 1, bits);
        for (size_t i = 0; i < sizeof out; i++) {
            assert_int_equal(out[i], i < bits / 8u ? 0xff : 0x55);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_little_endian_in_every_ring),
        cmocka_unit_test(the_largest_products_fit),
        cmocka_unit_test(nothing_is_written_behind_the_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
