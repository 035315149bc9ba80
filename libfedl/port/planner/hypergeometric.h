/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypergeometric distribution: of `total` devices `marked` are marked (colluding, or still
 * there); how many marked ones are among the `drawn` neighbours of a device? Tails down to 2^-300
 * keep about 9 digits: they are summed from their small end, never as 1 − something.
 *
 * Rejected: binomial or Hoeffding bounds (half as many neighbours again for the same promise).
 */
#ifndef FEDL_PORT_HYPERGEOMETRIC_H
#define FEDL_PORT_HYPERGEOMETRIC_H

#include <stdint.h>

typedef struct fedl_hypergeometric {
    uint32_t total;
    uint32_t marked; /* ≤ total */
    uint32_t drawn;  /* ≤ total */
} fedl_hypergeometric;

/** ln P[X = x]; −INFINITY where it is impossible. */
double fedl_hypergeometric_log_pmf(const fedl_hypergeometric *h, uint32_t x);
/** Smallest c with P[X > c] < probability. */
uint32_t fedl_hypergeometric_upper(const fedl_hypergeometric *h, double probability);
/** Largest t with P[X < t] < probability. */
uint32_t fedl_hypergeometric_lower(const fedl_hypergeometric *h, double probability);
/** ln P[X < t], ln P[X > c]. */
double fedl_hypergeometric_log_below(const fedl_hypergeometric *h, uint32_t t);
double fedl_hypergeometric_log_above(const fedl_hypergeometric *h, uint32_t c);

#endif
