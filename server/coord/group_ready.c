/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GATHERING: READY blobs of 364 bytes, and who may be in the roster.
 *
 * A device that restarted comes with another nonce: while the roster is open its new READY takes
 * the place of the old one. A key that another device has brought already is refused, whoever came
 * first keeps it: devices refuse a whole roster in which two keys are alike. Slots are as many as
 * the largest cohort; one that is held by half a READY for longer than a step may be taken.
 */
#include "coord/group_state.h"

#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/epoch.h"

#include <string.h>

bool fedli_group_is_excluded(const fedli_group_state *g, uint32_t device_id)
{
    for (uint32_t i = 0; i < g->setup.excluded_count; i++) {
        if (g->setup.excluded[i] == device_id) {
            return true;
        }
    }
    return false;
}

static const uint8_t *device_cert(const fedli_group_member *m)
{
    return m->blob + FEDLI_READY_CERTS_AT;
}

static const uint8_t *epoch_cert(const fedli_group_member *m)
{
    return m->blob + FEDLI_READY_CERTS_AT + FEDLI_DEVICE_CERT_BYTES;
}

/* What stands in READY, without judging it. */
void fedli_group_entry(fedli_roster_entry *entry, const fedli_group_member *m)
{
    memset(entry, 0, sizeof *entry);
    entry->device_id = m->device_id;
    memcpy(entry->id_public, device_cert(m) + FEDLI_CERT_ID_AT, 32);
    memcpy(entry->epoch_public, epoch_cert(m) + FEDLI_EPOCH_KEY_AT, 32);
    entry->epoch = fedli_load_u32(epoch_cert(m) + FEDLI_EPOCH_AT);
    memcpy(entry->nonce, m->blob, FEDLI_NONCE16_BYTES);
}

/* ---- slots ---- */

static uint32_t find_slot(const fedli_group_state *g, fedl_instant_ns now_ns)
{
    const fedl_instant_ns patience_ns =
        (fedl_instant_ns)g->setup.plan->secagg.step_ms * 1000000; /* < 2^52 */
    uint32_t oldest = FEDLI_GROUP_NONE;
    for (uint32_t i = 0; i < g->slots_max; i++) {
        if (i >= g->slots_used || g->members[i].device_id == 0) {
            return i;
        }
        const fedli_group_member *m = &g->members[i];
        if (!m->ready && now_ns - m->begun_ns > patience_ns &&
            (oldest == FEDLI_GROUP_NONE || m->begun_ns < g->members[oldest].begun_ns)) {
            oldest = i;
        }
    }
    return oldest;
}

void fedli_group_forget_ready(fedli_group_state *g, uint32_t place)
{
    fedli_group_member *m = fedli_group_at(g, place);
    g->ready_count -= m->ready;
    memset(m, 0, sizeof *m);
    g->order_count--;
    memmove(g->order + place, g->order + place + 1u,
            (size_t)(g->order_count - place) * sizeof *g->order);
}

uint32_t fedli_group_take_slot(fedli_group_state *g, fedl_instant_ns now_ns, uint32_t device_id)
{
    const uint32_t slot = find_slot(g, now_ns);
    uint32_t place = 0;
    if (slot == FEDLI_GROUP_NONE) {
        return FEDLI_GROUP_NONE;
    }
    if (slot >= g->slots_used) {
        g->slots_used = slot + 1u;
    } else if (g->members[slot].device_id != 0) {
        fedli_group_forget_ready(g, fedli_group_find(g, g->members[slot].device_id));
    }
    fedli_group_member *m = &g->members[slot];
    memset(m, 0, sizeof *m);
    m->device_id = device_id;
    m->begun_ns = now_ns;
    while (place < g->order_count && g->members[g->order[place]].device_id < device_id) {
        place++;
    }
    memmove(g->order + place + 1u, g->order + place,
            (size_t)(g->order_count - place) * sizeof *g->order);
    g->order[place] = slot;
    g->order_count++;
    return place;
}

/* ---- what is in it ---- */

static bool has_foreign_key(const fedli_group_state *g, const fedli_group_member *m,
                            const fedli_roster_entry *entry)
{
    for (uint32_t i = 0; i < g->slots_used; i++) {
        const fedli_group_member *other = &g->members[i];
        if (other == m || !other->ready) {
            continue;
        }
        if (memcmp(epoch_cert(other) + FEDLI_EPOCH_KEY_AT, entry->epoch_public, 32) == 0 ||
            memcmp(device_cert(other) + FEDLI_CERT_ID_AT, entry->id_public, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* X25519 with any scalar that is not zero finds the points of low order. */
static bool is_weak(const fedl_crypto *crypto, const uint8_t point[32])
{
    static const uint8_t scalar[32] = {1};
    uint8_t shared[32];
    return !crypto->x25519(shared, scalar, point);
}

static bool is_good(const fedli_group_state *g, const fedli_group_member *m,
                    const uint8_t id_public[32], const uint8_t noise_public[32])
{
    const fedl_group_setup *setup = &g->setup;
    const fedli_attempt *attempt = &setup->attempt;
    fedli_roster_entry entry;
    fedli_epoch_cert cert;
    if (memcmp(m->blob + FEDLI_READY_DIGEST_AT, attempt->model_digest, 32) != 0 ||
        fedli_load_u32(m->blob + FEDLI_READY_CAPS_AT) != 0) {
        return false;
    }
    fedli_group_entry(&entry, m);
    return memcmp(entry.id_public, id_public, 32) == 0 &&
           memcmp(device_cert(m) + FEDLI_CERT_NOISE_AT, noise_public, 32) == 0 &&
           !has_foreign_key(g, m, &entry) &&
           fedli_peer_check(setup->crypto, &cert, &entry, device_cert(m), setup->ca_public,
                            attempt->fleet_id, attempt->task_id, attempt->round,
                            setup->utc_s) == FEDL_OK &&
           !is_weak(setup->crypto, entry.epoch_public);
}

static fedl_group_answer gather(fedli_group_state *g, fedl_instant_ns now_ns, uint32_t device_id,
                                const uint8_t id_public[32], const uint8_t noise_public[32],
                                const fedli_group_part *part, fedli_group_progress *progress)
{
    const uint32_t place = fedli_group_find(g, device_id);
    const uint32_t mine =
        place != FEDLI_GROUP_NONE ? place : fedli_group_take_slot(g, now_ns, device_id);
    if (mine == FEDLI_GROUP_NONE) {
        return FEDL_GROUP_STALE; /* as many as fit are on their way */
    }
    fedli_group_member *m = fedli_group_at(g, mine);
    fedli_group_stage stage =
        fedli_group_stage_part(m->blob, &m->ready_bytes, FEDLI_READY_BYTES, part);
    if (stage == FEDLI_STAGE_OTHER) { /* it restarted: what it sent before is void */
        g->ready_count -= m->ready;
        m->ready = false;
        m->ready_bytes = 0;
        m->begun_ns = now_ns;
        stage = fedli_group_stage_part(m->blob, &m->ready_bytes, FEDLI_READY_BYTES, part);
    }
    progress->next_offset = m->ready_bytes;
    if (stage != FEDLI_STAGE_WHOLE) {
        return FEDL_GROUP_OK;
    }
    if (!m->ready && !is_good(g, m, id_public, noise_public)) {
        fedli_group_forget_ready(g, mine);
        progress->next_offset = 0;
        return FEDL_GROUP_MISMATCH;
    }
    g->ready_count += !m->ready;
    m->ready = true;
    progress->complete = true;
    if (g->ready_count == g->setup.cohort_goal) {
        fedli_group_freeze_roster(g, now_ns);
    }
    return FEDL_GROUP_OK;
}

fedl_group_answer fedli_group_put_ready(fedli_group_state *g, fedl_instant_ns now_ns,
                                        uint32_t device_id, const uint8_t id_public[32],
                                        const uint8_t noise_public[32],
                                        const fedli_group_part *part,
                                        fedli_group_progress *progress)
{
    if (device_id == 0 || fedli_group_is_excluded(g, device_id)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    if (part->total != FEDLI_READY_BYTES || part->payload.size > FEDLI_READY_BYTES ||
        part->offset > FEDLI_READY_BYTES - part->payload.size) {
        return FEDL_GROUP_MISMATCH;
    }
    if (g->phase == FEDL_GROUP_GATHERING) {
        return gather(g, now_ns, device_id, id_public, noise_public, part, progress);
    }
    const uint32_t position = fedli_group_find(g, device_id);
    if (position == FEDLI_GROUP_NONE || !fedli_group_at(g, position)->ready) {
        return FEDL_GROUP_STALE; /* too late, or the group was taken up again without READYs */
    }
    fedli_group_member *m = fedli_group_at(g, position);
    if (fedli_group_stage_part(m->blob, &m->ready_bytes, FEDLI_READY_BYTES, part) !=
        FEDLI_STAGE_WHOLE) {
        return FEDL_GROUP_MISMATCH;
    }
    progress->next_offset = FEDLI_READY_BYTES;
    progress->complete = true;
    return FEDL_GROUP_OK;
}
