/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything fedl-server holds, and the names that its files share. All of it belongs to the loop's
 * thread, except what transport_nng and store_worker keep behind their own locks.
 *
 *   nng threads ─► request table ─┐ wake          ┌─ SEND ─► transport
 *   admin.sock ───────────────────┼─► coordinator ┼─ STORE ─► store worker ─► STORED ─► coordinator
 *   timer ────────────────────────┘               ├─ COMPUTE ─► libuv's pool ─► COMPUTED ─► coord.
 *                                                 └─ LOG, ADMIN_REPLY
 */
#ifndef FEDL_HOST_HOST_STATE_H
#define FEDL_HOST_HOST_STATE_H

#include "coord/coord.h"
#include "host/compute_pool.h"
#include "host/exit_code.h"
#include "host/host_log.h"
#include "host/server_host.h"
#include "host/store_worker.h"
#include "host/transport_nng.h"
#include "inih/plan_file.h"

#include <uv.h>

/* A task's memory: parsed plan, its text, the coordinator's block. Never moves. */
typedef struct fedl_task_holder {
    struct fedl_task_holder *next;
    uint32_t task_id; /* 0 until the coordinator gave one */
    fedl_task_config config;
    uint8_t *plan_text;
    size_t plan_bytes;
    uint8_t *container; /* first model; freed once the coordinator has copied it */
    size_t container_bytes;
    void *block;
    fedl_task_setup setup;
    /* Masked tasks: of the last attempt since the start that came so far; round 0 = none. */
    struct {
        uint32_t round;
        uint32_t cohort_count;   /* devices in the roster */
        uint32_t share_count;    /* of them: sent their shares */
        uint32_t survivor_count; /* of them: in the sum */
    } masked;
    uint64_t rho_spent; /* as stored, FEDL_RHO_ONE units */
} fedl_task_holder;

typedef struct fedl_admin_server fedl_admin_server;
struct fedl_admin_work;

/* How often an event of a kind may be logged: what a peer can cause must not fill a disk. */
typedef struct fedl_log_quota {
    uint64_t second;
    uint32_t count;
    uint64_t suppressed;
} fedl_log_quota;

typedef struct fedl_host {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    uv_signal_t on_term;
    uv_signal_t on_int;

    const fedl_crypto *crypto;
    fedl_home home;
    fedl_server_config config;
    fedl_log log;
    fedl_log_quota quota;
    uint64_t started_s;

    fedl_coord coord;
    fedl_coord_config coord_config;
    void *coord_block;
    fedl_actions actions;
    fedl_task_holder *tasks; /* rising task id */

    fedl_store *store;
    fedl_store_worker *worker;
    uint32_t stores_out;
    fedl_compute_pool compute;
    struct fedl_helper_link *helper; /* NULL: none is configured */
    uint32_t helper_out;             /* questions under way */
    fedl_transport *transport;
    fedl_admin_server *admin;
    struct fedl_admin_work *watchers;

    bool stopping;
    bool broken; /* the coordinator said that this host broke its contract */
} fedl_host;

/* ---- server_host.c ---- */
/** Feeds one event (time and entropy are filled in) and executes what comes out. */
void fedli_host_step(fedl_host *host, fedl_event *event);
/** Gives the ticks that are due and sets the timer. */
void fedli_host_settle(fedl_host *host);

/** Ends the loop when it is to stop and nothing is under way. */
void fedli_host_stop_when_idle(fedl_host *host);

/* ---- host_store.c ---- */
/** STORE: hands the op to the store's thread; STORED follows. */
void fedli_host_store(fedl_host *host, const fedl_action *action);
/** LOAD: the same with reading; LOADED follows. */
void fedli_host_load(fedl_host *host, const fedl_action *action);

/* ---- host_start.c ---- */
/** Loads keys and config, opens the database. */
fedl_exit fedli_host_open_home(fedl_host *host, const fedl_host_options *options,
                               char text[FEDL_HOME_TEXT_BYTES]);
/** Makes the coordinator and gives it what the store knows. */
fedl_exit fedli_host_open_coordinator(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES]);
/** Exit code for a failure of the store. */
fedl_exit fedli_host_exit_of(fedl_status status);

/* ---- helper_ask.c ---- */
/** Reads the helper's grant when fedl.ini names one. Errors: ERR_FORMAT (one of both keys only),
 * those of the grant, ERR_MISMATCH (of another fleet or server); text is one line. */
FEDL_NODISCARD fedl_status fedli_host_helper_open(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES]);
/** Carries a question to the helper on a thread; HELPER comes on the loop. */
void fedli_host_helper_ask(fedl_host *host, const fedl_action *action);
void fedli_host_helper_close(fedl_host *host);

/* ---- host_tasks.c ---- */
/**
 * Parses plan_text (copied), sizes and allocates everything for a task. Errors: those of
 * fedl_plan_file_parse (error says where), ERR_NO_MEMORY, ERR_RANGE.
 */
FEDL_NODISCARD fedl_status fedli_host_task_make(fedl_task_holder **holder, const fedl_host *host,
                                                fedl_bytes plan_text, fedl_plan_error *error);
/** Makes the first model from the plan's seed into holder->setup.container. Errors: ERR_NO_MEMORY,
 * those of the model. */
FEDL_NODISCARD fedl_status fedli_host_task_first_model(fedl_task_holder *holder);
void fedli_host_task_free(fedl_task_holder *holder);
void fedli_host_task_keep(fedl_host *host, fedl_task_holder *holder, uint32_t task_id);
fedl_task_holder *fedli_host_task_find(const fedl_host *host, uint32_t task_id);
/** Loads devices and tasks from the store into the coordinator. Errors: those of the store and of
 * the coordinator; text is one line. */
FEDL_NODISCARD fedl_status fedli_host_restore(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES]);

/* ---- host_report.c ---- */
void fedli_host_report(fedl_host *host, const fedl_action *action);
/** A privacy charge is durable. */
void fedli_host_charged(const fedl_host *host, const fedl_store_op *op);
bool fedli_host_task_info(const fedl_host *host, fedl_task_info *info, uint32_t task_id);

/* ---- admin_server.c ---- */
FEDL_NODISCARD fedl_status fedli_admin_open(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES]);
void fedli_admin_on_reply(fedl_host *host, const fedl_action *action);
/** Tells the watchers of a task about a LOG action. */
void fedli_admin_on_log(fedl_host *host, const fedl_action *action);
/** Closes the socket and every connection; what is under way ends without an answer. */
void fedli_admin_close(fedl_host *host);
void fedli_admin_free(fedl_host *host);

#endif
