/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise of the devices in helper rounds: the server charges what they charge. A device pays for an
 * attempt when it has the helper's certificate, so a failed attempt costs once that was read.
 */
#include "coord_helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t charge;

static void open_noisy(uint64_t sums)
{
    open_fleet(5);
    fedl_plan *plan = &p.w.plan;
    plan->update.w_unit = 0;
    plan->update.w_max = 1;
    plan->update.clip_q16 = 1u << 12;
    plan->privacy = (fedl_privacy_config){.mode = FEDL_PRIVACY_DISTRIBUTED, .sigma2_q8 = 400u << 8};
    fedl_plan_settle(plan);
    charge = fedl_privacy_charge(plan, plan->secagg.min_cohort, plan->secagg.gamma_permille);
    assert_in_range(charge, 1, UINT64_MAX / 100u);
    plan->privacy.rho_budget = sums * charge + charge - 1u;
    p.w.round.round_count = 10;
    p.w.round.attempt_max = 10;
    parties_add_task(&p);
}

static bool find_charge(void *context, const fedl_charge_row *row)
{
    char *text = context;
    const size_t used = strlen(text);
    assert_true(row->rho == charge);
    (void)snprintf(text + used, 256 - used, "%s%u.%u", used == 0 ? "" : " ", row->round,
                   row->attempt);
    return true;
}

static void expect_charges(const char *expected)
{
    char text[256] = "";
    assert_int_equal(p.w.store->ops->charge_each(p.w.store, 1, find_charge, text), FEDL_OK);
    assert_string_equal(text, expected);
}

static void lose_all(fedli_party_want want, fedl_group_item item)
{
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = want;
        p.parties[i].lost_item = item;
        p.parties[i].lose_in_round = 1;
    }
}

/* They come back, without memory of the attempt. */
static void wake_all(void)
{
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = (fedli_party_want)0;
        p.parties[i].lost = false;
        p.parties[i].begun = false;
        p.parties[i].waits = false;
        p.parties[i].connected = false;
    }
}

static void sums_are_charged_with_their_commit_point(void **state)
{
    (void)state;
    open_noisy(2);
    run_to_the_question();
    expect_charges("1.1"); /* before anybody can see the sum */
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
    assert_int_equal(p.w.commit_count, 1);
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
    expect_charges("1.1 2.1");
    parties_run(&p);
    assert_non_null(strstr(p.w.transcript, "the privacy budget is spent"));
    parties_close(&p);
}

static void failed_attempts_are_charged_once_the_certificate_is_out(void **state)
{
    (void)state;
    open_noisy(3);
    lose_all(FEDLI_PARTY_GET, FEDL_ITEM_HELPER);
    parties_run(&p);
    world_run_ms(&p.w, p.w.round.deadline_ms + 1000u);
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 1);
    expect_charges(""); /* nobody has begun */
    wake_all();
    lose_all(FEDLI_PARTY_PUT, FEDL_ITEM_SEED);
    parties_run(&p);
    world_run_ms(&p.w, p.w.round.deadline_ms + 1000u);
    assert_int_equal(p.w.log_counts[FEDL_LOG_ROUND_ABORTED], 2);
    expect_charges("1.2");
    wake_all();
    lose_all(FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY);
    parties_run(&p);
    world_run_ms(&p.w, p.w.round.deadline_ms + 1000u);
    expect_charges("1.2 1.3");
    assert_int_equal(p.w.helper_asked, 0);
    parties_close(&p);
}

static void a_round_that_the_helper_refuses_stays_charged(void **state)
{
    (void)state;
    static uint32_t revoked[1];
    open_noisy(3);
    revoked[0] = p.parties[3].d->id;
    helper.cfg.revoked = revoked;
    helper.cfg.revoked_count = 1;
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_REVOKED));
    assert_int_equal(p.w.burn_count, 1);
    expect_charges("1.1");
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
    expect_charges("1.1 2.1");
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_charged_with_their_commit_point),
        cmocka_unit_test(failed_attempts_are_charged_once_the_certificate_is_out),
        cmocka_unit_test(a_round_that_the_helper_refuses_stays_charged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
