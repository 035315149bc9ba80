/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host of the real helper (helper/helper_machine.h), as fedl-server's `helper run` is: what it is
 * asked, judges, stores and answers is the same; only disk, wires, threads and its crashes are made
 * up. The way between server and helper delays and loses like every other, and a question without
 * an answer comes back as it does on real wires: at once when nobody listens, else after the
 * server's time-out.
 *
 * A crash strikes at a question, just before or just after the round became durable: all other
 * moments are equal to one of these two, because the sum is made from the same bytes again.
 */
#include "sim_state.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_NS ((int64_t)FEDL_HELPER_ANSWER_MS * FEDLI_SIM_MS_NS)

typedef struct part_job {
    fedl_sim_job job; /* context points back here */
    fedl_helper_work work;
    void *what;
    uint32_t part;
    uint32_t parts;
} part_job;

static bool draw(fedl_sim_world *world, double probability)
{
    return probability > 0.0 &&
           (double)fedli_rng_u32(&world->helper.rng) < probability * 4294967296.0;
}

static int64_t delay_ns(fedl_sim_world *world)
{
    const fedl_sim_net *net = &world->cfg.net;
    const uint32_t span_us = (net->delay_ms_max - net->delay_ms_min) * 1000u;
    return (int64_t)net->delay_ms_min * FEDLI_SIM_MS_NS +
           (int64_t)fedli_rng_below(&world->helper.rng, span_us + 1) * 1000;
}

/* ---- what the machine asks of its host ---- */

static bool keep(void *context, fedl_bytes state)
{
    fedl_sim_world *world = context;
    uint8_t *disk = malloc(state.size);
    if (disk == NULL) {
        return false;
    }
    memcpy(disk, state.data, state.size);
    free(world->helper.disk);
    world->helper.disk = disk;
    world->helper.disk_bytes = state.size;
    return true;
}

static void run_part(void *context)
{
    const part_job *p = context;
    p->work(p->what, p->part, p->parts);
}

static void spread(void *context, fedl_helper_work work, void *job, uint32_t parts)
{
    fedl_sim_world *world = context;
    part_job jobs[FEDL_HELPER_PARTS_MAX];
    memset(jobs, 0, sizeof jobs);
    for (uint32_t i = 0; i < parts; i++) {
        jobs[i] = (part_job){.work = work, .what = job, .part = i, .parts = parts};
        jobs[i].job.run = run_part;
        jobs[i].job.context = &jobs[i];
        fedl_sim_pool_submit(world->pool, &jobs[i].job, FEDL_SIM_URGENT);
    }
    for (uint32_t i = 0; i < parts; i++) {
        fedl_sim_pool_wait(world->pool, &jobs[i].job);
    }
}

/* ---- its life ---- */

/* The process starts: it knows what its disk has. */
static fedl_status start(fedl_sim_world *world)
{
    const fedl_sim_config *cfg = &world->cfg;
    fedl_helper_config own = {.crypto = world->crypto,
                              .min_cohort = cfg->task->plan.secagg.min_cohort,
                              .context = world,
                              .keep = keep,
                              .spread = spread};
    own.parts = cfg->threads < FEDL_HELPER_PARTS_MAX ? cfg->threads : FEDL_HELPER_PARTS_MAX;
    memcpy(own.fleet_id, world->server.fleet_id, sizeof own.fleet_id);
    memcpy(own.ca_public, world->server.ca_public, sizeof own.ca_public);
    memcpy(own.noise_secret, world->helper.secret, sizeof own.noise_secret);
    const fedl_status status = fedl_helper_init(world->helper.machine, &own);
    return status != FEDL_OK || world->helper.disk == NULL
               ? status
               : fedl_helper_decode(world->helper.machine,
                                    fedl_bytes_of(world->helper.disk, world->helper.disk_bytes));
}

fedl_status fedli_sim_helper_create(fedl_sim_world *world)
{
    if (world->cfg.task->plan.aggregation != FEDL_AGGREGATION_HELPER) {
        return FEDL_OK;
    }
    fedli_rng_init(&world->helper.rng, world->cfg.seed + UINT64_C(0x68656c706572)); /* "helper" */
    fedli_sim_helper_keys(world);
    world->helper.machine = calloc(1, sizeof *world->helper.machine);
    return world->helper.machine == NULL ? FEDL_ERR_NO_MEMORY : start(world);
}

void fedli_sim_helper_destroy(fedl_sim_world *world)
{
    if (world->helper.machine != NULL) {
        fedl_helper_deinit(world->helper.machine);
    }
    free(world->helper.machine);
    free(world->helper.disk);
}

/* ---- one question ---- */

/* The question is over, at_ns; only the process that asked hears of it. Takes bytes (may be NULL).
 */
static fedl_status push_helped(fedl_sim_world *world, const fedl_sim_event *asked,
                               fedl_instant_ns at_ns, fedl_status status, uint8_t *bytes,
                               size_t size)
{
    const fedl_sim_event event = {.at_ns = at_ns,
                                  .kind = FEDL_SIM_SERVER_HELPED,
                                  .life = asked->life,
                                  .request = asked->request,
                                  .status = status,
                                  .bytes = bytes,
                                  .size = size};
    const fedl_status pushed = fedl_sim_heap_push(&world->heap, &event);
    if (pushed != FEDL_OK) {
        free(bytes);
    }
    return pushed;
}

static fedl_status push_lost(fedl_sim_world *world, const fedl_sim_event *asked)
{
    world->totals.messages_lost++;
    return push_helped(world, asked, world->now_ns + ANSWER_NS, FEDL_ERR_TIMEOUT, NULL, 0);
}

fedl_status fedli_sim_helper_ask(fedl_sim_world *world, const fedl_action *action)
{
    fedl_sim_event event = {.at_ns = world->now_ns + delay_ns(world),
                            .kind = FEDL_SIM_HELPER_ASKED,
                            .life = world->server_life,
                            .request = action->ticket};
    if (draw(world, world->cfg.net.loss)) {
        return push_lost(world, &event);
    }
    event.bytes = malloc(action->bytes.size);
    if (event.bytes == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    memcpy(event.bytes, action->bytes.data, action->bytes.size);
    event.size = action->bytes.size;
    const fedl_status status = fedl_sim_heap_push(&world->heap, &event);
    if (status != FEDL_OK) {
        free(event.bytes);
    }
    return status;
}

/* The reply (from malloc) and how long the helper worked on it. */
static fedl_status serve(fedl_sim_world *world, uint8_t **reply, size_t *size, int64_t *work_ns,
                         fedl_bytes question)
{
    fedl_helper *machine = world->helper.machine;
    fedl_helper_verdict verdict;
    fedl_helper_room room = {.keys_max = fedl_helper_keys_max(question),
                             .reply_bytes = fedl_helper_reply_bytes(machine, question)};
    room.keys = calloc(room.keys_max, sizeof *room.keys);
    room.reply = malloc(room.reply_bytes);
    if (room.keys == NULL || room.reply == NULL) {
        free(room.keys);
        free(room.reply);
        return FEDL_ERR_NO_MEMORY;
    }
    *size =
        fedl_helper_serve(machine, &room, &verdict, question,
                          FEDLI_SIM_UTC_S + (uint64_t)(world->now_ns / (1000 * FEDLI_SIM_MS_NS)));
    free(room.keys);
    *reply = room.reply;
    *work_ns = FEDLI_SIM_MS_NS + (int64_t)(*size * verdict.count) * FEDLI_SIM_MASK_NS;
    if (verdict.is_new) {
        *work_ns += FEDLI_SIM_STORE_NS;
        world->totals.helper_sums++;
    }
    return FEDL_OK;
}

fedl_status fedli_sim_helper_asked(fedl_sim_world *world, fedl_sim_event *event)
{
    const fedl_bytes question = fedl_bytes_of(event->bytes, event->size);
    uint8_t *reply = NULL;
    size_t size = 0;
    int64_t work_ns = 0;
    if (world->now_ns < world->helper.back_ns) {
        return push_helped(world, event, world->now_ns + delay_ns(world), FEDL_ERR_CONNECTION, NULL,
                           0);
    }
    const bool dies = draw(world, world->cfg.net.helper_crash);
    const bool before = dies && fedli_rng_below(&world->helper.rng, 2) == 0;
    fedl_status status = before ? FEDL_OK : serve(world, &reply, &size, &work_ns, question);
    if (status == FEDL_OK && dies) {
        free(reply);
        world->totals.helper_crashes++;
        world->helper.back_ns = world->now_ns + (int64_t)world->cfg.net.away_ms * FEDLI_SIM_MS_NS;
        status = start(world);
        return status == FEDL_OK
                   ? push_helped(world, event, world->now_ns + work_ns + delay_ns(world),
                                 FEDL_ERR_CONNECTION, NULL, 0)
                   : status;
    }
    if (status == FEDL_OK && draw(world, world->cfg.net.loss)) {
        free(reply);
        return push_lost(world, event);
    }
    return status == FEDL_OK ? push_helped(world, event, world->now_ns + work_ns + delay_ns(world),
                                           FEDL_OK, reply, size)
                             : status;
}
