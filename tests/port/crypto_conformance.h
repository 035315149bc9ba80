/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every crypto port must pass: known answers, Wycheproof, and the promises of fedl/crypto.h.
 * A new port calls both functions from the main() of its own test.
 */
#ifndef FEDL_TESTS_CRYPTO_CONFORMANCE_H
#define FEDL_TESTS_CRYPTO_CONFORMANCE_H

#include "fedl/crypto.h"

/** Each returns the number of failed tests. */
int crypto_conformance_run(const fedl_crypto *crypto);
int crypto_wycheproof_run(const fedl_crypto *crypto);

#endif
