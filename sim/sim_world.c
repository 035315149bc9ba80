/* SPDX-License-Identifier: Apache-2.0 */
/* The main loop of the virtual world: see sim_world.h. */
#include "sim_state.h"

#include "sodium/crypto_sodium.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

fedl_status fedl_sim_fail(char text[FEDL_SIM_TEXT_BYTES], fedl_status status, const char *format,
                          ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(text, FEDL_SIM_TEXT_BYTES, format, list);
    va_end(list);
    return status;
}

void fedl_sim_config_default(fedl_sim_config *cfg)
{
    *cfg = (fedl_sim_config){.threads = 1, .enrol = FEDL_SIM_ENROL_AUTO};
    cfg->net.delay_ms_min = 5;
    cfg->net.delay_ms_max = 50;
    cfg->net.away_ms = 60000;
    cfg->device_mac_per_s_log2 = 27;
}

static bool is_probability(double p)
{
    return p >= 0.0 && p <= 1.0;
}

static fedl_status check(const fedl_sim_config *cfg, char text[FEDL_SIM_TEXT_BYTES])
{
    const fedl_sim_net *net = &cfg->net;
    bool good = net->delay_ms_min <= net->delay_ms_max && net->delay_ms_max <= 60000 &&
                is_probability(net->loss) && is_probability(net->duplicate) &&
                is_probability(net->server_crash) && is_probability(net->helper_crash) &&
                cfg->device_mac_per_s_log2 >= 10 && cfg->device_mac_per_s_log2 <= 40;
    for (uint32_t i = 1; i <= FEDL_SIM_PHASE_COUNT; i++) {
        good = good && is_probability(net->drop[i]);
    }
    if (!good) {
        return fedl_sim_fail(text, FEDL_ERR_RANGE,
                             "network: delays are 0 … 60000 ms with min ≤ "
                             "max, probabilities lie in [0, 1]");
    }
    const uint32_t clients = cfg->partition->client_count;
    if (clients < 1 || clients > FEDL_SIM_CLIENTS_MAX) {
        return fedl_sim_fail(text, FEDL_ERR_RANGE, "clients: 1 … %u", FEDL_SIM_CLIENTS_MAX);
    }
    if (cfg->partition->row_count != cfg->table->row_count) {
        return fedl_sim_fail(text, FEDL_ERR_MISMATCH,
                             "the partition is of a table with %u rows, but the data has %u: make "
                             "it again with fedl-sim partition",
                             cfg->partition->row_count, cfg->table->row_count);
    }
    if (cfg->task->round.pool_min > clients || cfg->task->round.select_count > clients) {
        return fedl_sim_fail(text, FEDL_ERR_MISMATCH,
                             "the rounds of this plan need %u devices, but the experiment has %u "
                             "clients: raise its number of clients or lower [round]",
                             cfg->task->round.pool_min > cfg->task->round.select_count
                                 ? cfg->task->round.pool_min
                                 : cfg->task->round.select_count,
                             clients);
    }
    return FEDL_OK;
}

fedl_status fedl_sim_world_create(fedl_sim_world **world, const fedl_sim_config *cfg,
                                  char text[FEDL_SIM_TEXT_BYTES])
{
    text[0] = '\0';
    fedl_status status = check(cfg, text);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_sim_world *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_NO_MEMORY, "out of memory");
    }
    made->cfg = *cfg;
    made->device_count = cfg->partition->client_count;
    if (cfg->enrol == FEDL_SIM_ENROL_AUTO) {
        made->cfg.enrol = made->device_count <= FEDL_SIM_ENROL_MAX ? FEDL_SIM_ENROL_TOKENS
                                                                   : FEDL_SIM_ENROL_PROVISIONED;
    }
    fedl_sim_heap_init(&made->heap);
    fedli_rng_init(&made->server_rng, ~cfg->seed);
    status = fedl_crypto_sodium_init();
    made->crypto = fedl_crypto_sodium();
    if (status == FEDL_OK) {
        status = fedl_sim_pool_create(&made->pool, cfg->threads);
    }
    if (status == FEDL_OK) {
        fedli_sim_server_keys(made);
        status = fedli_sim_helper_create(made);
    }
    if (status == FEDL_OK) {
        status = fedli_sim_server_create(made);
    }
    if (status == FEDL_OK) {
        status = fedli_sim_devices_create(made);
    }
    if (status == FEDL_OK) {
        status = fedli_sim_server_begin(made);
    }
    if (status != FEDL_OK) {
        fedl_sim_fail(text, status, "%s",
                      made->text[0] != '\0' ? made->text : fedl_status_text(status));
        fedl_sim_world_destroy(made);
        return status;
    }
    *world = made;
    return FEDL_OK;
}

static fedl_status dispatch(fedl_sim_world *world, fedl_sim_event *event)
{
    switch (event->kind) {
    case FEDL_SIM_SERVER_TICK:
    case FEDL_SIM_SERVER_MESSAGE:
    case FEDL_SIM_SERVER_GONE:
    case FEDL_SIM_SERVER_STORED:
    case FEDL_SIM_SERVER_COMPUTED:
    case FEDL_SIM_SERVER_HELPED:
    case FEDL_SIM_SERVER_LOADED:
        return fedli_sim_server_event(world, event);
    case FEDL_SIM_HELPER_ASKED:
        return fedli_sim_helper_asked(world, event);
    case FEDL_SIM_CLIENT_TICK:
    case FEDL_SIM_CLIENT_CONNECTED:
    case FEDL_SIM_CLIENT_DISCONNECTED:
    case FEDL_SIM_CLIENT_MESSAGE:
    case FEDL_SIM_CLIENT_MEMORY:
    case FEDL_SIM_CLIENT_TRAINED:
    case FEDL_SIM_CLIENT_STORED:
    case FEDL_SIM_CLIENT_RETURN:
        return fedli_sim_device_event(world, event);
    }
    return FEDL_ERR_STATE;
}

/* True when the run has come to an end, whatever it is. */
static bool has_ended(const fedl_sim_world *world, fedl_sim_outcome *outcome)
{
    if (world->complete) {
        *outcome = FEDL_SIM_COMPLETE;
    } else if (world->paused) {
        *outcome = FEDL_SIM_PAUSED;
    } else if (world->now_ns - world->progress_ns > FEDLI_SIM_STALL_NS) {
        *outcome = FEDL_SIM_STALLED;
    } else if (world->cfg.watch.keep_going != NULL &&
               !world->cfg.watch.keep_going(world->cfg.watch.context)) {
        *outcome = FEDL_SIM_STOPPED;
    } else {
        return false;
    }
    return true;
}

fedl_status fedl_sim_world_run(fedl_sim_world *world, fedl_sim_outcome *outcome,
                               char text[FEDL_SIM_TEXT_BYTES])
{
    fedl_status status = FEDL_OK;
    fedl_sim_outcome reached = FEDL_SIM_STALLED;
    text[0] = '\0';
    while (status == FEDL_OK && !has_ended(world, &reached)) {
        fedl_sim_event event;
        if (!fedl_sim_heap_pop(&world->heap, &event)) {
            reached = FEDL_SIM_STALLED;
            break;
        }
        world->now_ns = event.at_ns;
        world->totals.events++;
        status = dispatch(world, &event);
        free(event.bytes);
    }
    if (status != FEDL_OK) {
        return fedl_sim_fail(text, status, "%s",
                             world->text[0] != '\0' ? world->text : fedl_status_text(status));
    }
    if (reached == FEDL_SIM_PAUSED) {
        fedl_sim_fail(text, FEDL_OK, "%s", world->pause_reason);
    }
    world->totals.virtual_ns = world->now_ns;
    *outcome = reached;
    return FEDL_OK;
}

static bool take_spent(void *context, const fedl_task_row *row)
{
    *(uint64_t *)context = row->rho_spent;
    return false; /* a world has one task */
}

void fedl_sim_world_totals(const fedl_sim_world *world, fedl_sim_totals *totals)
{
    *totals = world->totals;
    totals->virtual_ns = world->now_ns;
    totals->rho_spent = 0;
    /* Reading the store in memory does not fail. */
    (void)!world->store->ops->task_each(world->store, take_spent, &totals->rho_spent);
}

void fedl_sim_reasons_text(const fedl_sim_totals *totals, char text[FEDL_SIM_TEXT_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < totals->reason_count && used < FEDL_SIM_TEXT_BYTES; i++) {
        const fedl_sim_reason *reason = &totals->reasons[i];
        const int more =
            snprintf(text + used, FEDL_SIM_TEXT_BYTES - used, "%s%s%s %u", i == 0 ? "" : ", ",
                     reason->burnt ? "burnt: " : "", reason->text, reason->count);
        used += more < 0 ? 0 : (size_t)more;
    }
}

struct fedl_sim_pool *fedl_sim_world_pool(fedl_sim_world *world)
{
    return world->pool;
}

void fedl_sim_world_destroy(fedl_sim_world *world)
{
    if (world == NULL) {
        return;
    }
    fedli_sim_devices_destroy(world);
    fedli_sim_server_destroy(world);
    fedl_sim_pool_destroy(world->pool);
    fedl_sim_heap_deinit(&world->heap);
    free(world);
}
