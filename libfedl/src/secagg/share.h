/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secrets of one attempt of one device, their shares, and what lets the server check them.
 *
 *   b_u   32 bytes  self_u = KDF(b_u, "fedl.self.v1", rb): seed of the device's own mask
 *   d_u   32 bytes  kbox_u = KDF(d_u, "fedl.sbox.v1", rb): key of its SeedBox
 *   salt  16 bytes  public
 *   All of them, the nonce and the Shamir coefficients come from ONE 32-byte secret per attempt,
 *   KDF(secret, "fedl.att<x>.v1", …), so that everything a device sends can be made again.
 *   share pair of x = Shamir share of b_u ‖ d_u (64 bytes), sealed with the pair's share key, zero
 *   nonce (single use), AD = rb ‖ from u32 ‖ to u32 ‖ x u8
 *   tag   = first 16 bytes of H("fedl.shrc.v1", rb ‖ owner u32 ‖ x u8 ‖ kind u8 ‖ share 32)
 *   cb_u  = H("fedl.comb.v1", rb ‖ owner u32 ‖ b_u)
 *   SeedBox = AEAD(kbox_u, zero nonce, the k edge seeds, AD = rb ‖ owner u32)
 */
#ifndef FEDL_SECAGG_SHARE_H
#define FEDL_SECAGG_SHARE_H

#include "secagg/pair.h"

typedef enum fedli_share_kind {
    FEDLI_SHARE_B = 1, /* of a device whose vector is in the sum: removes its own mask */
    FEDLI_SHARE_D = 2, /* of a device that vanished: opens its SeedBox */
} fedli_share_kind;

typedef struct fedli_attempt_secrets {
    uint8_t nonce[FEDLI_NONCE16_BYTES]; /* public: stands in READY */
    uint8_t salt[FEDLI_SALT_BYTES];     /* public: stands in SHARES */
    uint8_t b[32];
    uint8_t d[32];
    uint8_t
        coefficient_key[32]; /* PRG key: row i of coefficients = keystream bytes 64·i … 64·i+63 */
    uint8_t noise_key[32];   /* for the update's noise, when the plan has any */
} fedli_attempt_secrets;

/** Everything of an attempt from its one secret; wipe it after use. */
void fedli_attempt_secrets_derive(const fedl_crypto *crypto, fedli_attempt_secrets *secrets,
                                  const uint8_t secret[32]);
void fedli_self_seed(const fedl_crypto *crypto, uint8_t seed[32], const uint8_t b[32],
                     const uint8_t rb[32]);
void fedli_commitment(const fedl_crypto *crypto, uint8_t cb[32], const uint8_t rb[32],
                      uint32_t owner_id, const uint8_t b[32]);
/** Share pair (64 bytes) of coordinate x, threshold t. */
void fedli_share_pair(uint8_t pair[64], const fedli_attempt_secrets *secrets, uint32_t t,
                      uint8_t x);
void fedli_share_tag(const fedl_crypto *crypto, uint8_t tag[FEDLI_SHARE_TAG_BYTES],
                     const uint8_t rb[32], uint32_t owner_id, uint8_t x, fedli_share_kind kind,
                     const uint8_t share[FEDLI_SHARE_BYTES]);
void fedli_share_seal(const fedl_crypto *crypto, uint8_t sealed[FEDLI_SEALED_PAIR_BYTES],
                      const uint8_t pair[64], const uint8_t share_key[32], const uint8_t rb[32],
                      uint32_t from_id, uint32_t to_id, uint8_t x);
/** False: forged, replayed, or of another attempt. */
bool fedli_share_open(const fedl_crypto *crypto, uint8_t pair[64],
                      const uint8_t sealed[FEDLI_SEALED_PAIR_BYTES], const uint8_t share_key[32],
                      const uint8_t rb[32], uint32_t from_id, uint32_t to_id, uint8_t x);
/** box: 32·k + 16 bytes; seeds: k · 32 bytes in neighbour order; in place (box == seeds) allowed.
 */
void fedli_seedbox_seal(const fedl_crypto *crypto, uint8_t *box, const uint8_t *seeds, uint32_t k,
                        const uint8_t d[32], const uint8_t rb[32], uint32_t owner_id);
bool fedli_seedbox_open(const fedl_crypto *crypto, uint8_t *seeds, const uint8_t *box, uint32_t k,
                        const uint8_t d[32], const uint8_t rb[32], uint32_t owner_id);

#endif
