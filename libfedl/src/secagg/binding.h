/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one attempt is bound to. Everything is hashed in fixed-width little-endian form with
 * BLAKE2b-256 and a 16-byte personalisation (the name, zero-padded); docs/protocol.md has the
 * layouts. The plan's digest stands for every number of the configuration.
 *
 *   roster_root = H("fedl.rost.v1", n u32 ‖ entries)          entries: secagg/item.h
 *   beacon      = H("fedl.bcon.v1", n u32 ‖ {id u32 ‖ nonce 16} in id order)
 *   rb          = H("fedl.round.v1", fleet 16 ‖ task u32 ‖ round u32 ‖ attempt u32 ‖ version u32 ‖
 *                   model digest 32 ‖ plan digest 32 ‖ n u32 ‖ k u16 ‖ t u16 ‖ roster_root ‖
 * beacon)
 */
#ifndef FEDL_SECAGG_BINDING_H
#define FEDL_SECAGG_BINDING_H

#include "base/cursor.h"
#include "fedl/crypto.h"
#include "secagg/item.h"

/* The attempt as both sides know it before the roster. */
typedef struct fedli_attempt {
    uint8_t fleet_id[16];
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    uint32_t version; /* of the model that is trained */
    uint8_t model_digest[32];
    uint8_t plan_digest[32]; /* of fedli_attempt_plan_digest() */
} fedli_attempt;

/* What every binding begins with: the attempt in the order of its fields. */
#define FEDLI_ATTEMPT_BYTES (16u + 4u * 4u + 64u)
void fedli_attempt_write(fedli_writer *writer, const fedli_attempt *attempt);

/** H(personal, data): personal is a C string of at most 16 letters. */
void fedli_hash(const fedl_crypto *crypto, uint8_t out[32], const char *personal, const void *data,
                size_t size);
/** KDF(key, personal, data): the same, keyed with 32 bytes. */
void fedli_kdf(const fedl_crypto *crypto, uint8_t out[32], const uint8_t key[32],
               const char *personal, const void *data, size_t size);

/**
 * What stands for the plan in an attempt: its digest; with adaptive clipping, where the round's
 * bound goes with it, H("fedl.bound.v1", plan digest 32 ‖ bound_q16 u32). So devices that were
 * shown different bounds share no round binding, and no key of noise serves two bounds.
 */
void fedli_attempt_plan_digest(const fedl_crypto *crypto, uint8_t out[32],
                               const uint8_t plan_digest[32], uint32_t bound_q16);

/* Root and beacon of a roster that is read entry by entry. */
typedef struct fedli_roster_hash {
    fedl_hash root;
    fedl_hash beacon;
} fedli_roster_hash;
void fedli_roster_hash_init(fedli_roster_hash *hash, const fedl_crypto *crypto, uint32_t n);
void fedli_roster_hash_add(fedli_roster_hash *hash, const fedl_crypto *crypto,
                           const uint8_t entry[FEDLI_ROSTER_ENTRY_BYTES]);
void fedli_roster_hash_end(fedli_roster_hash *hash, const fedl_crypto *crypto, uint8_t root[32],
                           uint8_t beacon[32]);

void fedli_round_binding(const fedl_crypto *crypto, uint8_t rb[32], const fedli_attempt *attempt,
                         uint32_t n, uint16_t k, uint16_t t, const uint8_t roster_root[32],
                         const uint8_t beacon[32]);

#endif
