/* SPDX-License-Identifier: Apache-2.0 */
/* Handling of secrets: wiping that the compiler keeps, comparison in constant time. */
#ifndef FEDL_BASE_SECRET_H
#define FEDL_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/** Overwrites size bytes with zeros; not removed by the optimiser. size 0 is allowed. */
void fedli_wipe(void *data, size_t size);

/** True when both blocks are equal. Time depends on size only. */
bool fedli_equal_ct(const void *a, const void *b, size_t size);

#endif
