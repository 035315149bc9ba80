/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of the fleet and enrolment tokens. Both are fixed-width little-endian
 * (docs/protocol.md). Certificate bytes = body ‖ Ed25519 signature of the CA over "fedl/cert/v1" ‖
 * body.
 */
#ifndef FEDL_SECURE_CERT_H
#define FEDL_SECURE_CERT_H

#include "fedl/crypto.h"

#define FEDLI_CERT_BYTES         (112u + FEDL_SIGNATURE_BYTES)
#define FEDLI_TOKEN_SECRET_BYTES 16u
#define FEDLI_FINGERPRINT_BYTES  16u
#define FEDLI_TOKEN_TEXT_BYTES                                                                     \
    64u /* base32 of secret ‖ fingerprint with a checksum, dashes, and the final zero */

typedef enum fedl_cert_role {
    FEDL_CERT_DEVICE = 1, /* id_public = Ed25519 of the device, noise_public = its Noise static */
    FEDL_CERT_ROUND = 2,  /* id_public = key that signs manifests and results, noise_public =
                             server's Noise static */
    FEDL_CERT_HELPER = 3, /* noise_public = the helper's Noise static, id_public = zeros */
} fedl_cert_role;

typedef struct fedl_cert {
    fedl_cert_role role;
    uint8_t fleet_id[16];
    uint32_t subject_id; /* device id, or 0 for a server and a helper */
    uint32_t serial;     /* rising per subject */
    uint8_t id_public[32];
    uint8_t noise_public[32];
    uint64_t not_after_s; /* UTC seconds; 0 = no end */
} fedl_cert;

/** Writes body and signature. ca_secret: Ed25519, FEDL_SIGN_SECRET_BYTES; NULL leaves the
 * signature zero, for one that was made elsewhere. */
void fedl_cert_issue(const fedl_crypto *crypto, uint8_t out[FEDLI_CERT_BYTES],
                     const fedl_cert *cert, const uint8_t ca_secret[64]);
/**
 * Verifies, then parses. now_s = 0 skips the expiry check; a certificate is good up to and
 * including not_after_s. Role, fleet and subject are for the caller to compare. Errors: ERR_FORMAT
 * (size, role, reserved bytes), ERR_AUTH, ERR_VERSION (schema), ERR_EXPIRED.
 */
FEDL_NODISCARD fedl_status fedl_cert_open(fedl_cert *cert, const fedl_crypto *crypto,
                                          fedl_bytes bytes, const uint8_t ca_public[32],
                                          uint64_t now_s);

/** The same field, out of the bytes of a certificate that was opened before. */
uint64_t fedl_cert_not_after_s(const uint8_t bytes[FEDLI_CERT_BYTES]);

/** fingerprint = first 16 bytes of H("fedl.tokn.v1", server Noise public ‖ CA public). */
void fedl_fingerprint(const fedl_crypto *crypto, uint8_t out[FEDLI_FINGERPRINT_BYTES],
                      const uint8_t noise_public[32], const uint8_t ca_public[32]);
/** Text for humans: groups of base32 letters with a checksum that catches typing errors. */
void fedl_token_format(const fedl_crypto *crypto, char text[FEDLI_TOKEN_TEXT_BYTES],
                       const uint8_t secret[FEDLI_TOKEN_SECRET_BYTES],
                       const uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES]);
/** Case and dashes are ignored; I and L are read as 1, O as 0. Errors: ERR_FORMAT (length,
 * letters), ERR_MISMATCH (checksum: a typing error). */
FEDL_NODISCARD fedl_status fedl_token_parse(const fedl_crypto *crypto,
                                            uint8_t secret[FEDLI_TOKEN_SECRET_BYTES],
                                            uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES],
                                            const char *text);

#endif
