/* SPDX-License-Identifier: Apache-2.0 */
#include "update/clip.h"

#include "base/fixed.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "update_fixture.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

static void norm_is_the_root_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(fedli_clip_norm(0), 0);
    assert_int_equal(fedli_clip_norm(1), 1);
    assert_int_equal(fedli_clip_norm(2), 2);
    assert_int_equal(fedli_clip_norm(4), 2);
    assert_int_equal(fedli_clip_norm(5), 3);
    assert_int_equal(fedli_clip_norm((UINT64_C(1) << 63) - 1), 3037000500u);
    fedli_rng rng;
    fedli_rng_init(&rng, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t n2 = ((uint64_t)fedli_rng_u32(&rng) << 31) ^ fedli_rng_u32(&rng);
        n2 >>= fedli_rng_below(&rng, 63);
        const wide norm = fedli_clip_norm(n2);
        assert_true(norm * norm >= n2);
        assert_true(norm == 0 || (norm - 1) * (norm - 1) < n2);
    }
}

static void factor_is_one_up_to_the_limit(void **state)
{
    (void)state;
    assert_int_equal(fedli_clip_factor_q15(0, 1), 32768);
    assert_int_equal(fedli_clip_factor_q15(1, 1), 32768);
    assert_int_equal(fedli_clip_factor_q15(2, 1), 16384);
    const uint64_t c2 = UINT64_C(65536) * 65536;
    assert_int_equal(fedli_clip_factor_q15(c2, 65536), 32768);
    assert_int_equal(fedli_clip_factor_q15(c2 + 1, 65536), 32767);
    assert_int_equal(fedli_clip_factor_q15(4 * c2, 65536), 16384);
    /* The largest norm squared with the largest and the smallest limit. */
    assert_int_equal(fedli_clip_factor_q15((UINT64_C(1) << 63) - 1, UINT32_MAX), 32768);
    assert_int_equal(fedli_clip_factor_q15((UINT64_C(1) << 63) - 1, 1), 0);
}

static void scale_equals_the_wide_product(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 2);
    for (uint32_t i = 0; i < 200000; i++) {
        const uint32_t magnitude = fedli_rng_below(&rng, 1u << 24) >> fedli_rng_below(&rng, 24);
        const uint32_t factor = fedli_rng_below(&rng, 32769);
        assert_int_equal(fedli_clip_scale(magnitude, factor),
                         (uint32_t)(((uint64_t)magnitude * factor) >> 15));
    }
    assert_int_equal(fedli_clip_scale((1u << 24) - 1, 32768), (1u << 24) - 1);
    assert_int_equal(fedli_clip_scale((1u << 24) - 1, 0), 0);
}

/* Clips values to c and proves ‖d'‖² ≤ c² in 128 bits; returns ‖d'‖². */
static wide clipped_square(const int32_t *values, uint32_t count, uint32_t c)
{
    const uint64_t n2 = fedli_clip_sum_squares(values, count);
    wide exact = 0;
    for (uint32_t i = 0; i < count; i++) {
        exact += (wide)fedli_abs_u32(values[i]) * fedli_abs_u32(values[i]);
    }
    assert_true(exact == n2);
    const uint32_t factor = fedli_clip_factor_q15(n2, c);
    wide square = 0;
    for (uint32_t i = 0; i < count; i++) {
        const wide magnitude = fedli_clip_scale(fedli_abs_u32(values[i]), factor);
        square += magnitude * magnitude;
    }
    assert_true(square <= (wide)c * c);
    return square;
}

static void no_delta_is_longer_than_the_limit(void **state)
{
    (void)state;
    enum { COUNT = 64 };
    int32_t values[COUNT];
    fedli_rng rng;
    fedli_rng_init(&rng, 3);
    for (uint32_t turn = 0; turn < 3000; turn++) {
        const uint32_t range = 1 + (fedli_rng_below(&rng, 1u << 24) >> fedli_rng_below(&rng, 24));
        for (uint32_t i = 0; i < COUNT; i++) {
            values[i] = (int32_t)fedli_rng_below(&rng, range);
            values[i] = fedli_rng_below(&rng, 2) == 0 ? values[i] : -values[i];
        }
        const uint64_t n2 = fedli_clip_sum_squares(values, COUNT);
        /* Limits just below, at and just above the norm hurt most; and any other. */
        const uint32_t norm = fedli_clip_norm(n2);
        for (uint32_t d = 0; d < 4; d++) {
            const uint32_t c = norm + 1 > d ? norm + 1 - d : 1;
            (void)clipped_square(values, COUNT, c == 0 ? 1 : c);
        }
        (void)clipped_square(values, COUNT, 1 + fedli_rng_below(&rng, 1u << 26));
    }
}

static void adversarial_deltas_stay_within(void **state)
{
    (void)state;
    int32_t values[1000];
    /* One coordinate alone, all equal, and one large among many ones. */
    for (uint32_t c = 1; c < 200; c++) {
        memset(values, 0, sizeof values);
        values[500] = -((1 << 24) - 1);
        (void)clipped_square(values, 1000, c * c * c);
        for (uint32_t i = 0; i < 1000; i++) {
            values[i] = (int32_t)(c * 77u);
        }
        (void)clipped_square(values, 1000, c * 1000u);
        for (uint32_t i = 0; i < 1000; i++) {
            values[i] = i == 0 ? (int32_t)c * 50000 : 1;
        }
        (void)clipped_square(values, 1000, c * 49999u);
    }
}

static void clipping_loses_little(void **state)
{
    (void)state;
    /* 1000 coordinates of 2^16 have norm 2^16·√1000; cut to half of it, the loss is < 0.1 %. */
    int32_t values[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        values[i] = 65536;
    }
    const uint32_t c = 1036215;
    const wide square = clipped_square(values, 1000, c);
    assert_true(square * 1000 >= (wide)c * c * 998);
}

static void norm_bound_depends_on_the_spec(void **state)
{
    (void)state;
    const uint32_t units[1] = {10};
    /* (65535·2^8)² ≈ 2^48 a weight: 2^15 of them are too many, half of that is not. */
    const int8_t coarse[1] = {-8};
    fedl_model_spec spec = fixture_spec(3000, 1, units, coarse);
    assert_true(fedli_clip_norm_fits(&spec));
    spec = fixture_spec(3300, 1, units, coarse);
    assert_false(fedli_clip_norm_fits(&spec));
    /* The usual exponent allows the largest model. */
    const uint32_t wide_units[1] = {1024};
    const int8_t usual[1] = {-13};
    spec = fixture_spec(1023, 1, wide_units, usual);
    assert_true(fedli_clip_norm_fits(&spec));
    assert_int_equal(fedl_model_parameter_count(&spec), 1u << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_is_the_root_rounded_up),
        cmocka_unit_test(factor_is_one_up_to_the_limit),
        cmocka_unit_test(scale_equals_the_wide_product),
        cmocka_unit_test(no_delta_is_longer_than_the_limit),
        cmocka_unit_test(adversarial_deltas_stay_within),
        cmocka_unit_test(clipping_loses_little),
        cmocka_unit_test(norm_bound_depends_on_the_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
