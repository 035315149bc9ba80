/* SPDX-License-Identifier: Apache-2.0 */
/* device add | list | revoke | readmit */
#include "command.h"
#include "print.h"

#include <stdio.h>
#include <stdlib.h>

/* "90s", "30m", "12h", "7d" or plain seconds. */
static long seconds_of(const char *text)
{
    char *end = NULL;
    const long value = strtol(text, &end, 10);
    const long unit = *end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;
    const bool suffix = *end == 'd' || *end == 'h' || *end == 'm' || *end == 's';
    if (end == text || (*end != '\0' && (!suffix || end[1] != '\0')) || value < 1 ||
        value > 366 * 86400 / unit) {
        (void)fprintf(
            stderr, "fedl: --valid wants a time up to a year like 90s, 30m, 12h or 7d, not '%s'\n",
            text);
        exit(FEDL_EXIT_USAGE);
    }
    return value * unit;
}

static const char *string_in(const cJSON *json, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return text != NULL ? text : "?";
}

int fedl_cmd_device_add(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    cJSON *request = fedl_admin_request("device.add");
    (void)cJSON_AddStringToObject(request, "name", arguments->positional[0]);
    (void)cJSON_AddNumberToObject(
        request, "valid_s", (double)seconds_of(arguments->valid != NULL ? arguments->valid : "7d"));
    const int code = fedl_admin_call(&reply, arguments->home, request, fedl_bytes_of(NULL, 0));
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    if (arguments->json) {
        fedl_print_object(reply.json, NULL, 0, true);
    } else {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(reply.json, "device_id");
        const bool elsewhere =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply.json, "ca_elsewhere"));
        (void)printf("device %.0f '%s' is invited. Its token works once and is shown only now:\n\n"
                     "  fedl-client join %s --token %s%s\n",
                     cJSON_GetNumberValue(id), arguments->positional[0],
                     string_in(reply.json, "url"), string_in(reply.json, "token"),
                     elsewhere ? " --timeout 86400" : "");
        if (elsewhere) {
            (void)printf(
                "\nIt waits there for its certificate, as the CA key is not on this server: "
                "fedl device pending --out FILE\n");
        }
    }
    fedl_admin_reply_free(&reply);
    return FEDL_EXIT_OK;
}

static const fedl_column device_columns[] = {
    {"device_id", "id", FEDL_CELL_NUMBER},       {"name", "name", FEDL_CELL_TEXT},
    {"state", "state", FEDL_CELL_TEXT},          {"connected", "connected", FEDL_CELL_BOOL},
    {"seen_s", "last seen", FEDL_CELL_AGO},      {"reports", "reports", FEDL_CELL_NUMBER},
    {"left_out", "left out of", FEDL_CELL_TEXT},
};

int fedl_cmd_device_list(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const int code = fedl_admin_call(&reply, arguments->home, fedl_admin_request("device.list"),
                                     fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        fedl_print_rows(cJSON_GetObjectItemCaseSensitive(reply.json, "rows"), device_columns,
                        sizeof device_columns / sizeof device_columns[0], arguments->json,
                        "no device yet: fedl device add NAME invites one");
        fedl_admin_reply_free(&reply);
    }
    return code;
}

/* Asks for something about one device, and says what has become of it. */
static int change(const fedl_arguments *arguments, const char *command, const char *outcome)
{
    fedl_admin_reply reply;
    cJSON *request = fedl_admin_request(command);
    (void)cJSON_AddStringToObject(request, "device", arguments->positional[0]);
    const int code = fedl_admin_call(&reply, arguments->home, request, fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        if (arguments->json) {
            fedl_print_object(reply.json, NULL, 0, true);
        } else {
            (void)printf(
                "device %.0f '%s' %s\n",
                cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(reply.json, "device_id")),
                string_in(reply.json, "name"), outcome);
        }
        fedl_admin_reply_free(&reply);
    }
    return code;
}

int fedl_cmd_device_revoke(const fedl_arguments *arguments)
{
    return change(arguments, "device.revoke",
                  "is revoked: its session is closed and its key no longer works");
}

int fedl_cmd_device_readmit(const fedl_arguments *arguments)
{
    return change(arguments, "device.readmit", "may take part in all tasks again");
}
