/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's machine: one switch over events. What each of them does lives in client_*.c; the two
 * state diagrams are in client_state.h.
 */
#include "client/client_state.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

#define NS_PER_MS     INT64_C(1000000)
#define POLL_MS_MAX   60000u
#define DELAY_MS_MAX  86400000u /* a day: longest pause or time-out that a host may set */
#define BACKOFF_SHIFT 20u       /* 2^20 · backoff_ms_max still fits 64 bits */

void fedl_client_config_default(fedl_client_config *cfg)
{
    const fedl_client_config defaults = {
        .mode = FEDL_CLIENT_RUN,
        .chunk_bytes_max = FEDLI_CHUNK_BYTES_DEFAULT,
        .poll_ms = 30000,
        .reply_timeout_ms = 20000,
        .backoff_ms_min = 1000,
        .backoff_ms_max = 60000,
    };
    *cfg = defaults;
    fedl_site_policy_default(&cfg->policy);
}

static bool config_good(const fedl_client_config *cfg)
{
    const bool mode_good = (cfg->mode == FEDL_CLIENT_JOIN && cfg->token != NULL) ||
                           cfg->mode == FEDL_CLIENT_RUN || cfg->mode == FEDL_CLIENT_LEAVE;
    return cfg->crypto != NULL && mode_good && cfg->chunk_bytes_max >= FEDLI_CHUNK_BYTES_MIN &&
           cfg->chunk_bytes_max <= FEDLI_CHUNK_BYTES_MAX && cfg->poll_ms <= POLL_MS_MAX &&
           cfg->reply_timeout_ms >= 1 && cfg->reply_timeout_ms <= DELAY_MS_MAX &&
           cfg->backoff_ms_min >= 1 && cfg->backoff_ms_min <= cfg->backoff_ms_max &&
           cfg->backoff_ms_max <= DELAY_MS_MAX && cfg->progress.count <= FEDL_PROGRESS_TASKS_MAX &&
           fedli_policy_good(&cfg->policy);
}

/* One layout for size and init. chunk_bytes_max decides how large a record can get; a TASK with a
 * large plan is the other big message. */
static fedli_client_state *lay_out(fedli_arena *arena, const fedl_client_config *cfg)
{
    const size_t chunk = cfg->chunk_bytes_max;
    const size_t largest = chunk > FEDLI_MESSAGE_BYTES_MAX ? chunk : FEDLI_MESSAGE_BYTES_MAX;
    const size_t in_bytes = largest + FEDLI_CLIENT_OVERHEAD;
    const size_t out_bytes = chunk + 2u * FEDLI_CLIENT_OVERHEAD;
    fedli_client_state *c = fedli_arena_take(arena, 1, sizeof *c + 64u);
    uint8_t *in = fedli_arena_take(arena, 1, in_bytes);
    uint8_t *out = fedli_arena_take(arena, 1, out_bytes);
    uint8_t *messages = fedli_arena_take(arena, 1, FEDLI_MESSAGE_ARENA_BYTES);
    uint8_t *plan_bytes = fedli_arena_take(arena, 1, FEDL_PLAN_BYTES_MAX);
    if (c == NULL || arena->failed) {
        return NULL;
    }
    /* The streaming hash inside wants 64 bytes of alignment; the block promises 16. */
    c = (fedli_client_state *)(((uintptr_t)c + 63u) & ~(uintptr_t)63u);
    memset(c, 0, sizeof *c);
    c->in = in;
    c->in_bytes = in_bytes;
    c->out = out;
    c->out_bytes = out_bytes;
    c->arena = messages;
    c->plan_bytes = plan_bytes;
    return c;
}

size_t fedl_client_size(const fedl_client_config *cfg)
{
    fedli_arena arena;
    if (!config_good(cfg)) {
        return 0;
    }
    fedli_arena_init(&arena, NULL, 0);
    (void)lay_out(&arena, cfg);
    return fedli_arena_size(&arena);
}

fedl_status fedl_client_init(fedl_client *client, const fedl_client_config *cfg, void *block,
                             size_t block_bytes)
{
    fedli_arena arena;
    if (!config_good(cfg)) {
        return FEDL_ERR_RANGE;
    }
    if (block == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedli_arena_init(&arena, block, block_bytes);
    fedli_client_state *c = lay_out(&arena, cfg);
    if (c == NULL) {
        return FEDL_ERR_SIZE;
    }
    c->cfg = *cfg;
    c->crypto = cfg->crypto;
    c->link = FEDLI_LINK_DOWN;
    c->timeout_ns = FEDL_NEVER_NS;
    c->block_own_bytes = fedli_arena_size(&arena);
    c->work = cfg->mode == FEDL_CLIENT_JOIN    ? FEDLI_WORK_JOIN
              : cfg->mode == FEDL_CLIENT_LEAVE ? FEDLI_WORK_LEAVE
                                               : FEDLI_WORK_CHECKIN;
    if (cfg->mode == FEDL_CLIENT_JOIN) {
        const fedl_status status = fedli_client_join_init(c);
        if (status != FEDL_OK) {
            fedli_wipe(c, sizeof *c);
            return status;
        }
    }
    client->state = c;
    return FEDL_OK;
}

fedl_client_action *fedli_client_action(fedli_client_state *c, fedl_client_action_kind kind)
{
    FEDLI_CHECK(c->actions->count < FEDL_CLIENT_ACTIONS_MAX);
    fedl_client_action *action = &c->actions->items[c->actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

fedl_client_action *fedli_client_log(fedli_client_state *c, fedl_client_log_kind kind)
{
    fedl_client_action *action = fedli_client_action(c, FEDL_CLIENT_LOG);
    action->log_kind = kind;
    action->task_id = c->task.task_id;
    action->round = c->task.round;
    action->attempt = c->task.attempt;
    return action;
}

void fedli_client_finish(fedli_client_state *c, fedl_status status)
{
    c->work = FEDLI_WORK_DONE;
    if (c->link != FEDLI_LINK_DOWN) {
        fedli_client_action(c, FEDL_CLIENT_CLOSE);
    }
    c->link = FEDLI_LINK_DOWN;
    c->timeout_ns = FEDL_NEVER_NS;
    c->outstanding = false;
    fedli_client_session_drop(c);
    fedli_wipe(c->token_secret, sizeof c->token_secret);
    fedli_client_action(c, FEDL_CLIENT_DONE)->status = status;
}

fedl_instant_ns fedli_client_after_ms(const fedli_client_state *c, uint64_t delay_ms)
{
    const uint64_t capped_ms = delay_ms < DELAY_MS_MAX ? delay_ms : DELAY_MS_MAX;
    const fedl_instant_ns delay_ns = (fedl_instant_ns)capped_ms * NS_PER_MS;
    return c->now_ns > FEDL_NEVER_NS - 1 - delay_ns ? FEDL_NEVER_NS - 1 : c->now_ns + delay_ns;
}

uint32_t fedli_client_backoff_ms(const fedli_client_state *c, uint32_t failures)
{
    const uint32_t shift = failures < BACKOFF_SHIFT ? failures : BACKOFF_SHIFT;
    uint64_t pause_ms = (uint64_t)c->cfg.backoff_ms_min << shift;
    if (pause_ms > c->cfg.backoff_ms_max) {
        pause_ms = c->cfg.backoff_ms_max;
    }
    /* Full half plus a random part of the other: devices that failed together come back apart. */
    const uint64_t random = fedli_load_u32(c->event->entropy + FEDL_ENTROPY_BYTES - 4u);
    return (uint32_t)(pause_ms - ((pause_ms / 2u) * random >> 32));
}

/* True when the host may send this kind of event now. */
static bool event_expected(const fedli_client_state *c, const fedl_client_event *event)
{
    switch (event->kind) {
    case FEDL_CLIENT_TICK:
    case FEDL_CLIENT_CONNECTED:
    case FEDL_CLIENT_DISCONNECTED:
    case FEDL_CLIENT_MESSAGE:
        return true; /* the network may overtake the machine at any time */
    case FEDL_CLIENT_MEMORY:
        return c->work == FEDLI_WORK_MEMORY;
    case FEDL_CLIENT_TRAINED:
        return c->work == FEDLI_WORK_TRAIN &&
               (event->status != FEDL_OK || c->training.stage == FEDLI_STAGE_DONE);
    case FEDL_CLIENT_STORED:
        return c->work == FEDLI_WORK_IDENTITY || c->work == FEDLI_WORK_PROGRESS ||
               c->work == FEDLI_WORK_STORE || c->work == FEDLI_WORK_RESUME;
    }
    return false;
}

static void dispatch(fedli_client_state *c, const fedl_client_event *event)
{
    switch (event->kind) {
    case FEDL_CLIENT_TICK:
        return;
    case FEDL_CLIENT_CONNECTED:
        fedli_client_on_connected(c);
        return;
    case FEDL_CLIENT_DISCONNECTED:
        fedli_client_on_disconnected(c);
        return;
    case FEDL_CLIENT_MESSAGE:
        fedli_client_on_envelope(c);
        return;
    case FEDL_CLIENT_MEMORY:
        fedli_client_on_memory(c);
        return;
    case FEDL_CLIENT_TRAINED:
        fedli_client_on_trained(c, event->status);
        return;
    case FEDL_CLIENT_STORED:
        if (c->work == FEDLI_WORK_IDENTITY) {
            fedli_client_identity_stored(c, event->status);
        } else if (c->work == FEDLI_WORK_STORE) {
            fedli_client_group_stored(c, event->status);
        } else if (c->work == FEDLI_WORK_RESUME) {
            fedli_client_resume_stored(c, event->status);
        } else {
            fedli_client_progress_stored(c, event->status);
        }
        return;
    }
}

fedl_status fedl_client_step(fedl_client *client, const fedl_client_event *event,
                             fedl_client_actions *actions)
{
    fedli_client_state *c = client->state;
    const int kind = (int)event->kind;
    if (kind < (int)FEDL_CLIENT_TICK || kind > (int)FEDL_CLIENT_STORED ||
        (event->kind == FEDL_CLIENT_MEMORY && event->block != NULL &&
         (uintptr_t)event->block % FEDLI_ARENA_ALIGN != 0)) {
        return FEDL_ERR_ARGUMENT;
    }
    actions->count = 0;
    if (c->saved_away) {
        return FEDL_ERR_STATE;
    }
    const bool answer = event->kind == FEDL_CLIENT_MEMORY || event->kind == FEDL_CLIENT_TRAINED ||
                        event->kind == FEDL_CLIENT_STORED;
    if (c->work == FEDLI_WORK_DONE && !answer) {
        return FEDL_OK;
    }
    if (!event_expected(c, event)) {
        return FEDL_ERR_STATE;
    }
    c->event = event;
    c->actions = actions;
    c->now_ns = event->now_ns;
    if (!c->started) {
        c->started = true;
        c->connect_ns = c->now_ns;
        c->request_ns = c->now_ns;
        c->request_id_next = fedli_load_u64(event->entropy + 32);
        fedli_client_join_keys(c);
        fedli_client_resume_store(c);
    }
    dispatch(c, event);
    if (c->work != FEDLI_WORK_DONE && c->timeout_ns <= c->now_ns) {
        fedli_client_on_timeout(c);
    }
    fedli_client_take_slice(c);
    fedli_client_pump(c);
    c->event = NULL;
    c->actions = NULL;
    return FEDL_OK;
}

fedl_instant_ns fedl_client_deadline_ns(const fedl_client *client)
{
    const fedli_client_state *c = client->state;
    if (!c->started) {
        return INT64_MIN;
    }
    if (c->work == FEDLI_WORK_DONE || c->saved_away) {
        return FEDL_NEVER_NS;
    }
    if (c->work == FEDLI_WORK_TAKE) {
        return c->now_ns; /* at once */
    }
    if (c->timeout_ns != FEDL_NEVER_NS) {
        return c->timeout_ns;
    }
    if (!fedli_client_wants_link(c->work)) {
        return FEDL_NEVER_NS;
    }
    if (c->link == FEDLI_LINK_DOWN) {
        return c->connect_ns > c->request_ns ? c->connect_ns : c->request_ns;
    }
    return c->link == FEDLI_LINK_READY ? c->request_ns : FEDL_NEVER_NS;
}

fedl_status fedl_client_train(fedl_client *client, bool *done, const fedl_sample_source *train,
                              const fedl_sample_source *eval, uint32_t step_max)
{
    return fedli_client_train_run(client->state, done, train, eval, step_max);
}

void fedl_client_deinit(fedl_client *client)
{
    fedli_client_state *c = client->state;
    if (c == NULL) {
        return;
    }
    fedli_client_group_clear(c);
    /* The pieces behind the struct, then the struct itself: it holds the pointers. */
    fedli_wipe(c->in, c->in_bytes);
    fedli_wipe(c->out, c->out_bytes);
    fedli_wipe(c->arena, FEDLI_MESSAGE_ARENA_BYTES);
    fedli_wipe(c->plan_bytes, FEDL_PLAN_BYTES_MAX);
    fedli_wipe(c, sizeof *c);
    client->state = NULL;
}
