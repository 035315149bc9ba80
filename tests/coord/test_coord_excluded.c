/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that were found lying: left out of their task from the op that names them on, in every
 * later process of the server, until the operator readmits them.
 */
#include "coord_party.h"

#include <string.h>

static party_world p;

static bool told(const char *text)
{
    return strstr(p.w.transcript, text) != NULL;
}

static fedl_status readmit(uint32_t device_id)
{
    const fedl_admin admin = {.kind = FEDL_ADMIN_DEVICE_READMIT, .device_id = device_id};
    world_admin(&p.w, &admin);
    world_settle(&p.w);
    return p.w.admin.status;
}

static bool is_left_out(uint32_t device_id)
{
    for (uint32_t i = 0; i < fedl_coord_device_count(&p.w.coord); i++) {
        fedl_device_info info;
        fedl_coord_device_at(&p.w.coord, &info, i);
        if (info.record->device_id == device_id) {
            return fedl_coord_device_excluded(&p.w.coord, i, 0);
        }
    }
    fail();
    return false;
}

/* Six devices of which the last lies in round 1. */
static void open_with_liar(void)
{
    parties_open(&p, 6, FEDL_TRUST_CURIOUS);
    p.w.round.attempt_max = 10;
    p.w.round.round_count = 9;
    p.parties[5].spoils_commitment = true;
    parties_add_task(&p);
    parties_run(&p);
    assert_true(told("round 1.1 is burnt: a device shared another secret than it committed to"));
    assert_true(told("round 1.1 excludes device 6 for good: a device shared another secret"));
    assert_true(is_left_out(6));
    p.parties[5].spoils_commitment = false;
}

static void a_liar_stays_out_after_a_restart(void **state)
{
    (void)state;
    open_with_liar();
    for (uint32_t restart = 0; restart < 2; restart++) {
        world_restart(&p.w);
        assert_true(is_left_out(6));
        assert_false(is_left_out(5));
    }
    parties_run_until(&p, 2, 20000);
    assert_true(told("round 2.1 commits 5 reports as version 2\n"));
    assert_int_equal(p.w.last_members[4], 5); /* rising ids: device 6 is not there */
    assert_false(told("commits 6 reports"));
    parties_close(&p);
}

static void a_readmitted_device_takes_part_also_after_a_restart(void **state)
{
    (void)state;
    open_with_liar();
    assert_int_equal(readmit(5), FEDL_ERR_STATE);
    assert_int_equal(readmit(400), FEDL_ERR_NOT_FOUND);
    assert_int_equal(readmit(6), FEDL_OK);
    assert_true(told("device 6 readmitted\n"));
    assert_false(is_left_out(6));
    assert_int_equal(readmit(6), FEDL_ERR_STATE);
    world_restart(&p.w);
    assert_false(is_left_out(6));
    parties_run_until(&p, 2, 20000);
    assert_int_equal(p.w.last_commit.member_count, 6);
    parties_close(&p);
}

/* The store fails: the operator is told, and nothing has changed. */
static void a_device_is_readmitted_when_it_is_durable(void **state)
{
    (void)state;
    open_with_liar();
    p.w.store_fail_at = p.w.store_serial + 1u;
    assert_int_equal(readmit(6), FEDL_ERR_NO_SPACE);
    assert_true(is_left_out(6));
    p.w.hold = true;
    const fedl_admin admin = {.kind = FEDL_ADMIN_DEVICE_READMIT, .device_id = 6};
    world_admin(&p.w, &admin);
    assert_true(is_left_out(6));
    world_admin(&p.w, &admin);
    assert_int_equal(p.w.admin.status, FEDL_ERR_BUSY);
    p.w.hold = false;
    world_store_all(&p.w);
    assert_false(is_left_out(6));
    parties_close(&p);
}

/* Wrong shares of several owners: the sum is whole, and who gave them is known. */
static void wrong_shares_in_a_good_round_are_kept_with_the_commit(void **state)
{
    (void)state;
    parties_open(&p, 7, FEDL_TRUST_CURIOUS);
    p.w.round.round_count = 9;
    p.parties[0].spoils_unmask = true; /* the first to give its shares */
    parties_add_task(&p);
    parties_run_until(&p, 2, 20000);
    assert_true(p.w.version[1] >= 2);
    assert_true(told("round 1.1 commits 7 reports as version 2\n"));
    assert_true(told("round 1.1 excludes device 1 for good: sent a wrong share\n"));
    world_restart(&p.w);
    assert_true(is_left_out(1));
    parties_close(&p);
}

/* Two liars, each of whom gives one wrong share: that of honest device 1. */
static void two_liars_cannot_frame_an_honest_device(void **state)
{
    (void)state;
    parties_open(&p, 12, FEDL_TRUST_CURIOUS); /* gamma 10 %: c = 2 may lie */
    p.w.round.round_count = 9;
    p.parties[1].frames_first = true;
    p.parties[2].frames_first = true;
    parties_add_task(&p);
    parties_run_until(&p, 2, 20000);
    world_restart(&p.w);
    const bool framed = is_left_out(1);
    parties_close(&p);
    assert_false(framed);
}

static bool raced;
static void readmit_in_between(world *w, const fedl_store_op *op)
{
    if (raced || op->kind != FEDL_STORE_ROUND_BURN || op->task_id != 2 || op->blamed != 6) {
        return;
    }
    raced = true; /* the burn of task 2 is out, not yet stored: the operator readmits device 6 */
    const bool held = w->hold;
    w->hold = true;
    const fedl_admin admin = {.kind = FEDL_ADMIN_DEVICE_READMIT, .device_id = 6};
    world_admin(w, &admin);
    w->hold = held;
}

static bool is_left_out_of(uint32_t device_id, uint32_t task_index)
{
    for (uint32_t i = 0; i < fedl_coord_device_count(&p.w.coord); i++) {
        fedl_device_info info;
        fedl_coord_device_at(&p.w.coord, &info, i);
        if (info.record->device_id == device_id) {
            return fedl_coord_device_excluded(&p.w.coord, i, task_index);
        }
    }
    return false;
}

static void memory_and_store_agree_about_who_is_left_out(void **state)
{
    (void)state;
    open_with_liar();
    p.parties[5].spoils_commitment = true;
    p.w.before_store = readmit_in_between;
    assert_int_equal(world_add_task(&p.w, "two"), 2);
    for (int i = 0; i < 4000 && !raced; i++) {
        if (i % 50 == 0) {
            world_run_ms(&p.w, 250);
        }
        for (uint32_t q = 0; q < p.count; q++) {
            (void)party_pump(&p, &p.parties[q]);
        }
        world_settle(&p.w);
    }
    assert_true(raced);
    p.parties[5].spoils_commitment = false;
    world_store_all(&p.w);
    const bool before = is_left_out_of(6, 1);
    world_restart(&p.w);
    const bool after = is_left_out_of(6, 1);
    parties_close(&p);
    assert_int_equal(before, after);
}

/* gamma 20 % of 12: c = 3 may lie. Each slanders once a round. */
static void three_slanderers_cannot_block_a_task_for_ever(void **state)
{
    (void)state;
    parties_open(&p, 12, FEDL_TRUST_CURIOUS);
    p.w.plan.secagg.gamma_permille = 200;
    p.w.plan.secagg.delta_permille = 100;
    p.w.plan.secagg.min_cohort = 6;
    p.w.round.reports_min = 6;
    p.w.round.round_count = 40;
    p.w.round.attempt_max = 100;
    p.parties[0].slanders = 4;
    p.parties[1].slanders = 5;
    p.parties[2].slanders = 6;
    parties_add_task(&p);
    for (int i = 0; i < 30000 && p.w.version[1] < 2 && p.w.burn_count < 12; i++) {
        if (i % 20 == 0) {
            world_run_ms(&p.w, 250);
        }
        for (uint32_t q = 0; q < p.count; q++) {
            if (p.parties[q].slanders > 12) {
                p.parties[q].slanders = 4;
            }
            (void)party_pump(&p, &p.parties[q]);
        }
        world_settle(&p.w);
        world_transcript_clear(&p.w);
    }
    const bool went_on = p.w.version[1] >= 2;
    parties_close(&p);
    assert_true(went_on);
}

static void restoring_has_its_order(void **state)
{
    (void)state;
    parties_open(&p, 4, FEDL_TRUST_CURIOUS);
    parties_add_task(&p);
    assert_int_equal(fedl_coord_restore_exclusion(&p.w.coord, 1, 1), FEDL_ERR_STATE);
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_liar_stays_out_after_a_restart),
        cmocka_unit_test(a_readmitted_device_takes_part_also_after_a_restart),
        cmocka_unit_test(a_device_is_readmitted_when_it_is_durable),
        cmocka_unit_test(wrong_shares_in_a_good_round_are_kept_with_the_commit),
        cmocka_unit_test(restoring_has_its_order),
        cmocka_unit_test(memory_and_store_agree_about_who_is_left_out),
        cmocka_unit_test(three_slanderers_cannot_block_a_task_for_ever),
        cmocka_unit_test(two_liars_cannot_frame_an_honest_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
