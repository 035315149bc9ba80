/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. cJSON numbers are doubles: whole numbers up to 2^53 are exact, all of ours fit.
 */
#include "host/admin_request.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_VALID_S_MAX (366u * 86400u)

typedef enum field {
    FIELD_NAME = 1,
    FIELD_VALID = 2,
    FIELD_DEVICE = 4,
    FIELD_TASK = 8,
    FIELD_VERSION = 16,
    FIELD_PLAN = 32,
} field;

typedef struct command_row {
    const char *name;
    fedl_admin_command command;
    unsigned fields;
} command_row;

static const command_row commands[] = {
    {"status", FEDL_COMMAND_STATUS, 0},
    {"device-add", FEDL_COMMAND_DEVICE_ADD, FIELD_NAME | FIELD_VALID},
    {"device-list", FEDL_COMMAND_DEVICE_LIST, 0},
    {"device-revoke", FEDL_COMMAND_DEVICE_REVOKE, FIELD_DEVICE},
    {"task-add", FEDL_COMMAND_TASK_ADD, FIELD_PLAN},
    {"task-list", FEDL_COMMAND_TASK_LIST, 0},
    {"task-show", FEDL_COMMAND_TASK_SHOW, FIELD_TASK},
    {"task-pause", FEDL_COMMAND_TASK_PAUSE, FIELD_TASK},
    {"task-resume", FEDL_COMMAND_TASK_RESUME, FIELD_TASK},
    {"model-list", FEDL_COMMAND_MODEL_LIST, FIELD_TASK},
    {"model-export", FEDL_COMMAND_MODEL_EXPORT, FIELD_TASK | FIELD_VERSION},
    {"audit-verify", FEDL_COMMAND_AUDIT_VERIFY, 0},
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

static fedl_status read_name(const cJSON *object, fedl_admin_request *request, char text[200])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "name");
    if (!cJSON_IsString(item)) {
        return fail(text, FEDL_ERR_FORMAT, "missing text", "name");
    }
    size_t size = strlen(item->valuestring);
    if (size == 0 || size >= sizeof request->name) {
        return fail(text, FEDL_ERR_RANGE, "1 to 63 bytes are allowed for", "name");
    }
    for (const char *c = item->valuestring; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20u || (unsigned char)*c == 0x7fu) {
            return fail(text, FEDL_ERR_RANGE, "control character in", "name");
        }
    }
    memcpy(request->name, item->valuestring, size + 1);
    return FEDL_OK;
}

static fedl_status read_plan(const cJSON *object, fedl_admin_request *request, char text[200])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "plan");
    if (!cJSON_IsString(item)) {
        return fail(text, FEDL_ERR_FORMAT, "missing text", "plan");
    }
    request->plan_bytes = strlen(item->valuestring);
    if (request->plan_bytes == 0 || request->plan_bytes > 64u * 1024u) {
        return fail(text, FEDL_ERR_RANGE, "1 byte to 64 KB are allowed for", "plan");
    }
    request->plan = malloc(request->plan_bytes + 1);
    if (request->plan == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    memcpy(request->plan, item->valuestring, request->plan_bytes + 1);
    return FEDL_OK;
}

static fedl_status read_fields(const cJSON *object, unsigned fields, fedl_admin_request *request,
                               char text[200])
{
    uint64_t number = 0;
    fedl_status status = FEDL_OK;
    if ((fields & FIELD_NAME) != 0) {
        status = read_name(object, request, text);
    }
    if (status == FEDL_OK && (fields & FIELD_VALID) != 0) {
        status = read_number(object, "valid_s", 1, TOKEN_VALID_S_MAX, &request->valid_s, text);
    }
    if (status == FEDL_OK && (fields & FIELD_DEVICE) != 0) {
        status = read_number(object, "device", 1, UINT32_MAX, &number, text);
        request->device_id = (uint32_t)number;
    }
    if (status == FEDL_OK && (fields & FIELD_TASK) != 0) {
        status = read_number(object, "task", 1, UINT32_MAX, &number, text);
        request->task_id = (uint32_t)number;
    }
    if (status == FEDL_OK && (fields & FIELD_VERSION) != 0) {
        status = read_number(object, "version", 0, UINT32_MAX, &number, text);
        request->version = (uint32_t)number;
    }
    if (status == FEDL_OK && (fields & FIELD_PLAN) != 0) {
        status = read_plan(object, request, text);
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
        cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, "command") : NULL;
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
        status = fail(text, FEDL_ERR_FORMAT, "missing text", "command");
    } else if (row == NULL) {
        status = fail(text, FEDL_ERR_UNSUPPORTED, "unknown command", name);
    } else {
        parsed.command = row->command;
        status = read_fields(object, row->fields, &parsed, text);
    }
    cJSON_Delete(object);
    if (status == FEDL_OK) {
        *request = parsed;
    } else {
        fedl_admin_request_clear(&parsed);
    }
    return status;
}

void fedl_admin_request_clear(fedl_admin_request *request)
{
    free(request->plan);
    request->plan = NULL;
}
