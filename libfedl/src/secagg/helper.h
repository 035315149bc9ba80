/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper rounds (docs/protocol.md "Helper rounds"): a device adds one mask P(s) to its vector and
 * seals s to a second party, the helper. The server has the sum of the vectors, the helper the
 * seeds; only the sum of all masks ever goes from one to the other.
 *
 *   rbH  = H("fedl.rndh.v1", fleet 16 ‖ task u32 ‖ round u32 ‖ attempt u32 ‖ version u32 ‖
 *            model digest 32 ‖ plan digest 32)
 *   SEED = Noise X to the helper's key, prologue "fedl/1" ‖ fleet, of
 *          {s 32 ‖ rbH 32 ‖ device u32 ‖ min_cohort u32 ‖ device certificate 176 ‖ signature of
 *           ID_u over "fedl/seed/v1" ‖ the fields before}
 */
#ifndef FEDL_SECAGG_HELPER_H
#define FEDL_SECAGG_HELPER_H

#include "secagg/binding.h"

typedef struct fedli_seed {
    uint8_t seed[32]; /* secret; key of the device's only mask */
    uint8_t rb[32];   /* rbH */
    uint32_t device_id;
    uint32_t min_cohort; /* the helper makes no sum of fewer */
    uint8_t cert[FEDLI_DEVICE_CERT_BYTES];
} fedli_seed;

/* The keys that one SEED takes. */
typedef struct fedli_seed_keys {
    const uint8_t *id_secret;     /* 64, of the device */
    const uint8_t *noise_secret;  /* 32, of the device */
    const uint8_t *helper_public; /* 32, from fedli_helper_cert_check() */
    const uint8_t *fleet_id;      /* 16 */
} fedli_seed_keys;

void fedli_helper_binding(const fedl_crypto *crypto, uint8_t rb[32], const fedli_attempt *attempt);

/** s, and the ephemeral key of its message, from one secret per attempt: what is sent again is the
 * same bytes. */
void fedli_seed_derive(const fedl_crypto *crypto, uint8_t seed[32], uint8_t ephemeral[32],
                       const uint8_t secret[32], const uint8_t rb[32]);

/** Errors: ERR_AUTH (the helper's key is of low order). */
FEDL_NODISCARD fedl_status fedli_seed_seal(const fedl_crypto *crypto,
                                           uint8_t out[FEDLI_SEED_ITEM_BYTES],
                                           const fedli_seed *seed, const fedli_seed_keys *keys,
                                           const uint8_t ephemeral[32]);
/**
 * The helper's side: opens, then checks the device's certificate against ca_public, and that its
 * keys have made signature and message. now_s = 0 skips expiry. rb and min_cohort are for the
 * caller to compare. The caller wipes seed.
 * Errors: ERR_AUTH (does not open, signature, keys differ), ERR_MISMATCH (certificate: CA, role,
 * fleet, subject), ERR_EXPIRED, ERR_RANGE (min_cohort below FEDL_COHORT_MIN).
 */
FEDL_NODISCARD fedl_status fedli_seed_open(const fedl_crypto *crypto, fedli_seed *seed,
                                           const uint8_t item[FEDLI_SEED_ITEM_BYTES],
                                           const uint8_t helper_secret[32],
                                           const uint8_t fleet_id[16], const uint8_t ca_public[32],
                                           uint64_t now_s);

/** The device's side: the helper's Noise key from its certificate. Errors: ERR_AUTH (signature,
 * role, fleet, form), ERR_EXPIRED. */
FEDL_NODISCARD fedl_status fedli_helper_cert_check(const fedl_crypto *crypto,
                                                   uint8_t helper_public[32],
                                                   const uint8_t cert[FEDLI_DEVICE_CERT_BYTES],
                                                   const uint8_t ca_public[32],
                                                   const uint8_t fleet_id[16], uint64_t now_s);

#endif
