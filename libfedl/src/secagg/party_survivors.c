/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SURVIVORS: the last set of survivors (U3), and with it the one kind of share that is given for
 * each neighbour: b of those whose vectors are in the sum, d of those that fell out behind U2.
 *
 * Both kinds for one neighbour would open its vector. So UNMASK is made here, in place of the
 * opened pairs, and the other halves are gone before anybody hears of it: no later step could give
 * them away, whatever it is told.
 */
#include "base/secret.h"
#include "secagg/party_state.h"

#include <string.h>

static void unmask_build(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    uint8_t *area = fedli_party_area(party);
    uint32_t rank = 0;
    for (uint32_t i = 0; i < s->k; i++) {
        if (!fedli_bitmap_get(fedli_party_u2(party), peers[i].position)) {
            continue;
        }
        const bool alive = fedli_bitmap_get(fedli_party_u3(party), peers[i].position);
        const size_t pair = 2u * FEDLI_SHARE_BYTES * (size_t)rank;
        memmove(area + FEDLI_SHARE_BYTES * (size_t)rank,
                area + pair + (alive ? 0u : FEDLI_SHARE_BYTES), FEDLI_SHARE_BYTES);
        rank++;
    }
    const size_t blob_bytes = FEDLI_SHARE_BYTES * (size_t)rank;
    fedli_wipe(area + blob_bytes, s->at.area_bytes - blob_bytes);
}

static bool is_within_u2(const fedli_party *party)
{
    const uint8_t *u2 = fedli_party_u2(party);
    const uint8_t *u3 = fedli_party_u3(party);
    for (size_t i = 0; i < fedli_bitmap_bytes(party->state->n); i++) {
        if ((u3[i] & (uint8_t)~u2[i]) != 0) {
            return false;
        }
    }
    return true;
}

static uint32_t peers_in_u3(const fedli_party *party)
{
    const fedli_party_peer *peers = fedli_party_peers(party);
    uint32_t count = 0;
    for (uint32_t i = 0; i < party->state->k; i++) {
        count += fedli_bitmap_get(fedli_party_u3(party), peers[i].position) ? 1u : 0u;
    }
    return count;
}

void fedli_party_survivors_record(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const uint8_t *u3 = fedli_party_u3(party);
    const uint32_t count = fedli_bitmap_count(u3, s->n);
    const uint32_t least = fedli_party_cohort_min(party, s->n);
    uint32_t asked = 0;
    uint32_t allowed = 0;
    fedl_refusal refusal = FEDL_REFUSAL_NONE;
    s->u3_peers = peers_in_u3(party);
    if (!fedli_bitmap_clean(u3, s->n)) {
        refusal = FEDL_REFUSAL_SURVIVORS_FORM;
    } else if (!is_within_u2(party)) {
        refusal = FEDL_REFUSAL_SURVIVORS_FORGED;
    } else if (!fedli_bitmap_get(u3, s->position)) {
        refusal = FEDL_REFUSAL_SURVIVORS_SELF;
    } else if (count < least) {
        refusal = FEDL_REFUSAL_SURVIVORS_SMALL;
        asked = count;
        allowed = least;
    } else if (s->u3_peers < s->t) {
        refusal = FEDL_REFUSAL_SURVIVORS_NEIGHBOURS;
        asked = s->u3_peers;
        allowed = s->t;
    }
    if (refusal != FEDL_REFUSAL_NONE) {
        fedli_party_refuse_count(party, refusal, asked, allowed);
        return;
    }
    unmask_build(party);
    fedli_party_enter(party, FEDLI_PHASE_CLOSED);
}
