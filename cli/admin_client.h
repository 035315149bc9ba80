/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the server's admin socket (docs/server.md): a JSON line, perhaps followed by raw
 * bytes, and a reply of the same shape. The socket lies in the server's home, so who may open it is
 * decided by the folder's permissions.
 */
#ifndef FEDL_CLI_ADMIN_CLIENT_H
#define FEDL_CLI_ADMIN_CLIENT_H

#include "fedl/bytes.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Exit codes of fedl, also in docs/cli.md and `fedl --help`. */
enum {
    FEDL_EXIT_OK = 0,
    FEDL_EXIT_USAGE = 2,   /* wrong command line */
    FEDL_EXIT_SERVER = 3,  /* no server answers on that home */
    FEDL_EXIT_REFUSED = 4, /* the server said no, and why */
    FEDL_EXIT_FILE = 5,    /* a local file or its content */
    FEDL_EXIT_UNSAFE = 6,  /* a plan that can be read, but is not safe or would hardly work */
};

#define FEDL_ADMIN_LINE_BYTES_MAX    (4u << 20)
#define FEDL_ADMIN_PAYLOAD_BYTES_MAX (64u << 20)

typedef struct fedl_admin_link {
    int fd;
    char *buffer; /* bytes received and not yet used */
    size_t used;
    size_t capacity;
} fedl_admin_link;

/* A reply: json is the line, payload the bytes after it (NULL when there are none). */
typedef struct fedl_admin_reply {
    cJSON *json;
    uint8_t *payload;
    size_t payload_bytes;
} fedl_admin_reply;

/**
 * Sends request (taken over and freed) with payload to HOME/admin.sock and reads the first reply.
 * Prints one line with a remedy on stderr when anything fails. Returns an exit code; on
 * FEDL_EXIT_OK the caller frees the reply with fedl_admin_reply_free().
 */
int fedl_admin_call(fedl_admin_reply *reply, const char *home, cJSON *request, fedl_bytes payload);
void fedl_admin_reply_free(fedl_admin_reply *reply);

/* The same for streams: open sends, next reads one line (NULL at the end), close ends it. */
int fedl_admin_open(fedl_admin_link *link, const char *home, cJSON *request, fedl_bytes payload);
cJSON *fedl_admin_next(fedl_admin_link *link);
void fedl_admin_close(fedl_admin_link *link);

/** A request object {"cmd": name}. */
cJSON *fedl_admin_request(const char *name);
/** FEDL_EXIT_OK when json says ok; else prints its error and remedy and returns FEDL_EXIT_REFUSED.
 */
int fedl_admin_check(const cJSON *json);

#endif
