/* SPDX-License-Identifier: Apache-2.0 */
/* Noised sums through the coordinator: charged with the commit point, never beyond the budget. */
#include "coord_party.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static party_world p;
static uint64_t charge;

/* Ten rounds wanted; the budget pays for sums of them and a little. */
static void open_noisy(uint32_t n, bool rotate, uint64_t sums)
{
    parties_open(&p, n, FEDL_TRUST_CURIOUS);
    fedl_plan *plan = &p.w.plan;
    plan->update.w_unit = 0;
    plan->update.w_max = 1;
    plan->update.clip_q16 = 1u << 12;
    plan->update.clients_max = 80; /* small words, so that no weight is cut */
    plan->secagg.gamma_permille = 10;
    for (uint32_t i = 0; i < n; i++) {
        party_device *q = &p.parties[i];
        q->policy.gamma_permille = 10;
        q->block_bytes = fedli_party_size(plan);
        free(q->block);
        free(q->closed);
        q->block = aligned_alloc(16, (q->block_bytes + 15u) / 16u * 16u);
        q->closed = malloc(q->block_bytes);
        assert_non_null(q->block);
        assert_non_null(q->closed);
    }
    plan->privacy = (fedl_privacy_config){
        .mode = FEDL_PRIVACY_DISTRIBUTED, .rotate = rotate, .sigma2_q8 = 400u << 8};
    fedl_plan_settle(plan);
    charge = fedl_privacy_charge(plan, 3, 10);
    assert_in_range(charge, 1, UINT64_MAX / 100u);
    plan->privacy.rho_budget = sums * charge + charge - 1u;
    p.w.round.round_count = 10;
}

static bool find_row(void *context, const fedl_task_row *row)
{
    *(uint64_t *)context = row->rho_spent;
    return true;
}

static uint64_t stored_spent(void)
{
    uint64_t spent = UINT64_MAX;
    assert_int_equal(p.w.store->ops->task_each(p.w.store, find_row, &spent), FEDL_OK);
    return spent;
}

static fedl_task_state task_state(void)
{
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    return info.state;
}

static void a_task_ends_with_its_budget(void **state)
{
    (void)state;
    open_noisy(5, false, 2);
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(p.w.version[1], 3);
    assert_int_equal(p.w.commit_count, 2); /* each the exact sum of the noised vectors */
    assert_int_equal(p.w.group_commit_count, 2);
    assert_true(stored_spent() == 2 * charge);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    assert_non_null(strstr(p.w.transcript, "the privacy budget is spent"));
    parties_close(&p);
}

static void rotated_sums_are_turned_back(void **state)
{
    (void)state;
    open_noisy(3, true, 2);
    parties_add_task(&p);
    parties_run(&p);
    assert_int_equal(p.w.commit_count,
                     2); /* each compared with the definition: world_check_commit */
    assert_true(stored_spent() == 2 * charge);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    parties_close(&p);
}

/* Everybody falls silent before this, in round 1. */
static void lose_all(uint32_t n, fedli_party_want want, fedl_group_item item)
{
    for (uint32_t i = 0; i < n; i++) {
        p.parties[i].lost_at = want;
        p.parties[i].lost_item = item;
        p.parties[i].lose_in_round = 1;
    }
}

/* They come back, without memory of the attempt. */
static void wake_all(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        p.parties[i].lost_at = (fedli_party_want)0;
        p.parties[i].lost = false;
        p.parties[i].begun = false;
        p.parties[i].waits = false;
        p.parties[i].connected = false;
    }
}

static bool find_charge(void *context, const fedl_charge_row *row)
{
    char *text = context;
    const size_t used = strlen(text);
    (void)snprintf(text + used, 256u - used, "%s%u.%u%s", used == 0 ? "" : " ", row->round,
                   row->attempt, row->rho == charge ? "" : "?");
    return true;
}

/* Which attempts were charged, each with exactly one charge: "1.1 1.2 2.1". */
static void expect_charges(const char *expected)
{
    char text[256] = "";
    assert_int_equal(p.w.store->ops->charge_each(p.w.store, 1, find_charge, text), FEDL_OK);
    assert_string_equal(text, expected);
}

/* Devices charge an attempt when they accept its roster; the server counts the same. */
static void failed_attempts_are_charged_once_their_roster_is_out(void **state)
{
    (void)state;
    open_noisy(5, false, 3);
    p.w.round.attempt_max = 10;
    parties_add_task(&p);
    lose_all(5, FEDLI_PARTY_PUT, FEDL_ITEM_READY);
    parties_run(&p);
    world_run_ms(&p.w, 60000); /* nobody was ready: nobody has read a roster */
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 1);
    expect_charges("");
    wake_all(5);
    lose_all(5, FEDLI_PARTY_PUT, FEDL_ITEM_SHARES);
    parties_run(&p);
    world_run_ms(&p.w, 4000);
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 2);
    expect_charges("1.2");
    wake_all(5);
    lose_all(5, FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY);
    parties_run(&p);
    world_run_ms(&p.w, 4000);
    assert_int_equal(p.w.burn_count, 1); /* the third attempt was the round's last */
    expect_charges("1.2 1.3");
    wake_all(5);
    parties_run_until(&p, 2, 30000);
    expect_charges("1.2 1.3 2.1");
    parties_run(&p);
    assert_true(stored_spent() == 3 * charge);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    assert_non_null(strstr(p.w.transcript, "the privacy budget is spent"));
    parties_close(&p);
}

/* Nobody knows how far an attempt had got in which the server died: it counts as spent. */
static void an_attempt_that_the_server_lost_is_charged(void **state)
{
    (void)state;
    open_noisy(5, false, 2);
    parties_add_task(&p);
    lose_all(5, FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY);
    parties_run(&p);
    expect_charges("");
    world_restart(&p.w);
    world_tick(&p.w);
    world_settle(&p.w);
    expect_charges("1.1");
    assert_non_null(strstr(p.w.transcript, "the server went down"));
    world_restart(&p.w); /* once, however often the server starts */
    world_tick(&p.w);
    world_settle(&p.w);
    wake_all(5);
    parties_run_until(&p, 2, 30000);
    assert_int_equal(p.w.version[1], 2);
    expect_charges("1.1 1.2");
    parties_run(&p);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    parties_close(&p);
}

static void a_burnt_sum_stays_charged(void **state)
{
    (void)state;
    open_noisy(5, false, 2);
    parties_add_task(&p);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_PUT;
        p.parties[i].lost_item = FEDL_ITEM_UNMASK;
        p.parties[i].lose_in_round = 1;
    }
    parties_run(&p);
    assert_true(stored_spent() == charge); /* the commit point: devices may have answered */
    world_restart(&p.w);
    world_run_ms(&p.w, 6000);
    assert_int_equal(p.w.burn_count, 1);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost = false;
        p.parties[i].lost_at = (fedli_party_want)0;
    }
    parties_run_until(&p, 2, 60000);
    assert_int_equal(p.w.commit_count, 1);
    assert_true(stored_spent() == 2 * charge);
    parties_run(&p);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    parties_close(&p);
}

static void a_restarted_server_remembers_what_is_spent(void **state)
{
    (void)state;
    open_noisy(3, false, 1);
    parties_add_task(&p);
    for (uint32_t i = 0; i < 3; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_PUT;
        p.parties[i].lost_item = FEDL_ITEM_UNMASK;
    }
    parties_run(&p);
    world_restart(&p.w); /* behind the commit point: the round is finished, not charged again */
    for (uint32_t i = 0; i < 3; i++) {
        p.parties[i].lost = false;
        p.parties[i].lost_at = (fedli_party_want)0;
    }
    parties_run(&p);
    assert_int_equal(p.w.commit_count, 1);
    assert_true(stored_spent() == charge);
    assert_int_equal(task_state(), FEDL_TASK_COMPLETE);
    parties_close(&p);
}

static void plans_without_a_first_round_are_refused(void **state)
{
    (void)state;
    const char *reason = NULL;
    open_noisy(3, false, 0);
    assert_int_equal(fedl_coord_task_check(&p.w.plan, &p.w.round, &reason), FEDL_ERR_RANGE);
    assert_string_equal(reason, "the privacy budget pays for no round");
    p.w.plan.privacy.rho_budget = charge;
    assert_int_equal(fedl_coord_task_check(&p.w.plan, &p.w.round, &reason), FEDL_OK);
    /* The bit of adaptive clipping costs, too. */
    const uint64_t without = charge;
    p.w.plan.privacy.adaptive_clip = true;
    p.w.plan.privacy.quantile_permille = 500;
    p.w.plan.privacy.bit_sigma2_q8 = 16u << 8;
    fedl_plan_settle(&p.w.plan);
    assert_int_equal(fedl_coord_task_check(&p.w.plan, &p.w.round, &reason), FEDL_ERR_RANGE);
    assert_string_equal(reason, "the privacy budget pays for no round");
    p.w.plan.privacy.rho_budget = fedl_privacy_charge(&p.w.plan, 3, 10);
    assert_true(p.w.plan.privacy.rho_budget > without);
    assert_int_equal(fedl_coord_task_check(&p.w.plan, &p.w.round, &reason), FEDL_OK);
    /* 16 times the clip must not take the learning rate out of its range. */
    p.w.round.server_lr_q16 = 65537;
    assert_int_equal(fedl_coord_task_check(&p.w.plan, &p.w.round, &reason), FEDL_ERR_RANGE);
    parties_close(&p);
}

/* Nothing may stand in the tail that tells of a device. */
static void exact_metrics_burn_the_round(void **state)
{
    (void)state;
    open_noisy(3, false, 2);
    p.w.tells_rows = true;
    parties_add_task(&p);
    parties_run_until(&p, 2, 3000);
    assert_int_equal(p.w.commit_count, 0);
    assert_true(p.w.burn_count >= 1);
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_ends_with_its_budget),
        cmocka_unit_test(rotated_sums_are_turned_back),
        cmocka_unit_test(failed_attempts_are_charged_once_their_roster_is_out),
        cmocka_unit_test(an_attempt_that_the_server_lost_is_charged),
        cmocka_unit_test(a_burnt_sum_stays_charged),
        cmocka_unit_test(a_restarted_server_remembers_what_is_spent),
        cmocka_unit_test(plans_without_a_first_round_are_refused),
        cmocka_unit_test(exact_metrics_burn_the_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
