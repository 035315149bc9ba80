/* SPDX-License-Identifier: Apache-2.0 */
#include "host/server_config.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

static fedl_config_error error;

static fedl_status parse(fedl_server_config *config, const char *text)
{
    return fedl_server_config_parse(config, fedl_bytes_of(text, strlen(text)), &error);
}

static void an_empty_file_gives_the_defaults(void **state)
{
    fedl_server_config config;
    fedl_server_config defaults;
    (void)state;
    fedl_server_config_default(&defaults);
    assert_int_equal(parse(&config, ""), FEDL_OK);
    assert_memory_equal(&config, &defaults, sizeof config);
    assert_string_equal(config.listen, "tcp://0.0.0.0:7070");
}

static void every_key_is_read(void **state)
{
    fedl_server_config config;
    (void)state;
    assert_int_equal(parse(&config,
                           "# comment\n[server]\nlisten = tcp://[::1]:9\n"
                           "advertise = tcp://fleet.example:7070 ; note\n"
                           "[log]\nformat = json\nlevel = debug\n"
                           "[limits]\ndevices_max = 7\nsessions_max = 8\n"
                           "requests_max = 9\ntasks_max = 10\nstaging_mb = 11\n"
                           "poll_ms_max = 1200\nsession_idle_ms = 1300\n"
                           "upload_idle_ms = 1400\nrefusals_per_s = 15\ncompute_threads = 3"),
                     FEDL_OK);
    assert_string_equal(config.listen, "tcp://[::1]:9");
    assert_string_equal(config.advertise, "tcp://fleet.example:7070");
    assert_int_equal(config.log_format, FEDL_LOG_JSON);
    assert_int_equal(config.log_level, FEDL_LEVEL_DEBUG);
    assert_int_equal(config.devices_max, 7);
    assert_int_equal(config.sessions_max, 8);
    assert_int_equal(config.requests_max, 9);
    assert_int_equal(config.tasks_max, 10);
    assert_int_equal(config.staging_mb, 11);
    assert_int_equal(config.poll_ms_max, 1200);
    assert_int_equal(config.session_idle_ms, 1300);
    assert_int_equal(config.upload_idle_ms, 1400);
    assert_int_equal(config.refusals_per_s, 15);
    assert_int_equal(config.compute_threads, 3);
}

typedef struct bad_row {
    const char *text;
    fedl_status status;
    uint32_t line;
    const char *part; /* of the message */
} bad_row;

static void what_is_wrong_is_named_with_its_line(void **state)
{
    static const bad_row rows[] = {
        {"[server]\nlisen = tcp://0.0.0.0:1\n", FEDL_ERR_FORMAT, 2, "unknown key"},
        {"\n\n[sever]\nlisten = x\n", FEDL_ERR_FORMAT, 4, "unknown section"},
        {"[log]\nformat = xml\n", FEDL_ERR_FORMAT, 2, "text, logfmt, json"},
        {"[log]\nlevel = loud\n", FEDL_ERR_FORMAT, 2, "error, warn, info, debug"},
        {"[log]\nlevel = info\nlevel = warn\n", FEDL_ERR_FORMAT, 3, "given twice"},
        {"[log]\nlevel = info\n  warn\n", FEDL_ERR_FORMAT, 3, "given twice"},
        {"[limits]\ndevices_max = 0\n", FEDL_ERR_RANGE, 2, "from 1 to 100000"},
        {"[limits]\ndevices_max = 100001\n", FEDL_ERR_RANGE, 2, "from 1 to 100000"},
        {"[limits]\ndevices_max = 12x\n", FEDL_ERR_RANGE, 2, "whole number"},
        {"[limits]\ndevices_max = -1\n", FEDL_ERR_RANGE, 2, "whole number"},
        {"[limits]\ndevices_max =\n", FEDL_ERR_RANGE, 2, "whole number"},
        {"[limits]\ndevices_max = 99999999999999999999999\n", FEDL_ERR_RANGE, 2, "whole number"},
        {"[server]\nlisten = http://x:1\n", FEDL_ERR_FORMAT, 2, "tcp://"},
        {"[server]\nadvertise = tcp://x\n", FEDL_ERR_FORMAT, 2, "port"},
        {"[server]\nno equals sign\n", FEDL_ERR_FORMAT, 2, "key = value"},
        {"loose = 1\n", FEDL_ERR_FORMAT, 1, "unknown section"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fedl_server_config config;
        memset(&config, 0x5a, sizeof config);
        fedl_server_config before = config;
        assert_int_equal(parse(&config, rows[i].text), rows[i].status);
        assert_int_equal(error.line, rows[i].line);
        if (strstr(error.text, rows[i].part) == NULL) {
            fail_msg("row %zu: '%s' lacks '%s'", i, error.text, rows[i].part);
        }
        assert_memory_equal(&config, &before, sizeof config);
    }
}

static void long_lines_and_zero_bytes_are_refused(void **state)
{
    fedl_server_config config;
    char text[400];
    (void)state;
    (void)snprintf(text, sizeof text, "[server]\nlisten = tcp://%0250d:1\n", 0);
    assert_int_equal(parse(&config, text), FEDL_ERR_FULL);
    assert_int_equal(error.line, 2);
    assert_int_equal(fedl_server_config_parse(&config, fedl_bytes_of("[log]\n\0x\n", 9), &error),
                     FEDL_ERR_FORMAT);
    assert_int_equal(error.line, 2);
    static char huge[FEDL_CONFIG_BYTES_MAX + 1];
    memset(huge, '\n', sizeof huge);
    assert_int_equal(fedl_server_config_parse(&config, fedl_bytes_of(huge, sizeof huge), &error),
                     FEDL_ERR_FULL);
}

static void urls_are_checked(void **state)
{
    static const char *const good[] = {"tcp://0.0.0.0:0", "tcp://[::]:65535", "tcp://h:7070",
                                       "ipc:///run/fedl.sock"};
    static const char *const bad[] = {"",           "tcp://",         "tcp://h:",
                                      "tcp://h:x",  "tcp://h:70707",  "tcp://h:7070/",
                                      "udp://h:1",  "ipc://relative", "tls+tcp://h:1",
                                      "ws://h:1/x", "tcp:1"};
    char text[300];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(fedl_server_url_check(good[i], &error), FEDL_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error.text[0] = '\0';
        assert_int_equal(fedl_server_url_check(bad[i], &error), FEDL_ERR_FORMAT);
        assert_true(error.text[0] != '\0');
    }
    (void)snprintf(text, sizeof text, "tcp://%0200d:1", 0);
    assert_int_equal(fedl_server_url_check(text, &error), FEDL_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(long_lines_and_zero_bytes_are_refused),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
