/* SPDX-License-Identifier: Apache-2.0 */
/* The exponential of the loss and of adaptive clipping: the same bits on every host. */
#ifndef FEDL_BASE_EXP2_H
#define FEDL_BASE_EXP2_H

#include "base/fixed.h"

/** 2^−t in Q24 for t ≥ 0 in Q16, from a quartic, rounded once (docs/numerics.md §4). */
static inline int64_t fedli_exp2_negative_q24(int64_t t_q16)
{
    static const int64_t c[5] = {1073741824, -744160371, 257047784, -57028860, 7270536};
    const int64_t whole = t_q16 >> 16;
    const int64_t f_q16 = t_q16 & 0xffff;
    if (whole >= 31) {
        return 0;
    }
    int64_t p_q30 = c[4];
    for (int32_t i = 3; i >= 0; i--) {
        /* |p_q30| < 2^31 and f < 2^16: the product is below 2^47. */
        p_q30 = c[i] + fedli_rshr(p_q30 * f_q16, 16);
    }
    return fedli_rshr(p_q30, (int32_t)whole + 6);
}

#endif
