/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked rounds for the world of one device: the server's real group machine, and as many other
 * devices as a cohort wants, each a real party that is moved without messages. Their updates are
 * zero, so the unmasked sum is the update of the device under test.
 */
#ifndef FEDL_TESTS_DEVICE_GROUP_H
#define FEDL_TESTS_DEVICE_GROUP_H

#include "agg/accum.h"
#include "coord/group.h"
#include "device_world.h"
#include "helper/helper_machine.h"

#define WORLD_PEERS_MAX 8u

typedef struct world_peer {
    uint32_t id;
    uint8_t id_secret[64];
    uint8_t id_public[32];
    uint8_t noise_secret[32];
    uint8_t noise_public[32];
    uint8_t cert[FEDLI_CERT_BYTES];
    fedli_epoch_key epoch;
    fedli_pair_cache_entry cache[WORLD_PEERS_MAX];
    fedli_party_setup setup;
    fedli_party party;
    void *block;
    bool gone;                  /* does nothing any more */
    fedl_group_item gone_after; /* this item was put; 0: stays. UPLOAD counts as 99 */
} world_peer;

#define WORLD_ITEM_UPLOAD ((fedl_group_item)99)

typedef struct world_group {
    fedl_group group;
    bool begun;
    void *block;
    fedl_group_setup setup;
    bool restarted; /* the group was imported */
    /* aggregation = helper: device_helper.c */
    fedl_helper *helper;
    uint8_t helper_secret[32];
    uint8_t helper_cert[FEDLI_CERT_BYTES];
    uint32_t helper_asked;
    fedl_helper_answer helper_answer; /* the last one */
    bool insist;                      /* offers the attempt whether it makes sense or not */
    bool hurry; /* peers don't wait with UNMASK until the device has given its own */
    uint32_t peer_count;
    world_peer peers[WORLD_PEERS_MAX];
    fedl_site_policy policy; /* of the peers */
    uint8_t id_public[32];   /* of the device under test */
    uint8_t noise_public[32];
    fedl_accum accum;
    void *accum_block;
    uint8_t staged[8192]; /* vector of the device under test, as it comes in */
    size_t staged_size;
    uint8_t masked[8192]; /* its whole vector, as it came in last */
    size_t masked_size;
    uint8_t rb[32];
    uint8_t sum[8192]; /* without masks, once the group is READY */
    size_t sum_size;
    uint8_t exported[8192]; /* of the commit point */
    size_t exported_size;
    uint8_t item[16384]; /* bytes of PART */
    /* What an observer of the wire saw of each item of the device, in this attempt; a second PUT of
     * the same bytes must be the same bytes. */
    uint8_t put[8][4096];
    size_t put_size[8];
} world_group;

/** Makes the plan masked (min_cohort 5, γ 100 ‰, δ 100 ‰) with peers other devices, signs it, sets
 * the default policy on the device, restarts it, and opens round 1. */
void world_masked(world *w, uint32_t peers, fedl_server_trust trust, uint8_t ring_bits);
/** The same with a helper: curious server, everybody's policy allows it. */
void world_helped(world *w, uint32_t peers, uint8_t ring_bits);
/** Makes the helper, its key and its certificate. */
void world_helper_make(world *w);
/** Answers the group's question, if it has one: the helper's sum goes to sum. */
void world_helper_serve(world *w);
/** A certificate of the fleet's CA for the helper's key, in this role, or by another CA. */
void world_helper_certify(world *w, uint8_t out[FEDLI_CERT_BYTES], fedl_cert_role role,
                          const uint8_t ca_secret[64], uint64_t not_after_s);
void world_helper_destroy(world *w);
/** A world of six with a helper, 16 bits. */
world *helped_world(uint32_t chunk_bytes);
/** The same in attempt 2, where one of the others puts its seed and never uploads: the vectors are
 * never all there. */
world *open_world(uint32_t chunk_bytes);
/** Lets time pass until the gathering ends and the helper has been asked. */
void wait_for_the_helper(world *w);
/** Begins the group and the parties of the server's (round, attempt). */
void world_group_begin(world *w);
/** The next attempt of the round: what the server does when one has failed. */
void world_next_attempt(world *w);
/** A new version, and its round. */
void world_next_round(world *w);
/** The server dies and takes up the group as it was stored at the commit point. */
void world_group_restart(world *w);
/* device_peers.c */
void world_peer_make(world *w, world_peer *peer, uint32_t id);
void world_peer_begin(world *w, world_peer *peer);
/** One step; false: it waits, is done, or gone. */
bool world_peer_moves(world *w, world_peer *peer);
/** Moves the peers as far as they get. */
void world_group_pump(world *w);
void world_group_put(world *w, const fedl_message_put *put, fedl_message *reply);
void world_group_get(world *w, const fedl_message_get *get, fedl_message *reply);
void world_group_upload(world *w, const fedl_message_upload *upload, fedl_message *reply);
/** Has the server work for the device under test? */
bool world_group_wants_device(const world *w);
void world_group_destroy(world *w);
/** The unmasked sum is there, and is the device's update, to the bit. */
void world_expect_sum(const world *w);
/** Runs until the device has logged its part done, or limit rounds of waiting are over. */
void world_until_done(world *w);

#endif
