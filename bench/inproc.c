/* SPDX-License-Identifier: Apache-2.0 */
#include "inproc.h"

#include "sodium/crypto_sodium.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX 256u

typedef struct client_slot {
    fedl_client machine;
    void *block;
    void *memory;
    uint8_t *reply; /* one request is outstanding: one reply at most */
    size_t reply_bytes;
    uint64_t request;
} client_slot;

typedef struct loop {
    const fedl_inproc_config *cfg;
    fedl_inproc_cost *cost;
    fedl_coord coord;
    client_slot clients[FEDL_INPROC_CLIENTS_MAX];
    fedl_instant_ns now_ns;
    uint64_t request_last;
    uint64_t tickets[QUEUE_MAX];
    uint32_t ticket_count;
    int32_t *words; /* master weights of the newest version, as a store would keep them */
    uint64_t load_ticket;
    bool complete;
} loop;

static void must(fedl_status status, const char *what)
{
    if (status != FEDL_OK) {
        fprintf(stderr, "bench: %s: %s\n", what, fedl_status_text(status));
        exit(1);
    }
}

static void *grab(size_t size)
{
    void *block = size == 0 ? NULL : aligned_alloc(64, (size + 63u) & ~(size_t)63u);
    if (block == NULL) {
        fprintf(stderr, "bench: no block of %zu bytes\n", size);
        exit(1);
    }
    return block;
}

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void keep_words(loop *l, const fedl_store_op *op)
{
    const size_t bytes = op->model.parameter_count * sizeof *l->words;
    if (op->kind == FEDL_STORE_TASK_ADD) {
        l->words = grab(bytes);
    }
    if (op->kind == FEDL_STORE_TASK_ADD || op->kind == FEDL_STORE_COMMIT) {
        memcpy(l->words, op->model.master_words, bytes);
    }
}

static void coord_actions(loop *l, const fedl_actions *actions)
{
    for (uint32_t i = 0; i < actions->count; i++) {
        const fedl_action *a = &actions->items[i];
        if (a->kind == FEDL_ACTION_STORE) {
            if (l->ticket_count == QUEUE_MAX) {
                must(FEDL_ERR_FULL, "store queue");
            }
            l->tickets[l->ticket_count++] = a->ticket;
            keep_words(l, a->op);
        } else if (a->kind == FEDL_ACTION_LOAD) {
            memcpy(a->load->master_words, l->words, a->load->parameter_count * sizeof *l->words);
            l->load_ticket = a->ticket;
        } else if (a->kind == FEDL_ACTION_SEND) {
            for (uint32_t c = 0; c < l->cfg->client_count; c++) {
                client_slot *slot = &l->clients[c];
                if (slot->request == a->request) {
                    memcpy(slot->reply, a->bytes.data, a->bytes.size);
                    slot->reply_bytes = a->bytes.size;
                }
            }
        } else if (a->kind == FEDL_ACTION_ADMIN_REPLY) {
            must(a->status, "task add");
        } else if (a->kind == FEDL_ACTION_LOG && a->log_kind == FEDL_LOG_ROUND_COMMITTED) {
            l->cost->version = (uint32_t)a->b;
        } else if (a->kind == FEDL_ACTION_LOG && a->log_kind == FEDL_LOG_TASK_COMPLETE) {
            l->complete = true;
        } else if (a->kind == FEDL_ACTION_LOG && a->log_kind == FEDL_LOG_ROUND_ABORTED) {
            must(FEDL_ERR_STATE, "a round was aborted");
        }
    }
}

static void coord_event(loop *l, fedl_event *event)
{
    fedl_actions actions;
    event->now_ns = l->now_ns;
    event->utc_s = 1700000000u;
    fedl_random_bytes(event->entropy, sizeof event->entropy);
    const bool upload =
        event->kind == FEDL_EVENT_MESSAGE && event->bytes.size > FEDLI_CHUNK_BYTES_DEFAULT / 2u;
    const uint64_t begin = wall_ns();
    must(fedl_coord_step(&l->coord, event, &actions), "coordinator");
    const uint64_t spent = wall_ns() - begin;
    bool commits = false;
    for (uint32_t i = 0; i < actions.count; i++) {
        commits = commits || actions.items[i].kind == FEDL_ACTION_LOAD;
    }
    if (upload && !commits) {
        l->cost->upload_ns += spent;
        l->cost->upload_bytes += event->bytes.size;
    } else {
        l->cost->other_ns += spent;
    }
    coord_actions(l, &actions);
}

static void client_event(loop *l, client_slot *slot, fedl_client_event *event);

static void train(loop *l, client_slot *slot)
{
    fedl_client_event event = {.kind = FEDL_CLIENT_TRAINED};
    const fedl_sample_source none = {NULL, 0, l->cfg->rows.read};
    bool done = false;
    while (!done && event.status == FEDL_OK) {
        event.status = fedl_client_train(&slot->machine, &done, &l->cfg->rows, &none, 1000);
    }
    must(event.status, "training");
    client_event(l, slot, &event);
}

static void client_action(loop *l, client_slot *slot, const fedl_client_action *a)
{
    fedl_client_event answer = {.kind = FEDL_CLIENT_TICK};
    fedl_event message = {.kind = FEDL_EVENT_MESSAGE};
    switch (a->kind) {
    case FEDL_CLIENT_CONNECT:
        answer.kind = FEDL_CLIENT_CONNECTED;
        client_event(l, slot, &answer);
        break;
    case FEDL_CLIENT_SEND:
        slot->request = ++l->request_last;
        message.request = slot->request;
        message.bytes = a->bytes;
        coord_event(l, &message);
        break;
    case FEDL_CLIENT_NEED_MEMORY:
        free(slot->memory);
        slot->memory = grab(a->size_bytes);
        answer.kind = FEDL_CLIENT_MEMORY;
        answer.block = slot->memory;
        answer.block_bytes = a->size_bytes;
        client_event(l, slot, &answer);
        break;
    case FEDL_CLIENT_RELEASE_MEMORY:
        free(slot->memory);
        slot->memory = NULL;
        break;
    case FEDL_CLIENT_TRAIN:
        train(l, slot);
        break;
    case FEDL_CLIENT_STORE:
        answer.kind = FEDL_CLIENT_STORED;
        client_event(l, slot, &answer);
        break;
    case FEDL_CLIENT_CLOSE:
    case FEDL_CLIENT_MODEL_READY:
    case FEDL_CLIENT_LOG:
        break;
    case FEDL_CLIENT_DONE:
        must(FEDL_ERR_STATE, "a client stopped");
        break;
    }
}

static void client_event(loop *l, client_slot *slot, fedl_client_event *event)
{
    fedl_client_actions actions;
    event->now_ns = l->now_ns;
    event->utc_s = 1700000000u;
    fedl_random_bytes(event->entropy, sizeof event->entropy);
    must(fedl_client_step(&slot->machine, event, &actions), "client");
    for (uint32_t i = 0; i < actions.count; i++) {
        client_action(l, slot, &actions.items[i]);
    }
}

/* Delivers everything that waits; true when something was delivered. */
static bool deliver(loop *l)
{
    bool moved = false;
    while (l->ticket_count > 0) {
        fedl_event stored = {.kind = FEDL_EVENT_STORED, .ticket = l->tickets[0]};
        l->ticket_count--;
        memmove(l->tickets, l->tickets + 1, l->ticket_count * sizeof l->tickets[0]);
        coord_event(l, &stored);
        moved = true;
    }
    if (l->load_ticket != 0) {
        fedl_event loaded = {.kind = FEDL_EVENT_LOADED, .ticket = l->load_ticket};
        l->load_ticket = 0;
        coord_event(l, &loaded);
        moved = true;
    }
    for (uint32_t c = 0; c < l->cfg->client_count; c++) {
        client_slot *slot = &l->clients[c];
        if (slot->reply_bytes > 0) {
            fedl_client_event event = {.kind = FEDL_CLIENT_MESSAGE,
                                       .bytes = fedl_bytes_of(slot->reply, slot->reply_bytes)};
            uint8_t *copy = grab(slot->reply_bytes);
            memcpy(copy, slot->reply, slot->reply_bytes);
            event.bytes.data = copy;
            slot->reply_bytes = 0;
            slot->request = 0;
            client_event(l, slot, &event);
            free(copy);
            moved = true;
        }
    }
    return moved;
}

/* Nothing waits: time goes to the next deadline of anybody. */
static void advance(loop *l)
{
    fedl_instant_ns next = fedl_coord_deadline_ns(&l->coord);
    for (uint32_t c = 0; c < l->cfg->client_count; c++) {
        const fedl_instant_ns deadline = fedl_client_deadline_ns(&l->clients[c].machine);
        next = deadline < next ? deadline : next;
    }
    if (next == FEDL_NEVER_NS) {
        must(FEDL_ERR_STATE, "nothing will ever happen");
    }
    l->now_ns = next > l->now_ns ? next : l->now_ns;
    if (fedl_coord_deadline_ns(&l->coord) <= l->now_ns) {
        fedl_event tick = {.kind = FEDL_EVENT_TICK};
        coord_event(l, &tick);
    }
    for (uint32_t c = 0; c < l->cfg->client_count; c++) {
        if (fedl_client_deadline_ns(&l->clients[c].machine) <= l->now_ns) {
            fedl_client_event tick = {.kind = FEDL_CLIENT_TICK};
            client_event(l, &l->clients[c], &tick);
        }
    }
}

static void make_identity(const fedl_crypto *crypto, fedl_server_identity *id)
{
    uint8_t seed[32];
    fedl_random_bytes(id->fleet_id, sizeof id->fleet_id);
    fedl_random_bytes(id->noise_secret, sizeof id->noise_secret);
    crypto->x25519_public(id->noise_public, id->noise_secret);
    fedl_random_bytes(seed, sizeof seed);
    crypto->sign_keypair(id->round_public, id->round_secret, seed);
    fedl_random_bytes(seed, sizeof seed);
    crypto->sign_keypair(id->ca_public, id->ca_secret, seed);
    fedl_random_bytes(id->token_key, sizeof id->token_key);
    fedl_cert cert = {.role = FEDL_CERT_ROUND, .serial = 1};
    memcpy(cert.fleet_id, id->fleet_id, 16);
    memcpy(cert.id_public, id->round_public, 32);
    memcpy(cert.noise_public, id->noise_public, 32);
    fedl_cert_issue(crypto, id->server_cert, &cert, id->ca_secret);
}

static void add_client(loop *l, uint32_t index, const fedl_server_identity *server)
{
    const fedl_crypto *crypto = l->cfg->crypto;
    client_slot *slot = &l->clients[index];
    fedl_client_config cfg;
    uint8_t seed[32];
    fedl_client_config_default(&cfg);
    cfg.crypto = crypto;
    cfg.mode = FEDL_CLIENT_RUN;
    cfg.policy.min_aggregation = FEDL_AGGREGATION_PLAIN;
    cfg.identity.device_id = index + 1u;
    memcpy(cfg.identity.fleet_id, server->fleet_id, 16);
    memcpy(cfg.identity.server_noise_public, server->noise_public, 32);
    memcpy(cfg.identity.ca_public, server->ca_public, 32);
    memcpy(cfg.identity.server_round_public, server->round_public, 32);
    fedl_random_bytes(cfg.identity.noise_secret, 32);
    fedl_device_record record = {
        .device_id = index + 1u, .state = FEDL_DEVICE_ACTIVE, .name = "bench"};
    crypto->x25519_public(record.noise_public, cfg.identity.noise_secret);
    fedl_random_bytes(seed, sizeof seed);
    crypto->sign_keypair(record.id_public, cfg.identity.id_secret, seed);
    must(fedl_coord_restore_device(&l->coord, &record), "device");
    const size_t size = fedl_client_size(&cfg);
    slot->block = grab(size);
    slot->reply = grab(FEDLI_ENVELOPE_BYTES_MAX);
    must(fedl_client_init(&slot->machine, &cfg, slot->block, size), "client init");
}

static void add_task(loop *l, const fedl_coord_config *ccfg, uint8_t **container, void **block)
{
    const fedl_inproc_config *cfg = l->cfg;
    const fedl_model_config mcfg = {cfg->plan.model, 0};
    const size_t model_bytes = fedl_model_size(&mcfg);
    const size_t container_bytes = fedl_container_size(&cfg->plan.model);
    void *model_block = grab(model_bytes);
    fedl_model model;
    *container = grab(container_bytes);
    must(fedl_model_init(&model, &mcfg, model_block, model_bytes), "model");
    fedl_model_randomise(&model, cfg->plan.run_seed);
    must(fedl_model_export(&model, *container, container_bytes), "container");
    free(model_block);
    fedl_task_setup setup = {.name = "bench", .plan = cfg->plan, .round = cfg->round};
    setup.plan_text = fedl_bytes_of("bench", 5);
    setup.container = fedl_bytes_of(*container, container_bytes);
    setup.block_bytes = fedl_coord_task_size(ccfg, &cfg->plan, &cfg->round);
    *block = grab(setup.block_bytes);
    setup.block = *block;
    fedl_event event = {.kind = FEDL_EVENT_ADMIN};
    event.admin.kind = FEDL_ADMIN_TASK_ADD;
    event.admin.ticket = 1;
    memcpy(event.admin.name, "bench", 6);
    event.admin.setup = &setup;
    coord_event(l, &event);
}

void fedl_inproc_run(const fedl_inproc_config *cfg, fedl_inproc_cost *cost)
{
    loop *l = calloc(1, sizeof *l);
    fedl_coord_config ccfg;
    uint8_t *container = NULL;
    void *task_block = NULL;
    if (l == NULL || cfg->client_count > FEDL_INPROC_CLIENTS_MAX) {
        must(FEDL_ERR_FULL, "clients");
        return;
    }
    memset(cost, 0, sizeof *cost);
    l->cfg = cfg;
    l->cost = cost;
    l->now_ns = 1;
    fedl_coord_config_default(&ccfg);
    ccfg.crypto = cfg->crypto;
    make_identity(cfg->crypto, &ccfg.identity);
    const size_t size = fedl_coord_size(&ccfg);
    void *block = grab(size);
    must(fedl_coord_init(&l->coord, &ccfg, block, size), "coordinator init");
    for (uint32_t c = 0; c < cfg->client_count; c++) {
        add_client(l, c, &ccfg.identity);
    }
    add_task(l, &ccfg, &container, &task_block);
    while (!l->complete) {
        if (!deliver(l)) {
            advance(l);
        }
    }
    for (uint32_t c = 0; c < cfg->client_count; c++) {
        fedl_client_deinit(&l->clients[c].machine);
        free(l->clients[c].block);
        free(l->clients[c].memory);
        free(l->clients[c].reply);
    }
    fedl_coord_deinit(&l->coord);
    free(block);
    free(container);
    free(task_block);
    free(l->words);
    free(l);
}
