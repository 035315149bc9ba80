/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fixed.h"

uint32_t fedli_isqrt_u64(uint64_t x)
{
    /* Digit by digit in base 4: exact, 32 turns, no division. */
    uint64_t rest = x;
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 62; bit != 0; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint32_t)root;
}

bool fedli_fixed_self_test(void)
{
    volatile int64_t minus_three = -3;
    volatile int32_t minus_five = -5;
    return (minus_three >> 1) == -2 && (minus_five >> 2) == -2 && fedli_rshr(-1, 1) == 0 &&
           fedli_rshr(-3, 1) == -1 && fedli_rshr(3, 1) == 2;
}
