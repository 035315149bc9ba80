/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UPLOAD: a member's vector comes in parts, is put together in a staging slot, verified, and added
 * to the sum, once.
 *
 *   free ─first part─► filling ─last part─► length and digest verified ─► added, member marked
 *                        └─ no progress, or too old, and another device needs it ─► that device's
 *
 * A masked vector is named by the round binding instead of its digest (decision 0012), nothing in
 * it can be checked, and the group says whose vector it still wants.
 *
 * Only whole, verified vectors touch the sum. Every answer says where the device goes on, so that a
 * repeated, early or lost part costs one round trip and never an error.
 */
#include "base/check.h"
#include "base/secret.h"
#include "coord/coord_state.h"

#include <string.h>

static void free_slot(fedli_slot *slot)
{
    memset(slot, 0, sizeof *slot);
}

void fedli_upload_free_slots(fedli_task *t)
{
    for (uint32_t i = 0; i < t->slot_count; i++) {
        free_slot(&t->slots[i]);
    }
}

static uint32_t find_slot(const fedli_task *t, uint32_t device_id)
{
    for (uint32_t i = 0; i < t->slot_count; i++) {
        if (t->slots[i].device_id == device_id) {
            return i;
        }
    }
    return FEDLI_SLOT_NONE;
}

void fedli_upload_wipe(fedli_task *t)
{
    fedli_upload_free_slots(t);
    fedli_wipe(t->staging, t->staging_bytes);
}

void fedli_upload_free_device(fedli_task *t, uint32_t device_id)
{
    const uint32_t at = find_slot(t, device_id);
    if (at != FEDLI_SLOT_NONE) {
        free_slot(&t->slots[at]);
    }
}

/* An upload that makes no progress, or takes longer than any honest one needs, may be displaced. */
static bool is_stale(const fedli_coord_state *c, const fedli_slot *slot)
{
    const fedl_instant_ns idle_ns = fedli_after_ms(0, c->cfg.upload_idle_ms);
    return c->now_ns - slot->used_ns > idle_ns ||
           c->now_ns - slot->begun_ns > FEDLI_SLOT_LIFE_IDLES * idle_ns;
}

/* A free slot, or of those that may be displaced the one without progress for longest. */
static uint32_t take_slot(const fedli_coord_state *c, const fedli_task *t)
{
    uint32_t idlest = FEDLI_SLOT_NONE;
    for (uint32_t i = 0; i < t->slot_count; i++) {
        const fedli_slot *slot = &t->slots[i];
        if (slot->device_id == 0) {
            return i;
        }
        if (is_stale(c, slot) &&
            (idlest == FEDLI_SLOT_NONE || slot->used_ns < t->slots[idlest].used_ns)) {
            idlest = i;
        }
    }
    return idlest;
}

static void accept_upload(fedli_coord_state *c, uint32_t session, uint64_t next_offset,
                          bool complete)
{
    fedl_message message = {.kind = FEDL_MESSAGE_ACCEPTED};
    message.u.accepted.next_offset = next_offset;
    message.u.accepted.complete = complete;
    fedli_outbox_reply(c, session, &message);
}

/* Counts the vector of slot index at, which is whole and good. */
static void count_vector(fedli_coord_state *c, uint32_t session, fedli_task *t, fedli_member *m,
                         uint32_t at)
{
    const bool masked = fedli_task_is_masked(t);
    const size_t size = t->accum.vector_bytes;
    uint8_t *vector = t->staging + (size_t)at * size;
    /* A masked one goes: nobody needs it alone any more, and nobody should find it. */
    const fedl_status added = masked ? fedl_accum_take(&t->accum, vector, size)
                                     : fedl_accum_add(&t->accum, fedl_bytes_of(vector, size));
    FEDLI_CHECK(added == FEDL_OK);
    free_slot(&t->slots[at]);
    m->state = FEDLI_MEMBER_REPORTED;
    t->outstanding--;
    if (masked) {
        fedl_group_vector_add(&t->masked.group, c->now_ns, m->device_id);
    }
    fedl_action *log = fedli_outbox_log_task(c, FEDL_LOG_REPORT, t);
    log->device_id = m->device_id;
    log->a = t->accum.count;
    log->b = masked ? fedl_group_cohort(&t->masked.group) : t->round_config.clients_goal;
    accept_upload(c, session, size, true);
    if (masked) {
        fedli_masked_update(c, t);
    } else {
        fedli_round_check(c, t);
    }
}

/* The last part of a plain vector has come: count it, or throw it away whole. */
static void complete_upload(fedli_coord_state *c, uint32_t session, fedli_task *t, fedli_member *m,
                            uint32_t at)
{
    fedli_slot *slot = &t->slots[at];
    const uint8_t *vector = t->staging + (size_t)at * t->accum.vector_bytes;
    uint8_t digest[FEDL_HASH_BYTES];
    c->crypto->hash_final(&t->hashes[at], digest, sizeof digest);
    const bool good = memcmp(digest, slot->digest, sizeof digest) == 0;
    if (!good || !fedli_vector_is_sane(t, vector)) {
        free_slot(slot);
        fedli_outbox_reject(c, session, FEDL_REJECT_MISMATCH, 0,
                            good ? "a number is outside the plan's range" : "the digest differs");
        return;
    }
    count_vector(c, session, t, m, at);
}

/* A part of the vector of a member that has not reported yet, in the running attempt. */
static void take_part(fedli_coord_state *c, uint32_t session, fedli_task *t, fedli_member *m,
                      const fedl_message_upload *upload)
{
    uint32_t at = find_slot(t, m->device_id);
    if (at == FEDLI_SLOT_NONE) {
        at = take_slot(c, t);
        if (at == FEDLI_SLOT_NONE) {
            fedli_outbox_reject(c, session, FEDL_REJECT_BUSY, 500, "no free slot");
            return;
        }
        free_slot(&t->slots[at]);
        t->slots[at].begun_ns = c->now_ns;
        t->slots[at].used_ns = c->now_ns;
    }
    fedli_slot *slot = &t->slots[at];
    const bool masked = fedli_task_is_masked(t);
    if (slot->device_id == 0 || memcmp(slot->digest, upload->digest, 32) != 0) {
        slot->device_id = m->device_id; /* new, or the device has another vector now */
        slot->next_offset = 0;
        memcpy(slot->digest, upload->digest, 32);
        if (!masked) {
            c->crypto->hash_init(&t->hashes[at], FEDL_HASH_BYTES, NULL, 0, NULL);
        }
    }
    if (upload->offset == slot->next_offset && upload->payload.size > 0) {
        slot->used_ns = c->now_ns; /* only progress keeps a slot: repeats are free to send */
        /* offset + size ≤ total_bytes was checked when the message was decoded. */
        memcpy(t->staging + (size_t)at * t->accum.vector_bytes + slot->next_offset,
               upload->payload.data, upload->payload.size);
        if (!masked) { /* while it is still in the cache; parts are only ever appended */
            c->crypto->hash_update(&t->hashes[at], upload->payload.data, upload->payload.size);
        }
        slot->next_offset += upload->payload.size;
        t->metrics.bytes_up += upload->payload.size;
    }
    if (slot->next_offset == t->accum.vector_bytes) {
        if (masked) {
            count_vector(c, session, t, m, at);
        } else {
            complete_upload(c, session, t, m, at);
        }
    } else {
        accept_upload(c, session, slot->next_offset, false);
    }
}

/* Whether vectors of this attempt count, once they are whole. */
static bool takes_vectors(const fedli_coord_state *c, const fedli_task *t)
{
    return t->phase == FEDL_PHASE_RUNNING &&
           (fedli_task_is_masked(t) ? t->masked.begun : c->now_ns < t->timer_ns);
}

/* Whether it is worth telling a device that its vector is in the sum. */
static bool still_matters(const fedli_task *t)
{
    switch (t->phase) {
    case FEDL_PHASE_FREEZING:
    case FEDL_PHASE_UNMASKING:
    case FEDL_PHASE_COMPUTING:
    case FEDL_PHASE_LOADING:
    case FEDL_PHASE_COMMITTING:
        return true;
    case FEDL_PHASE_IDLE:
    case FEDL_PHASE_POOL:
    case FEDL_PHASE_OPENING:
    case FEDL_PHASE_RUNNING:
    case FEDL_PHASE_ABORTING:
    case FEDL_PHASE_RETRY:
    case FEDL_PHASE_BURNING:
        break;
    }
    return false;
}

/* Whether the group takes this device's vector now; else the request is rejected. */
static bool group_wants(fedli_coord_state *c, uint32_t slot, const fedli_task *t,
                        const fedli_member *m, const uint8_t rb[32])
{
    switch (fedl_group_vector_wanted(&t->masked.group, m->device_id, rb)) {
    case FEDL_GROUP_OK:
        return true;
    case FEDL_GROUP_NOT_YET:
    case FEDL_GROUP_STALE:
        fedli_outbox_reject(c, slot, FEDL_REJECT_STALE, 0, "this step is over");
        return false;
    case FEDL_GROUP_NOT_MEMBER:
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_MEMBER, 0, "not in this cohort");
        return false;
    case FEDL_GROUP_MISMATCH:
        break;
    }
    fedli_outbox_reject(c, slot, FEDL_REJECT_MISMATCH, 0, "masked for another attempt");
    return false;
}

void fedli_upload_on_message(fedli_coord_state *c, uint32_t slot, const fedl_message_upload *upload)
{
    fedli_task *t = fedli_task_find(c, upload->task_id);
    if (t == NULL || !t->visible) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_FOUND, 0, "unknown task");
        return;
    }
    const bool running = takes_vectors(c, t);
    const bool known =
        (running || still_matters(t)) && upload->round == t->round && upload->attempt == t->attempt;
    if (!known) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_STALE, 0, "this attempt is over");
        return;
    }
    fedli_member *m = fedli_task_member(t, c->sessions[slot].device_id);
    if (m == NULL) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_MEMBER, 0, "not chosen for this attempt");
        return;
    }
    if (m->state == FEDLI_MEMBER_REPORTED) { /* the answer was lost: it counts, once */
        accept_upload(c, slot, t->accum.vector_bytes, true);
        return;
    }
    if (!running) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_STALE, 0, "this attempt is over");
        return;
    }
    if (upload->total_bytes != t->accum.vector_bytes ||
        upload->payload.size > t->accum.vector_bytes ||
        upload->offset > t->accum.vector_bytes - upload->payload.size) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_MISMATCH, 0, "the vector has another size");
        return;
    }
    if (!fedli_task_is_masked(t) || group_wants(c, slot, t, m, upload->digest)) {
        take_part(c, slot, t, m, upload);
    }
}
