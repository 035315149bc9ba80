/* SPDX-License-Identifier: Apache-2.0 */
/* IDX files (the format of MNIST, http://yann.lecun.com/exdb/mnist/) for the benchmarks. */
#ifndef FEDL_BENCH_IDX_READER_H
#define FEDL_BENCH_IDX_READER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct idx_set {
    uint32_t row_count;
    uint32_t pixel_count;
    uint8_t *pixels; /* [row_count][pixel_count] */
    uint8_t *labels; /* [row_count] */
} idx_set;

/**
 * Reads <dir>/<prefix>-images-idx3-ubyte and <dir>/<prefix>-labels-idx1-ubyte, at most rows_max
 * rows. False when a file is missing or malformed; the set is then empty.
 */
bool idx_set_open(idx_set *set, const char *dir, const char *prefix, uint32_t rows_max);
void idx_set_close(idx_set *set);

#endif
