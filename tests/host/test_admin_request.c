/* SPDX-License-Identifier: Apache-2.0 */
#include "host/admin_request.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[200];
static fedl_admin_request request;

static fedl_status parse(const char *line)
{
    text[0] = '\0';
    return fedl_admin_request_parse(&request, line, strlen(line), text);
}

static void commands_carry_their_fields(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"cmd\":\"status\"}"), FEDL_OK);
    assert_int_equal(request.command, FEDL_COMMAND_STATUS);
    assert_int_equal(parse("{\"cmd\":\"device.add\",\"name\":\"k\xc3\xbc\",\"valid_s\":60}"),
                     FEDL_OK);
    assert_string_equal(request.name, "k\xc3\xbc");
    assert_int_equal(request.valid_s, 60);
    assert_int_equal(parse("{\"cmd\":\"device.certify\",\"device\":\"id:4\",\"bytes\":176}"),
                     FEDL_OK);
    assert_int_equal(request.command, FEDL_COMMAND_DEVICE_CERTIFY);
    assert_int_equal(request.payload_bytes, 176);
    assert_int_equal(parse("{\"cmd\":\"device.readmit\",\"device\":\"4\"}"), FEDL_OK);
    assert_int_equal(request.command, FEDL_COMMAND_DEVICE_READMIT);
    assert_int_equal(parse("{\"cmd\":\"device.readmit\"}"), FEDL_ERR_FORMAT);
    assert_int_equal(parse("{\"cmd\":\"device.certify\",\"device\":\"4\"}"), FEDL_ERR_FORMAT);
    assert_int_equal(parse("{\"cmd\":\"device.revoke\",\"device\":\"4\"}"), FEDL_OK);
    assert_string_equal(request.device, "4");
    assert_int_equal(parse("{\"cmd\":\"task.add\",\"bytes\":65536}"), FEDL_OK);
    assert_int_equal(request.payload_bytes, 65536);
    assert_int_equal(parse("{\"cmd\":\"model.export\",\"version\":0}"), FEDL_OK);
    assert_string_equal(request.task, "");
    assert_int_equal(parse("{\"cmd\":\"model.show\",\"task\":\"t\",\"version\":4294967295}"),
                     FEDL_OK);
    assert_int_equal(request.version, 4294967295u);
    assert_int_equal(parse("{\"cmd\":\"audit.list\",\"limit\":5}"), FEDL_OK);
    assert_int_equal(request.limit, 5);
    static const char *const plain[] = {"device.list", "task.list",  "task.show",  "task.pause",
                                        "task.resume", "task.watch", "model.list", "audit.verify"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "{\"cmd\":\"%s\"}", plain[i]);
        assert_int_equal(parse(line), FEDL_OK);
    }
}

typedef struct bad_row {
    const char *line;
    fedl_status status;
} bad_row;

static void nonsense_is_refused_and_named(void **state)
{
    static const bad_row rows[] = {
        {"", FEDL_ERR_FORMAT},
        {"x", FEDL_ERR_FORMAT},
        {"[]", FEDL_ERR_FORMAT},
        {"{}", FEDL_ERR_FORMAT},
        {"{\"cmd\":7}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"reboot\"}", FEDL_ERR_UNSUPPORTED},
        {"{\"cmd\":\"device.add\",\"valid_s\":60}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"device.add\",\"name\":\"\",\"valid_s\":60}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"device.add\",\"name\":\"a\\nb\",\"valid_s\":60}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"device.add\",\"name\":7,\"valid_s\":60}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"device.add\",\"name\":\"a\"}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"device.add\",\"name\":\"a\",\"valid_s\":0}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"device.add\",\"name\":\"a\",\"valid_s\":1.5}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"device.add\",\"name\":\"a\",\"valid_s\":1e300}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"device.add\",\"name\":\"a\",\"valid_s\":-1}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"task.add\"}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"task.add\",\"bytes\":0}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"task.add\",\"bytes\":65537}", FEDL_ERR_RANGE},
        {"{\"cmd\":\"status\",\"bytes\":5}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"model.show\"}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"task.show\",\"task\":1}", FEDL_ERR_FORMAT},
        {"{\"cmd\":\"audit.list\",\"limit\":0}", FEDL_ERR_RANGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(&request, 0x5a, sizeof request);
        fedl_admin_request before = request;
        assert_int_equal(parse(rows[i].line), rows[i].status);
        assert_true(text[0] != '\0');
        assert_memory_equal(&request, &before, sizeof request);
    }
}

static void prefixes_and_deep_nesting_do_no_harm(void **state)
{
    static const char whole[] =
        "{\"cmd\":\"device.add\",\"name\":\"kitchen\",\"valid_s\":3600,\"x\":[{\"y\":null}]}";
    char deep[4000];
    (void)state;
    for (size_t size = 0; size + 1 < sizeof whole; size++) {
        char *copy = malloc(size + 1); /* exact size, so that reading beyond it is seen */
        assert_non_null(copy);
        memcpy(copy, whole, size);
        assert_int_equal(fedl_admin_request_parse(&request, copy, size, text), FEDL_ERR_FORMAT);
        free(copy);
    }
    assert_int_equal(parse(whole), FEDL_OK);
    memset(deep, '[', sizeof deep);
    assert_int_equal(fedl_admin_request_parse(&request, deep, sizeof deep, text), FEDL_ERR_FORMAT);
}

static void names_have_a_limit(void **state)
{
    char line[300];
    (void)state;
    (void)snprintf(line, sizeof line, "{\"cmd\":\"device.add\",\"name\":\"%063d\",\"valid_s\":1}",
                   0);
    assert_int_equal(parse(line), FEDL_OK);
    (void)snprintf(line, sizeof line, "{\"cmd\":\"device.add\",\"name\":\"%064d\",\"valid_s\":1}",
                   0);
    assert_int_equal(parse(line), FEDL_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_carry_their_fields),
        cmocka_unit_test(nonsense_is_refused_and_named),
        cmocka_unit_test(prefixes_and_deep_nesting_do_no_harm),
        cmocka_unit_test(names_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
