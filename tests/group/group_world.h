/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group and its devices, real on both ends, with a made-up network between them: blobs go in
 * parts of any size, in any order, twice, or not at all; devices fall silent at any step; a hook
 * may bend what they send. Vectors are random, and the sum without masks is kept beside the masked
 * one, so that every attempt ends with an exact comparison.
 *
 * All choices come from one seed. Signatures that were verified once are remembered: a cohort of
 * 1,000 shows each certificate to 80 neighbours.
 */
#ifndef FEDL_TESTS_GROUP_WORLD_H
#define FEDL_TESTS_GROUP_WORLD_H

#include "cmocka_all.h"

#include "agg/accum.h"
#include "base/rng.h"
#include "coord/group.h"
#include "secagg/party.h"
#include "secagg/share.h"

#define GROUP_STEP_MS   1000u
#define GROUP_GATHER_MS 5000u

/* Where a device falls silent: it does not do this any more. */
typedef enum group_silence {
    GROUP_TALKS = 0,
    GROUP_SILENT_READY = 1,
    GROUP_SILENT_SHARES = 2,
    GROUP_SILENT_VECTOR = 3,
    GROUP_SILENT_CONFIRM = 4,
    GROUP_SILENT_UNMASK = 5,
} group_silence;

typedef struct group_device {
    uint32_t device_id;
    uint8_t id_public[32];
    uint8_t id_secret[64];
    uint8_t noise_public[32];
    uint8_t device_cert[FEDLI_DEVICE_CERT_BYTES];
    fedli_epoch_key epoch;
    fedli_party_setup setup;
    fedli_party party;
    void *block;
    fedli_pair_cache_entry *cache;
    uint8_t *update; /* its vector without masks */
    uint64_t offset; /* of the PUT or UPLOAD under way */
    group_silence silent_at;
    bool ended;               /* the group, or the device itself, had enough */
    fedl_group_answer answer; /* that ended it */
} group_device;

typedef struct group_world {
    const fedl_crypto *crypto;
    fedl_plan plan;
    fedl_site_policy policy;
    fedl_group group;
    fedl_group_setup setup;
    fedli_mask_shape shape;
    uint8_t ca_public[32];
    uint8_t ca_secret[64];
    uint32_t n;
    group_device *devices; /* rising device id */
    void *block;
    size_t block_bytes;
    fedl_accum sum;   /* what the server has */
    fedl_accum plain; /* what it should come to */
    void *sum_block;
    void *plain_block;
    fedl_instant_ns now_ns;
    fedli_rng rng;
    /* Trouble, set between begin and run. */
    uint32_t part_bytes_max; /* 0: blobs travel whole */
    bool repeats;            /* parts and blobs come twice now and then */
    bool restarts;           /* the group is exported and imported at its commit point */
    void (*bend)(struct group_world *w, uint32_t index, fedl_group_item item, uint8_t *blob,
                 size_t size);
    void (*look)(struct group_world *w); /* after each call of the group */
    void *look_data;
} group_world;

/** n devices, cohort_min 3, γ 100 ‰ and δ 100 ‰ unless changed before the first begin. */
void group_world_open(group_world *w, uint32_t n, fedl_server_trust trust, uint8_t ring_bits);
void group_world_close(group_world *w);
/** A new round with fresh parties and updates; nobody is silent. */
void group_world_begin(group_world *w, uint64_t seed);
/** One thing that one device does. False: it waits, or is through. */
bool group_world_pump(group_world *w, uint32_t index);
/** Lets everybody act in random order until nothing moves. */
void group_world_settle(group_world *w);
/** settle, commit, and time, until the group is in this phase (or over). */
void group_world_run_to(group_world *w, fedl_group_phase phase);
/** settle, commit, and time, until the group is READY or FAILED. */
void group_world_run(group_world *w);
/** Through the commit point: FROZEN → committed, or exported and taken up again. */
void group_world_commit(group_world *w);
void group_world_let_time_pass(group_world *w);
/** READY, and the sum without its masks is the sum of the updates of U3, exactly. */
void group_world_expect_exact(group_world *w);
void group_world_expect_failed(group_world *w, const char *reason, bool burnt);
/** A whole blob of a device in one PUT. */
fedl_group_answer group_world_put(group_world *w, uint32_t index, fedl_group_item item,
                                  const void *blob, size_t size);
/** An item for a device, in one piece. */
fedl_group_answer group_world_get(group_world *w, uint32_t index, fedl_group_item item,
                                  uint8_t *out, size_t out_bytes, size_t *size);
uint32_t group_world_silence(group_world *w, uint32_t count, group_silence at);
/** Makes device index say READY in one piece; its blob has FEDLI_READY_BYTES bytes. */
const uint8_t *group_world_ready_blob(group_world *w, uint32_t index);

#endif
