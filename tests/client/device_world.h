/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for one device: the real machine, a host that carries out its actions, and a scripted
 * server made of the real handshake, channel and message code. Time stands still unless the test
 * moves it. Everything that happens becomes one line of a transcript.
 */
#ifndef FEDL_TESTS_DEVICE_WORLD_H
#define FEDL_TESTS_DEVICE_WORLD_H

#include "client/client_state.h"

#define WORLD_ROWS      12u
#define WORLD_EVAL_ROWS 5u
#define WORLD_INPUTS    16u
#define WORLD_DEVICE_ID 7u
#define WORLD_TASK_ID   3u
#define WORLD_MS        INT64_C(1000000)

typedef enum world_answer {
    WORLD_REPLY = 1,      /* send *reply */
    WORLD_SILENT = 2,     /* the reply is lost */
    WORLD_DISCONNECT = 3, /* the connection breaks instead of a reply */
    WORLD_REFUSE = 4,     /* generic refusal */
} world_answer;

typedef struct world world;

/* May change what the honest server answers to a request. */
typedef world_answer (*world_hook)(world *w, const fedl_message *request, fedl_message *reply);

typedef struct world_server {
    uint8_t ca_secret[64];
    uint8_t ca_public[32];
    uint8_t round_secret[64];
    uint8_t round_public[32];
    uint8_t noise_secret[32];
    uint8_t noise_public[32];
    uint8_t fleet_id[16];
    uint8_t token_secret[16];
    char token[FEDLI_TOKEN_TEXT_BYTES];
    fedli_noise noise;
    fedli_channel channel;
    bool session;
    uint64_t session_id;
    uint8_t enrol_noise_public[32]; /* of the device that used the token */
    fedl_manifest manifest;
    fedl_plan plan;
    uint8_t manifest_bytes[FEDLI_MANIFEST_BYTES];
    uint8_t signature[64];
    uint8_t plan_bytes[FEDL_PLAN_BYTES_MAX];
    size_t plan_size;
    uint8_t container[4096];
    size_t container_size;
    uint32_t round;
    uint32_t attempt;
    bool offer_only; /* WAIT with an offer instead of TASK */
    bool idle;       /* WAIT without one */
    bool reported;   /* the vector of this attempt is complete */
    uint8_t vector[8192];
    size_t vector_size;
    uint8_t arena[FEDLI_MESSAGE_ARENA_BYTES] __attribute__((aligned(16)));
    uint8_t cert[FEDLI_CERT_BYTES];
    uint8_t device_cert[FEDLI_CERT_BYTES];
} world_server;

struct world_group;

struct world {
    const fedl_crypto *crypto;
    fedl_client client;
    fedl_client_config cfg;
    void *block;
    size_t block_bytes;
    world_server server;
    struct world_group *group; /* NULL: the plan is plain; device_group.h */
    world_hook hook;
    int counter; /* for hooks */
    fedl_instant_ns now_ns;
    uint64_t utc_s;
    uint32_t entropy_next;
    /* Host. */
    bool refuse_connect;
    bool refuse_memory;
    fedl_status store_status;
    fedl_status train_status; /* reported instead of training when not FEDL_OK */
    bool refuse_hello;        /* the server refuses handshakes */
    bool silent_hello;
    fedl_refusal refusal; /* of the last task refused */
    uint32_t accused;
    uint64_t asked; /* its numbers */
    uint64_t allowed;
    bool done;
    fedl_status done_status;
    uint32_t train_count;
    uint32_t ready_count;
    uint32_t connect_count;
    uint32_t hello_count;
    uint8_t stored_identity[FEDL_IDENTITY_BYTES];
    uint8_t stored_progress[FEDL_PROGRESS_BYTES_MAX];
    size_t stored_progress_bytes;
    void *task_block;
    size_t task_block_bytes;
    /* Events to come; MESSAGE bytes in wire. */
    struct {
        fedl_client_event_kind kind;
        size_t wire_at;
        size_t wire_bytes;
        fedl_status status;
    } queue[16];
    uint32_t queue_count;
    uint8_t wire[1 << 18];
    size_t wire_used;
    char transcript[32768];
    size_t transcript_used;
};

/** A world with a device that has an identity, one model version and an open round. */
world *world_create(fedl_client_mode mode);
/** Starts the machine (world_create does so, too); call again after changing cfg: a restart. */
void world_start(world *w);
/** Restarts the machine with what it stored last. */
void world_power_cut(world *w);
void world_destroy(world *w);
/** Signs the server's plan, container and manifest as they are now. */
void world_sign(world *w);
/** Publishes a next version: other weights, next round, attempt 1. */
void world_publish(world *w);
/** One event, and the carrying out of what follows; events that come of it are queued. */
void world_event(world *w, fedl_client_event_kind kind);
/** A hook: every answer is lost once, in one of three ways; uses counter. */
world_answer world_lose_each_once(world *w, const fedl_message *request, fedl_message *reply);
/** Carries on until nothing is queued, nothing is due now, or limit events have happened. */
void world_run(world *w, uint32_t limit);
/** Moves time to the machine's deadline, sends TICK and runs. */
void world_advance(world *w, uint32_t limit);
/** Advances until the device has logged an upload; fails when it takes too many steps. */
void world_until_reported(world *w);
void world_say(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool world_said(const world *w, const char *text);
/** The device's vector by the public functions of the core, without the machine; its size. out:
 * 4096 bytes at least. */
size_t world_expected_vector(const world *w, uint8_t *out);
/** How often text stands in the transcript. */
uint32_t world_count(const world *w, const char *text);
void world_forget(world *w);

/** The rows of the device. */
extern const fedl_sample_source world_train_rows;
extern const fedl_sample_source world_eval_rows;

/* device_server.c */
void world_server_init(world *w);
void world_server_receive(world *w, fedl_bytes envelope);
void world_queue_message(world *w, fedli_envelope_kind kind, uint64_t session_id, fedl_bytes body);
void world_queue_event(world *w, fedl_client_event_kind kind, fedl_status status);
/** Seals a message into the server's channel and queues it, whatever it is. */
void world_send(world *w, const fedl_message *message);

#endif
