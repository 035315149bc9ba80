/* SPDX-License-Identifier: Apache-2.0 */
/* Masking in a plan file: defaults, zeros in plain plans, every refusal with its sentence. */
#include "cmocka_all.h"

#include "inih/plan_file.h"

#include <stdio.h>
#include <string.h>

static fedl_task_config config;
static fedl_plan_error error;

/* A masked plan of 14 lines; rows follow in [aggregation]. */
static fedl_status parse(const char *clients, const char *rows)
{
    char text[1024];
    const int size = snprintf(text, sizeof text,
                              "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[data]\n"
                              "format = idx\n[round]\nrounds = 2\nclients = %s\n[aggregation]\n"
                              "ring_bits = 32\n# line 13\nmode = masked\n%s",
                              clients, rows);
    assert_true(size > 0 && (size_t)size < sizeof text);
    return fedl_plan_file_parse(&config, fedl_bytes_of(text, (size_t)size), NULL, 0, &error);
}

static void defaults_are_the_documented_ones(void **state)
{
    (void)state;
    assert_int_equal(parse("20", ""), FEDL_OK);
    const fedl_secagg_config *secagg = &config.plan.secagg;
    assert_int_equal(config.plan.aggregation, FEDL_AGGREGATION_MASKED);
    assert_int_equal(secagg->trust, FEDL_TRUST_CURIOUS);
    assert_int_equal(secagg->min_cohort, 5);
    assert_int_equal(secagg->gamma_permille, 100);
    assert_int_equal(secagg->delta_permille, 50);
    assert_int_equal(secagg->step_ms, 30000);
    assert_int_equal(secagg->epoch_rounds, 64);
    assert_int_equal(config.plan.privacy.mode, FEDL_PRIVACY_NONE);
    assert_int_equal(config.round.reports_min, 10);
}

static void every_key_arrives(void **state)
{
    (void)state;
    assert_int_equal(parse("300", "trust = active\nmin_cohort = 259\ngamma = 33.3%\n"
                                  "step_dropout = 9.5%\nstep_timeout = 7d\nepoch_rounds = 1024\n"),
                     FEDL_OK);
    const fedl_secagg_config *secagg = &config.plan.secagg;
    assert_int_equal(secagg->trust, FEDL_TRUST_ACTIVE);
    assert_int_equal(secagg->min_cohort, 259);
    assert_int_equal(secagg->gamma_permille, 333);
    assert_int_equal(secagg->delta_permille, 95);
    assert_int_equal(secagg->step_ms, 604800000);
    assert_int_equal(secagg->epoch_rounds, 1024);
    assert_int_equal(config.round.reports_min, 259);
}

/* 5, unless so many may collude that 5 would not hide two honest devices, or so few take part. */
static void min_cohort_follows_clients_and_gamma(void **state)
{
    (void)state;
    static const struct {
        const char *clients;
        const char *rows;
        uint32_t min_cohort;
        uint32_t min_reports;
    } cases[] = {
        {"3", "", 3, 3},
        {"4", "", 4, 4},
        {"5", "", 5, 5},
        {"5", "gamma = 0%\n", 5, 5},
        {"30", "", 5, 15},
        {"31", "", 6, 16},
        {"100", "", 12, 50},
        {"1000", "", 102, 500},
        {"1000", "gamma = 0%\n", 5, 500},
        {"65535", "gamma = 33.3%\n", 21826, 32768},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].clients, cases[i].rows), FEDL_OK);
        assert_int_equal(config.plan.secagg.min_cohort, cases[i].min_cohort);
        assert_int_equal(config.round.reports_min, cases[i].min_reports);
    }
}

/* One override makes a masked plan plain, and its encoding is that of a plan without these keys. */
static void a_plain_plan_has_zeros(void **state)
{
    (void)state;
    static const char text[] = "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[data]\n"
                               "format = idx\n[round]\nrounds = 2\nclients = 2\n[aggregation]\n"
                               "mode = masked\ngamma = 33%\nstep_dropout = 40%\ntrust = active\n";
    static const fedl_secagg_config zero;
    const fedl_plan_override plain = {"aggregation.mode=plain"};
    assert_int_equal(
        fedl_plan_file_parse(&config, fedl_bytes_of(text, strlen(text)), &plain, 1, &error),
        FEDL_OK);
    assert_int_equal(config.plan.aggregation, FEDL_AGGREGATION_PLAIN);
    assert_memory_equal(&config.plan.secagg, &zero, sizeof zero);
    uint8_t bytes[FEDL_PLAN_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(fedl_plan_encode(bytes, sizeof bytes, &size, &config.plan), FEDL_OK);
}

/* What the errors below suggest is accepted. */
static void suggestions_are_good(void **state)
{
    (void)state;
    assert_int_equal(parse("5", "step_dropout = 39.9%"), FEDL_OK);
    assert_int_equal(parse("1000", "step_dropout = 20%"), FEDL_OK);
    assert_int_equal(parse("150", "gamma = 33.3%\nstep_dropout = 10%"), FEDL_OK);
    assert_int_equal(parse("200\nmin_reports = 200", "gamma = 10%\nstep_dropout = 30%"), FEDL_OK);
    assert_int_equal(parse("9", "gamma = 33.3%\nstep_dropout = 33.3%"), FEDL_OK);
    assert_int_equal(parse("100", "min_cohort = 12"), FEDL_OK);
    assert_int_equal(parse("65535", "gamma = 33.3%\nstep_dropout = 1%\ntrust = active"), FEDL_OK);
}

static void unsafe_plans_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *clients;
        const char *rows;
        fedl_status status;
        uint32_t line;
        const char *expected;
    } cases[] = {
        {"2", "", FEDL_ERR_RANGE, 10,
         "mode = masked or helper needs at least 3 clients in [round], not 2: use round.clients=3"},
        {"9", "min_cohort = 10", FEDL_ERR_RANGE, 15,
         "min_cohort in [aggregation] (10) is above clients in [round] (9): use round.clients=11, "
         "or aggregation.min_cohort=9 with aggregation.step_dropout=3.1%, or "
         "aggregation.min_cohort=9 with round.attempts=5"},
        {"9", "min_cohort = 2", FEDL_ERR_RANGE, 15,
         "'min_cohort' in [aggregation]: expected a whole number from 3 to 65535, not '2': use "
         "aggregation.min_cohort=3"},
        {"100", "min_cohort = 11", FEDL_ERR_RANGE, 15,
         "min_cohort in [aggregation] (11) must exceed the 10 of 100 clients that may collude "
         "(gamma) by two: use aggregation.min_cohort=12"},
        {"9\nmin_reports = 4", "", FEDL_ERR_RANGE, 11,
         "min_reports in [round] (4) is below min_cohort in [aggregation] (5): use "
         "round.min_reports=5, or aggregation.min_cohort=4"},
        {"9", "gamma = 33.3%\nstep_dropout = 35%", FEDL_ERR_RANGE, 16,
         "gamma 33.3% + 2 · step_dropout 35.0% in [aggregation] must be below 100%: use "
         "aggregation.step_dropout=19.5%"},
        {"5", "step_dropout = 40%", FEDL_ERR_RANGE, 15,
         "cohorts of 5 to 5 devices, gamma = 10.0% of them colluding, can't lose step_dropout = "
         "40.0% in [aggregation]: use round.clients=67, or aggregation.step_dropout=5.5%"},
        {"1000", "\nstep_dropout = 30%", FEDL_ERR_RANGE, 16,
         "cohorts of 500 to 1000 devices, gamma = 10.0% of them colluding, can't lose step_dropout "
         "= 30.0% in [aggregation]: use aggregation.step_dropout=20%"},
        {"150", "gamma = 33.3%\nstep_dropout = 10.1%", FEDL_ERR_RANGE, 16,
         "cohorts of 75 to 150 devices, gamma = 33.3% of them colluding, can't lose step_dropout = "
         "10.1% in [aggregation]: use aggregation.step_dropout=10%"},
        {"200\nmin_reports = 150", "gamma = 10%\nstep_dropout = 30%", FEDL_ERR_RANGE, 17,
         "cohorts of 150 to 200 devices, gamma = 10.0% of them colluding, can't lose step_dropout "
         "= 30.0% in [aggregation]: use aggregation.step_dropout=20%"},
        {"9", "gamma = 34%", FEDL_ERR_RANGE, 15,
         "'gamma' in [aggregation]: expected a percentage like 10% from 0% to 33.3%, not '34%': "
         "use aggregation.gamma=33.3%"},
        {"9", "trust = full", FEDL_ERR_FORMAT, 15,
         "'trust' in [aggregation]: expected curious or active, not 'full'"},
        {"9", "epoch_rounds = 1025", FEDL_ERR_RANGE, 15,
         "'epoch_rounds' in [aggregation]: expected a whole number from 1 to 1024, not '1025': use "
         "aggregation.epoch_rounds=1024"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fedl_status status = parse(cases[i].clients, cases[i].rows);
        assert_string_equal(error.text, cases[i].expected);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(error.line, cases[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(every_key_arrives),
        cmocka_unit_test(min_cohort_follows_clients_and_gamma),
        cmocka_unit_test(a_plain_plan_has_zeros),
        cmocka_unit_test(suggestions_are_good),
        cmocka_unit_test(unsafe_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
