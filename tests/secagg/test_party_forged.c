/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved parties with right digests and wrong contents, as somebody makes them who can write the
 * device's storage: in every phase of an attempt, and in the middle of every item, each field is
 * given values that this code leaves nowhere behind.
 */
#include "cmocka_all.h"
#include "party_world.h"
#include "secagg/party_state.h"

#include <stdlib.h>
#include <string.h>

static uint32_t tried;
static uint32_t phases_seen; /* bits */
static uint8_t *bad;         /* a copy of the block, to be spoilt */

static fedli_party_state *bad_state(void)
{
    return (fedli_party_state *)(void *)bad;
}

static void copy_block(const world *w, uint32_t position)
{
    memcpy(bad, w->devices[position].party.state, fedli_party_size(&w->plan));
}

/* The digests, for what stands there now. */
static void seal(const world *w)
{
    fedli_party_state *s = bad_state();
    const size_t head = offsetof(fedli_party_state, state_digest) + 32u;
    uint8_t still;
    memcpy(&still, &s->body_still, 1);
    memset(s->body_digest, 0, 32);
    if (still != 0) {
        fedli_hash(&w->crypto, s->body_digest, "fedl.ptybody.v1", bad + head,
                   fedli_party_size(&w->plan) - head);
    }
    fedli_hash(&w->crypto, s->state_digest, "fedl.ptystate.v1", s,
               offsetof(fedli_party_state, state_digest));
}

static fedl_status restore(const world *w, uint32_t position)
{
    const world_device *device = &w->devices[position];
    fedli_party party;
    memset(&party, 0x5a, sizeof party);
    const fedli_party before = party;
    seal(w);
    const fedl_status status =
        fedli_party_restore(&party, &device->setup, (fedli_epoch_key *)&device->epoch, NULL, 0, bad,
                            fedli_party_size(&w->plan));
    if (status != FEDL_OK) { /* nothing is changed */
        assert_memory_equal(&party, &before, sizeof party);
    }
    return status;
}

static void expect_refused(const world *w, uint32_t position, const char *name, uint64_t value)
{
    tried++;
    if (restore(w, position) != FEDL_ERR_CORRUPT) {
        fail_msg("phase %d takes %s = %llu", (int)w->devices[position].party.state->phase, name,
                 (unsigned long long)value);
    }
    copy_block(w, position);
}

/* ---- numbers ---- */

typedef struct number {
    const char *name;
    size_t offset;
    size_t bytes;
} number;

#define NUMBER(field)                                                                              \
    {                                                                                              \
#field, offsetof(fedli_party_state, field), sizeof((fedli_party_state *)0)->field          \
    }

static const number numbers[] = {
    NUMBER(phase),    NUMBER(refusal),    NUMBER(accused),     NUMBER(asked),    NUMBER(allowed),
    NUMBER(n),        NUMBER(k),          NUMBER(t),           NUMBER(position), NUMBER(u2_peers),
    NUMBER(u3_peers), NUMBER(item_bytes), NUMBER(item_offset), NUMBER(index),    NUMBER(peer_next),
    NUMBER(last_id),  NUMBER(confirmed),  NUMBER(gathered),    NUMBER(n_max),    NUMBER(k_max),
    NUMBER(magic),    NUMBER(state_bytes)};

/* Other phases in which the same bytes would be as right: nothing is asked for or given again
 * there that was not before. */
static bool is_as_good(const fedli_party_state *s, uint64_t to)
{
    if (s->phase == FEDLI_PHASE_CONFIRM && s->judged) {
        return to == FEDLI_PHASE_UNMASK || to == FEDLI_PHASE_DONE;
    }
    switch (s->phase) {
    case FEDLI_PHASE_READY:
    case FEDLI_PHASE_ROSTER:
        return to == FEDLI_PHASE_READY || to == FEDLI_PHASE_ROSTER;
    case FEDLI_PHASE_CERTS:
    case FEDLI_PHASE_OPENED:
        return to == FEDLI_PHASE_CERTS;
    case FEDLI_PHASE_SHARES:
    case FEDLI_PHASE_FORWARD:
        return to == FEDLI_PHASE_SHARES || to == FEDLI_PHASE_FORWARD;
    case FEDLI_PHASE_CONFIRM:
    case FEDLI_PHASE_CONFIRMS:
        return to == FEDLI_PHASE_CLOSED || to == FEDLI_PHASE_CONFIRM || to == FEDLI_PHASE_CONFIRMS;
    case FEDLI_PHASE_UNMASK:
    case FEDLI_PHASE_DONE:
        return to == FEDLI_PHASE_CONFIRM || to == FEDLI_PHASE_UNMASK || to == FEDLI_PHASE_DONE;
    case FEDLI_PHASE_COMPLAINT:
        return to == FEDLI_PHASE_REFUSED;
    case FEDLI_PHASE_ROSTER_AGAIN:
    case FEDLI_PHASE_HELPER:
    case FEDLI_PHASE_SEED:
    case FEDLI_PHASE_UPLOAD:
    case FEDLI_PHASE_SURVIVORS:
    case FEDLI_PHASE_CLOSED:
    case FEDLI_PHASE_REFUSED:
        return false;
    }
    return false;
}

/* Values that are a matter of what the server said, not of range. */
static bool is_free(const world *w, const fedli_party_state *s, const number *which, uint64_t value)
{
    const bool ends = s->phase == FEDLI_PHASE_COMPLAINT || s->phase == FEDLI_PHASE_REFUSED;
    const char *name = which->name;
    if (strcmp(name, "phase") == 0) {
        return is_as_good(s, value) && s->item_bytes == 0;
    }
    if (strcmp(name, "refusal") == 0) {
        return s->phase == FEDLI_PHASE_REFUSED && value >= 1 && value <= FEDL_REFUSAL_BOUND;
    }
    if (name[0] == 'a') {
        return s->phase == FEDLI_PHASE_REFUSED;
    }
    if (strcmp(name, "last_id") == 0) {
        return s->phase == FEDLI_PHASE_ROSTER;
    }
    if (strcmp(name, "position") == 0) {
        return (s->phase == FEDLI_PHASE_ROSTER && (value < s->index || value == UINT32_MAX)) ||
               (ends && value < s->n) || (s->phase == FEDLI_PHASE_REFUSED && value == UINT32_MAX);
    }
    if (strcmp(name, "t") == 0) { /* bound with the roster's end; a good one, perhaps */
        return (s->phase == FEDLI_PHASE_ROSTER || ends) && value >= s->t && value <= s->k;
    }
    if (strcmp(name, "confirmed") == 0) {
        const uint64_t most = s->phase == FEDLI_PHASE_CONFIRMS && s->head_taken
                                  ? (s->item_offset - fedli_bitmap_bytes(s->k)) / 16u
                                  : s->u3_peers;
        return s->phase == FEDLI_PHASE_REFUSED
                   ? value <= s->k
                   : s->phase >= FEDLI_PHASE_CONFIRM && s->phase <= FEDLI_PHASE_DONE &&
                         w->plan.secagg.trust == FEDL_TRUST_ACTIVE && value <= most &&
                         (!s->judged || value >= s->t);
    }
    if (strcmp(name, "u2_peers") == 0 || strcmp(name, "u3_peers") == 0) {
        return ends && value <= s->k;
    }
    if (strcmp(name, "item_bytes") == 0) {
        return !s->head_taken; /* the server says it first */
    }
    return false;
}

static void numbers_are_checked(const world *w, uint32_t position)
{
    const fedli_party_state *s = w->devices[position].party.state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const number *which = &numbers[i];
        uint64_t now = 0;
        memcpy(&now, (const uint8_t *)s + which->offset, which->bytes); /* little-endian */
        const uint64_t values[] = {
            0,   1,   2,     3,     now + 1,   now - 1,    18, s->n, s->k, s->k + 1u, s->n_max + 1u,
            255, 256, 65535, 65536, INT32_MAX, UINT32_MAX, 4,  5,    9,    12,        13,
            14,  15,  16,    17,    19,        UINT64_MAX};
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            const uint64_t mask = which->bytes == 8 ? UINT64_MAX : UINT32_MAX;
            const uint64_t value = values[v] & mask;
            if (value != now && !is_free(w, s, which, value)) {
                memcpy(bad + which->offset, &value, which->bytes);
                expect_refused(w, position, which->name, value);
            }
        }
    }
}

/* Two fields that lie to the same amount: a record that is larger than its place. */
static void records_have_their_size(const world *w, uint32_t position)
{
    const fedli_party_state *s = w->devices[position].party.state;
    const uint32_t each = s->phase == FEDLI_PHASE_CERTS ? 312u : 89u;
    if ((s->phase == FEDLI_PHASE_ROSTER || s->phase == FEDLI_PHASE_CERTS) && s->index > 1) {
        bad_state()->index -= 1u;
        bad_state()->gathered += each;
        expect_refused(w, position, "gathered and index", s->index);
    }
}

static void flags_are_checked(const world *w, uint32_t position)
{
    static const size_t flags[] = {offsetof(fedli_party_state, head_taken),
                                   offsetof(fedli_party_state, judged),
                                   offsetof(fedli_party_state, body_still)};
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t value = 0; value < 256; value += value < 3 ? 1 : 63) {
            if (bad[flags[i]] != value) {
                bad[flags[i]] = (uint8_t)value;
                expect_refused(w, position, "flag", flags[i]);
            }
        }
    }
}

/* ---- what is computed, and what has to be gone ---- */

static void flip(const world *w, uint32_t position, size_t offset, const char *name)
{
    bad[offset] ^= 1u;
    expect_refused(w, position, name, offset);
}

static void hashes_are_checked(const world *w, uint32_t position)
{
    const fedli_party_state *s = w->devices[position].party.state;
    const bool rostered = s->phase > FEDLI_PHASE_ROSTER && s->phase <= FEDLI_PHASE_DONE;
    flip(w, position, offsetof(fedli_party_state, id_public), "id_public");
    flip(w, position, offsetof(fedli_party_state, setup_digest), "setup_digest");
    flip(w, position, offsetof(fedli_party_state, secret) + 7, "secret");
    if (rostered) {
        flip(w, position, offsetof(fedli_party_state, rb), "rb");
        flip(w, position, offsetof(fedli_party_state, roster_root) + 31, "roster_root");
        flip(w, position, offsetof(fedli_party_state, beacon), "beacon");
    }
    if (s->phase <= FEDLI_PHASE_OPENED) {
        flip(w, position, offsetof(fedli_party_state, nonce), "nonce");
    }
    if (s->phase >= FEDLI_PHASE_CONFIRM && s->phase <= FEDLI_PHASE_DONE &&
        w->plan.secagg.trust == FEDL_TRUST_ACTIVE) {
        flip(w, position, offsetof(fedli_party_state, survivors_digest), "survivors_digest");
    }
    if (s->phase <= FEDLI_PHASE_OPENED || s->phase > FEDLI_PHASE_UPLOAD) {
        flip(w, position, offsetof(fedli_party_state, self_seed), "self_seed");
        flip(w, position, offsetof(fedli_party_state, noise_key), "noise_key");
    }
}

static void peers_are_checked(const world *w, uint32_t position)
{
    const fedli_party_state *s = w->devices[position].party.state;
    fedli_party_peer *peers = (fedli_party_peer *)(void *)(bad + s->at.peers);
    fedli_pair *pairs = (fedli_pair *)(void *)(bad + s->at.pairs);
    if (s->phase <= FEDLI_PHASE_ROSTER || s->phase > FEDLI_PHASE_DONE) {
        return;
    }
    for (uint32_t i = 0; i < s->k; i += 1u + s->k / 8u) {
        const uint16_t places[] = {(uint16_t)s->n, (uint16_t)s->position, UINT16_MAX,
                                   peers[(i + 1u) % s->k].position};
        for (size_t p = 0; p < 4; p++) {
            peers[i].position = places[p];
            expect_refused(w, position, "peer's position", places[p]);
        }
        peers[i].x = 0;
        expect_refused(w, position, "peer's x", 0);
        if (s->k < 254) {
            peers[i].x = (uint8_t)(s->k + 1u);
            expect_refused(w, position, "peer's x", s->k + 1u);
        }
        if (s->phase < FEDLI_PHASE_CERTS) {
            continue;
        }
        peers[i].device_id = 0;
        expect_refused(w, position, "peer's id", 0);
        peers[i].device_id = w->devices[position].id;
        expect_refused(w, position, "peer's id", w->devices[position].id);
        memset(&peers[i].paired, 2, 1);
        expect_refused(w, position, "paired", 2);
        if (peers[i].paired) {
            pairs[i].round++; /* of another round; or there at all */
            expect_refused(w, position, "pair's round", i);
        }
        if (s->phase != FEDLI_PHASE_CERTS) {
            peers[i].paired = false;
            expect_refused(w, position, "paired", 0);
        }
    }
}

static void sets_are_checked(const world *w, uint32_t position)
{
    const fedli_party_state *s = w->devices[position].party.state;
    const bool u2 = (s->phase == FEDLI_PHASE_FORWARD && s->head_taken) ||
                    (s->phase >= FEDLI_PHASE_UPLOAD && s->phase <= FEDLI_PHASE_DONE);
    for (uint32_t bit = 0; bit < 8u * (uint32_t)fedli_bitmap_bytes(s->n); bit += 1u + s->n / 16u) {
        if (u2) {
            bad[s->at.u2 + bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
            expect_refused(w, position, "U2", bit);
        }
        if (s->phase >= FEDLI_PHASE_CLOSED && s->phase <= FEDLI_PHASE_DONE) {
            bad[s->at.u3 + bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
            expect_refused(w, position, "U3", bit);
        }
    }
    if (s->phase == FEDLI_PHASE_CONFIRMS && s->head_taken) {
        memset(bad_state()->confirms, 0xff, FEDLI_CONFIRMS_BYTES);
        expect_refused(w, position, "confirms", 0);
    }
}

static void forge(world *w, uint32_t position)
{
    if (position != 0) {
        return;
    }
    copy_block(w, position);
    assert_int_equal(restore(w, position), FEDL_OK);
    phases_seen |= 1u << (uint32_t)w->devices[position].party.state->phase;
    numbers_are_checked(w, position);
    records_have_their_size(w, position);
    flags_are_checked(w, position);
    hashes_are_checked(w, position);
    peers_are_checked(w, position);
    sets_are_checked(w, position);
}

static void run(uint32_t n, fedl_server_trust trust, uint32_t part_bytes, bool again)
{
    world w;
    world_init(&w, n, trust, 16, 950 + n);
    bad = aligned_alloc(16, (fedli_party_size(&w.plan) + 15u) & ~(size_t)15u);
    assert_non_null(bad);
    w.part_bytes = part_bytes;
    w.look = forge;
    if (n > 5) {
        w.devices[n - 1].lost_at_vector = true;
    }
    world_begin(&w, 1, 1);
    world_to_end(&w);
    world_expect_sum(&w);
    if (again) { /* the last items once more */
        fedli_party_rewind(&w.devices[0].party);
        forge(&w, 0);
    }
    free(bad);
    world_deinit(&w);
}

static void no_field_is_trusted(void **state)
{
    (void)state;
    tried = 0;
    phases_seen = 0;
    run(6, FEDL_TRUST_ACTIVE, 45, true);
    run(5, FEDL_TRUST_CURIOUS, 0, true);
    assert_true(tried > 10000);
    const uint32_t all = (1u << FEDLI_PHASE_DONE << 1) - 2u;
    assert_int_equal(phases_seen, all & ~(1u << FEDLI_PHASE_ROSTER_AGAIN) &
                                      ~(1u << FEDLI_PHASE_HELPER) & ~(1u << FEDLI_PHASE_SEED));
}

static void spoil_a_share(world *w, uint32_t position, fedl_group_item item, toy_blob *blob)
{
    (void)w;
    if (position == 0 && item == FEDL_ITEM_FORWARD) {
        blob->data[40] ^= 1u;
    }
}

static void nor_behind_a_refusal(void **state)
{
    (void)state;
    world w;
    phases_seen = 0;
    world_init(&w, 5, FEDL_TRUST_CURIOUS, 16, 960);
    bad = aligned_alloc(16, (fedli_party_size(&w.plan) + 15u) & ~(size_t)15u);
    assert_non_null(bad);
    w.look = forge;
    w.tamper = spoil_a_share;
    world_begin(&w, 1, 1);
    world_to_vectors(&w);
    assert_true((phases_seen & (1u << FEDLI_PHASE_COMPLAINT)) != 0);
    forge(&w, 0);
    assert_true((phases_seen & (1u << FEDLI_PHASE_REFUSED)) != 0);
    free(bad);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_field_is_trusted),
        cmocka_unit_test(nor_behind_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
