/* SPDX-License-Identifier: Apache-2.0 */
/* What fedl-sim refuses before the work, and outputs that fail. */
#include "run_command.h"
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
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

static void test_plan_errors_name_a_remedy(void **state)
{
    (void)state;
    char said[1024];
    char path[128];
    const char *const folder[] = {"run", fixture.folder, NULL};
    assert_int_equal(run(folder, said), FEDL_SIM_EXIT_PLAN);
    assert_non_null(strstr(said, "is a folder: give a plan file"));
    const char *const empty[] = {"run", "/dev/null", NULL};
    assert_int_equal(run(empty, said), FEDL_SIM_EXIT_PLAN);
    assert_string_equal(said, "fedl-sim: plan /dev/null: is empty: give a plan file\n");
    const char *const none[] = {"run", "none.ini", NULL};
    assert_int_equal(run(none, said), FEDL_SIM_EXIT_PLAN);
    assert_non_null(strstr(said, "plan none.ini: no such file: give a plan file (the folder "
                                 "examples/ has some)"));
    (void)snprintf(path, sizeof path, "%s/long.ini", fixture.folder);
    FILE *file = fopen(path, "w");
    for (uint32_t i = 0; i <= FEDL_PLAN_TEXT_BYTES_MAX; i++) {
        fputc('\n', file);
    }
    fclose(file);
    const char *const too_long[] = {"run", path, NULL};
    assert_int_equal(run(too_long, said), FEDL_SIM_EXIT_PLAN);
    assert_non_null(strstr(said, "longer than 65536 bytes"));
    unlink(path);
}

/* A file in a folder that is not there, for each option and command: before any work. */
static void test_outputs_are_checked_before_the_run(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"run", "--json"},
                                           {"run", "--curve"},
                                           {"run", "--model"},
                                           {"partition", "--out"},
                                           {"baseline", "--json"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char said[1024];
        /* The missing plan would be the next error. */
        const char *const words[] = {cases[i][0], "none.ini", cases[i][1], "/nonexistent/x", NULL};
        assert_int_equal(run(words, said), FEDL_SIM_EXIT_FAILED);
        assert_string_equal(said, "fedl-sim: cannot write /nonexistent/x: its folder does not "
                                  "exist: make it first\n");
    }
    char said[1024];
    const char *const folder[] = {"run", fixture.plan_path, "--model", fixture.folder, NULL};
    assert_int_equal(run(folder, said), FEDL_SIM_EXIT_FAILED);
    assert_non_null(strstr(said, "it is a folder"));
}

static void test_full_disks_fail_the_run_and_are_named(void **state)
{
    (void)state;
    char said[1024];
    const char *const curve[] = {"run", fixture.plan_path, "-q", "--curve", "/dev/full", NULL};
    assert_int_equal(run(curve, said), FEDL_SIM_EXIT_FAILED);
    assert_string_equal(said, "fedl-sim: cannot write /dev/full: no space left\n");
    const char *const json[] = {"run", fixture.plan_path, "-q", "--json", "/dev/full", NULL};
    assert_int_equal(run(json, said), FEDL_SIM_EXIT_FAILED);
    assert_string_equal(said, "fedl-sim: cannot write /dev/full: no space left\n");
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *const words[] = {"run", fixture.plan_path, NULL};
        dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
        const int result = run(words, said);
        _exit(result == FEDL_SIM_EXIT_OK ? 10 + fedl_sim_end_output(result) : result);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 10 + FEDL_SIM_EXIT_FAILED);
    assert_int_equal(fedl_sim_end_output(FEDL_SIM_EXIT_INCOMPLETE), FEDL_SIM_EXIT_INCOMPLETE);
    assert_int_equal(fedl_sim_end_output(FEDL_SIM_EXIT_OK), FEDL_SIM_EXIT_OK);
}

static void test_result_to_own_stream_follows_the_progress(void **state)
{
    (void)state;
    char said[1024];
    char path[128];
    char text[4096];
    (void)snprintf(path, sizeof path, "%s/all.txt", fixture.folder);
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *const words[] = {"run", fixture.plan_path, "--json", "/dev/stdout", NULL};
        dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
        _exit(fedl_sim_end_output(run(words, said)));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == FEDL_SIM_EXIT_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1u, file)] = '\0';
    fclose(file);
    unlink(path);
    const char *digest = strstr(text, "model version ");
    assert_non_null(digest);
    assert_non_null(strstr(digest, "\n{\"plan\": "));
    assert_int_equal(text[strlen(text) - 2u], '}');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_errors_name_a_remedy),
        cmocka_unit_test(test_outputs_are_checked_before_the_run),
        cmocka_unit_test(test_full_disks_fail_the_run_and_are_named),
        cmocka_unit_test(test_result_to_own_stream_follows_the_progress),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
