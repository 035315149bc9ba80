/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A desk for the sensor node: the real coordinator at the other end of a cable, both on one virtual
 * clock. The node joins with a token, restarts with the identity that it stored, and takes part
 * until the task is complete. Ends with 0 when everything came out as it should.
 */
#include "sensor_node.h"

#include "coord/coord.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS     5u
#define TURNS_MAX  100000u
#define QUEUE_MAX  8u
#define UTC_S      1800000000u
#define WIRE_BYTES 70000u
#define WORDS_MAX  4096u

typedef struct desk {
    fedl_coord coord;
    fedl_server_identity server;
    fedl_instant_ns now_ns;
    uint64_t request_next;
    uint64_t tickets[QUEUE_MAX]; /* STORE actions to be answered */
    uint32_t ticket_count;
    int32_t words[WORDS_MAX]; /* of the newest version: all that this desk's store keeps */
    uint64_t load_ticket;     /* LOAD to be answered; 0 = none */
    uint8_t wire[WIRE_BYTES]; /* one reply on its way to the node */
    size_t wire_bytes;
    char token[128];
    uint8_t identity[FEDL_IDENTITY_BYTES];
    uint32_t watchdog_count;
    uint32_t rounds_committed;
    bool complete;
} desk;

static desk d;

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "embedding: %s\n", what);
        exit(1);
    }
}

/* ---- the server's side of the desk ---- */

static void coord_step(fedl_event *event);

static void store(const fedl_action *action)
{
    const fedl_model_record *model = &action->op->model;
    must(d.ticket_count < QUEUE_MAX, "too many stores at once");
    d.tickets[d.ticket_count++] = action->ticket;
    if (action->op->kind == FEDL_STORE_TASK_ADD || action->op->kind == FEDL_STORE_COMMIT) {
        must(model->parameter_count <= WORDS_MAX, "the model is too large for this desk");
        memcpy(d.words, model->master_words, model->parameter_count * sizeof d.words[0]);
    }
}

static void coord_act(const fedl_action *action)
{
    switch (action->kind) {
    case FEDL_ACTION_SEND:
        must(action->bytes.size <= sizeof d.wire, "a reply is too long");
        memcpy(d.wire, action->bytes.data, action->bytes.size);
        d.wire_bytes = action->bytes.size;
        return;
    case FEDL_ACTION_STORE:
        store(action);
        return;
    case FEDL_ACTION_LOAD:
        memcpy(action->load->master_words, d.words,
               action->load->parameter_count * sizeof d.words[0]);
        d.load_ticket = action->ticket;
        return;
    case FEDL_ACTION_ADMIN_REPLY:
        must(action->status == FEDL_OK, "the coordinator refuses the set-up");
        if (action->text != NULL) {
            (void)snprintf(d.token, sizeof d.token, "%s", action->text);
        }
        return;
    case FEDL_ACTION_LOG:
        if (action->log_kind == FEDL_LOG_ROUND_COMMITTED) {
            d.rounds_committed++;
            (void)printf("round %u committed\n", action->round);
        }
        d.complete = d.complete || action->log_kind == FEDL_LOG_TASK_COMPLETE;
        return;
    case FEDL_ACTION_DROP:
    case FEDL_ACTION_HELPER:
    case FEDL_ACTION_COMPUTE: /* this plan is plain: there is nothing to unmask */
        return;
    }
}

static void coord_step(fedl_event *event)
{
    fedl_actions actions;
    event->now_ns = d.now_ns;
    event->utc_s = UTC_S;
    fedl_random_bytes(event->entropy, sizeof event->entropy);
    must(fedl_coord_step(&d.coord, event, &actions) == FEDL_OK, "the coordinator's step");
    for (uint32_t i = 0; i < actions.count; i++) {
        coord_act(&actions.items[i]);
    }
}

/* Everything that is due at this instant: stores are durable at once on this desk. */
static void coord_settle(void)
{
    while (d.ticket_count > 0 || d.load_ticket != 0 ||
           fedl_coord_deadline_ns(&d.coord) <= d.now_ns) {
        fedl_event event = {.kind = FEDL_EVENT_TICK};
        if (d.load_ticket != 0) {
            event.kind = FEDL_EVENT_LOADED;
            event.ticket = d.load_ticket;
            d.load_ticket = 0;
        } else if (d.ticket_count > 0) {
            event.kind = FEDL_EVENT_STORED;
            event.ticket = d.tickets[0];
            d.ticket_count--;
            memmove(&d.tickets[0], &d.tickets[1], d.ticket_count * sizeof d.tickets[0]);
        }
        coord_step(&event);
    }
}

static void make_server(void)
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    fedl_server_identity *s = &d.server;
    uint8_t seed[32];
    fedl_random_bytes(s->fleet_id, sizeof s->fleet_id);
    fedl_random_bytes(s->noise_secret, sizeof s->noise_secret);
    fedl_random_bytes(s->token_key, sizeof s->token_key);
    crypto->x25519_public(s->noise_public, s->noise_secret);
    fedl_random_bytes(seed, sizeof seed);
    crypto->sign_keypair(s->round_public, s->round_secret, seed);
    fedl_random_bytes(seed, sizeof seed);
    crypto->sign_keypair(s->ca_public, s->ca_secret, seed);
    fedl_cert cert = {.role = FEDL_CERT_ROUND, .serial = 1};
    memcpy(cert.fleet_id, s->fleet_id, sizeof cert.fleet_id);
    memcpy(cert.id_public, s->round_public, sizeof cert.id_public);
    memcpy(cert.noise_public, s->noise_public, sizeof cert.noise_public);
    fedl_cert_issue(crypto, s->server_cert, &cert, s->ca_secret);
}

static void *make_block(size_t bytes)
{
    must(bytes > 0, "a configuration is invalid");
    void *block = aligned_alloc(64, (bytes + 63u) & ~(size_t)63u);
    must(block != NULL, "out of memory");
    return block;
}

static fedl_task_setup make_task(const fedl_coord_config *cfg, uint8_t container[8192])
{
    fedl_task_setup setup = {.name = "band"};
    const fedl_plan plan = {
        .model = {.input_count = SENSOR_INPUTS,
                  .input_exp = -7,
                  .loss = FEDL_LOSS_SOFTMAX_CE,
                  .layer_count = 3,
                  .layers = {{FEDL_LAYER_DENSE, 12, -14},
                             {FEDL_LAYER_RELU, 0, 0},
                             {FEDL_LAYER_DENSE, 3, -13}}},
        .train = {.local_epochs = 2, .batch_rows = 4, .lr_q24 = FEDL_LR_ONE_Q24 / 10},
        .update = {.clip_q16 = 4u << 16,
                   .update_exp = -12,
                   .ring_bits = 32,
                   .clients_max = 1,
                   .w_max = 1},
        .aggregation = FEDL_AGGREGATION_PLAIN,
        .privacy = {.mode = FEDL_PRIVACY_NONE},
        .run_seed = 1};
    const fedl_round_config round = {.round_count = ROUNDS,
                                     .clients_goal = 1,
                                     .reports_min = 1,
                                     .select_count = 1,
                                     .pool_min = 1,
                                     .deadline_ms = 60000,
                                     .attempt_max = 3,
                                     .retry_ms = 1000,
                                     .server_lr_q16 = FEDL_SERVER_LR_ONE_Q16,
                                     .agg_kind = FEDL_AGG_FEDAVG};
    const fedl_model_config model_cfg = {plan.model, 0};
    fedl_model model;
    void *block = make_block(fedl_model_size(&model_cfg));
    must(fedl_model_init(&model, &model_cfg, block, fedl_model_size(&model_cfg)) == FEDL_OK,
         "the model");
    fedl_model_randomise(&model, plan.run_seed);
    const size_t bytes = fedl_container_size(&plan.model);
    must(bytes <= 8192 && fedl_model_export(&model, container, bytes) == FEDL_OK, "its container");
    free(block);
    setup.plan = plan;
    setup.round = round;
    setup.container = fedl_bytes_of(container, bytes);
    setup.block_bytes = fedl_coord_task_size(cfg, &plan, &round);
    setup.block = make_block(setup.block_bytes);
    return setup;
}

/* ---- the board ---- */

static fedl_instant_ns board_now_ns(void *context)
{
    (void)context;
    return d.now_ns;
}

static void board_entropy(void *context, uint8_t out[FEDL_ENTROPY_BYTES])
{
    (void)context;
    fedl_random_bytes(out, FEDL_ENTROPY_BYTES);
}

static void board_connect(void *context)
{
    (void)context;
}

static void board_transmit(void *context, fedl_bytes envelope)
{
    (void)context;
    fedl_event event = {.kind = FEDL_EVENT_MESSAGE, .request = ++d.request_next, .bytes = envelope};
    coord_step(&event);
    coord_settle();
}

static bool board_receive(void *context, fedl_bytes *envelope)
{
    (void)context;
    *envelope = fedl_bytes_of(d.wire, d.wire_bytes);
    d.wire_bytes = 0;
    return envelope->size > 0;
}

static fedl_status board_flash_write(void *context, fedl_client_store_kind kind, fedl_bytes bytes)
{
    (void)context;
    if (kind == FEDL_CLIENT_STORE_IDENTITY) {
        memcpy(d.identity, bytes.data, bytes.size);
    }
    return FEDL_OK;
}

/* Time passes only here: to whatever comes first, the node's deadline or the server's. */
static void board_sleep_until(void *context, fedl_instant_ns until_ns)
{
    (void)context;
    const fedl_instant_ns server_ns = fedl_coord_deadline_ns(&d.coord);
    d.now_ns = server_ns < until_ns ? server_ns : until_ns;
    coord_settle();
}

static void board_watchdog(void *context)
{
    (void)context;
    d.watchdog_count++;
}

static const sensor_platform platform = {
    NULL,          board_now_ns,      board_entropy,     board_connect, board_transmit,
    board_receive, board_flash_write, board_sleep_until, board_watchdog};

static void run_node(sensor_state expected, uint32_t version)
{
    sensor_state state = SENSOR_RUNNING;
    for (uint32_t turn = 0; turn < TURNS_MAX && state == SENSOR_RUNNING; turn++) {
        state = sensor_node_turn();
        if (version != 0 && d.complete && sensor_node_version() == version) {
            break;
        }
    }
    must(state == expected, "the node ended in the wrong state");
    sensor_node_end();
}

int main(void)
{
    static uint8_t container[8192];
    const fedl_bytes nothing = fedl_bytes_of("", 0);
    fedl_identity identity;
    fedl_coord_config cfg;
    must(fedl_crypto_sodium_init() == FEDL_OK, "no entropy");
    make_server();
    fedl_coord_config_default(&cfg);
    cfg.crypto = fedl_crypto_sodium();
    cfg.identity = d.server;
    cfg.devices_max = 1;
    cfg.sessions_max = 4;
    cfg.tasks_max = 1;
    const size_t bytes = fedl_coord_size(&cfg);
    void *block = make_block(bytes);
    must(fedl_coord_init(&d.coord, &cfg, block, bytes) == FEDL_OK, "the coordinator");

    fedl_event add = {.kind = FEDL_EVENT_ADMIN,
                      .admin = {.kind = FEDL_ADMIN_DEVICE_ADD, .token_valid_s = 3600}};
    (void)snprintf(add.admin.name, sizeof add.admin.name, "node");
    coord_step(&add);
    coord_settle();
    fedl_task_setup setup = make_task(&cfg, container);
    fedl_event task = {.kind = FEDL_EVENT_ADMIN,
                       .admin = {.kind = FEDL_ADMIN_TASK_ADD, .setup = &setup}};
    coord_step(&task);
    coord_settle();

    must(sensor_node_begin(&platform, cfg.crypto, d.token, NULL, nothing) == FEDL_OK, "the token");
    run_node(SENSOR_DONE, 0);
    must(fedl_identity_decode(&identity, fedl_bytes_of(d.identity, sizeof d.identity),
                              cfg.crypto) == FEDL_OK,
         "the stored identity");
    (void)printf("joined as device %u\n", identity.device_id);

    must(sensor_node_begin(&platform, cfg.crypto, NULL, &identity, nothing) == FEDL_OK, "restart");
    run_node(SENSOR_RUNNING, ROUNDS + 1u);
    must(d.complete && d.rounds_committed == ROUNDS, "the task is not complete");
    must(d.watchdog_count > ROUNDS * 2u * SENSOR_ROWS / 4u, "training starved the watchdog");
    (void)printf("%u rounds, final model is version %u\n", d.rounds_committed, ROUNDS + 1u);
    fedl_coord_deinit(&d.coord);
    free(setup.block);
    free(block);
    return 0;
}
