/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper: the second party of helper rounds. It holds the seeds of one request, and gives away
 * only the sum of their masks, for one set of devices per (task, round), for ever.
 *
 *   check() ─ refused ─► reply
 *     └ SUM ─ is_new ─► make encode() durable, then commit() ─► the sum of keys ─► reply
 *
 *  * It believes its own CA pin, its own list of revoked devices and its own smallest cohort.
 *  * Rounds of a task only rise: an older one is refused, the newest is answered again only to the
 *    same bytes. So one record per task is enough, and nothing has to be forgotten.
 *  * No clock, no file, no malloc, no network.
 */
#ifndef FEDL_HELPER_HELPER_MACHINE_H
#define FEDL_HELPER_HELPER_MACHINE_H

#include "helper/helper_request.h"

#define FEDL_HELPER_COHORT_USUAL 5u
#define FEDL_HELPER_TASKS_MAX    4096u
#define FEDL_HELPER_STATE_BYTES(count)                                                             \
    (8u + 16u + 4u + (size_t)(count) * (4u + 4u + FEDL_HELPER_HASH_BYTES) + 32u)
#define FEDL_HELPER_STATE_BYTES_MAX FEDL_HELPER_STATE_BYTES(FEDL_HELPER_TASKS_MAX)

typedef struct fedl_helper_config {
    const fedl_crypto *crypto;
    uint8_t fleet_id[16];
    uint8_t noise_secret[32];
    uint8_t ca_public[32];
    uint32_t min_cohort;     /* ≥ FEDL_COHORT_MIN */
    const uint32_t *revoked; /* device ids, in any order; outlive the helper */
    uint32_t revoked_count;
} fedl_helper_config;

/* The newest answered round of a task. */
typedef struct fedl_helper_round {
    uint32_t task_id; /* rising in the table */
    uint32_t round;
    uint8_t hash[FEDL_HELPER_HASH_BYTES]; /* of its request */
} fedl_helper_round;

typedef struct fedl_helper {
    fedl_helper_config cfg;
    uint32_t count;
    fedl_helper_round rounds[FEDL_HELPER_TASKS_MAX];
} fedl_helper;

/** Errors: ERR_RANGE (min_cohort). */
FEDL_NODISCARD fedl_status fedl_helper_init(fedl_helper *helper, const fedl_helper_config *cfg);
/** Takes what encode() wrote: magic "fedlhlp1" ‖ fleet 16 ‖ count u32 ‖ count · {task u32 ‖ round
 * u32 ‖ hash 32} ‖ H("fedl.hlps.v1", all before). Errors: ERR_CORRUPT, ERR_MISMATCH (of another
 * fleet). */
FEDL_NODISCARD fedl_status fedl_helper_decode(fedl_helper *helper, fedl_bytes bytes);
/**
 * Judges a request. SUM: request is read, keys[0 … count) are all to be applied to a vector of
 * zeros (secrets: the caller wipes them); *is_new: the round must be made durable first. Anything
 * else: no seed is left in keys. *accused: the device at fault, or 0. request->hash is set whenever
 * the request could be read, else zero. FULL also when keys_max is too small.
 */
fedl_helper_answer fedl_helper_check(const fedl_helper *helper, fedl_helper_request *request,
                                     fedli_mask_key *keys, uint32_t keys_max, bool *is_new,
                                     uint32_t *accused, fedl_bytes bytes, uint64_t utc_s);
/** The table as it will be after commit(); request NULL: as it is. Returns the size: at most
 * FEDL_HELPER_STATE_BYTES_MAX. */
size_t fedl_helper_encode(const fedl_helper *helper, uint8_t *out,
                          const fedl_helper_request *request);
/** The round is durable. */
void fedl_helper_commit(fedl_helper *helper, const fedl_helper_request *request);
/** Wipes the key. */
void fedl_helper_deinit(fedl_helper *helper);

#endif
