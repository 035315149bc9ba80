/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_log.h"
#include "host/sd_notify.h"

#include "cmocka_all.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int ends[2];
static char got[FEDL_LOG_LINE_BYTES + 1];

/* What the log wrote, without its time. */
static const char *take(void)
{
    ssize_t count = read(ends[0], got, sizeof got - 1);
    assert_true(count > 0);
    got[count] = '\0';
    assert_int_equal(got[count - 1], '\n');
    assert_null(memchr(got, '\n', (size_t)count - 1));
    return got;
}

static void write_line(fedl_log_format format, const char *value)
{
    fedl_log log = {.fd = ends[1], .format = format, .level = FEDL_LEVEL_INFO};
    fedl_log_line line;
    fedl_log_begin(&line, &log, FEDL_LEVEL_INFO, "round.committed");
    fedl_log_u64(&line, "round", 18446744073709551615u);
    fedl_log_decimal(&line, "loss", 5134);
    fedl_log_str(&line, "name", value);
    fedl_log_hex(&line, "digest", (const uint8_t *)"\x3f\x2a", 2);
    fedl_log_end(&line, "round %d · %s", 7, value);
}

static void each_format_is_well_formed(void **state)
{
    (void)state;
    write_line(FEDL_LOG_TEXT, "plain");
    assert_non_null(strstr(take(), " round 7 · plain\n"));
    write_line(FEDL_LOG_LOGFMT, "a \"b\" \\ \n");
    assert_non_null(strstr(take(), "Z level=info event=round.committed round=18446744073709551615 "
                                   "loss=0.5134 name=\"a \\\"b\\\" \\\\ \\u000a\" "
                                   "digest=\"3f2a\"\n"));
    write_line(FEDL_LOG_JSON, "a \"b\" \\ \n\x01");
    cJSON *json = cJSON_Parse(take());
    assert_non_null(json);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "name")),
                        "a \"b\" \\ \n\x01");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "level")), "info");
    cJSON_Delete(json);
}

static void text_cannot_draw_lines(void **state)
{
    (void)state;
    write_line(FEDL_LOG_TEXT, "evil\n12:00:00 ready\x1b[2J");
    assert_non_null(strstr(take(), "evil?12:00:00 ready?[2J"));
}

static void long_values_leave_the_line_whole(void **state)
{
    char value[3 * FEDL_LOG_LINE_BYTES];
    (void)state;
    for (size_t size = 1500; size < sizeof value - 1; size += 97) {
        memset(value, size % 2 == 0 ? 'x' : '"', size);
        value[size] = '\0';
        write_line(FEDL_LOG_JSON, value);
        cJSON *json = cJSON_Parse(take());
        assert_non_null(json);
        assert_non_null(cJSON_GetObjectItem(json, "digest") != NULL
                            ? cJSON_GetObjectItem(json, "digest")
                            : cJSON_GetObjectItem(json, "loss"));
        cJSON_Delete(json);
        write_line(FEDL_LOG_TEXT, value);
        (void)take();
    }
}

static void lower_levels_are_silent(void **state)
{
    fedl_log log = {.fd = ends[1], .format = FEDL_LOG_JSON, .level = FEDL_LEVEL_WARN};
    fedl_log_line line;
    (void)state;
    fedl_log_begin(&line, &log, FEDL_LEVEL_INFO, "silent");
    fedl_log_end(&line, "silent");
    fedl_log_begin(&line, &log, FEDL_LEVEL_ERROR, "loud");
    fedl_log_end(&line, "loud");
    assert_non_null(strstr(take(), "\"event\":\"loud\"}"));
}

static void systemd_is_told(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char message[32] = "";
    char folder[] = "/tmp/fedl-notify-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(fedl_sd_notify("READY=1"), FEDL_OK);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    assert_int_equal(fedl_sd_notify("READY=1"), FEDL_OK);
    assert_int_equal(recv(fd, message, sizeof message - 1, MSG_DONTWAIT), 7);
    assert_string_equal(message, "READY=1");
    assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
    assert_int_equal(fedl_sd_notify("READY=1"), FEDL_ERR_RANGE);
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent/s", 1), 0);
    assert_int_equal(fedl_sd_notify("READY=1"), FEDL_ERR_IO);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static int open_pipe(void **state)
{
    (void)state;
    return pipe(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_is_well_formed),
        cmocka_unit_test(text_cannot_draw_lines),
        cmocka_unit_test(long_values_leave_the_line_whole),
        cmocka_unit_test(lower_levels_are_silent),
        cmocka_unit_test(systemd_is_told),
    };
    return cmocka_run_group_tests(tests, open_pipe, NULL);
}
