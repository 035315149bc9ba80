/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two devices share, and what is derived from it. lo and hi are the two ends by device id.
 *
 *   root     = H("fedl.pair.v1", X25519(sk, pk) ‖ pk_lo ‖ pk_hi ‖ fleet ‖ id_lo u32 ‖ id_hi u32)
 *   chain    = KDF(root, "fedl.task.v1", task u32 ‖ epoch_lo u32 ‖ epoch_hi u32) belongs to round
 *              first = max of both round_lo; then once per round, skipped ones included:
 *              chain = KDF(chain, "fedl.next.v1", "")
 *   seed     = KDF(chain_r, "fedl.mask.v1", rb)                     of the pair's mask
 *   share key= KDF(chain_r, "fedl.shar.v1", rb ‖ from u32 ‖ to u32 ‖ salt 16 of `from`)
 *   confirm  = first 16 bytes of KDF(chain_r, "fedl.conf.v1", rb ‖ from u32 ‖ to u32 ‖
 *              H("fedl.surv.v1", n u32 ‖ U2 bitmap ‖ U3 bitmap))
 *
 * chain_r serves all attempts of round r; it is overwritten when a later round is derived. Secrecy
 * is per epoch, as long as the epoch's secret key lives on the device.
 */
#ifndef FEDL_SECAGG_PAIR_H
#define FEDL_SECAGG_PAIR_H

#include "fedl/crypto.h"
#include "secagg/item.h"

/* One end's keys. */
typedef struct fedli_pair_end {
    uint32_t device_id;
    uint8_t epoch_public[32];
    uint32_t epoch;
    uint32_t round_lo;
} fedli_pair_end;

typedef struct fedli_pair {
    uint32_t round; /* that chain belongs to; 0: empty */
    uint8_t chain[32];
} fedli_pair;

/**
 * Derives the chain of `round` from the DH of both ends.
 * Errors: ERR_AUTH (low-order point), ERR_RANGE (round below the first, or FEDL_EPOCH_ROUNDS_MAX or
 * more beyond it).
 */
FEDL_NODISCARD fedl_status fedli_pair_derive(const fedl_crypto *crypto, fedli_pair *pair,
                                             const uint8_t fleet_id[16], uint32_t task_id,
                                             const fedli_pair_end *self,
                                             const uint8_t epoch_secret[32],
                                             const fedli_pair_end *peer, uint32_t round);
/** Moves on to a later round and wipes the old chain. Errors: ERR_RANGE (back, or too far). */
FEDL_NODISCARD fedl_status fedli_pair_advance(const fedl_crypto *crypto, fedli_pair *pair,
                                              uint32_t round);
void fedli_pair_seed(const fedl_crypto *crypto, uint8_t seed[32], const fedli_pair *pair,
                     const uint8_t rb[32]);
void fedli_pair_share_key(const fedl_crypto *crypto, uint8_t key[32], const fedli_pair *pair,
                          const uint8_t rb[32], uint32_t from_id, uint32_t to_id,
                          const uint8_t salt[FEDLI_SALT_BYTES]);
void fedli_survivors_digest(const fedl_crypto *crypto, uint8_t digest[32], uint32_t n,
                            const uint8_t *u2, const uint8_t *u3);
void fedli_pair_confirm(const fedl_crypto *crypto, uint8_t tag[FEDLI_CONFIRM_TAG_BYTES],
                        const fedli_pair *pair, const uint8_t rb[32], uint32_t from_id,
                        uint32_t to_id, const uint8_t survivors_digest[32]);

#endif
