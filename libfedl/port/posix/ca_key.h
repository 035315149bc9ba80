/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's CA key as a file of its own, for a machine that is not the server's: written once by
 * `fedl-server init --ca-out`, read by `fedl ca sign`.
 *
 *   fixed 120 bytes: magic "fedlca01" · fleet id 16 · Ed25519 secret 64 · BLAKE2b-256 of all that,
 *   personalised "fedl.cakey.v1"
 */
#ifndef FEDL_POSIX_CA_KEY_H
#define FEDL_POSIX_CA_KEY_H

#include "fedl/crypto.h"

#define FEDL_CA_KEY_BYTES 120u

/* Secret; wiped by whoever holds it. */
typedef struct fedl_ca_key {
    uint8_t fleet_id[16];
    uint8_t secret[64]; /* the public key is its second half */
} fedl_ca_key;

/** Writes a new file with mode 0600, durably. Errors: ERR_EXISTS, those of fedl_file_replace(). */
FEDL_NODISCARD fedl_status fedl_ca_key_write(const char *path, const fedl_crypto *crypto,
                                             const fedl_ca_key *key);
/** Errors: ERR_POLICY (others may read it), ERR_FORMAT (another file), ERR_CORRUPT, those of
 * fedl_file_read(). */
FEDL_NODISCARD fedl_status fedl_ca_key_read(fedl_ca_key *key, const fedl_crypto *crypto,
                                            const char *path);

#endif
