/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a neighbour's keys in the roster to the pair's chain of this round: out of the cache when
 * the same keys were checked before, else by its certificates (CERTS) and a Diffie–Hellman. When
 * the cache knows all neighbours, CERTS is not asked for at all.
 *
 * The cache is the host's and may be smaller than the neighbourhood: what does not fit is checked
 * again next time. The pairs of an attempt lie in the block in any case.
 */
#include "base/secret.h"
#include "secagg/party_state.h"
#include "secure/cert.h"

#include <string.h>

/* ---- cache ---- */

/* Without a clock, now_s = 0, no certificate ends, here as when it was checked. */
static bool entry_has_ended(const fedli_pair_cache_entry *entry, uint32_t round, uint64_t now_s)
{
    return round > entry->round_hi || (entry->not_after_s != 0 && now_s > entry->not_after_s);
}

static bool entry_is_for(const fedli_pair_cache_entry *entry, uint32_t device_id,
                         const fedli_party_candidate *candidate, uint32_t round, uint64_t now_s)
{
    return entry->device_id == device_id && entry->epoch == candidate->epoch &&
           !entry_has_ended(entry, round, now_s) && entry->pair.round != 0 &&
           entry->pair.round <= round && memcmp(entry->id_public, candidate->id_public, 32) == 0 &&
           memcmp(entry->epoch_public, candidate->epoch_public, 32) == 0;
}

static bool cache_find(const fedli_party *party, uint32_t index)
{
    const uint32_t round = party->setup->attempt.round;
    const fedli_party_peer *peer = &fedli_party_peers(party)[index];
    for (uint32_t i = 0; i < party->cache_count; i++) {
        fedli_pair_cache_entry *entry = &party->cache[i];
        if (!entry_is_for(entry, peer->device_id, &fedli_party_candidates(party)[index], round,
                          party->setup->utc_s)) {
            continue;
        }
        if (entry->pair.round < round &&
            fedli_pair_advance(party->setup->crypto, &entry->pair, round) != FEDL_OK) {
            return false;
        }
        fedli_party_pairs(party)[index] = entry->pair;
        return true;
    }
    return false;
}

static bool is_neighbour(const fedli_party *party, uint32_t device_id)
{
    for (uint32_t i = 0; i < party->state->k; i++) {
        if (fedli_party_peers(party)[i].device_id == device_id) {
            return true;
        }
    }
    return false;
}

/* The slot of this device, else a free one, else one of a device that is no neighbour now. */
static fedli_pair_cache_entry *cache_slot(const fedli_party *party, uint32_t device_id)
{
    fedli_pair_cache_entry *slot = NULL;
    for (uint32_t i = 0; i < party->cache_count; i++) {
        fedli_pair_cache_entry *entry = &party->cache[i];
        if (entry->device_id == device_id) {
            return entry;
        }
        if (slot == NULL || slot->device_id != 0) {
            if (entry->device_id == 0 || !is_neighbour(party, entry->device_id)) {
                slot = entry;
            }
        }
    }
    return slot;
}

static void cache_keep(const fedli_party *party, uint32_t index, const fedli_epoch_cert *cert)
{
    const fedli_party_candidate *candidate = &fedli_party_candidates(party)[index];
    const uint32_t device_id = fedli_party_peers(party)[index].device_id;
    fedli_pair_cache_entry *slot = cache_slot(party, device_id);
    if (slot == NULL) {
        return;
    }
    fedli_wipe(slot, sizeof *slot);
    slot->device_id = device_id;
    slot->epoch = candidate->epoch;
    slot->round_hi = cert->round_hi;
    slot->not_after_s = fedl_cert_not_after_s(party->state->gather);
    memcpy(slot->id_public, candidate->id_public, 32);
    memcpy(slot->epoch_public, candidate->epoch_public, 32);
    slot->pair = fedli_party_pairs(party)[index];
}

void fedli_party_pair_up(fedli_party *party)
{
    bool all = true;
    for (uint32_t i = 0; i < party->state->k; i++) {
        const bool found = cache_find(party, i);
        fedli_party_peers(party)[i].paired = found;
        all = all && found;
    }
    fedli_party_enter(party, all ? FEDLI_PHASE_OPENED : FEDLI_PHASE_CERTS);
}

/* ---- certificates ---- */

static fedl_refusal peer_check(const fedli_party *party, uint32_t index, fedli_epoch_cert *cert)
{
    const fedli_party_setup *setup = party->setup;
    const fedli_party_candidate *candidate = &fedli_party_candidates(party)[index];
    fedli_roster_entry entry = {.device_id = fedli_party_peers(party)[index].device_id,
                                .epoch = candidate->epoch};
    memcpy(entry.id_public, candidate->id_public, 32);
    memcpy(entry.epoch_public, candidate->epoch_public, 32);
    const fedl_status status = fedli_peer_check(
        setup->crypto, cert, &entry, party->state->gather, setup->ca_public,
        setup->attempt.fleet_id, setup->attempt.task_id, setup->attempt.round, setup->utc_s);
    return status == FEDL_OK             ? FEDL_REFUSAL_NONE
           : status == FEDL_ERR_MISMATCH ? FEDL_REFUSAL_EPOCH_KEY
                                         : FEDL_REFUSAL_CERTIFICATE;
}

static fedli_pair_end pair_end(const fedli_epoch_cert *cert)
{
    fedli_pair_end end = {
        .device_id = cert->device_id, .epoch = cert->epoch, .round_lo = cert->round_lo};
    memcpy(end.epoch_public, cert->epoch_public, sizeof end.epoch_public);
    return end;
}

static fedl_refusal derive(const fedli_party *party, uint32_t index, const fedli_epoch_cert *cert)
{
    const fedli_party_setup *setup = party->setup;
    const fedli_pair_end self = pair_end(&party->epoch->cert);
    const fedli_pair_end peer = pair_end(cert);
    const fedl_status status = fedli_pair_derive(
        setup->crypto, &fedli_party_pairs(party)[index], setup->attempt.fleet_id,
        setup->attempt.task_id, &self, party->epoch->secret, &peer, setup->attempt.round);
    return status == FEDL_OK         ? FEDL_REFUSAL_NONE
           : status == FEDL_ERR_AUTH ? FEDL_REFUSAL_WEAK_KEY
                                     : FEDL_REFUSAL_EPOCH_KEY;
}

void fedli_party_certs_record(fedli_party *party)
{
    fedli_party_state *s = party->state;
    fedli_party_peer *peer = &fedli_party_peers(party)[s->index];
    if (!peer->paired) {
        fedli_epoch_cert cert;
        fedl_refusal refusal = peer_check(party, s->index, &cert);
        if (refusal == FEDL_REFUSAL_NONE) {
            refusal = derive(party, s->index, &cert);
        }
        if (refusal != FEDL_REFUSAL_NONE) {
            const uint32_t accused = peer->device_id;
            fedli_party_refuse(party, refusal);
            s->accused = accused;
            return;
        }
        cache_keep(party, s->index, &cert);
        peer->paired = true;
    }
    s->index++;
    if (s->index == s->k) {
        fedli_party_enter(party, FEDLI_PHASE_OPENED);
    }
}
