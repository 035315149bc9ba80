/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a saved party one that this code could have left behind? Its bytes are authenticated before
 * this is asked, but by a key that lies beside them: whoever reads a device's flash can write a
 * state with a good tag. So every count is compared with its limit, every phase with what must be
 * known or wiped by then, and all that is computed from something else is computed again; what is
 * left free are keys, digests and ids. What is no plain value, the state of a hash over a roster
 * that is half read, can't be judged and is not used: restore() begins such a roster again.
 */
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/graph.h"
#include "secagg/helper.h"
#include "secagg/params.h"
#include "secagg/party_state.h"
#include "secagg/share.h"

#include <string.h>

static bool is_bool(const bool *flag)
{
    uint8_t byte;
    memcpy(&byte, flag, 1); /* reading another value as bool has no meaning */
    return byte <= 1;
}

bool fedli_party_flags_good(const fedli_party_state *s)
{
    return is_bool(&s->head_taken) && is_bool(&s->judged) && is_bool(&s->body_still);
}

static bool is_zero(const void *bytes, size_t size)
{
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++) {
        all |= ((const uint8_t *)bytes)[i];
    }
    return all == 0;
}

/* ---- phases ---- */

static bool phase_is_possible(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const int phase = (int)s->phase;
    const bool helped = s->phase == FEDLI_PHASE_HELPER || s->phase == FEDLI_PHASE_SEED;
    const bool confirming = s->phase == FEDLI_PHASE_CONFIRM || s->phase == FEDLI_PHASE_CONFIRMS;
    if (phase < (int)FEDLI_PHASE_READY || phase > (int)FEDLI_PHASE_REFUSED) {
        return false;
    }
    if (fedli_party_is_helped(party)) {
        return helped || s->phase == FEDLI_PHASE_OPENED || s->phase == FEDLI_PHASE_UPLOAD ||
               s->phase == FEDLI_PHASE_DONE || s->phase == FEDLI_PHASE_REFUSED;
    }
    return !helped && (!confirming || party->setup->plan->secagg.trust == FEDL_TRUST_ACTIVE);
}

static bool end_is_named(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const uint8_t *complaint = fedli_party_area(party);
    if (s->phase == FEDLI_PHASE_COMPLAINT) {
        return s->refusal == FEDL_REFUSAL_SHARE && s->accused != 0 && s->asked == 0 &&
               s->allowed == 0 && fedli_load_u32(complaint) == s->accused &&
               fedli_load_u32(complaint + 4) == (uint32_t)s->refusal;
    }
    if (s->phase == FEDLI_PHASE_REFUSED) {
        return fedl_refusal_known(s->refusal);
    }
    return s->refusal == FEDL_REFUSAL_NONE && s->accused == 0 && s->asked == 0 && s->allowed == 0;
}

/* From roster to the end of the attempt; not behind a refusal. */
static bool has_roster(const fedli_party_state *s)
{
    return s->phase > FEDLI_PHASE_ROSTER && s->phase <= FEDLI_PHASE_DONE;
}

static bool between(const fedli_party_state *s, fedli_party_phase first, fedli_party_phase last)
{
    return s->phase >= first && s->phase <= last;
}

/* ---- the roster ---- */

static bool cohort_is_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const bool may_miss = s->phase == FEDLI_PHASE_READY || s->phase == FEDLI_PHASE_REFUSED ||
                          (s->phase == FEDLI_PHASE_ROSTER && !s->head_taken);
    if (s->n == 0) {
        return (may_miss || fedli_party_is_helped(party)) && s->k == 0 && s->t == 0 &&
               s->position == FEDLI_PARTY_NOWHERE;
    }
    if (s->phase == FEDLI_PHASE_READY || (s->phase == FEDLI_PHASE_ROSTER && !s->head_taken) ||
        (s->phase == FEDLI_PHASE_ROSTER_AGAIN && s->n <= FEDL_COMPLETE_GRAPH_MAX) ||
        s->n > s->n_max || s->n < fedli_party_cohort_min(party, s->n) ||
        !fedli_party_parameters_good(party, s->n, s->k, s->t)) {
        return false;
    }
    const bool open = s->phase == FEDLI_PHASE_ROSTER || s->phase == FEDLI_PHASE_REFUSED;
    const uint32_t seen = s->phase == FEDLI_PHASE_ROSTER ? s->index : s->n;
    return s->position < seen || (open && s->position == FEDLI_PARTY_NOWHERE);
}

static bool binding_is_right(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    uint8_t rb[32];
    if (fedli_party_is_helped(party)) {
        fedli_helper_binding(party->setup->crypto, rb, &party->setup->attempt);
    } else if (has_roster(s)) {
        fedli_round_binding(party->setup->crypto, rb, &party->setup->attempt, s->n, (uint16_t)s->k,
                            (uint16_t)s->t, s->roster_root, s->beacon);
    } else {
        return true;
    }
    return memcmp(rb, s->rb, sizeof rb) == 0;
}

/* Places of neighbours. Those of a ring cost a permutation that there is no memory for now: they
 * are only kept within the roster, and apart. */
static bool peers_are_placed(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    const bool complete = s->n <= FEDL_COMPLETE_GRAPH_MAX;
    const fedli_graph graph = {s->n, s->k, NULL, NULL};
    for (uint32_t i = 0; i < s->k; i++) {
        const uint32_t place = peers[i].position;
        if (place >= s->n || place == s->position || peers[i].x == 0 || peers[i].x > s->k) {
            return false;
        }
        if (complete && (place != fedli_graph_neighbour(&graph, s->position, i) ||
                         peers[i].x != 1u + fedli_graph_index(&graph, place, s->position))) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (peers[j].position == place) {
                return false;
            }
        }
    }
    return true;
}

static bool peers_are_paired(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    const fedli_pair *pairs = fedli_party_pairs(party);
    const bool gone = s->judged || s->phase >= FEDLI_PHASE_UNMASK;
    for (uint32_t i = 0; i < s->k; i++) {
        if (peers[i].device_id == 0 || peers[i].device_id == party->setup->device_id ||
            !is_bool(&peers[i].paired)) {
            return false;
        }
        if (s->phase != FEDLI_PHASE_CERTS || i < s->index) {
            if (!peers[i].paired) {
                return false;
            }
        }
        if (peers[i].paired && !gone && pairs[i].round != party->setup->attempt.round) {
            return false;
        }
    }
    return !gone || is_zero(pairs, s->at.u2 - s->at.pairs);
}

static bool peers_are_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    return fedli_party_is_helped(party) || !has_roster(s) ||
           (peers_are_placed(party) && (s->phase < FEDLI_PHASE_CERTS || peers_are_paired(party)));
}

/* ---- survivors ---- */

static bool set_is_good(const fedli_party *party, const uint8_t *set, uint32_t neighbours)
{
    const fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->k; i++) {
        count += fedli_bitmap_get(set, peers[i].position) ? 1u : 0u;
    }
    return fedli_bitmap_clean(set, s->n) && fedli_bitmap_get(set, s->position) &&
           fedli_bitmap_count(set, s->n) >= fedli_party_cohort_min(party, s->n) &&
           count == neighbours && count >= s->t;
}

static bool survivors_are_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const bool has_u2 = (s->phase == FEDLI_PHASE_FORWARD && s->head_taken) ||
                        between(s, FEDLI_PHASE_UPLOAD, FEDLI_PHASE_DONE);
    const bool has_u3 = between(s, FEDLI_PHASE_CLOSED, FEDLI_PHASE_DONE);
    uint8_t digest[32];
    if (fedli_party_is_helped(party)) {
        return s->u2_peers == 0 && s->u3_peers == 0;
    }
    if (s->phase > FEDLI_PHASE_DONE) { /* what they were does not matter any more */
        return s->u2_peers <= s->k && s->u3_peers <= s->u2_peers;
    }
    if (!has_u2) {
        return s->u2_peers == 0 && s->u3_peers == 0;
    }
    if (!set_is_good(party, fedli_party_u2(party), s->u2_peers) || (!has_u3 && s->u3_peers != 0)) {
        return false;
    }
    if (!has_u3) {
        return true;
    }
    for (size_t i = 0; i < fedli_bitmap_bytes(s->n); i++) {
        if ((fedli_party_u3(party)[i] & (uint8_t)~fedli_party_u2(party)[i]) != 0) {
            return false;
        }
    }
    fedli_survivors_digest(party->setup->crypto, digest, s->n, fedli_party_u2(party),
                           fedli_party_u3(party));
    return set_is_good(party, fedli_party_u3(party), s->u3_peers) &&
           (party->setup->plan->secagg.trust != FEDL_TRUST_ACTIVE ||
            s->phase == FEDLI_PHASE_CLOSED || memcmp(digest, s->survivors_digest, 32) == 0);
}

static bool confirmations_are_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const bool active = party->setup->plan->secagg.trust == FEDL_TRUST_ACTIVE;
    const bool helped = fedli_party_is_helped(party);
    const bool behind = s->phase == FEDLI_PHASE_UNMASK || s->phase == FEDLI_PHASE_DONE;
    if (s->judged ? (helped || (!behind && s->phase != FEDLI_PHASE_CONFIRM)) : behind && !helped) {
        return false;
    }
    if (s->phase == FEDLI_PHASE_REFUSED) {
        return s->confirmed <= s->k;
    }
    if (!active || helped || s->phase < FEDLI_PHASE_CONFIRM || s->phase == FEDLI_PHASE_COMPLAINT) {
        return s->confirmed == 0;
    }
    return s->confirmed <= s->u3_peers && (!s->judged || s->confirmed >= s->t);
}

/* ---- the item that comes in ---- */

/* Bytes of head and records; records: how many were taken. */
typedef struct progress {
    uint64_t head_bytes;
    uint64_t each_bytes;
    uint64_t records;
    uint64_t total_bytes; /* 0: known behind the head only */
} progress;

/* FORWARD and CONFIRMS: neighbours below peer_next, and peer_next itself is one. */
static bool records_so_far(const fedli_party *party, bool confirms, uint64_t *records)
{
    const fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    uint64_t count = 0;
    if (s->peer_next >= s->k) {
        return false;
    }
    for (uint32_t i = 0; i <= s->peer_next; i++) {
        const bool in = confirms ? fedli_bitmap_get(s->confirms, i)
                                 : fedli_bitmap_get(fedli_party_u2(party), peers[i].position);
        if (i == s->peer_next && !in) {
            return false;
        }
        count += in && i < s->peer_next ? 1u : 0u;
    }
    *records = count;
    return true;
}

static bool confirms_are_of_survivors(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const fedli_party_peer *peers = fedli_party_peers(party);
    for (uint32_t i = 0; i < s->k; i++) {
        if (fedli_bitmap_get(s->confirms, i) &&
            !fedli_bitmap_get(fedli_party_u3(party), peers[i].position)) {
            return false;
        }
    }
    return fedli_bitmap_clean(s->confirms, s->k);
}

static bool progress_of(const fedli_party *party, progress *p)
{
    const fedli_party_state *s = party->state;
    const uint64_t bitmap_bytes = fedli_bitmap_bytes(s->n);
    const bool head = s->head_taken;
    memset(p, 0, sizeof *p);
    p->records = s->index;
    if (s->phase == FEDLI_PHASE_ROSTER || s->phase == FEDLI_PHASE_ROSTER_AGAIN) {
        p->head_bytes = FEDLI_ROSTER_HEAD_BYTES;
        p->each_bytes = FEDLI_ROSTER_ENTRY_BYTES;
        p->total_bytes = head || s->phase != FEDLI_PHASE_ROSTER ? fedli_roster_bytes(s->n) : 0;
        return s->peer_next == 0;
    }
    if (s->phase == FEDLI_PHASE_CERTS) {
        p->each_bytes = FEDLI_CERT_PAIR_BYTES;
        p->total_bytes = p->each_bytes * s->k;
        return s->peer_next == 0 && head == (s->index > 0);
    }
    if (s->phase == FEDLI_PHASE_FORWARD) {
        p->head_bytes = bitmap_bytes;
        p->each_bytes = FEDLI_FORWARD_EACH_BYTES;
        p->total_bytes = head ? bitmap_bytes + p->each_bytes * s->u2_peers : 0;
        return !head || (records_so_far(party, false, &p->records) && p->records == s->index);
    }
    if (s->phase == FEDLI_PHASE_CONFIRMS) {
        p->head_bytes = fedli_bitmap_bytes(s->k);
        p->each_bytes = FEDLI_CONFIRM_TAG_BYTES;
        p->total_bytes =
            head ? p->head_bytes + p->each_bytes * fedli_bitmap_count(s->confirms, s->k) : 0;
        return s->index == 0 &&
               (!head || (confirms_are_of_survivors(party) &&
                          records_so_far(party, true, &p->records) && s->confirmed <= p->records));
    }
    /* One piece. */
    p->head_bytes = s->phase == FEDLI_PHASE_SURVIVORS ? bitmap_bytes : FEDLI_DEVICE_CERT_BYTES;
    p->total_bytes = p->head_bytes;
    return !head && s->peer_next == 0;
}

static bool item_is_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    const bool nothing = s->item_offset == 0 && s->index == 0 && s->gathered == 0 &&
                         s->peer_next == 0 && !s->head_taken;
    progress p;
    if (s->body_still != (s->item_offset == 0) ||
        (s->phase != FEDLI_PHASE_ROSTER && s->last_id != 0)) {
        return false;
    }
    if (fedli_party_next(party) != FEDLI_PARTY_GET || s->item_bytes == 0) {
        return nothing && s->item_bytes == 0;
    }
    if (!progress_of(party, &p) || (!s->head_taken && (s->index != 0 || s->peer_next != 0))) {
        return false;
    }
    const bool in_head = p.head_bytes != 0 && !s->head_taken;
    const uint64_t done = in_head ? 0 : p.head_bytes + p.each_bytes * p.records;
    return s->gathered < (in_head ? p.head_bytes : p.each_bytes) &&
           s->item_offset == done + s->gathered && s->item_offset < s->item_bytes &&
           (p.total_bytes == 0 ? s->item_bytes >= p.head_bytes : s->item_bytes == p.total_bytes);
}

/* ---- secrets ---- */

/* No key of a mask is known to anybody, least of all one that was wiped. */
static bool masks_are_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    bool good = !is_zero(s->self_seed, sizeof s->self_seed);
    uint8_t seed[32];
    uint32_t rank = 0;
    for (uint32_t i = 0; i < s->k && s->phase == FEDLI_PHASE_UPLOAD; i++) {
        if (fedli_bitmap_get(fedli_party_u2(party), fedli_party_peers(party)[i].position)) {
            fedli_pair_seed(party->setup->crypto, seed, &fedli_party_pairs(party)[i], s->rb);
            good = fedli_equal_ct(seed, fedli_party_seed(party, rank), sizeof seed) && good;
            rank++;
        }
    }
    fedli_wipe(seed, sizeof seed);
    return good;
}

/* Each is there as long as it is needed, and no longer; while the attempt's own one is there, the
 * others come from it. */
static bool secrets_are_good(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    fedli_attempt_secrets secrets;
    bool good = is_zero(s->secret, sizeof s->secret);
    if (s->phase <= FEDLI_PHASE_OPENED) {
        fedli_attempt_secrets_derive(party->setup->crypto, &secrets, s->secret);
        good = fedli_equal_ct(secrets.nonce, s->nonce, sizeof s->nonce) &&
               fedli_equal_ct(secrets.noise_key, s->noise_key, sizeof s->noise_key);
        fedli_wipe(&secrets, sizeof secrets);
    }
    if (s->phase <= FEDLI_PHASE_OPENED || s->phase > FEDLI_PHASE_UPLOAD) {
        good = good && is_zero(s->self_seed, sizeof s->self_seed);
    } else {
        good = good && masks_are_good(party);
    }
    return good && (s->phase <= FEDLI_PHASE_UPLOAD || is_zero(s->noise_key, sizeof s->noise_key));
}

bool fedli_party_is_possible(const fedli_party *party)
{
    return phase_is_possible(party) && end_is_named(party) && cohort_is_good(party) &&
           binding_is_right(party) && peers_are_good(party) && survivors_are_good(party) &&
           confirmations_are_good(party) && item_is_good(party) && secrets_are_good(party);
}
