/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. cJSON numbers are doubles: whole numbers up to 2^53 are exact, all of ours fit.
 */
#include "host/admin_request.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_VALID_S_MAX (366u * 86400u)

typedef enum field {
    FIELD_NAME = 1,
    FIELD_VALID = 2,
    FIELD_DEVICE = 4,
    FIELD_TASK = 8,
    FIELD_VERSION = 16,
    FIELD_LIMIT = 32,
    FIELD_PAYLOAD = 64,
} field;

typedef struct command_row {
    const char *name;
    fedl_admin_command command;
    unsigned fields;
} command_row;

static const command_row commands[] = {
    {"status", FEDL_COMMAND_STATUS, 0},
    {"device.add", FEDL_COMMAND_DEVICE_ADD, FIELD_NAME | FIELD_VALID},
    {"device.list", FEDL_COMMAND_DEVICE_LIST, 0},
    {"device.revoke", FEDL_COMMAND_DEVICE_REVOKE, FIELD_DEVICE},
    {"device.readmit", FEDL_COMMAND_DEVICE_READMIT, FIELD_DEVICE},
    {"device.certify", FEDL_COMMAND_DEVICE_CERTIFY, FIELD_DEVICE | FIELD_PAYLOAD},
    {"task.add", FEDL_COMMAND_TASK_ADD, FIELD_PAYLOAD},
    {"task.list", FEDL_COMMAND_TASK_LIST, 0},
    {"task.show", FEDL_COMMAND_TASK_SHOW, FIELD_TASK},
    {"task.pause", FEDL_COMMAND_TASK_PAUSE, FIELD_TASK},
    {"task.resume", FEDL_COMMAND_TASK_RESUME, FIELD_TASK},
    {"task.watch", FEDL_COMMAND_TASK_WATCH, FIELD_TASK},
    {"model.list", FEDL_COMMAND_MODEL_LIST, FIELD_TASK},
    {"model.show", FEDL_COMMAND_MODEL_SHOW, FIELD_TASK | FIELD_VERSION},
    {"model.export", FEDL_COMMAND_MODEL_EXPORT, FIELD_TASK | FIELD_VERSION},
    {"audit.list", FEDL_COMMAND_AUDIT_LIST, FIELD_LIMIT},
    {"audit.verify", FEDL_COMMAND_AUDIT_VERIFY, 0},
};

static fedl_status fail(char text[200], fedl_status status, const char *what, const char *about)
{
    (void)snprintf(text, 200, "%s '%.60s'", what, about);
    return status;
}

static fedl_status read_number(const cJSON *object, const char *key, uint64_t low, uint64_t high,
                               uint64_t *out, char text[200])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item)) {
        return fail(text, FEDL_ERR_FORMAT, "missing number", key);
    }
    if (!(item->valuedouble >= (double)low && item->valuedouble <= (double)high) ||
        item->valuedouble != (double)(uint64_t)item->valuedouble) {
        return fail(text, FEDL_ERR_RANGE, "out of range or not a whole number:", key);
    }
    *out = (uint64_t)item->valuedouble;
    return FEDL_OK;
}

/* A name: 1 to 63 bytes without control characters. A missing optional one stays empty. */
static fedl_status read_name(const cJSON *object, const char *key, bool optional,
                             char out[FEDL_TASK_NAME_BYTES_MAX], char text[200])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item == NULL && optional) {
        return FEDL_OK;
    }
    if (!cJSON_IsString(item)) {
        return fail(text, FEDL_ERR_FORMAT, "missing text", key);
    }
    size_t size = strlen(item->valuestring);
    if (size == 0 || size >= FEDL_TASK_NAME_BYTES_MAX) {
        return fail(text, FEDL_ERR_RANGE, "1 to 63 bytes are allowed for", key);
    }
    for (const char *c = item->valuestring; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20u || (unsigned char)*c == 0x7fu) {
            return fail(text, FEDL_ERR_RANGE, "control character in", key);
        }
    }
    memcpy(out, item->valuestring, size + 1);
    return FEDL_OK;
}

static fedl_status read_fields(const cJSON *object, unsigned fields, fedl_admin_request *request,
                               char text[200])
{
    uint64_t number = 0;
    fedl_status status = FEDL_OK;
    if ((fields & FIELD_NAME) != 0) {
        status = read_name(object, "name", false, request->name, text);
    }
    if (status == FEDL_OK && (fields & FIELD_VALID) != 0) {
        status = read_number(object, "valid_s", 1, TOKEN_VALID_S_MAX, &request->valid_s, text);
    }
    if (status == FEDL_OK && (fields & FIELD_DEVICE) != 0) {
        status = read_name(object, "device", false, request->device, text);
    }
    if (status == FEDL_OK && (fields & FIELD_TASK) != 0) {
        status = read_name(object, "task", true, request->task, text);
    }
    if (status == FEDL_OK && (fields & FIELD_VERSION) != 0) {
        status = read_number(object, "version", 0, UINT32_MAX, &number, text);
        request->version = (uint32_t)number;
    }
    if (status == FEDL_OK && (fields & FIELD_LIMIT) != 0) {
        status = read_number(object, "limit", 1, FEDL_ADMIN_ROWS_MAX, &number, text);
        request->limit = (uint32_t)number;
    }
    if (status == FEDL_OK && (fields & FIELD_PAYLOAD) != 0) {
        status = read_number(object, "bytes", 1, FEDL_ADMIN_PAYLOAD_BYTES_MAX, &number, text);
        request->payload_bytes = (size_t)number;
    } else if (status == FEDL_OK && cJSON_GetObjectItemCaseSensitive(object, "bytes") != NULL) {
        status = fail(text, FEDL_ERR_FORMAT, "no payload belongs to this", "cmd");
    }
    return status;
}

fedl_status fedl_admin_request_parse(fedl_admin_request *request, const char *line, size_t size,
                                     char text[200])
{
    fedl_admin_request parsed;
    memset(&parsed, 0, sizeof parsed);
    /* Length-limited: cJSON must not look beyond the line. Nesting is limited by cJSON itself. */
    cJSON *object = cJSON_ParseWithLength(line, size);
    const cJSON *command =
        cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, "cmd") : NULL;
    const char *name = cJSON_GetStringValue(command);
    const command_row *row = NULL;
    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            row = &commands[i];
        }
    }
    fedl_status status = FEDL_OK;
    if (object == NULL) {
        status = fail(text, FEDL_ERR_FORMAT, "a line must be one JSON", "object");
    } else if (name == NULL) {
        status = fail(text, FEDL_ERR_FORMAT, "missing text", "cmd");
    } else if (row == NULL) {
        status = fail(text, FEDL_ERR_UNSUPPORTED, "unknown command", name);
    } else {
        parsed.command = row->command;
        status = read_fields(object, row->fields, &parsed, text);
    }
    cJSON_Delete(object);
    if (status == FEDL_OK) {
        *request = parsed;
    }
    return status;
}
