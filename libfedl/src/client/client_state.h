/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of the device's machine. Two things move on their own and meet in fedli_client_pump():
 *
 *   link   DOWN ─CONNECT─► CONNECTING ─► HELLO (─► FINISH) ─► READY      the way to the server
 *   work   JOIN | CHECKIN → MEMORY → FETCH → PROGRESS → TRAIN → UPLOAD → CHECKIN …     what to do
 *                               masked:  TRAIN → PUT, GET (→ TAKE …), STORE, UPLOAD … → CHECKIN …
 *
 * A lost connection changes the link only; the work waits and its request goes out again, under the
 * same request id, when the link is READY. The session outlives a connection: only a refusal, a bad
 * record, a second failure in a row or a silence of a reply's time-out ends it, so that a flaky
 * link costs no handshakes.
 *
 * Memory: one block of the host holds this struct, one record in (opened), one record out and the
 * arena of messages; a second block, asked for per task, holds container and model.
 *
 * Rejected: one enum for everything. It had 20 states, because every step of the work exists with
 * and without a connection.
 */
#ifndef FEDL_CLIENT_CLIENT_STATE_H
#define FEDL_CLIENT_CLIENT_STATE_H

#include "base/arena.h"
#include "fedl/client.h"
#include "secagg/params.h"
#include "secagg/party.h"
#include "secure/cert.h"
#include "secure/channel.h"
#include "secure/manifest.h"
#include "secure/noise.h"
#include "wire/message.h"

#define FEDLI_CLIENT_REFUSALS_MAX 3u   /* JOIN, LEAVE give up after that many in a row */
#define FEDLI_CLIENT_STALLS_MAX   16u  /* replies to UPLOAD that don't get on */
#define FEDLI_CLIENT_OVERHEAD     256u /* of a chunk: envelope, record, frame, message fields */
#define FEDLI_MANIFEST_KEPT_BYTES (FEDLI_MANIFEST_BYTES + FEDL_SIGNATURE_BYTES)

typedef enum fedli_link {
    FEDLI_LINK_DOWN = 1,
    FEDLI_LINK_CONNECTING = 2,
    FEDLI_LINK_HELLO = 3,  /* first handshake message is out */
    FEDLI_LINK_FINISH = 4, /* XX message 3 is out */
    FEDLI_LINK_READY = 5,  /* a session, nothing or one request outstanding */
} fedli_link;

typedef enum fedli_work {
    FEDLI_WORK_JOIN = 1,     /* enrol; the request is part of the handshake */
    FEDLI_WORK_IDENTITY = 2, /* STORE identity is out */
    FEDLI_WORK_CHECKIN = 3,
    FEDLI_WORK_MEMORY = 4, /* NEED_MEMORY is out */
    FEDLI_WORK_FETCH = 5,
    FEDLI_WORK_PROGRESS = 6, /* STORE progress is out */
    FEDLI_WORK_TRAIN = 7,    /* TRAIN is out */
    FEDLI_WORK_UPLOAD = 8,
    FEDLI_WORK_LEAVE = 9,
    FEDLI_WORK_DONE = 10,
    FEDLI_WORK_PUT = 11,    /* an item of a masked round goes up … */
    FEDLI_WORK_GET = 12,    /* … or comes down */
    FEDLI_WORK_RESUME = 14, /* STORE "the saved state is taken up" is out */
    FEDLI_WORK_STORE = 13,  /* STORE progress of a masked round is out */
    FEDLI_WORK_TAKE = 15,   /* a part of an item is worked off, a slice a step */
} fedli_work;

/* What the block of the task holds and what the offer said about it. */
typedef struct fedli_client_task {
    bool to_train; /* a TASK; else a model for prediction only */
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    fedl_manifest manifest;
    uint8_t manifest_bytes[FEDLI_MANIFEST_KEPT_BYTES]; /* ‖ signature */
    fedl_plan plan;                                    /* data points into plan_bytes */
} fedli_client_task;

typedef enum fedli_stage {
    FEDLI_STAGE_BEGIN = 1,
    FEDLI_STAGE_EVALUATE = 2,
    FEDLI_STAGE_LEARN = 3,
    FEDLI_STAGE_DIGEST = 4, /* of the vector */
    FEDLI_STAGE_DONE = 5,
} fedli_stage;

typedef struct fedli_training {
    fedli_stage stage;
    uint32_t eval_next;
    size_t digest_offset;
    fedl_hash hash;
    fedl_trainer trainer;
    fedl_train_seed seed;
    fedl_eval_stats eval;
    /* From the end of training on: what the update was made of, beside the weights. */
    uint32_t row_count;
    fedl_train_stats stats;
} fedli_training;

/* Names one update: the same name gives the same bytes. The attempt is not part of it. */
typedef struct fedli_update_key {
    uint32_t task_id;
    uint32_t round;
    uint8_t digest[32];
    uint8_t plan_digest[32];
} fedli_update_key;

/* An attempt of a masked round. */
typedef struct fedli_client_group {
    bool active;         /* party is good */
    bool reported;       /* the server has the vector */
    bool closed;         /* "round is closed" is durable */
    bool announced;      /* UPLOADED is logged */
    uint32_t late_round; /* of the task: the vector is there, the rest came too late; 0: none */
    bool closing;        /* STORE: "round is closed", else "attempt is opened" */
    fedli_party party;
    fedli_party_setup setup;
    uint64_t put_offset;
    uint32_t put_stalls;
    fedl_bytes part; /* TAKE: what is left of it; in the memory of the message, which stays until
                        the next one is opened or made */
    uint64_t part_total;
    fedli_epoch_key epoch; /* outlives the attempt */
    /* In the block of the task; NULL: its plan is not masked, or there is none. */
    void *block;
    size_t block_bytes;
    fedli_pair_cache_entry *cache; /* outlives the attempt */
    uint32_t cache_count;
} fedli_client_group;

typedef struct fedli_client_state {
    fedl_client_config cfg;
    const fedl_crypto *crypto;
    const fedl_client_event *event;
    fedl_client_actions *actions;
    fedl_instant_ns now_ns;

    /* Link. */
    fedli_link link;
    bool session; /* channel and session_id are good; only with link DOWN, CONNECTING or READY */
    bool started; /* the first event was seen */
    bool outstanding;
    fedl_instant_ns timeout_ns; /* of CONNECT, handshake or request; NEVER: none */
    fedl_instant_ns connect_ns; /* DOWN: not before */
    fedl_instant_ns request_ns; /* no request before */
    fedl_instant_ns heard_ns;   /* last good handshake or reply */
    fedl_instant_ns sent_ns;    /* when the outstanding request went out */
    uint32_t failures;          /* in a row, for the back-off */
    uint32_t session_failures;  /* connections that broke since the last good reply */
    uint32_t refusals;          /* in a row */
    uint32_t trouble;           /* tasks refused or failed in a row */
    uint64_t session_id;
    uint64_t request_id;      /* of the outstanding or repeated request; 0: draw a new one */
    uint64_t request_id_next; /* random origin */
    fedli_noise noise;
    fedli_channel channel;

    /* Joining. */
    uint8_t token_secret[FEDLI_TOKEN_SECRET_BYTES];
    uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES];
    uint8_t noise_public[32];
    uint8_t id_public[32];
    uint8_t identity_bytes[FEDL_IDENTITY_BYTES];

    /* Work. */
    fedli_work work;
    fedli_client_task task;
    uint8_t progress_bytes[FEDL_PROGRESS_BYTES_MAX];
    void *block; /* of the task; NULL: none */
    size_t block_bytes;
    uint8_t *container; /* in block */
    fedl_model model;
    uint64_t fetched_bytes;
    bool verified;  /* container is whole and its digest is right */
    bool announced; /* MODEL_READY went out for it */
    fedli_training training;
    fedl_update update;
    bool update_ready;
    bool update_sent; /* accepted once: a further upload is a repetition */
    fedli_update_key update_key;
    uint8_t update_digest[32];
    uint64_t upload_offset;
    uint32_t upload_stalls;
    fedli_client_group group;
    bool diverged; /* the run named by diverged_key led nowhere */
    fedli_update_key diverged_key;

    uint8_t *in; /* opened record */
    size_t in_bytes;
    uint8_t *out; /* envelope */
    size_t out_bytes;
    uint8_t *arena; /* message decoding, then what it points to */
    uint8_t *plan_bytes;
    size_t plan_bytes_used;
    fedl_bytes saved;       /* being taken up; the host's */
    bool saved_away;        /* put away: this machine is used up */
    size_t block_own_bytes; /* of the machine's own block, for wiping */
    char text[FEDLI_TEXT_BYTES_MAX + 1u];
} fedli_client_state;

/* ---- client.c ---- */
fedl_client_action *fedli_client_action(fedli_client_state *c, fedl_client_action_kind kind);
fedl_client_action *fedli_client_log(fedli_client_state *c, fedl_client_log_kind kind);
void fedli_client_finish(fedli_client_state *c, fedl_status status); /* DONE */
/** now + delay, saturated. */
fedl_instant_ns fedli_client_after_ms(const fedli_client_state *c, uint64_t delay_ms);
/** Exponential, half of it random: backoff_ms_min · 2^failures, at most backoff_ms_max. */
uint32_t fedli_client_backoff_ms(const fedli_client_state *c, uint32_t failures);

/* ---- client_link.c ---- */
/** Connects, says hello or sends the request of the work, whatever is due. */
void fedli_client_pump(fedli_client_state *c);
void fedli_client_on_connected(fedli_client_state *c);
/** Closes and comes back later. kind: why; status goes into the log. */
void fedli_client_link_fail(fedli_client_state *c, fedl_client_log_kind kind, fedl_status status);
/** The same for a server that is busy: not before what it says, at most the longest back-off. */
void fedli_client_link_sent_away(fedli_client_state *c, uint32_t retry_after_ms);
void fedli_client_on_disconnected(fedli_client_state *c);
void fedli_client_on_timeout(fedli_client_state *c);
void fedli_client_session_drop(fedli_client_state *c);
/** Longest long-poll of the present work: shorter in the steps of a masked attempt. */
uint32_t fedli_client_poll_ms(const fedli_client_state *c);
/** Puts size bytes of body behind a header in out and emits SEND; starts the reply's time-out. */
void fedli_client_send(fedli_client_state *c, fedli_envelope_kind kind, uint64_t session_id,
                       size_t body_bytes, uint32_t extra_ms);

/** True when this kind of work has a request for the server. */
bool fedli_client_wants_link(fedli_work work);

/* ---- client_session.c ---- */
void fedli_client_hello_ik(fedli_client_state *c);
void fedli_client_on_hello_ik(fedli_client_state *c, const fedli_envelope *envelope);
/** Seals the request of the current work and sends it. */
void fedli_client_request(fedli_client_state *c);
void fedli_client_on_envelope(fedli_client_state *c);
/** The request was answered: the next one gets a new id. */
void fedli_client_answered(fedli_client_state *c);

/* ---- client_join.c ---- */
fedl_status fedli_client_join_init(fedli_client_state *c);
/** JOIN: makes the device's keys from the first event's entropy. Else nothing. */
void fedli_client_join_keys(fedli_client_state *c);
void fedli_client_hello_xx(fedli_client_state *c);
void fedli_client_on_hello_xx(fedli_client_state *c, const fedli_envelope *envelope);
void fedli_client_on_enrolled(fedli_client_state *c, const fedl_message_enrolled *enrolled);
void fedli_client_identity_stored(fedli_client_state *c, fedl_status status);

/* ---- client_task.c ---- */
void fedli_client_on_task(fedli_client_state *c, const fedl_message_task *task);
void fedli_client_on_wait(fedli_client_state *c, const fedl_message_wait *wait);
void fedli_client_on_memory(fedli_client_state *c);
void fedli_client_progress_stored(fedli_client_state *c, fedl_status status);
/** The container is verified: make it known, then train or check in. */
void fedli_client_use_model(fedli_client_state *c);
/** Logs why, waits and checks in again. */
void fedli_client_task_refuse(fedli_client_state *c, fedl_status status);
/** The same for a reason of this device's own: status ERR_POLICY; accused: device id, or 0. The
 * line is returned, for what else there is to say. */
fedl_client_action *fedli_client_task_decline(fedli_client_state *c, fedl_refusal refusal,
                                              uint32_t accused);
/** A poll that ended after less than half of its time was not waited for. */
bool fedli_client_polled_long(const fedli_client_state *c);
/** Makes the offer the task of the machine; plan: its encoding, perhaps in a message. */
void fedli_client_keep_offer(fedli_client_state *c, const fedli_client_task *offered,
                             fedl_bytes plan);
/** NEED_MEMORY for the task, or a refusal. */
void fedli_client_ask_for_memory(fedli_client_state *c);
/** Emits STORE for this progress. */
void fedli_client_store_progress(fedli_client_state *c, const fedl_client_progress *progress);
/** Forgets container, model and update; the host may have the block back. */
void fedli_client_task_drop(fedli_client_state *c);
/** Checks in not before delay_ms from now; an attempt under way ends. */
void fedli_client_checkin_later(fedli_client_state *c, uint64_t delay_ms);

/* ---- client_progress.c ---- */
/** Errors: ERR_REPLAY (older than accepted), ERR_MISMATCH (same version, other bytes). */
fedl_status fedli_progress_check(const fedl_client_progress *progress,
                                 const fedl_manifest *manifest);
/** True when this very model is the newest of its task. */
bool fedli_progress_holds(const fedl_client_progress *progress, const fedl_manifest *manifest);
/** Makes it the newest of its task, and its task the one used last. */
void fedli_progress_accept(fedl_client_progress *progress, const fedl_manifest *manifest);
/** May this device begin a masked attempt? ATTEMPTS, ROUND_CLOSED, ROUND_REUSED, STATE_LOST (the
 * task was forgotten), NONE. */
fedl_refusal fedli_progress_check_attempt(const fedl_client_progress *progress, uint32_t task_id,
                                          uint32_t round, uint32_t attempt);
/** What is left of the task's budget and of what all tasks of this device may spend together
 * (UINT64_MAX: no limit), whichever is less; all in FEDL_RHO_ONE units. */
uint64_t fedli_progress_left(const fedl_client_progress *progress, uint32_t task_id,
                             uint64_t budget, uint64_t site_budget);
/** The roster of this attempt is accepted, and its privacy charged. */
void fedli_progress_open(fedl_client_progress *progress, uint32_t task_id, uint32_t round,
                         uint32_t attempt, uint64_t charge);
/** A saved state of this task is taken up: none that was saved before is good any more. */
void fedli_progress_resume(fedl_client_progress *progress, uint32_t task_id);
/** Survivors of this round are accepted: whatever comes of it, it is not answered again. */
void fedli_progress_close(fedl_client_progress *progress, uint32_t task_id, uint32_t round);

/* ---- client_policy.c ---- */
/** Every field in its range. */
bool fedli_policy_good(const fedl_site_policy *policy);
/** NONE, or the first demand of the site that the plan (checked) does not meet. */
fedl_refusal fedli_policy_check(const fedl_site_policy *policy, const fedl_plan *plan);
/** The two numbers that a refusal of check() compares; 0 when it compares none. */
void fedli_policy_numbers(const fedl_site_policy *policy, const fedl_plan *plan,
                          fedl_refusal refusal, uint64_t *asked, uint64_t *allowed);

/* ---- client_fetch.c ---- */
/** Do plan, manifest and, with to_train, task and round belong together? */
bool fedli_client_task_fits(const fedli_client_task *task);
void fedli_client_fill_fetch(const fedli_client_state *c, fedl_message_fetch *fetch);
void fedli_client_on_chunk(fedli_client_state *c, const fedl_message_chunk *chunk);

/* ---- client_train.c ---- */
void fedli_client_train_start(fedli_client_state *c);
fedl_status fedli_client_train_run(fedli_client_state *c, bool *done,
                                   const fedl_sample_source *train, const fedl_sample_source *eval,
                                   uint32_t step_max);
void fedli_client_on_trained(fedli_client_state *c, fedl_status status);
bool fedli_update_key_equal(const fedli_update_key *a, const fedli_update_key *b);
void fedli_client_task_key(const fedli_client_state *c, const fedli_client_task *task,
                           fedli_update_key *key);
/** The plan's, with the bound of the round. */
fedl_update_config fedli_client_update_config(const fedli_client_state *c);

/* ---- client_upload.c ---- */
/** The update is ready: uploads it, or begins its masked attempt. */
void fedli_client_report(fedli_client_state *c);
size_t fedli_client_vector_size(const fedli_client_state *c);
void fedli_client_upload_start(fedli_client_state *c);
/** Errors: none that a peer can cause; the payload is written to buffer. */
void fedli_client_fill_upload(const fedli_client_state *c, fedl_message_upload *upload,
                              uint8_t *buffer);
void fedli_client_on_accepted(fedli_client_state *c, const fedl_message_accepted *accepted);
void fedli_client_on_reject(fedli_client_state *c, const fedl_message_reject *reject);

/* ---- client_group.c ---- */
/** True when the task under way is a round to be masked. */
bool fedli_client_is_masked(const fedli_client_state *c);
/** Takes the party's and the pairs' part of a task's block; nothing for a plan without masks. */
void fedli_client_group_lay_out(fedli_client_state *c, const fedl_plan *plan, fedli_arena *arena);
/** May this device begin the attempt? Rules of progress, budget. asked, allowed: the numbers of a
 * refusal. */
fedl_refusal fedli_client_group_check(const fedli_client_state *c, const fedli_client_task *offered,
                                      uint64_t *asked, uint64_t *allowed);
/** Is the manifest's bound one that the plan and this site allow? Numbers as above. */
fedl_refusal fedli_client_bound_check(const fedli_client_state *c, const fedli_client_task *offered,
                                      uint64_t *asked, uint64_t *allowed);
void fedli_client_group_start(fedli_client_state *c);
/** True when the vector of the attempt under way is with the server. */
bool fedli_client_group_is_reported(const fedli_client_state *c);
/** The server wants nothing more of this attempt: it is over, for good or ill. */
void fedli_client_group_late(fedli_client_state *c);
/** A verified offer: does its model come out of the round that this device was late in? */
void fedli_client_group_offered(fedli_client_state *c, const fedl_manifest *manifest);
/** Takes up a party that was put away; the task, its block and epoch are there. Errors:
 * ERR_CORRUPT, ERR_SIZE. */
FEDL_NODISCARD fedl_status fedli_client_group_resume(fedli_client_state *c, fedl_bytes party);
/** True when an offer asks for the last items of the party that waits here. */
bool fedli_client_group_is_paused(const fedli_client_state *c, const fedli_client_task *offered);
/** Goes on with what the party wants next. */
void fedli_client_group_next(fedli_client_state *c);
void fedli_client_group_stored(fedli_client_state *c, fedl_status status);
/** Other work begins, or a pause: ends the attempt, unless its last items may be wanted again. */
void fedli_client_group_pause(fedli_client_state *c);
/** The vector is with the server: the key of its noise is wiped. */
void fedli_client_group_unprotect(fedli_client_state *c);
/** Ends and wipes the attempt, if there is one. */
void fedli_client_group_end(fedli_client_state *c);
/** The same, and wipes the pairs. */
void fedli_client_group_clear(fedli_client_state *c);
/** The same, and the block is gone. */
void fedli_client_group_drop(fedli_client_state *c);

/* ---- client_group_check.c ---- */
/** What one attempt costs, as this site reckons; FEDL_RHO_ONE units. */
uint64_t fedli_client_charge(const fedli_client_state *c, const fedl_plan *plan);
/** Does the budget pay for one more attempt? left: what there is; may be NULL. */
bool fedli_client_affords(const fedli_client_state *c, uint32_t task_id, const fedl_plan *plan,
                          uint64_t *left);

/* ---- client_resume.c ---- */
/** First step of a restored machine; else nothing. */
void fedli_client_resume_store(fedli_client_state *c);
void fedli_client_resume_stored(fedli_client_state *c, fedl_status status);
void fedli_client_resume_memory(fedli_client_state *c);

/* ---- client_group_io.c ---- */
void fedli_client_fill_put(const fedli_client_state *c, fedl_message_put *put);
void fedli_client_fill_get(const fedli_client_state *c, fedl_message_get *get);
void fedli_client_on_put_accepted(fedli_client_state *c, const fedl_message_accepted *accepted);
void fedli_client_on_part(fedli_client_state *c, const fedl_message_part *part);
/** TAKE: works off one slice; else nothing. Once in every step. */
void fedli_client_take_slice(fedli_client_state *c);
/** The server does not want the complaint (any more): the attempt ends with its reason. */
void fedli_client_complaint_over(fedli_client_state *c);

#endif
