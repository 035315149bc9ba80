/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual world: the real coordinator and the real clients in one process, on a virtual clock
 * and a virtual network. Only time, wires, disks and thread scheduling are made up.
 *
 *        agenda (sim_heap)                 ┌────────────────────────────┐
 *   next event ──► now ──► fedl_coord_step │ SEND → virtual network     │
 *                     └──► fedl_client_step│ STORE → store_mem, later   │
 *                                          │ TRAIN → worker thread, and │
 *                                          │   TRAINED at now + modelled│
 *                                          └────────────────────────────┘
 *
 * Determinism: every choice comes from one 64-bit seed, in streams per device, and the main loop
 * looks at a training result only when the clock reaches its end. So neither threads nor the speed
 * of the machine can change anything but the wall time.
 *
 * Rejected: steps of several devices in parallel, with the network's smallest delay as lookahead.
 * It was written and measured: the few milliseconds hold too few events, 1000 clients gained
 * nothing.
 *
 * Who may call: one thread. Nothing here is global.
 */
#ifndef FEDL_SIM_WORLD_H
#define FEDL_SIM_WORLD_H

#include "coord/coord.h"
#include "inih/plan_file.h"
#include "sim_partition.h"
#include "table.h"

#define FEDL_SIM_CLIENTS_MAX 100000u
#define FEDL_SIM_TEXT_BYTES  512u
/* Up to this many devices enrol with tokens when the caller leaves the choice to the world. */
#define FEDL_SIM_ENROL_MAX 16u /* what the coordinator takes at once */

/* What a device is doing; drop-outs strike by phase. */
typedef enum fedl_sim_phase {
    FEDL_SIM_CHECKIN = 1, /* waiting for a task */
    FEDL_SIM_FETCH = 2,
    FEDL_SIM_TRAIN = 3,
    FEDL_SIM_UPLOAD = 4,
    /* Masked rounds only; the vector itself is sent in MASKED. */
    FEDL_SIM_READY = 5,   /* says that it is there, reads the roster; helper: hands in its seed */
    FEDL_SIM_SHARES = 6,  /* hands out its shares, waits for those of others */
    FEDL_SIM_MASKED = 7,  /* sends the masked vector */
    FEDL_SIM_CONFIRM = 8, /* trust = active: confirms the survivors */
    FEDL_SIM_UNMASK = 9,  /* waits for the survivors, gives its shares of their masks */
} fedl_sim_phase;
#define FEDL_SIM_PHASE_COUNT 9u
/* Different reasons for failed attempts that a world keeps apart. */
#define FEDL_SIM_REASONS_MAX 12u

/* Each probability is 0 … 1. */
typedef struct fedl_sim_net {
    uint32_t delay_ms_min; /* one way, uniform in [min, max] */
    uint32_t delay_ms_max;
    double loss;      /* a message vanishes, in either direction */
    double duplicate; /* a request reaches the server twice */
    /* Power cut: the device loses everything but its identity and its progress, and comes back
     * after away_ms. CHECKIN: per request; the others: once per attempt. FETCH and UPLOAD (which in
     * a masked round strikes in MASKED) cut before or after the first message; READY, SHARES,
     * MASKED, CONFIRM and UNMASK cut just before the message of that name, because a device that
     * vanishes after it is the same as one that vanishes before the next. With a helper there are
     * READY (before it asks for the helper's certificate) and MASKED. Index: phase. */
    double drop[FEDL_SIM_PHASE_COUNT + 1];
    uint32_t away_ms;
    /* The server's process dies, per write, just before or just after it became durable; it comes
     * back at once with what the store knows. */
    double server_crash;
    /* aggregation = helper: the helper's process dies, per question, just before or just after its
     * list of answered rounds became durable; it comes back after away_ms with that list. */
    double helper_crash;
} fedl_sim_net;

/* Observers; each may be NULL. Called by the main loop; pointers live during the call. */
typedef struct fedl_sim_watch {
    void *context;
    void (*server_log)(void *context, fedl_instant_ns now_ns, const fedl_action *log);
    void (*client_log)(void *context, fedl_instant_ns now_ns, uint32_t device_id,
                       const fedl_client_action *log);
    /* An op that has become durable. */
    void (*stored)(void *context, fedl_instant_ns now_ns, const fedl_store_op *op);
    /* A device's power was cut in this phase. */
    void (*dropped)(void *context, uint32_t device_id, fedl_sim_phase phase);
    /* An adversary on the wire of a device: may change bytes[0 … size) of a request. */
    void (*tamper)(void *context, uint32_t device_id, fedl_sim_phase phase, uint8_t *bytes,
                   size_t size);
    /* What a device's own hardware answers: to MEMORY (anything but OK: refused), TRAINED (replaces
     * the outcome) and STORED (its flash failed). kind is one of FEDL_CLIENT_MEMORY, _TRAINED,
     * _STORED. */
    fedl_status (*hardware)(void *context, uint32_t device_id, fedl_client_event_kind kind);
    /* A request is about to leave the device; machine is its state before. */
    void (*device_sends)(void *context, uint32_t device_id, const fedl_client *machine);
    /* Asked after each step in which a device could be put away (fedl_client_save()): true saves
     * its machine, switches the device off for away_ms and takes the machine up again. */
    bool (*put_away)(void *context, uint32_t device_id);
    /* After each step of the server: all of its memory, for tests that look into it. */
    void (*server_stepped)(void *context, fedl_bytes coord_block, fedl_bytes task_block);
    /* False ends the run; asked after every event. */
    bool (*keep_going)(void *context);
} fedl_sim_watch;

typedef enum fedl_sim_enrol {
    FEDL_SIM_ENROL_AUTO = 1,        /* TOKENS up to FEDL_SIM_ENROL_MAX clients, else PROVISIONED */
    FEDL_SIM_ENROL_TOKENS = 2,      /* every device joins through Noise XX with a one-time token */
    FEDL_SIM_ENROL_PROVISIONED = 3, /* devices are known when the server starts */
} fedl_sim_enrol;

typedef struct fedl_sim_config {
    const fedl_task_config *task;    /* outlives the world, as all pointers here */
    fedl_bytes plan_text;            /* what the store keeps; may be empty */
    const fedl_table *table;         /* training rows of all clients */
    const fedl_partition *partition; /* one part per client */
    uint64_t seed;
    uint32_t threads;
    fedl_sim_enrol enrol;
    fedl_sim_net net;
    uint32_t device_mac_per_s_log2; /* modelled speed of a device; 27 = 134 M products a second */
    fedl_sim_watch watch;
} fedl_sim_config;

/** No loss, 5 … 50 ms delay, devices of 2^27 products a second. */
void fedl_sim_config_default(fedl_sim_config *cfg);

typedef enum fedl_sim_outcome {
    FEDL_SIM_COMPLETE = 1,
    FEDL_SIM_STOPPED = 2, /* by keep_going */
    FEDL_SIM_PAUSED = 3,  /* the coordinator gave up: too many failed attempts */
    FEDL_SIM_STALLED = 4, /* nothing more happens, or no round ended for a virtual month */
} fedl_sim_outcome;

/* Why attempts failed: as the coordinator says it. */
typedef struct fedl_sim_reason {
    const char *text; /* static storage */
    bool burnt;       /* the round with it; otherwise the attempt alone */
    uint32_t count;
} fedl_sim_reason;

typedef struct fedl_sim_totals {
    fedl_instant_ns virtual_ns;
    uint64_t events;
    uint64_t bytes_up; /* envelopes of devices at work (task to last upload), as on the wire */
    uint64_t bytes_down;
    uint64_t client_updates; /* counted in committed rounds */
    uint32_t rounds;         /* committed */
    uint32_t aborted_attempts;
    uint32_t burnt_rounds;
    uint32_t fewest_reports; /* in a committed round; 0 before the first */
    uint32_t most_reports;
    uint32_t reason_count;
    fedl_sim_reason reasons[FEDL_SIM_REASONS_MAX]; /* in the order of their first time */
    uint32_t dropouts;
    uint32_t resumed; /* machines that were put away and taken up again */
    uint32_t messages_lost;
    uint32_t server_crashes;
    uint32_t helper_crashes;
    uint32_t
        helper_sums; /* rounds whose masks the helper took off; answers given again not counted */
    uint32_t version;
    uint8_t digest[32]; /* of version */
    uint64_t rho_spent; /* privacy, as the server has stored it; FEDL_RHO_ONE units */
} fedl_sim_totals;

typedef struct fedl_sim_world fedl_sim_world;

/**
 * Builds server, devices and task. text gets one line on errors.
 * Errors: ERR_RANGE (config), ERR_MISMATCH (table, partition and plan don't fit), ERR_NO_MEMORY,
 * ERR_FULL (threads), those of the coordinator and the store.
 */
FEDL_NODISCARD fedl_status fedl_sim_world_create(fedl_sim_world **world, const fedl_sim_config *cfg,
                                                 char text[FEDL_SIM_TEXT_BYTES]);
/**
 * Runs until the task is complete or an outcome above. May be called again after STOPPED.
 * Errors: ERR_NO_MEMORY, and every status by which a machine says that its host broke a contract:
 * text then names the machine.
 */
FEDL_NODISCARD fedl_status fedl_sim_world_run(fedl_sim_world *world, fedl_sim_outcome *outcome,
                                              char text[FEDL_SIM_TEXT_BYTES]);
void fedl_sim_world_totals(const fedl_sim_world *world, fedl_sim_totals *totals);
/** "too few vectors 3, burnt: too few shares came 1"; empty: nothing failed. */
void fedl_sim_reasons_text(const fedl_sim_totals *totals, char text[FEDL_SIM_TEXT_BYTES]);
/** The pool, for other work between events (evaluation). */
struct fedl_sim_pool *fedl_sim_world_pool(fedl_sim_world *world);
/** Waits for running jobs, frees everything. NULL is allowed. */
void fedl_sim_world_destroy(fedl_sim_world *world);

/** Writes "format" into text and returns status. */
fedl_status fedl_sim_fail(char text[FEDL_SIM_TEXT_BYTES], fedl_status status, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

#endif
