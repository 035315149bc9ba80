/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portable kernels: the arithmetic of docs/numerics.md §2 and §5 in plain C, written so that a
 * compiler vectorises the inner loops (they are integer sums, so any order gives the same result).
 *
 * Activations are widened to int16 once per call: then the forward loop is the 16-bit dot product
 * that every instruction set knows. Rejected: int8 operands in the inner loop (the widening is then
 * repeated for every unit), arrays of accumulators (gcc 12 keeps them in memory).
 */
#include "nn/kernels.h"

#include "base/fixed.h"

#include <stdbool.h>

/* Columns per block: accumulators of a block live on the stack (256 bytes) and in L1. */
#define BLOCK 64u

/* One row with a nonzero error for the unit at hand. */
typedef struct term {
    const int16_t *x;
    int16_t e;
} term;

/* The scratch, cut into its parts. */
typedef struct scratch_parts {
    int16_t *x;      /* [rows][in_count], widened */
    term *terms;     /* [rows] */
    int32_t *random; /* [in_count] */
} scratch_parts;

static size_t aligned(size_t bytes)
{
    return (bytes + 15u) & ~(size_t)15u;
}

static size_t widened_size(const fedli_dense_shape *shape)
{
    return aligned((size_t)shape->rows * shape->in_count * sizeof(int16_t));
}

static size_t scratch_size(const fedli_dense_shape *shape)
{
    return widened_size(shape) + aligned(shape->rows * sizeof(term)) +
           shape->in_count * sizeof(int32_t);
}

static scratch_parts parts_of(void *scratch, const fedli_dense_shape *shape)
{
    uint8_t *at = (uint8_t *)scratch;
    scratch_parts parts;
    parts.x = (int16_t *)scratch;
    parts.terms = (term *)(void *)(at + widened_size(shape));
    parts.random =
        (int32_t *)(void *)(at + widened_size(shape) + aligned(shape->rows * sizeof(term)));
    return parts;
}

static void widen(int16_t *restrict out, const int8_t *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = x[i];
    }
}

/* Four units share the loads of one row; count ≤ FEDLI_FORWARD_CHUNK. */
static void dot_four(int64_t sum[4], const int16_t *restrict x, const int16_t *restrict w,
                     size_t stride, uint32_t count)
{
    const int16_t *w0 = w;
    const int16_t *w1 = w + stride;
    const int16_t *w2 = w + 2 * stride;
    const int16_t *w3 = w + 3 * stride;
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    for (uint32_t k = 0; k < count; k++) {
        s0 += (int32_t)x[k] * w0[k];
        s1 += (int32_t)x[k] * w1[k];
        s2 += (int32_t)x[k] * w2[k];
        s3 += (int32_t)x[k] * w3[k];
    }
    sum[0] += s0;
    sum[1] += s1;
    sum[2] += s2;
    sum[3] += s3;
}

static int32_t dot_one(const int16_t *restrict x, const int16_t *restrict w, uint32_t count)
{
    int32_t sum = 0;
    for (uint32_t k = 0; k < count; k++) {
        sum += (int32_t)x[k] * w[k];
    }
    return sum;
}

static uint32_t chunk_of(uint32_t left, uint32_t chunk)
{
    return left < chunk ? left : chunk;
}

static void forward(int32_t *acc, const int8_t *x, const int16_t *w, const int32_t *bias,
                    int32_t bias_shift, const fedli_dense_shape *shape, void *scratch)
{
    int16_t *wide_x = parts_of(scratch, shape).x;
    const uint32_t in_count = shape->in_count;
    const uint32_t units = shape->unit_count;
    widen(wide_x, x, (size_t)shape->rows * in_count);
    uint32_t n = 0;
    while (n < units) {
        const uint32_t group = units - n >= 4 ? 4 : 1;
        for (uint32_t b = 0; b < shape->rows; b++) {
            /* |sum| ≤ 2^16·127·2^15 < 2^38 and the aligned bias ≤ 2^62: no overflow. */
            int64_t sum[4] = {0, 0, 0, 0};
            for (uint32_t k = 0; k < in_count; k += FEDLI_FORWARD_CHUNK) {
                const uint32_t count = chunk_of(in_count - k, FEDLI_FORWARD_CHUNK);
                const int16_t *row = wide_x + (size_t)b * in_count + k;
                const int16_t *weights = w + (size_t)n * in_count + k;
                if (group == 4) {
                    dot_four(sum, row, weights, in_count, count);
                } else {
                    sum[0] += dot_one(row, weights, count);
                }
            }
            for (uint32_t i = 0; i < group; i++) {
                acc[(size_t)b * units + n + i] =
                    fedli_sat32(sum[i] + fedli_rshr(bias[n + i], bias_shift));
            }
        }
        n += group;
    }
}

/* acc[k] += Σ of four rows times their factors; every product is 16 × 16 bits. */
static void add_four(int32_t *restrict acc, const int16_t *x0, const int16_t *x1, const int16_t *x2,
                     const int16_t *x3, int16_t e0, int16_t e1, int16_t e2, int16_t e3,
                     uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        acc[k] +=
            (int32_t)x0[k] * e0 + (int32_t)x1[k] * e1 + (int32_t)x2[k] * e2 + (int32_t)x3[k] * e3;
    }
}

static void add_one(int32_t *restrict acc, const int16_t *x, int16_t e, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        acc[k] += (int32_t)x[k] * e;
    }
}

/* Adds units [first, first + count) to one block of dx; count ≤ FEDLI_GRADIENT_CHUNK. */
static void gradient_block(int32_t *acc, const int16_t *e, const int16_t *w, size_t stride,
                           uint32_t count, uint32_t columns)
{
    uint32_t n = 0;
    for (; n + 4 <= count; n += 4) {
        const int16_t *row = w + n * stride;
        add_four(acc, row, row + stride, row + 2 * stride, row + 3 * stride, e[n], e[n + 1],
                 e[n + 2], e[n + 3], columns);
    }
    for (; n < count; n++) {
        add_one(acc, w + n * stride, e[n], columns);
    }
}

static void data_gradient(int32_t *dx, const int16_t *e, const int16_t *w,
                          const fedli_dense_shape *shape, void *scratch)
{
    (void)scratch;
    const uint32_t in_count = shape->in_count;
    const uint32_t units = shape->unit_count;
    for (uint32_t k = 0; k < in_count; k += BLOCK) {
        const uint32_t columns = chunk_of(in_count - k, BLOCK);
        for (uint32_t b = 0; b < shape->rows; b++) {
            int64_t sum[BLOCK] = {0};
            for (uint32_t n = 0; n < units; n += FEDLI_GRADIENT_CHUNK) {
                int32_t acc[BLOCK] = {0};
                gradient_block(acc, e + (size_t)b * units + n, w + (size_t)n * in_count + k,
                               in_count, chunk_of(units - n, FEDLI_GRADIENT_CHUNK), columns);
                for (uint32_t i = 0; i < columns; i++) {
                    sum[i] += acc[i];
                }
            }
            for (uint32_t i = 0; i < columns; i++) {
                dx[(size_t)b * in_count + k + i] = fedli_sat32(sum[i]);
            }
        }
    }
}

/* The unsaturated result of one weight is w − q; counts 1 when it can't be stored. */
static uint64_t store_saturated(int16_t *w, int64_t q)
{
    const int64_t exact = (int64_t)*w - q;
    *w = fedli_sat16((int64_t)*w - fedli_sat16(q));
    return exact != *w;
}

/*
 * w −= acc >> shift over one block, when every |acc >> shift| fits int16: in 16 unsigned bits,
 * where wrapping is defined. A result has overflowed when its sign differs from that of w and the
 * two operands had different signs; saturation is rare, so it is paid for only by the blocks that
 * have it, after w is recovered.
 */
static uint64_t apply_block(int16_t *restrict w, const int32_t *restrict acc, int32_t shift,
                            uint32_t columns)
{
    uint16_t *u = (uint16_t *)w;
    uint32_t overflow = 0;
    for (uint32_t i = 0; i < columns; i++) {
        const uint16_t q = (uint16_t)(acc[i] >> shift);
        const uint16_t v = (uint16_t)(u[i] - q);
        overflow |= (uint16_t)((u[i] ^ q) & (u[i] ^ v));
        u[i] = v;
    }
    if ((overflow & 0x8000u) == 0) {
        return 0;
    }
    uint64_t saturated = 0;
    for (uint32_t i = 0; i < columns; i++) {
        u[i] = (uint16_t)(u[i] + (uint16_t)(acc[i] >> shift));
        saturated += store_saturated(&w[i], acc[i] >> shift);
    }
    return saturated;
}

/* The same without any bound on q, and for left shifts. */
static uint64_t apply_block_wide(int16_t *w, const int32_t *acc, int32_t shift, uint32_t columns)
{
    uint64_t saturated = 0;
    for (uint32_t i = 0; i < columns; i++) {
        saturated +=
            store_saturated(&w[i], shift > 0 ? acc[i] >> shift : fedli_rshr(acc[i], shift));
    }
    return saturated;
}

static void sum_terms(int32_t *acc, const term *terms, uint32_t count, uint32_t k, uint32_t columns)
{
    uint32_t b = 0;
    for (; b + 4 <= count; b += 4) {
        const term *t = terms + b;
        add_four(acc, t[0].x + k, t[1].x + k, t[2].x + k, t[3].x + k, t[0].e, t[1].e, t[2].e,
                 t[3].e, columns);
    }
    for (; b < count; b++) {
        add_one(acc, terms[b].x + k, terms[b].e, columns);
    }
}

/* What the units of one update share. */
typedef struct update_plan {
    const int32_t *random; /* [in_count]: r(n, k) of even units, 0 for left shifts */
    int32_t invert;        /* 2^shift − 1: turns r into that of odd units */
    int32_t shift;
    uint32_t in_count;
    bool narrow; /* every q fits int16 */
} update_plan;

static uint64_t update_unit(int16_t *w, const term *terms, uint32_t term_count, bool odd,
                            const update_plan *plan)
{
    const int32_t invert = odd ? plan->invert : 0;
    uint64_t saturated = 0;
    for (uint32_t k = 0; k < plan->in_count; k += BLOCK) {
        const uint32_t columns = chunk_of(plan->in_count - k, BLOCK);
        const int32_t *random = plan->random + k;
        int32_t acc[BLOCK];
        for (uint32_t i = 0; i < columns; i++) {
            /* r < 2^29 and |Σ e·x| < 2^26: their sum stays inside int32. */
            acc[i] = random[i] ^ invert;
        }
        sum_terms(acc, terms, term_count, k, columns);
        saturated += plan->narrow ? apply_block(w + k, acc, plan->shift, columns)
                                  : apply_block_wide(w + k, acc, plan->shift, columns);
    }
    return saturated;
}

static update_plan plan_update(int32_t *random, const uint32_t *dither, int32_t shift,
                               const fedli_dense_shape *shape)
{
    /* |q| ≤ (rows·511·127 >> shift) + 1. */
    const int32_t g_max = (int32_t)shape->rows * FEDLI_ERROR_MAX * FEDLI_ACTIVATION_MAX;
    const update_plan plan = {.random = random,
                              .invert = shift > 0 ? (int32_t)(((uint32_t)1 << shift) - 1u) : 0,
                              .shift = shift,
                              .in_count = shape->in_count,
                              .narrow = shift > 0 && (g_max >> shift) + 1 <= INT16_MAX};
    for (uint32_t k = 0; k < shape->in_count; k++) {
        random[k] = shift > 0 ? (int32_t)(dither[k] >> (32 - shift)) : 0;
    }
    return plan;
}

static uint64_t update(int16_t *w, const int16_t *e, const int8_t *x, const uint32_t *dither,
                       int32_t shift, const fedli_dense_shape *shape, void *scratch)
{
    const uint32_t in_count = shape->in_count;
    const uint32_t units = shape->unit_count;
    const scratch_parts parts = parts_of(scratch, shape);
    const update_plan plan = plan_update(parts.random, dither, shift, shape);
    uint64_t saturated = 0;
    widen(parts.x, x, (size_t)shape->rows * in_count);
    for (uint32_t n = 0; n < units; n++) {
        /* A zero error adds nothing, and a sum of nothing leaves the weight: r >> shift is 0. */
        uint32_t count = 0;
        for (uint32_t b = 0; b < shape->rows; b++) {
            parts.terms[count].x = parts.x + (size_t)b * in_count;
            parts.terms[count].e = e[(size_t)b * units + n];
            count += parts.terms[count].e != 0;
        }
        if (count != 0) {
            saturated +=
                update_unit(w + (size_t)n * in_count, parts.terms, count, n % 2 == 1, &plan);
        }
    }
    return saturated;
}

const fedli_kernels fedli_kernels_ref = {
    .name = "ref",
    .scratch_size = scratch_size,
    .forward = forward,
    .data_gradient = data_gradient,
    .update = update,
};
