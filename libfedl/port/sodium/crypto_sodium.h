/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto port of hosts: fedl/crypto.h filled from libsodium, and the host's entropy. */
#ifndef FEDL_PORT_CRYPTO_SODIUM_H
#define FEDL_PORT_CRYPTO_SODIUM_H

#include "fedl/crypto.h"

/**
 * Chooses libsodium's backends for this CPU and opens its entropy source. Call once before anything
 * else of this header; more calls, from any thread, do no harm. Errors: ERR_UNSUPPORTED (libsodium
 * could not start, for example without an entropy source).
 */
FEDL_NODISCARD fedl_status fedl_crypto_sodium_init(void);

/** The table: constant, static storage, usable from all threads. */
const fedl_crypto *fedl_crypto_sodium(void);

/** Fills out with size bytes of the kernel's entropy, good for keys. Aborts rather than fail. */
void fedl_random_bytes(void *out, size_t size);

#endif
