/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine in the middle of a masked attempt, as bytes (little-endian):
 *
 *   "fdsv" ‖ format u16 = 1 ‖ flags u16 ‖ size u32 (of all) ‖ library version u32 ‖
 *   device u32 ‖ fleet 16 ‖ task, round, attempt, late round u32 ‖
 *   epoch certificate 136 ‖ epoch secret 32 ‖
 *   progress of the task: version u32 ‖ digest 32 ‖ opened round, attempt, closed, resumed u32 ‖
 *   ρ u64 ‖ manifest ‖ signature ‖ plan size u32 ‖ plan ‖ party size u32 ‖ party's block ‖
 *   while the vector is not with the server: rows u32 ‖ loss, evaluated rows, correct, evaluated
 *   loss u64 ‖ container size u32 ‖ container of the round ‖ container of the trained weights ‖
 *   BLAKE2b-256 of all that precedes, keyed with a hash of the device's own secret
 *
 * The update is not kept but made again from the two containers, by the code that made it first.
 */
#ifndef FEDL_CLIENT_SAVED_H
#define FEDL_CLIENT_SAVED_H

#include "client/client_state.h"

#define FEDLI_SAVED_MAGIC          0x76736466u /* "fdsv" */
#define FEDLI_SAVED_FORMAT         1u
#define FEDLI_SAVED_UPDATE         0x01u /* the update is in it */
#define FEDLI_SAVED_REPORTED       0x02u
#define FEDLI_SAVED_CLOSED         0x04u
#define FEDLI_SAVED_ANNOUNCED      0x08u
#define FEDLI_SAVED_SENT           0x10u
#define FEDLI_SAVED_FLAGS          0x1fu
#define FEDLI_SAVED_HEAD_BYTES     (4u + 2u + 2u + 4u + 4u + 4u + 16u + 16u)
#define FEDLI_SAVED_PROGRESS_BYTES (4u + 32u + 16u + 8u)
#define FEDLI_SAVED_STATS_BYTES    (4u + 32u)

/* Views into the bytes. */
typedef struct fedli_saved {
    uint16_t flags;
    uint32_t size;
    uint32_t device_id;
    fedl_bytes fleet_id;
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    uint32_t late_round;
    fedl_bytes epoch_cert;
    fedl_bytes epoch_secret;
    fedl_client_accepted progress;
    fedl_bytes manifest; /* FEDLI_MANIFEST_KEPT_BYTES */
    fedl_bytes plan;
    fedl_bytes party;
    uint32_t update_rows;
    fedl_train_stats train;
    fedl_eval_stats eval;
    fedl_bytes reference;
    fedl_bytes trained;
} fedli_saved;

/** The tag at the end, over the first size bytes. */
void fedli_saved_tag(const fedl_crypto *crypto, uint8_t tag[FEDL_HASH_BYTES],
                     const fedl_identity *identity, const uint8_t *bytes, size_t size);
/** Errors: ERR_FORMAT (no saved machine), ERR_VERSION (another format or library), ERR_CORRUPT
 * (changed, cut, or of another identity). */
FEDL_NODISCARD fedl_status fedli_saved_read(fedli_saved *saved, const fedl_crypto *crypto,
                                            const fedl_identity *identity, fedl_bytes bytes);

#endif
