/* SPDX-License-Identifier: Apache-2.0 */
/* What a client machine does with a party, and the steps of an attempt. */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "party_world.h"

#include <stdlib.h>
#include <string.h>

static void note(world *w, uint32_t position, uint32_t what, fedl_bytes bytes)
{
    uint8_t head[16];
    if (w->note != NULL) {
        w->note(w, position, what, bytes);
    }
    if (w->transcript == NULL) {
        return;
    }
    fedli_store_u32(head, w->devices[position].id);
    fedli_store_u32(head + 4, what);
    fedli_store_u64(head + 8, bytes.size);
    w->crypto.hash_update(w->transcript, head, sizeof head);
    w->crypto.hash_update(w->transcript, bytes.data, bytes.size);
    w->transcript_bytes += bytes.size;
}

/* Save, end, restore: into a new block, so that a pointer into the old one would be found out. */
static void move_party(world *w, world_device *device)
{
    const size_t size = fedli_party_size(&w->plan);
    void *fresh = malloc(size);
    assert_non_null(fresh);
    memcpy(fresh, device->block, size);
    fedli_party_end(&device->party);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(((const uint8_t *)device->block)[i], 0);
    }
    free(device->block);
    device->block = fresh;
    memset(device->setup.secret, 0, sizeof device->setup.secret); /* only begin() reads it */
    assert_int_equal(fedli_party_restore(&device->party, &device->setup, &device->epoch,
                                         device->cache, device->cache_count, fresh, size),
                     FEDL_OK);
}

static void pump_put(world *w, uint32_t position)
{
    world_device *device = &w->devices[position];
    const fedl_group_item item = fedli_party_item(&device->party);
    const fedl_bytes blob = fedli_party_blob(&device->party);
    toy_put(&w->toy, position, item, blob);
    note(w, position, (uint32_t)item, blob);
    if (w->put_twice) {
        move_party(w, device);
        assert_int_equal(fedli_party_item(&device->party), item);
        toy_put(&w->toy, position, item, fedli_party_blob(&device->party)); /* compares */
    }
    fedli_party_put_done(&device->party);
}

static bool pump_get(world *w, uint32_t position)
{
    world_device *device = &w->devices[position];
    const fedl_group_item item = fedli_party_item(&device->party);
    toy_blob blob = toy_get(&w->toy, position, item);
    if (blob.data == NULL) {
        return false;
    }
    device->certs_got += item == FEDL_ITEM_CERTS ? 1u : 0u;
    if (w->tamper != NULL) {
        w->tamper(w, position, item, &blob);
    }
    note(w, position, (uint32_t)item, fedl_bytes_of(blob.data, blob.size));
    for (size_t at = 0, moved = 0; at < blob.size;) {
        const size_t left = blob.size - at;
        const size_t step = w->part_bytes == 0 || w->part_bytes > left ? left : w->part_bytes;
        assert_int_equal(fedli_party_offset(&device->party), at);
        fedli_party_take(&device->party, fedl_bytes_of(blob.data + at, step), blob.size);
        at += step;
        if (w->look != NULL) {
            w->look(w, position);
        }
        /* A roster that is half read begins again then: moved at twice the bytes each time, it
         * still comes to its end. */
        if (w->restore_always && (item != FEDL_ITEM_ROSTER || at == blob.size || at > 2u * moved)) {
            move_party(w, device);
            moved = at;
        }
        if (fedli_party_next(&device->party) != FEDLI_PARTY_GET) {
            break;
        }
        at = at == blob.size ? at : (size_t)fedli_party_offset(&device->party);
    }
    free(blob.data);
    return true;
}

static void pump_upload(world *w, uint32_t position)
{
    world_device *device = &w->devices[position];
    const size_t size = toy_shape(&w->plan).vector_bytes;
    const size_t body = toy_shape(&w->plan).body_bytes;
    uint8_t *vector = malloc(size);
    assert_non_null(vector);
    memcpy(vector, device->update, size);
    for (size_t at = 0; at < size;) {
        size_t step = w->mask_bytes == 0 || w->mask_bytes > size - at ? size - at : w->mask_bytes;
        if (at < body && at + step > body) {
            step = w->mask_bytes == 0 ? step : body - at; /* an odd place to cut */
        }
        fedli_party_mask(&device->party, vector + at, at, step);
        at += step;
    }
    toy_put_vector(&w->toy, position, fedl_bytes_of(vector, size));
    note(w, position, WORLD_VECTOR, fedl_bytes_of(vector, size));
    free(vector);
    fedli_party_uploaded(&device->party);
}

static bool is_stopped(const world_device *device)
{
    const fedli_party_want want = fedli_party_next(&device->party);
    const bool has_item = want == FEDLI_PARTY_PUT || want == FEDLI_PARTY_GET;
    return want == device->stop_at &&
           (!has_item || fedli_party_item(&device->party) == device->stop_item);
}

void world_pump(world *w, uint32_t position)
{
    world_device *device = &w->devices[position];
    for (bool moved = true; moved && !is_stopped(device);) {
        if (w->look != NULL) {
            w->look(w, position);
        }
        if (w->restore_always) {
            move_party(w, device);
        }
        switch (fedli_party_next(&device->party)) {
        case FEDLI_PARTY_PUT:
            moved =
                !(device->lost_at_shares && fedli_party_item(&device->party) == FEDL_ITEM_SHARES);
            if (moved) {
                pump_put(w, position);
            }
            break;
        case FEDLI_PARTY_GET:
            moved = pump_get(w, position);
            break;
        case FEDLI_PARTY_STORE_OPENED:
            device->stored_opened++;
            fedli_party_stored(&device->party);
            break;
        case FEDLI_PARTY_UPLOAD:
            moved = !device->lost_at_vector;
            if (moved) {
                pump_upload(w, position);
            }
            break;
        case FEDLI_PARTY_STORE_CLOSED:
            device->stored_closed++;
            fedli_party_stored(&device->party);
            break;
        case FEDLI_PARTY_DONE:
        case FEDLI_PARTY_REFUSED:
            moved = false;
            break;
        }
    }
}

void world_pump_all(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        world_pump(w, i);
    }
}

void world_to_roster(world *w)
{
    world_pump_all(w);
    toy_freeze_roster(&w->toy);
}

void world_to_shares(world *w)
{
    world_to_roster(w);
    world_pump_all(w);
    toy_freeze_u2(&w->toy);
}

void world_to_vectors(world *w)
{
    world_to_shares(w);
    world_pump_all(w);
    toy_freeze_u3(&w->toy);
}

void world_to_survivors(world *w)
{
    world_to_vectors(w);
    world_pump_all(w);
    w->toy.confirms_frozen = true;
}

void world_to_end(world *w)
{
    world_to_survivors(w);
    world_pump_all(w);
}

void world_record(world *w, fedl_hash *hash)
{
    w->crypto.hash_init(hash, 32, NULL, 0, NULL);
    w->transcript = hash;
    w->transcript_bytes = 0;
}

void world_transcript(world *w, uint8_t digest[32])
{
    w->crypto.hash_final(w->transcript, digest, 32);
    w->transcript = NULL;
}
