/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin socket: home/admin.sock, mode 0600, so only the user that runs the server (and root)
 * may give orders. One JSON line in, one JSON line out, in order; a reply with a field "bytes": n
 * is followed by n raw bytes. Rejected: HTTP on a TCP port, which would need its own
 * authentication.
 */
#ifndef FEDL_HOST_ADMIN_SERVER_H
#define FEDL_HOST_ADMIN_SERVER_H

#include "host/admin_request.h"
#include "host/host_state.h"

#include <cjson/cJSON.h>

#define FEDL_ADMIN_CONNECTIONS_MAX 16u

typedef struct fedl_admin_connection fedl_admin_connection;

/* What is between a request and its answer: held by the coordinator, the store's thread or the list
 * of watchers. */
typedef struct fedl_admin_work {
    fedl_store_job job; /* first: read jobs are store jobs */
    struct fedl_admin_work *next;
    fedl_host *host;
    fedl_admin_connection *connection; /* NULL: it has gone, nobody waits for the answer */
    fedl_admin_request request;
    uint8_t *payload; /* request.payload_bytes and a zero */
    uint64_t ticket;
    uint32_t task_id;         /* resolved */
    uint32_t device_id;       /* resolved */
    fedl_task_holder *holder; /* task.add, until the coordinator has taken it */
    fedl_status status;
    cJSON *reply;
    uint8_t *raw;
    size_t raw_bytes;
    bool watching;   /* task.watch: in the list of watchers */
    bool watch_live; /* its history is out */
    uint32_t version_sent;
    cJSON *watch_pending; /* events that came while the history was being read */
} fedl_admin_work;

/** Starts a request; ends in fedli_admin_finish(work), at once or later. work is the callee's. */
void fedli_admin_begin(fedl_admin_work *work);
/** Sends work->reply and work->raw (takes both), frees work. */
void fedli_admin_finish(fedl_admin_work *work);
/** Sends one more line (takes object); the work goes on. */
void fedli_admin_push(fedl_admin_work *work, cJSON *object);
/** Frees work without an answer. */
void fedli_admin_forget(fedl_admin_work *work);
/** As finish, with {"ok":false,…}. */
void fedli_admin_fail(fedl_admin_work *work, fedl_status status, const char *error,
                      const char *remedy);
/** Waits for ADMIN_REPLY: gives the ticket. */
void fedli_admin_await(fedl_admin_work *work);

/* ---- admin_coord.c: what the coordinator answers ---- */
void fedli_admin_send_to_coord(fedl_admin_work *work);
void fedli_admin_coord_reply(fedl_admin_work *work, const fedl_action *action);
/* ---- admin_lists.c: what is read from the coordinator at once ---- */
void fedli_admin_status(fedl_admin_work *work);
void fedli_admin_device_list(fedl_admin_work *work);
void fedli_admin_task_list(fedl_admin_work *work);
void fedli_admin_task_show(fedl_admin_work *work);
/** Fills task_id or device_id from the texts of the request; false: the work has been answered. */
bool fedli_admin_resolve(fedl_admin_work *work);
/* ---- admin_store.c: what is read on the store's thread ---- */
void fedli_admin_read_store(fedl_admin_work *work);
/** The fields of a version and of the round that made it. */
void fedli_json_model(cJSON *object, const fedl_model_row *row);
/* ---- admin_watch.c ---- */
void fedli_admin_watch(fedl_admin_work *work);
/** The history has been read into work->reply ("rows"). */
void fedli_admin_watch_history(fedl_admin_work *work);
/** The connection has gone. */
void fedli_admin_watch_drop(fedl_admin_work *work);

void fedli_json_hex(cJSON *object, const char *key, const uint8_t *data, size_t size);
void fedli_json_u64(cJSON *object, const char *key, uint64_t value);

#endif
