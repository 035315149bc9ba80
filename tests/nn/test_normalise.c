/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "cmocka_all.h"
#include "fedl/normalise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED INT64_C(0x1234567890)

static int64_t parse(const char *text, fedl_status expected)
{
    int64_t value = UNTOUCHED;
    assert_int_equal(fedl_decimal_parse(&value, fedl_bytes_of(text, strlen(text))), expected);
    assert_true(expected == FEDL_OK || value == UNTOUCHED);
    return value;
}

static void numbers_become_q20(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"1", 1048576},
        {"+1", 1048576},
        {"-1.5", -1572864},
        {".5", 524288},
        {"5.", 5242880},
        {"00012.50", 13107200},
        {"-12.5e-3", -13107},
        {"12.5E+3", INT64_C(13107200000)},
        {"0.1", 104858},
        {"4398046511103", INT64_C(4398046511103) << 20},
        {"4398046511103.9999999", INT64_C(1) << 62},
        {"-4398046511103.9999999", -(INT64_C(1) << 62)},
        {"0e99999999999999", 0},
        {"1e-99999999999999", 0},
        {"0.00000000000000000000000000000001e32", 1048576},
        {"100000000000000000000000000000000e-32", 1048576},
        /* The tie 2^−21 and its neighbours in the 21st and the 22nd decimal. */
        {"0.000000476837158203125", 1},
        {"-0.000000476837158203125", -1},
        {"0.000000476837158203124", 0},
        {"0.0000004768371582031249999999999999", 0},
        {"0.0000004768371582031250000000000001", 1},
        {"0.000001430511474609375", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(parse(cases[i].text, FEDL_OK) == cases[i].value);
    }
}

static void random_numbers_agree_with_double(void **state)
{
    (void)state;
    /* Six decimals: no closer than 3e-5 units to a tie, and strtod is exact to 1e-7 of them. */
    for (uint32_t i = 0; i < 20000; i++) {
        char text[40];
        const uint32_t whole = fedli_mix32(i) % 1000u;
        const uint32_t decimals = fedli_mix32(i + 77777u) % 1000000u;
        (void)snprintf(text, sizeof text, "%s%u.%06u", i % 2 == 0 ? "" : "-", whole, decimals);
        const double expected = round(strtod(text, NULL) * 1048576.0);
        assert_true((double)parse(text, FEDL_OK) == expected);
    }
}

static void parse_errors(void **state)
{
    (void)state;
    static const char *const malformed[] = {"",     "-",   "+",  ".",     "e5",   "1e",  "1e+",
                                            "1..",  "1 ",  " 1", "1,5",   "0x1",  "nan", "inf",
                                            "1e5x", "--1", "1-", "1.2.3", "1e1.5"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        (void)parse(malformed[i], FEDL_ERR_FORMAT);
    }
    static const char *const large[] = {"4398046511104", "-4398046511104", "5e12", "1e99999999999",
                                        "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        (void)parse(large[i], FEDL_ERR_RANGE);
    }
    static char zeros[4098];
    memset(zeros, '0', 4097);
    (void)parse(zeros, FEDL_ERR_FORMAT);
    zeros[4096] = '\0';
    assert_int_equal(parse(zeros, FEDL_OK), 0);
}

static int64_t q20(double value)
{
    return (int64_t)round(value * 1048576.0);
}

static void features_are_scaled_rounded_and_cut(void **state)
{
    (void)state;
    const fedl_norm unit = {0, q20(1.0)};
    assert_int_equal(fedl_normalise(q20(1.0), unit, -6), 64);
    assert_int_equal(fedl_normalise(q20(-1.0), unit, -6), -64);
    assert_int_equal(fedl_normalise(q20(2.0), unit, -6), 127);
    assert_int_equal(fedl_normalise(q20(-1e6), unit, -6), -127);
    /* Half away from zero on both sides. */
    assert_int_equal(fedl_normalise(q20(0.5), unit, 0), 1);
    assert_int_equal(fedl_normalise(q20(-0.5), unit, 0), -1);
    assert_int_equal(fedl_normalise(q20(0.5) - 1, unit, 0), 0);
    assert_int_equal(fedl_normalise(q20(2.5), unit, 0), 3);
    assert_int_equal(fedl_normalise(q20(6.0), unit, 2), 2);
    assert_int_equal(fedl_normalise(q20(-6.0), unit, 2), -2);
    assert_int_equal(fedl_normalise(q20(5.99), unit, 2), 1);
    assert_int_equal(fedl_normalise(q20(1e6), unit, 20), 1);
    assert_int_equal(fedl_normalise(q20(1e6), unit, 127), 0);
    const fedl_norm shifted = {q20(20.0), q20(4.0)};
    assert_int_equal(fedl_normalise(q20(21.0), shifted, -5), 8);
    assert_int_equal(fedl_normalise(q20(20.0), shifted, -5), 0);
}

static void extremes_do_not_overflow(void **state)
{
    (void)state;
    const int64_t end = INT64_C(1) << 62;
    const fedl_norm tiny = {-end, 1};
    const fedl_norm huge = {end, INT64_MAX};
    assert_int_equal(fedl_normalise(end, tiny, -40), 127);
    assert_int_equal(fedl_normalise(end, tiny, 20), 127);
    assert_int_equal(fedl_normalise(-end, huge, 0), -1);
    assert_int_equal(fedl_normalise(-end, huge, -6), -64);
    assert_int_equal(fedl_normalise(-end, huge, -128), -127);
    const fedl_norm constant = {5, 0};
    assert_int_equal(fedl_normalise(7, constant, -6), 0);
    const fedl_norm negative = {5, -3};
    assert_int_equal(fedl_normalise(7, negative, -6), 0);
}

static void random_features_agree_with_double(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        const int64_t value = (int64_t)(fedli_mix32(i) >> 4) - (1 << 27);
        const fedl_norm norm = {(int64_t)(fedli_mix32(i + 50000u) >> 6) - (1 << 25),
                                (int64_t)(fedli_mix32(i + 90000u) >> 8) + 1};
        const int32_t exp = (int32_t)(i % 12u) - 8;
        /* Ties don't occur by chance at this size unless the quotient is exact. */
        const double exact = ldexp((double)(value - norm.mean_q20) / (double)norm.scale_q20, -exp);
        const double expected = fmax(-127.0, fmin(127.0, round(exact)));
        assert_int_equal(fedl_normalise(value, norm, (int8_t)exp), (int32_t)expected);
    }
}

static void pixels(void **state)
{
    (void)state;
    assert_int_equal(fedl_normalise_pixel(0), 0);
    assert_int_equal(fedl_normalise_pixel(1), 1);
    assert_int_equal(fedl_normalise_pixel(2), 1);
    assert_int_equal(fedl_normalise_pixel(128), 64);
    assert_int_equal(fedl_normalise_pixel(253), 127);
    assert_int_equal(fedl_normalise_pixel(254), 127);
    assert_int_equal(fedl_normalise_pixel(255), 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_q20),
        cmocka_unit_test(random_numbers_agree_with_double),
        cmocka_unit_test(parse_errors),
        cmocka_unit_test(features_are_scaled_rounded_and_cut),
        cmocka_unit_test(extremes_do_not_overflow),
        cmocka_unit_test(random_features_agree_with_double),
        cmocka_unit_test(pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
