/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of `fedl plan check`, against the specification's examples and hand-made sums. */
#include "cmocka_all.h"

#include "inih/plan_file.h"
#include "planner/accountant.h"
#include "planner/plan_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static fedl_task_config config;
static fedl_plan_report report;

/* 4 · 3 + 3 = 15 parameters. */
static void make(uint32_t clients, const char *round, const char *aggregation)
{
    char text[1024];
    fedl_plan_error error;
    const int size =
        snprintf(text, sizeof text,
                 "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[data]\nformat = idx\n"
                 "[round]\nrounds = 10\nclients = %u\n%s\n[aggregation]\nring_bits = 32\n%s\n",
                 clients, round, aggregation);
    assert_true(size > 0 && (size_t)size < sizeof text);
    if (fedl_plan_file_parse(&config, fedl_bytes_of(text, (size_t)size), NULL, 0, &error) !=
        FEDL_OK) {
        fail_msg("%s", error.text);
    }
    fedl_plan_report_make(&report, &config.plan, &config.round, 1e-6);
}

static void assert_about(double actual, double expected)
{
    if (!(fabs(actual - expected) <= 1e-9 * expected)) {
        fail_msg("%.15g is not %.15g", actual, expected);
    }
}

/* The examples of the specification: 3 and 4 bear no loss, 5 one, 10 three, 100 with γ = .33 32. */
static void small_cohorts(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        const char *keys;
        uint32_t t;
        uint32_t vanish;
    } cases[] = {{3, "mode = masked", 2, 0},
                 {4, "mode = masked", 3, 0},
                 {5, "mode = masked\nmin_cohort = 4", 3, 1},
                 {5, "mode = masked", 3, 0}, /* min_cohort = 5 bears none */
                 {10, "mode = masked", 6, 3},
                 {100, "mode = masked\ngamma = 33%", 67, 32},
                 {128, "mode = masked\ngamma = 0%", 65, 62}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(cases[i].n, "", cases[i].keys);
        assert_true(report.masked && report.complete);
        assert_int_equal(report.k, cases[i].n - 1);
        assert_int_equal(report.t, cases[i].t);
        assert_int_equal(report.vanish_max, cases[i].vanish);
        assert_int_equal(report.attack_bits, 0);
    }
    make(100, "min_reports = 90", "mode = masked");
    assert_int_equal(report.vanish_max, 10);
    assert_int_equal(report.cohort_min, 90);
}

static void failure_is_the_binomial_tail(void **state)
{
    (void)state;
    make(3, "", "mode = masked");
    assert_about(report.failure, 1 - 0.95 * 0.95 * 0.95);
    make(5, "", "mode = masked\nmin_cohort = 4\nstep_dropout = 10%");
    assert_about(report.failure, 1 - pow(0.9, 5) - 5 * 0.1 * pow(0.9, 4));
    make(5, "", "mode = masked\nstep_dropout = 0%");
    assert_true(report.failure == 0);
}

static void rings(void **state)
{
    (void)state;
    make(1000, "", "mode = masked");
    assert_false(report.complete);
    assert_int_equal(report.k, 70);
    assert_int_equal(report.t, 52);
    assert_int_equal(report.attack_bits, 40);
    assert_int_equal(report.vanish_max, 50);
    assert_int_equal(report.colluding, 100);
    assert_true(report.failure > 0 && report.failure < 0x1p-19);
    make(1000, "", "mode = masked\ntrust = active");
    assert_int_equal(report.attack_bits, 80);
    assert_int_equal(report.k, 94);
    make(1000, "min_reports = 980", "mode = masked");
    assert_int_equal(report.vanish_max, 20);
    assert_true(report.failure > 0.99);
}

/* Who must help the server: t neighbours of a device when it plays by the rules; when it lies 2t −
 * k of them, or fewer where devices don't compare notes. */
static void what_opens_one_vector(void **state)
{
    (void)state;
    make(10, "", "mode = masked");
    assert_int_equal(report.opened_by_following, 6);
    assert_int_equal(report.opened_by_lying, 3);
    make(1000, "", "mode = masked");
    assert_int_equal(report.opened_by_following, 52);
    assert_int_equal(report.opened_by_lying, 18);
    make(1000, "", "mode = masked\ngamma = 1%");
    assert_int_equal(report.opened_by_lying, 3);
    make(200, "", "mode = masked\ngamma = 1%");
    assert_int_equal(report.opened_by_lying, 0);
    make(1000, "", "mode = masked\ntrust = active");
    assert_int_equal(report.opened_by_following, 73);
    assert_int_equal(report.opened_by_lying, 2 * 73 - 94);
}

/* Sizes of docs/protocol.md: 364 + (64 + 144k) + 32k up, and so on. */
static void bytes_are_those_of_the_items(void **state)
{
    (void)state;
    make(10, "", "mode = masked");
    assert_int_equal(report.parameter_count, 15);
    assert_int_equal(report.vector_bytes, 64 + 64);
    assert_int_equal(report.masking_up_bytes, 364 + 64 + 144 * 9 + 32 * 9);
    assert_int_equal(report.masking_down_bytes, 8 + 89 * 10 + 312 * 9 + 2 + (2 + 96 * 9));
    assert_int_equal(report.mask_bytes, 10 * 128);
    assert_int_equal(report.agreement_count, 9);
    assert_int_equal(report.signature_count, 18);
    make(10, "", "mode = masked\ntrust = active");
    assert_int_equal(report.masking_up_bytes, 364 + 64 + 144 * 9 + 32 * 9 + 16 * 9);
    assert_int_equal(report.masking_down_bytes,
                     8 + 89 * 10 + 312 * 9 + 2 + (2 + 96 * 9) + 2 + 16 * 9);
    make(1000, "", "mode = masked");
    assert_int_equal(report.masking_down_bytes,
                     2 * (8 + 89 * 1000) + 312 * 70 + 125 + (125 + 96 * 70));
}

/* Every item is moved in pieces of its own; READY is not bound by step_timeout. */
static void steps_are_counted(void **state)
{
    (void)state;
    make(10, "", "mode = masked\ntrust = active");
    const uint64_t shares = 8 + 890 + 312 * 9 + 64 + 144 * 9;
    assert_int_equal(report.shares_step.bytes, shares);
    assert_int_equal(report.shares_step.message_count, 3);
    assert_int_equal(report.shares_step.small_message_count, 4 + 11 + 6);
    assert_int_equal(report.vector_step.bytes, 2 + 96 * 9 + 128);
    assert_int_equal(report.vector_step.small_message_count, 4 + 1);
    assert_int_equal(report.confirm_step.bytes, 2 + 16 * 9);
    assert_int_equal(report.confirm_step.message_count, 2);
    assert_int_equal(report.unmask_step.bytes, 2 + 16 * 9 + 32 * 9);
    make(1000, "", "mode = masked");
    assert_int_equal(report.shares_step.bytes, 2 * (8 + 89 * 1000) + 312 * 70 + 64 + 144 * 70);
    assert_int_equal(report.shares_step.message_count, 2 * 6 + 2 + 1);
    assert_int_equal(report.shares_step.small_message_count, 2 * 348 + 86 + 40);
    assert_int_equal(report.confirm_step.bytes, 0);
    assert_int_equal(report.unmask_step.bytes, 125 + 32 * 70);
}

static void a_plain_plan_has_no_graph(void **state)
{
    (void)state;
    make(2, "", "mode = plain");
    assert_false(report.masked);
    assert_int_equal(report.k, 0);
    assert_int_equal(report.masking_up_bytes, 0);
    assert_int_equal(report.cohort, 2);
    assert_int_equal(report.cohort_min, 1);
    assert_int_equal(report.vector_bytes, 128);
    assert_true(report.rho_round == 0);
}

/* The policy of a device whose owner set nothing: masked, min_cohort 5, gamma 10 %. */
static void devices_have_the_last_word(void **state)
{
    (void)state;
    make(10, "", "mode = masked");
    assert_int_equal(report.usual_refusal, FEDL_REFUSAL_NONE);
    make(10, "", "mode = plain");
    assert_int_equal(report.usual_refusal, FEDL_REFUSAL_PLAIN);
    make(4, "", "mode = masked");
    assert_int_equal(report.usual_refusal, FEDL_REFUSAL_POLICY_COHORT);
    make(10, "", "mode = masked\ngamma = 9.9%");
    assert_int_equal(report.usual_refusal, FEDL_REFUSAL_POLICY_GAMMA);
}

/* n_eff = 5 − 2 (10 % of a cohort of up to 20 collude); s·C = 4 · 2^11; d = 15; σ = 200. */
static void privacy_adds_up(void **state)
{
    (void)state;
    make(20, "", "mode = masked");
    config.plan.privacy.mode = FEDL_PRIVACY_DISTRIBUTED;
    config.plan.privacy.sigma2_q8 = 40000u << 8;
    config.plan.privacy.rho_budget = 2000 * FEDL_RHO_ONE;
    fedl_plan_settle(&config.plan);
    fedl_plan_report_make(&report, &config.plan, &config.round, 1e-6);
    const double sensitivity2 = fedl_zcdp_sensitivity2(8192, 15);
    const double rho = fedl_zcdp_rho_of_sum(sensitivity2, 3, 40000);
    assert_true(report.rho_round >= rho && report.rho_round < rho * 1.00001);
    assert_true(report.epsilon_round == fedl_zcdp_epsilon(report.rho_round, 1e-6));
    assert_true(report.epsilon_task == fedl_zcdp_epsilon(10 * report.rho_round, 1e-6));
    assert_int_equal(report.budget_rounds, (uint32_t)floor(2000 / report.rho_round));
}

/* s·C = 4 · 2^11 steps, σ = 4000: ρ = 8192² / (2 · 4000²), whatever the cohort. */
static void central_noise_costs_by_itself(void **state)
{
    (void)state;
    static const char *const modes[] = {"mode = plain", "mode = masked", "mode = helper"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        make(20, "", modes[i]);
        config.plan.privacy.mode = FEDL_PRIVACY_CENTRAL;
        config.plan.privacy.sigma2_q8 = 4000u * 4000u << 8;
        config.plan.privacy.rho_budget = 100 * FEDL_RHO_ONE;
        fedl_plan_settle(&config.plan);
        assert_int_equal(fedl_plan_check(&config.plan), FEDL_OK);
        fedl_plan_report_make(&report, &config.plan, &config.round, 1e-6);
        const double rho = fedl_zcdp_rho_of_sum(8192.0 * 8192, 1, 4000.0 * 4000);
        assert_true(report.rho_round >= rho && report.rho_round < rho * 1.000001);
        assert_true(report.epsilon_round == fedl_zcdp_epsilon(report.rho_round, 1e-6));
        assert_true(report.epsilon_task == fedl_zcdp_epsilon(10 * report.rho_round, 1e-6));
        assert_int_equal(report.budget_rounds, (uint32_t)floor(100 / report.rho_round));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cohorts),
        cmocka_unit_test(failure_is_the_binomial_tail),
        cmocka_unit_test(rings),
        cmocka_unit_test(what_opens_one_vector),
        cmocka_unit_test(steps_are_counted),
        cmocka_unit_test(bytes_are_those_of_the_items),
        cmocka_unit_test(a_plain_plan_has_no_graph),
        cmocka_unit_test(devices_have_the_last_word),
        cmocka_unit_test(privacy_adds_up),
        cmocka_unit_test(central_noise_costs_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
