/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend of the mask generator has to do, checked against a keystream from elsewhere.
 */
#ifndef FEDL_TESTS_PRG_CONFORMANCE_H
#define FEDL_TESTS_PRG_CONFORMANCE_H

#include "secagg/prg.h"

/** The keystream of RFC 8439 with a zero nonce, from libsodium or (core-only builds) from the
 * portable backend. The counter doesn't wrap. */
void prg_reference(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter);

/** a ± b in words of lane_bits, one byte at a time with a carry; a cut-off last word is allowed. */
void prg_plain_add(uint8_t *a, const uint8_t *b, size_t size, uint32_t lane_bits, bool subtract);

/** Bytes for tests: all different and without pattern. */
void prg_fill(uint8_t *out, size_t size, uint32_t seed);

/** The whole suite for one backend; fails through cmocka. */
void prg_conformance(const fedli_prg *prg);

#endif
