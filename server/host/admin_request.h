/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request line of the admin socket → a checked struct. The protocol is in docs/server.md:
 * {"command":"task-add","plan":"…"} and so on, one JSON object per line.
 */
#ifndef FEDL_HOST_ADMIN_REQUEST_H
#define FEDL_HOST_ADMIN_REQUEST_H

#include "fedl/plan.h"

#define FEDL_ADMIN_LINE_BYTES_MAX (512u * 1024u) /* a plan of 64 KB, escaped */

typedef enum fedl_admin_command {
    FEDL_COMMAND_STATUS = 1,
    FEDL_COMMAND_DEVICE_ADD = 2, /* name, valid_s */
    FEDL_COMMAND_DEVICE_LIST = 3,
    FEDL_COMMAND_DEVICE_REVOKE = 4, /* device */
    FEDL_COMMAND_TASK_ADD = 5,      /* plan */
    FEDL_COMMAND_TASK_LIST = 6,
    FEDL_COMMAND_TASK_SHOW = 7,     /* task */
    FEDL_COMMAND_TASK_PAUSE = 8,    /* task */
    FEDL_COMMAND_TASK_RESUME = 9,   /* task */
    FEDL_COMMAND_MODEL_LIST = 10,   /* task */
    FEDL_COMMAND_MODEL_EXPORT = 11, /* task, version (0 = newest) */
    FEDL_COMMAND_AUDIT_VERIFY = 12,
} fedl_admin_command;

typedef struct fedl_admin_request {
    fedl_admin_command command;
    char name[FEDL_TASK_NAME_BYTES_MAX];
    uint64_t valid_s;
    uint32_t device_id;
    uint32_t task_id;
    uint32_t version;
    char *plan; /* from malloc, zero-terminated; freed by fedl_admin_request_clear */
    size_t plan_bytes;
} fedl_admin_request;

/**
 * Parses one line (without its newline). Errors: ERR_FORMAT (not JSON, not an object, a field of a
 * wrong type or missing), ERR_RANGE (a value outside its range), ERR_UNSUPPORTED (unknown command),
 * ERR_NO_MEMORY; text says which.
 */
FEDL_NODISCARD fedl_status fedl_admin_request_parse(fedl_admin_request *request, const char *line,
                                                    size_t size, char text[200]);
void fedl_admin_request_clear(fedl_admin_request *request);

#endif
