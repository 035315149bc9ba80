/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of bytes: pointer and size travel together. A view owns nothing; whoever hands it out says
 * how long it lives.
 */
#ifndef FEDL_BYTES_H
#define FEDL_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct fedl_bytes {
    const uint8_t *data;
    size_t size;
} fedl_bytes;

static inline fedl_bytes fedl_bytes_of(const void *data, size_t size)
{
    fedl_bytes view = {(const uint8_t *)data, size};
    return view;
}

#endif
