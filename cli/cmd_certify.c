/* SPDX-License-Identifier: Apache-2.0 */
/* device pending | certify: what goes to the machine with the CA key, and what comes back. */
#include "base/hex.h"
#include "certificate_line.h"
#include "command.h"
#include "posix/durable_file.h"
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *string_in(const cJSON *json, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return text != NULL ? text : "";
}

/* Leaves the pending devices of a device.list. */
static void keep_pending(cJSON *rows)
{
    for (int i = cJSON_GetArraySize(rows) - 1; i >= 0; i--) {
        if (strcmp(string_in(cJSON_GetArrayItem(rows, i), "state"), "pending") != 0) {
            cJSON_DeleteItemFromArray(rows, i);
        }
    }
}

static int write_requests(const cJSON *rows, const char *path)
{
    const size_t room = (size_t)cJSON_GetArraySize(rows) * CERTIFICATE_LINE_BYTES_MAX + 1;
    char *text = malloc(room);
    size_t used = 0;
    const cJSON *row = NULL;
    if (text == NULL) {
        (void)fprintf(stderr, "fedl: out of memory\n");
        return FEDL_EXIT_FILE;
    }
    cJSON_ArrayForEach(row, rows)
    {
        used += (size_t)snprintf(
            text + used, room - used, "%s %s %.0f %s %s %.*s\n", CERTIFICATE_REQUEST_WORD,
            string_in(row, "fleet_id"),
            cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(row, "device_id")),
            string_in(row, "id_public"), string_in(row, "noise_public"), 63,
            string_in(row, "name"));
    }
    const fedl_status status = fedl_file_output(path, fedl_bytes_of(text, used), 0644);
    free(text);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl: cannot write %s: %s\n", path, fedl_status_text(status));
        return FEDL_EXIT_FILE;
    }
    return FEDL_EXIT_OK;
}

int fedl_cmd_device_pending(const fedl_arguments *arguments)
{
    static const fedl_column columns[] = {
        {"device_id", "id", FEDL_CELL_NUMBER},
        {"name", "name", FEDL_CELL_TEXT},
        {"id_public", "its key", FEDL_CELL_TEXT},
    };
    fedl_admin_reply reply;
    int code = fedl_admin_call(&reply, arguments->home, fedl_admin_request("device.list"),
                               fedl_bytes_of(NULL, 0));
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    cJSON *rows = cJSON_GetObjectItemCaseSensitive(reply.json, "rows");
    keep_pending(rows);
    fedl_print_rows(rows, columns, sizeof columns / sizeof columns[0], arguments->json,
                    "no device waits for a certificate");
    if (arguments->out != NULL && cJSON_GetArraySize(rows) == 0) {
        (void)fprintf(stderr, "fedl: %s is not written\n", arguments->out);
    } else if (arguments->out != NULL) {
        code = write_requests(rows, arguments->out);
    }
    fedl_admin_reply_free(&reply);
    return code;
}

static int certify_one(const fedl_arguments *arguments, const char *line, unsigned number)
{
    unsigned device_id = 0;
    char hex[2 * FEDLI_CERT_BYTES + 2] = "";
    char device[24];
    uint8_t certificate[FEDLI_CERT_BYTES];
    if (sscanf(line, CERTIFICATE_WORD " %9u %353s", &device_id, hex) != 2 ||
        fedli_hex_decode(certificate, sizeof certificate, hex) != FEDL_OK) {
        (void)fprintf(stderr, "fedl: line %u is no certificate of fedl ca sign\n", number);
        return FEDL_EXIT_FILE;
    }
    fedl_admin_reply reply;
    cJSON *request = fedl_admin_request("device.certify");
    (void)snprintf(device, sizeof device, "id:%u", device_id);
    (void)cJSON_AddStringToObject(request, "device", device);
    const int code = fedl_admin_call(&reply, arguments->home, request,
                                     fedl_bytes_of(certificate, sizeof certificate));
    if (code == FEDL_EXIT_OK) {
        if (arguments->json) {
            fedl_print_object(reply.json, NULL, 0, true);
        } else {
            (void)printf("device %u '%s' has its certificate\n", device_id,
                         string_in(reply.json, "name"));
        }
        fedl_admin_reply_free(&reply);
    }
    return code;
}

int fedl_cmd_device_certify(const fedl_arguments *arguments)
{
    uint8_t *text = NULL;
    size_t size = 0;
    const char *path = arguments->positional[0];
    const fedl_status status = fedl_file_read(&text, &size, path, CERTIFICATE_FILE_BYTES_MAX);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl: %s: %s\n", path, fedl_status_text(status));
        return FEDL_EXIT_FILE;
    }
    int code = FEDL_EXIT_OK;
    unsigned number = 0;
    unsigned certificate_count = 0;
    char *rest = (char *)text;
    char *line = NULL;
    while (code == FEDL_EXIT_OK && (line = strsep(&rest, "\n")) != NULL) {
        number++;
        if (line[0] != '\0') {
            certificate_count++;
            code = certify_one(arguments, line, number);
        }
    }
    free(text);
    if (certificate_count == 0) {
        (void)fprintf(stderr, "fedl: %s: holds no certificate: fedl ca sign makes them\n", path);
        code = FEDL_EXIT_FILE;
    }
    return code;
}
