/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, its files and its exit statuses. */
#include "run_command.h"
#include "sim_fixture.h"
#include "sim_json.h"
#include "sim_options.h"

#include "cmocka_all.h"

#include "posix/durable_file.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static sim_fixture fixture;

static int open_all(void **state)
{
    (void)state;
    sim_fixture_open(&fixture, NULL);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    sim_fixture_close(&fixture);
    return 0;
}

static void path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", fixture.folder, name);
}

static char *content(const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(fedl_file_read(&data, &size, path, 1u << 20), FEDL_OK);
    char *text = strdup((const char *)data);
    free(data);
    return text;
}

static void test_options(void **state)
{
    (void)state;
    fedl_sim_options options;
    char text[FEDL_SIM_TEXT_BYTES];
    const char *const words[] = {"run",    "p.ini",  "--set",        "train.lr=1", "--set",
                                 "a.b=c",  "--seed", "77",           "--threads",  "3",
                                 "--loss", "0.25",   "-q",           "--delay",    "10-20",
                                 "--away", "5",      "--drop-train", "1",          NULL};
    assert_int_equal(parse(&options, text, words), FEDL_OK);
    assert_int_equal(options.command, FEDL_SIM_COMMAND_RUN);
    assert_string_equal(options.plan_path, "p.ini");
    assert_int_equal(options.override_count, 2);
    assert_string_equal(options.overrides[1].text, "a.b=c");
    assert_true(options.has_seed && options.seed == 77 && options.threads == 3 && options.quiet);
    assert_true(options.net.loss == 0.25 && options.net.drop[FEDL_SIM_TRAIN] == 1.0);
    assert_int_equal(options.net.delay_ms_min, 10);
    assert_int_equal(options.net.delay_ms_max, 20);
    assert_int_equal(options.net.away_ms, 5000);
}

static void every_step_has_its_drop(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        fedl_sim_phase phase;
    } steps[] = {{"--drop-checkin", FEDL_SIM_CHECKIN}, {"--drop-fetch", FEDL_SIM_FETCH},
                 {"--drop-train", FEDL_SIM_TRAIN},     {"--drop-upload", FEDL_SIM_UPLOAD},
                 {"--drop-ready", FEDL_SIM_READY},     {"--drop-shares", FEDL_SIM_SHARES},
                 {"--drop-masked", FEDL_SIM_MASKED},   {"--drop-confirm", FEDL_SIM_CONFIRM},
                 {"--drop-unmask", FEDL_SIM_UNMASK}};
    assert_int_equal(sizeof steps / sizeof steps[0], FEDL_SIM_PHASE_COUNT);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        fedl_sim_options options;
        char text[FEDL_SIM_TEXT_BYTES];
        const char *const good[] = {"run", "p.ini", steps[i].option, "0.5", NULL};
        const char *const bad[] = {"run", "p.ini", steps[i].option, "1.5", NULL};
        assert_int_equal(parse(&options, text, good), FEDL_OK);
        for (fedl_sim_phase phase = FEDL_SIM_CHECKIN; phase <= FEDL_SIM_UNMASK; phase++) {
            assert_true(options.net.drop[phase] == (phase == steps[i].phase ? 0.5 : 0.0));
        }
        assert_int_equal(parse(&options, text, bad), FEDL_ERR_RANGE);
    }
}

static void test_option_errors(void **state)
{
    (void)state;
    static const struct {
        const char *words[5];
        fedl_status status;
        const char *says;
    } cases[] = {
        {{NULL}, FEDL_ERR_ARGUMENT, "no command"},
        {{"fly", NULL}, FEDL_ERR_ARGUMENT, "unknown command 'fly'"},
        {{"run", NULL}, FEDL_ERR_ARGUMENT, "no plan given"},
        {{"run", "a", "b", NULL}, FEDL_ERR_ARGUMENT, "'b'"},
        {{"run", "a", "--nonsense", NULL}, FEDL_ERR_ARGUMENT, "--nonsense"},
        {{"run", "a", "--seed", NULL}, FEDL_ERR_ARGUMENT, "--seed"},
        {{"run", "a", "--seed", "x", NULL}, FEDL_ERR_RANGE, "--seed"},
        {{"run", "a", "--loss", "2", NULL}, FEDL_ERR_RANGE, "--loss"},
        {{"run", "a", "--threads", "0", NULL}, FEDL_ERR_RANGE, "--threads"},
        {{"run", "a", "--delay", "9-3", NULL}, FEDL_ERR_RANGE, "--delay"},
        {{"run", "a", "--join", "by-post", NULL}, FEDL_ERR_RANGE, "--join"},
        {{"partition", "a", NULL}, FEDL_ERR_ARGUMENT, "--out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fedl_sim_options options;
        char text[FEDL_SIM_TEXT_BYTES];
        assert_int_equal(parse(&options, text, cases[i].words), cases[i].status);
        assert_non_null(strstr(text, cases[i].says));
    }
}

static void test_json_escapes_and_nulls(void **state)
{
    (void)state;
    char path[128];
    path_of(path, "a.json");
    fedl_sim_json json;
    assert_int_equal(fedl_sim_json_begin(&json), FEDL_OK);
    fedl_sim_json_string(&json, "s", "a\"b\\c\n");
    fedl_sim_json_count(&json, "n", UINT64_MAX);
    fedl_sim_json_number(&json, "x", 0.5);
    fedl_sim_json_number(&json, "nan", (double)NAN);
    assert_int_equal(fedl_sim_json_write(&json, path), FEDL_OK);
    char *text = content(path);
    assert_string_equal(text, "{\"s\": \"a\\\"b\\\\c\\u000a\", \"n\": 18446744073709551615, "
                              "\"x\": 0.500000, \"nan\": null}\n");
    free(text);
    unlink(path);
    assert_int_equal(fedl_sim_json_begin(&json), FEDL_OK);
    assert_int_equal(fedl_sim_json_write(&json, "/nonexistent/a.json"), FEDL_ERR_NOT_FOUND);
}

static void test_run_writes_json_curve_and_model(void **state)
{
    (void)state;
    char json[128];
    char curve[128];
    char model[128];
    char said[1024];
    path_of(json, "run.json");
    path_of(curve, "run.ndjson");
    path_of(model, "run.fedl");
    const char *const words[] = {"run", fixture.plan_path, "-q",  "--json",    json, "--curve",
                                 curve, "--model",         model, "--threads", "2",  NULL};
    assert_int_equal(run(words, said), FEDL_SIM_EXIT_OK);
    assert_string_equal(said, "");
    char *text = content(json);
    static const char *const keys[] = {"plan",
                                       "rounds",
                                       "clients",
                                       "threads",
                                       "test_accuracy",
                                       "test_loss",
                                       "best_test_accuracy",
                                       "wall_s",
                                       "virtual_s",
                                       "client_updates",
                                       "updates_per_s",
                                       "model_digest",
                                       "aborted_attempts",
                                       "bytes_up_per_client_per_round",
                                       "bytes_down_per_client_per_round"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\": ", keys[i]);
        assert_non_null(strstr(text, quoted));
    }
    const char *accuracy = strstr(text, "\"test_accuracy\": ");
    assert_true(strtod(accuracy + 17, NULL) > 0.9);
    free(text);
    text = content(curve);
    uint32_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, 3);
    free(text);
    unlink(json);
    unlink(curve);
    unlink(model);
}

static void test_results_name_the_aggregation(void **state)
{
    (void)state;
    char json[128];
    char said[1024];
    path_of(json, "helped.json");
    const char *const plain[] = {"run", fixture.plan_path, "-q", "--json", json, NULL};
    const char *const helped[] = {"run",
                                  fixture.plan_path,
                                  "-q",
                                  "--json",
                                  json,
                                  "--set",
                                  "aggregation.mode=helper",
                                  "--helper-crash",
                                  "0.2",
                                  "--away",
                                  "1",
                                  NULL};
    assert_int_equal(run(plain, said), FEDL_SIM_EXIT_OK);
    char *text = content(json);
    assert_non_null(strstr(text, "\"aggregation\": \"plain\""));
    assert_non_null(strstr(text, "\"helper_sums\": 0"));
    free(text);
    assert_int_equal(run(helped, said), FEDL_SIM_EXIT_OK);
    text = content(json);
    assert_non_null(strstr(text, "\"aggregation\": \"helper\""));
    assert_non_null(strstr(text, "\"helper_sums\": 3"));
    free(text);
    unlink(json);
}

static void test_partition_file_gives_the_same_model(void **state)
{
    (void)state;
    char part[128];
    char json[2][128];
    char said[1024];
    path_of(part, "part.txt");
    path_of(json[0], "computed.json");
    path_of(json[1], "read.json");
    const char *const make[] = {"partition", fixture.plan_path, "-q", "--out", part, NULL};
    const char *const computed[] = {"run", fixture.plan_path, "-q", "--json", json[0], NULL};
    const char *const read[] = {"run", fixture.plan_path, "-q",    "--partition",
                                part,  "--json",          json[1], NULL};
    assert_int_equal(run(make, said), FEDL_SIM_EXIT_OK);
    assert_int_equal(run(computed, said), FEDL_SIM_EXIT_OK);
    assert_int_equal(run(read, said), FEDL_SIM_EXIT_OK);
    char *a = content(json[0]);
    char *b = content(json[1]);
    const char *digest_a = strstr(a, "\"model_digest\"");
    const char *digest_b = strstr(b, "\"model_digest\"");
    assert_non_null(digest_a);
    assert_memory_equal(digest_a, digest_b, 80);
    free(a);
    free(b);
    const char *const other[] = {"run",   fixture.plan_path,      "-q", "--partition", part,
                                 "--set", "experiment.clients=6", NULL};
    assert_int_equal(run(other, said), FEDL_SIM_EXIT_DATA);
    assert_non_null(strstr(said, "is for 5 clients, but the plan says 6"));
    unlink(part);
    unlink(json[0]);
    unlink(json[1]);
}

static void test_baseline(void **state)
{
    (void)state;
    char json[128];
    char said[1024];
    path_of(json, "base.json");
    const char *const words[] = {"baseline", fixture.plan_path, "-q", "--json", json, "--seeds",
                                 "2",        "--threads",       "2",  NULL};
    assert_int_equal(run(words, said), FEDL_SIM_EXIT_OK);
    char *text = content(json);
    const double central = strtod(strstr(text, "\"central_accuracy\": ") + 20, NULL);
    const double local = strtod(strstr(text, "\"local_only_accuracy\": ") + 23, NULL);
    assert_true(central > 0.9);
    assert_true(local > 0.25 && local < central);
    assert_non_null(strstr(text, "\"epochs\": 6"));
    free(text);
    unlink(json);
}

static void test_errors_name_place_and_remedy(void **state)
{
    (void)state;
    char said[1024];
    const char *const no_plan[] = {"run", "/nonexistent/plan.ini", NULL};
    assert_int_equal(run(no_plan, said), FEDL_SIM_EXIT_PLAN);
    assert_non_null(strstr(said, "/nonexistent/plan.ini"));
    const char *const bad_key[] = {"run", fixture.plan_path, "--set", "train.epoch=3", NULL};
    assert_int_equal(run(bad_key, said), FEDL_SIM_EXIT_PLAN);
    assert_non_null(strstr(said, "epoch"));
    const char *const no_data[] = {"run", fixture.plan_path, "--set",
                                   "experiment.train=.cache/data/nowhere/images", NULL};
    assert_int_equal(run(no_data, said), FEDL_SIM_EXIT_DATA);
    assert_non_null(strstr(said, "'train' in [experiment]"));
    assert_null(strstr(said, "fetch-data"));
    const char *const known[] = {"run", fixture.plan_path, "--set",
                                 "experiment.train=.cache/nowhere/digits/images", NULL};
    assert_int_equal(run(known, said), FEDL_SIM_EXIT_DATA);
    assert_non_null(strstr(said, "scripts/fetch-data digits from"));
    const char *const too_many[] = {"run", fixture.plan_path, "--set", "experiment.clients=100",
                                    NULL};
    assert_int_equal(run(too_many, said), FEDL_SIM_EXIT_DATA);
    assert_non_null(strstr(said, "at least 10 rows"));
    const char *const paused[] = {
        "run",   fixture.plan_path,    "-q",           "--set", "round.attempts=2",
        "--set", "round.deadline=20s", "--drop-train", "1",     NULL};
    assert_int_equal(run(paused, said), FEDL_SIM_EXIT_INCOMPLETE);
    assert_non_null(strstr(said, "paused"));
}

static void test_unknown_key_in_the_file_names_its_line(void **state)
{
    (void)state;
    char path[128];
    char said[1024];
    path_of(path, "bad.ini");
    FILE *file = fopen(path, "w");
    fputs("[task]\nname = x\n[train]\nepoch = 3\n", file);
    fclose(file);
    const char *const words[] = {"run", path, NULL};
    assert_int_equal(run(words, said), FEDL_SIM_EXIT_PLAN);
    assert_non_null(strstr(said, "bad.ini:4:"));
    unlink(path);
}

/* Presses Ctrl-C as soon as the child has printed its first round. */
static void test_interrupt_writes_what_was_reached(void **state)
{
    (void)state;
    char json[128];
    path_of(json, "interrupted.json");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char said[1024];
        const char *const words[] = {
            "run", fixture.plan_path, "--set", "round.rounds=1000000", "--json", json, NULL};
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(run(words, said));
    }
    close(ends[1]);
    FILE *progress = fdopen(ends[0], "r");
    char line[512];
    assert_non_null(fgets(line, sizeof line, progress));
    assert_non_null(strstr(line, "round   1/1000000"));
    assert_int_equal(kill(child, SIGINT), 0);
    while (fgets(line, sizeof line, progress) != NULL) {
    }
    fclose(progress);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), FEDL_SIM_EXIT_INTERRUPTED);
    char *text = content(json);
    assert_non_null(strstr(text, "\"outcome\": \"interrupted\""));
    assert_true(strtoul(strstr(text, "\"rounds\": ") + 10, NULL, 10) >= 1);
    free(text);
    unlink(json);
}

static void test_help_and_version(void **state)
{
    (void)state;
    fedl_sim_options options;
    char text[FEDL_SIM_TEXT_BYTES];
    const char *const help[] = {"--help", NULL};
    const char *const late[] = {"run", "--help", NULL};
    const char *const version[] = {"--version", NULL};
    assert_int_equal(parse(&options, text, help), FEDL_OK);
    assert_int_equal(options.command, FEDL_SIM_COMMAND_HELP);
    assert_int_equal(parse(&options, text, late), FEDL_OK);
    assert_int_equal(options.command, FEDL_SIM_COMMAND_HELP);
    assert_int_equal(parse(&options, text, version), FEDL_OK);
    assert_int_equal(options.command, FEDL_SIM_COMMAND_VERSION);
    assert_non_null(strstr(fedl_sim_help(), "Exit status"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(every_step_has_its_drop),
        cmocka_unit_test(test_option_errors),
        cmocka_unit_test(test_json_escapes_and_nulls),
        cmocka_unit_test(test_run_writes_json_curve_and_model),
        cmocka_unit_test(test_results_name_the_aggregation),
        cmocka_unit_test(test_partition_file_gives_the_same_model),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_errors_name_place_and_remedy),
        cmocka_unit_test(test_unknown_key_in_the_file_names_its_line),
        cmocka_unit_test(test_interrupt_writes_what_was_reached),
        cmocka_unit_test(test_help_and_version),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
