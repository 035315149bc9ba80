/* SPDX-License-Identifier: Apache-2.0 */
#include "coord_world.h"

#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plan_data[] = "format = csv\n";

void world_config(fedl_coord_config *cfg)
{
    fedl_coord_config_default(cfg);
    cfg->crypto = fedl_crypto_sodium();
    cfg->devices_max = 64;
    cfg->sessions_max = 64;
    cfg->tasks_max = WORLD_TASKS_MAX;
    cfg->staging_bytes = 4096;
    cfg->poll_ms_max = 20000;
    cfg->refusals_per_s = 1000;
}

static void fill(uint8_t *out, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(seed + 7u * i);
    }
}

static void make_identity(world *w)
{
    fedl_server_identity *id = &w->cfg.identity;
    uint8_t seed[32];
    fill(id->fleet_id, 16, 1);
    fill(id->noise_secret, 32, 2);
    w->crypto->x25519_public(id->noise_public, id->noise_secret);
    fill(seed, 32, 3);
    w->crypto->sign_keypair(id->round_public, id->round_secret, seed);
    fill(seed, 32, 4);
    w->crypto->sign_keypair(id->ca_public, id->ca_secret, seed);
    fill(id->token_key, 32, 5);
    fedl_cert cert = {.role = FEDL_CERT_ROUND, .serial = 1};
    memcpy(cert.fleet_id, id->fleet_id, 16);
    memcpy(cert.id_public, id->round_public, 32);
    memcpy(cert.noise_public, id->noise_public, 32);
    fedl_cert_issue(w->crypto, id->server_cert, &cert, id->ca_secret);
    world_make_helper(w);
}

static void make_plan(world *w)
{
    fedl_plan *plan = &w->plan;
    plan->model.input_count = 8;
    plan->model.input_exp = -7;
    plan->model.loss = FEDL_LOSS_SOFTMAX_CE;
    plan->model.layer_count = 3;
    plan->model.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, 16, -14};
    plan->model.layers[1] = (fedl_layer_spec){FEDL_LAYER_RELU, 0, 0};
    plan->model.layers[2] = (fedl_layer_spec){FEDL_LAYER_DENSE, 4, -13};
    plan->train = (fedl_train_config){1, 8, 1677722, 0};
    plan->update = (fedl_update_config){262144, -11, 16, 16, 10, 4, false, 0, 0, 0, 0};
    plan->aggregation = FEDL_AGGREGATION_PLAIN;
    plan->privacy.mode = FEDL_PRIVACY_NONE;
    plan->run_seed = 7;
    plan->data = fedl_bytes_of(plan_data, sizeof plan_data - 1);
    w->round = (fedl_round_config){.round_count = 3,
                                   .clients_goal = 3,
                                   .reports_min = 2,
                                   .select_count = 4,
                                   .pool_min = 5,
                                   .pool_timeout_ms = 4000,
                                   .deadline_ms = 10000,
                                   .attempt_max = 2,
                                   .retry_ms = 1000,
                                   .server_lr_q16 = 65536,
                                   .agg_kind = FEDL_AGG_FEDAVG};
}

static void open_coord(world *w)
{
    const size_t bytes = fedl_coord_size(&w->cfg);
    w->block = aligned_alloc(16, bytes);
    assert_non_null(w->block);
    assert_int_equal(fedl_coord_init(&w->coord, &w->cfg, w->block, bytes), FEDL_OK);
}

void world_open(world *w, const fedl_coord_config *cfg)
{
    memset(w, 0, sizeof *w);
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    w->crypto = fedl_crypto_sodium();
    if (cfg != NULL) {
        w->cfg = *cfg;
    } else {
        world_config(&w->cfg);
    }
    make_identity(w);
    make_plan(w);
    fedli_rng_init(&w->rng, 1);
    w->now_ns = 1000000000;
    w->utc_s = 1700000000;
    w->devices = calloc(WORLD_DEVICES_MAX, sizeof *w->devices);
    assert_non_null(w->devices);
    assert_int_equal(fedl_store_mem_open(&w->store, w->crypto), FEDL_OK);
    open_coord(w);
}

static void close_coord(world *w)
{
    fedl_coord_deinit(&w->coord);
    free(w->block);
    for (uint32_t i = 0; i < w->task_block_count; i++) {
        free(w->task_blocks[i]);
    }
    w->task_block_count = 0;
    w->store_count = 0;
    w->compute_ticket = 0;
    w->load_out = 0;
}

void world_close(world *w)
{
    close_coord(w);
    w->store->ops->close(w->store);
    free(w->devices);
}

static void setup_task(world *w, fedl_task_setup *setup, const char *name)
{
    memset(setup, 0, sizeof *setup);
    setup->name = name;
    setup->plan = w->plan;
    setup->round = w->round;
    setup->plan_text = fedl_bytes_of("[plan]\n", 7);
    setup->block_bytes = fedl_coord_task_size(&w->cfg, &w->plan, &w->round);
    assert_true(setup->block_bytes > 0);
    setup->block = aligned_alloc(16, setup->block_bytes);
    assert_non_null(setup->block);
    assert_true(w->task_block_count < sizeof w->task_blocks / sizeof w->task_blocks[0]);
    w->task_block_bytes[w->task_block_count] = setup->block_bytes;
    w->task_blocks[w->task_block_count++] = setup->block;
}

static bool restore_device(void *context, const fedl_device_record *record)
{
    world *w = context;
    assert_int_equal(fedl_coord_restore_device(&w->coord, record), FEDL_OK);
    return true;
}

static bool restore_task(void *context, const fedl_task_row *row)
{
    world *w = context;
    fedl_task_restore restore = {.task_id = row->task_id,
                                 .state = row->state,
                                 .round_next = row->round_next,
                                 .attempt_last = row->attempt_last,
                                 .attempt_open = row->attempt_open,
                                 .rho_spent = row->rho_spent};
    const size_t container_bytes = fedl_container_size(&w->plan.model);
    const uint32_t parameters = fedl_model_parameter_count(&w->plan.model);
    uint8_t *container = malloc(container_bytes);
    int32_t *words = calloc(parameters, sizeof *words);
    assert_true(container != NULL && words != NULL);
    setup_task(w, &restore.setup, row->name);
    assert_int_equal(w->store->ops->model_read(w->store, &restore.newest, row->task_id,
                                               row->version, container, container_bytes, words,
                                               parameters),
                     FEDL_OK);
    restore.newest.container = fedl_bytes_of(container, container_bytes);
    restore.newest.master_words = words;
    restore.newest.parameter_count = parameters;
    uint8_t *sum = calloc(1, row->masked_sum_bytes + 1u);
    uint8_t *group = calloc(1, row->group_state_bytes + 1u);
    assert_true(sum != NULL && group != NULL);
    if (row->masked_sum_bytes > 0) { /* this attempt will be finished */
        w->opened_attempt[row->task_id] = row->attempt_last;
        assert_int_equal(w->store->ops->group_read(w->store, row->task_id, sum,
                                                   row->masked_sum_bytes, group,
                                                   row->group_state_bytes),
                         FEDL_OK);
        restore.masked_sum = fedl_bytes_of(sum, row->masked_sum_bytes);
        restore.group_state = fedl_bytes_of(group, row->group_state_bytes);
    }
    assert_int_equal(fedl_coord_restore_task(&w->coord, &restore), FEDL_OK);
    world_restore_exclusions(w, row->task_id);
    free(container);
    free(words);
    free(sum);
    free(group);
    return true;
}

void world_restart(world *w)
{
    close_coord(w);
    open_coord(w);
    w->restart_count++;
    memset(w->opened_attempt, 0, sizeof w->opened_attempt);
    assert_int_equal(w->store->ops->device_each(w->store, restore_device, w), FEDL_OK);
    assert_int_equal(w->store->ops->task_each(w->store, restore_task, w), FEDL_OK);
    for (uint32_t i = 0; i < w->device_count; i++) {
        w->devices[i].request = 0;
    }
    world_tick(w);
}

void world_event(const world *w, fedl_event *event, fedl_event_kind kind)
{
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->now_ns = w->now_ns;
    event->utc_s = w->utc_s;
}

static void on_action(world *w, const fedl_action *a)
{
    switch (a->kind) {
    case FEDL_ACTION_SEND:
    case FEDL_ACTION_DROP:
        world_answer(w, a);
        return;
    case FEDL_ACTION_STORE:
        assert_true(w->store_count < WORLD_STORES_MAX);
        w->stores[w->store_count].ticket = a->ticket;
        w->stores[w->store_count++].op = a->op;
        return;
    case FEDL_ACTION_ADMIN_REPLY:
        w->admin = *a;
        w->admin_answered = true;
        if (a->text != NULL) {
            (void)snprintf(w->token, sizeof w->token, "%s", a->text);
        }
        return;
    case FEDL_ACTION_LOG:
        world_note_log(w, a);
        return;
    case FEDL_ACTION_COMPUTE:
        assert_int_equal(w->compute_ticket, 0);
        w->compute_ticket = a->ticket;
        w->compute_job = a->job;
        return;
    case FEDL_ACTION_HELPER:
        world_note_question(w, a);
        return;
    case FEDL_ACTION_LOAD:
        assert_true(w->load_out < WORLD_TASKS_MAX);
        w->loads[w->load_out].ticket = a->ticket;
        w->loads[w->load_out++].job = a->load;
        return;
    }
    fail();
}

void world_step_once(world *w, fedl_event *event)
{
    fedl_actions actions;
    for (size_t i = 0; i < FEDL_ENTROPY_BYTES; i++) {
        event->entropy[i] = (uint8_t)fedli_rng_u32(&w->rng);
    }
    assert_int_equal(fedl_coord_step(&w->coord, event, &actions), FEDL_OK);
    assert_true(actions.count <= FEDL_COORD_ACTIONS_MAX);
    for (uint32_t i = 0; i < actions.count; i++) {
        on_action(w, &actions.items[i]);
    }
    if (w->after_step != NULL) {
        w->after_step(w);
    }
    if (w->load_out > 0 && !w->hold_loads) {
        world_load(w);
    }
}

void world_step(world *w, fedl_event *event)
{
    world_step_once(w, event);
    while (!w->hold && (w->store_count > 0 || w->compute_ticket != 0)) {
        if (w->store_count > 0) {
            world_store_one(w);
        } else {
            world_compute(w);
        }
    }
}

void world_tick(world *w)
{
    fedl_event event;
    world_event(w, &event, FEDL_EVENT_TICK);
    world_step(w, &event);
}

void world_settle(world *w)
{
    for (uint32_t i = 0; fedl_coord_deadline_ns(&w->coord) <= w->now_ns; i++) {
        assert_true(i < 10000); /* a deadline in the past must lead somewhere */
        world_tick(w);
    }
}

void world_run_ms(world *w, uint32_t ms)
{
    const fedl_instant_ns until_ns = w->now_ns + (fedl_instant_ns)ms * 1000000;
    for (;;) {
        world_settle(w);
        const fedl_instant_ns next_ns = fedl_coord_deadline_ns(&w->coord);
        if (next_ns > until_ns) {
            break;
        }
        w->now_ns = next_ns;
    }
    w->now_ns = until_ns;
    world_tick(w);
}

void world_admin(world *w, const fedl_admin *admin)
{
    fedl_event event;
    world_event(w, &event, FEDL_EVENT_ADMIN);
    event.admin = *admin;
    event.admin.ticket = ++w->admin_next;
    w->admin_answered = false;
    world_step(w, &event);
}

uint32_t world_add_task(world *w, const char *name)
{
    fedl_task_setup setup;
    const size_t bytes = fedl_container_size(&w->plan.model);
    uint8_t *container = malloc(bytes);
    const fedl_model_config config = {w->plan.model, 0};
    const size_t model_bytes = fedl_model_size(&config);
    void *block = aligned_alloc(16, (model_bytes + 15u) / 16u * 16u);
    fedl_model model;
    assert_non_null(container);
    assert_non_null(block);
    assert_int_equal(fedl_model_init(&model, &config, block, model_bytes), FEDL_OK);
    fedl_model_randomise(&model, w->plan.run_seed);
    assert_int_equal(fedl_model_export(&model, container, bytes), FEDL_OK);
    setup_task(w, &setup, name);
    setup.container = fedl_bytes_of(container, bytes);
    const fedl_admin admin = {.kind = FEDL_ADMIN_TASK_ADD, .setup = &setup};
    world_admin(w, &admin);
    free(container);
    free(block);
    return w->admin_answered && w->admin.status == FEDL_OK ? w->admin.task_id : 0;
}
