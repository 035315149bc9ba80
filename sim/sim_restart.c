/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's process dies and comes back: everything in its memory is gone, every connection is
 * broken, and a new coordinator is built from what the store knows, as fedl-server does when it
 * starts. It strikes at writes, half of the time just before and half of the time just after the
 * data became durable, because all other moments are equal to one of these two.
 */
#include "sim_state.h"

#include <stdlib.h>

typedef struct restart_state {
    fedl_sim_world *world;
    fedl_status status;
    fedl_task_row task;
    uint32_t task_count;
    fedl_model_row newest;
    uint8_t *container;
    uint8_t *agg_state;
    int32_t *words;
    uint8_t *masked_sum;
    uint8_t *group_state;
} restart_state;

static bool restore_device(void *context, const fedl_device_record *device)
{
    restart_state *state = context;
    state->status = fedl_coord_restore_device(&state->world->coord, device);
    return state->status == FEDL_OK;
}

static bool take_task(void *context, const fedl_task_row *row)
{
    restart_state *state = context;
    state->task = *row;
    state->task_count++;
    return true;
}

static bool take_model(void *context, const fedl_model_row *row)
{
    restart_state *state = context;
    state->newest = *row;
    return true;
}

/* A masked sum that waits to be finished. */
static fedl_status read_group(restart_state *state, fedl_task_restore *restore)
{
    const fedl_task_row *row = &state->task;
    if (row->masked_sum_bytes == 0) {
        return FEDL_OK;
    }
    state->masked_sum = malloc(row->masked_sum_bytes);
    state->group_state = malloc(row->group_state_bytes);
    if (state->masked_sum == NULL || state->group_state == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    restore->masked_sum = fedl_bytes_of(state->masked_sum, row->masked_sum_bytes);
    restore->group_state = fedl_bytes_of(state->group_state, row->group_state_bytes);
    return state->world->store->ops->group_read(state->world->store, row->task_id,
                                                state->masked_sum, row->masked_sum_bytes,
                                                state->group_state, row->group_state_bytes);
}

static fedl_status restore_task(restart_state *state)
{
    fedl_sim_world *world = state->world;
    const fedl_store_ops *ops = world->store->ops;
    const fedl_model_row *row = &state->newest;
    fedl_task_restore restore = {.setup = world->setup,
                                 .task_id = state->task.task_id,
                                 .state = state->task.state,
                                 .round_next = state->task.round_next,
                                 .attempt_last = state->task.attempt_last,
                                 .attempt_open = state->task.attempt_open,
                                 .rho_spent = state->task.rho_spent};
    state->container = malloc(row->container_bytes);
    state->agg_state = malloc(row->agg_state_bytes + 1);
    state->words = calloc(row->parameter_count, sizeof *state->words);
    if (state->container == NULL || state->agg_state == NULL || state->words == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fedl_status status =
        ops->model_read(world->store, &restore.newest, row->task_id, row->version, state->container,
                        row->container_bytes, state->words, row->parameter_count);
    if (status == FEDL_OK) {
        status = ops->agg_state_read(world->store, row->task_id, row->version, state->agg_state,
                                     row->agg_state_bytes);
    }
    if (status == FEDL_OK) {
        status = read_group(state, &restore);
    }
    if (status != FEDL_OK) {
        return status;
    }
    restore.newest.agg_state = fedl_bytes_of(state->agg_state, row->agg_state_bytes);
    restore.setup.container = restore.newest.container;
    return fedl_coord_restore_task(&world->coord, &restore);
}

static bool restore_exclusion(void *context, uint32_t device_id)
{
    restart_state *state = context;
    state->status =
        fedl_coord_restore_exclusion(&state->world->coord, state->task.task_id, device_id);
    return state->status == FEDL_OK;
}

static fedl_status restore_all(fedl_sim_world *world)
{
    const fedl_store_ops *ops = world->store->ops;
    restart_state state = {.world = world};
    fedl_status status = ops->device_each(world->store, restore_device, &state);
    status = status == FEDL_OK ? state.status : status;
    if (status == FEDL_OK) {
        status = ops->task_each(world->store, take_task, &state);
    }
    if (status == FEDL_OK && state.task_count != 1) {
        status = FEDL_ERR_CORRUPT;
    }
    if (status == FEDL_OK) {
        status = ops->model_each(world->store, state.task.task_id, take_model, &state);
    }
    if (status == FEDL_OK) {
        status = restore_task(&state);
    }
    if (status == FEDL_OK) {
        status = ops->exclusion_each(world->store, state.task.task_id, restore_exclusion, &state);
        status = status == FEDL_OK ? state.status : status;
    }
    free(state.container);
    free(state.agg_state);
    free(state.words);
    free(state.masked_sum);
    free(state.group_state);
    world->complete = status == FEDL_OK && state.task.state == FEDL_TASK_COMPLETE;
    return status;
}

/* All connections end; what the old process had in hand is lost. */
static fedl_status break_connections(fedl_sim_world *world)
{
    fedl_status status = FEDL_OK;
    for (uint32_t i = 0; i < world->device_count && status == FEDL_OK; i++) {
        fedli_sim_device *device = &world->devices[i];
        for (uint32_t slot = 0; slot < FEDLI_SIM_REQUESTS; slot++) {
            device->requests[slot] = 0;
        }
        if (device->on && device->connected) {
            status = fedli_sim_post(world, device, FEDL_SIM_CLIENT_DISCONNECTED,
                                    fedli_sim_delay_ns(world, device), FEDL_OK);
        }
    }
    return status;
}

bool fedli_sim_server_fails(fedl_sim_world *world, const fedl_store_op *op, bool *written)
{
    const double chance = world->cfg.net.server_crash;
    if (chance <= 0.0) {
        return false;
    }
    /* Invitations and the task itself come from an operator, who would notice and repeat them; the
     * simulator has none. */
    for (uint32_t i = 0; i < world->device_count; i++) {
        if (world->devices[i].identity.device_id == 0) {
            return false;
        }
    }
    if (op->kind == FEDL_STORE_TASK_ADD || op->kind == FEDL_STORE_DEVICE_ADD ||
        (double)fedli_rng_u32(&world->server_rng) >= chance * 4294967296.0) {
        return false;
    }
    *written = fedli_rng_below(&world->server_rng, 2) == 1;
    return true;
}

fedl_status fedli_sim_server_restart(fedl_sim_world *world)
{
    world->totals.server_crashes++;
    world->server_life++;
    world->server_tick_ns = world->now_ns;
    fedl_coord_deinit(&world->coord);
    world->coord.state = NULL;
    const size_t bytes = fedl_coord_size(&world->coord_cfg);
    fedl_status status =
        fedl_coord_init(&world->coord, &world->coord_cfg, world->coord_block, bytes);
    if (status == FEDL_OK) {
        status = restore_all(world);
    }
    if (status == FEDL_OK) {
        status = break_connections(world);
    }
    if (status != FEDL_OK) {
        return fedl_sim_fail(world->text, status, "the server does not come back: %s",
                             fedl_status_text(status));
    }
    const fedl_sim_event tick = {
        .at_ns = world->now_ns, .kind = FEDL_SIM_SERVER_TICK, .life = world->server_life};
    return fedl_sim_heap_push(&world->heap, &tick);
}
