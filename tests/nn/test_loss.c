/* SPDX-License-Identifier: Apache-2.0 */
/* loss, loss_softmax, loss_mse: values and gradients against double, by finite differences. */
#include "base/rng.h"
#include "cmocka_all.h"
#include "nn/loss.h"

#include <math.h>
#include <string.h>

#define CLASSES 10u
/* 1 · 2^0 as a rate, so that the error is the bare gradient. */
static const fedli_rate unit_rate = {1 << 14, -14};

static double double_loss(fedl_loss_kind kind, const double *z, const int32_t *target,
                          uint32_t count)
{
    double top = z[0];
    double sum = 0.0;
    if (kind == FEDL_LOSS_MSE) {
        for (uint32_t c = 0; c < count; c++) {
            const double d = z[c] - ldexp(target[c], FEDL_TARGET_EXP);
            sum += d * d;
        }
        return sum;
    }
    for (uint32_t c = 1; c < count; c++) {
        top = fmax(top, z[c]);
    }
    for (uint32_t c = 0; c < count; c++) {
        sum += exp(z[c] - top);
    }
    return top + log(sum) - z[target[0]];
}

static void draw(int32_t *z, double *real, int32_t exp, double range, uint32_t seed)
{
    for (uint32_t c = 0; c < CLASSES; c++) {
        const double u = fedli_mix32(seed * 1000u + c) / 4294967296.0 * 2.0 - 1.0;
        z[c] = (int32_t)lround(ldexp(u * range, -exp));
        real[c] = ldexp(z[c], exp);
    }
}

static void values_agree_with_double(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 400; i++) {
        int32_t z[CLASSES];
        double real[CLASSES];
        int32_t targets[CLASSES];
        const int32_t exp = -24 + (int32_t)(i % 16u);
        draw(z, real, exp, i % 2 == 0 ? 8.0 : 0.5, i + 1);
        targets[0] = (int32_t)(i % CLASSES);
        const double entropy = double_loss(FEDL_LOSS_SOFTMAX_CE, real, targets, CLASSES);
        const uint32_t entropy_q16 = fedli_loss_softmax.value_q16(z, exp, targets, CLASSES);
        /* Q16 exponents and logarithms: a few units in the last place. */
        assert_true(fabs(entropy_q16 / 65536.0 - entropy) < 1.5e-4);
        for (uint32_t c = 0; c < CLASSES; c++) {
            targets[c] = (int32_t)(fedli_mix32(i * 31u + c) % 400000u) - 200000;
        }
        const double squares = double_loss(FEDL_LOSS_MSE, real, targets, CLASSES);
        const uint32_t squares_q16 = fedli_loss_mse.value_q16(z, exp, targets, CLASSES);
        assert_true(fabs(squares_q16 / 65536.0 - squares) < 1e-4 * (squares + 1.0));
    }
}

static void gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    const fedli_loss_ops *const losses[2] = {&fedli_loss_softmax, &fedli_loss_mse};
    for (uint32_t i = 0; i < 200; i++) {
        const fedli_loss_ops *loss = losses[i % 2];
        int32_t z[CLASSES];
        double real[CLASSES];
        int32_t targets[CLASSES];
        int16_t error[CLASSES];
        draw(z, real, -20, 4.0, i + 1);
        for (uint32_t c = 0; c < CLASSES; c++) {
            targets[c] = (int32_t)(fedli_mix32(i * 17u + c) % 200000u) - 100000;
        }
        if (loss->kind == FEDL_LOSS_SOFTMAX_CE) {
            targets[0] = (int32_t)(i % CLASSES);
        }
        const fedli_requant plan = loss->error(error, z, -20, targets, 1, CLASSES, unit_rate);
        assert_false(plan.overflow);
        for (uint32_t c = 0; c < CLASSES; c++) {
            const double h = 1e-5;
            double up[CLASSES];
            double down[CLASSES];
            memcpy(up, real, sizeof up);
            memcpy(down, real, sizeof down);
            up[c] += h;
            down[c] -= h;
            double gradient = (double_loss(loss->kind, up, targets, CLASSES) -
                               double_loss(loss->kind, down, targets, CLASSES)) /
                              (2.0 * h);
            /* The trainer descends ½(z − t)²; the value reported is (z − t)². */
            gradient *= loss->kind == FEDL_LOSS_MSE ? 0.5 : 1.0;
            /* Half a unit of the 9-bit grid (a whole one at its end), the polynomial's 4e-6. */
            const double unit = error[c] == 511 || error[c] == -511 ? 1.0 : 0.5;
            const double tolerance = ldexp(unit, plan.exp) + 1e-5;
            assert_true(fabs(ldexp(error[c], plan.exp) - gradient) <= tolerance);
        }
    }
}

static void softmax_rows_sum_to_zero_before_rounding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        int32_t z[CLASSES];
        double real[CLASSES];
        int16_t error[CLASSES];
        const int32_t target = (int32_t)(i % CLASSES);
        draw(z, real, -20, 10.0, i + 1);
        (void)fedli_loss_softmax.error(error, z, -20, &target, 1, CLASSES, unit_rate);
        int64_t sum = 0;
        for (uint32_t c = 0; c < CLASSES; c++) {
            sum += z[c]; /* the Q24 errors are left there */
            assert_true(c == (uint32_t)target ? z[c] <= 0 : z[c] >= 0);
        }
        assert_int_equal(sum, 0);
    }
}

static void a_certain_row_leaves_nothing_to_learn(void **state)
{
    (void)state;
    int32_t z[3] = {INT32_MAX, INT32_MIN, 0};
    int16_t error[3] = {1, 1, 1};
    int32_t target = 0;
    assert_int_equal(fedli_loss_softmax.value_q16(z, -10, &target, 3), 0);
    assert_true(fedli_loss_softmax.error(error, z, -10, &target, 1, 3, unit_rate).zero);
    assert_int_equal(error[0] | error[1] | error[2], 0);
}

static void extremes_are_capped(void **state)
{
    (void)state;
    int32_t z[2] = {INT32_MAX, INT32_MIN};
    int16_t error[2];
    int32_t targets[2] = {1, 0};
    assert_int_equal(fedli_loss_softmax.value_q16(z, 12, targets, 2), FEDLI_LOSS_MAX_Q16);
    assert_int_equal(fedli_loss_softmax.value_q16(z, -60, targets, 2),
                     (uint32_t)lround(log(2.0) * 65536.0));
    assert_false(fedli_loss_softmax.error(error, z, 12, targets, 1, 2, unit_rate).zero);
    assert_int_equal(error[0], 256);
    assert_int_equal(error[1], -256);
    const int32_t far_off[2] = {INT32_MIN, INT32_MAX};
    for (int32_t exp = -55; exp <= 12; exp++) {
        z[0] = INT32_MAX;
        z[1] = INT32_MIN;
        assert_true(fedli_loss_mse.value_q16(z, exp, far_off, 2) > 0);
        const fedli_requant plan = fedli_loss_mse.error(error, z, exp, far_off, 1, 2, unit_rate);
        assert_true(plan.exp >= FEDLI_EXP_MIN && plan.exp <= FEDLI_EXP_MAX);
        assert_true(error[0] >= 255 && error[1] <= -255);
    }
    assert_int_equal(fedli_loss_mse.value_q16(z, 12, far_off, 2), FEDLI_LOSS_MAX_Q16);
}

static void very_fine_logits_are_rounded_to_the_common_grid(void **state)
{
    (void)state;
    /* 3 · 2^−31 → RSHR(3, 1) = 2 at 2^−30; times 2^14 that is 2^15, cut to 9 bits: 256. */
    int32_t z[1] = {3};
    int16_t error[1];
    const int32_t target[1] = {0};
    const fedli_requant plan = fedli_loss_mse.error(error, z, -31, target, 1, 1, unit_rate);
    assert_int_equal(error[0], 256);
    assert_int_equal(plan.exp, -37);
}

static void the_table_and_its_targets(void **state)
{
    (void)state;
    assert_ptr_equal(fedli_loss_ops_of(FEDL_LOSS_SOFTMAX_CE), &fedli_loss_softmax);
    assert_ptr_equal(fedli_loss_ops_of(FEDL_LOSS_MSE), &fedli_loss_mse);
    assert_null(fedli_loss_ops_of((fedl_loss_kind)0));
    assert_null(fedli_loss_ops_of((fedl_loss_kind)3));
    assert_int_equal(fedli_loss_softmax.target_count(10), 1);
    assert_int_equal(fedli_loss_mse.target_count(10), 10);
    const int32_t targets[4] = {0, 9, 10, -1};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fedli_loss_softmax.target_valid(&targets[i], 10), i < 2);
        assert_true(fedli_loss_mse.target_valid(&targets[i], 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_agree_with_double),
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(softmax_rows_sum_to_zero_before_rounding),
        cmocka_unit_test(a_certain_row_leaves_nothing_to_learn),
        cmocka_unit_test(extremes_are_capped),
        cmocka_unit_test(very_fine_logits_are_rounded_to_the_common_grid),
        cmocka_unit_test(the_table_and_its_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
