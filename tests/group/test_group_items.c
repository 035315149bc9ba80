/* SPDX-License-Identifier: Apache-2.0 */
/* The doors: items of wrong sizes, at wrong times, from wrong devices; parts at any offset. */
#include "group_world.h"

#include "base/cursor.h"
#include "secagg/params.h"

#include <stdlib.h>
#include <string.h>

static const fedl_group_item up_items[] = {FEDL_ITEM_READY,  FEDL_ITEM_SHARES,    FEDL_ITEM_CONFIRM,
                                           FEDL_ITEM_UNMASK, FEDL_ITEM_COMPLAINT, FEDL_ITEM_SEED};
static const fedl_group_item down_items[] = {FEDL_ITEM_ROSTER, FEDL_ITEM_CERTS, FEDL_ITEM_FORWARD,
                                             FEDL_ITEM_SURVIVORS, FEDL_ITEM_CONFIRMS};

/* Goes to a phase and stays there: one device keeps everybody waiting. */
static void hold_in(group_world *w, fedl_group_phase phase, uint64_t seed)
{
    group_world_begin(w, seed);
    const group_silence at = phase == FEDL_GROUP_GATHERING    ? GROUP_SILENT_READY
                             : phase == FEDL_GROUP_SHARING    ? GROUP_SILENT_SHARES
                             : phase == FEDL_GROUP_MASKING    ? GROUP_SILENT_VECTOR
                             : phase == FEDL_GROUP_CONFIRMING ? GROUP_SILENT_CONFIRM
                                                              : GROUP_SILENT_UNMASK;
    for (uint32_t i = 1; i < w->n && phase != FEDL_GROUP_READY; i++) {
        w->devices[i].silent_at = at;
    }
    if (phase == FEDL_GROUP_FROZEN || phase == FEDL_GROUP_READY) {
        group_world_run_to(w, phase);
    } else {
        group_world_run_to(w, phase);
        group_world_settle(w);
    }
    assert_int_equal(fedl_group_phase_of(&w->group), phase);
}

/* What a GET of device 0 must be answered in a phase. */
static fedl_group_answer expected_get(fedl_group_item item, fedl_group_phase phase)
{
    fedl_group_phase from = FEDL_GROUP_SHARING, to = FEDL_GROUP_MASKING;
    if (item == FEDL_ITEM_FORWARD) {
        from = FEDL_GROUP_MASKING;
    } else if (item == FEDL_ITEM_SURVIVORS) {
        from = FEDL_GROUP_CONFIRMING;
        to = FEDL_GROUP_UNMASKING;
    } else if (item == FEDL_ITEM_CONFIRMS) {
        from = to = FEDL_GROUP_UNMASKING;
    }
    return phase < from ? FEDL_GROUP_NOT_YET : phase > to ? FEDL_GROUP_STALE : FEDL_GROUP_OK;
}

static void reading_by_phase(void **state)
{
    (void)state;
    static uint8_t out[4096];
    group_world w;
    size_t size;
    group_world_open(&w, 5, FEDL_TRUST_ACTIVE, 16);
    for (fedl_group_phase phase = FEDL_GROUP_GATHERING; phase <= FEDL_GROUP_READY; phase++) {
        hold_in(&w, phase, phase);
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(group_world_get(&w, 0, down_items[i], out, sizeof out, &size),
                             expected_get(down_items[i], phase));
            uint64_t total;
            assert_int_equal(fedl_group_get(&w.group, 4000000000u, down_items[i], 0, out,
                                            sizeof out, &size, &total),
                             FEDL_GROUP_NOT_MEMBER);
        }
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(group_world_get(&w, 0, up_items[i], out, sizeof out, &size),
                             FEDL_GROUP_MISMATCH);
        }
    }
    w.plan.secagg.trust = FEDL_TRUST_CURIOUS;
    hold_in(&w, FEDL_GROUP_UNMASKING, 1);
    assert_int_equal(group_world_get(&w, 0, FEDL_ITEM_CONFIRMS, out, sizeof out, &size),
                     FEDL_GROUP_MISMATCH);
    group_world_close(&w);
}

/* Any piece of any item is that piece of the whole. */
static void any_part_of_any_item(void **state)
{
    (void)state;
    static uint8_t whole[8192], part[8192];
    group_world w;
    group_world_open(&w, 9, FEDL_TRUST_ACTIVE, 16);
    const fedl_group_phase phases[] = {FEDL_GROUP_SHARING, FEDL_GROUP_SHARING, FEDL_GROUP_MASKING,
                                       FEDL_GROUP_UNMASKING, FEDL_GROUP_UNMASKING};
    const uint32_t sizes[] = {8 + 89 * 9, 312 * 8, 2 + 96 * 8, 2, 1 + 16 * 8};
    for (uint32_t item = 0; item < 5; item++) {
        const uint32_t id = w.devices[0].device_id;
        size_t size;
        uint64_t total;
        hold_in(&w, phases[item], item);
        assert_int_equal(group_world_get(&w, 0, down_items[item], whole, sizeof whole, &size),
                         FEDL_GROUP_OK);
        assert_int_equal(size, sizes[item]);
        for (uint32_t offset = 0; offset < sizes[item]; offset++) {
            const uint32_t room = 1u + fedli_rng_below(&w.rng, sizes[item]);
            const uint32_t left = sizes[item] - offset;
            assert_int_equal(
                fedl_group_get(&w.group, id, down_items[item], offset, part, room, &size, &total),
                FEDL_GROUP_OK);
            assert_int_equal(size, room < left ? room : left);
            assert_int_equal(total, sizes[item]);
            assert_memory_equal(part, whole + offset, size);
        }
        const uint64_t beyond[] = {sizes[item], UINT64_MAX};
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(fedl_group_get(&w.group, id, down_items[item], beyond[i], part,
                                            sizeof part, &size, &total),
                             FEDL_GROUP_MISMATCH);
            assert_int_equal(size, 0);
        }
    }
    group_world_close(&w);
}

/* ---- PUT ---- */

static fedl_group_answer put_at(group_world *w, uint32_t index, fedl_group_item item,
                                uint64_t offset, uint64_t total, size_t size, uint64_t *next)
{
    static const uint8_t zeros[8192];
    const group_device *d = &w->devices[index];
    bool complete;
    const fedl_group_answer answer =
        fedl_group_put(&w->group, w->now_ns, d->device_id, d->id_public, d->noise_public, item,
                       offset, total, fedl_bytes_of(zeros, size), next, &complete);
    assert_false(complete && answer != FEDL_GROUP_OK);
    return answer;
}

static void wrong_sizes(void **state)
{
    (void)state;
    group_world w;
    uint64_t next;
    group_world_open(&w, 6, FEDL_TRUST_ACTIVE, 16);
    const fedl_group_item items[] = {FEDL_ITEM_READY, FEDL_ITEM_SHARES, FEDL_ITEM_COMPLAINT,
                                     FEDL_ITEM_CONFIRM, FEDL_ITEM_UNMASK};
    const fedl_group_phase phases[] = {FEDL_GROUP_GATHERING, FEDL_GROUP_SHARING, FEDL_GROUP_MASKING,
                                       FEDL_GROUP_CONFIRMING, FEDL_GROUP_UNMASKING};
    const uint32_t sizes[] = {364, 64 + 144 * 5, 8, 16 * 5, 32 * 5};
    for (uint32_t i = 0; i < 5; i++) {
        const uint64_t total = sizes[i];
        hold_in(&w, phases[i], i);
        const uint64_t bad[][3] = {/* offset, total, size */
                                   {0, total - 1, 1}, {0, total + 1, 1}, {0, total, total + 1},
                                   {1, total, total}, {total, total, 1}, {UINT64_MAX, total, 1},
                                   {0, 0, 0},         {0, UINT64_MAX, 1}};
        for (uint32_t j = 0; j < 8; j++) {
            assert_int_equal(
                put_at(&w, 1, items[i], bad[j][0], bad[j][1], (size_t)bad[j][2], &next),
                FEDL_GROUP_MISMATCH);
            assert_int_equal(next, 0);
        }
        /* A part ahead of its time, and an empty one: the device learns where to go on. */
        assert_int_equal(put_at(&w, 1, items[i], 5, total, 2, &next), FEDL_GROUP_OK);
        assert_int_equal(next, 0);
        assert_int_equal(put_at(&w, 1, items[i], 0, total, 0, &next), FEDL_GROUP_OK);
        assert_int_equal(put_at(&w, 1, items[i], 0, total, 3, &next), FEDL_GROUP_OK);
        assert_int_equal(next, 3);
        assert_int_equal(put_at(&w, 1, items[i], 5, total, 2, &next), FEDL_GROUP_OK);
        assert_int_equal(next, 3);
        assert_int_equal(put_at(&w, 1, items[i], 1, total, 1, &next), FEDL_GROUP_OK);
        assert_int_equal(next, 3);
    }
    group_world_close(&w);
}

/* Zeros in every item at every time: never accepted too early, never after its step. */
static void putting_by_phase(void **state)
{
    (void)state;
    group_world w;
    uint64_t next;
    group_world_open(&w, 5, FEDL_TRUST_ACTIVE, 16);
    for (fedl_group_phase phase = FEDL_GROUP_GATHERING; phase <= FEDL_GROUP_READY; phase++) {
        hold_in(&w, phase, phase);
        const uint64_t shares = fedli_shares_bytes(4);
        const fedl_group_answer answers[] = {
            put_at(&w, 1, FEDL_ITEM_SHARES, 0, shares, 1, &next),
            put_at(&w, 1, FEDL_ITEM_CONFIRM, 0, 64, 1, &next),
            put_at(&w, 1, FEDL_ITEM_UNMASK, 0, 128, 1, &next),
            put_at(&w, 1, FEDL_ITEM_COMPLAINT, 0, 8, 8, &next),
        };
        const bool gathering = phase == FEDL_GROUP_GATHERING;
        /* A part is taken when its step is on; zeros are no complaint, and no SHARES as before. */
        if (phase != FEDL_GROUP_SHARING) {
            assert_int_equal(answers[0], gathering                     ? FEDL_GROUP_NOT_MEMBER
                                         : phase == FEDL_GROUP_MASKING ? FEDL_GROUP_MISMATCH
                                                                       : FEDL_GROUP_STALE);
        }
        const fedl_group_answer early = gathering ? FEDL_GROUP_NOT_MEMBER : FEDL_GROUP_MISMATCH;
        if (phase < FEDL_GROUP_CONFIRMING) {
            assert_int_equal(answers[1], early);
            assert_int_equal(answers[2], early);
        }
        assert_int_equal(answers[3], phase == FEDL_GROUP_SHARING || phase == FEDL_GROUP_MASKING
                                         ? FEDL_GROUP_MISMATCH
                                     : gathering ? FEDL_GROUP_NOT_MEMBER
                                                 : FEDL_GROUP_STALE);
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(put_at(&w, 1, down_items[i], 0, 8, 8, &next),
                             gathering ? FEDL_GROUP_NOT_MEMBER : FEDL_GROUP_MISMATCH);
        }
        assert_int_equal(put_at(&w, 1, FEDL_ITEM_SEED, 0, 8, 8, &next),
                         gathering ? FEDL_GROUP_NOT_MEMBER : FEDL_GROUP_MISMATCH);
    }
    group_world_close(&w);
}

/* The answer to SHARES was lost, and the next step has begun. */
static void shares_again_in_masking(void **state)
{
    (void)state;
    group_world w;
    uint64_t next;
    static uint8_t blob[1024];
    group_world_open(&w, 4, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    for (uint32_t i = 0; i < 4; i++) {
        w.devices[i].silent_at = GROUP_SILENT_SHARES;
    }
    group_world_run_to(&w, FEDL_GROUP_SHARING);
    group_world_settle(&w);
    for (uint32_t i = 0; i < 4; i++) {
        const fedl_bytes shares = fedli_party_blob(&w.devices[i].party);
        assert_int_equal(shares.size, fedli_shares_bytes(3));
        assert_int_equal(group_world_put(&w, i, FEDL_ITEM_SHARES, shares.data, shares.size),
                         FEDL_GROUP_OK);
    }
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_MASKING);
    const fedl_bytes shares = fedli_party_blob(&w.devices[2].party);
    assert_int_equal(group_world_put(&w, 2, FEDL_ITEM_SHARES, shares.data, shares.size),
                     FEDL_GROUP_OK);
    memcpy(blob, shares.data, shares.size);
    blob[100] ^= 1;
    assert_int_equal(group_world_put(&w, 2, FEDL_ITEM_SHARES, blob, shares.size),
                     FEDL_GROUP_MISMATCH);
    assert_int_equal(put_at(&w, 2, FEDL_ITEM_SHARES, 0, 7, 7, &next), FEDL_GROUP_MISMATCH);
    group_world_close(&w);
}

/* Tags that come after CONFIRMS was handed out change nothing for the others, but their device goes
 * on with those of the others, and its shares count. */
static void a_late_confirm(void **state)
{
    (void)state;
    group_world w;
    uint8_t before[2 + 16 * 9], after[sizeof before];
    size_t before_bytes, size;
    group_world_open(&w, 10, FEDL_TRUST_ACTIVE, 16);
    group_world_begin(&w, 1);
    for (uint32_t i = 1; i < 10; i++) {
        w.devices[i].silent_at = GROUP_SILENT_UNMASK;
    }
    w.devices[0].silent_at = GROUP_SILENT_CONFIRM;
    group_world_run_to(&w, FEDL_GROUP_UNMASKING);
    assert_int_equal(
        group_world_get(&w, 1, FEDL_ITEM_CONFIRMS, before, sizeof before, &before_bytes),
        FEDL_GROUP_OK);
    assert_int_equal(before_bytes, 2 + 16 * 8);
    for (uint32_t i = 7; i < 10; i++) {
        fedl_group_remove(&w.group, w.now_ns, w.devices[i].device_id);
    }
    w.devices[0].silent_at = GROUP_SILENT_UNMASK;
    group_world_settle(&w);
    assert_int_equal(fedli_party_next(&w.devices[0].party), FEDLI_PARTY_PUT);
    assert_int_equal(fedli_party_item(&w.devices[0].party), FEDL_ITEM_UNMASK);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_UNMASKING);
    assert_int_equal(group_world_get(&w, 1, FEDL_ITEM_CONFIRMS, after, sizeof after, &size),
                     FEDL_GROUP_OK);
    assert_int_equal(size, before_bytes);
    assert_memory_equal(before, after, size);
    for (uint32_t i = 0; i < 10; i++) {
        w.devices[i].silent_at = GROUP_TALKS;
    }
    group_world_run(&w);
    group_world_expect_exact(&w); /* t = 6: six of the seven that are left, and the late one */
    group_world_close(&w);
}

/* ---- vectors ---- */

static void vectors_by_phase(void **state)
{
    (void)state;
    group_world w;
    uint8_t rb[32], other[32];
    group_world_open(&w, 5, FEDL_TRUST_CURIOUS, 16);
    const uint32_t late = w.devices[4].device_id, counted = w.devices[0].device_id;
    group_world_begin(&w, 1);
    memset(other, 0, sizeof other);
    assert_int_equal(fedl_group_vector_wanted(&w.group, counted, other), FEDL_GROUP_NOT_MEMBER);
    w.devices[3].silent_at = GROUP_SILENT_SHARES;
    w.devices[4].silent_at = GROUP_SILENT_VECTOR;
    group_world_settle(&w);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_SHARING);
    memcpy(rb, fedli_party_binding(&w.devices[4].party), 32);
    assert_int_equal(fedl_group_vector_wanted(&w.group, late, rb), FEDL_GROUP_MISMATCH);
    group_world_let_time_pass(&w);
    group_world_settle(&w);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_MASKING);
    assert_int_equal(fedl_group_vector_wanted(&w.group, late, rb), FEDL_GROUP_OK);
    assert_int_equal(fedl_group_vector_wanted(&w.group, late, other), FEDL_GROUP_MISMATCH);
    assert_int_equal(fedl_group_vector_wanted(&w.group, counted, rb), FEDL_GROUP_STALE);
    assert_true(fedl_group_vector_counted(&w.group, counted));
    assert_int_equal(fedl_group_vector_wanted(&w.group, w.devices[3].device_id, rb),
                     FEDL_GROUP_NOT_MEMBER);
    assert_true(fedl_group_waits_for(&w.group, late));
    assert_false(fedl_group_waits_for(&w.group, counted));
    w.plan.secagg.delta_permille = 100;
    group_world_let_time_pass(&w); /* n = 5 bears one loss: two are too many */
    group_world_expect_failed(&w, "too few vectors", false);
    assert_int_equal(fedl_group_vector_wanted(&w.group, late, rb), FEDL_GROUP_STALE);
    group_world_close(&w);
}

/* A vector that is whole only after U3 froze does not count, and its device is told so. */
static void a_late_vector(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 5, FEDL_TRUST_ACTIVE, 16);
    group_world_begin(&w, 1);
    w.devices[4].silent_at = GROUP_SILENT_VECTOR;
    group_world_run_to(&w, FEDL_GROUP_FROZEN);
    w.devices[4].silent_at = GROUP_TALKS;
    assert_true(group_world_pump(&w, 4));
    assert_int_equal(w.devices[4].answer, FEDL_GROUP_STALE);
    assert_false(fedl_group_vector_counted(&w.group, w.devices[4].device_id));
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(fedl_group_u3_count(&w.group), 4);
    group_world_close(&w);
}

/* ---- memory ---- */

static size_t bytes_per_device(uint32_t n, uint32_t gamma, uint32_t delta, fedl_server_trust trust)
{
    fedl_plan plan = {.aggregation = FEDL_AGGREGATION_MASKED};
    plan.update.clients_max = n;
    plan.secagg.trust = trust;
    plan.secagg.gamma_permille = (uint16_t)gamma;
    plan.secagg.delta_permille = (uint16_t)delta;
    return fedl_group_size(&plan) / n;
}

static void memory_per_device(void **state)
{
    (void)state;
    fedli_params params;
    assert_int_equal(fedli_params_for(&params, 1000, 100, 50, FEDL_TRUST_CURIOUS), FEDL_OK);
    const size_t curious = bytes_per_device(1000, 100, 50, FEDL_TRUST_CURIOUS);
    print_message("n = 1000, k = %u: %zu bytes per device\n", params.k, curious);
    assert_true(curious <= 155u * params.k + 600u);
    assert_true(curious <= 32u * 1024u);
    assert_true(bytes_per_device(1000, 100, 50, FEDL_TRUST_ACTIVE) <= 32u * 1024u);
    assert_true(bytes_per_device(128, 100, 50, FEDL_TRUST_ACTIVE) <= 32u * 1024u);
    /* The largest complete graph may need more than a ring of somewhat more devices. */
    assert_true(bytes_per_device(129, 100, 50, FEDL_TRUST_CURIOUS) * 129u >= 128u * 144u * 127u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_by_phase),
        cmocka_unit_test(any_part_of_any_item),
        cmocka_unit_test(wrong_sizes),
        cmocka_unit_test(putting_by_phase),
        cmocka_unit_test(shares_again_in_masking),
        cmocka_unit_test(vectors_by_phase),
        cmocka_unit_test(a_late_vector),
        cmocka_unit_test(a_late_confirm),
        cmocka_unit_test(memory_per_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
