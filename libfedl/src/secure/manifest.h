/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed model manifests. Fixed-width little-endian, verified over the exact bytes before they are
 * parsed. Signature: Ed25519 over "fedl/manifest/v1" ‖ bytes, by the key of a certified server
 * (role ROUND).
 *
 * What the signature does not say is checked by the caller: fleet, task, expiry
 * (fedl_manifest_expired), a version that rises, the digest of the container itself, and the range
 * of the bound, which the plan gives.
 */
#ifndef FEDL_SECURE_MANIFEST_H
#define FEDL_SECURE_MANIFEST_H

#include "fedl/crypto.h"

#define FEDLI_MANIFEST_BYTES 240u /* fixed; layout in docs/protocol.md, unused end zero */

typedef enum fedl_model_class {
    FEDL_MODEL_TRAIN_ONLY = 1, /* round models: online key, short life */
} fedl_model_class;

typedef struct fedl_manifest {
    fedl_model_class model_class;
    uint8_t fleet_id[16];
    uint32_t task_id;
    uint32_t version;          /* rises by one per published round, first = 1 */
    uint32_t round;            /* that made it, 0 for the first version */
    uint8_t parent_digest[32]; /* zero for the first version */
    uint8_t digest[32];        /* BLAKE2b-256 of the container */
    uint64_t container_bytes;
    uint8_t plan_digest[32]; /* BLAKE2b-256 of the canonical plan */
    uint32_t parameter_count;
    uint32_t security_counter;
    uint32_t library_version_min;
    uint64_t created_s;     /* UTC seconds */
    uint64_t expires_s;     /* UTC seconds; 0 = never */
    uint32_t expires_round; /* 0 = never */
    uint32_t bound_q16;     /* adaptive clipping: of the round that trains this version; else 0 */
} fedl_manifest;

/** Writes the fixed layout; every value of the fields has a place. */
void fedl_manifest_encode(uint8_t out[FEDLI_MANIFEST_BYTES], const fedl_manifest *manifest);
/** Signs the exact bytes. secret: Ed25519, FEDL_SIGN_SECRET_BYTES. */
void fedl_manifest_sign(const fedl_crypto *crypto, uint8_t signature[64],
                        const uint8_t bytes[FEDLI_MANIFEST_BYTES], const uint8_t secret[64]);
/**
 * Verifies, then parses. Errors: ERR_FORMAT (size, class, reserved bytes), ERR_VERSION (schema),
 * ERR_AUTH. Nothing of bytes is looked at before the signature has been verified.
 */
FEDL_NODISCARD fedl_status fedl_manifest_open(fedl_manifest *manifest, const fedl_crypto *crypto,
                                              fedl_bytes bytes, const uint8_t signature[64],
                                              const uint8_t signer_public[32]);
/** The field bound_q16 of an encoded manifest that this host has verified, or made. */
uint32_t fedl_manifest_bound_q16(const uint8_t bytes[FEDLI_MANIFEST_BYTES]);
/**
 * Whether the model's life is over: now_s > expires_s or round > expires_round, each only where a
 * limit is set. now_s = 0 (a device without a clock) leaves the round as the only limit.
 */
bool fedl_manifest_expired(const fedl_manifest *manifest, uint64_t now_s, uint32_t round);

#endif
