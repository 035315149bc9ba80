/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet of devices around a toy server: certificates, epoch keys, updates, and a pump that does
 * what a client machine does with a party. Everything comes from one seed.
 */
#ifndef FEDL_TESTS_PARTY_WORLD_H
#define FEDL_TESTS_PARTY_WORLD_H

#include "secagg/party.h"
#include "toy_server.h"

#define WORLD_TASK   7u
#define WORLD_UTC_S  1700000000u
#define WORLD_VECTOR 99u /* in place of an item */

typedef struct world_device {
    uint32_t id;
    uint8_t id_public[32];
    uint8_t id_secret[64];
    uint8_t device_cert[FEDLI_DEVICE_CERT_BYTES];
    fedli_epoch_key epoch;
    fedli_pair_cache_entry *cache;
    uint32_t cache_count;
    fedli_party_setup setup;
    fedli_party party;
    void *block;
    uint8_t *update; /* x, vector_bytes */
    bool lost_at_shares;
    bool lost_at_vector;
    fedli_party_want stop_at;  /* goes no further; 0: everything */
    fedl_group_item stop_item; /* with PUT and GET */
    uint32_t stored_opened;    /* calls in this attempt */
    uint32_t stored_closed;
    uint32_t certs_got;
} world_device;

typedef struct world world;
struct world {
    fedl_crypto crypto; /* libsodium's; verify may be exchanged where thousands are not the point */
    fedl_plan plan;
    fedl_site_policy policy;
    uint8_t fleet_id[16];
    uint8_t ca_public[32];
    uint8_t ca_secret[64];
    uint64_t seed;
    uint64_t not_after_s; /* of certificates to come, WORLD_UTC_S at first */
    uint32_t count;
    world_device *devices;
    fedli_attempt attempt;
    toy_server toy;

    uint32_t part_bytes;   /* of items, both ways; 0: whole */
    size_t mask_bytes;     /* parts of the vector; 0: whole */
    bool restore_always;   /* before every step and every part, at another address */
    bool put_twice;        /* every blob is read twice, with a restore in between */
    fedl_hash *transcript; /* gets every blob, when not NULL */
    uint64_t transcript_bytes;
    /* Hears of every blob, when not NULL; what = item or WORLD_VECTOR. */
    void (*note)(world *w, uint32_t position, uint32_t what, fedl_bytes bytes);
    /* What a lying server makes of an item on its way to a device; may be NULL. */
    void (*tamper)(world *w, uint32_t position, fedl_group_item item, toy_blob *blob);
    uint32_t tamper_target; /* for the tests */
    /* Sees a device before every step and behind every part; may be NULL. */
    void (*look)(world *w, uint32_t position);
    void *tamper_context;
};

/** n devices with ids 10, 17, 24 …; ring_bits of the plan; clients_max = n. γ 100 ‰, δ 50 ‰,
 * smallest cohort 3. */
void world_init(world *w, uint32_t n, fedl_server_trust trust, uint32_t ring_bits, uint64_t seed);
void world_deinit(world *w);
/** Secret bytes that depend on the seed and this name. */
void world_secret(const world *w, uint8_t *out, size_t size, const char *what, uint32_t index);
/** A certificate of this fleet for an id; signed by the CA, or by another one. */
void world_certify(const world *w, world_device *device, bool by_our_ca);
/** Makes a new epoch key from `round` on, and empties the cache. */
void world_new_epoch(world *w, uint32_t position, uint32_t round);
void world_set_cache(world *w, uint32_t entries);

/** (k, t) from the tables; begins round `round`, attempt `attempt` on all devices. */
void world_begin(world *w, uint32_t round, uint32_t attempt);
/** Runs one device until it waits for the server, is done, refused or lost. */
void world_pump(world *w, uint32_t position);
void world_pump_all(world *w);
/** The steps up to and with the one named, all devices. */
void world_to_roster(world *w);    /* READY is put */
void world_to_shares(world *w);    /* SHARES is put */
void world_to_vectors(world *w);   /* vectors are put */
void world_to_survivors(world *w); /* CONFIRM, or UNMASK, is put */
void world_to_end(world *w);
/** The toy's sum is that of U3's updates, to the bit. */
void world_expect_sum(const world *w);
void world_expect_refused(const world *w, uint32_t position, fedl_refusal reason);
/** And its rule compared these two. */
void world_expect_numbers(const world *w, uint32_t position, uint32_t asked, uint32_t allowed);
fedl_refusal world_refusal(const world *w, uint32_t position);
/** No byte of what a refused or finished device holds is a secret any more. */
void world_expect_wiped(const world *w, uint32_t position);
/** A transcript's digest; world_record() starts it. */
void world_record(world *w, fedl_hash *hash);
void world_transcript(world *w, uint8_t digest[32]);

#endif
