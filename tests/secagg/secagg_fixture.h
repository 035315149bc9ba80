/* SPDX-License-Identifier: Apache-2.0 */
/* The example that secagg_vectors.py computes: five devices, one attempt. Crypto is libsodium's. */
#ifndef FEDL_TESTS_SECAGG_FIXTURE_H
#define FEDL_TESTS_SECAGG_FIXTURE_H

#include "secagg/binding.h"

#define FIXTURE_TASK    7u
#define FIXTURE_DEVICES 5u

/** out[i] = first + 37·i. */
void fixture_pattern(uint8_t *out, size_t size, uint32_t first);
/** Fails the test unless data is the vector, lower-case hexadecimal of exactly size bytes. */
void fixture_expect(const uint8_t *data, size_t size, const char *vector);
/** Entry i of the roster and the secret of its epoch key (may be NULL). */
void fixture_entry(fedli_roster_entry *entry, uint8_t epoch_secret[32], uint32_t i);
fedli_attempt fixture_attempt(void);
/** Round binding of the five devices, k 4, t 3; root and beacon may be NULL. */
void fixture_binding(uint8_t rb[32], uint8_t roster_root[32], uint8_t beacon[32]);

#endif
