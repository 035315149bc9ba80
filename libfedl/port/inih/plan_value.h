/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them in plan files, read exactly and without locale: no strtod, no
 * rounding twice.
 */
#ifndef FEDL_PORT_PLAN_VALUE_H
#define FEDL_PORT_PLAN_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/** "-12": sign and at most 18 digits. */
bool plan_read_int(int64_t *value, const char *text);
/**
 * "0.05" times 2^frac_bits (≤ 24), rounded to nearest, half away from zero. At most 18 digits in
 * all; false for anything else, also when the result does not fit 62 bits.
 */
bool plan_read_fixed(int64_t *value, const char *text, uint32_t frac_bits);
/** "0.3" as the nearest double (at most 15 digits in all). */
bool plan_read_real(double *value, const char *text);
/** "500ms", "30s", "5m", "2h", "7d" or "0", in milliseconds. */
bool plan_read_duration_ms(int64_t *value, const char *text);
/** "10%", "2.5 %" or "0", in permille; finer than 0.1 % is refused. */
bool plan_read_permille(int64_t *value, const char *text);

#endif
