/* SPDX-License-Identifier: Apache-2.0 */
/* The other devices of a cohort: real parties without a network, whose updates are zero. */
#include "cmocka_all.h"

#include "device_group.h"

#include <stdlib.h>
#include <string.h>

static void fill(uint8_t *out, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(seed * 37u + 11u * i + (seed >> 3));
    }
}

void world_peer_make(world *w, world_peer *peer, uint32_t id)
{
    uint8_t seed[32];
    peer->id = id;
    fill(seed, sizeof seed, 1000u + id);
    w->crypto->sign_keypair(peer->id_public, peer->id_secret, seed);
    fill(peer->noise_secret, sizeof peer->noise_secret, 2000u + id);
    w->crypto->x25519_public(peer->noise_public, peer->noise_secret);
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = id, .serial = 1};
    memcpy(cert.fleet_id, w->server.fleet_id, 16);
    memcpy(cert.id_public, peer->id_public, 32);
    memcpy(cert.noise_public, peer->noise_public, 32);
    fedl_cert_issue(w->crypto, peer->cert, &cert, w->server.ca_secret);
    peer->block = aligned_alloc(16, (fedli_party_size(&w->server.plan) + 15u) & ~(size_t)15u);
    assert_non_null(peer->block);
}

void world_peer_begin(world *w, world_peer *peer)
{
    const world_group *g = w->group;
    uint8_t secret[32];
    peer->gone = false;
    fedli_party_end(&peer->party);
    memset(&peer->setup, 0, sizeof peer->setup);
    peer->setup.crypto = w->crypto;
    peer->setup.plan = &w->server.plan;
    peer->setup.policy = &g->policy;
    peer->setup.attempt = g->setup.attempt;
    peer->setup.device_id = peer->id;
    peer->setup.ca_public = w->server.ca_public;
    peer->setup.device_cert = peer->cert;
    peer->setup.id_secret = peer->id_secret;
    peer->setup.noise_secret = peer->noise_secret;
    peer->setup.utc_s = w->utc_s;
    fill(peer->setup.secret, 32, 64u * w->server.round + 8u * w->server.attempt + peer->id);
    if (!fedli_epoch_key_good(&peer->epoch, peer->id, WORLD_TASK_ID, w->server.round)) {
        fill(secret, 32, 7000u + 64u * w->server.round + peer->id);
        memset(peer->cache, 0, sizeof peer->cache);
        fedli_epoch_key_make(w->crypto, &peer->epoch, w->server.fleet_id, peer->id, WORLD_TASK_ID,
                             w->server.round, w->server.plan.secagg.epoch_rounds, peer->id_secret,
                             secret);
    }
    assert_int_equal(fedli_party_begin(&peer->party, &peer->setup, &peer->epoch, peer->cache,
                                       WORLD_PEERS_MAX, peer->block,
                                       fedli_party_size(&w->server.plan)),
                     FEDL_OK);
}

static void peer_upload(world *w, world_peer *peer)
{
    world_group *g = w->group;
    static uint8_t vector[8192];
    const size_t size = g->accum.vector_bytes;
    const uint8_t *rb = fedli_party_binding(&peer->party);
    memset(vector, 0, sizeof vector);
    fedli_party_mask(&peer->party, vector, 0, size);
    if (fedl_group_vector_wanted(&g->group, peer->id, rb) == FEDL_GROUP_OK) {
        assert_int_equal(fedl_accum_add(&g->accum, fedl_bytes_of(vector, size)), FEDL_OK);
        fedl_group_vector_add(&g->group, w->now_ns, peer->id);
    }
    fedli_party_uploaded(&peer->party);
    peer->gone = peer->gone || peer->gone_after == WORLD_ITEM_UPLOAD;
}

static bool peer_put(world *w, world_peer *peer)
{
    world_group *g = w->group;
    const fedl_group_item item = fedli_party_item(&peer->party);
    const fedl_bytes blob = fedli_party_blob(&peer->party);
    uint64_t next = 0;
    bool complete = false;
    if (item == FEDL_ITEM_UNMASK && !g->hurry && !w->server.reported) {
        return false; /* t of them would be enough, and the device under test too late */
    }
    const fedl_group_answer answer =
        fedl_group_put(&g->group, w->now_ns, peer->id, peer->id_public, peer->noise_public, item, 0,
                       blob.size, blob, &next, &complete);
    if (answer != FEDL_GROUP_OK || !complete) {
        return false;
    }
    fedli_party_put_done(&peer->party);
    peer->gone = peer->gone || peer->gone_after == item;
    return true;
}

static bool peer_get(world *w, world_peer *peer)
{
    world_group *g = w->group;
    static uint8_t part[1024];
    size_t size = 0;
    uint64_t total = 0;
    if (fedl_group_get(&g->group, peer->id, fedli_party_item(&peer->party),
                       fedli_party_offset(&peer->party), part, sizeof part, &size,
                       &total) != FEDL_GROUP_OK) {
        return false;
    }
    fedli_party_take(&peer->party, fedl_bytes_of(part, size), total);
    return true;
}

bool world_peer_moves(world *w, world_peer *peer)
{
    if (peer->gone) {
        return false;
    }
    switch (fedli_party_next(&peer->party)) {
    case FEDLI_PARTY_PUT:
        return peer_put(w, peer);
    case FEDLI_PARTY_GET:
        return peer_get(w, peer);
    case FEDLI_PARTY_STORE_OPENED:
    case FEDLI_PARTY_STORE_CLOSED:
        fedli_party_stored(&peer->party);
        return true;
    case FEDLI_PARTY_UPLOAD:
        peer_upload(w, peer);
        return true;
    case FEDLI_PARTY_DONE:
    case FEDLI_PARTY_REFUSED:
        return false;
    }
    return false;
}
