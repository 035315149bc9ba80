/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoch keys: X25519 keys of a device for one task and a range of rounds, certified by the device's
 * own Ed25519 key. Certificate = body 72 ‖ signature of ID_u over "fedl/epoch/v1" ‖ body.
 * body = schema u16 (1) ‖ 0 u16 ‖ fleet 16 ‖ device u32 ‖ task u32 ‖ epoch u32 ‖ round_lo u32 ‖
 * round_hi u32 ‖ EK_pk 32.
 */
#ifndef FEDL_SECAGG_EPOCH_H
#define FEDL_SECAGG_EPOCH_H

#include "fedl/crypto.h"
#include "secagg/item.h"

typedef struct fedli_epoch_cert {
    uint8_t fleet_id[16];
    uint32_t device_id;
    uint32_t task_id;
    uint32_t epoch;    /* the first round it is good for */
    uint32_t round_lo; /* 1 ≤ lo ≤ hi < lo + FEDL_EPOCH_ROUNDS_MAX */
    uint32_t round_hi;
    uint8_t epoch_public[32];
} fedli_epoch_cert;

void fedli_epoch_cert_issue(const fedl_crypto *crypto, uint8_t out[FEDLI_EPOCH_CERT_BYTES],
                            const fedli_epoch_cert *cert, const uint8_t id_secret[64]);
/** Verifies, then parses. Fleet, device, task and round are for the caller to compare.
 * Errors: ERR_AUTH, ERR_VERSION (schema), ERR_FORMAT (reserved, ranges). */
FEDL_NODISCARD fedl_status fedli_epoch_cert_open(fedli_epoch_cert *cert, const fedl_crypto *crypto,
                                                 const uint8_t bytes[FEDLI_EPOCH_CERT_BYTES],
                                                 const uint8_t id_public[32]);

/*
 * The check of one neighbour, by devices before they mask and by the server before ROSTER: device
 * certificate (role, fleet, subject = entry's id, ID_pk; now_s = 0 skips expiry) and epoch
 * certificate (fleet, device, task, epoch, EK_pk, round within [lo, hi]).
 * Errors: ERR_AUTH (device certificate: signature, role, fleet, subject or key differ),
 * ERR_EXPIRED (device certificate), ERR_MISMATCH (epoch certificate, any reason).
 */
FEDL_NODISCARD fedl_status fedli_peer_check(const fedl_crypto *crypto, fedli_epoch_cert *cert,
                                            const fedli_roster_entry *entry,
                                            const uint8_t certs[FEDLI_CERT_PAIR_BYTES],
                                            const uint8_t ca_public[32], const uint8_t fleet_id[16],
                                            uint32_t task_id, uint32_t round, uint64_t now_s);

#endif
