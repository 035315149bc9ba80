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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
