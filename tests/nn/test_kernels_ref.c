/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"
#include "kernel_conformance.h"

static void forward_is_exact(void **state)
{
    (void)state;
    conformance_forward(&fedli_kernels_ref);
}

static void data_gradient_is_exact(void **state)
{
    (void)state;
    conformance_data_gradient(&fedli_kernels_ref);
}

static void update_is_exact(void **state)
{
    (void)state;
    conformance_update(&fedli_kernels_ref);
}

static void dither_is_inverted_for_odd_units(void **state)
{
    (void)state;
    /* g = 1, s = 1: (1 + r) >> 1 is r. A top bit of 1 moves unit 0 and leaves unit 1. */
    const fedli_dense_shape shape = {1, 1, 2};
    _Alignas(16) uint8_t scratch[128];
    assert_true(fedli_kernels_ref.scratch_size(&shape) <= sizeof scratch);
    int16_t w[2] = {0, 0};
    const int16_t e[2] = {1, 1};
    const int8_t x[1] = {1};
    const uint32_t dither[1] = {0x80000000u};
    assert_int_equal(fedli_kernels_ref.update(w, e, x, dither, 1, &shape, scratch), 0);
    assert_int_equal(w[0], -1);
    assert_int_equal(w[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_exact),
        cmocka_unit_test(data_gradient_is_exact),
        cmocka_unit_test(update_is_exact),
        cmocka_unit_test(dither_is_inverted_for_odd_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
