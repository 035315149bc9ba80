/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UNMASKING: 32 bytes per neighbour in U2, each checked against the tag that its owner sent with
 * SHARES. With the t-th good share of a secret it is put together, checked against what its owner
 * committed to, turned into keys, and forgotten along with its shares.
 *
 *   v ∈ U3       b_v → cb_v fits → key self_v, to be subtracted
 *   u ∈ U2 ∖ U3  d_u → SeedBox opens → per neighbour v ∈ U3 the seed s_uv. v has added it if u has
 *                the larger id and subtracted it otherwise: here it is the other way round.
 *
 * A wrong share is dropped, and its two ends are noted. Good shares that make a wrong secret are
 * their owner's fault, who made shares, tags and commitment: the round is burnt, the owner named.
 Shares of the other kind than the one asked for can't pass: its tags were wiped with U3.
 */
#include "coord/group_state.h"

#include "base/check.h"
#include "base/secret.h"
#include "secagg/params.h"
#include "secagg/shamir.h"
#include "secagg/share.h"

#include <string.h>

static void add_key(fedli_group_state *g, const uint8_t key[32], bool subtract)
{
    FEDLI_CHECK(g->key_count < g->keys_max);
    memcpy(g->keys[g->key_count].key, key, 32);
    g->keys[g->key_count].subtract = subtract;
    g->key_count++;
}

/* The share that neighbour index of owner sent. */
static uint8_t *share_from(const fedli_group_state *g, uint32_t owner, uint32_t index)
{
    const uint32_t sender = fedli_graph_neighbour(&g->graph, owner, index);
    return fedli_group_unmask(g, sender) +
           (size_t)FEDLI_SHARE_BYTES * fedli_graph_index(&g->graph, sender, owner);
}

/* secret = combination of the first t good shares; those and all others of it are wiped. */
static void combine(fedli_group_state *g, uint32_t owner, uint8_t secret[32])
{
    const uint8_t *good = fedli_group_good(g, owner);
    uint8_t xs[FEDL_NEIGHBOURS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->graph.k && count < g->t; i++) {
        if (fedli_bitmap_get(good, i)) {
            xs[count++] = (uint8_t)(i + 1u); /* k ≤ 254 */
        }
    }
    FEDLI_CHECK(count == g->t);
    if (g->weights_count != count || memcmp(xs, g->weights_xs, count) != 0) {
        const fedl_status status = fedli_shamir_weights(g->weights, xs, count, 0);
        FEDLI_CHECK(status == FEDL_OK);
        memcpy(g->weights_xs, xs, count);
        g->weights_count = count;
    }
    memset(secret, 0, 32);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *share = share_from(g, owner, xs[i] - 1u);
        fedli_shamir_combine(secret, g->weights[i], share, FEDLI_SHARE_BYTES);
        fedli_wipe(share, FEDLI_SHARE_BYTES);
    }
}

static bool keys_of_survivor(fedli_group_state *g, uint32_t owner, const uint8_t b[32])
{
    const fedl_crypto *crypto = g->setup.crypto;
    uint8_t bytes[32];
    fedli_commitment(crypto, bytes, g->rb, fedli_group_at(g, owner)->device_id, b);
    const bool good = fedli_equal_ct(bytes, fedli_group_area(g, owner), sizeof bytes);
    if (good) {
        fedli_self_seed(crypto, bytes, b, g->rb);
        add_key(g, bytes, true);
    }
    fedli_wipe(bytes, sizeof bytes);
    return good;
}

static bool keys_of_vanished(fedli_group_state *g, uint32_t owner, const uint8_t d[32])
{
    const uint32_t k = g->graph.k;
    uint8_t *seeds = fedli_group_box(g, owner);
    const bool good = fedli_seedbox_open(g->setup.crypto, seeds, seeds, k, d, g->rb,
                                         fedli_group_at(g, owner)->device_id);
    for (uint32_t i = 0; good && i < k; i++) {
        const uint32_t survivor = fedli_graph_neighbour(&g->graph, owner, i);
        if (fedli_bitmap_get(g->u3, survivor)) {
            add_key(g, seeds + (size_t)32 * i, owner > survivor); /* positions rise with ids */
        }
    }
    fedli_wipe(seeds, fedli_seedbox_bytes(k));
    return good;
}

/* The t-th good share is there. False: its owner lied, and the attempt has failed. */
static bool recover(fedli_group_state *g, uint32_t owner)
{
    uint8_t secret[32];
    combine(g, owner, secret);
    const bool good = fedli_bitmap_get(g->u3, owner) ? keys_of_survivor(g, owner, secret)
                                                     : keys_of_vanished(g, owner, secret);
    fedli_wipe(secret, sizeof secret);
    if (!good) {
        fedli_group_fail(g, "a device shared another secret than it committed to",
                         fedli_group_at(g, owner)->device_id, 0);
        return false;
    }
    fedli_group_at(g, owner)->known = true;
    g->secrets_left--;
    return true;
}

/* A share does not fit its tag: the sender has changed it, or the owner has made a wrong tag. One
 * such pair says no more than a complaint does, nor do as many as there may be liars: each of them
 * can spoil the share that it holds of an honest device, and the tag of the one it gave to it. Who
 * sent, or owns, more than that has lied; who most of all, if several. */
static void note_wrong(fedli_group_state *g, uint32_t sender, uint32_t owner)
{
    uint32_t most = fedli_colluding(g->n, g->setup.plan->secagg.gamma_permille);
    fedli_group_at(g, sender)->wrong_sent++;
    fedli_group_at(g, owner)->wrong_owned++;
    g->wrong_count++;
    if (g->wrong_count == 1) {
        g->blamed = fedli_group_at(g, sender)->device_id;
        g->blamed_other = fedli_group_at(g, owner)->device_id;
    }
    for (uint32_t p = 0; p < g->n; p++) {
        const fedli_group_member *m = fedli_group_at(g, p);
        const uint32_t wrong = m->wrong_sent > m->wrong_owned ? m->wrong_sent : m->wrong_owned;
        if (wrong > most) {
            most = wrong;
            g->blamed = m->device_id;
            g->blamed_other = 0;
        }
    }
}

/* One share of a whole UNMASK. False: the attempt has failed. */
static bool take_share(fedli_group_state *g, uint32_t sender, uint32_t owner, uint8_t *share)
{
    fedli_group_member *m = fedli_group_at(g, owner);
    const uint32_t index = fedli_graph_index(&g->graph, owner, sender);
    const fedli_share_kind kind = fedli_bitmap_get(g->u3, owner) ? FEDLI_SHARE_B : FEDLI_SHARE_D;
    uint8_t tag[FEDLI_SHARE_TAG_BYTES];
    fedli_share_tag(g->setup.crypto, tag, g->rb, m->device_id, (uint8_t)(index + 1u), kind, share);
    const bool good = fedli_equal_ct(
        tag, fedli_group_tags(g, owner) + (size_t)FEDLI_SHARE_TAG_BYTES * index, sizeof tag);
    if (!good || m->known) {
        fedli_wipe(share, FEDLI_SHARE_BYTES);
    }
    if (!good) {
        note_wrong(g, sender, owner);
        return true;
    }
    if (m->known) {
        return true;
    }
    fedli_bitmap_set(fedli_group_good(g, owner), index);
    m->good++;
    return m->good < g->t || recover(g, owner);
}

static void take_shares(fedli_group_state *g, uint32_t sender)
{
    uint8_t *blob = fedli_group_unmask(g, sender);
    fedli_group_spread(g, sender, g->u2, blob, FEDLI_SHARE_BYTES);
    for (uint32_t i = 0; i < g->graph.k; i++) {
        const uint32_t owner = fedli_graph_neighbour(&g->graph, sender, i);
        if (fedli_bitmap_get(g->u2, owner) &&
            !take_share(g, sender, owner, blob + (size_t)FEDLI_SHARE_BYTES * i)) {
            return;
        }
    }
}

void fedli_group_check_shares(fedli_group_state *g, fedl_instant_ns now_ns)
{
    if (g->phase == FEDL_GROUP_FAILED) {
        return;
    }
    if (g->secrets_left == 0) {
        fedli_wipe(g->pool, (size_t)g->n * g->area_bytes);
        fedli_group_enter(g, FEDL_GROUP_READY, now_ns);
        return;
    }
    if (g->phase != FEDL_GROUP_UNMASKING) {
        return; /* CONFIRMING looks at its end */
    }
    memset(g->scratch, 0, fedli_bitmap_bytes(g->n));
    for (uint32_t p = 0; p < g->n; p++) {
        if (fedli_group_is_waited_for(g, p)) {
            fedli_bitmap_set(g->scratch, p);
        }
    }
    if (!fedli_group_is_recoverable(g, g->scratch)) {
        fedli_group_fail(g, "too few good shares", 0, 0);
    }
}

void fedli_group_begin_unmasking(fedli_group_state *g, fedl_instant_ns now_ns)
{
    fedli_group_enter(g, FEDL_GROUP_UNMASKING, now_ns);
    g->waiting = 0;
    for (uint32_t p = 0; p < g->n; p++) {
        g->waiting += fedli_group_is_waited_for(g, p);
    }
    fedli_group_check_shares(g, now_ns);
}

/* The blob is whole: it counts, and may be the last that was needed. */
static void take_unmask(fedli_group_state *g, fedl_instant_ns now_ns, uint32_t position)
{
    const bool was_waited_for = fedli_group_is_waited_for(g, position);
    const uint32_t wrong_before = g->wrong_count;
    fedli_group_at(g, position)->unmasked = true;
    g->waiting -= was_waited_for;
    take_shares(g, position);
    if (g->secrets_left == 0 || g->waiting == 0 || g->wrong_count != wrong_before) {
        fedli_group_check_shares(g, now_ns);
    }
    if (g->phase == FEDL_GROUP_CONFIRMING && g->waiting == 0) {
        fedli_group_end_confirming(g, now_ns);
    }
}

fedl_group_answer fedli_group_put_unmask(fedli_group_state *g, fedl_instant_ns now_ns,
                                         uint32_t position, const fedli_group_part *part,
                                         fedli_group_progress *progress)
{
    fedli_group_member *m = fedli_group_at(g, position);
    /* In CONFIRMING it comes only after a restart: the device is ahead of a server that lost what
     * it had heard. */
    if (g->phase < FEDL_GROUP_CONFIRMING) {
        return FEDL_GROUP_MISMATCH;
    }
    if (!fedli_bitmap_get(g->u3, position)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    const size_t size = (size_t)FEDLI_SHARE_BYTES * fedli_group_degree(g, position, g->u2);
    if (part->total != size) {
        return FEDL_GROUP_MISMATCH;
    }
    if (!m->unmasked) {
        if (g->phase == FEDL_GROUP_READY) {
            return FEDL_GROUP_STALE; /* not needed any more */
        }
        const fedli_group_stage stage =
            fedli_group_stage_part(fedli_group_unmask(g, position), &m->unmask_bytes, size, part);
        if (stage == FEDLI_STAGE_MISFIT || stage == FEDLI_STAGE_OTHER) {
            return FEDL_GROUP_MISMATCH;
        }
        if (stage == FEDLI_STAGE_MORE) {
            progress->next_offset = m->unmask_bytes;
            return FEDL_GROUP_OK;
        }
        take_unmask(g, now_ns, position);
    }
    progress->next_offset = size; /* it counts, once, whatever is sent again */
    progress->complete = true;
    return FEDL_GROUP_OK;
}
