/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From accumulators to stored mantissas: one shift for the whole tensor, one rounding per value
 * (docs/numerics.md §3). Exponents of stored tensors stay in [FEDLI_EXP_MIN, FEDLI_EXP_MAX]: at the
 * lower end values lose bits gradually, at the upper end they saturate and the caller is told.
 */
#ifndef FEDL_NN_REQUANT_H
#define FEDL_NN_REQUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEDLI_EXP_MIN         (-40)
#define FEDLI_EXP_MAX         20
#define FEDLI_ACTIVATION_BITS 7
#define FEDLI_ERROR_BITS      9

typedef struct fedli_requant {
    int32_t shift;
    int32_t exp;   /* of the result */
    bool zero;     /* every value is zero */
    bool overflow; /* the exponent would have left its range upwards */
} fedli_requant;

/** Plans the requantisation of values with exponent exp whose magnitudes OR to magnitude_or. */
fedli_requant fedli_requant_plan(uint64_t magnitude_or, int32_t exp, int32_t bits);

/** out[i] = clamp(RSHR(acc[i], s), ±127). Shapes: out, acc [count]. */
fedli_requant fedli_requant_i8(int8_t *out, const int32_t *acc, int32_t exp, size_t count);
/** out[i] = clamp(RSHR(acc[i], s), ±511). Shapes: out, acc [count]. */
fedli_requant fedli_requant_i16(int16_t *out, const int32_t *acc, int32_t exp, size_t count);

#endif
