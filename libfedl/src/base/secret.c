/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdint.h>
#include <string.h>

void fedli_wipe(void *data, size_t size)
{
    if (size == 0) {
        return; /* data may be NULL then, which memset must not see */
    }
    memset(data, 0, size);
    /* Says that the zeros are read by something that the compiler can't see. */
    __asm__ volatile("" : : "r"(data) : "memory");
}

bool fedli_equal_ct(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = (const volatile uint8_t *)a;
    const volatile uint8_t *y = (const volatile uint8_t *)b;
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference = (uint8_t)(difference | (x[i] ^ y[i]));
    }
    return difference == 0;
}
