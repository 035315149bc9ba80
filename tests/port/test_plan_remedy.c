/* SPDX-License-Identifier: Apache-2.0 */
/* What a refusal says to use is accepted, whatever was wrong: random plans, every remedy tried. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "inih/plan_file.h"
#include "planner/attempt_failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fedl_task_config config;
static fedl_plan_error error;
static char path[] = "/tmp/test_plan_remedy.XXXXXX";

static const char head[] = "[task]\nname = t\n[model]\ninputs = 30\nlayers = dense 20\n[data]\n"
                           "format = idx\n";

static void write_plan(const char *rows)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%s%s", head, rows) > 0);
    assert_int_equal(fclose(file), 0);
}

/* The plan with the overrides of words, separated by blanks. */
static fedl_status check(const char *words, fedl_plan_error *out)
{
    char copy[sizeof error.remedies[0]];
    fedl_plan_override overrides[16];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(count < 16);
        overrides[count++].text = word;
    }
    return fedl_plan_file_check(&config, path, overrides, count, out);
}

static uint32_t keys_of(const char *words)
{
    uint32_t count = 1;
    for (; *words != '\0'; words++) {
        count += *words == ' ';
    }
    return count;
}

/* Each remedy is accepted, and the text says the same. */
static void assert_remedies_good(const char *rows)
{
    char expected[sizeof error.text] = "";
    assert_true(error.reason_bytes > 0 && error.reason_bytes <= strlen(error.text));
    assert_true(error.remedy_count <= FEDL_PLAN_REMEDIES_MAX);
    if (error.remedy_count > 0) {
        assert_memory_equal(error.text + error.reason_bytes, ": use ", 6);
        assert_int_equal(strncmp(error.text + error.reason_bytes + 6, error.remedies[0],
                                 strcspn(error.remedies[0], " ")),
                         0);
        const bool told = strstr(error.text, "no single change is enough") != NULL;
        assert_int_equal(told, keys_of(error.remedies[0]) > 1);
    }
    snprintf(expected, sizeof expected, "%s", error.text);
    const fedl_plan_error first = error;
    for (uint32_t i = 0; i < first.remedy_count; i++) {
        fedl_plan_error again;
        assert_true(keys_of(first.remedies[i]) >= keys_of(first.remedies[0]));
        if (check(first.remedies[i], &again) != FEDL_OK) {
            fail_msg("%s\n%s\nbut '%s' gives: %s", rows, expected, first.remedies[i], again.text);
        }
    }
}

/* A plan that is wrong in none, one or several ways. */
static void random_rows(fedli_rng *rng, char *rows, size_t rows_bytes)
{
    static const uint32_t clients[] = {2, 3, 4, 5, 8, 10, 20, 60, 128, 129, 200, 300, 1000, 5000};
    static const uint32_t bits[] = {8, 16, 24, 32};
    const uint32_t n = clients[fedli_rng_below(rng, sizeof clients / sizeof clients[0])];
    size_t used = (size_t)snprintf(rows, rows_bytes, "[round]\nrounds = %u\nclients = %u\n",
                                   1 + fedli_rng_below(rng, 200), n);
#define ROW(chance, ...)                                                                           \
    do {                                                                                           \
        if (fedli_rng_below(rng, 10) < (chance)) {                                                 \
            used += (size_t)snprintf(rows + used, rows_bytes - used, __VA_ARGS__);                 \
        }                                                                                          \
    } while (0)
    ROW(3, "min_reports = %u\n", 1 + fedli_rng_below(rng, n + n / 10 + 1));
    ROW(1, "select = %u\n", 1 + fedli_rng_below(rng, 2 * n));
    ROW(1, "pool = %u\n", 1 + fedli_rng_below(rng, 2 * n));
    ROW(10, "[aggregation]\nmode = %s\n", fedli_rng_below(rng, 8) == 0 ? "helper" : "masked");
    ROW(7, "ring_bits = %u\n", bits[fedli_rng_below(rng, 4)]);
    ROW(3, "clients_max = %u\n", 1 + fedli_rng_below(rng, 2 * n));
    ROW(2, "w_unit = 10\nw_max = %u\n", 1 + fedli_rng_below(rng, 300));
    ROW(4, "min_cohort = %u\n", 1 + fedli_rng_below(rng, n / 2 + 4));
    ROW(5, "gamma = %u%%\n", fedli_rng_below(rng, 36));
    ROW(6, "step_dropout = %u%%\n", fedli_rng_below(rng, 42));
    ROW(3, "trust = active\n");
    ROW(2, "update_exp = -%u\n", 4 + fedli_rng_below(rng, 16));
    if (fedli_rng_below(rng, 3) == 0) {
        used += (size_t)snprintf(rows + used, rows_bytes - used,
                                 "[privacy]\nmode = distributed\nsigma = %u\nepsilon = %u\n",
                                 1 + fedli_rng_below(rng, 250), 1 + fedli_rng_below(rng, 100));
    }
#undef ROW
    assert_true(used < rows_bytes);
}

/* Refusals without any remedy exist (a budget so small that what it asks for leaves nothing to
 * learn), but must stay rare. */
static void whatever_is_proposed_is_accepted(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 20);
    uint32_t refused = 0;
    uint32_t answered = 0;
    uint32_t several = 0;
    for (uint32_t i = 0; i < 300; i++) {
        char rows[1024];
        random_rows(&rng, rows, sizeof rows);
        write_plan(rows);
        if (check("", &error) == FEDL_OK) {
            assert_true(config.plan.aggregation != FEDL_AGGREGATION_MASKED ||
                        fedl_attempts_suffice(fedl_attempt_failure(config.round.clients_goal,
                                                                   config.round.reports_min,
                                                                   &config.plan.secagg),
                                              config.round.attempt_max));
            continue;
        }
        refused++;
        answered += error.remedy_count > 0;
        several += error.remedy_count > 0 && keys_of(error.remedies[0]) > 1;
        assert_remedies_good(rows);
    }
    print_message("%u refused, %u answered, %u of them by several changes\n", refused, answered,
                  several);
    assert_true(refused > 150 && several > 20);
    assert_true(answered * 100 >= refused * 96);
}

/* The finding this was written for: 39.9 % is what the threshold bears, and 62 % of attempts fail.
 */
static void noise_must_leave_something_to_learn(void **state)
{
    (void)state;
    /* 2594 · 2^-6 / 10 = 4 in every weight and round, and weights end at 2. */
    write_plan("[round]\nrounds = 20\nclients = 10\n[aggregation]\nmode = plain\nupdate_exp = -6\n"
               "w_unit = 0\nw_max = 1\n[privacy]\nmode = central\nsigma = 2594\nepsilon = 1000\n");
    assert_int_equal(check("", &error), FEDL_ERR_RANGE);
    assert_string_equal(
        error.text, "noise moves every weight by 4.1 a round, and weights end at 2: nothing can "
                    "be learnt: use privacy.sigma=320.0, or aggregation.update_exp=-10");
    assert_remedies_good("[round]\nrounds = 20\nclients = 10\n[aggregation]\nmode = plain\n"
                         "update_exp = -6\nw_unit = 0\nw_max = 1\n[privacy]\nmode = central\n"
                         "sigma = 2594\nepsilon = 1000\n");
}

static void a_remedy_must_work(void **state)
{
    (void)state;
    write_plan("[round]\nrounds = 2\nclients = 5\n[aggregation]\nstep_dropout = 40%\n");
    assert_int_equal(check("", &error), FEDL_ERR_RANGE);
    assert_int_equal(error.remedy_count, 2);
    assert_string_equal(error.remedies[0], "round.clients=67");
    assert_string_equal(error.remedies[1], "aggregation.step_dropout=5.5%");
    assert_int_equal(check("aggregation.step_dropout=5.6%", &error), FEDL_ERR_RANGE);
    assert_non_null(
        strstr(error.text, "26 of 100 attempts fail, and 16 of 1000 rounds, as at most 0 of 5"));
    assert_int_equal(check("round.clients=66", &error), FEDL_ERR_RANGE);
}

/* min_reports and clients have nearest values too; the neighbours of these are refused. */
static void nearest_values(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        const char *remedies[4];
        const char *refused[3];
    } cases[] = {
        {"clients = 10\nmin_reports = 10",
         {"round.min_reports=9", "round.clients=11", "aggregation.step_dropout=2.8%",
          "round.attempts=5"},
         {"aggregation.step_dropout=2.9%", "round.attempts=4", NULL}},
        {"clients = 1000\nmin_reports = 980",
         {"round.min_reports=945", "round.clients=1036", "aggregation.step_dropout=1.7%", NULL},
         {"round.min_reports=946", "round.clients=1035", "aggregation.step_dropout=1.8%"}},
        {"clients = 5\nmin_reports = 6",
         {"round.min_reports=5", "round.clients=7", NULL, NULL},
         {NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char rows[256];
        snprintf(rows, sizeof rows, "[round]\nrounds = 2\n%s\n", cases[i].rows);
        write_plan(rows);
        assert_int_equal(check("", &error), FEDL_ERR_RANGE);
        for (uint32_t j = 0; j < 4 && cases[i].remedies[j] != NULL; j++) {
            assert_true(j < error.remedy_count);
            assert_string_equal(error.remedies[j], cases[i].remedies[j]);
        }
        assert_remedies_good(rows);
        for (uint32_t j = 0; j < 3 && cases[i].refused[j] != NULL; j++) {
            assert_int_equal(check(cases[i].refused[j], &error), FEDL_ERR_RANGE);
        }
    }
}

/* A remedy takes the place of a value of the file, and of an override. */
static void overrides_are_replaced(void **state)
{
    (void)state;
    write_plan("[round]\nrounds = 2\nclients = 9\n[aggregation]\nmin_cohort = 2\n");
    assert_int_equal(check("", &error), FEDL_ERR_RANGE);
    assert_string_equal(error.remedies[0], "aggregation.min_cohort=3");
    write_plan("[round]\nrounds = 2\nclients = 9\n");
    assert_int_equal(check("aggregation.min_cohort=2", &error), FEDL_ERR_RANGE);
    assert_string_equal(error.remedies[0], "aggregation.min_cohort=3");
    assert_int_equal(check("aggregation.min_cohort=2 aggregation.min_cohort=3", &error), FEDL_OK);
}

/* Servers and simulators run what is safe and hardly works; nobody takes what is unsafe. */
static void only_operators_are_strict(void **state)
{
    (void)state;
    write_plan("[round]\nrounds = 2\nclients = 10\nmin_reports = 10\n");
    assert_int_equal(check("", &error), FEDL_ERR_RANGE);
    assert_int_equal(fedl_plan_file_read(&config, path, NULL, 0, &error), FEDL_OK);
    write_plan("[round]\nrounds = 2\nclients = 10\n[aggregation]\nmin_cohort = 11\n");
    assert_int_equal(fedl_plan_file_read(&config, path, NULL, 0, &error), FEDL_ERR_RANGE);
    assert_true(error.remedy_count > 0);
    assert_remedies_good("");
}

/* k and t follow from the table; no key sets them (docs/plan.md). */
static void nobody_chooses_k(void **state)
{
    (void)state;
    static const char *const rows[] = {"k = 70", "t = 52", "neighbours = 70", "threshold = 52"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "[round]\nrounds = 2\nclients = 1000\n[aggregation]\n%s\n",
                 rows[i]);
        write_plan(text);
        assert_int_equal(check("", &error), FEDL_ERR_FORMAT);
        assert_memory_equal(error.text, "unknown key", 11);
        assert_int_equal(error.remedy_count, 0);
        assert_int_equal(error.reason_bytes, strlen(error.text));
    }
}

static int make_file(void **state)
{
    (void)state;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_proposed_is_accepted),
        cmocka_unit_test(noise_must_leave_something_to_learn),
        cmocka_unit_test(a_remedy_must_work),
        cmocka_unit_test(nearest_values),
        cmocka_unit_test(overrides_are_replaced),
        cmocka_unit_test(only_operators_are_strict),
        cmocka_unit_test(nobody_chooses_k),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
