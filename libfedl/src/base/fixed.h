/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-point helpers: every rounding and every saturation of the arithmetic lives here, once.
 * Source: docs/numerics.md §3. Right shifts of negative numbers are arithmetic on every compiler we
 * build with; fedli_fixed_self_test() proves it at start-up instead of trusting it.
 */
#ifndef FEDL_BASE_FIXED_H
#define FEDL_BASE_FIXED_H

#include <stdbool.h>
#include <stdint.h>

/** Number of significant bits: 0 → 0, 1 → 1, 255 → 8. */
static inline int32_t fedli_bitlen_u32(uint32_t x)
{
    return x == 0 ? 0 : 32 - __builtin_clz(x);
}

static inline int32_t fedli_bitlen_u64(uint64_t x)
{
    return x == 0 ? 0 : 64 - __builtin_clzll(x);
}

/** |x| without overflow: the most negative number has its magnitude as an unsigned. */
static inline uint32_t fedli_abs_u32(int32_t x)
{
    return x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
}

static inline uint64_t fedli_abs_u64(int64_t x)
{
    return x < 0 ? (uint64_t)0 - (uint64_t)x : (uint64_t)x;
}

static inline int16_t fedli_sat16(int64_t x)
{
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

static inline int32_t fedli_sat32(int64_t x)
{
    return (int32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}

static inline int64_t fedli_clamp_i64(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/**
 * Right shift with rounding half up: s > 0 → floor((x + 2^(s−1)) / 2^s); s ≤ 0 → x·2^−s, saturated;
 * s > 62 → 0. |x| ≤ 2^62, so that adding the half never overflows.
 */
static inline int64_t fedli_rshr(int64_t x, int32_t s)
{
    if (s > 62) {
        return 0;
    }
    if (s > 0) {
        return (x + ((int64_t)1 << (s - 1))) >> s;
    }
    const int32_t left = -s;
    if (x == 0) {
        return 0;
    }
    if (left > 62 || fedli_bitlen_u64(fedli_abs_u64(x)) + left > 62) {
        return x < 0 ? -((int64_t)1 << 62) : ((int64_t)1 << 62);
    }
    return x * ((int64_t)1 << left);
}

/** Floor of the square root. */
uint32_t fedli_isqrt_u64(uint64_t x);

/** False on a compiler whose signed right shift is not arithmetic; called by fedl_self_test(). */
bool fedli_fixed_self_test(void);

#endif
