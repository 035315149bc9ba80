/* SPDX-License-Identifier: Apache-2.0 */
/* "1 device", "2 devices": printf("%u device%s", n, fedl_plural(n)). For every text that counts. */
#ifndef FEDL_PORT_PLURAL_H
#define FEDL_PORT_PLURAL_H

#include <stdint.h>

static inline const char *fedl_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
