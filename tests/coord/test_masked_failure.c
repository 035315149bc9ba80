/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked rounds that fail: attempts made again, rounds burnt, devices left out. Every commit is
 * compared with the plain sum of its members' updates (check_sums).
 */
#include "coord_party.h"

#include <string.h>

static party_world p;

static fedl_round_phase phase(void)
{
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    return info.phase;
}

static fedl_task_state task_state(void)
{
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    return info.state;
}

static bool told(const char *text)
{
    return strstr(p.w.transcript, text) != NULL;
}

static void lose(uint32_t index, fedli_party_want want, fedl_group_item item)
{
    p.parties[index].lost_at = want;
    p.parties[index].lost_item = item;
}

static void too_few_survivors_make_a_new_attempt(void **state)
{
    (void)state;
    parties_open(&p, 3, FEDL_TRUST_CURIOUS);
    lose(1, FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY);
    p.w.round.attempt_max = 10;
    p.w.round.round_count = 1;
    parties_add_task(&p);
    parties_run_until(&p, 2, 8000);
    assert_int_equal(p.w.version[1], 1);
    assert_int_equal(p.w.group_commit_count, 0);
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 1);
    assert_int_equal(phase(), FEDL_PHASE_POOL); /* two devices are not enough */
    p.parties[1].lost_at = (fedli_party_want)0; /* it comes back, without memory of the attempt */
    p.parties[1].lost = false;
    p.parties[1].begun = false;
    p.parties[1].connected = false;
    parties_run_until(&p, 2, 10000);
    assert_int_equal(p.w.version[1], 2);
    assert_int_equal(p.w.last_commit.attempt, 2);
    parties_close(&p);
}

static void a_round_without_answers_is_burnt(void **state)
{
    (void)state;
    uint8_t digest[32];
    uint8_t again[32];
    parties_open(&p, 3, FEDL_TRUST_CURIOUS);
    for (uint32_t i = 0; i < 3; i++) { /* nobody gives a share in round 1 */
        lose(i, FEDLI_PARTY_PUT, FEDL_ITEM_UNMASK);
        p.parties[i].lose_in_round = 1;
    }
    parties_add_task(&p);
    world_digest(&p.w, digest, 1);
    parties_run(&p);
    assert_int_equal(phase(), FEDL_PHASE_UNMASKING);
    world_run_ms(&p.w, 6000);
    assert_int_equal(p.w.burn_count, 1);
    assert_true(told("task 1 round 1.1 is burnt: "));
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 0);
    world_digest(&p.w, again, 1);
    assert_memory_equal(digest, again, 32);
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    assert_int_equal(info.round, 2);
    assert_int_equal(info.version, 1);
    for (uint32_t restart = 0; restart < 2; restart++) { /* the store remembers it, too */
        assert_int_equal(info.round, 2);
        world_restart(&p.w);
        world_task_info(&p.w, &info, 1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        p.parties[i].lost = false;
        p.parties[i].begun = false;
        p.parties[i].waits = false;
    }
    parties_run_until(&p, 3, 10000);
    assert_int_equal(p.w.version[1], 3); /* rounds 2 and 3 made versions 2 and 3 */
    assert_int_equal(p.w.last_commit.round, 3);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    parties_close(&p);
}

static void the_third_failed_attempt_burns_the_round(void **state)
{
    (void)state;
    parties_open(&p, 4, FEDL_TRUST_CURIOUS);
    p.w.round.attempt_max = 4;
    p.w.round.round_count = 9;
    parties_add_task(&p);
    for (uint32_t attempt = 1; attempt <= 4; attempt++) {
        for (uint32_t i = 0; i < 4; i++) {
            lose(i, FEDLI_PARTY_PUT, FEDL_ITEM_READY);
            p.parties[i].lost = false;
            p.parties[i].begun = false;
            p.parties[i].connected = false;
        }
        parties_run(&p);
        world_run_ms(&p.w, 12000);
    }
    assert_true(told("round 1.1 aborts"));
    assert_true(told("round 1.2 aborts"));
    assert_true(told("round 1.3 is burnt"));
    assert_true(told("round 2.1 aborts"));
    assert_true(told("paused: too many failed attempts"));
    assert_int_equal(task_state(), FEDL_TASK_PAUSED);
    parties_close(&p);
}

static void a_sum_out_of_range_is_burnt(void **state)
{
    (void)state;
    parties_open(&p, 4, FEDL_TRUST_CURIOUS);
    p.parties[3].lies_about_range = true;
    p.w.round.round_count = 2;
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(p.w.commit_count, 0);
    assert_true(told("round 1.1 is burnt: the sum is out of range\n"));
    p.parties[3].lies_about_range = false;
    parties_run_until(&p, 2, 5000);
    assert_int_equal(p.w.version[1], 2);
    assert_int_equal(p.w.last_commit.round, 2);
    parties_close(&p);
}

static void a_complaint_leaves_one_end_out(void **state)
{
    (void)state;
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    p.parties[4].spoils_shares = true; /* for device 1, its first neighbour */
    p.w.round.attempt_max = 10;
    p.w.round.round_count = 2;
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 1);
    assert_int_equal(p.parties[0].refusal, FEDL_REFUSAL_SHARE);
    assert_true(told("round 1.1 excludes device 5"));
    p.parties[4].spoils_shares = false;
    parties_run_until(&p, 3, 5000);
    assert_true(told("round 1.2 opens, cohort 4 of 5\n"));
    assert_true(told("round 1.2 commits 4 reports as version 2\n"));
    assert_true(told("round 2.1 commits 5 reports as version 3\n")); /* it may take part again */
    parties_close(&p);
}

/* One that is found in complaint after complaint is at fault, even when it is the one who accuses.
 */
static void who_complains_about_everybody_is_left_out(void **state)
{
    (void)state;
    parties_open(&p, 6, FEDL_TRUST_CURIOUS);
    p.parties[5].slanders = 1; /* another neighbour each time */
    p.w.round.attempt_max = 10;
    p.w.round.round_count = 1;
    parties_add_task(&p);
    parties_run_until(&p, 2, 20000);
    assert_true(told("round 1.1 excludes device 1"));
    assert_true(told("round 1.2 excludes device 6 for good: stands in complaints with more"));
    assert_true(told("round 1.3 commits 5 reports as version 2\n")); /* device 1 is back */
    parties_close(&p);
}

/* Device 5 accuses device 1, once or not; everybody behaves otherwise, until there is this version.
 */
static void run_to(uint32_t version, bool accuses)
{
    p.parties[4].slanders = accuses ? 1 : 0;
    for (uint32_t i = 0; i < 4000 && p.w.version[1] < version; i++) {
        for (uint32_t q = 0; q < p.count; q++) {
            (void)party_pump(&p, &p.parties[q]);
            p.parties[q].slanders = p.parties[q].slanders == 1 ? 1 : 0;
        }
        world_settle(&p.w);
        if (i % 20 == 0) {
            world_run_ms(&p.w, 250);
        }
    }
    assert_true(p.w.version[1] >= version);
}

/* The same pair once more: an honest device, too, stands in it, so it is never for good. It is kept
 * apart for longer each time, one end and the other by turns. */
static void a_pair_that_complains_again_is_kept_apart_for_longer(void **state)
{
    (void)state;
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    p.w.round.attempt_max = 10;
    p.w.round.round_count = 9;
    parties_add_task(&p);
    run_to(2, true);
    assert_true(told("round 1.1 excludes device 1: "));
    assert_true(told("round 1.2 commits 4 reports"));
    run_to(3, true);
    assert_true(told("round 2.1 excludes device 5: ")); /* rounds 2 and 3 */
    run_to(4, false);
    assert_true(told("round 3.1 commits 4 reports"));
    world_transcript_clear(&p.w);
    run_to(5, true);
    assert_true(told("round 4.1 excludes device 1: ")); /* rounds 4 to 7 */
    run_to(9, false);
    assert_true(told("round 7.1 commits 4 reports"));
    assert_true(told("round 8.1 commits 5 reports"));
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 3);
    assert_int_equal(p.w.burn_count, 0);
    parties_close(&p);
}

/* A fleet of just as many as the task needs: who is left out would stop it. */
static void nobody_is_left_out_when_all_are_needed(void **state)
{
    (void)state;
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    p.w.plan.secagg.min_cohort = 5;
    p.w.round.reports_min = 5;
    p.parties[4].spoils_shares = true;
    p.w.round.attempt_max = 10;
    p.w.round.round_count = 1;
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(p.w.log_counts[FEDL_LOG_EXCLUDED], 0);
    p.parties[4].spoils_shares = false;
    parties_run_until(&p, 2, 5000);
    assert_true(told("round 1.2 commits 5 reports as version 2\n"));
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_survivors_make_a_new_attempt),
        cmocka_unit_test(a_round_without_answers_is_burnt),
        cmocka_unit_test(the_third_failed_attempt_burns_the_round),
        cmocka_unit_test(a_sum_out_of_range_is_burnt),
        cmocka_unit_test(a_complaint_leaves_one_end_out),
        cmocka_unit_test(who_complains_about_everybody_is_left_out),
        cmocka_unit_test(a_pair_that_complains_again_is_kept_apart_for_longer),
        cmocka_unit_test(nobody_is_left_out_when_all_are_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
