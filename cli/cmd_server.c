/* SPDX-License-Identifier: Apache-2.0 */
/* status and audit: the server as a whole. */
#include "command.h"
#include "print.h"
#include "task_columns.h"

#include <stdio.h>

static const fedl_column status_columns[] = {
    {"version", "fedl-server", FEDL_CELL_TEXT},
    {"pid", "process", FEDL_CELL_NUMBER},
    {"uptime_s", "started", FEDL_CELL_AGO},
    {"listen", "listens on", FEDL_CELL_TEXT},
    {"advertise", "devices join at", FEDL_CELL_TEXT},
    {"devices_active", "devices", FEDL_CELL_NUMBER},
    {"devices_connected", "connected", FEDL_CELL_NUMBER},
    {"messages", "messages", FEDL_CELL_NUMBER},
    {"refusals", "refusals", FEDL_CELL_NUMBER},
    {"rejects", "rejects", FEDL_CELL_NUMBER},
    {"rss_bytes", "memory", FEDL_CELL_BYTES},
};

int fedl_cmd_status(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const int code = fedl_admin_call(&reply, arguments->home, fedl_admin_request("status"),
                                     fedl_bytes_of(NULL, 0));
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    if (arguments->json) {
        /* A flat object: the tasks are what `task list --json` is for. */
        const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(reply.json, "tasks");
        const int task_count = cJSON_GetArraySize(tasks);
        cJSON_DeleteItemFromObjectCaseSensitive(reply.json, "tasks");
        (void)cJSON_AddNumberToObject(reply.json, "tasks", task_count);
        fedl_print_object(reply.json, NULL, 0, true);
    } else {
        fedl_print_object(reply.json, status_columns,
                          sizeof status_columns / sizeof status_columns[0], false);
        (void)putchar('\n');
        fedl_print_rows(cJSON_GetObjectItemCaseSensitive(reply.json, "tasks"), fedl_task_columns,
                        fedl_task_column_count, false,
                        "no task yet: fedl task add PLAN starts one");
    }
    fedl_admin_reply_free(&reply);
    return FEDL_EXIT_OK;
}

static const fedl_column audit_columns[] = {
    {"sequence", "no.", FEDL_CELL_NUMBER},
    {"utc_s", "when (UTC)", FEDL_CELL_TIME},
    {"what", "what", FEDL_CELL_TEXT},
    {"detail", "detail", FEDL_CELL_TEXT},
};

int fedl_cmd_audit_list(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    cJSON *request = fedl_admin_request("audit.list");
    const char *limit = arguments->limit != NULL ? arguments->limit : "50";
    (void)cJSON_AddNumberToObject(request, "limit",
                                  (double)fedl_number_of(limit, "--limit", 1, 10000));
    const int code = fedl_admin_call(&reply, arguments->home, request, fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        fedl_print_rows(cJSON_GetObjectItemCaseSensitive(reply.json, "rows"), audit_columns,
                        sizeof audit_columns / sizeof audit_columns[0], arguments->json,
                        "the audit log is empty");
        fedl_admin_reply_free(&reply);
    }
    return code;
}

static const fedl_column verify_columns[] = {
    {"count", "entries, chain intact", FEDL_CELL_NUMBER},
    {"head", "last hash", FEDL_CELL_TEXT},
};

int fedl_cmd_audit_verify(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const int code = fedl_admin_call(&reply, arguments->home, fedl_admin_request("audit.verify"),
                                     fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        fedl_print_object(reply.json, verify_columns, 2, arguments->json);
        fedl_admin_reply_free(&reply);
    }
    return code;
}
