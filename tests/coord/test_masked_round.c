/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked rounds through the coordinator, with real parties. Every commit is compared with the plain
 * sum of its members' updates (check_sums), so "commits" below means: with the exact sum.
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

static void a_round_commits_the_exact_sum(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {3, 5, 10};
    for (size_t i = 0; i < 6; i++) {
        const uint32_t n = sizes[i % 3];
        parties_open(&p, n, i < 3 ? FEDL_TRUST_CURIOUS : FEDL_TRUST_ACTIVE);
        parties_add_task(&p);
        parties_run(&p);
        assert_int_equal(p.w.version[1], 4); /* three rounds, without a second passing */
        assert_int_equal(p.w.commit_count, 3);
        assert_int_equal(p.w.last_commit.member_count, n);
        assert_int_equal(p.w.group_commit_count, 3);
        assert_int_equal(p.w.burn_count, 0);
        assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
        for (uint32_t u = 0; u < n; u++) {
            /* Who gives its share when t others were quicker may hear that the step is over. */
            assert_true(p.parties[u].done_count >= 1);
            assert_int_equal(p.parties[u].refused_count, 0);
        }
        parties_close(&p);
    }
}

static void the_log_tells_the_steps(void **state)
{
    (void)state;
    parties_open(&p, 3, FEDL_TRUST_CURIOUS);
    p.w.round.round_count = 1;
    parties_add_task(&p);
    parties_run(&p);
    assert_true(told("task 1 round 1.1 opens, cohort 3 of 3\n"));
    assert_true(told("task 1 round 1.1 cohort of 3\n"));
    assert_true(told("task 1 round 1.1 report of 1, 1 of 3\n"));
    assert_true(told("task 1 round 1.1 survivors 3 of 3\n"));
    assert_true(told("task 1 round 1.1 commits 3 reports as version 2\n"));
    assert_int_equal(p.w.log_counts[FEDL_LOG_REJECTED], 0);
    /* READY 364, SHARES 64 + 144·k; UNMASK, 32 for each neighbour, of those that came in time. */
    const uint64_t least = 3 * (world_vector_bytes(&p.w) + 364 + 64 + 144 * 2);
    assert_in_range(p.w.last_commit.metrics.bytes_up, least, least + 3 * 32 * 2);
    parties_close(&p);
}

/* n = 5 survives the loss of one device at every step. */
static void one_of_five_may_vanish_at_any_step(void **state)
{
    (void)state;
    static const struct {
        fedli_party_want want;
        fedl_group_item item;
        uint32_t members; /* of the commit */
    } steps[] = {
        {FEDLI_PARTY_PUT, FEDL_ITEM_READY, 4},     {FEDLI_PARTY_GET, FEDL_ITEM_ROSTER, 4},
        {FEDLI_PARTY_GET, FEDL_ITEM_CERTS, 4},     {FEDLI_PARTY_PUT, FEDL_ITEM_SHARES, 4},
        {FEDLI_PARTY_GET, FEDL_ITEM_FORWARD, 4},   {FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY, 4},
        {FEDLI_PARTY_GET, FEDL_ITEM_SURVIVORS, 5}, {FEDLI_PARTY_PUT, FEDL_ITEM_CONFIRM, 5},
        {FEDLI_PARTY_GET, FEDL_ITEM_CONFIRMS, 5},  {FEDLI_PARTY_PUT, FEDL_ITEM_UNMASK, 5},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        parties_open(&p, 5, FEDL_TRUST_ACTIVE);
        lose(2, steps[i].want, steps[i].item);
        parties_add_task(&p);
        parties_run_until(&p, 2, 30000);
        assert_true(p.parties[2].lost);
        assert_int_equal(p.w.version[1], 2);
        assert_int_equal(p.w.last_commit.member_count, steps[i].members);
        assert_int_equal(p.w.last_commit.round, 1);
        assert_int_equal(p.w.last_commit.attempt, 1);
        parties_close(&p);
    }
}

static void pausing_waits_for_the_commit_point(void **state)
{
    (void)state;
    const fedl_admin pause = {.kind = FEDL_ADMIN_TASK_PAUSE, .task_id = 1};
    const fedl_admin resume = {.kind = FEDL_ADMIN_TASK_RESUME, .task_id = 1};
    parties_open(&p, 3, FEDL_TRUST_CURIOUS);
    for (uint32_t i = 0; i < 3; i++) { /* before it: the attempt ends */
        lose(i, FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY);
    }
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(phase(), FEDL_PHASE_RUNNING);
    world_admin(&p.w, &pause);
    assert_true(p.w.admin_answered);
    assert_int_equal(task_state(), FEDL_TASK_PAUSED);
    assert_true(told("round 1.1 aborts"));
    world_admin(&p.w, &resume);
    for (uint32_t i = 0; i < 3; i++) { /* after it: the round is finished first */
        p.parties[i].lost = false;
        p.parties[i].begun = false;
        p.parties[i].connected = false;
        lose(i, FEDLI_PARTY_PUT, FEDL_ITEM_UNMASK);
    }
    parties_run(&p);
    assert_int_equal(phase(), FEDL_PHASE_UNMASKING);
    world_admin(&p.w, &pause);
    assert_false(p.w.admin_answered);
    assert_int_equal(task_state(), FEDL_TASK_RUNNING);
    for (uint32_t i = 0; i < 3; i++) {
        p.parties[i].lost = false;
        p.parties[i].lost_at = (fedli_party_want)0;
    }
    parties_run(&p);
    assert_int_equal(p.w.version[1], 2);
    assert_true(p.w.admin_answered);
    assert_int_equal(p.w.admin.status, FEDL_OK);
    assert_int_equal(task_state(), FEDL_TASK_PAUSED);
    parties_close(&p);
}

static void a_revoked_device_is_not_waited_for(void **state)
{
    (void)state;
    for (uint32_t when = 0; when < 2; when++) {
        parties_open(&p, 5, FEDL_TRUST_CURIOUS);
        lose(4, when == 0 ? FEDLI_PARTY_UPLOAD : FEDLI_PARTY_PUT,
             when == 0 ? FEDL_ITEM_READY : FEDL_ITEM_UNMASK);
        p.w.round.round_count = 1;
        parties_add_task(&p);
        parties_run(&p);
        const fedl_admin revoke = {.kind = FEDL_ADMIN_DEVICE_REVOKE,
                                   .device_id = p.parties[4].d->id};
        world_admin(&p.w, &revoke);
        parties_run(&p);
        assert_int_equal(p.w.version[1], 2); /* no time had to pass */
        assert_int_equal(p.w.last_commit.member_count, when == 0 ? 4 : 5);
        parties_close(&p);
    }
}

static void nothing_is_asked_for_before_it_is_stored(void **state)
{
    (void)state;
    parties_open(&p, 3, FEDL_TRUST_CURIOUS);
    parties_add_task(&p);
    p.w.hold = true;
    parties_run(&p);
    world_store_one(&p.w); /* ROUND_OPEN */
    parties_run(&p);
    assert_int_equal(p.w.store_count, 1);
    assert_int_equal(p.w.stores[0].op->kind, FEDL_STORE_GROUP_COMMIT);
    assert_int_equal(phase(), FEDL_PHASE_FREEZING);
    const uint64_t tried = p.w.store_serial;
    for (uint32_t i = 0; i < 3; i++) { /* it fails again and again, devices ask again and again */
        p.w.store_fail_at = tried + 1u + i;
        world_store_one(&p.w);
        for (uint32_t u = 0; u < 3; u++) {
            fedl_message get = {.kind = FEDL_MESSAGE_GET};
            get.u.get = (fedl_message_get){1, 1, 1, FEDL_ITEM_SURVIVORS, 0, 256, 0};
            device_send(&p.w, p.parties[u].d, &get);
            assert_true(device_got(p.parties[u].d, FEDL_MESSAGE_PART));
            assert_int_equal(p.parties[u].d->message.u.part.total_bytes, 0);
        }
        world_run_ms(&p.w, 1000);
        assert_int_equal(p.w.store_count, 1);
    }
    world_store_one(&p.w);
    assert_int_equal(phase(), FEDL_PHASE_UNMASKING);
    parties_run(&p);
    assert_int_not_equal(p.w.compute_ticket, 0);
    assert_int_equal(phase(), FEDL_PHASE_COMPUTING);
    fedl_event event;
    fedl_actions actions;
    world_event(&p.w, &event, FEDL_EVENT_COMPUTED); /* of another ticket: the host's mistake */
    event.ticket = p.w.compute_ticket + 1u;
    assert_int_equal(fedl_coord_step(&p.w.coord, &event, &actions), FEDL_ERR_STATE);
    event.ticket = 0;
    assert_int_equal(fedl_coord_step(&p.w.coord, &event, &actions), FEDL_ERR_STATE);
    world_compute(&p.w);
    assert_int_equal(phase(), FEDL_PHASE_COMMITTING);
    world_store_one(&p.w);
    assert_int_equal(p.w.version[1], 2);
    parties_close(&p);
}

static void plans_that_cannot_work_are_refused(void **state)
{
    (void)state;
    const char *reason = NULL;
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    fedl_plan *plan = &p.w.plan;
    fedl_round_config *round = &p.w.round;
    assert_int_equal(fedl_coord_task_check(plan, round, &reason), FEDL_OK);
    assert_null(reason);
    plan->secagg.min_cohort = 6;
    assert_int_equal(fedl_coord_task_check(plan, round, &reason), FEDL_ERR_RANGE);
    assert_string_equal(reason, "the goal is below min_cohort");
    assert_int_equal(fedl_coord_task_size(&p.w.cfg, plan, round), 0);
    plan->secagg.min_cohort = 3;
    round->select_count = 4; /* below the goal */
    assert_int_equal(fedl_coord_task_check(plan, round, NULL), FEDL_ERR_RANGE);
    round->select_count = 5;
    plan->secagg.gamma_permille = 333; /* γ + 2δ = 1.133 */
    plan->secagg.delta_permille = 400;
    assert_int_equal(fedl_coord_task_check(plan, round, &reason), FEDL_ERR_RANGE);
    assert_non_null(reason);
    plan->secagg.gamma_permille = 100;
    plan->secagg.delta_permille = 200;
    plan->privacy = (fedl_privacy_config){
        .mode = FEDL_PRIVACY_CENTRAL, .sigma2_q8 = 4096, .rho_budget = FEDL_RHO_ONE};
    plan->update.w_unit = 0;
    plan->update.w_max = 1;
    fedl_plan_settle(plan); /* (4 · 2^11)² / (2 · 4²) of ρ: more than 1 */
    assert_int_equal(fedl_coord_task_check(plan, round, &reason), FEDL_ERR_RANGE);
    assert_string_equal(reason, "the privacy budget pays for no round");
    memset(&plan->privacy, 0, sizeof plan->privacy);
    plan->privacy.mode = FEDL_PRIVACY_NONE;
    fedl_plan_settle(plan);
    plan->aggregation = FEDL_AGGREGATION_HELPER;
    assert_int_equal(fedl_coord_task_check(plan, round, &reason), FEDL_OK);
    assert_int_not_equal(fedl_coord_task_size(&p.w.cfg, plan, round), 0);
    p.w.cfg.has_helper = false;
    assert_int_equal(fedl_coord_task_size(&p.w.cfg, plan, round), 0);
    plan->aggregation = FEDL_AGGREGATION_MASKED;
    round->agg_kind = 99;
    assert_int_equal(fedl_coord_task_check(plan, round, &reason), FEDL_ERR_UNSUPPORTED);
    parties_close(&p);
}

/* Repeated and old messages, of every kind and in every step, change nothing. */
static void messages_may_come_twice_and_late(void **state)
{
    (void)state;
    parties_open(&p, 5, FEDL_TRUST_ACTIVE);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].sends_twice = i != 1;
        p.parties[i].sends_old = i != 2;
    }
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(p.w.version[1], 4);
    assert_int_equal(p.w.last_commit.member_count, 5);
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 0);
    assert_true(p.w.last_commit.metrics.bytes_up >=
                5 * (world_vector_bytes(&p.w) + 364 + 64 + 144 * 4));
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_commits_the_exact_sum),
        cmocka_unit_test(the_log_tells_the_steps),
        cmocka_unit_test(one_of_five_may_vanish_at_any_step),
        cmocka_unit_test(pausing_waits_for_the_commit_point),
        cmocka_unit_test(a_revoked_device_is_not_waited_for),
        cmocka_unit_test(nothing_is_asked_for_before_it_is_stored),
        cmocka_unit_test(messages_may_come_twice_and_late),
        cmocka_unit_test(plans_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
