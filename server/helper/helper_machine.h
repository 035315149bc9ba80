/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper: the second party of helper rounds. It holds the seeds of one request, and gives away
 * only the sum of their masks, for one set of devices per (task, round), for ever.
 *
 *   serve():  check() ─ refused ──────────────────────────────────────────────► reply
 *               └ SUM ─ new ─► encode(), the host's keep() ─► commit() ─► −Σ P(s) ─► reply
 *
 *  * It believes its own CA pin, its own list of revoked devices and its own smallest cohort.
 *  * Rounds of a task only rise: an older one is refused, the newest is answered again only to the
 *    same bytes. So one record per task is enough, and nothing has to be forgotten.
 *  * No clock, no file, no malloc, no network, no thread: a host that has some lends them (keep(),
 *    spread()). Opening seeds and making the sum are cut into parts; the answer, and who is
 * accused, never depends on how many.
 */
#ifndef FEDL_HELPER_HELPER_MACHINE_H
#define FEDL_HELPER_HELPER_MACHINE_H

#include "helper/helper_request.h"

#define FEDL_HELPER_COHORT_USUAL 5u
#define FEDL_HELPER_TASKS_MAX    4096u
#define FEDL_HELPER_PARTS_MAX    16u
#define FEDL_HELPER_STATE_BYTES(count)                                                             \
    (8u + 16u + 4u + (size_t)(count) * (4u + 4u + FEDL_HELPER_HASH_BYTES) + 32u)
#define FEDL_HELPER_STATE_BYTES_MAX FEDL_HELPER_STATE_BYTES(FEDL_HELPER_TASKS_MAX)

/* A piece of work: to be called once for each part 0 … parts − 1, in any order, on any threads. */
typedef void (*fedl_helper_work)(void *job, uint32_t part, uint32_t parts);

typedef struct fedl_helper_config {
    const fedl_crypto *crypto;
    uint8_t fleet_id[16];
    uint8_t noise_secret[32];
    uint8_t ca_public[32];
    uint32_t min_cohort;     /* ≥ FEDL_COHORT_MIN */
    const uint32_t *revoked; /* device ids, in any order; outlive the helper */
    uint32_t revoked_count;
    void *context; /* of the two below */
    /* Makes the list of answered rounds durable; false: it may not be. Used by serve(). */
    bool (*keep)(void *context, fedl_bytes state);
    /* Does all parts of a work and returns when they are done. NULL: done here, one by one. */
    void (*spread)(void *context, fedl_helper_work work, void *job, uint32_t parts);
    uint32_t parts; /* 1 … FEDL_HELPER_PARTS_MAX; 0 = 1 */
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
    uint8_t encoded[FEDL_HELPER_STATE_BYTES_MAX]; /* what serve() gives keep() */
} fedl_helper;

/* Memory of one serve(), the host's. */
typedef struct fedl_helper_room {
    fedli_mask_key *keys; /* [keys_max], at least fedl_helper_keys_max(); wiped at the end */
    uint32_t keys_max;
    uint8_t *reply; /* [reply_bytes], at least fedl_helper_reply_bytes() */
    size_t reply_bytes;
} fedl_helper_room;

/* What a request came to, for the host's log. */
typedef struct fedl_helper_verdict {
    fedl_helper_answer answer;
    bool is_new;         /* SUM: for the first time; else again, to the same bytes */
    uint32_t accused;    /* the device at fault, or 0 */
    fedli_attempt about; /* zeros when the request is malformed, as count */
    uint32_t count;
} fedl_helper_verdict;

/** Errors: ERR_RANGE (min_cohort, parts). */
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
/** Keys, and bytes of a reply, that a request of these bytes can need. */
uint32_t fedl_helper_keys_max(fedl_bytes bytes);
size_t fedl_helper_reply_bytes(const fedl_helper *helper, fedl_bytes bytes);
/**
 * Everything between a request and its reply, which is written into room->reply; returns its size.
 * Nothing of a sum exists before keep() has said that the round is durable; STORE when it said no.
 * FULL also when the room is too small.
 */
size_t fedl_helper_serve(fedl_helper *helper, const fedl_helper_room *room,
                         fedl_helper_verdict *verdict, fedl_bytes bytes, uint64_t utc_s);
/** Wipes the key. */
void fedl_helper_deinit(fedl_helper *helper);

#endif
