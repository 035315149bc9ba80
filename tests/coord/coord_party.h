/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the test world that take part in masked rounds: the real party (secagg/party.h) around
 * hand-made messages, so that a test can stop, repeat or bend any of them.
 *
 * A device's update in a round is world_vector(world_seed_of(…)), so that with check_sums set every
 * commit is compared with the plain sum of its members.
 */
#ifndef FEDL_TESTS_COORD_PARTY_H
#define FEDL_TESTS_COORD_PARTY_H

#include "coord_world.h"
#include "forbidden_pair.h"

#include "secagg/party.h"

#define PARTY_CACHE_MAX 16u

typedef struct party_device {
    device *d;
    fedl_site_policy policy;
    fedli_party party;
    fedli_party_setup setup;
    fedli_epoch_key epoch;
    fedli_pair_cache_entry cache[PARTY_CACHE_MAX];
    void *block;
    size_t block_bytes;
    bool connected;
    uint32_t restart_count; /* of the server, when it connected */
    bool begun;             /* in an attempt */
    uint8_t *closed; /* its state when it had accepted the last survivors, to go on from … */
    bool has_closed; /* … when the server has lost what came after */
    bool told;       /* its secrets were given to the search for forbidden pairs */
    bool waits;      /* a request is out */
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    uint64_t offset; /* of the PUT or UPLOAD under way */
    uint32_t done_count;
    uint32_t refused_count;
    fedl_refusal refusal;      /* the last one */
    fedl_reject_code rejected; /* the last REJECT; 0 = none */
    /* Trouble: it falls silent for ever before it asks for this; 0 = never. */
    fedli_party_want lost_at;
    fedl_group_item lost_item; /* of PUT and GET */
    bool lost;
    uint32_t lose_in_round; /* 0 = any */
    bool lies_about_range;  /* its update has a word outside its range */
    bool spoils_shares;     /* what it seals for others does not open */
    bool spoils_commitment; /* shares another secret than it commits to */
    bool spoils_unmask;     /* gives wrong shares of its first two neighbours */
    bool frames_first;      /* gives a wrong share of its first neighbour only */
    uint32_t slanders;      /* accuses this device of a bad share, then the next id; 0 = no */
    bool sends_twice;       /* every message, under another request id */
    bool sends_old;         /* before every message the one before it */
    fedl_message sent;      /* the last one; its payload is in sent_bytes */
    uint8_t sent_bytes[1024];
} party_device;

typedef struct party_world {
    world w;
    party_device parties[WORLD_DEVICES_MAX];
    uint32_t count;
    forbidden_pair *forbidden; /* NULL: nobody looks */
} party_world;

/* A fleet of n devices and one masked task that needs all of them (min_cohort 3). */
void parties_open(party_world *p, uint32_t n, fedl_server_trust trust);
void parties_add_task(party_world *p);
void parties_close(party_world *p);
/* One exchange of one device. False: there is nothing it can do now. */
bool party_pump(party_world *p, party_device *q);
/* Pumps everybody until nothing moves; then lets time pass, until the version or ms are over. */
void parties_run(party_world *p);
void parties_run_until(party_world *p, uint32_t version, uint32_t ms);
/* Bends the first part of an item as the device's lies want it. */
void party_spoil(const party_device *q, fedl_group_item item, uint8_t *bytes);
/* Looks at everything the server has, after each step and before each store op. */
void parties_watch(party_world *p, forbidden_pair *forbidden);

#endif
