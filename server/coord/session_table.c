/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of sessions. A session id is random but for its low 20 bits, which are the slot: finding a
 * session needs no table, and guessing one needs 2^44 tries that buy nothing but a failed tag.
 *
 *   free ─take─► half list (HALF, JOINING, JOINED) ─promote─► live list ─close─► free
 *
 * Half-open sessions cost a stranger one datagram each, so they live in their own list of at most
 * half_max: a flood of replayed hellos recycles other half-open sessions, not those of devices that
 * have proved themselves. Rejected: one list for all, where such a flood would throw everybody out.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "coord/coord_state.h"

#include "base/secret.h"

#include <string.h>

#define SLOT_BITS 20u
#define SLOT_MASK ((1u << SLOT_BITS) - 1u)

static void list_remove(fedli_coord_state *c, fedli_session_list *list, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    if (s->newer == FEDLI_SESSION_NONE) {
        list->newest = s->older;
    } else {
        c->sessions[s->newer].older = s->older;
    }
    if (s->older == FEDLI_SESSION_NONE) {
        list->oldest = s->newer;
    } else {
        c->sessions[s->older].newer = s->newer;
    }
    list->count--;
}

static void list_push(fedli_coord_state *c, fedli_session_list *list, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    s->newer = FEDLI_SESSION_NONE;
    s->older = list->newest;
    if (list->newest == FEDLI_SESSION_NONE) {
        list->oldest = slot;
    } else {
        c->sessions[list->newest].newer = slot;
    }
    list->newest = slot;
    list->count++;
}

static fedli_session_list *list_of(fedli_coord_state *c, const fedli_session *s)
{
    return s->state == FEDLI_SESSION_LIVE ? &c->live : &c->half;
}

void fedli_sessions_init(fedli_coord_state *c)
{
    const fedli_session_list empty = {FEDLI_SESSION_NONE, FEDLI_SESSION_NONE, 0};
    c->half = empty;
    c->live = empty;
    /* An eighth, but enough for a few devices that arrive at once. */
    c->half_max = c->cfg.sessions_max / 8u;
    if (c->half_max < 16u) {
        c->half_max = c->cfg.sessions_max < 16u ? c->cfg.sessions_max : 16u;
    }
    c->session_free = FEDLI_SESSION_NONE;
    for (uint32_t slot = c->cfg.sessions_max; slot-- > 0;) {
        c->sessions[slot].state = FEDLI_SESSION_FREE;
        c->sessions[slot].pending = FEDLI_PENDING_NONE;
        c->sessions[slot].older = c->session_free;
        c->session_free = slot;
    }
}

fedli_session *fedli_session_find(fedli_coord_state *c, uint64_t id, uint32_t *slot)
{
    const uint32_t at = (uint32_t)id & SLOT_MASK;
    if (at >= c->cfg.sessions_max || c->sessions[at].state == FEDLI_SESSION_FREE ||
        c->sessions[at].id != id) {
        return NULL;
    }
    *slot = at;
    return &c->sessions[at];
}

uint32_t fedli_session_take(fedli_coord_state *c, fedli_session_state state,
                            const uint8_t random[8])
{
    if (c->half.count >= c->half_max) {
        fedli_session_close(c, c->half.oldest, true);
    } else if (c->session_free == FEDLI_SESSION_NONE) {
        const fedli_session_list *from =
            c->half.count > 0 && c->live.count == 0 ? &c->half : &c->live;
        fedli_session_close(c, from->oldest, true);
    }
    const uint32_t slot = c->session_free;
    FEDLI_CHECK(slot != FEDLI_SESSION_NONE);
    fedli_session *s = &c->sessions[slot];
    c->session_free = s->older;
    memset(s, 0, sizeof *s);
    s->id = (fedli_load_u64(random) & ~(uint64_t)SLOT_MASK) | slot;
    s->state = state;
    s->pending = FEDLI_PENDING_NONE;
    s->used_ns = c->now_ns;
    list_push(c, &c->half, slot);
    return slot;
}

void fedli_session_touch(fedli_coord_state *c, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    s->used_ns = c->now_ns;
    list_remove(c, list_of(c, s), slot);
    list_push(c, list_of(c, s), slot);
}

void fedli_session_promote(fedli_coord_state *c, uint32_t slot)
{
    fedli_session *s = &c->sessions[slot];
    fedli_device *d = fedli_device_find(c, s->device_id);
    FEDLI_CHECK(d != NULL && s->state == FEDLI_SESSION_HALF);
    if (d->session != FEDLI_SESSION_NONE) {
        fedli_session_close(c, d->session, false);
    }
    list_remove(c, &c->half, slot);
    s->state = FEDLI_SESSION_LIVE;
    list_push(c, &c->live, slot);
    d->session = slot;
    fedl_action *log = fedli_outbox_log(c, FEDL_LOG_SESSION_OPENED);
    log->device_id = s->device_id;
}

void fedli_session_close(fedli_coord_state *c, uint32_t slot, bool refuse)
{
    fedli_session *s = &c->sessions[slot];
    const uint64_t request = c->requests[slot];
    FEDLI_CHECK(s->state != FEDLI_SESSION_FREE);
    if (s->pending == FEDLI_PENDING_POLL) {
        fedli_checkin_unpark(c, slot);
    }
    c->requests[slot] = 0;
    if (s->state == FEDLI_SESSION_LIVE) {
        fedli_device *d = fedli_device_find(c, s->device_id);
        FEDLI_CHECK(d != NULL && d->session == slot);
        d->session = FEDLI_SESSION_NONE;
    }
    list_remove(c, list_of(c, s), slot);
    fedli_wipe(s, sizeof *s);
    s->state = FEDLI_SESSION_FREE;
    s->pending = FEDLI_PENDING_NONE;
    s->older = c->session_free;
    c->session_free = slot;
    if (refuse) {
        fedli_outbox_refuse_held(c, request);
    } else {
        fedli_outbox_drop(c, request);
    }
}

void fedli_session_drop_idle(fedli_coord_state *c)
{
    /* One of each list per step is enough: every session that is added takes a step, too. */
    const fedli_session_list *const lists[] = {&c->half, &c->live};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const uint32_t slot = lists[i]->oldest;
        if (slot != FEDLI_SESSION_NONE && c->requests[slot] == 0 &&
            c->now_ns - c->sessions[slot].used_ns > fedli_after_ms(0, c->cfg.session_idle_ms)) {
            fedli_session_close(c, slot, false);
        }
    }
}

void fedli_session_on_gone(fedli_coord_state *c)
{
    if (c->event->request == 0) {
        return;
    }
    for (uint32_t slot = 0; slot < c->cfg.sessions_max; slot++) {
        if (c->requests[slot] == c->event->request) {
            c->requests[slot] = 0;
            if (c->sessions[slot].pending == FEDLI_PENDING_POLL) {
                fedli_checkin_unpark(c, slot);
            } else if (c->sessions[slot].pending == FEDLI_PENDING_GET) {
                c->sessions[slot].pending = FEDLI_PENDING_NONE;
            }
            return;
        }
    }
}
