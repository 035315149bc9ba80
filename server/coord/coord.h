/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator: the whole server side of the protocol as a step machine. It holds sessions,
 * devices, tasks and rounds; it knows no socket, clock, file, thread or malloc.
 *
 * Contract
 *  1. Never blocks, never allocates after init (a task brings its own block), never reads a clock
 *     or entropy: time and random bytes come with every event.
 *  2. One event makes at most FEDL_COORD_ACTIONS_MAX actions. Pointers in actions live until the
 *     next step; those of a STORE until its STORED event. What does not fit waits: deadline() is
 *     then now.
 *  3. A misbehaving peer is data, not an error: it yields a REJECT or a REFUSE and a counter. A
 *     non-zero status means that the host broke the contract; the step then did nothing.
 *  4. Durable before visible: a reply that reveals a change is sent by the step that receives the
 *     matching STORED event.
 *  5. Results don't depend on the order of arrival: sums are integers in a ring, ties go by device
 *     id.
 *
 * Per task (store ops in brackets; a failed one is tried again, and the phase stays):
 *
 *   POOL ─enough check-ins─► OPENING ─[ROUND_OPEN]─► RUNNING ─goal, deadline─► LOADING ► COMMITTING
 *    ▲ ▲                                               │                              │
 *    │ └── retry_ms ── RETRY ◄─[ROUND_ABORT]─ ABORTING ◄┘ too few reports              │
 *    │     attempt + 1                                                                │
 *    └────────────────────────────── round + 1 ◄─────────────────────────────[COMMIT]─┘
 *
 * With aggregation = masked RUNNING ends in FREEZING instead, once the group (coord/group.h) knows
 * whose vectors the sum holds, and every failure after its commit point burns the round:
 *
 *   RUNNING ─► FREEZING ─[GROUP_COMMIT]─► UNMASKING ─► COMPUTING ─► LOADING ─► COMMITTING
 * ─[COMMIT]─► └────────────┴─► BURNING ─[ROUND_BURN]─►
 *
 * With aggregation = helper it is the helper that is asked in UNMASKING, not the devices.
 *
 * A round is also burnt when its third attempt fails: devices answer no fourth. Burnt rounds make
 * no version; the same model, signed anew, trains the next round.
 *
 *   LOADING: the finished sum needs the master weights, which are not in memory while a round
 *   collects; the host reads them back from the store (LOAD).
 *   IDLE: paused (by the operator, or after attempt_max attempts) or complete.
 */
#ifndef FEDL_COORD_COORD_H
#define FEDL_COORD_COORD_H

#include "agg/agg.h"
#include "coord/store_op.h"
#include "fedl/client.h" /* fedl_instant_ns, FEDL_ENTROPY_BYTES */
#include "secagg/prg.h"

#define FEDL_COORD_ACTIONS_MAX 32u

/* Keys of the server; secrets. */
typedef struct fedl_server_identity {
    uint8_t fleet_id[16];
    uint8_t noise_secret[32];
    uint8_t noise_public[32];
    uint8_t round_secret[64]; /* Ed25519, signs manifests */
    uint8_t round_public[32];
    uint8_t server_cert[FEDLI_CERT_BYTES];
    bool ca_offline;       /* ca_secret is not here: devices wait for DEVICE_CERTIFY */
    uint8_t ca_secret[64]; /* signs device certificates at enrolment */
    uint8_t ca_public[32];
    uint8_t token_key[32]; /* keys the hash of token secrets */
} fedl_server_identity;

typedef struct fedl_coord_config {
    const fedl_crypto *crypto;
    fedl_server_identity identity;
    uint32_t devices_max; /* ≤ 100,000 */
    uint32_t sessions_max;
    uint32_t tasks_max;   /* ≤ 64 */
    size_t staging_bytes; /* uploads under way share this; at least one vector always fits (part of
                             the task's block) */
    uint32_t poll_ms_max; /* longest long-poll */
    uint32_t session_idle_ms; /* a session unused for longer may be dropped */
    uint32_t upload_idle_ms;  /* a slot without progress for longer, or older than 8 times
                                this, may be taken by another device */
    bool has_helper;          /* tasks with aggregation = helper can run */
    uint8_t helper_cert[FEDLI_CERT_BYTES]; /* what devices know the helper by */
    uint32_t refusals_per_s; /* failed handshakes and forged records that get the generic refusal
                                each second; more are dropped in silence. Unknown sessions have a
                                ration of their own: max(1000, sessions_max / 4) */
} fedl_coord_config;

void fedl_coord_config_default(fedl_coord_config *cfg);

/* A task as the operator gave it, with the memory it lives in. */
typedef struct fedl_task_setup {
    const char *name;
    fedl_plan plan; /* plan.data must outlive the task */
    fedl_round_config round;
    fedl_bytes plan_text; /* the INI text, stored as it is; outlives the task */
    fedl_bytes container; /* TASK_ADD: first model; restore: newest model; copied */
    void *block; /* fedl_coord_task_size() bytes, 16-byte aligned, outlives the coordinator */
    size_t block_bytes;
} fedl_task_setup;

/* What the store knows of a task when the server starts. */
typedef struct fedl_task_restore {
    fedl_task_setup setup;
    uint32_t task_id;
    fedl_task_state state;
    fedl_model_record newest; /* container and agg_state are copied; master_words are not read */
    uint32_t round_next;      /* newest.round + 1, or more when rounds were burnt; 0 = the former */
    uint32_t attempt_last;    /* last attempt opened for round_next; 0 = none */
    bool attempt_open;        /* … and the server went down in it */
    uint64_t rho_spent;       /* of the task, FEDL_RHO_ONE units */
    /* A masked sum whose GROUP_COMMIT is durable, and neither finished nor burnt; size 0 = none. It
     * belongs to (round_next, attempt_last); copied. */
    fedl_bytes masked_sum;
    fedl_bytes group_state;
} fedl_task_restore;

typedef enum fedl_event_kind {
    FEDL_EVENT_TICK = 1,
    FEDL_EVENT_MESSAGE = 2, /* request, bytes: one whole envelope */
    FEDL_EVENT_GONE = 3,    /* request: its connection is gone, don't answer it */
    FEDL_EVENT_STORED = 4,  /* ticket, status */
    FEDL_EVENT_ADMIN = 5,
    FEDL_EVENT_COMPUTED = 6, /* ticket: all parts of the job are done */
    FEDL_EVENT_HELPER = 7,   /* ticket, status, bytes: the helper's reply, or why there is none */
    FEDL_EVENT_LOADED = 8,   /* ticket, status: the words are in place, or why not */
} fedl_event_kind;

typedef enum fedl_admin_kind {
    FEDL_ADMIN_DEVICE_ADD = 1,     /* name, token_valid_s → device_id, token */
    FEDL_ADMIN_DEVICE_REVOKE = 2,  /* device_id */
    FEDL_ADMIN_TASK_ADD = 3,       /* setup → task_id */
    FEDL_ADMIN_TASK_PAUSE = 4,     /* task_id: a running attempt is aborted */
    FEDL_ADMIN_TASK_RESUME = 5,    /* task_id */
    FEDL_ADMIN_DEVICE_CERTIFY = 6, /* device_id, certificate: MISMATCH when it is not exactly that
                                      of the pending device, signed by the CA */
    FEDL_ADMIN_DEVICE_READMIT = 7, /* device_id: into every task that leaves it out for lying;
                                      STATE: none does */
} fedl_admin_kind;

typedef struct fedl_admin {
    fedl_admin_kind kind;
    uint64_t ticket; /* comes back in ADMIN_REPLY */
    char name[FEDL_TASK_NAME_BYTES_MAX];
    uint64_t token_valid_s;
    uint32_t device_id;
    uint32_t task_id;
    const fedl_task_setup *setup;
    uint8_t certificate[FEDLI_CERT_BYTES];
} fedl_admin;

typedef struct fedl_event {
    fedl_event_kind kind;
    fedl_instant_ns now_ns; /* ≥ 0; earlier than before counts as the latest */
    uint64_t utc_s;
    uint8_t entropy[FEDL_ENTROPY_BYTES];
    uint64_t request; /* host's handle of one request; unique; answered at most once */
    fedl_bytes bytes;
    uint64_t ticket;
    fedl_status status;
    fedl_admin admin;
} fedl_event;

typedef enum fedl_action_kind {
    FEDL_ACTION_SEND = 1,        /* request, bytes */
    FEDL_ACTION_DROP = 2,        /* request: forget it without an answer */
    FEDL_ACTION_STORE = 3,       /* ticket, op */
    FEDL_ACTION_ADMIN_REPLY = 4, /* ticket, status, device_id or task_id, text (token) */
    FEDL_ACTION_LOG = 5,
    FEDL_ACTION_COMPUTE = 6, /* ticket, job: run fedl_compute_run() for parts 0 … n − 1, on any
                                threads, then send COMPUTED */
    FEDL_ACTION_HELPER = 7,  /* ticket, bytes: ask the helper (helper/helper_request.h; copy them),
                                then send HELPER. Once, within about step_ms; asking again is the
                                coordinator's affair */
    FEDL_ACTION_LOAD = 8,    /* ticket, load: read these words from the store, then send LOADED; a
                                failed one is asked for again */
} fedl_action_kind;

/* Taking the masks off a sum: the only long computation. Everything it points to stays untouched
 * until COMPUTED. */
typedef struct fedl_compute_job {
    fedli_mask_shape shape;
    uint8_t *vector;
    const fedli_mask_key *keys;
    uint32_t key_count;
} fedl_compute_job;

/* Master words to be read back (store/store.h, model_read). The place is the host's until LOADED,
 * whatever comes of it. */
typedef struct fedl_load_job {
    uint32_t task_id;
    uint32_t version;
    int32_t *master_words; /* [parameter_count] */
    uint32_t parameter_count;
} fedl_load_job;

/** One part of a job; parts of one job may run at the same time. */
void fedl_compute_run(const fedl_compute_job *job, uint32_t part, uint32_t parts);

typedef enum fedl_log_kind {
    FEDL_LOG_DEVICE_ENROLLED = 1,
    FEDL_LOG_DEVICE_REVOKED = 2,
    FEDL_LOG_DEVICE_LEFT = 3,
    FEDL_LOG_SESSION_OPENED = 4,
    FEDL_LOG_REFUSED = 5,         /* status: why (never told to the peer) */
    FEDL_LOG_REJECTED = 6,        /* a = fedl_reject_code */
    FEDL_LOG_ROUND_OPENED = 7,    /* a = devices chosen, b = pool */
    FEDL_LOG_REPORT = 8,          /* a = reports so far, b = goal */
    FEDL_LOG_ROUND_COMMITTED = 9, /* a = reports, b = version; metrics */
    FEDL_LOG_ROUND_ABORTED = 10,  /* a = reports, b = needed; text = reason */
    FEDL_LOG_TASK_ADDED = 11,
    FEDL_LOG_TASK_PAUSED = 12, /* text = reason */
    FEDL_LOG_TASK_RESUMED = 13,
    FEDL_LOG_TASK_COMPLETE = 14,  /* text = reason when it comes before the last round, or NULL */
    FEDL_LOG_STORE_FAILED = 15,   /* status; text = reason, or NULL: the host's own; tried again */
    FEDL_LOG_COHORT = 16,         /* the roster is frozen: a = devices, b = ms since the choice */
    FEDL_LOG_SURVIVORS = 17,      /* U3 is frozen: a = survivors, b = of so many with shares */
    FEDL_LOG_ROUND_BURNT = 18,    /* text = reason, device_id = blamed or 0 */
    FEDL_LOG_DEVICE_PENDING = 20, /* has enrolled, waits for its certificate */
    FEDL_LOG_EXCLUDED = 19,       /* device_id is left out; a = 1: until it is readmitted, 0: of the
                                     rest of the round, or of the next ones; text = reason */
    FEDL_LOG_DEVICE_READMITTED = 21,
} fedl_log_kind;

typedef struct fedl_action {
    fedl_action_kind kind;
    uint64_t request;
    fedl_bytes bytes;
    uint64_t ticket;
    const fedl_store_op *op;
    const fedl_compute_job *job; /* COMPUTE */
    const fedl_load_job *load;   /* LOAD */
    fedl_status status;
    fedl_log_kind log_kind;
    uint32_t device_id;
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    uint64_t a;
    uint64_t b;
    const fedl_round_metrics *metrics; /* LOG ROUND_COMMITTED */
    const uint8_t *digest;             /* LOG ROUND_COMMITTED: of the new model */
    const char *text;
} fedl_action;

typedef struct fedl_actions {
    uint32_t count;
    fedl_action items[FEDL_COORD_ACTIONS_MAX];
} fedl_actions;

typedef struct fedl_coord {
    struct fedli_coord_state *state;
} fedl_coord;

/** Bytes of the coordinator's own block; 0: cfg is invalid. */
size_t fedl_coord_size(const fedl_coord_config *cfg);
/** Errors: ERR_RANGE, ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_coord_init(fedl_coord *coord, const fedl_coord_config *cfg,
                                           void *block, size_t block_bytes);
/**
 * Whether this coordinator can run plan and round together. *reason (static text, may be NULL) says
 * what is wrong with the combination, NULL when a single field is. Errors: those of
 * fedl_plan_check(), ERR_RANGE (round; a cohort that can't be masked safely), ERR_UNSUPPORTED
 * (aggregator, helper, differential privacy).
 */
FEDL_NODISCARD fedl_status fedl_coord_task_check(const fedl_plan *plan,
                                                 const fedl_round_config *round,
                                                 const char **reason);
/** Bytes of a task's block: container, accumulator, staging (which holds the master weights while a
 * version is made), members; 0: the check above fails. */
size_t fedl_coord_task_size(const fedl_coord_config *cfg, const fedl_plan *plan,
                            const fedl_round_config *round);

/* Loading what the store knows, before the first step, in any order. Errors: ERR_FULL, ERR_EXISTS,
 * ERR_STATE, ERR_MISMATCH, ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_coord_restore_device(fedl_coord *coord,
                                                     const fedl_device_record *device);
FEDL_NODISCARD fedl_status fedl_coord_restore_task(fedl_coord *coord,
                                                   const fedl_task_restore *task);
/** A device that a task leaves out for lying; after both. Errors: ERR_NOT_FOUND, ERR_STATE. */
FEDL_NODISCARD fedl_status fedl_coord_restore_exclusion(fedl_coord *coord, uint32_t task_id,
                                                        uint32_t device_id);

/** Feeds one event. Errors: ERR_ARGUMENT, ERR_STATE (an answer to a ticket that is not out). */
FEDL_NODISCARD fedl_status fedl_coord_step(fedl_coord *coord, const fedl_event *event,
                                           fedl_actions *actions);
/** When to send TICK if nothing else happens; may be in the past; FEDL_NEVER_NS = not before
 * another event. */
fedl_instant_ns fedl_coord_deadline_ns(const fedl_coord *coord);
/** Wipes keys, sessions, sums, staged uploads and everything else that may hold secrets. */
void fedl_coord_deinit(fedl_coord *coord);

/* ---- reading, for status pages; valid between steps ---- */

typedef enum fedl_round_phase {
    FEDL_PHASE_IDLE = 1, /* paused or complete */
    FEDL_PHASE_POOL = 2,
    FEDL_PHASE_OPENING = 3,
    FEDL_PHASE_RUNNING = 4,
    FEDL_PHASE_COMMITTING = 5,
    FEDL_PHASE_ABORTING = 6,
    FEDL_PHASE_RETRY = 7,      /* waiting for retry_ms */
    FEDL_PHASE_FREEZING = 8,   /* masked: the commit point of the sum is being stored */
    FEDL_PHASE_UNMASKING = 9,  /* masked: devices confirm, then give the shares asked for */
    FEDL_PHASE_COMPUTING = 10, /* masked: the host takes the masks off */
    FEDL_PHASE_BURNING = 11,
    FEDL_PHASE_LOADING = 12, /* the master weights come back from the store */
} fedl_round_phase;

typedef struct fedl_task_info {
    uint32_t task_id;
    const char *name;
    fedl_task_state state;
    fedl_round_phase phase;
    uint32_t round; /* under way or next; of a complete task the last one */
    uint32_t attempt;
    uint32_t round_count;
    uint32_t version;
    const uint8_t *digest; /* of version */
    uint32_t pool_count;   /* devices that count for the pools of all tasks */
    uint32_t member_count;
    uint32_t report_count;
    uint32_t parameter_count;
    uint32_t bound_q16; /* adaptive clipping: of the round under way or next; else 0 */
    bool masked;
    uint32_t cohort_count;   /* masked: READYs so far, then the size of the roster */
    uint32_t share_count;    /* masked, from FREEZING on: devices with shares (U2) … */
    uint32_t survivor_count; /* … and those of them whose vectors are in the sum (U3) */
} fedl_task_info;

typedef struct fedl_device_info {
    const fedl_device_record *record;
    bool connected;          /* has a live session */
    fedl_instant_ns seen_ns; /* last authentic record; FEDL_NEVER_NS = not since the start */
    uint32_t report_count;   /* counted since the start */
} fedl_device_info;

uint32_t fedl_coord_task_count(const fedl_coord *coord);
void fedl_coord_task_at(const fedl_coord *coord, fedl_task_info *info, uint32_t index);
uint32_t fedl_coord_device_count(const fedl_coord *coord);
void fedl_coord_device_at(const fedl_coord *coord, fedl_device_info *info, uint32_t index);
/** Does the task leave the device out until the operator readmits it? */
bool fedl_coord_device_excluded(const fedl_coord *coord, uint32_t device_index,
                                uint32_t task_index);

typedef struct fedl_coord_counters {
    uint64_t messages;
    uint64_t refusals;
    uint64_t rejects;
    uint64_t replays;
    uint64_t sessions_open; /* now; the other counters only rise */
    uint64_t bytes_in;
    uint64_t bytes_out;
} fedl_coord_counters;
void fedl_coord_counters_read(const fedl_coord *coord, fedl_coord_counters *counters);

#endif
