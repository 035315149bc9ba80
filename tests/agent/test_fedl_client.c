/* SPDX-License-Identifier: Apache-2.0 */
/* fedl-client as a process: every way of calling it wrongly has its exit code and one line. Whole
 * rounds of real processes are in tests/e2e. */
#include "cmocka_all.h"

#include "base/cursor.h"
#include "fedl/client.h"
#include "posix/durable_file.h"
#include "scratch_file.h"
#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM FEDL_BINARY_DIR "/bin/fedl-client"

static char said[8192]; /* standard output and error of the last call */

static int call(const char *arguments)
{
    char command[2048];
    (void)snprintf(command, sizeof command, "%s %s 2>&1", PROGRAM, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t size = fread(said, 1, sizeof said - 1u, pipe);
    said[size] = 0;
    const int result = pclose(pipe);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/* Fails with code, says one line that holds part. */
static void fails(const char *arguments, int code, const char *part)
{
    assert_int_equal(call(arguments), code);
    if (strstr(said, part) == NULL || strncmp(said, "fedl-client: ", 13) != 0 ||
        strchr(said, '\n') != said + strlen(said) - 1) {
        print_error("'%s' says:\n%swanted: %s\n", arguments, said, part);
        fail();
    }
}

static void wrong_command_lines(void **state)
{
    (void)state;
    fails("", 2, "a command is missing");
    fails("dance", 2, "unknown command 'dance'");
    fails("run", 2, "which data?");
    fails("run --csv", 2, "its value is missing");
    fails("run --csv ''", 2, "empty");
    fails("run --csv a --images b", 2, "not both");
    fails("run --csv a --json", 2, "does not take it");
    fails("run --csv a --rows b", 2, "FILE:K");
    fails("run --csv a --rows b:x", 2, "FILE:K");
    fails("run --csv a --rows :1", 2, "FILE:K");
    fails("run --csv a --rounds 0", 2, "no number from 1");
    fails("run --csv a --rounds 99999999999999999999", 2, "no number from 1");
    fails("run --csv a --chunk 255", 2, "no number from 256 to 61440");
    fails("run --csv a --log xml", 2, "'text' or 'json'");
    fails("run --csv a more", 2, "one word too many");
    fails("join", 2, "where?");
    fails("join a:1", 2, "--token TOKEN is missing");
    fails("join a:1 b:2 --token x", 2, "one word too many");
    fails("join a:0 --token x", 2, "the port must be a number");
    fails("join http://a --token x", 2, "only tcp://");
    fails("join a:1 --token-file /no/such/file", 2, "not found");
    fails("status --timeout 3", 2, "does not take it");
    fails("status --allow-plain", 2, "does not take it");
    fails("run --csv a --policy", 2, "its value is missing");
    fails("run --csv a --policy cohort", 2, "KEY = VALUE wanted");
    fails("run --csv a --policy cohort=5", 2, "unknown key 'cohort'; there are min_aggregation, ");
    fails("run --csv a --policy min_aggregation=secret", 2,
          "'secret' is not plain, helper or masked");
    fails("run --csv a --policy min_cohort=2", 2, "'2' is not a whole number from 3 to 65535");
    fails("run --csv a --policy min_cohort=5.0", 2, "'5.0' is not a whole number");
    fails("run --csv a --policy min_cohort=99999999999999999999", 2, "is not a whole number");
    fails("run --csv a --policy gamma=10", 2, "'10' is not a percentage from 0% to 33.3%");
    fails("run --csv a --policy gamma=33.4%", 2, "'33.4%' is not a percentage");
    fails("run --csv a --policy gamma=%", 2, "'%' is not a percentage");
    fails("run --csv a --policy require_active=1", 2, "'1' is not yes or no");
    fails("run --csv a --policy epochs_max=", 2, "'' is not a whole number from 1 to 1000");
    fails("run --csv a --policy w_max=256", 2, "'256' is not a whole number from 1 to 255");
    fails("run --csv a --policy clip_max=0", 2, "'0' is not a decimal number");
    fails("run --csv a --policy clip_max=1.", 2, "'1.' is not a decimal number");
    fails("run --csv a --policy clip_max=65536", 2, "'65536' is not a decimal number");
    fails("run --csv a --policy epsilon_max=0", 2,
          "epsilon_max: '0' is not a decimal number from 0.001 to 1000, or any");
    fails("run --csv a --policy epsilon_max=1000.1", 2, "'1000.1' is not a decimal number");
    fails("run --csv a --policy epsilon_budget=-1", 2, "epsilon_budget: '-1' is not a decimal");
}

static void help_teaches(void **state)
{
    (void)state;
    const char *const commands[] = {"join", "run", "predict", "status", "leave"};
    assert_int_equal(call("--help"), 0);
    for (size_t i = 0; i < 5; i++) {
        char arguments[64];
        assert_int_equal(call("--help"), 0);
        assert_non_null(strstr(said, commands[i]));
        (void)snprintf(arguments, sizeof arguments, "%s --help", commands[i]);
        assert_int_equal(call(arguments), 0);
        assert_non_null(strstr(said, "--home DIR"));
        char again[sizeof said];
        memcpy(again, said, sizeof said);
        (void)snprintf(arguments, sizeof arguments, "help %s", commands[i]);
        assert_int_equal(call(arguments), 0);
        assert_string_equal(said, again);
    }
    assert_int_equal(call("--version"), 0);
    assert_non_null(strstr(said, "fedl-client 0.1.0"));
}

static const char *in_home(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/home/%s", scratch_folder, name);
    return path;
}

static void at_home(const char *format, int code, const char *part)
{
    char arguments[512];
    (void)snprintf(arguments, sizeof arguments, "%s --home %s/home", format, scratch_folder);
    fails(arguments, code, part);
}

/* A home as joining makes it, without a server. */
static void make_home(void)
{
    uint8_t bytes[FEDL_IDENTITY_BYTES];
    fedl_identity identity;
    memset(&identity, 1, sizeof identity);
    (void)mkdir(scratch_path("home"), 0700);
    fedl_identity_encode(bytes, &identity, fedl_crypto_sodium());
    assert_int_equal(
        fedl_file_replace(in_home("identity"), fedl_bytes_of(bytes, sizeof bytes), 0600), FEDL_OK);
    assert_int_equal(
        fedl_file_replace(in_home("server"), fedl_bytes_of("ipc:///tmp/fedl-none\n", 21), 0600),
        FEDL_OK);
}

static void policy_file(const char *lines)
{
    assert_int_equal(
        fedl_file_replace(in_home("policy"), fedl_bytes_of(lines, strlen(lines)), 0600), FEDL_OK);
}

static void policies(void **state)
{
    (void)state;
    char arguments[512];
    make_home();
    (void)snprintf(arguments, sizeof arguments, "status --home %s/home", scratch_folder);
    assert_int_equal(call(arguments), 0);
    assert_non_null(strstr(said, "policy    min_aggregation = masked\n"
                                 "          min_cohort = 5\n"
                                 "          gamma = 10.0%\n"
                                 "          require_active = no\n"
                                 "          require_privacy = no\n"
                                 "          epochs_max = 100\n"
                                 "          w_max = 8\n"
                                 "          clip_max = any\n"
                                 "          epsilon_max = any\n"
                                 "          epsilon_budget = any\n"));
    policy_file("# mine\n\nmin_aggregation = plain\r\n  gamma=2.5%\nrequire_active = yes\n"
                "clip_max = 0.5 # half\nmin_cohort\t=\t20 \nepochs_max = 7# a week\n # none = 1\n"
                "epsilon_max = 8\nepsilon_budget = 12.25");
    assert_int_equal(call(arguments), 0);
    assert_non_null(strstr(said, "policy    min_aggregation = plain\n"
                                 "          min_cohort = 20\n"
                                 "          gamma = 2.5%\n"
                                 "          require_active = yes\n"
                                 "          require_privacy = no\n"
                                 "          epochs_max = 7\n"
                                 "          w_max = 8\n"
                                 "          clip_max = 0.5000\n"
                                 "          epsilon_max = 8.0000\n"
                                 "          epsilon_budget = 12.2500\n"));
    (void)snprintf(arguments, sizeof arguments, "status --json --home %s/home", scratch_folder);
    assert_int_equal(call(arguments), 0);
    assert_non_null(strstr(said, "\"policy\":{\"min_aggregation\":\"plain\",\"min_cohort\":20,"
                                 "\"gamma\":\"2.5%\",\"require_active\":true,"));
    assert_non_null(strstr(said, ",\"epsilon_max\":8.0000,\"epsilon_budget\":12.2500}"));
    policy_file("w_max = 3\n# one\nmin_cohort = 20\nw_max = 3\n");
    at_home("status", 11, "/policy:4: w_max stands in line 1 already");
    policy_file("w_max = 3 ; three\n");
    at_home("status", 11, "/policy:1: w_max: '3 ; three' is not a whole number");
    policy_file("min_cohort = 20\n\n# all\nepochs = 3\n");
    at_home("status", 11, "/policy:4: unknown key 'epochs'");
    at_home("run --csv a", 11, "/policy:4: unknown key 'epochs'");
    policy_file("min_cohort = twenty\n");
    at_home("status", 11, "/policy:1: min_cohort: 'twenty' is not a whole number");
    assert_int_equal(fedl_file_replace(in_home("policy"), fedl_bytes_of("w_max = 3\0", 10), 0600),
                     FEDL_OK);
    at_home("status", 11, "no text file");
    assert_int_equal(unlink(in_home("policy")), 0);
    assert_int_equal(unlink(in_home("identity")), 0);
    assert_int_equal(unlink(in_home("server")), 0);
    assert_int_equal(unlink(in_home("lock")), 0);
    assert_int_equal(rmdir(scratch_path("home")), 0);
}

static void homes(void **state)
{
    (void)state;
    at_home("run --csv a", 4, "no such folder: join first");
    assert_int_equal(mkdir(scratch_path("home"), 0700), 0);
    at_home("run --csv a", 4, "belongs to no device yet");
    at_home("status", 4, "belongs to no device yet");
    make_home();
    at_home("join a:1 --token x", 5, "belongs to a device already");
    at_home("predict --csv a", 4, "no model yet");
    assert_int_equal(chmod(in_home("identity"), 0644), 0);
    at_home("run --csv a", 11, "chmod 600");
    assert_int_equal(chmod(in_home("identity"), 0600), 0);
    assert_int_equal(fedl_file_replace(in_home("progress"), fedl_bytes_of("short", 5), 0600),
                     FEDL_OK);
    at_home("run --csv a", 11, "damaged");
    assert_int_equal(unlink(in_home("progress")), 0);
    assert_int_equal(fedl_file_replace(in_home("model"), fedl_bytes_of("short", 5), 0600), FEDL_OK);
    at_home("predict --csv a", 11, "remove the file");
    at_home("status", 11, "remove the file");
    assert_int_equal(unlink(in_home("model")), 0);
    char arguments[512];
    (void)snprintf(arguments, sizeof arguments, "status --json --home %s/home", scratch_folder);
    assert_int_equal(call(arguments), 0);
    assert_non_null(strstr(said, "\"device\":16843009"));
    assert_non_null(strstr(said, "\"model\":null"));
    assert_int_equal(fedl_file_replace(in_home("server"), fedl_bytes_of("nonsense!\n", 10), 0600),
                     FEDL_OK);
    at_home("run --csv a", 11, "write the server's address");
    assert_int_equal(fedl_file_replace(in_home("identity"), fedl_bytes_of("x", 1), 0600), FEDL_OK);
    at_home("run --csv a", 11, "malformed");
}

static void leaving_without_the_server(void **state)
{
    (void)state;
    char arguments[512];
    const char *const files[] = {"identity", "progress", "model", "server"};
    at_home("run --csv a --local", 2, "does not take it");
    make_home();
    /* Damaged or not: what is there goes. */
    assert_int_equal(fedl_file_replace(in_home("progress"), fedl_bytes_of("x", 1), 0600), FEDL_OK);
    assert_int_equal(fedl_file_replace(in_home("model"), fedl_bytes_of("x", 1), 0600), FEDL_OK);
    (void)snprintf(arguments, sizeof arguments, "leave --local --home %s/home", scratch_folder);
    assert_int_equal(call(arguments), 0);
    assert_non_null(strstr(said, "the server was not told"));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(access(in_home(files[i]), F_OK), -1);
    }
    at_home("leave --local", 4, "nothing to destroy");
}

static void second_agent_on_the_same_home(void **state)
{
    (void)state;
    make_home();
    const int fd = open(in_home("lock"), O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    at_home("run --csv a", 9, "another fedl-client");
    at_home("leave", 9, "another fedl-client");
    assert_int_equal(close(fd), 0);
}

static void joining_without_a_server(void **state)
{
    (void)state;
    char token[FEDLI_TOKEN_TEXT_BYTES];
    char arguments[512];
    const uint8_t secret[FEDLI_TOKEN_SECRET_BYTES] = {1};
    const uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES] = {2};
    fedl_token_format(fedl_crypto_sodium(), token, secret, fingerprint);
    (void)snprintf(arguments, sizeof arguments,
                   "join ipc://%s/nobody --token %s --timeout 1 --home %s/new", scratch_folder,
                   token, scratch_folder);
    assert_int_equal(call(arguments), 12);
    assert_non_null(strstr(said, "no connection to ipc://"));
    assert_non_null(strstr(said, "no server answered"));
    assert_null(strstr(said, token));
    struct stat info;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/new", scratch_folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    token[3] = token[3] == 'A' ? 'B' : 'A';
    (void)snprintf(arguments, sizeof arguments,
                   "join ipc://%s/nobody --token %s --timeout 1 --home %s/new", scratch_folder,
                   token, scratch_folder);
    fails(arguments, 20, "mistyped");
}

/* The agent's last words go into a pipe that nobody reads: one signal can't end it. */
static void second_signal_ends_it_at_once(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[256];
    int out[2];
    int status = 0;
    make_home();
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", scratch_folder);
    const int size = snprintf(line, sizeof line, "ipc://%s\n", address.sun_path);
    assert_int_equal(fedl_file_replace(in_home("server"), fedl_bytes_of(line, (size_t)size), 0600),
                     FEDL_OK);
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(fcntl(out[1], F_SETFL, O_NONBLOCK), 0);
    while (write(out[1], line, 1) == 1) {
    }
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(out[1], F_SETFL, 0), 0);
    const pid_t child = fork();
    if (child == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execl(PROGRAM, PROGRAM, "leave", "--home", in_home("."), (char *)NULL);
        _exit(99);
    }
    assert_true(child > 0);
    const int peer = accept(listener, NULL, NULL); /* by now it handles signals */
    assert_true(peer >= 0);
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(kill(child, SIGINT), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 128 + SIGINT || WEXITSTATUS(status) == 128 + SIGTERM);
    (void)close(peer);
    (void)close(listener);
    (void)close(out[0]);
    (void)close(out[1]);
}

static int begin(void **state)
{
    return fedl_crypto_sodium_init() == FEDL_OK ? scratch_begin(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_command_lines),
        cmocka_unit_test(help_teaches),
        cmocka_unit_test(policies),
        cmocka_unit_test(homes),
        cmocka_unit_test(leaving_without_the_server),
        cmocka_unit_test(second_agent_on_the_same_home),
        cmocka_unit_test(joining_without_a_server),
        cmocka_unit_test(second_signal_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, begin, scratch_end);
}
