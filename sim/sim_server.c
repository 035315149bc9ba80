/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host of the real coordinator: feeds it events, executes its actions. The store is store_mem; an
 * op is applied when the virtual disk has written it, and only then the coordinator hears of it.
 */
#include "sim_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Admin tickets: the task has ticket 0, the token of device i has ticket i. */
#define TICKET_TASK 0u

static fedl_status step(fedl_sim_world *world, fedl_event *event);

static void note_log(fedl_sim_world *world, const fedl_action *log)
{
    if (log->log_kind == FEDL_LOG_TASK_COMPLETE) {
        world->complete = true;
    } else if (log->log_kind == FEDL_LOG_TASK_PAUSED) {
        world->paused = true;
        snprintf(world->pause_reason, sizeof world->pause_reason, "round %u: %s", log->round,
                 log->text == NULL ? "paused" : log->text);
    }
    if (world->cfg.watch.server_log != NULL) {
        world->cfg.watch.server_log(world->cfg.watch.context, world->now_ns, log);
    }
}

static fedl_status admin_reply(fedl_sim_world *world, const fedl_action *action)
{
    if (action->status != FEDL_OK) {
        return fedl_sim_fail(world->text, action->status, "the coordinator refused %s: %s",
                             action->ticket == TICKET_TASK ? "the task" : "a device",
                             fedl_status_text(action->status));
    }
    if (action->ticket == TICKET_TASK) {
        return FEDL_OK;
    }
    if (action->device_id != action->ticket || action->device_id > world->device_count) {
        return fedl_sim_fail(world->text, FEDL_ERR_STATE, "device %llu got the id %u",
                             (unsigned long long)action->ticket, action->device_id);
    }
    fedli_sim_device *device = &world->devices[action->device_id - 1];
    snprintf(device->token, sizeof device->token, "%s", action->text);
    return fedli_sim_device_start(world, device, fedli_sim_delay_ns(world, device));
}

static fedl_status act(fedl_sim_world *world, const fedl_action *action)
{
    switch (action->kind) {
    case FEDL_ACTION_SEND:
        return fedli_sim_send_down(world, action->request, action->bytes);
    case FEDL_ACTION_DROP:
        fedli_sim_forget_request(world, action->request);
        return FEDL_OK;
    case FEDL_ACTION_STORE:
        return fedli_sim_server_store(world, action);
    case FEDL_ACTION_ADMIN_REPLY:
        return admin_reply(world, action);
    case FEDL_ACTION_LOG:
        note_log(world, action);
        return FEDL_OK;
    case FEDL_ACTION_COMPUTE:
        return fedli_sim_server_compute(world, action);
    case FEDL_ACTION_LOAD:
        return fedli_sim_server_load(world, action);
    case FEDL_ACTION_HELPER:
        return fedli_sim_helper_ask(world, action);
    }
    return FEDL_ERR_STATE;
}

static fedl_status push_tick(fedl_sim_world *world)
{
    const fedl_instant_ns deadline_ns = fedl_coord_deadline_ns(&world->coord);
    const fedl_instant_ns at_ns = deadline_ns < world->now_ns ? world->now_ns : deadline_ns;
    if (deadline_ns == FEDL_NEVER_NS || at_ns >= world->server_tick_ns) {
        return FEDL_OK;
    }
    world->server_tick_ns = at_ns;
    const fedl_sim_event event = {
        .at_ns = at_ns, .kind = FEDL_SIM_SERVER_TICK, .life = world->server_life};
    return fedl_sim_heap_push(&world->heap, &event);
}

static fedl_status step(fedl_sim_world *world, fedl_event *event)
{
    world->spin_count = world->now_ns == world->spin_ns ? world->spin_count + 1 : 0;
    world->spin_ns = world->now_ns;
    if (world->spin_count > FEDLI_SIM_SPIN_MAX + 10 * world->device_count) {
        return fedl_sim_fail(world->text, FEDL_ERR_STATE,
                             "the coordinator asks for a tick without end");
    }
    event->now_ns = world->now_ns;
    event->utc_s = FEDLI_SIM_UTC_S + (uint64_t)(world->now_ns / 1000000000);
    fedli_sim_entropy(world, 0, &world->server_entropy_counter, event->entropy);
    fedl_actions actions;
    fedl_status status = fedl_coord_step(&world->coord, event, &actions);
    if (status != FEDL_OK) {
        return fedl_sim_fail(world->text, status, "coordinator, event %d: %s", (int)event->kind,
                             fedl_status_text(status));
    }
    for (uint32_t i = 0; i < actions.count && status == FEDL_OK; i++) {
        status = act(world, &actions.items[i]);
    }
    if (world->cfg.watch.server_stepped != NULL) {
        world->cfg.watch.server_stepped(
            world->cfg.watch.context,
            fedl_bytes_of(world->coord_block, fedl_coord_size(&world->coord_cfg)),
            fedl_bytes_of(world->task_block, world->setup.block_bytes));
    }
    return status == FEDL_OK ? push_tick(world) : status;
}

/* Adds one to the reason; those beyond the last place are only in the sums. */
static void note_reason(fedl_sim_totals *totals, const char *text, bool burnt)
{
    uint32_t i = 0;
    text = text == NULL ? "no reason given" : text;
    while (i < totals->reason_count &&
           (totals->reasons[i].burnt != burnt || strcmp(totals->reasons[i].text, text) != 0)) {
        i++;
    }
    if (i == FEDL_SIM_REASONS_MAX) {
        return;
    }
    totals->reason_count += i == totals->reason_count ? 1u : 0u;
    totals->reasons[i].text = text;
    totals->reasons[i].burnt = burnt;
    totals->reasons[i].count++;
}

/* Counted when it is durable, not when the coordinator says so: it may die in between. */
static void note_durable(fedl_sim_world *world, const fedl_store_op *op)
{
    fedl_sim_totals *totals = &world->totals;
    if (op->kind == FEDL_STORE_COMMIT) {
        totals->rounds++;
        totals->client_updates += op->member_count;
        if (totals->fewest_reports == 0 || op->member_count < totals->fewest_reports) {
            totals->fewest_reports = op->member_count;
        }
        if (op->member_count > totals->most_reports) {
            totals->most_reports = op->member_count;
        }
        world->progress_ns = world->now_ns;
    } else if (op->kind == FEDL_STORE_ROUND_ABORT) {
        totals->aborted_attempts++;
        note_reason(totals, op->text, false);
        world->progress_ns = world->now_ns;
    } else if (op->kind == FEDL_STORE_ROUND_BURN) {
        totals->burnt_rounds++;
        note_reason(totals, op->text, true);
        world->progress_ns = world->now_ns;
    }
    if (op->kind == FEDL_STORE_COMMIT || op->kind == FEDL_STORE_TASK_ADD) {
        totals->version = op->model.version;
        memcpy(totals->digest, op->model.digest, sizeof totals->digest);
    }
    if (world->cfg.watch.stored != NULL) {
        world->cfg.watch.stored(world->cfg.watch.context, world->now_ns, op);
    }
}

/* The coordinator takes a few at a time: each answer makes room for one more. */
static fedl_status invite_next(fedl_sim_world *world)
{
    fedl_event event = {.kind = FEDL_EVENT_ADMIN};
    if (world->invited_count == world->device_count) {
        return FEDL_OK;
    }
    world->invited_count++;
    event.admin.kind = FEDL_ADMIN_DEVICE_ADD;
    event.admin.ticket = world->invited_count;
    event.admin.token_valid_s = 86400;
    snprintf(event.admin.name, sizeof event.admin.name, "sim-%u", world->invited_count);
    return step(world, &event);
}

static fedl_status stored(fedl_sim_world *world, const fedl_sim_event *event)
{
    const fedl_store_op *op;
    memcpy(&op, event->bytes, sizeof op);
    fedl_event out = {.kind = FEDL_EVENT_STORED, .ticket = event->request};
    bool written = true;
    const bool fails = fedli_sim_server_fails(world, op, &written);
    const bool invited = op->kind == FEDL_STORE_DEVICE_ADD;
    if (written) {
        out.status = world->store->ops->apply(world->store, op);
    }
    if (written && out.status == FEDL_OK) {
        note_durable(world, op);
    }
    if (fails) {
        return fedli_sim_server_restart(world);
    }
    const fedl_status status = step(world, &out);
    return status == FEDL_OK && invited ? invite_next(world) : status;
}

fedl_status fedli_sim_server_event(fedl_sim_world *world, fedl_sim_event *event)
{
    fedl_event out = {.request = event->request};
    if (event->life != world->server_life) {
        return FEDL_OK; /* meant for a process that has died */
    }
    if (event->kind == FEDL_SIM_SERVER_STORED) {
        return stored(world, event);
    }
    if (event->kind == FEDL_SIM_SERVER_COMPUTED || event->kind == FEDL_SIM_SERVER_LOADED) {
        out.kind =
            event->kind == FEDL_SIM_SERVER_COMPUTED ? FEDL_EVENT_COMPUTED : FEDL_EVENT_LOADED;
        out.ticket = event->request;
        return step(world, &out);
    }
    if (event->kind == FEDL_SIM_SERVER_HELPED) {
        out.kind = FEDL_EVENT_HELPER;
        out.ticket = event->request;
        out.status = event->status;
        out.bytes = fedl_bytes_of(event->bytes, event->size);
        return step(world, &out);
    }
    if (event->kind == FEDL_SIM_SERVER_MESSAGE) {
        out.kind = FEDL_EVENT_MESSAGE;
        out.bytes = fedl_bytes_of(event->bytes, event->size);
        return step(world, &out);
    }
    if (event->kind == FEDL_SIM_SERVER_GONE) {
        out.kind = FEDL_EVENT_GONE;
        return step(world, &out);
    }
    if (event->at_ns != world->server_tick_ns) {
        return FEDL_OK; /* an earlier tick has replaced this one */
    }
    world->server_tick_ns = FEDL_NEVER_NS;
    out.kind = FEDL_EVENT_TICK;
    return step(world, &out);
}

/* The first model: integer initialisation from the plan's seed, as every fedl program makes it. */
static fedl_status make_container(fedl_sim_world *world)
{
    const fedl_plan *plan = &world->cfg.task->plan;
    const fedl_model_config cfg = {.spec = plan->model, .batch_rows_max = 0};
    const size_t model_bytes = fedl_model_size(&cfg);
    const size_t container_bytes = fedl_container_size(&plan->model);
    void *block = aligned_alloc(64, (model_bytes + 63) / 64 * 64);
    world->container = malloc(container_bytes);
    fedl_status status = block == NULL || world->container == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    fedl_model model;
    if (status == FEDL_OK) {
        status = fedl_model_init(&model, &cfg, block, model_bytes);
    }
    if (status == FEDL_OK) {
        fedl_model_randomise(&model, plan->run_seed);
        status = fedl_model_export(&model, world->container, container_bytes);
    }
    free(block);
    return status;
}

static fedl_status make_task(fedl_sim_world *world)
{
    const fedl_task_config *task = world->cfg.task;
    fedl_status status = make_container(world);
    if (status != FEDL_OK) {
        return status;
    }
    const char *reason = NULL;
    status = fedl_coord_task_check(&task->plan, &task->round, &reason);
    if (status != FEDL_OK) {
        return fedl_sim_fail(world->text, status, "the plan can't be run: %s",
                             reason == NULL ? fedl_status_text(status) : reason);
    }
    const size_t bytes = fedl_coord_task_size(&world->coord_cfg, &task->plan, &task->round);
    world->task_block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (world->task_block == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    world->setup = (fedl_task_setup){
        .name = task->name,
        .plan = task->plan,
        .round = task->round,
        .plan_text = world->cfg.plan_text,
        .container = fedl_bytes_of(world->container, fedl_container_size(&task->plan.model)),
        .block = world->task_block,
        .block_bytes = bytes};
    return FEDL_OK;
}

fedl_status fedli_sim_server_create(fedl_sim_world *world)
{
    fedl_coord_config *cfg = &world->coord_cfg;
    fedl_coord_config_default(cfg);
    cfg->crypto = world->crypto;
    cfg->identity = world->server;
    cfg->devices_max = world->device_count;
    /* A device that lost its connection leaves a session behind until it is idle. */
    cfg->sessions_max = 2 * world->device_count + 16;
    cfg->tasks_max = 1;
    cfg->has_helper = world->helper.machine != NULL;
    memcpy(cfg->helper_cert, world->helper.cert, sizeof cfg->helper_cert);
    cfg->staging_bytes =
        fedl_update_vector_size(&world->cfg.task->plan.update,
                                fedl_model_parameter_count(&world->cfg.task->plan.model)) *
        (world->cfg.task->round.select_count < 64 ? world->cfg.task->round.select_count : 64);
    world->server_tick_ns = FEDL_NEVER_NS;
    const size_t bytes = fedl_coord_size(cfg);
    if (bytes == 0) {
        return fedl_sim_fail(world->text, FEDL_ERR_RANGE, "too many clients: %u",
                             world->device_count);
    }
    world->coord_block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (world->coord_block == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fedl_status status = fedl_coord_init(&world->coord, cfg, world->coord_block, bytes);
    if (status == FEDL_OK) {
        status = fedl_store_mem_open(&world->store, world->crypto);
    }
    return status == FEDL_OK ? make_task(world) : status;
}

void fedli_sim_server_destroy(fedl_sim_world *world)
{
    if (world->coord.state != NULL) {
        fedl_coord_deinit(&world->coord);
    }
    if (world->store != NULL) {
        world->store->ops->close(world->store);
    }
    fedli_sim_helper_destroy(world);
    free(world->coord_block);
    free(world->task_block);
    free(world->container);
}

fedl_status fedli_sim_server_begin(fedl_sim_world *world)
{
    fedl_event event = {.kind = FEDL_EVENT_ADMIN};
    event.admin.kind = FEDL_ADMIN_TASK_ADD;
    event.admin.ticket = TICKET_TASK;
    event.admin.setup = &world->setup;
    fedl_status status = step(world, &event);
    for (uint32_t i = 0; i < world->device_count && status == FEDL_OK; i++) {
        if (world->cfg.enrol == FEDL_SIM_ENROL_TOKENS) {
            status = i < FEDL_SIM_ENROL_MAX ? invite_next(world) : FEDL_OK;
        } else {
            /* Switched on within the first two seconds, each at its own time. */
            fedli_sim_device *device = &world->devices[i];
            status = fedli_sim_device_start(
                world, device, (int64_t)fedli_rng_below(&device->net_rng, 2000) * FEDLI_SIM_MS_NS);
        }
    }
    return status;
}
