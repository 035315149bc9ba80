/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the virtual world, shared by sim_world.c (loop), sim_server.c (coordinator's host),
 * sim_helper.c (the helper's), sim_device.c (clients'), sim_net.c (wires) and sim_keys.c (seeds and
 * identities).
 */
#ifndef FEDL_SIM_STATE_H
#define FEDL_SIM_STATE_H

#include "sim_heap.h"
#include "sim_pool.h"
#include "sim_world.h"

#include "base/rng.h"
#include "helper/helper_machine.h"
#include "secure/cert.h"
#include "store/store.h"

#define FEDLI_SIM_MS_NS    INT64_C(1000000)
#define FEDLI_SIM_STORE_NS (2 * FEDLI_SIM_MS_NS)
#define FEDLI_SIM_MASK_NS  1                    /* per byte and key: a slow machine */
#define FEDLI_SIM_UTC_S    UINT64_C(1750000000) /* when every virtual world begins */
#define FEDLI_SIM_REQUESTS 4u /* requests of one device that the server may still hold */
#define FEDLI_SIM_STALL_NS (INT64_C(30) * 86400 * 1000000000)
/* Steps of one machine at one instant before the world calls it a loop without end. */
#define FEDLI_SIM_SPIN_MAX 10000u

/* A device: a real client and the made-up hardware around it. */
typedef struct fedli_sim_device {
    uint32_t index; /* device id − 1 */
    bool on;        /* machine is initialised */
    bool joining;
    bool connected;
    uint32_t life;
    uint32_t connection;
    fedl_client machine;
    void *block;
    size_t block_bytes;
    char token[FEDLI_TOKEN_TEXT_BYTES];
    fedl_identity identity;
    fedl_client_progress progress; /* as in its flash */

    void *memory; /* what NEED_MEMORY got, or NULL */
    size_t memory_bytes;
    fedl_view train_view;
    fedl_view eval_view;
    fedl_sample_source train_source;
    fedl_sample_source eval_source;
    fedl_sim_job job;
    fedl_status job_status;
    uint32_t speed_q8; /* of this device relative to the modelled one: 128 … 512 */

    fedl_sim_phase phase;
    uint32_t round;
    uint32_t attempt;
    uint32_t cut_after;      /* sends of this phase until the power cut; UINT32_MAX = none */
    fedl_instant_ns tick_ns; /* of the pending TICK, or NEVER */
    uint64_t requests[FEDLI_SIM_REQUESTS]; /* at the server, or on the way there; 0 = free */
    uint32_t request_connection[FEDLI_SIM_REQUESTS];
    uint64_t request_exchange[FEDLI_SIM_REQUESTS];
    uint64_t exchange; /* number of the last request that was sent */
    bool awaiting;     /* it has no reply yet */
    uint8_t *saved;    /* a machine that was put away, as in its flash; NULL = none */
    size_t saved_bytes;
    fedli_rng net_rng;
    uint64_t entropy_counter;
} fedli_sim_device;

/* The second party of a plan with aggregation = helper. */
typedef struct fedli_sim_helper {
    fedl_helper *machine; /* NULL: the plan has none */
    uint8_t secret[32];
    uint8_t cert[FEDLI_CERT_BYTES];
    uint8_t *disk; /* [disk_bytes]: its list of answered rounds, as durable */
    size_t disk_bytes;
    fedl_instant_ns back_ns; /* it is down before */
    fedli_rng rng;
} fedli_sim_helper;

struct fedl_sim_world {
    fedl_sim_config cfg;
    const fedl_crypto *crypto;
    fedl_sim_heap heap;
    fedl_sim_pool *pool;
    fedl_instant_ns now_ns;

    fedl_store *store;
    fedl_coord coord;
    void *coord_block;
    fedl_coord_config coord_cfg;
    fedl_server_identity server;
    fedl_task_setup setup;
    uint8_t *container; /* first model */
    void *task_block;
    fedl_instant_ns server_tick_ns;
    uint64_t server_entropy_counter;
    uint32_t server_life; /* events of an earlier process are stale */
    fedli_rng server_rng; /* when it dies */
    fedli_sim_helper helper;
    uint64_t request_next;
    uint32_t spin_count; /* server steps at spin_ns */
    fedl_instant_ns spin_ns;

    uint32_t device_count;
    uint32_t invited_count; /* devices whose token was asked for */
    fedli_sim_device *devices;
    size_t client_block_bytes;
    void **spare_memory; /* blocks that devices gave back, for the next one */
    uint32_t spare_count;
    size_t spare_bytes; /* of each */

    bool complete;
    bool paused;
    char pause_reason[128];
    fedl_instant_ns progress_ns; /* of the last commit or abort */
    fedl_sim_totals totals;
    char text[FEDL_SIM_TEXT_BYTES];
};

/* sim_keys.c */

/** 64 secret bytes of one entity's stream: device id, or 0 for the server. */
void fedli_sim_entropy(const fedl_sim_world *world, uint32_t entity, uint64_t *counter,
                       uint8_t out[FEDL_ENTROPY_BYTES]);
/** Keys of CA and server, all from the seed. */
void fedli_sim_server_keys(fedl_sim_world *world);
/** Identity of a device that was provisioned rather than enrolled, and what the server knows of it.
 */
void fedli_sim_device_keys(const fedl_sim_world *world, fedl_identity *identity,
                           fedl_device_record *record, uint32_t device_id);

/** Key and certificate of the helper. */
void fedli_sim_helper_keys(fedl_sim_world *world);

/* sim_server_jobs.c */
FEDL_NODISCARD fedl_status fedli_sim_server_store(fedl_sim_world *world, const fedl_action *action);
FEDL_NODISCARD fedl_status fedli_sim_server_load(fedl_sim_world *world, const fedl_action *action);
FEDL_NODISCARD fedl_status fedli_sim_server_compute(fedl_sim_world *world,
                                                    const fedl_action *action);

/* sim_server.c */

FEDL_NODISCARD fedl_status fedli_sim_server_create(fedl_sim_world *world);
void fedli_sim_server_destroy(fedl_sim_world *world);
/** Asks the coordinator for the task and, when devices join, for their tokens. */
FEDL_NODISCARD fedl_status fedli_sim_server_begin(fedl_sim_world *world);
/** Handles a FEDL_SIM_SERVER_* event. */
FEDL_NODISCARD fedl_status fedli_sim_server_event(fedl_sim_world *world, fedl_sim_event *event);

/* sim_helper.c */

/** Makes the helper when the plan asks for one. */
FEDL_NODISCARD fedl_status fedli_sim_helper_create(fedl_sim_world *world);
void fedli_sim_helper_destroy(fedl_sim_world *world);
/** The server's question goes on its way; a FEDL_SIM_SERVER_HELPED follows, whatever happens. */
FEDL_NODISCARD fedl_status fedli_sim_helper_ask(fedl_sim_world *world, const fedl_action *action);
/** Handles FEDL_SIM_HELPER_ASKED. */
FEDL_NODISCARD fedl_status fedli_sim_helper_asked(fedl_sim_world *world, fedl_sim_event *event);

/* sim_restart.c */

/** Draws whether the server's process dies at this write; *written: after it became durable. */
bool fedli_sim_server_fails(fedl_sim_world *world, const fedl_store_op *op, bool *written);
/** Replaces the coordinator by one that knows only what the store knows. */
FEDL_NODISCARD fedl_status fedli_sim_server_restart(fedl_sim_world *world);

/* sim_device.c */

FEDL_NODISCARD fedl_status fedli_sim_devices_create(fedl_sim_world *world);
void fedli_sim_devices_destroy(fedl_sim_world *world);
/** Switches a device on: joins when it holds a token and no identity. First step after delay_ns. */
FEDL_NODISCARD fedl_status fedli_sim_device_start(fedl_sim_world *world, fedli_sim_device *device,
                                                  int64_t delay_ns);
/** Handles a FEDL_SIM_CLIENT_* event. */
FEDL_NODISCARD fedl_status fedli_sim_device_event(fedl_sim_world *world, fedl_sim_event *event);

/* sim_step.c */

/** The phase of the request that the device is about to send. */
fedl_sim_phase fedli_sim_step_of(const fedli_sim_device *device);

/* sim_device_actions.c */

/** Executes what a client wants; *off = true: the power was cut, forget the remaining actions. */
FEDL_NODISCARD fedl_status fedli_sim_device_act(fedl_sim_world *world, fedli_sim_device *device,
                                                const fedl_client_action *action, bool *off);
/** Power cut: everything but identity and progress is lost. */
FEDL_NODISCARD fedl_status fedli_sim_device_cut(fedl_sim_world *world, fedli_sim_device *device);
/** Switches the machine off, gives its memory back and tells the server that its connection ended.
 */
FEDL_NODISCARD fedl_status fedli_sim_device_stop(fedl_sim_world *world, fedli_sim_device *device);
/** Takes the block of NEED_MEMORY back. */
void fedli_sim_device_release(fedl_sim_world *world, fedli_sim_device *device);

/* sim_net.c */

/** Puts an event of a device on the agenda, delay_ns from now, in its present life and connection.
 */
FEDL_NODISCARD fedl_status fedli_sim_post(fedl_sim_world *world, const fedli_sim_device *device,
                                          fedl_sim_event_kind kind, int64_t delay_ns,
                                          fedl_status status);
int64_t fedli_sim_delay_ns(fedl_sim_world *world, fedli_sim_device *device);
/** A request of a device on its way to the server: delay, loss, duplication, adversary. */
FEDL_NODISCARD fedl_status fedli_sim_send_up(fedl_sim_world *world, fedli_sim_device *device,
                                             fedl_bytes bytes);
/** A reply on its way to the device that asked. */
FEDL_NODISCARD fedl_status fedli_sim_send_down(fedl_sim_world *world, uint64_t request,
                                               fedl_bytes bytes);
/** The server will not answer this request. */
void fedli_sim_forget_request(fedl_sim_world *world, uint64_t request);
/** The device's connection has ended: what is on its way to it is lost, and the server hears of it.
 */
FEDL_NODISCARD fedl_status fedli_sim_disconnect(fedl_sim_world *world, fedli_sim_device *device);
/** Draws whether the power is cut in the phase that begins, before or after its first send. */
void fedli_sim_enter_phase(fedl_sim_world *world, fedli_sim_device *device, fedl_sim_phase phase);

#endif
