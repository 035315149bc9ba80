/* SPDX-License-Identifier: Apache-2.0 */
#include "update/quantise.h"

#include "base/rng.h"
#include "cmocka_all.h"
#include "update/clip.h"

static fedli_quantiser quantiser(int32_t shift, uint32_t seed)
{
    return (fedli_quantiser){
        .factor_q15 = FEDLI_CLIP_ONE_Q15, .shift = shift, .seed = seed, .truncate = false};
}

static int32_t quantise_one(const fedli_quantiser *q, int32_t value, uint32_t index)
{
    fedli_quantise(q, &value, index, 1);
    return value;
}

static void seed_depends_on_run_round_and_device(void **state)
{
    (void)state;
    const fedl_train_seed base = {.run_seed = 1, .round = 2, .device_id = 3};
    const fedl_train_seed others[3] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}};
    const uint32_t seed = fedli_quantise_seed(&base);
    assert_int_equal(seed, fedli_quantise_seed(&base));
    for (size_t i = 0; i < 3; i++) {
        assert_int_not_equal(seed, fedli_quantise_seed(&others[i]));
    }
    /* Not a step of the training dither: mix32(device seed + step) for the first million steps. */
    const uint32_t device = fedli_device_seed(1, 2, 3);
    for (uint32_t step = 0; step < 1000000; step++) {
        assert_int_not_equal(seed, fedli_mix32(device + step));
    }
}

static void rounding_gives_a_neighbour_and_no_bias(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const int32_t values[] = {1, 2, 7, 8, 9, 15, 16, 17, 100, 65535, 16777215};
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        const fedli_quantiser q = quantiser(4, 12345u + (uint32_t)v);
        int64_t sum = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            const int32_t up = quantise_one(&q, values[v], i);
            assert_true(up * 16 > values[v] - 16 && up * 16 < values[v] + 16);
            /* Signs are symmetric: the same bits round the mirror image. */
            assert_int_equal(quantise_one(&q, -values[v], i), -up);
            sum += up * 16 - values[v];
        }
        /* Σ error has mean 0 and deviation ≤ 8·√DRAWS = 1131; five of them. */
        assert_in_range(sum + 5657, 0, 2 * 5657);
    }
}

static void every_shift_is_unbiased_over_coordinates(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    static int32_t values[COUNT];
    for (int32_t shift = 1; shift <= 12; shift++) {
        const fedli_quantiser q = quantiser(shift, 99);
        int64_t error = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            values[i] = (int32_t)(fedli_mix32(i) & 0xffffu);
            error -= values[i];
        }
        fedli_quantise(&q, values, 0, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            error += (int64_t)values[i] << shift;
        }
        /* Deviation ≤ 2^shift/2·√COUNT = 2^shift·32; five of them. */
        const int64_t bound = (int64_t)160 << shift;
        assert_true(error >= -bound && error <= bound);
    }
}

static void exact_values_and_zero_stay(void **state)
{
    (void)state;
    const fedli_quantiser q = quantiser(6, 4);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(quantise_one(&q, 0, i), 0);
        assert_int_equal(quantise_one(&q, -64 * 5, i), -5);
    }
}

static void truncation_goes_toward_zero(void **state)
{
    (void)state;
    fedli_quantiser q = quantiser(3, 4);
    q.truncate = true;
    assert_int_equal(quantise_one(&q, 7, 0), 0);
    assert_int_equal(quantise_one(&q, -7, 0), 0);
    assert_int_equal(quantise_one(&q, 15, 0), 1);
    assert_int_equal(quantise_one(&q, -15, 0), -1);
}

static void finer_grids_are_exact(void **state)
{
    (void)state;
    fedli_quantiser q = quantiser(0, 4);
    assert_int_equal(quantise_one(&q, -777, 3), -777);
    q.shift = -4;
    assert_int_equal(quantise_one(&q, -777, 3), -777 * 16);
    assert_int_equal(quantise_one(&q, 16777215, 3), 268435440);
    q.factor_q15 = 16384;
    assert_int_equal(quantise_one(&q, -777, 3), -388 * 16);
}

static void the_factor_comes_before_the_rounding(void **state)
{
    (void)state;
    fedli_quantiser q = quantiser(2, 4);
    q.factor_q15 = 16384;
    q.truncate = true;
    /* 15·½ = 7 (truncated), 7/4 = 1. */
    assert_int_equal(quantise_one(&q, 15, 0), 1);
    q.factor_q15 = 0;
    assert_int_equal(quantise_one(&q, -16777215, 0), 0);
}

static void a_part_equals_the_whole(void **state)
{
    (void)state;
    int32_t whole[100];
    int32_t parts[100];
    const fedli_quantiser q = quantiser(9, 77);
    for (int32_t i = 0; i < 100; i++) {
        whole[i] = parts[i] = (i - 50) * 1234;
    }
    fedli_quantise(&q, whole, 1000, 100);
    fedli_quantise(&q, parts, 1000, 37);
    fedli_quantise(&q, parts + 37, 1037, 63);
    assert_memory_equal(whole, parts, sizeof whole);
}

static void saturation_counts_what_it_cuts(void **state)
{
    (void)state;
    int32_t values[6] = {409, 410, -409, -410, 0, 268435440};
    assert_int_equal(fedli_quantise_saturate(values, 6, 409), 3);
    const int32_t expected[6] = {409, 409, -409, -409, 0, 409};
    assert_memory_equal(values, expected, sizeof expected);
    assert_int_equal(fedli_quantise_saturate(values, 6, 409), 0);
    assert_int_equal(fedli_quantise_saturate(values, 6, INT32_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_depends_on_run_round_and_device),
        cmocka_unit_test(rounding_gives_a_neighbour_and_no_bias),
        cmocka_unit_test(every_shift_is_unbiased_over_coordinates),
        cmocka_unit_test(exact_values_and_zero_stay),
        cmocka_unit_test(truncation_goes_toward_zero),
        cmocka_unit_test(finer_grids_are_exact),
        cmocka_unit_test(the_factor_comes_before_the_rounding),
        cmocka_unit_test(a_part_equals_the_whole),
        cmocka_unit_test(saturation_counts_what_it_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
