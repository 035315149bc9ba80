/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that lie: wrong shares (dropped, the sender named, the sum still exact), a commitment or
 * SeedBox that does not fit (the round is burnt, the owner named), complaints.
 */
#include "group_world.h"

#include "base/cursor.h"

#include <string.h>

/* Which device spoils what; n is small. */
typedef struct lie {
    uint32_t liar;
    fedl_group_item item;
    size_t at; /* SIZE_MAX: the last byte */
    uint8_t flip;
    size_t every; /* 0: only that one byte; else the same again after so many bytes */
} lie;

static lie lies[2];
static uint32_t lie_count;

static void tell_lies(group_world *w, uint32_t index, fedl_group_item item, uint8_t *blob,
                      size_t size)
{
    (void)w;
    for (uint32_t i = 0; i < lie_count; i++) {
        const lie *l = &lies[i];
        if (l->liar != index || l->item != item) {
            continue;
        }
        size_t at = l->at == SIZE_MAX ? size - 1 : l->at;
        blob[at] ^= l->flip;
        while (l->every != 0 && at + l->every < size) {
            at += l->every;
            blob[at] ^= l->flip;
        }
    }
}

static void begin_with(group_world *w, uint64_t seed, const lie *first, const lie *second)
{
    group_world_begin(w, seed);
    w->bend = tell_lies;
    lie_count = 0;
    lies[lie_count++] = *first;
    if (second != NULL) {
        lies[lie_count++] = *second;
    }
}

static void wrong_shares_are_dropped(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 10, FEDL_TRUST_CURIOUS, 16);
    const lie one = {.liar = 6, .item = FEDL_ITEM_UNMASK, .at = 40, .flip = 1};
    const lie all = {.liar = 3, .item = FEDL_ITEM_UNMASK, .at = 5, .flip = 0x80, .every = 32};
    bool named_once = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        begin_with(&w, seed, &one, NULL);
        group_world_run(&w);
        group_world_expect_exact(&w);
        const uint32_t blamed = fedl_group_blamed(&w.group);
        /* It may have come too late to be looked at. */
        assert_true(blamed == 0 || blamed == w.devices[6].device_id);
        named_once = named_once || blamed != 0;
        begin_with(&w, seed, &all, &one);
        w.devices[9].silent_at = GROUP_SILENT_VECTOR;
        group_world_run(&w);
        group_world_expect_exact(&w);
        /* More than one wrong share: in the end it is clear whose. */
        const uint32_t liar = fedl_group_blamed(&w.group);
        assert_true(liar == 0 || liar == w.devices[3].device_id ||
                    (liar == w.devices[6].device_id && fedl_group_blamed_other(&w.group) != 0));
    }
    assert_true(named_once);
    group_world_close(&w);
}

/* With three devices every share is needed: a wrong one can't be borne, and is not waited for. */
static void a_wrong_share_too_many(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 3, FEDL_TRUST_ACTIVE, 16);
    const lie one = {.liar = 2, .item = FEDL_ITEM_UNMASK, .at = 0, .flip = 1};
    begin_with(&w, 1, &one, NULL);
    const fedl_instant_ns before_ns = w.now_ns;
    group_world_run(&w);
    group_world_expect_failed(&w, "too few good shares", true);
    assert_int_equal(fedl_group_blamed(&w.group), w.devices[2].device_id);
    assert_int_equal(fedl_group_blamed_other(&w.group), w.devices[0].device_id);
    assert_true(w.now_ns == before_ns);
    group_world_close(&w);
}

static void expect_owner_named(group_world *w, const lie *l, bool vanishes, uint64_t seed)
{
    begin_with(w, seed, l, NULL);
    if (vanishes) {
        w->devices[l->liar].silent_at = GROUP_SILENT_VECTOR;
    }
    group_world_run(w);
    group_world_expect_failed(w, "a device shared another secret than it committed to", true);
    assert_int_equal(fedl_group_blamed(&w->group), w->devices[l->liar].device_id);
    assert_int_equal(fedl_group_blamed_other(&w->group), 0);
}

static void a_false_commitment_is_its_owners_lie(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 10, FEDL_TRUST_CURIOUS, 16);
    const lie cb = {.liar = 4, .item = FEDL_ITEM_SHARES, .at = 31, .flip = 1};
    const lie box = {.liar = 4, .item = FEDL_ITEM_SHARES, .at = SIZE_MAX, .flip = 1};
    for (uint64_t seed = 0; seed < 5; seed++) {
        expect_owner_named(&w, &cb, false, seed);
        expect_owner_named(&w, &box, true, seed);
        /* What is not asked for can't hurt: a SeedBox of a survivor, a commitment of a vanished. */
        begin_with(&w, seed, &box, NULL);
        group_world_run(&w);
        group_world_expect_exact(&w);
        begin_with(&w, seed, &cb, NULL);
        w.devices[4].silent_at = GROUP_SILENT_VECTOR;
        group_world_run(&w);
        group_world_expect_exact(&w);
    }
    group_world_close(&w);
}

/* A false tag makes a good share look wrong: one of them leaves the pair in doubt, several of them
 * show who made them. */
static void false_tags_are_their_owners_lie(void **state)
{
    (void)state;
    group_world w;
    bool doubted = false;
    group_world_open(&w, 10, FEDL_TRUST_CURIOUS, 16);
    const lie one = {.liar = 4, .item = FEDL_ITEM_SHARES, .at = 48 + 80, .flip = 1};
    const lie all = {.liar = 4, .item = FEDL_ITEM_SHARES, .at = 48 + 80, .flip = 1, .every = 112};
    for (uint64_t seed = 0; seed < 10; seed++) {
        begin_with(&w, seed, &one, NULL);
        group_world_run(&w);
        group_world_expect_exact(&w);
        if (fedl_group_blamed(&w.group) != 0) {
            assert_int_equal(fedl_group_blamed(&w.group), w.devices[0].device_id);
            assert_int_equal(fedl_group_blamed_other(&w.group), w.devices[4].device_id);
            doubted = true;
        }
        begin_with(&w, seed, &all, NULL);
        group_world_run(&w);
        group_world_expect_failed(&w, "too few good shares", true);
        assert_int_equal(fedl_group_blamed(&w.group), w.devices[4].device_id);
        assert_int_equal(fedl_group_blamed_other(&w.group), 0);
        /* Nor does anybody wait for shares that could not save it. */
        begin_with(&w, seed, &all, NULL);
        for (uint32_t i = 7; i < 10; i++) {
            w.devices[i].silent_at = GROUP_SILENT_UNMASK;
        }
        group_world_run(&w);
        group_world_expect_failed(&w, "too few good shares", true);
    }
    assert_true(doubted);
    group_world_close(&w);
}

/* A device that hands over the other kind of share, d of survivors, and what it would make of the
 * server if that kept them: the forbidden pair. They are gone before the call returns. */
static void shares_of_the_other_kind(void **state)
{
    (void)state;
    group_world w;
    uint8_t blob[4 * FEDLI_SHARE_BYTES];
    group_world_open(&w, 5, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    for (uint32_t i = 0; i < 5; i++) {
        w.devices[i].silent_at = GROUP_SILENT_UNMASK;
    }
    group_world_run_to(&w, FEDL_GROUP_UNMASKING);
    for (uint32_t i = 1; i < 5; i++) {
        fedli_attempt_secrets secrets;
        uint8_t pair[64];
        fedli_attempt_secrets_derive(w.crypto, &secrets, w.devices[i].setup.secret);
        fedli_share_pair(pair, &secrets, 3, 1); /* device 0 is everybody's first neighbour */
        memcpy(blob + (size_t)FEDLI_SHARE_BYTES * (i - 1), pair + 32, FEDLI_SHARE_BYTES);
    }
    assert_int_equal(group_world_put(&w, 0, FEDL_ITEM_UNMASK, blob, sizeof blob), FEDL_GROUP_OK);
    for (size_t at = 0; at + FEDLI_SHARE_BYTES <= w.block_bytes; at++) {
        for (uint32_t i = 0; i < 4; i++) {
            assert_memory_not_equal((uint8_t *)w.block + at, blob + (size_t)FEDLI_SHARE_BYTES * i,
                                    FEDLI_SHARE_BYTES);
        }
    }
    assert_int_equal(fedl_group_blamed(&w.group), w.devices[0].device_id);
    assert_int_equal(fedl_group_blamed_other(&w.group), 0);
    for (uint32_t i = 1; i < 5; i++) {
        w.devices[i].silent_at = GROUP_TALKS;
    }
    group_world_run(&w);
    group_world_expect_exact(&w); /* t = 3 of the other four */
    group_world_close(&w);
}

/* ---- complaints ---- */

/* Everybody has FORWARD before them, or is past it. */
static void go_to_masking(group_world *w, uint64_t seed)
{
    group_world_begin(w, seed);
    for (uint32_t i = 0; i < w->n; i++) {
        w->devices[i].silent_at = GROUP_SILENT_VECTOR;
    }
    group_world_settle(w);
    assert_int_equal(fedl_group_phase_of(&w->group), FEDL_GROUP_MASKING);
}

static fedl_group_answer complain(group_world *w, uint32_t from, uint32_t accused_id,
                                  uint32_t reason)
{
    uint8_t blob[FEDLI_COMPLAINT_BYTES];
    fedli_store_u32(blob, accused_id);
    fedli_store_u32(blob + 4, reason);
    return group_world_put(w, from, FEDL_ITEM_COMPLAINT, blob, sizeof blob);
}

/* A sealed share that does not open: found by the device, told by itself. */
static void a_share_that_does_not_open(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 5, FEDL_TRUST_CURIOUS, 16);
    /* The share for its third neighbour, roster position 3. */
    const lie sealed = {.liar = 1, .item = FEDL_ITEM_SHARES, .at = 48 + 2 * 112, .flip = 1};
    begin_with(&w, 1, &sealed, NULL);
    group_world_run(&w);
    group_world_expect_failed(&w, "a share did not open", false);
    assert_int_equal(fedl_group_blamed(&w.group), w.devices[1].device_id);
    assert_int_equal(fedl_group_blamed_other(&w.group), w.devices[3].device_id);
    assert_int_equal(fedli_party_refusal(&w.devices[3].party), FEDL_REFUSAL_SHARE);
    /* Its answer was lost: nothing is left to say. */
    assert_int_equal(complain(&w, 3, w.devices[1].device_id, FEDL_REFUSAL_SHARE), FEDL_GROUP_STALE);
    group_world_close(&w);
}

static void complaints_that_cannot_be(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 6, FEDL_TRUST_CURIOUS, 16);
    go_to_masking(&w, 1);
    const uint32_t neighbour = w.devices[3].device_id;
    assert_int_equal(complain(&w, 0, 4000000000u, FEDL_REFUSAL_SHARE), FEDL_GROUP_MISMATCH);
    assert_int_equal(complain(&w, 0, w.devices[0].device_id, FEDL_REFUSAL_SHARE),
                     FEDL_GROUP_MISMATCH);
    assert_int_equal(complain(&w, 0, neighbour, FEDL_REFUSAL_COHORT_SMALL), FEDL_GROUP_MISMATCH);
    assert_int_equal(complain(&w, 0, neighbour, 0), FEDL_GROUP_MISMATCH);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_MASKING);
    assert_int_equal(complain(&w, 0, neighbour, FEDL_REFUSAL_SHARE), FEDL_GROUP_OK);
    group_world_expect_failed(&w, "a share did not open", false);
    /* Somebody who is not in U2, on either end. */
    group_world_begin(&w, 2);
    w.devices[5].silent_at = GROUP_SILENT_SHARES;
    for (uint32_t i = 0; i < 5; i++) {
        w.devices[i].silent_at = GROUP_SILENT_VECTOR;
    }
    group_world_settle(&w);
    /* In SHARING no share can be complained of, but a key. */
    assert_int_equal(complain(&w, 0, neighbour, FEDL_REFUSAL_SHARE), FEDL_GROUP_MISMATCH);
    group_world_let_time_pass(&w);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_MASKING);
    assert_int_equal(complain(&w, 5, neighbour, FEDL_REFUSAL_SHARE), FEDL_GROUP_NOT_MEMBER);
    assert_int_equal(complain(&w, 0, w.devices[5].device_id, FEDL_REFUSAL_SHARE),
                     FEDL_GROUP_MISMATCH);
    for (uint32_t i = 0; i < 5; i++) {
        w.devices[i].silent_at = GROUP_TALKS;
    }
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(complain(&w, 0, neighbour, FEDL_REFUSAL_SHARE), FEDL_GROUP_STALE);
    group_world_close(&w);
}

static void a_refused_key_ends_sharing(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 5, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    assert_int_equal(complain(&w, 0, w.devices[1].device_id, FEDL_REFUSAL_CERTIFICATE),
                     FEDL_GROUP_NOT_MEMBER);
    for (uint32_t i = 0; i < 5; i++) {
        w.devices[i].silent_at = GROUP_SILENT_SHARES;
    }
    group_world_settle(&w);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_SHARING);
    assert_int_equal(complain(&w, 0, w.devices[1].device_id, FEDL_REFUSAL_CERTIFICATE),
                     FEDL_GROUP_OK);
    group_world_expect_failed(&w, "a neighbour's key was refused", false);
    assert_int_equal(fedl_group_blamed(&w.group), w.devices[1].device_id);
    assert_int_equal(fedl_group_blamed_other(&w.group), w.devices[0].device_id);
    group_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_shares_are_dropped),
        cmocka_unit_test(a_wrong_share_too_many),
        cmocka_unit_test(a_false_commitment_is_its_owners_lie),
        cmocka_unit_test(false_tags_are_their_owners_lie),
        cmocka_unit_test(shares_of_the_other_kind),
        cmocka_unit_test(a_share_that_does_not_open),
        cmocka_unit_test(complaints_that_cannot_be),
        cmocka_unit_test(a_refused_key_ends_sharing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
