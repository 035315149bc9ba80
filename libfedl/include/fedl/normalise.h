/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From measured values to int8 inputs, in integers, so that a CSV file and a sensor give the same
 * model. Decimal text becomes Q20 (value · 2^20 rounded half away from zero); a feature is then m =
 * clamp(round(((v − mean) / scale) · 2^−input_exp), ±127).
 */
#ifndef FEDL_NORMALISE_H
#define FEDL_NORMALISE_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fedl_norm {
    int64_t mean_q20;
    int64_t scale_q20; /* > 0 */
} fedl_norm;

/** Parses "-12.5e-3" and the like, exactly, no locale, no spaces. Errors: ERR_FORMAT (not a number,
 * or more than 4,096 bytes), ERR_RANGE (|value| ≥ 2^42). */
FEDL_NODISCARD fedl_status fedl_decimal_parse(int64_t *value_q20, fedl_bytes text);
/** One feature, rounded half away from zero; |value| ≤ 2^62; saturates at ±127. A scale ≤ 0 (a
 * constant feature) gives 0. */
int8_t fedl_normalise(int64_t value_q20, fedl_norm norm, int8_t input_exp);
/** A pixel 0 … 255 as mantissa (p + 1) >> 1 capped at 127, for input_exp = −7. */
int8_t fedl_normalise_pixel(uint8_t pixel);

#ifdef __cplusplus
}
#endif
#endif
