/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices, by rising id, and a hash table from Noise key to id.
 *
 * Ids are never used twice and devices never removed, so the rest of the coordinator keeps ids, not
 * pointers. The table is open addressing at no more than half load; its hash is keyed with a secret
 * of the server, so that nobody can choose keys that collide.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "coord/coord_state.h"

#include "base/secret.h"

#include <string.h>

static const uint8_t key_personal[FEDL_PERSONAL_BYTES] = "fedl.nkey.v1";

static uint32_t key_hash(const fedli_coord_state *c, const uint8_t noise_public[32])
{
    fedl_hash hash;
    uint8_t out[FEDL_HASH_BYTES];
    c->crypto->hash_init(&hash, sizeof out, c->cfg.identity.token_key, 32, key_personal);
    c->crypto->hash_update(&hash, noise_public, 32);
    c->crypto->hash_final(&hash, out, sizeof out);
    return fedli_load_u32(out);
}

/* Index of the first device whose id is not below device_id. */
static uint32_t lower_bound(const fedli_coord_state *c, uint32_t device_id)
{
    uint32_t low = 0;
    uint32_t high = c->device_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2u;
        if (c->devices[middle].record.device_id < device_id) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

fedli_device *fedli_device_find(const fedli_coord_state *c, uint32_t device_id)
{
    const uint32_t at = lower_bound(c, device_id);
    if (at < c->device_count && c->devices[at].record.device_id == device_id) {
        return &c->devices[at];
    }
    return NULL;
}

fedli_device *fedli_device_find_key(const fedli_coord_state *c, const uint8_t noise_public[32])
{
    for (uint32_t at = key_hash(c, noise_public) & c->key_mask; c->keys[at] != 0;
         at = (at + 1u) & c->key_mask) {
        fedli_device *d = fedli_device_find(c, c->keys[at]);
        FEDLI_CHECK(d != NULL);
        if (memcmp(d->record.noise_public, noise_public, 32) == 0) {
            return d;
        }
    }
    return NULL;
}

void fedli_device_key_insert(fedli_coord_state *c, const fedli_device *d)
{
    /* Ends: the table has more than twice as many places as there can be devices. */
    uint32_t at = key_hash(c, d->record.noise_public) & c->key_mask;
    while (c->keys[at] != 0) {
        at = (at + 1u) & c->key_mask;
    }
    c->keys[at] = d->record.device_id;
}

/* True when the record names a Noise key: an invited device, even one revoked, has none. */
static bool has_key(const fedl_device_record *record)
{
    static const uint8_t zero[32];
    return memcmp(record->noise_public, zero, sizeof zero) != 0;
}

fedl_status fedli_device_insert(fedli_coord_state *c, const fedl_device_record *record)
{
    const uint32_t at = lower_bound(c, record->device_id);
    if (c->device_count >= c->cfg.devices_max) {
        return FEDL_ERR_FULL;
    }
    if (at < c->device_count && c->devices[at].record.device_id == record->device_id) {
        return FEDL_ERR_EXISTS;
    }
    if (has_key(record) && fedli_device_find_key(c, record->noise_public) != NULL) {
        return FEDL_ERR_EXISTS;
    }
    memmove(c->devices + at + 1u, c->devices + at,
            (size_t)(c->device_count - at) * sizeof *c->devices);
    fedli_device *d = &c->devices[at];
    memset(d, 0, sizeof *d);
    d->record = *record;
    d->session = FEDLI_SESSION_NONE;
    d->seen_ns = FEDL_NEVER_NS;
    c->device_count++;
    if (record->device_id >= c->device_id_next) {
        c->device_id_next = record->device_id + 1u;
    }
    if (has_key(record)) {
        fedli_device_key_insert(c, d);
    }
    return FEDL_OK;
}

void fedli_device_available(fedli_coord_state *c, fedli_device *d, fedl_instant_ns until_ns)
{
    if (d->available_until_ns == 0 && until_ns != 0) {
        c->available_count++;
    } else if (d->available_until_ns != 0 && until_ns == 0) {
        c->available_count--;
    }
    d->available_until_ns = until_ns;
}

void fedli_device_expel(fedli_coord_state *c, fedli_device *d)
{
    const uint32_t device_id = d->record.device_id;
    if (d->session != FEDLI_SESSION_NONE) {
        fedli_session_close(c, d->session, true);
    }
    fedli_device_available(c, d, 0);
    for (uint32_t i = 0; i < c->task_count; i++) {
        fedli_task *t = c->tasks[i];
        fedli_member *m = fedli_task_member(t, device_id);
        if (m != NULL && m->state == FEDLI_MEMBER_CHOSEN) {
            m->state = FEDLI_MEMBER_GONE;
            t->outstanding--;
            fedli_upload_free_device(t, device_id);
        }
        if (m != NULL && t->masked.begun) { /* what it did before still counts */
            fedl_group_remove(&t->masked.group, c->now_ns, device_id);
        }
    }
    /* Rounds that waited for nobody else end in the timers of this step or the next. */
    c->more = true;
}

fedli_device_op *fedli_device_op_take(fedli_coord_state *c, fedl_store_op_kind kind,
                                      const fedl_device_record *record)
{
    for (uint32_t i = 0; i < FEDLI_DEVICE_OPS; i++) {
        fedli_device_op *op = &c->device_ops[i];
        if (op->ticket == 0) {
            memset(op, 0, sizeof *op);
            op->ticket = c->ticket_next++;
            op->op.kind = kind;
            op->op.utc_s = c->event->utc_s;
            op->op.device = *record;
            op->op.device.changed_s = c->event->utc_s;
            fedli_outbox_store(c, op->ticket, &op->op);
            return op;
        }
    }
    return NULL;
}

void fedli_device_op_free(fedli_device_op *op)
{
    fedli_wipe(op, sizeof *op);
}
