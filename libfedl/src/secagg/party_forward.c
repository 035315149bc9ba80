/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FORWARD: the first set of survivors (U2) and the neighbours' shares for this device. Every share
 * is opened at once: a device that could not give it later must say so now. U2 is final: the masks
 * are those of the neighbours in it, and no second FORWARD is taken.
 */
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/party_state.h"
#include "secagg/share.h"

#include <string.h>

static bool peer_is_in_u2(const fedli_party *party, uint32_t index)
{
    return fedli_bitmap_get(fedli_party_u2(party), fedli_party_peers(party)[index].position);
}

/* The seeds of the masks, once per attempt: a part of the vector then costs the keystream alone. */
static void seeds_derive(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    uint32_t rank = 0;
    for (uint32_t i = 0; i < s->k; i++) {
        if (peer_is_in_u2(party, i)) {
            fedli_pair_seed(party->setup->crypto, fedli_party_seed(party, rank),
                            &fedli_party_pairs(party)[i], s->rb);
            rank++;
        }
    }
}

/* To the next neighbour whose share comes, or on to UPLOAD. */
static void step(fedli_party *party)
{
    fedli_party_state *s = party->state;
    while (s->peer_next < s->k && !peer_is_in_u2(party, s->peer_next)) {
        s->peer_next++;
    }
    if (s->peer_next == s->k) {
        seeds_derive(party);
        fedli_party_enter(party, FEDLI_PHASE_UPLOAD);
    }
}

static uint32_t peers_in_u2(const fedli_party *party)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < party->state->k; i++) {
        count += peer_is_in_u2(party, i) ? 1u : 0u;
    }
    return count;
}

void fedli_party_forward_head(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const uint8_t *u2 = fedli_party_u2(party);
    const uint32_t count = fedli_bitmap_count(u2, s->n);
    const uint32_t least = fedli_party_cohort_min(party, s->n);
    uint32_t asked = 0;
    uint32_t allowed = 0;
    fedl_refusal refusal = FEDL_REFUSAL_NONE;
    s->u2_peers = peers_in_u2(party);
    if (!fedli_bitmap_clean(u2, s->n)) {
        refusal = FEDL_REFUSAL_FORWARD_FORM;
    } else if (!fedli_bitmap_get(u2, s->position)) {
        refusal = FEDL_REFUSAL_FORWARD_SELF;
    } else if (count < least) {
        refusal = FEDL_REFUSAL_FORWARD_SMALL;
        asked = count;
        allowed = least;
    } else if (s->u2_peers < s->t) {
        refusal = FEDL_REFUSAL_FORWARD_NEIGHBOURS;
        asked = s->u2_peers;
        allowed = s->t;
    } else if (s->item_bytes !=
               fedli_bitmap_bytes(s->n) + (uint64_t)FEDLI_FORWARD_EACH_BYTES * s->u2_peers) {
        refusal = FEDL_REFUSAL_FORWARD_FORM;
    }
    if (refusal != FEDL_REFUSAL_NONE) {
        fedli_party_refuse_count(party, refusal, asked, allowed);
    } else {
        step(party); /* t ≥ 1: a share follows */
    }
}

/* Nothing of this attempt is of use any more: only the complaint is left. */
static void complain(fedli_party *party, uint32_t accused)
{
    fedli_party_state *s = party->state;
    fedli_party_refuse(party, FEDL_REFUSAL_SHARE);
    s->accused = accused;
    uint8_t *blob = fedli_party_area(party);
    fedli_store_u32(blob, accused);
    fedli_store_u32(blob + 4, (uint32_t)FEDL_REFUSAL_SHARE);
    fedli_party_enter(party, FEDLI_PHASE_COMPLAINT);
}

void fedli_party_forward_record(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const fedl_crypto *crypto = party->setup->crypto;
    const fedli_party_peer *peer = &fedli_party_peers(party)[s->peer_next];
    const uint32_t own_id = party->setup->device_id;
    uint8_t *pair = fedli_party_area(party) + 2u * FEDLI_SHARE_BYTES * (size_t)s->index;
    uint8_t key[32];
    fedli_pair_share_key(crypto, key, &fedli_party_pairs(party)[s->peer_next], s->rb,
                         peer->device_id, own_id, s->gather);
    const bool opened = fedli_share_open(crypto, pair, s->gather + FEDLI_SALT_BYTES, key, s->rb,
                                         peer->device_id, own_id, peer->x);
    fedli_wipe(key, sizeof key);
    if (!opened) {
        complain(party, peer->device_id);
        return;
    }
    s->index++;
    s->peer_next++;
    step(party);
}
