/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "inih/plan_value.h"

#include <stdlib.h>

static void whole_numbers(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(plan_read_int(&v, "0") && v == 0);
    assert_true(plan_read_int(&v, "-15") && v == -15);
    assert_true(plan_read_int(&v, "4294967295") && v == 4294967295);
    assert_true(plan_read_int(&v, "999999999999999999") && v == 999999999999999999);
    static const char *const bad[] = {
        "",    "-",  "+1", "1.", "1.0", "1e3", "0x10", "1 ", " 1", "1,000", "1000000000000000000",
        "--1", "one"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(plan_read_int(&v, bad[i]));
    }
}

static void decimals_are_exact(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(plan_read_fixed(&v, "1", 24) && v == 1 << 24);
    assert_true(plan_read_fixed(&v, "0.1", 24) && v == 1677722);   /* 1677721.6 */
    assert_true(plan_read_fixed(&v, "0.05", 24) && v == 838861);   /* 838860.8 */
    assert_true(plan_read_fixed(&v, "-0.05", 24) && v == -838861); /* away from zero alike */
    assert_true(plan_read_fixed(&v, "0.01", 16) && v == 655);      /* 655.36 */
    assert_true(plan_read_fixed(&v, "0.00000762939453125", 16) && v == 1); /* 2^-17: a tie */
    assert_true(plan_read_fixed(&v, "0.0000076293945312", 16) && v == 0);
    assert_true(plan_read_fixed(&v, "+2.50", 16) && v == 163840);
    assert_true(plan_read_fixed(&v, "274877906943", 24) && v == (int64_t)274877906943 << 24);
    static const char *const bad[] = {"",     ".",   ".5",  "5.",   "1..2", "1.2.3",       "1e-3",
                                      "0,05", "nan", "inf", "0x1p", "1 2",  "274877906944"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(plan_read_fixed(&v, bad[i], 24));
    }
}

static void reals_are_the_nearest(void **state)
{
    (void)state;
    static const char *const good[] = {"0.3", "0.1", "0.5", "1000", "0.001", "123456789.012345"};
    double v = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(plan_read_real(&v, good[i]));
        assert_true(v == strtod(good[i], NULL));
    }
    assert_false(plan_read_real(&v, "0.1234567890123456"));
    assert_false(plan_read_real(&v, "x"));
}

static void durations(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(plan_read_duration_ms(&v, "0") && v == 0);
    assert_true(plan_read_duration_ms(&v, "500ms") && v == 500);
    assert_true(plan_read_duration_ms(&v, "30s") && v == 30000);
    assert_true(plan_read_duration_ms(&v, "5 m") && v == 300000);
    assert_true(plan_read_duration_ms(&v, "2h") && v == 7200000);
    assert_true(plan_read_duration_ms(&v, "7d") && v == 604800000);
    static const char *const bad[] = {"",      "30", "s",     "-1s",        "1.5h",
                                      "30sec", "5M", "1m30s", "1000000000s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(plan_read_duration_ms(&v, bad[i]));
    }
}

static void percentages(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(plan_read_permille(&v, "0") && v == 0);
    assert_true(plan_read_permille(&v, "10%") && v == 100);
    assert_true(plan_read_permille(&v, "2.5 %") && v == 25);
    assert_true(plan_read_permille(&v, "100%") && v == 1000);
    static const char *const bad[] = {"", "10", "0.1", "%", "2.55%", "-1%", "10 percent"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(plan_read_permille(&v, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),         cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(reals_are_the_nearest), cmocka_unit_test(durations),
        cmocka_unit_test(percentages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
