/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of one masked attempt: a machine of its own, below the coordinator. It collects
 * READY, freezes the roster, passes shares on, says whose vectors it wants, and ends with the list
 * of keys that take all masks off the sum. It holds no vector and no sum: those stay with the task.
 *
 *   GATHERING ─goal or time─► SHARING ─all or time─► MASKING ─all or time─► FROZEN
 *       │ too few                │ too few, COMPLAINT    │ too few             │ committed()
 *       └────────► FAILED ◄──────┴───────────────────────┘                     ▼
 *                    ▲ ── time, a lie found ────────────── CONFIRMING ◄─active─┤
 *                    └──────── (burnt: the round is over) ─ UNMASKING ◄────────┘ ─t shares each─►
 * READY
 *
 * With aggregation = helper (group_helper.c) a device puts SEED and uploads at once, and a second
 * party takes the masks off:
 *
 *   GATHERING ─goal or time─► FROZEN ─committed()─► UNMASKING ─the helper's sum─► READY
 *
 *  * FROZEN waits for one durable transaction {U2, kind of share per member, masked sum, export()}.
 *    Before it the attempt may fail and be made again; after it only finished or burnt.
 *  * Never both kinds of share of one device: the kind is fixed with U3 and is stored first.
 *  * No clock, no malloc, no entropy. A wrong blob is an answer, not an error.
 */
#ifndef FEDL_COORD_GROUP_H
#define FEDL_COORD_GROUP_H

#include "fedl/client.h" /* fedl_instant_ns */
#include "fedl/plan.h"
#include "secagg/binding.h"
#include "secagg/prg.h"

typedef enum fedl_group_phase {
    FEDL_GROUP_GATHERING = 1,
    FEDL_GROUP_SHARING = 2,
    FEDL_GROUP_MASKING = 3,
    FEDL_GROUP_FROZEN = 4,
    FEDL_GROUP_CONFIRMING = 5,
    FEDL_GROUP_UNMASKING = 6,
    FEDL_GROUP_READY = 7,  /* keys() are complete */
    FEDL_GROUP_FAILED = 8, /* reason(); burnt() when the kinds were durable already */
} fedl_group_phase;

typedef enum fedl_group_answer {
    FEDL_GROUP_OK = 1,
    FEDL_GROUP_NOT_YET = 2,    /* GET: ask again, or park */
    FEDL_GROUP_STALE = 3,      /* this step is over for the device */
    FEDL_GROUP_NOT_MEMBER = 4, /* not in the roster, or fell out */
    FEDL_GROUP_MISMATCH = 5,   /* malformed, or another blob than before */
} fedl_group_answer;

typedef struct fedl_group_setup {
    const fedl_crypto *crypto;
    const fedl_plan *plan;
    fedli_attempt attempt;
    const uint8_t *ca_public; /* 32, outlives the group */
    uint64_t utc_s;
    uint32_t cohort_goal; /* READYs that freeze the roster, ≤ n_max */
    uint32_t cohort_min;  /* fewest; ≥ plan.secagg.min_cohort */
    fedl_instant_ns gather_until_ns;
    const uint32_t *excluded; /* ids that must not be in this attempt; outlives it */
    uint32_t excluded_count;
    const uint8_t *helper_cert; /* FEDLI_DEVICE_CERT_BYTES, outlives the group; HELPER only */
} fedl_group_setup;

typedef struct fedl_group {
    struct fedli_group_state *state;
} fedl_group;

/** Bytes of the block for cohorts up to plan.update.clients_max: about 155·k + 600 per device;
 * 0: clients_max is no size of a cohort. plan was checked. */
size_t fedl_group_size(const fedl_plan *plan);
/** Errors: ERR_SIZE (block), ERR_RANGE (cohort_goal, cohort_min, aggregation). block: 16-byte
 * aligned; used again for every attempt. */
FEDL_NODISCARD fedl_status fedl_group_begin(fedl_group *group, const fedl_group_setup *setup,
                                            void *block, size_t block_bytes,
                                            fedl_instant_ns now_ns);
/** One part of an item of a device; parts may come twice. *next_offset: where it goes on;
 * *complete: all is there and good. id_public and noise_public are the device's registered keys
 * (READY's certificate has to carry them).
 *   OK          taken, or known already
 *   STALE       the item's step is over, or the attempt has failed (both outputs 0, false)
 *   NOT_MEMBER  excluded, removed, not in the roster; CONFIRM, UNMASK: not in U3
 *   MISMATCH    malformed, of another size, other bytes than before, too early, not an upward item
 */
fedl_group_answer fedl_group_put(fedl_group *group, fedl_instant_ns now_ns, uint32_t device_id,
                                 const uint8_t id_public[32], const uint8_t noise_public[32],
                                 fedl_group_item item, uint64_t offset, uint64_t total,
                                 fedl_bytes payload, uint64_t *next_offset, bool *complete);
/** Writes up to out_bytes (≥ 1) bytes of an item at offset; *size and *total are 0 with any answer
 * but OK. Parked GETs that got NOT_YET are to be asked again when there is news().
 *   NOT_YET     it will be there, or the attempt will fail
 *   STALE       its step is over, or the attempt has failed
 *   NOT_MEMBER  not in the roster, removed, or not in the set that goes on
 *   MISMATCH    not a downward item of this plan, or offset beyond its end */
fedl_group_answer fedl_group_get(fedl_group *group, uint32_t device_id, fedl_group_item item,
                                 uint64_t offset, uint8_t *out, size_t out_bytes, size_t *size,
                                 uint64_t *total);
/** May this device's vector be taken (and staged) now? rb must be this attempt's. OK, STALE (after
 * U3 froze, or had already: see vector_counted), NOT_MEMBER, MISMATCH. */
fedl_group_answer fedl_group_vector_wanted(const fedl_group *group, uint32_t device_id,
                                           const uint8_t rb[32]);
bool fedl_group_vector_counted(const fedl_group *group, uint32_t device_id);
/** The vector is in the sum; once per device. */
void fedl_group_vector_add(fedl_group *group, fedl_instant_ns now_ns, uint32_t device_id);
/** A device was revoked or left: it is not waited for any longer. */
void fedl_group_remove(fedl_group *group, fedl_instant_ns now_ns, uint32_t device_id);
/** Does the present phase still wait for an item (or the vector) of this device? After import()
 * true for all survivors: what they had sent before is lost, and has to be put again. */
bool fedl_group_waits_for(const fedl_group *group, uint32_t device_id);
/** Time-outs of the steps. */
void fedl_group_tick(fedl_group *group, fedl_instant_ns now_ns);
fedl_instant_ns fedl_group_deadline_ns(const fedl_group *group);
/** What of this group's items has changed since the last call: parked GETs should be tried again.
 */
bool fedl_group_news(fedl_group *group);

fedl_group_phase fedl_group_phase_of(const fedl_group *group);
const char *fedl_group_reason(const fedl_group *group); /* FAILED: static text */
/* Who spoiled something, also when the attempt went well: a device that shared another secret than
 * it committed to; a device with more wrong shares than may collude; or the two ends of a complaint
 * or of one wrong share, of which either may have lied: the accused (the sender) and the complainer
 * (the owner). 0 = nobody. */
uint32_t fedl_group_blamed(const fedl_group *group);
uint32_t fedl_group_blamed_other(const fedl_group *group);
bool fedl_group_burnt(const fedl_group *group);
uint32_t fedl_group_cohort(const fedl_group *group); /* n; READYs so far while GATHERING */
/** Whether devices may have read the roster (HELPER: the helper's certificate), also when the group
 * has failed since. */
bool fedl_group_roster_is_out(const fedl_group *group);

/* From FROZEN on: members of U2 by rising id with the kind of share that will be asked for. */
uint32_t fedl_group_u2_count(const fedl_group *group);
uint32_t fedl_group_u3_count(const fedl_group *group);
void fedl_group_u2_at(const fedl_group *group, uint32_t index, uint32_t *device_id, uint8_t *kind);
/** Most bytes that an export of this plan can have: what the task's block sets aside. */
size_t fedl_group_export_bytes_max(const fedl_plan *plan);
/** What another process needs to finish, without any share: ids, tags, SeedBoxes, U2, U3. Only in
 * FROZEN, otherwise 0 bytes. */
size_t fedl_group_export_bytes(const fedl_group *group);
void fedl_group_export(const fedl_group *group, uint8_t *out);
/** The transaction is durable: asks for confirmations or shares. */
void fedl_group_committed(fedl_group *group, fedl_instant_ns now_ns);
/** Takes up a stored group in CONFIRMING or UNMASKING. Of setup only crypto, plan and attempt are
 * used. Errors: ERR_SIZE (block), ERR_CORRUPT, ERR_MISMATCH (it is of another attempt). */
FEDL_NODISCARD fedl_status fedl_group_import(fedl_group *group, const fedl_group_setup *setup,
                                             void *block, size_t block_bytes, fedl_bytes exported,
                                             fedl_instant_ns now_ns);
/** READY: the keys that take the masks off, in the group's block. */
const fedli_mask_key *fedl_group_keys(const fedl_group *group, uint32_t *count);
/** HELPER, UNMASKING: true when the helper is to be asked now, with the exported bytes;
 * helper_said() follows. */
bool fedl_group_helper_ask(fedl_group *group, fedl_instant_ns now_ns);
/** What became of the question with these request bytes (the export). status: whether there is a
 * reply at all; without one, or with one that makes no sense, it is asked again after a pause,
 * until 10·step_ms are over. READY: *sum views what is to be added to the masked sum (in reply);
 * else it is empty. Late answers are ignored. */
void fedl_group_helper_said(fedl_group *group, fedl_instant_ns now_ns, fedl_status status,
                            fedl_bytes request, fedl_bytes reply, fedl_bytes *sum);
/** Wipes everything. */
void fedl_group_end(fedl_group *group);

#endif
