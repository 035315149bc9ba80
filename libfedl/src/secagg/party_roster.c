/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROSTER: who takes part, and with which k and t. Up to 128 devices everybody is a neighbour and
 * one pass is enough. A larger roster is hashed in a first pass, which fixes the graph, and read
 * again for the neighbours' entries: it never has to be kept.
 *
 * Equal keys: this device's keys are compared with every entry, its neighbours' with each other. A
 * key that a neighbour shares with a device that is no neighbour gives nothing away: each
 * certificate names its device, and all that is derived from a key names both ids.
 */
#include "base/cursor.h"
#include "secagg/graph.h"
#include "secagg/params.h"
#include "secagg/party_state.h"

#include <string.h>

/* ---- head ---- */

/* k is exactly the table's for the plan's γ. A site's γ is not above it (else the task was refused
 * before), which is not relied on here. */
bool fedli_party_parameters_good(const fedli_party *party, uint32_t n, uint32_t k, uint32_t t)
{
    const fedl_secagg_config *plan = &party->setup->plan->secagg;
    const uint32_t site_gamma = party->setup->policy->gamma_permille;
    return k <= party->state->k_max && t >= 1 && t <= k &&
           fedli_params_acceptable(n, k, t, plan->gamma_permille, plan->delta_permille,
                                   plan->trust) &&
           (site_gamma <= plan->gamma_permille ||
            fedli_params_acceptable(n, k, t, site_gamma, plan->delta_permille, plan->trust));
}

/* The hash lies in the block as plain bytes: the block is aligned to 16 only, a hash to 64. */
static void hash_begin(const fedli_party *party)
{
    fedli_roster_hash hash;
    memset(&hash, 0, sizeof hash); /* what the port does not use is no old stack */
    fedli_roster_hash_init(&hash, party->setup->crypto, party->state->n);
    memcpy(fedli_party_area(party), &hash, sizeof hash);
}

static void hash_entry(const fedli_party *party)
{
    fedli_roster_hash hash;
    memcpy(&hash, fedli_party_area(party), sizeof hash);
    fedli_roster_hash_add(&hash, party->setup->crypto, party->state->gather);
    memcpy(fedli_party_area(party), &hash, sizeof hash);
}

static void hash_end(const fedli_party *party, uint8_t root[32], uint8_t beacon[32])
{
    fedli_roster_hash hash;
    memcpy(&hash, fedli_party_area(party), sizeof hash);
    fedli_roster_hash_end(&hash, party->setup->crypto, root, beacon);
}

void fedli_party_roster_head(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const uint32_t n = fedli_load_u32(s->gather);
    const uint32_t k = fedli_load_u16(s->gather + 4);
    const uint32_t t = fedli_load_u16(s->gather + 6);
    /* The total is below 2^64 whatever n is; n ≤ total / 89 from here on. */
    if (s->item_bytes != FEDLI_ROSTER_HEAD_BYTES + (uint64_t)FEDLI_ROSTER_ENTRY_BYTES * n) {
        fedli_party_refuse(party, FEDL_REFUSAL_ROSTER_FORM);
    } else if (n > s->n_max) {
        fedli_party_refuse_count(party, FEDL_REFUSAL_COHORT_LARGE, n, s->n_max);
    } else if (n < fedli_party_cohort_min(party, n)) {
        fedli_party_refuse_count(party, FEDL_REFUSAL_COHORT_SMALL, n,
                                 fedli_party_cohort_min(party, n));
    } else if (!fedli_party_parameters_good(party, n, k, t)) {
        fedli_party_refuse(party, FEDL_REFUSAL_PARAMETERS);
    } else {
        s->n = n;
        s->k = k;
        s->t = t;
        hash_begin(party);
    }
}

void fedli_party_roster_head_again(fedli_party *party)
{
    const fedli_party_state *s = party->state;
    if (fedli_load_u32(s->gather) != s->n || fedli_load_u16(s->gather + 4) != s->k ||
        fedli_load_u16(s->gather + 6) != s->t) {
        fedli_party_refuse(party, FEDL_REFUSAL_ROSTER_CHANGED);
    } else {
        hash_begin(party);
    }
}

/* ---- entries ---- */

static bool is_own(const fedli_party *party, const fedli_roster_entry *entry)
{
    const fedli_epoch_cert *epoch = &party->epoch->cert;
    const fedli_party_state *s = party->state;
    return entry->epoch == epoch->epoch &&
           memcmp(entry->id_public, s->id_public, sizeof s->id_public) == 0 &&
           memcmp(entry->epoch_public, epoch->epoch_public, sizeof epoch->epoch_public) == 0 &&
           memcmp(entry->nonce, s->nonce, sizeof s->nonce) == 0;
}

static bool has_own_key(const fedli_party *party, const fedli_roster_entry *entry)
{
    return memcmp(entry->id_public, party->state->id_public, sizeof entry->id_public) == 0 ||
           memcmp(entry->epoch_public, party->epoch->cert.epoch_public,
                  sizeof entry->epoch_public) == 0;
}

static fedl_refusal entry_refusal(const fedli_party *party, const fedli_roster_entry *entry)
{
    const fedli_party_state *s = party->state;
    const bool own = entry->device_id == party->setup->device_id;
    if (own && s->position != FEDLI_PARTY_NOWHERE) {
        return FEDL_REFUSAL_ROSTER_SELF;
    }
    if (entry->device_id <= s->last_id) {
        return FEDL_REFUSAL_ROSTER_FORM;
    }
    if (own) {
        return is_own(party, entry) ? FEDL_REFUSAL_NONE : FEDL_REFUSAL_ROSTER_NONCE;
    }
    /* Ids rise: once a larger one stands here, the own one can't follow. */
    if (s->position == FEDLI_PARTY_NOWHERE && entry->device_id > party->setup->device_id) {
        return FEDL_REFUSAL_ROSTER_SELF;
    }
    return has_own_key(party, entry) ? FEDL_REFUSAL_ROSTER_KEYS : FEDL_REFUSAL_NONE;
}

static void keep_neighbour(const fedli_party *party, uint32_t index,
                           const fedli_roster_entry *entry)
{
    fedli_party_candidate *kept = &fedli_party_candidates(party)[index];
    fedli_party_peers(party)[index].device_id = entry->device_id;
    kept->epoch = entry->epoch;
    memcpy(kept->id_public, entry->id_public, sizeof kept->id_public);
    memcpy(kept->epoch_public, entry->epoch_public, sizeof kept->epoch_public);
}

/* ---- ends ---- */

/* The graph needs its words only until every neighbour's place is known. */
static bool find_neighbours(const fedli_party *party, uint16_t *words)
{
    const fedli_party_state *s = party->state;
    fedli_party_peer *peers = fedli_party_peers(party);
    fedli_graph graph;
    if (fedli_graph_init(&graph, party->setup->crypto, s->n, s->k, s->roster_root, s->beacon,
                         words) != FEDL_OK) {
        return false;
    }
    for (uint32_t i = 0; i < s->k; i++) {
        const uint32_t position = fedli_graph_neighbour(&graph, s->position, i);
        peers[i].position = (uint16_t)position;
        peers[i].x = (uint8_t)(1u + fedli_graph_index(&graph, position, s->position));
    }
    return true;
}

static bool keys_are_distinct(const fedli_party *party)
{
    const fedli_party_candidate *kept = fedli_party_candidates(party);
    for (uint32_t i = 1; i < party->state->k; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (memcmp(kept[i].id_public, kept[j].id_public, 32) == 0 ||
                memcmp(kept[i].epoch_public, kept[j].epoch_public, 32) == 0) {
                return false;
            }
        }
    }
    return true;
}

static void neighbours_end(fedli_party *party)
{
    if (!keys_are_distinct(party)) {
        fedli_party_refuse(party, FEDL_REFUSAL_ROSTER_KEYS);
    } else {
        fedli_party_pair_up(party);
    }
}

static void first_pass_end(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const bool complete = s->n <= FEDL_COMPLETE_GRAPH_MAX;
    if (s->position == FEDLI_PARTY_NOWHERE) {
        fedli_party_refuse(party, FEDL_REFUSAL_ROSTER_SELF);
        return;
    }
    hash_end(party, s->roster_root, s->beacon);
    fedli_round_binding(party->setup->crypto, s->rb, &party->setup->attempt, s->n, (uint16_t)s->k,
                        (uint16_t)s->t, s->roster_root, s->beacon);
    uint16_t *words = complete ? NULL : (uint16_t *)(void *)fedli_party_area(party);
    if (!find_neighbours(party, words)) {
        fedli_party_refuse(party, FEDL_REFUSAL_PARAMETERS);
    } else if (complete) {
        neighbours_end(party);
    } else {
        fedli_party_enter(party, FEDLI_PHASE_ROSTER_AGAIN);
    }
}

void fedli_party_roster_entry(fedli_party *party)
{
    fedli_party_state *s = party->state;
    fedli_roster_entry entry;
    fedl_refusal refusal = FEDL_REFUSAL_ROSTER_FORM;
    if (fedli_roster_entry_decode(&entry, s->gather) == FEDL_OK) {
        refusal = entry_refusal(party, &entry);
    }
    if (refusal != FEDL_REFUSAL_NONE) {
        fedli_party_refuse(party, refusal);
        return;
    }
    hash_entry(party);
    if (entry.device_id == party->setup->device_id) {
        s->position = s->index;
    } else if (s->n <= FEDL_COMPLETE_GRAPH_MAX) {
        /* Without an own entry the last of n would be one too many: it is refused below. */
        const uint32_t kept = s->position == FEDLI_PARTY_NOWHERE ? s->index : s->index - 1u;
        if (kept < s->k) {
            keep_neighbour(party, kept, &entry);
        }
    }
    s->last_id = entry.device_id;
    s->index++;
    if (s->index == s->n) {
        first_pass_end(party);
    }
}

void fedli_party_roster_entry_again(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    fedli_roster_entry entry;
    hash_entry(party);
    for (uint32_t i = 0; i < s->k; i++) {
        if (peers[i].position == s->index &&
            fedli_roster_entry_decode(&entry, s->gather) == FEDL_OK) {
            keep_neighbour(party, i, &entry);
        }
    }
    s->index++;
    if (s->index < s->n) {
        return;
    }
    uint8_t root[32];
    uint8_t beacon[32];
    hash_end(party, root, beacon);
    if (memcmp(root, s->roster_root, sizeof root) != 0 ||
        memcmp(beacon, s->beacon, sizeof beacon) != 0) {
        fedli_party_refuse(party, FEDL_REFUSAL_ROSTER_CHANGED);
    } else {
        neighbours_end(party);
    }
}
