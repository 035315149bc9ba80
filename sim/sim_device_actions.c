/* SPDX-License-Identifier: Apache-2.0 */
/* What a client wants done, on made-up hardware: see sim_device.c. */
#include "sim_state.h"

#include <stdlib.h>
#include <string.h>

/* Writing to the flash of a device. */
#define FLASH_NS (5 * FEDLI_SIM_MS_NS)

void fedli_sim_device_release(fedl_sim_world *world, fedli_sim_device *device)
{
    if (device->memory == NULL) {
        return;
    }
    if (device->memory_bytes == world->spare_bytes && world->spare_count < world->device_count) {
        world->spare_memory[world->spare_count++] = device->memory;
    } else {
        free(device->memory);
    }
    device->memory = NULL;
    device->memory_bytes = 0;
}

/* A refusal (NULL) is what a device without memory answers. */
static void give_memory(fedl_sim_world *world, fedli_sim_device *device, size_t bytes)
{
    fedli_sim_device_release(world, device);
    if (bytes == world->spare_bytes && world->spare_count > 0) {
        device->memory = world->spare_memory[--world->spare_count];
    } else {
        device->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
        world->spare_bytes = world->spare_count == 0 ? bytes : world->spare_bytes;
    }
    device->memory_bytes = device->memory == NULL ? 0 : bytes;
}

/* Forward, data gradient and weight gradient: three products per weight and row; the hold-out rows
 * need the forward pass only. */
static int64_t training_ns(const fedl_sim_world *world, const fedli_sim_device *device)
{
    const fedl_plan *plan = &world->cfg.task->plan;
    const uint64_t products =
        (uint64_t)fedl_model_parameter_count(&plan->model) *
        (3u * (uint64_t)plan->train.local_epochs * device->train_view.row_count +
         device->eval_view.row_count);
    /* products < 2^20 · 2^2 · 2^10 · 2^28: in double, because this is only a made-up duration. */
    const double per_s =
        (double)(UINT64_C(1) << world->cfg.device_mac_per_s_log2) * device->speed_q8 / 256.0;
    const double seconds = (double)products / per_s;
    return FEDLI_SIM_MS_NS + (int64_t)((seconds < 1e8 ? seconds : 1e8) * 1e9);
}

static fedl_status start_training(fedl_sim_world *world, fedli_sim_device *device)
{
    fedli_sim_enter_phase(world, device, FEDL_SIM_TRAIN);
    fedl_sim_pool_submit(world->pool, &device->job, FEDL_SIM_URGENT);
    return fedli_sim_post(world, device, FEDL_SIM_CLIENT_TRAINED, training_ns(world, device),
                          FEDL_OK);
}

static fedl_status keep(fedl_sim_world *world, fedli_sim_device *device,
                        const fedl_client_action *action)
{
    fedl_status status = FEDL_OK;
    if (action->store_kind == FEDL_CLIENT_STORE_IDENTITY) {
        status = fedl_identity_decode(&device->identity, action->bytes, world->crypto);
    } else {
        status = fedl_client_progress_decode(&device->progress, action->bytes);
    }
    return status == FEDL_OK
               ? fedli_sim_post(world, device, FEDL_SIM_CLIENT_STORED, FLASH_NS, FEDL_OK)
               : status;
}

/* A client's log lines say in which phase it is; that is all a host can see of an encrypted
 * protocol. The steps of a masked round are too fine for that: see fedli_sim_step_of(). */
static void note_log(fedl_sim_world *world, fedli_sim_device *device,
                     const fedl_client_action *action)
{
    if (action->log_kind == FEDL_CLIENT_LOG_TASK) {
        device->round = action->round;
        device->attempt = action->attempt;
        fedli_sim_enter_phase(world, device, FEDL_SIM_FETCH);
    } else if (action->log_kind == FEDL_CLIENT_LOG_TRAINED) {
        if (world->cfg.task->plan.aggregation == FEDL_AGGREGATION_PLAIN) {
            fedli_sim_enter_phase(world, device, FEDL_SIM_UPLOAD);
        }
    } else if (action->log_kind == FEDL_CLIENT_LOG_UPLOADED ||
               action->log_kind == FEDL_CLIENT_LOG_REJECTED ||
               action->log_kind == FEDL_CLIENT_LOG_TASK_REFUSED) {
        fedli_sim_enter_phase(world, device, FEDL_SIM_CHECKIN);
    }
    if (world->cfg.watch.client_log != NULL) {
        world->cfg.watch.client_log(world->cfg.watch.context, world->now_ns, device->index + 1,
                                    action);
    }
}

fedl_status fedli_sim_device_stop(fedl_sim_world *world, fedli_sim_device *device)
{
    fedl_sim_pool_cancel(world->pool, &device->job);
    fedl_client_deinit(&device->machine);
    device->on = false;
    fedli_sim_device_release(world, device);
    device->tick_ns = FEDL_NEVER_NS;
    device->awaiting = false;
    return fedli_sim_disconnect(world, device);
}

fedl_status fedli_sim_device_cut(fedl_sim_world *world, fedli_sim_device *device)
{
    world->totals.dropouts++;
    if (world->cfg.watch.dropped != NULL) {
        world->cfg.watch.dropped(world->cfg.watch.context, device->index + 1, device->phase);
    }
    const fedl_status status = fedli_sim_device_stop(world, device);
    return status == FEDL_OK
               ? fedli_sim_post(world, device, FEDL_SIM_CLIENT_RETURN,
                                (int64_t)world->cfg.net.away_ms * FEDLI_SIM_MS_NS, FEDL_OK)
               : status;
}

/* Sends, unless the power fails just before it (cut_after 0) or just after it (1). */
static fedl_status send_or_cut(fedl_sim_world *world, fedli_sim_device *device, fedl_bytes bytes,
                               bool *off)
{
    const fedl_sim_phase phase = fedli_sim_step_of(device);
    if (phase == FEDL_SIM_CHECKIN || phase != device->phase) {
        fedli_sim_enter_phase(world, device, phase); /* CHECKIN: drawn for every request */
    }
    const uint32_t cut_after = device->cut_after;
    fedl_status status = FEDL_OK;
    if (cut_after != 0 && world->cfg.watch.device_sends != NULL) {
        world->cfg.watch.device_sends(world->cfg.watch.context, device->index + 1,
                                      &device->machine);
    }
    if (cut_after != 0) {
        status = fedli_sim_send_up(world, device, bytes);
    }
    if (cut_after == UINT32_MAX || status != FEDL_OK) {
        return status;
    }
    *off = true;
    return fedli_sim_device_cut(world, device);
}

static fedl_status finish(fedl_sim_world *world, fedli_sim_device *device,
                          const fedl_client_action *action)
{
    if (action->status != FEDL_OK) {
        return fedl_sim_fail(world->text, action->status, "client %u could not join: %s",
                             device->index + 1, fedl_status_text(action->status));
    }
    const fedl_status status = fedli_sim_device_stop(world, device);
    return status == FEDL_OK
               ? fedli_sim_device_start(world, device, fedli_sim_delay_ns(world, device))
               : status;
}

fedl_status fedli_sim_device_act(fedl_sim_world *world, fedli_sim_device *device,
                                 const fedl_client_action *action, bool *off)
{
    switch (action->kind) {
    case FEDL_CLIENT_CONNECT:
        device->connection++;
        return fedli_sim_post(world, device, FEDL_SIM_CLIENT_CONNECTED,
                              2 * fedli_sim_delay_ns(world, device), FEDL_OK);
    case FEDL_CLIENT_CLOSE:
        return fedli_sim_disconnect(world, device);
    case FEDL_CLIENT_SEND:
        return send_or_cut(world, device, action->bytes, off);
    case FEDL_CLIENT_NEED_MEMORY:
        give_memory(world, device, action->size_bytes);
        return fedli_sim_post(world, device, FEDL_SIM_CLIENT_MEMORY, 0, FEDL_OK);
    case FEDL_CLIENT_RELEASE_MEMORY:
        fedli_sim_device_release(world, device);
        return FEDL_OK;
    case FEDL_CLIENT_TRAIN:
        return start_training(world, device);
    case FEDL_CLIENT_MODEL_READY:
        return FEDL_OK;
    case FEDL_CLIENT_STORE:
        return keep(world, device, action);
    case FEDL_CLIENT_LOG:
        note_log(world, device, action);
        return FEDL_OK;
    case FEDL_CLIENT_DONE:
        *off = true;
        return finish(world, device, action);
    }
    return FEDL_ERR_STATE;
}
