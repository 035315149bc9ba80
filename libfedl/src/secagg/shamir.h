/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shamir's secret sharing over GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (0x11B), byte by byte, in
 * constant time: no table, no branch on secrets. Shamir, "How to share a secret", CACM 1979.
 *
 * The polynomial of byte j is secret[j] + Σ_{i=1}^{t−1} coefficient[i−1][j]·x^i.
 */
#ifndef FEDL_SECAGG_SHAMIR_H
#define FEDL_SECAGG_SHAMIR_H

#include "fedl/bytes.h"
#include "fedl/status.h"

uint8_t fedli_gf256_mul(uint8_t a, uint8_t b);
uint8_t fedli_gf256_inverse(uint8_t a); /* of 0: 0 */

/** share[size] at x (1 … 255). coefficients: (t − 1) rows of size bytes, secret. t ≥ 1. */
void fedli_shamir_share(uint8_t *share, const uint8_t *secret, size_t size,
                        const uint8_t *coefficients, uint32_t t, uint8_t x);
/** Lagrange weights at `at` (0: the secret itself) for the count distinct coordinates xs.
 * Errors: ERR_RANGE (a zero x, two alike, count 0 or above 255). */
FEDL_NODISCARD fedl_status fedli_shamir_weights(uint8_t *weights, const uint8_t *xs, uint32_t count,
                                                uint8_t at);
/** out += weight · share, byte by byte; out begins at zero. */
void fedli_shamir_combine(uint8_t *out, uint8_t weight, const uint8_t *share, size_t size);

#endif
