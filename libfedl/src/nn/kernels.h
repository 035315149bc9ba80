/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three products of a dense layer, behind a table, so that vector backends can stand beside the
 * portable one. Every backend returns the exact integers that docs/numerics.md defines; the
 * portable table in kernels_ref.c is the specification in code and stays the oracle of all others.
 *
 * Operands: activations |x| ≤ 127 (never −128), errors |e| ≤ 511, weights any int16. Arrays do not
 * overlap and carry no alignment promise beyond that of their element type.
 */
#ifndef FEDL_NN_KERNELS_H
#define FEDL_NN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define FEDLI_ACTIVATION_MAX 127 /* 7 bits and a sign */
#define FEDLI_ERROR_MAX      511 /* 9 bits and a sign */
/* Longest sums that stay inside int32: 512·127·2^15 and 128·511·2^15 are both below 2^31. */
#define FEDLI_FORWARD_CHUNK  512u
#define FEDLI_GRADIENT_CHUNK 128u
#define FEDLI_SHIFT_MAX      29 /* an update that needs a longer shift is skipped */

/* rows ≤ FEDL_BATCH_ROWS_MAX, so that rows·127·511 < 2^26. */
typedef struct fedli_dense_shape {
    uint32_t rows;
    uint32_t in_count;
    uint32_t unit_count;
} fedli_dense_shape;

typedef struct fedli_kernels {
    const char *name;
    /** Bytes of 16-byte aligned scratch that the three functions need for shape; may be 0. */
    size_t (*scratch_size)(const fedli_dense_shape *shape);
    /**
     * acc[b][n] = sat32(Σ_k x[b][k]·w[n][k] + RSHR(bias[n], bias_shift)).
     * Shapes: acc [rows, units]  x [rows, in]  w [units, in]  bias [units].
     */
    void (*forward)(int32_t *acc, const int8_t *x, const int16_t *w, const int32_t *bias,
                    int32_t bias_shift, const fedli_dense_shape *shape, void *scratch);
    /** dx[b][k] = sat32(Σ_n e[b][n]·w[n][k]).  Shapes: dx [rows, in]  e [rows, units]. */
    void (*data_gradient)(int32_t *dx, const int16_t *e, const int16_t *w,
                          const fedli_dense_shape *shape, void *scratch);
    /**
     * w[n][k] = sat16(w[n][k] − sat16((Σ_b e[b][n]·x[b][k] + r(n,k)) >> shift)) with
     * r = dither[k] >> (32 − shift), dither bit-inverted for odd n, when 1 ≤ shift ≤ 29;
     * shift ≤ 0 means a saturating left shift and no dither. dither [in] is not read then.
     * Returns how many weights differ from the unsaturated result.
     */
    uint64_t (*update)(int16_t *w, const int16_t *e, const int8_t *x, const uint32_t *dither,
                       int32_t shift, const fedli_dense_shape *shape, void *scratch);
} fedli_kernels;

extern const fedli_kernels fedli_kernels_ref;

#endif
