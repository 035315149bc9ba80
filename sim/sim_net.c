/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual network. Each device has its own stream of random numbers, drawn in the order of its
 * own events, so that one device's luck does not depend on how many others there are.
 *
 * Wires behave like the real transport: a request has one connection, a reply to a request whose
 * connection is gone is lost, and what was lost stays lost until the client's own time-out. A
 * request that arrives twice gets two handles; only the first reply reaches the device, as a
 * request-reply transport discards the second.
 */
#include "sim_state.h"

#include <stdlib.h>
#include <string.h>

static bool draw(fedli_rng *rng, double probability)
{
    return probability > 0.0 && (double)fedli_rng_u32(rng) < probability * 4294967296.0;
}

fedl_status fedli_sim_post(fedl_sim_world *world, const fedli_sim_device *device,
                           fedl_sim_event_kind kind, int64_t delay_ns, fedl_status status)
{
    const fedl_sim_event event = {.at_ns = world->now_ns + delay_ns,
                                  .kind = kind,
                                  .client = device->index,
                                  .life = device->life,
                                  .connection = device->connection,
                                  .status = status};
    return fedl_sim_heap_push(&world->heap, &event);
}

int64_t fedli_sim_delay_ns(fedl_sim_world *world, fedli_sim_device *device)
{
    const fedl_sim_net *net = &world->cfg.net;
    const uint32_t span_us = (net->delay_ms_max - net->delay_ms_min) * 1000u;
    return (int64_t)net->delay_ms_min * FEDLI_SIM_MS_NS +
           (int64_t)fedli_rng_below(&device->net_rng, span_us + 1) * 1000;
}

/* Devices are found again by the handle alone: index in the upper bits, a counter below. */
static fedli_sim_device *device_of(fedl_sim_world *world, uint64_t request)
{
    const uint64_t index = request >> 40;
    return index < world->device_count ? &world->devices[index] : NULL;
}

static uint32_t slot_of(const fedli_sim_device *device, uint64_t request)
{
    for (uint32_t i = 0; i < FEDLI_SIM_REQUESTS; i++) {
        if (device->requests[i] == request) {
            return i;
        }
    }
    return FEDLI_SIM_REQUESTS;
}

static fedl_status push_bytes(fedl_sim_world *world, fedl_sim_event *event, fedl_bytes bytes)
{
    event->bytes = malloc(bytes.size);
    if (event->bytes == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    memcpy(event->bytes, bytes.data, bytes.size);
    event->size = bytes.size;
    const fedl_status status = fedl_sim_heap_push(&world->heap, event);
    if (status != FEDL_OK) {
        free(event->bytes);
    }
    return status;
}

/* One copy of a request; a device with too many open requests (its own fault) loses this one. */
static fedl_status send_copy(fedl_sim_world *world, fedli_sim_device *device, fedl_bytes bytes)
{
    const uint32_t slot = slot_of(device, 0);
    if (slot == FEDLI_SIM_REQUESTS) {
        return FEDL_OK;
    }
    fedl_sim_event event = {.at_ns = world->now_ns + fedli_sim_delay_ns(world, device),
                            .kind = FEDL_SIM_SERVER_MESSAGE,
                            .life = world->server_life,
                            .client = device->index};
    event.request = (uint64_t)device->index << 40 | ++world->request_next;
    device->requests[slot] = event.request;
    device->request_connection[slot] = device->connection;
    device->request_exchange[slot] = device->exchange;
    const fedl_status status = push_bytes(world, &event, bytes);
    if (status == FEDL_OK && world->cfg.watch.tamper != NULL) {
        world->cfg.watch.tamper(world->cfg.watch.context, device->index + 1, device->phase,
                                event.bytes, event.size);
    }
    return status;
}

fedl_status fedli_sim_send_up(fedl_sim_world *world, fedli_sim_device *device, fedl_bytes bytes)
{
    device->exchange++;
    device->awaiting = true;
    if (device->phase != FEDL_SIM_CHECKIN) {
        world->totals.bytes_up += bytes.size;
    }
    if (draw(&device->net_rng, world->cfg.net.loss)) {
        world->totals.messages_lost++;
        return FEDL_OK;
    }
    fedl_status status = send_copy(world, device, bytes);
    if (status == FEDL_OK && draw(&device->net_rng, world->cfg.net.duplicate)) {
        status = send_copy(world, device, bytes);
    }
    return status;
}

fedl_status fedli_sim_send_down(fedl_sim_world *world, uint64_t request, fedl_bytes bytes)
{
    fedli_sim_device *device = device_of(world, request);
    const uint32_t slot = device == NULL ? FEDLI_SIM_REQUESTS : slot_of(device, request);
    if (device == NULL || slot == FEDLI_SIM_REQUESTS) {
        return FEDL_OK;
    }
    const uint32_t connection = device->request_connection[slot];
    device->requests[slot] = 0;
    if (connection != device->connection) {
        return FEDL_OK;
    }
    if (draw(&device->net_rng, world->cfg.net.loss)) {
        world->totals.messages_lost++;
        return FEDL_OK;
    }
    fedl_sim_event event = {.at_ns = world->now_ns + fedli_sim_delay_ns(world, device),
                            .kind = FEDL_SIM_CLIENT_MESSAGE,
                            .client = device->index,
                            .life = device->life,
                            .connection = connection,
                            .request = device->request_exchange[slot]};
    return push_bytes(world, &event, bytes);
}

void fedli_sim_forget_request(fedl_sim_world *world, uint64_t request)
{
    fedli_sim_device *device = device_of(world, request);
    const uint32_t slot = device == NULL ? FEDLI_SIM_REQUESTS : slot_of(device, request);
    if (device != NULL && slot < FEDLI_SIM_REQUESTS) {
        device->requests[slot] = 0;
    }
}

fedl_status fedli_sim_disconnect(fedl_sim_world *world, fedli_sim_device *device)
{
    device->connection++;
    device->connected = false;
    fedl_status status = FEDL_OK;
    for (uint32_t i = 0; i < FEDLI_SIM_REQUESTS && status == FEDL_OK; i++) {
        if (device->requests[i] == 0) {
            continue;
        }
        /* Later than any request still on its way: the end of a stream comes last. */
        const int64_t delay_ns = (int64_t)(world->cfg.net.delay_ms_max + 1) * FEDLI_SIM_MS_NS;
        const fedl_sim_event event = {.at_ns = world->now_ns + delay_ns,
                                      .kind = FEDL_SIM_SERVER_GONE,
                                      .life = world->server_life,
                                      .client = device->index,
                                      .request = device->requests[i]};
        device->requests[i] = 0;
        status = fedl_sim_heap_push(&world->heap, &event);
    }
    return status;
}

void fedli_sim_enter_phase(fedl_sim_world *world, fedli_sim_device *device, fedl_sim_phase phase)
{
    device->phase = phase;
    device->cut_after = UINT32_MAX;
    /* A token works once: a device that loses its power while it joins would never come back. */
    if (device->joining) {
        return;
    }
    if (draw(&device->net_rng, world->cfg.net.drop[phase])) {
        const bool first = phase == FEDL_SIM_TRAIN || phase >= FEDL_SIM_READY;
        device->cut_after = first ? 0 : fedli_rng_below(&device->net_rng, 2);
    } else if (phase == FEDL_SIM_MASKED &&
               draw(&device->net_rng, world->cfg.net.drop[FEDL_SIM_UPLOAD])) {
        device->cut_after = fedli_rng_below(&device->net_rng, 2);
    }
}
