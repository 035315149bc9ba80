/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONFIRM and CONFIRMS (trust = active): devices tell each other, under the pairs' keys, which sets
 * of survivors they were shown. Shares go out only when t neighbours saw the same ones: with
 * 2t > k + c no two views can both find t honest witnesses (complete graph).
 */
#include "base/secret.h"
#include "secagg/party_state.h"

void fedli_party_confirm_build(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const fedl_crypto *crypto = party->setup->crypto;
    const fedli_party_peer *peers = fedli_party_peers(party);
    uint8_t *tag = fedli_party_confirm_blob(party);
    fedli_survivors_digest(crypto, s->survivors_digest, s->n, fedli_party_u2(party),
                           fedli_party_u3(party));
    for (uint32_t i = 0; i < s->k; i++) {
        if (fedli_bitmap_get(fedli_party_u3(party), peers[i].position)) {
            fedli_pair_confirm(crypto, tag, &fedli_party_pairs(party)[i], s->rb,
                               party->setup->device_id, peers[i].device_id, s->survivors_digest);
            tag += FEDLI_CONFIRM_TAG_BYTES;
        }
    }
}

/* To the next neighbour whose tag comes, or to the judgement. */
static void step(fedli_party *party)
{
    fedli_party_state *s = party->state;
    while (s->peer_next < s->k && !fedli_bitmap_get(s->confirms, s->peer_next)) {
        s->peer_next++;
    }
    if (s->peer_next < s->k) {
        return;
    }
    if (s->confirmed < s->t) {
        fedli_party_refuse_count(party, FEDL_REFUSAL_CONFIRM_FEW, s->confirmed, s->t);
    } else {
        fedli_party_enter(party, FEDLI_PHASE_UNMASK);
    }
}

void fedli_party_confirms_head(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    const uint64_t total = fedli_bitmap_bytes(s->k) + (uint64_t)FEDLI_CONFIRM_TAG_BYTES *
                                                          fedli_bitmap_count(s->confirms, s->k);
    bool good = fedli_bitmap_clean(s->confirms, s->k) && s->item_bytes == total;
    for (uint32_t i = 0; i < s->k; i++) {
        if (fedli_bitmap_get(s->confirms, i) &&
            !fedli_bitmap_get(fedli_party_u3(party), peers[i].position)) {
            good = false;
        }
    }
    s->confirmed = 0;
    if (!good) {
        fedli_party_refuse(party, FEDL_REFUSAL_CONFIRM_FORM);
    } else {
        step(party);
    }
}

/* A tag that is not good is one that says something else: it only does not count. */
void fedli_party_confirms_record(fedli_party *party)
{
    fedli_party_state *s = party->state;
    uint8_t tag[FEDLI_CONFIRM_TAG_BYTES];
    fedli_pair_confirm(party->setup->crypto, tag, &fedli_party_pairs(party)[s->peer_next], s->rb,
                       fedli_party_peers(party)[s->peer_next].device_id, party->setup->device_id,
                       s->survivors_digest);
    if (fedli_equal_ct(tag, s->gather, sizeof tag)) {
        s->confirmed++;
    }
    fedli_wipe(tag, sizeof tag);
    s->peer_next++;
    step(party);
}
