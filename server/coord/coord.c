/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's frame: memory, the one step, the one deadline.
 *
 * A step always runs in the same order: timers that are due, the event, rounds that can open,
 * parked requests that can be answered. Each part stops when the room for actions that is left to
 * it is used up, and deadline() is then now. Time never goes back: an event with an earlier time
 * counts as of the latest.
 */
#include "coord/coord.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/secret.h"
#include "coord/coord_state.h"

#include <string.h>

void fedl_coord_config_default(fedl_coord_config *cfg)
{
    memset(cfg, 0, sizeof *cfg);
    cfg->devices_max = 10000;
    cfg->sessions_max = 10000;
    cfg->tasks_max = 16;
    cfg->staging_bytes = (size_t)2 << 20;
    cfg->poll_ms_max = 25000;
    cfg->session_idle_ms = 600000;
    cfg->upload_idle_ms = 30000;
    cfg->refusals_per_s = 100;
}

/* The least power of two that is more than twice devices_max: keys fill at most half of it. */
static uint32_t key_count(const fedl_coord_config *cfg)
{
    uint32_t count = 4;
    while (count <= 2u * cfg->devices_max) {
        count *= 2u;
    }
    return count;
}

static fedl_status check_config(const fedl_coord_config *cfg)
{
    if (cfg->crypto == NULL || cfg->devices_max == 0 || cfg->devices_max > FEDLI_DEVICE_MAX ||
        cfg->sessions_max == 0 || cfg->sessions_max > (1u << 20) || cfg->tasks_max == 0 ||
        cfg->tasks_max > FEDLI_TASKS_MAX || cfg->poll_ms_max > FEDLI_WAIT_MS_MAX) {
        return FEDL_ERR_RANGE;
    }
    return FEDL_OK;
}

static fedli_coord_state *lay_out(fedli_arena *arena, const fedl_coord_config *cfg)
{
    fedli_coord_state pieces = {0};
    fedli_coord_state *c = fedli_arena_take(arena, 1, sizeof *c);
    pieces.devices = fedli_arena_take(arena, cfg->devices_max, sizeof *c->devices);
    pieces.keys = fedli_arena_take(arena, key_count(cfg), sizeof *c->keys);
    pieces.sessions = fedli_arena_take(arena, cfg->sessions_max, sizeof *c->sessions);
    pieces.requests = fedli_arena_take(arena, cfg->sessions_max, sizeof *c->requests);
    pieces.out = fedli_arena_take(arena, 1, FEDLI_OUT_BYTES);
    pieces.plain = fedli_arena_take(arena, 1, FEDLI_NOISE_MESSAGE_BYTES_MAX);
    pieces.arena = fedli_arena_take(arena, 1, FEDLI_MESSAGE_ARENA_BYTES);
    pieces.scratch = fedli_arena_take(arena, 1, FEDLI_MESSAGE_ARENA_BYTES);
    if (arena->block == NULL || arena->failed) {
        return NULL;
    }
    pieces.cfg = *cfg;
    *c = pieces;
    fedli_wipe(&pieces, sizeof pieces);
    return c;
}

size_t fedl_coord_size(const fedl_coord_config *cfg)
{
    fedli_arena arena;
    if (check_config(cfg) != FEDL_OK) {
        return 0;
    }
    fedli_arena_init(&arena, NULL, 0);
    (void)lay_out(&arena, cfg);
    return fedli_arena_size(&arena);
}

fedl_status fedl_coord_init(fedl_coord *coord, const fedl_coord_config *cfg, void *block,
                            size_t block_bytes)
{
    fedli_arena arena;
    const fedl_status status = check_config(cfg);
    if (status != FEDL_OK) {
        return status;
    }
    if (block == NULL || ((uintptr_t)block % FEDLI_ARENA_ALIGN) != 0) {
        return FEDL_ERR_SIZE;
    }
    fedli_arena_init(&arena, block, block_bytes);
    fedli_coord_state *c = lay_out(&arena, cfg);
    if (c == NULL) {
        return FEDL_ERR_SIZE;
    }
    c->crypto = cfg->crypto;
    c->key_mask = key_count(cfg) - 1u;
    memset(c->keys, 0, (size_t)key_count(cfg) * sizeof *c->keys);
    memset(c->requests, 0, (size_t)cfg->sessions_max * sizeof *c->requests);
    c->device_id_next = 1;
    c->task_id_next = 1;
    c->ticket_next = 1;
    c->poll_next_ns = FEDL_NEVER_NS;
    fedli_sessions_init(c);
    coord->state = c;
    return FEDL_OK;
}

fedl_status fedl_coord_restore_device(fedl_coord *coord, const fedl_device_record *device)
{
    if (coord->state->started) {
        return FEDL_ERR_STATE;
    }
    if (device->device_id == 0 || device->device_id == UINT32_MAX) {
        return FEDL_ERR_MISMATCH;
    }
    return fedli_device_insert(coord->state, device);
}

/* What a host may never do; a peer has no say in any of this. */
static bool event_is_valid(const fedl_event *event)
{
    switch (event->kind) {
    case FEDL_EVENT_TICK:
    case FEDL_EVENT_GONE:
    case FEDL_EVENT_STORED:
    case FEDL_EVENT_COMPUTED:
    case FEDL_EVENT_HELPER:
    case FEDL_EVENT_LOADED:
        return true;
    case FEDL_EVENT_MESSAGE:
        return event->request != 0 && (event->bytes.data != NULL || event->bytes.size == 0);
    case FEDL_EVENT_ADMIN:
        break;
    default:
        return false; /* not one of the enumerators: the host's mistake must not trap */
    }
    switch (event->admin.kind) {
    case FEDL_ADMIN_DEVICE_ADD:
    case FEDL_ADMIN_DEVICE_REVOKE:
    case FEDL_ADMIN_DEVICE_CERTIFY:
    case FEDL_ADMIN_DEVICE_READMIT:
    case FEDL_ADMIN_TASK_PAUSE:
    case FEDL_ADMIN_TASK_RESUME:
        return true;
    case FEDL_ADMIN_TASK_ADD:
        return event->admin.setup != NULL && event->admin.setup->name != NULL &&
               event->admin.setup->container.data != NULL;
    }
    return false;
}

static void device_op_stored(fedli_coord_state *c, fedli_device_op *op, fedl_status status)
{
    if (status != FEDL_OK) {
        fedl_action *log = fedli_outbox_log(c, FEDL_LOG_STORE_FAILED);
        log->status = status;
        log->device_id = op->op.device.device_id;
    }
    if (op->op.kind == FEDL_STORE_DEVICE_ENROL) {
        fedli_enrol_stored(c, op, status);
    } else if (op->op.kind == FEDL_STORE_DEVICE_CERTIFY) {
        fedli_enrol_certified(c, op, status);
    } else if (op->op.kind == FEDL_STORE_DEVICE_STATE && op->session_id != 0) {
        fedli_checkin_left(c, op, status);
    } else {
        fedli_admin_device_stored(c, op, status);
    }
    fedli_device_op_free(op);
}

/* Whose ticket is it? At most one of the two is set. */
static bool find_ticket(fedli_coord_state *c, uint64_t ticket, fedli_device_op **op, fedli_task **t)
{
    *op = NULL;
    *t = NULL;
    for (uint32_t i = 0; ticket != 0 && i < FEDLI_DEVICE_OPS; i++) {
        if (c->device_ops[i].ticket == ticket) {
            *op = &c->device_ops[i];
            return true;
        }
    }
    for (uint32_t i = 0; ticket != 0 && i < c->task_count; i++) {
        if (c->tasks[i]->ticket == ticket) {
            *t = c->tasks[i];
            return true;
        }
    }
    return false;
}

/* The task whose computation has this ticket. */
static fedli_task *find_compute(const fedli_coord_state *c, uint64_t ticket)
{
    for (uint32_t i = 0; ticket != 0 && i < c->task_count; i++) {
        if (c->tasks[i]->masked.compute_ticket == ticket) {
            return c->tasks[i];
        }
    }
    return NULL;
}

/* The task whose master words have this ticket. */
static fedli_task *find_load(const fedli_coord_state *c, uint64_t ticket)
{
    for (uint32_t i = 0; ticket != 0 && i < c->task_count; i++) {
        if (c->tasks[i]->load_ticket == ticket) {
            return c->tasks[i];
        }
    }
    return NULL;
}

/* The task whose newest question to the helper has this ticket. */
static fedli_task *find_helped(const fedli_coord_state *c, uint64_t ticket)
{
    for (uint32_t i = 0; ticket != 0 && i < c->task_count; i++) {
        if (c->tasks[i]->masked.helper_ticket == ticket) {
            return c->tasks[i];
        }
    }
    return NULL;
}

static void on_stored(fedli_coord_state *c, fedli_device_op *op, fedli_task *t)
{
    if (op != NULL) {
        device_op_stored(c, op, c->event->status);
    } else {
        fedli_round_stored(c, t, c->event->status);
    }
}

static void run_timers(fedli_coord_state *c)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (!fedli_outbox_has_room(c, FEDLI_ACTIONS_TIMERS, 0)) {
            c->more = true;
            return;
        }
        fedli_round_timer(c, c->tasks[i]);
    }
}

fedl_status fedl_coord_step(fedl_coord *coord, const fedl_event *event, fedl_actions *actions)
{
    if (coord == NULL || event == NULL || actions == NULL) {
        return FEDL_ERR_ARGUMENT;
    }
    fedli_coord_state *c = coord->state;
    fedli_device_op *op = NULL;
    fedli_task *t = NULL;
    actions->count = 0;
    if (!event_is_valid(event)) {
        return FEDL_ERR_ARGUMENT;
    }
    if (event->kind == FEDL_EVENT_STORED && !find_ticket(c, event->ticket, &op, &t)) {
        return FEDL_ERR_STATE;
    }
    if (event->kind == FEDL_EVENT_COMPUTED || event->kind == FEDL_EVENT_LOADED) {
        t = event->kind == FEDL_EVENT_COMPUTED ? find_compute(c, event->ticket)
                                               : find_load(c, event->ticket);
        if (t == NULL) {
            return FEDL_ERR_STATE;
        }
    }
    if (event->kind == FEDL_EVENT_HELPER) {
        t = find_helped(c, event->ticket);
        if (t == NULL && event->ticket >= c->ticket_next) {
            return FEDL_ERR_STATE;
        }
    }
    fedli_outbox_begin(c, event, actions);
    run_timers(c);
    switch (event->kind) {
    case FEDL_EVENT_TICK:
        break;
    case FEDL_EVENT_MESSAGE:
        fedli_session_on_message(c);
        break;
    case FEDL_EVENT_GONE:
        fedli_session_on_gone(c);
        break;
    case FEDL_EVENT_STORED:
        on_stored(c, op, t);
        break;
    case FEDL_EVENT_ADMIN:
        fedli_admin_on_event(c);
        break;
    case FEDL_EVENT_COMPUTED:
        fedli_masked_computed(c, t);
        break;
    case FEDL_EVENT_HELPER:
        if (t != NULL) { /* else the round was burnt meanwhile, and a later one has asked */
            fedli_helped_on_event(c, t);
        }
        break;
    case FEDL_EVENT_LOADED:
        fedli_publish_loaded(c, t);
        break;
    }
    fedli_pool_try_open(c);
    fedli_session_drop_idle(c);
    fedli_checkin_sweep(c);
    c->event = NULL;
    c->actions = NULL;
    return FEDL_OK;
}

fedl_instant_ns fedl_coord_deadline_ns(const fedl_coord *coord)
{
    const fedli_coord_state *c = coord->state;
    if (!c->started || c->more || c->sweep_active) {
        return c->now_ns;
    }
    fedl_instant_ns deadline_ns = c->poll_next_ns;
    for (uint32_t i = 0; i < c->task_count; i++) {
        const fedl_instant_ns task_ns = fedli_round_deadline_ns(c, c->tasks[i]);
        deadline_ns = task_ns < deadline_ns ? task_ns : deadline_ns;
    }
    return deadline_ns;
}

void fedl_coord_deinit(fedl_coord *coord)
{
    fedli_coord_state *c = coord->state;
    for (uint32_t i = 0; i < c->task_count; i++) {
        fedli_task *t = c->tasks[i];
        fedl_accum_clear(&t->accum);
        fedli_upload_wipe(t);
        if (t->masked.begun) {
            fedl_group_end(&t->masked.group);
        }
        if (t->hashes != NULL) {
            fedli_wipe(t->hashes, (size_t)t->slot_count * sizeof *t->hashes);
        }
    }
    fedli_wipe(c->sessions, (size_t)c->cfg.sessions_max * sizeof *c->sessions);
    fedli_wipe(c->plain, FEDLI_NOISE_MESSAGE_BYTES_MAX);
    fedli_wipe(c->arena, FEDLI_MESSAGE_ARENA_BYTES);
    fedli_wipe(c->scratch, FEDLI_MESSAGE_ARENA_BYTES);
    fedli_wipe(c->out, FEDLI_OUT_BYTES);
    fedli_wipe(c->token_text, sizeof c->token_text);
    fedli_wipe(c->device_ops, sizeof c->device_ops);
    fedli_wipe(&c->cfg, sizeof c->cfg);
    coord->state = NULL;
}
