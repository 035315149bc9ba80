/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request line of the admin socket → a checked struct. The protocol is in docs/server.md: one
 * JSON object per line, {"cmd":"device.add","name":"kitchen","valid_s":3600}; "bytes": n announces
 * n raw bytes after the line. Tasks and devices are named by id or name, as text.
 */
#ifndef FEDL_HOST_ADMIN_REQUEST_H
#define FEDL_HOST_ADMIN_REQUEST_H

#include "fedl/plan.h"

#define FEDL_ADMIN_LINE_BYTES_MAX    8192u
#define FEDL_ADMIN_PAYLOAD_BYTES_MAX (64u * 1024u) /* a plan */
#define FEDL_ADMIN_ROWS_MAX          10000u

typedef enum fedl_admin_command {
    FEDL_COMMAND_STATUS = 1,
    FEDL_COMMAND_DEVICE_ADD = 2, /* name, valid_s */
    FEDL_COMMAND_DEVICE_LIST = 3,
    FEDL_COMMAND_DEVICE_REVOKE = 4, /* device */
    FEDL_COMMAND_TASK_ADD = 5,      /* payload: the plan */
    FEDL_COMMAND_TASK_LIST = 6,
    FEDL_COMMAND_TASK_SHOW = 7,     /* [task] */
    FEDL_COMMAND_TASK_PAUSE = 8,    /* [task] */
    FEDL_COMMAND_TASK_RESUME = 9,   /* [task] */
    FEDL_COMMAND_TASK_WATCH = 10,   /* [task] */
    FEDL_COMMAND_MODEL_LIST = 11,   /* [task] */
    FEDL_COMMAND_MODEL_SHOW = 12,   /* [task], version (0 = newest) */
    FEDL_COMMAND_MODEL_EXPORT = 13, /* [task], version (0 = newest) */
    FEDL_COMMAND_AUDIT_LIST = 14,   /* limit */
    FEDL_COMMAND_AUDIT_VERIFY = 15,
    FEDL_COMMAND_DEVICE_CERTIFY = 16, /* device; payload: the certificate */
    FEDL_COMMAND_DEVICE_READMIT = 17, /* device */
} fedl_admin_command;

typedef struct fedl_admin_request {
    fedl_admin_command command;
    char name[FEDL_TASK_NAME_BYTES_MAX];   /* of a new device */
    char device[FEDL_TASK_NAME_BYTES_MAX]; /* id or name */
    char task[FEDL_TASK_NAME_BYTES_MAX];   /* id or name; empty: the only one */
    uint64_t valid_s;
    uint32_t version;
    uint32_t limit;
    size_t payload_bytes; /* that follow the line */
} fedl_admin_request;

/**
 * Parses one line (without its newline). Errors: ERR_FORMAT (not JSON, not an object, a field of a
 * wrong type or missing), ERR_RANGE (a value outside its range), ERR_UNSUPPORTED (unknown command);
 * text says which.
 */
FEDL_NODISCARD fedl_status fedl_admin_request_parse(fedl_admin_request *request, const char *line,
                                                    size_t size, char text[200]);
#endif
