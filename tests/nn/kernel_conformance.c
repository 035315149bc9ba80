/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_conformance.h"

#include "base/fixed.h"
#include "base/rng.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* Shapes around every chunk and block size that a kernel may use, and their remainders. */
static const fedli_dense_shape shapes[] = {
    {1, 1, 1},    {1, 2, 3},    {2, 15, 4},   {3, 16, 5},   {4, 17, 8},    {5, 31, 9},
    {6, 63, 3},   {7, 64, 2},   {8, 65, 7},   {9, 127, 1},  {16, 128, 10}, {17, 129, 6},
    {1, 511, 4},  {2, 512, 5},  {3, 513, 4},  {1, 1025, 3}, {2, 7, 127},   {2, 9, 128},
    {1, 70, 129}, {1, 33, 257}, {33, 40, 11}, {1024, 3, 2}, {65, 5, 3},    {16, 784, 12},
};
#define SHAPE_COUNT (sizeof shapes / sizeof shapes[0])

/* How the operands are drawn: MODE_EXTREME uses only the ends of the ranges, all with one sign, so
 * that sums are as long as they can be; MODE_SPARSE makes most values zero. */
typedef enum mode {
    MODE_RANDOM = 1,
    MODE_EXTREME = 2,
    MODE_SPARSE = 3,
} mode;

typedef struct operands {
    int8_t *x;
    int16_t *e;
    int16_t *w;
    int32_t *bias;
    uint32_t *dither;
    int32_t *out;
    void *scratch;
} operands;

/* Exact sizes from malloc, so that a sanitizer sees a read or write beyond the shape. */
static void *take(size_t count, size_t size)
{
    void *block = malloc(count * size + (count == 0));
    assert_non_null(block);
    return block;
}

static int32_t draw(uint32_t seed, uint32_t index, int32_t limit, mode how)
{
    const uint32_t h = fedli_mix32(fedli_mix32(seed) + index);
    const int32_t value = (int32_t)(h % (2u * (uint32_t)limit + 1u)) - limit;
    switch (how) {
    case MODE_RANDOM:
        return value;
    case MODE_EXTREME:
        return h % 64u == 0 ? -limit : limit;
    case MODE_SPARSE:
        return h % 4u == 0 ? value : 0;
    }
    return 0;
}

static operands open_operands(const fedli_kernels *kernels, const fedli_dense_shape *s, mode how)
{
    const size_t inputs = (size_t)s->rows * s->in_count;
    const size_t outputs = (size_t)s->rows * s->unit_count;
    const size_t weights = (size_t)s->in_count * s->unit_count;
    operands o = {
        .x = take(inputs, sizeof *o.x),
        .e = take(outputs, sizeof *o.e),
        .w = take(weights, sizeof *o.w),
        .bias = take(s->unit_count, sizeof *o.bias),
        .dither = take(s->in_count, sizeof *o.dither),
        .out = take(inputs > outputs ? inputs : outputs, sizeof *o.out),
        .scratch = take(kernels->scratch_size(s), 1),
    };
    memset(o.scratch, 0xa5, kernels->scratch_size(s));
    for (uint32_t i = 0; i < inputs; i++) {
        o.x[i] = (int8_t)draw(1, i, FEDLI_ACTIVATION_MAX, how);
    }
    for (uint32_t i = 0; i < outputs; i++) {
        o.e[i] = (int16_t)draw(2, i, FEDLI_ERROR_MAX, how);
    }
    for (uint32_t i = 0; i < weights; i++) {
        const int32_t w = draw(3, i, INT16_MAX, how);
        o.w[i] = (int16_t)(w == -INT16_MAX ? INT16_MIN : w);
    }
    for (uint32_t n = 0; n < s->unit_count; n++) {
        o.bias[n] = draw(4, n, INT32_MAX / 2, how);
    }
    for (uint32_t k = 0; k < s->in_count; k++) {
        o.dither[k] = how == MODE_EXTREME ? UINT32_MAX : fedli_mix32(k + 99u);
    }
    return o;
}

static void close_operands(operands *o)
{
    free(o->x);
    free(o->e);
    free(o->w);
    free(o->bias);
    free(o->dither);
    free(o->out);
    free(o->scratch);
}

void conformance_forward(const fedli_kernels *kernels)
{
    static const int32_t bias_shifts[] = {0, 5, -3, 31, 70, -40};
    for (size_t i = 0; i < SHAPE_COUNT * 3; i++) {
        const fedli_dense_shape *s = &shapes[i / 3];
        operands o = open_operands(kernels, s, (mode)(i % 3 + 1));
        const int32_t shift = bias_shifts[i % 6];
        kernels->forward(o.out, o.x, o.w, o.bias, shift, s, o.scratch);
        for (size_t b = 0; b < s->rows; b++) {
            for (size_t n = 0; n < s->unit_count; n++) {
                int64_t sum = fedli_rshr(o.bias[n], shift);
                for (size_t k = 0; k < s->in_count; k++) {
                    sum += (int64_t)o.x[b * s->in_count + k] * o.w[n * s->in_count + k];
                }
                assert_int_equal(o.out[b * s->unit_count + n], fedli_sat32(sum));
            }
        }
        close_operands(&o);
    }
}

void conformance_data_gradient(const fedli_kernels *kernels)
{
    for (size_t i = 0; i < SHAPE_COUNT * 3; i++) {
        const fedli_dense_shape *s = &shapes[i / 3];
        operands o = open_operands(kernels, s, (mode)(i % 3 + 1));
        kernels->data_gradient(o.out, o.e, o.w, s, o.scratch);
        for (size_t b = 0; b < s->rows; b++) {
            for (size_t k = 0; k < s->in_count; k++) {
                int64_t sum = 0;
                for (size_t n = 0; n < s->unit_count; n++) {
                    sum += (int64_t)o.e[b * s->unit_count + n] * o.w[n * s->in_count + k];
                }
                assert_int_equal(o.out[b * s->in_count + k], fedli_sat32(sum));
            }
        }
        close_operands(&o);
    }
}

/* The definition, one weight at a time. */
static uint64_t naive_update(int16_t *w, const operands *o, int32_t shift,
                             const fedli_dense_shape *s)
{
    uint64_t saturated = 0;
    for (size_t n = 0; n < s->unit_count; n++) {
        for (size_t k = 0; k < s->in_count; k++) {
            int64_t sum = 0;
            for (size_t b = 0; b < s->rows; b++) {
                sum += (int64_t)o->e[b * s->unit_count + n] * o->x[b * s->in_count + k];
            }
            int64_t q;
            if (shift > 0) {
                const uint32_t hash = n % 2 == 1 ? ~o->dither[k] : o->dither[k];
                q = (sum + (int64_t)(hash >> (32 - shift))) >> shift;
            } else {
                q = fedli_rshr(sum, shift);
            }
            int16_t *at = &w[n * s->in_count + k];
            const int64_t exact = *at - q;
            *at = fedli_sat16(*at - (int64_t)fedli_sat16(q));
            saturated += exact != *at;
        }
    }
    return saturated;
}

void conformance_update(const fedli_kernels *kernels)
{
    static const int32_t update_shifts[] = {1, 5, 9, 12, 15, 20, 29, 0, -1, -9, -200};
    uint64_t saturated_in_all = 0;
    for (size_t i = 0; i < SHAPE_COUNT * 3; i++) {
        const fedli_dense_shape *s = &shapes[i / 3];
        for (size_t j = i % 2; j < sizeof update_shifts / sizeof update_shifts[0]; j += 2) {
            operands o = open_operands(kernels, s, (mode)(i % 3 + 1));
            const size_t bytes = (size_t)s->in_count * s->unit_count * sizeof(int16_t);
            int16_t *expected = take(bytes, 1);
            memcpy(expected, o.w, bytes);
            const uint64_t saturated = naive_update(expected, &o, update_shifts[j], s);
            assert_int_equal(
                kernels->update(o.w, o.e, o.x, o.dither, update_shifts[j], s, o.scratch),
                saturated);
            assert_memory_equal(o.w, expected, bytes);
            saturated_in_all += saturated;
            free(expected);
            close_operands(&o);
        }
    }
    assert_true(saturated_in_all > 1000);
}
