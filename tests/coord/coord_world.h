/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world around one real coordinator: a real store in memory, devices that speak the real
 * channel and the real messages, a clock that only moves when told, and a transcript.
 *
 * Every step is checked: actions within their limit, requests answered at most once, and nothing
 * shown that the store does not hold (versions, attempts, enrolments).
 */
#ifndef FEDL_TESTS_COORD_WORLD_H
#define FEDL_TESTS_COORD_WORLD_H

#include "cmocka_all.h"

#include "base/rng.h"
#include "coord/coord.h"
#include "secure/channel.h"
#include "secure/noise.h"
#include "store/store.h"
#include "wire/message.h"

#define WORLD_DEVICES_MAX   40u
#define WORLD_STORES_MAX    32u
#define WORLD_TASKS_MAX     3u
#define WORLD_ABANDONED_MAX 256u

typedef enum answer_kind {
    ANSWER_NONE = 1,    /* the request is out */
    ANSWER_MESSAGE = 2, /* device->message */
    ANSWER_HELLO = 3,   /* a handshake message */
    ANSWER_REFUSED = 4,
    ANSWER_DROPPED = 5,
    ANSWER_SEALED = 6, /* a record that this device has no key for */
} answer_kind;

typedef struct device {
    uint32_t id;
    uint8_t id_secret[64];
    uint8_t id_public[32];
    uint8_t noise_secret[32];
    uint8_t noise_public[32];
    uint8_t server_noise_public[32];
    uint8_t device_cert[FEDLI_CERT_BYTES];
    fedli_noise noise;
    fedli_channel channel;
    uint64_t session_id;
    uint64_t request_id;
    uint32_t task_id;     /* of the last TASK, for uploads; 0 = 1 */
    uint32_t known_round; /* of the last TASK, where a test keeps them */
    uint32_t known_attempt;
    uint32_t have_task_id;
    uint8_t have_digest[32];
    uint64_t request; /* host's handle of the request that is out, 0 = none */
    answer_kind answer;
    uint8_t sent[FEDLI_ENVELOPE_BYTES_MAX]; /* last envelope, for replays */
    size_t sent_bytes;
    uint8_t got[FEDLI_ENVELOPE_BYTES_MAX];
    size_t got_bytes;
    uint8_t plain[FEDLI_ENVELOPE_BYTES_MAX];
    fedl_message message;
    _Alignas(16) uint8_t arena[FEDLI_MESSAGE_ARENA_BYTES];
} device;

typedef struct world world;
struct world {
    const fedl_crypto *crypto;
    fedl_coord_config cfg;
    fedl_coord coord;
    void *block;
    fedl_store *store;
    fedl_plan plan;
    fedl_round_config round;
    void *task_blocks[WORLD_TASKS_MAX * 8u];
    size_t task_block_bytes[WORLD_TASKS_MAX * 8u];
    uint32_t task_block_count;
    fedl_instant_ns now_ns;
    uint64_t utc_s;
    fedli_rng rng;
    uint64_t request_next;
    uint64_t admin_next;

    device *devices; /* [WORLD_DEVICES_MAX] */
    uint32_t device_count;
    uint64_t abandoned[WORLD_ABANDONED_MAX]; /* requests whose device has given up */
    uint32_t abandoned_count;

    /* Store ops that are out. With hold set they stay out until world_store_one(). */
    struct {
        uint64_t ticket;
        const fedl_store_op *op;
    } stores[WORLD_STORES_MAX];
    uint32_t store_count;
    uint64_t compute_ticket; /* a computation that is out; 0 = none */
    const fedl_compute_job *compute_job;
    /* Master words to be read, at most one LOAD per task. Read in the same breath … */
    struct {
        uint64_t ticket;
        const fedl_load_job *job;
    } loads[WORLD_TASKS_MAX];
    uint32_t load_out;   /* LOADs that are out */
    bool hold_loads;     /* … but not with this set */
    uint32_t load_count; /* done or failed so far */
    uint32_t load_fails; /* so many of the next ones fail */
    int32_t load_flip;   /* XORed to the middle word of all that come in */
    /* Questions to the helper: the newest one. Tests answer it, or don't. */
    uint64_t helper_ticket; /* 0 = none since the last answer */
    uint32_t helper_asked;
    size_t helper_request_bytes;
    uint8_t helper_request[8192];
    uint8_t helper_secret[32];
    uint32_t restart_count;
    void (*after_step)(world *w); /* looks at whatever it likes; may be NULL */
    void (*before_store)(world *w, const fedl_store_op *op); /* the same, of what is handed over */
    bool hold;                                               /* stores and computations */
    uint64_t store_serial;                                   /* ops tried so far */
    uint64_t store_fail_at;                                  /* this one fails (once), 0 = none */
    uint64_t crash_at;  /* the server dies at this one and starts again, 0 = never … */
    bool crash_applied; /* … after it became durable */
    bool tells_rows;    /* metrics stand in vectors, though the plan has noise */
    bool check_sums;    /* every commit must be the average of world_vector_of its members */
    uint64_t commit_count;
    uint64_t burn_count;
    uint64_t group_commit_count;
    fedl_store_op last_commit; /* by value: its pointers are not to be followed */
    uint32_t last_members[64];

    fedl_action admin; /* last ADMIN_REPLY */
    bool admin_answered;
    char token[FEDLI_TOKEN_TEXT_BYTES];
    uint32_t opened_attempt[16]; /* stored, by task id, of the running round */
    uint32_t opened_round[16];
    uint32_t version[16];
    uint32_t log_counts[32];
    uint32_t restored_task_id; /* whose exclusions are being read */
    fedl_status last_refusal;

    char transcript[1u << 16];
    size_t transcript_bytes;
};

/* cfg may be NULL: small limits that suit tests. */
void world_open(world *w, const fedl_coord_config *cfg);
void world_close(world *w);
void world_config(fedl_coord_config *cfg);
/* Throws the coordinator away and makes a new one from the store. Devices lose their sessions. */
void world_restart(world *w);
void world_restore_exclusions(world *w, uint32_t task_id);

void world_step(world *w, fedl_event *event);
void world_step_once(world *w, fedl_event *event);      /* without what the store does then */
void world_load(world *w);                              /* answers the oldest LOAD that is out */
void world_answer(world *w, const fedl_action *action); /* SEND and DROP */
void world_make_helper(world *w);
void world_note_question(world *w, const fedl_action *action); /* HELPER */
void world_event(const world *w, fedl_event *event, fedl_event_kind kind);
void world_tick(world *w);
/* Moves the clock and ticks at every deadline on the way. */
void world_run_ms(world *w, uint32_t ms);
/* Ticks until the coordinator wants no more at this instant. */
void world_settle(world *w);
/* Completes the oldest held store op. */
void world_store_one(world *w);
void world_store_all(world *w);
/* Runs the computation that is out, in three parts, and says so. */
void world_compute(world *w);

void world_admin(world *w, const fedl_admin *admin);
uint32_t world_add_device(world *w); /* invites: token in w->token; returns the id */
uint32_t world_add_task(world *w, const char *name);
device *world_join(world *w);       /* a device that is enrolled */
device *world_new_device(world *w); /* keys only */
void world_join_members(world *w, uint32_t count);

/* The device speaks; its answer lands in device->answer, device->message. */
void device_send_raw(world *w, device *d, const void *bytes, size_t size);
void device_hello(world *w, device *d);   /* IK message 1 and 2 */
void device_connect(world *w, device *d); /* hello that must succeed */
void device_seal(device *d, const fedl_message *message);
void device_seal_frame(device *d, const void *frame, size_t frame_bytes);
/* The device gives up on its request without the server noticing; or the server notices. */
void device_abandon(world *w, device *d);
void device_gone(world *w, device *d);
void device_send(world *w, device *d, fedl_message *message);
void device_checkin(world *w, device *d, uint32_t wait_ms);
void device_enrol(world *w, device *d, const char *token);
void device_upload_part(world *w, device *d, const uint8_t *vector, size_t offset, size_t size,
                        uint32_t round, uint32_t attempt);
void device_upload(world *w, device *d, const uint8_t *vector, uint32_t round, uint32_t attempt);

size_t world_vector_bytes(const world *w);
/* A vector whose words depend on seed, weight 1 + seed % w_max. */
void world_vector(const world *w, uint8_t *out, uint32_t seed);
/* The one vector that an honest device sends in a round. */
uint32_t world_seed_of(uint32_t task_id, uint32_t round, uint32_t device_id);
/* Compares a commit with its parent in the store and the vectors of its members. */
void world_check_commit(const world *w, const fedl_store_op *op);
void world_task_info(const world *w, fedl_task_info *info, uint32_t task_id);
void world_digest(const world *w, uint8_t out[32], uint32_t task_id);
bool device_rejected(const device *d, fedl_reject_code code);
bool device_got(const device *d, fedl_message_kind kind);
/* Everybody connects and checks in, the chosen report: one round. */
void world_checkin_all(world *w, uint32_t wait_ms);
void world_play_round(world *w, uint32_t seed);
void world_transcript_clear(world *w);
void world_note_log(world *w, const fedl_action *action);

#endif
