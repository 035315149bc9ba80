/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device side of the protocol as a step machine: events in, actions out.
 *
 * Contract
 *  1. Never blocks, never allocates, never reads a clock or entropy: time and random bytes come
 * with every event.
 *  2. One event makes at most FEDL_CLIENT_ACTIONS_MAX actions. Pointers in actions live until the
 * next call of fedl_client_step().
 *  3. A misbehaving server is data, not an error: the machine logs, drops the connection and tries
 * again later. A non-zero status from step() means that the host broke the contract.
 *  4. One request is outstanding at any time. The device speaks first, always.
 *  5. A step does a bounded amount of public-key work: one neighbour of a masked round at most.
 * When there is more to do, the deadline is now.
 *  6. Training is an action, so that an MCU runs it in slices and a simulator can fake its
 * duration.
 *
 *   JOIN:  CONNECT → XX 1 → XX 3 (token) → ENROLLED → STORE identity → done
 *   RUN:   CONNECT → IK → CHECKIN ⇄ WAIT
 *            └ TASK → verify manifest → MEMORY → FETCH … → MODEL_READY → TRAIN → UPLOAD … → CHECKIN
 *            masked: … TRAIN → READY → ROSTER, CERTS → STORE → SHARES → FORWARD → UPLOAD …
 *                    → SURVIVORS → STORE → [CONFIRM → CONFIRMS] → UNMASK → CHECKIN
 *   A lost connection, at any point, resumes at the same offset; a new attempt of the same round on
 * the same model sends the same update again without training.
 */
#ifndef FEDL_CLIENT_H
#define FEDL_CLIENT_H

#include "fedl/crypto.h"
#include "fedl/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FEDL_LIBRARY_VERSION    1000u /* major·10^6 + minor·10^3 + patch */
#define FEDL_CLIENT_ACTIONS_MAX 8u
#define FEDL_ENTROPY_BYTES      64u
#define FEDL_IDENTITY_BYTES     512u /* encoded identity, fixed */
#define FEDL_DEVICE_CERT_BYTES  176u /* certificate of a device, signed by the fleet's CA */

typedef int64_t fedl_instant_ns; /* monotonic; any origin */
#define FEDL_NEVER_NS INT64_MAX

/* Who the device is; made by joining, kept by the host in encoded form (it holds secrets). */
typedef struct fedl_identity {
    uint32_t device_id;
    uint8_t fleet_id[16];
    uint8_t id_secret[64];    /* Ed25519 */
    uint8_t noise_secret[32]; /* X25519 */
    uint8_t server_noise_public[32];
    uint8_t ca_public[32];
    uint8_t server_round_public[32]; /* signs manifests; from the server's certificate */
    bool has_cert; /* false: joined with a library that did not keep it; no masked tasks then */
    uint8_t cert[FEDL_DEVICE_CERT_BYTES]; /* what other devices know this one by */
} fedl_identity;

/** Always FEDL_IDENTITY_BYTES; they hold secrets. */
void fedl_identity_encode(uint8_t out[FEDL_IDENTITY_BYTES], const fedl_identity *identity,
                          const fedl_crypto *crypto);
/** Reads also what versions before masking wrote (has_cert = false). Errors: ERR_FORMAT,
 * ERR_VERSION, ERR_CORRUPT (checksum). */
FEDL_NODISCARD fedl_status fedl_identity_decode(fedl_identity *identity, fedl_bytes bytes,
                                                const fedl_crypto *crypto);

typedef enum fedl_client_mode {
    FEDL_CLIENT_JOIN = 1,  /* enrol with a token, then stop */
    FEDL_CLIENT_RUN = 2,   /* take part for ever */
    FEDL_CLIENT_LEAVE = 3, /* tell the server goodbye, then stop */
} fedl_client_mode;

/*
 * What must never go back, per task: the newest model that this device has accepted, the masked
 * rounds that it took part in, and the privacy that it has spent. The task used last comes first.
 *
 * A ninth task takes the place of the one that was out of use for longest. If masked rounds are
 * forgotten with that one, no masked task whose number is not above it is taken up anew: the device
 * could not know which rounds it has answered.
 */
#define FEDL_PROGRESS_TASKS_MAX 8u
#define FEDL_PROGRESS_BYTES_MAX (14u + 64u * FEDL_PROGRESS_TASKS_MAX)

typedef struct fedl_client_accepted {
    uint32_t task_id; /* ≥ 1 */
    uint32_t version;
    uint8_t digest[32]; /* of the container; zeros: not known (from a record of the first kind) */
    /* Masked tasks; zeros at first. */
    uint32_t round_opened;   /* newest round whose roster this device has accepted … */
    uint32_t attempt_opened; /* … and its attempt: only later ones are answered */
    uint32_t round_closed; /* newest round in which it named its survivors: never answered again */
    uint32_t resumed;      /* how often a saved machine was taken up, fedl_client_restore() */
    uint64_t rho_spent;    /* privacy, FEDL_RHO_ONE units; never falls */
} fedl_client_accepted;

typedef struct fedl_client_progress {
    uint32_t count;
    uint32_t forgotten_id;  /* highest task whose masked rounds were forgotten; 0 = none */
    uint64_t rho_forgotten; /* what tasks had spent that are not in the table any more */
    fedl_client_accepted tasks[FEDL_PROGRESS_TASKS_MAX];
} fedl_client_progress;

/** Writes the record, little-endian: format u8 = 4, count u8, forgotten id u32, ρ forgotten
 * u64, then per task id, version u32, digest 32, round opened, attempt opened, round closed,
 * resumed u32, ρ spent u64.
 * Returns its size. progress: count in range. */
size_t fedl_client_progress_encode(uint8_t out[FEDL_PROGRESS_BYTES_MAX],
                                   const fedl_client_progress *progress);
/** Reads a record, also of the first kind (8 bytes: id, version), of format 2 (without what belongs
 * to masked rounds) and of format 3 (without ρ forgotten, which then is 0). Errors: ERR_VERSION (of
 * a newer library), ERR_FORMAT. */
FEDL_NODISCARD fedl_status fedl_client_progress_decode(fedl_client_progress *progress,
                                                       fedl_bytes bytes);

typedef struct fedl_client_config {
    const fedl_crypto *crypto;
    fedl_client_mode mode;
    const char *token;             /* JOIN: text of the token; outlives the first step */
    fedl_identity identity;        /* RUN, LEAVE; copied */
    uint32_t chunk_bytes_max;      /* FEDLI_CHUNK_BYTES_MIN … MAX: weak links want small ones */
    uint32_t memory_bytes_max;     /* most a task may ask for; 0 = no limit */
    uint32_t poll_ms;              /* longest long-poll, ≤ 60,000 */
    uint32_t reply_timeout_ms;     /* beyond the poll: the connection counts as lost */
    uint32_t backoff_ms_min;       /* first pause after a failure; doubles with jitter … */
    uint32_t backoff_ms_max;       /* … up to this, for ever */
    fedl_client_progress progress; /* from the last STORE of kind PROGRESS; zeros at first */
    fedl_site_policy policy;       /* what this device demands of every plan; the default asks for
                                      masking, so a plain plan needs min_aggregation = PLAIN here, too */
} fedl_client_config;

/** mode RUN, chunks of 16 KiB, poll 30 s, time-out 20 s, back-off 1 … 60 s, the policy of
 * fedl_site_policy_default(); crypto, identity and progress are left zero. */
void fedl_client_config_default(fedl_client_config *cfg);

typedef enum fedl_client_event_kind {
    FEDL_CLIENT_TICK = 1,         /* time has passed (also the first event) */
    FEDL_CLIENT_CONNECTED = 2,    /* answer to CONNECT */
    FEDL_CLIENT_DISCONNECTED = 3, /* the connection failed or ended */
    FEDL_CLIENT_MESSAGE = 4,      /* one whole envelope from the server */
    FEDL_CLIENT_MEMORY = 5,       /* answer to NEED_MEMORY; block NULL = refused */
    FEDL_CLIENT_TRAINED = 6,      /* answer to TRAIN, after the last slice (or with its error) */
    FEDL_CLIENT_STORED = 7,       /* answer to STORE: durable, or failed */
} fedl_client_event_kind;

typedef struct fedl_client_event {
    fedl_client_event_kind kind;
    fedl_instant_ns now_ns;
    uint64_t utc_s;                      /* 0 = the device has no clock: expiry is not checked */
    uint8_t entropy[FEDL_ENTROPY_BYTES]; /* fresh secret random bytes */
    fedl_bytes bytes;                    /* MESSAGE */
    void *block;                         /* MEMORY: 16-byte aligned, stays until RELEASE_MEMORY */
    size_t block_bytes;
    fedl_status status; /* TRAINED, STORED */
} fedl_client_event;

typedef enum fedl_client_action_kind {
    FEDL_CLIENT_CONNECT = 1,
    FEDL_CLIENT_CLOSE = 2,
    FEDL_CLIENT_SEND = 3,           /* bytes: one whole envelope */
    FEDL_CLIENT_NEED_MEMORY = 4,    /* size_bytes for model, container and training scratch */
    FEDL_CLIENT_RELEASE_MEMORY = 5, /* the block is no longer used */
    FEDL_CLIENT_TRAIN = 6, /* plan: open the data it describes, call fedl_client_train() until done,
                              then send TRAINED */
    FEDL_CLIENT_MODEL_READY =
        7,                 /* model: verified container, good for prediction until the next step */
    FEDL_CLIENT_STORE = 8, /* store_kind, bytes: keep durably, then send STORED */
    FEDL_CLIENT_LOG = 9,
    FEDL_CLIENT_DONE =
        10, /* JOIN or LEAVE ended with status; the machine stays silent from now on */
} fedl_client_action_kind;

typedef enum fedl_client_store_kind {
    FEDL_CLIENT_STORE_IDENTITY = 1, /* FEDL_IDENTITY_BYTES, secret */
    FEDL_CLIENT_STORE_PROGRESS = 2, /* for fedl_client_progress_decode() */
} fedl_client_store_kind;

typedef enum fedl_client_log_kind {
    FEDL_CLIENT_LOG_CONNECTED = 1,
    FEDL_CLIENT_LOG_CONNECTION_LOST = 2, /* a = pause in ms */
    FEDL_CLIENT_LOG_REFUSED =
        3, /* generic refusal: revoked, unknown, or another server key; a = pause in ms */
    FEDL_CLIENT_LOG_WAITING = 4,       /* a = ms */
    FEDL_CLIENT_LOG_TASK = 5,          /* task, round, attempt */
    FEDL_CLIENT_LOG_TASK_REFUSED = 6,  /* status says why; with ERR_POLICY also refusal and
                                          accused; a = pause in ms */
    FEDL_CLIENT_LOG_MODEL_FETCHED = 7, /* a = version, b = bytes */
    FEDL_CLIENT_LOG_TRAINED = 8,       /* a = rows, b = mean loss Q16 */
    FEDL_CLIENT_LOG_UPLOADED = 9,      /* a = bytes, b = 1 when a kept update was sent again */
    FEDL_CLIENT_LOG_REJECTED = 10,     /* a = fedl_reject_code */
    FEDL_CLIENT_LOG_ENROLLED = 11,     /* a = device id */
    FEDL_CLIENT_LOG_LEFT = 12,
    FEDL_CLIENT_LOG_BAD_MESSAGE = 13, /* status says why; the connection is dropped */
    FEDL_CLIENT_LOG_COHORT = 14,      /* masked: the roster is good; a = devices in it */
    FEDL_CLIENT_LOG_MASKED = 15,      /* masked: the vector is with the server; a, b as UPLOADED,
                                         which follows when this device's part is done: it gave
                                         its shares, or was late and the round went without */
} fedl_client_log_kind;

typedef struct fedl_client_action {
    fedl_client_action_kind kind;
    fedl_bytes bytes;                  /* SEND, STORE */
    size_t size_bytes;                 /* NEED_MEMORY */
    fedl_client_store_kind store_kind; /* STORE */
    const fedl_plan *plan;             /* TRAIN, MODEL_READY */
    fedl_bytes model;                  /* MODEL_READY: the container */
    fedl_bytes manifest;               /* MODEL_READY: signed bytes, then the signature (64) */
    uint32_t task_id;                  /* TRAIN, MODEL_READY, LOG */
    uint32_t version;                  /* MODEL_READY */
    uint32_t round;                    /* TRAIN, LOG */
    uint32_t attempt;                  /* LOG */
    fedl_client_log_kind log_kind;     /* LOG */
    fedl_status status;                /* LOG, DONE */
    fedl_refusal refusal;              /* LOG TASK_REFUSED: which rule said no, or NONE */
    uint32_t accused;                  /* LOG TASK_REFUSED: device that broke it, or 0 */
    uint64_t asked;   /* LOG TASK_REFUSED: what the task asks for, or the cohort has, and … */
    uint64_t allowed; /* … what this device allows or needs, in the unit of the policy's field;
                         both 0: the rule compares no numbers */
    uint64_t a;       /* LOG */
    uint64_t b;       /* LOG */
    const char *text; /* LOG REJECTED: the server's text, printable; TASK_REFUSED: advice;
                         or NULL */
} fedl_client_action;

typedef struct fedl_client_actions {
    uint32_t count;
    fedl_client_action items[FEDL_CLIENT_ACTIONS_MAX];
} fedl_client_actions;

typedef struct fedl_client {
    struct fedli_client_state *state;
} fedl_client;

/** Bytes of the block for init: session, one record in, one out, message arena; independent of the
 * model (about 170 KB at the largest chunk). 0: invalid. */
size_t fedl_client_size(const fedl_client_config *cfg);
/** Errors: ERR_RANGE (a field of the configuration or of its policy), ERR_SIZE, ERR_FORMAT or
 * ERR_MISMATCH (token). block: 16-byte aligned, owned
 * by the caller. */
FEDL_NODISCARD fedl_status fedl_client_init(fedl_client *client, const fedl_client_config *cfg,
                                            void *block, size_t block_bytes);
/** Feeds one event. Errors: ERR_ARGUMENT, ERR_STATE (an answer to a question that was not asked).
 */
FEDL_NODISCARD fedl_status fedl_client_step(fedl_client *client, const fedl_client_event *event,
                                            fedl_client_actions *actions);
/** When to send TICK if nothing else happens; FEDL_NEVER_NS = not before another event. */
fedl_instant_ns fedl_client_deadline_ns(const fedl_client *client);
/**
 * Runs up to step_max batches of the local work asked for by TRAIN (evaluation on the held-out rows
 * counts as one batch per batch_rows rows). train and eval are the device's two parts of its rows;
 * eval may have row_count 0. *done = true after the last. May run on another thread while no step()
 * runs. Errors: those of fedl_trainer_step() and of the sources, ERR_STATE (no TRAIN outstanding).
 */
FEDL_NODISCARD fedl_status fedl_client_train(fedl_client *client, bool *done,
                                             const fedl_sample_source *train,
                                             const fedl_sample_source *eval, uint32_t step_max);
/**
 * Putting the machine away in the middle of a masked attempt, so that the device can power down
 * (docs/embedding.md). size_bytes of save(): about the party's block (2 … 30 KB) plus, while the
 * vector is not with the server, twice the container; 0 when there is nothing to put away now: no
 * attempt is under way, or a STORE waits for its answer. Then progress is all that is needed.
 */
size_t fedl_client_save_bytes(const fedl_client *client);
/**
 * Writes the state to out. It holds secrets, and the weights that were trained on the device's
 * data: keep it as the identity is kept, and overwrite it when it was taken up. Afterwards the
 * machine is used up: every step gives ERR_STATE, only deinit is left.
 * Errors: ERR_STATE (nothing to put away now), ERR_SIZE; the machine then goes on as before.
 */
FEDL_NODISCARD fedl_status fedl_client_save(fedl_client *client, uint8_t *out, size_t out_bytes,
                                            size_t *size);
/**
 * In place of fedl_client_init(): takes up what save() wrote. cfg: as for init, mode RUN, with the
 * progress stored last. Its first action is a STORE that makes the saved state used up, then it
 * asks for memory; saved stays unchanged until MEMORY was answered. Good for the same build of the
 * library only. On an error use fedl_client_init(): the attempt is lost, nothing else.
 * Errors: those of init, ERR_RANGE (mode), ERR_FORMAT (no saved state), ERR_VERSION (of another
 * build), ERR_CORRUPT (changed, cut short, or of another device), ERR_REPLAY (it was taken up
 * before, or the device has gone on without it), ERR_POLICY (the policy does not allow the plan any
 * more).
 */
FEDL_NODISCARD fedl_status fedl_client_restore(fedl_client *client, const fedl_client_config *cfg,
                                               void *block, size_t block_bytes, fedl_bytes saved);
/** Wipes every secret, also in the block of a task: call it before that is given back. */
void fedl_client_deinit(fedl_client *client);

#ifdef __cplusplus
}
#endif
#endif
