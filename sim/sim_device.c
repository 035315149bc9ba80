/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts of the real clients: one made-up device each, with its rows of the shared table, its memory
 * and its connection. What a client wants done is in sim_device_actions.c.
 */
#include "sim_state.h"

#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

/* Local work between two looks at the cancel flag. */
#define BATCHES_PER_SLICE 32u
/* What a device reads of each other in a complete graph, at most: its certificates. */
#define MASKED_ITEMS_BYTES 320u

static void client_config(const fedl_sim_world *world, const fedli_sim_device *device,
                          fedl_client_config *cfg)
{
    const fedl_plan *plan = &world->cfg.task->plan;
    fedl_client_config_default(cfg);
    cfg->crypto = world->crypto;
    /* No larger than the largest transfer of this task: thousands of clients share one process. */
    const size_t container = fedl_container_size(&plan->model);
    const size_t vector =
        fedl_update_vector_size(&plan->update, fedl_model_parameter_count(&plan->model));
    size_t transfer = container > vector ? container : vector;
    if (plan->aggregation == FEDL_AGGREGATION_MASKED) {
        /* The roster and the neighbours' certificates are read within one step_timeout, so a small
         * model must not make small chunks; what devices have by default is enough. */
        const size_t items = MASKED_ITEMS_BYTES * (size_t)plan->update.clients_max;
        const size_t enough = items < cfg->chunk_bytes_max ? items : cfg->chunk_bytes_max;
        transfer = transfer > enough ? transfer : enough;
    }
    const size_t largest = (transfer + 63) / 64 * 64;
    cfg->chunk_bytes_max = largest > FEDLI_CHUNK_BYTES_MAX   ? FEDLI_CHUNK_BYTES_MAX
                           : largest < FEDLI_CHUNK_BYTES_MIN ? FEDLI_CHUNK_BYTES_MIN
                                                             : (uint32_t)largest;
    /* Simulated devices agree to whatever the plan asks: the operator's question is what it does.
     */
    cfg->policy.min_aggregation = plan->aggregation;
    if (plan->aggregation != FEDL_AGGREGATION_PLAIN) {
        cfg->policy.min_cohort = plan->secagg.min_cohort;
        cfg->policy.gamma_permille = plan->secagg.gamma_permille;
    }
    cfg->policy.epochs_max = plan->train.local_epochs;
    cfg->policy.w_max = plan->update.w_max;
    cfg->mode = FEDL_CLIENT_RUN;
    if (device != NULL) {
        cfg->mode = device->joining ? FEDL_CLIENT_JOIN : FEDL_CLIENT_RUN;
        cfg->token = device->token;
        cfg->identity = device->identity;
        cfg->progress = device->progress;
    }
}

static void train_job(void *context)
{
    fedli_sim_device *device = context;
    bool done = false;
    fedl_status status = FEDL_OK;
    while (!done && status == FEDL_OK && !atomic_load(&device->job.cancelled)) {
        status = fedl_client_train(&device->machine, &done, &device->train_source,
                                   &device->eval_source, BATCHES_PER_SLICE);
    }
    device->job_status = status;
}

static void forget_saved(fedli_sim_device *device)
{
    free(device->saved);
    device->saved = NULL;
    device->saved_bytes = 0;
}

static fedl_status device_init(fedl_sim_world *world, fedli_sim_device *device, uint32_t index)
{
    const fedl_partition *part = world->cfg.partition;
    const fedl_plan *plan = &world->cfg.task->plan;
    device->index = index;
    device->job.run = train_job;
    device->job.context = device;
    device->tick_ns = FEDL_NEVER_NS;
    device->phase = FEDL_SIM_CHECKIN;
    device->cut_after = UINT32_MAX;
    fedli_rng_init(&device->net_rng, world->cfg.seed ^ ((uint64_t)(index + 1) << 32));
    device->speed_q8 = 128 + fedli_rng_below(&device->net_rng, 385);
    fedl_status status = fedl_view_split(&device->train_view, &device->eval_view, world->cfg.table,
                                         part->rows + part->first[index],
                                         part->first[index + 1] - part->first[index],
                                         plan->run_seed, index + 1, plan->holdout_permille);
    if (status == FEDL_OK) {
        device->train_source = fedl_view_source(&device->train_view);
        device->eval_source = fedl_view_source(&device->eval_view);
        device->block_bytes = world->client_block_bytes;
        device->block = aligned_alloc(64, (device->block_bytes + 63) / 64 * 64);
        status = device->block == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    }
    return status;
}

/* As if it had enrolled long ago: known to the store and to the coordinator. */
static fedl_status provision(fedl_sim_world *world, fedli_sim_device *device)
{
    fedl_store_op op = {.kind = FEDL_STORE_DEVICE_ADD, .utc_s = FEDLI_SIM_UTC_S};
    fedl_device_record record;
    fedli_sim_device_keys(world, &device->identity, &record, device->index + 1);
    op.device = record;
    op.device.state = FEDL_DEVICE_INVITED;
    fedl_status status = world->store->ops->apply(world->store, &op);
    if (status == FEDL_OK) {
        op.kind = FEDL_STORE_DEVICE_ENROL;
        op.device = record;
        status = world->store->ops->apply(world->store, &op);
    }
    return status == FEDL_OK ? fedl_coord_restore_device(&world->coord, &record) : status;
}

fedl_status fedli_sim_devices_create(fedl_sim_world *world)
{
    fedl_client_config cfg;
    client_config(world, NULL, &cfg);
    world->client_block_bytes = fedl_client_size(&cfg);
    if (world->client_block_bytes == 0) {
        return FEDL_ERR_RANGE;
    }
    world->devices = calloc(world->device_count, sizeof *world->devices);
    world->spare_memory = calloc(world->device_count, sizeof *world->spare_memory);
    if (world->devices == NULL || world->spare_memory == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fedl_status status = FEDL_OK;
    for (uint32_t i = 0; i < world->device_count && status == FEDL_OK; i++) {
        status = device_init(world, &world->devices[i], i);
        if (status == FEDL_OK && world->cfg.enrol == FEDL_SIM_ENROL_PROVISIONED) {
            status = provision(world, &world->devices[i]);
        }
    }
    return status;
}

void fedli_sim_devices_destroy(fedl_sim_world *world)
{
    for (uint32_t i = 0; world->devices != NULL && i < world->device_count; i++) {
        fedli_sim_device *device = &world->devices[i];
        if (device->on) {
            fedl_sim_pool_cancel(world->pool, &device->job);
            fedl_client_deinit(&device->machine);
        }
        free(device->memory);
        free(device->block);
        free(device->saved);
    }
    for (uint32_t i = 0; i < world->spare_count; i++) {
        free(world->spare_memory[i]);
    }
    free(world->spare_memory);
    free(world->devices);
}

/* With a machine in its flash it goes on; if that is used up or too old, it begins anew. */
static fedl_status start_machine(fedl_sim_world *world, fedli_sim_device *device,
                                 const fedl_client_config *cfg)
{
    fedl_status status = FEDL_ERR_FORMAT;
    if (device->saved != NULL) {
        status = fedl_client_restore(&device->machine, cfg, device->block, device->block_bytes,
                                     fedl_bytes_of(device->saved, device->saved_bytes));
        world->totals.resumed += status == FEDL_OK ? 1u : 0u;
    }
    if (status != FEDL_OK) {
        forget_saved(device);
        status = fedl_client_init(&device->machine, cfg, device->block, device->block_bytes);
    }
    return status;
}

/* Into its flash and off; the same way back as after a power cut. */
static fedl_status put_away(fedl_sim_world *world, fedli_sim_device *device)
{
    const size_t bytes = fedl_client_save_bytes(&device->machine);
    size_t size = 0;
    uint8_t *saved = malloc(bytes);
    if (saved == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fedl_status status = fedl_client_save(&device->machine, saved, bytes, &size);
    forget_saved(device);
    device->saved = saved;
    device->saved_bytes = size;
    if (status == FEDL_OK) {
        status = fedli_sim_device_stop(world, device);
    }
    return status == FEDL_OK
               ? fedli_sim_post(world, device, FEDL_SIM_CLIENT_RETURN,
                                (int64_t)world->cfg.net.away_ms * FEDLI_SIM_MS_NS, FEDL_OK)
               : status;
}

fedl_status fedli_sim_device_start(fedl_sim_world *world, fedli_sim_device *device,
                                   int64_t delay_ns)
{
    device->joining = device->identity.device_id == 0;
    fedl_client_config cfg;
    client_config(world, device, &cfg);
    const fedl_status status = start_machine(world, device, &cfg);
    if (status != FEDL_OK) {
        return fedl_sim_fail(world->text, status, "client %u does not start: %s", device->index + 1,
                             fedl_status_text(status));
    }
    device->on = true;
    device->life++;
    device->tick_ns = world->now_ns + delay_ns;
    fedli_sim_enter_phase(world, device, FEDL_SIM_CHECKIN);
    return fedli_sim_post(world, device, FEDL_SIM_CLIENT_TICK, delay_ns, FEDL_OK);
}

static fedl_status push_tick(fedl_sim_world *world, fedli_sim_device *device)
{
    const fedl_instant_ns deadline_ns = fedl_client_deadline_ns(&device->machine);
    const fedl_instant_ns at_ns = deadline_ns < world->now_ns ? world->now_ns : deadline_ns;
    if (deadline_ns == FEDL_NEVER_NS || at_ns >= device->tick_ns) {
        return FEDL_OK;
    }
    device->tick_ns = at_ns;
    return fedli_sim_post(world, device, FEDL_SIM_CLIENT_TICK, at_ns - world->now_ns, FEDL_OK);
}

static fedl_status step(fedl_sim_world *world, fedli_sim_device *device, fedl_client_event *event)
{
    event->now_ns = world->now_ns;
    event->utc_s = FEDLI_SIM_UTC_S + (uint64_t)(world->now_ns / 1000000000);
    fedli_sim_entropy(world, device->index + 1, &device->entropy_counter, event->entropy);
    fedl_client_actions actions;
    fedl_status status = fedl_client_step(&device->machine, event, &actions);
    if (status != FEDL_OK) {
        return fedl_sim_fail(world->text, status, "client %u, event %d: %s", device->index + 1,
                             (int)event->kind, fedl_status_text(status));
    }
    bool off = false;
    for (uint32_t i = 0; i < actions.count && status == FEDL_OK && !off; i++) {
        status = fedli_sim_device_act(world, device, &actions.items[i], &off);
    }
    if (status == FEDL_OK && !off && world->cfg.watch.put_away != NULL &&
        fedl_client_save_bytes(&device->machine) > 0 &&
        world->cfg.watch.put_away(world->cfg.watch.context, device->index + 1)) {
        return put_away(world, device);
    }
    return status == FEDL_OK && !off ? push_tick(world, device) : status;
}

/* True when the event is about a life or a connection that has ended meanwhile. */
static bool is_stale(const fedli_sim_device *device, const fedl_sim_event *event)
{
    switch (event->kind) {
    case FEDL_SIM_CLIENT_TICK:
        return event->life != device->life || !device->on || event->at_ns != device->tick_ns;
    case FEDL_SIM_CLIENT_CONNECTED:
    case FEDL_SIM_CLIENT_DISCONNECTED:
        return event->life != device->life || !device->on ||
               event->connection != device->connection;
    case FEDL_SIM_CLIENT_MESSAGE:
        return event->life != device->life || !device->on ||
               event->connection != device->connection || !device->awaiting ||
               event->request != device->exchange;
    case FEDL_SIM_CLIENT_MEMORY:
    case FEDL_SIM_CLIENT_TRAINED:
    case FEDL_SIM_CLIENT_STORED:
        return event->life != device->life || !device->on;
    case FEDL_SIM_CLIENT_RETURN:
        return event->life != device->life;
    case FEDL_SIM_SERVER_TICK:
    case FEDL_SIM_SERVER_MESSAGE:
    case FEDL_SIM_SERVER_GONE:
    case FEDL_SIM_SERVER_STORED:
    case FEDL_SIM_SERVER_COMPUTED:
    case FEDL_SIM_SERVER_HELPED:
    case FEDL_SIM_HELPER_ASKED:
    case FEDL_SIM_SERVER_LOADED:
        return true;
    }
    return true;
}

/* Lets a test break the device's hardware. */
static void spoil(fedl_sim_world *world, fedli_sim_device *device, fedl_client_event *out)
{
    if (world->cfg.watch.hardware == NULL ||
        (out->kind != FEDL_CLIENT_MEMORY && out->kind != FEDL_CLIENT_TRAINED &&
         out->kind != FEDL_CLIENT_STORED)) {
        return;
    }
    const fedl_status fault =
        world->cfg.watch.hardware(world->cfg.watch.context, device->index + 1, out->kind);
    if (fault == FEDL_OK) {
        return;
    }
    if (out->kind == FEDL_CLIENT_MEMORY) {
        fedli_sim_device_release(world, device);
        out->block = NULL;
        out->block_bytes = 0;
    } else {
        out->status = fault;
    }
}

fedl_status fedli_sim_device_event(fedl_sim_world *world, fedl_sim_event *event)
{
    fedli_sim_device *device = &world->devices[event->client];
    if (is_stale(device, event)) {
        return FEDL_OK;
    }
    if (event->kind == FEDL_SIM_CLIENT_RETURN) {
        return fedli_sim_device_start(world, device, 0);
    }
    /* No step while the client trains on another thread; the clock has not reached the end of its
     * training, but its result exists and will be announced then. */
    fedl_sim_pool_wait(world->pool, &device->job);
    fedl_client_event out = {.status = event->status};
    if (event->kind == FEDL_SIM_CLIENT_TICK) {
        device->tick_ns = FEDL_NEVER_NS;
        out.kind = FEDL_CLIENT_TICK;
    } else if (event->kind == FEDL_SIM_CLIENT_CONNECTED) {
        device->connected = true;
        out.kind = FEDL_CLIENT_CONNECTED;
    } else if (event->kind == FEDL_SIM_CLIENT_DISCONNECTED) {
        device->connected = false;
        device->connection++;
        out.kind = FEDL_CLIENT_DISCONNECTED;
    } else if (event->kind == FEDL_SIM_CLIENT_MESSAGE) {
        device->awaiting = false;
        out.kind = FEDL_CLIENT_MESSAGE;
        out.bytes = fedl_bytes_of(event->bytes, event->size);
    } else if (event->kind == FEDL_SIM_CLIENT_MEMORY) {
        out.kind = FEDL_CLIENT_MEMORY;
        out.block = device->memory;
        out.block_bytes = device->memory_bytes;
    } else if (event->kind == FEDL_SIM_CLIENT_TRAINED) {
        if (device->cut_after == 0 && device->phase == FEDL_SIM_TRAIN) {
            return fedli_sim_device_cut(world, device);
        }
        out.kind = FEDL_CLIENT_TRAINED;
        out.status = device->job_status;
    } else {
        out.kind = FEDL_CLIENT_STORED;
    }
    spoil(world, device, &out);
    const fedl_sim_phase phase = device->phase;
    const fedl_status status = step(world, device, &out);
    if (out.kind == FEDL_CLIENT_MESSAGE &&
        (phase != FEDL_SIM_CHECKIN || device->phase != FEDL_SIM_CHECKIN)) {
        world->totals.bytes_down += event->size;
    }
    return status;
}
