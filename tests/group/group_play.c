/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a group_world: devices act, time passes, sums are compared. */
#include "group_world.h"

#include <stdlib.h>
#include <string.h>

#define BLOB_BYTES_MAX (FEDLI_SHARES_EACH_BYTES * 512u)

static void looked(group_world *w)
{
    if (w->look != NULL) {
        w->look(w);
    }
}

static uint32_t part_size(group_world *w, uint64_t left)
{
    if (w->part_bytes_max == 0 || left == 0) {
        return (uint32_t)left;
    }
    const uint32_t size = 1u + fedli_rng_below(&w->rng, w->part_bytes_max);
    return size < left ? size : (uint32_t)left;
}

static void end_device(group_device *d, fedl_group_answer answer)
{
    d->ended = true;
    d->answer = answer;
}

static bool is_silent(const group_device *d, group_silence at)
{
    return d->silent_at != GROUP_TALKS && at >= d->silent_at;
}

/* ---- what devices do ---- */

static group_silence put_step(fedl_group_item item)
{
    switch ((uint32_t)item) {
    case FEDL_ITEM_READY:
        return GROUP_SILENT_READY;
    case FEDL_ITEM_SHARES:
        return GROUP_SILENT_SHARES;
    case FEDL_ITEM_CONFIRM:
        return GROUP_SILENT_CONFIRM;
    case FEDL_ITEM_UNMASK:
        return GROUP_SILENT_UNMASK;
    default:
        return GROUP_TALKS;
    }
}

static fedl_group_answer put_part(group_world *w, group_device *d, fedl_group_item item,
                                  fedl_bytes blob, uint64_t offset, size_t size, uint64_t *next,
                                  bool *complete)
{
    const fedl_group_answer answer =
        fedl_group_put(&w->group, w->now_ns, d->device_id, d->id_public, d->noise_public, item,
                       offset, blob.size, fedl_bytes_of(blob.data + offset, size), next, complete);
    looked(w);
    return answer;
}

static bool pump_put(group_world *w, group_device *d)
{
    const fedl_group_item item = fedli_party_item(&d->party);
    const fedl_bytes blob = fedli_party_blob(&d->party);
    static uint8_t bent[BLOB_BYTES_MAX];
    uint64_t next;
    bool complete;
    if (is_silent(d, put_step(item))) {
        return false;
    }
    assert_true(blob.size <= sizeof bent);
    memcpy(bent, blob.data, blob.size);
    if (w->bend != NULL) {
        w->bend(w, (uint32_t)(d - w->devices), item, bent, blob.size);
    }
    const fedl_bytes sent = fedl_bytes_of(bent, blob.size);
    const uint32_t size = part_size(w, blob.size - d->offset);
    fedl_group_answer answer = put_part(w, d, item, sent, d->offset, size, &next, &complete);
    if (w->repeats && answer == FEDL_GROUP_OK && fedli_rng_below(&w->rng, 4) == 0) {
        /* The answer was lost: the same part, or the blob from its beginning, once more. */
        const uint64_t from = fedli_rng_below(&w->rng, 2) == 0 ? d->offset : 0;
        const fedl_group_answer again =
            put_part(w, d, item, sent, from, (size_t)(d->offset + size - from), &next, &complete);
        /* Only the last UNMASK ends a phase in which its step is over at once. */
        assert_true(again == FEDL_GROUP_OK || again == FEDL_GROUP_STALE);
        answer = again == FEDL_GROUP_OK ? again : answer;
    }
    if (answer != FEDL_GROUP_OK) {
        end_device(d, answer);
        return true;
    }
    d->offset = next;
    if (complete) {
        assert_int_equal(next, blob.size);
        d->offset = 0;
        fedli_party_put_done(&d->party);
    }
    return true;
}

static bool pump_get(group_world *w, group_device *d)
{
    static uint8_t part[1u << 17];
    const uint64_t offset = fedli_party_offset(&d->party);
    const uint32_t room = part_size(w, sizeof part);
    uint64_t total;
    size_t size;
    const fedl_group_answer answer = fedl_group_get(
        &w->group, d->device_id, fedli_party_item(&d->party), offset, part, room, &size, &total);
    if (answer == FEDL_GROUP_NOT_YET) {
        assert_int_equal(size, 0);
        return false;
    }
    if (answer != FEDL_GROUP_OK) {
        end_device(d, answer);
        return true;
    }
    assert_in_range(size, 1, room);
    fedli_party_take(&d->party, fedl_bytes_of(part, size), total);
    return true;
}

static bool pump_upload(group_world *w, group_device *d)
{
    if (is_silent(d, GROUP_SILENT_VECTOR)) {
        return false;
    }
    const uint8_t *rb = fedli_party_binding(&d->party);
    const fedl_group_answer answer = fedl_group_vector_wanted(&w->group, d->device_id, rb);
    if (answer != FEDL_GROUP_OK) {
        end_device(d, answer);
        return true;
    }
    assert_false(fedl_group_vector_counted(&w->group, d->device_id));
    uint8_t *vector = malloc(w->shape.vector_bytes);
    memcpy(vector, d->update, w->shape.vector_bytes);
    const size_t cut = 192; /* two parts */
    fedli_party_mask(&d->party, vector, 0, cut);
    fedli_party_mask(&d->party, vector + cut, cut, w->shape.vector_bytes - cut);
    const fedl_bytes masked = fedl_bytes_of(vector, w->shape.vector_bytes);
    assert_int_equal(fedl_accum_add(&w->sum, masked), FEDL_OK);
    assert_int_equal(fedl_accum_add(&w->plain, fedl_bytes_of(d->update, masked.size)), FEDL_OK);
    fedl_group_vector_add(&w->group, w->now_ns, d->device_id);
    free(vector);
    looked(w);
    assert_true(fedl_group_phase_of(&w->group) == FEDL_GROUP_FAILED ||
                fedl_group_vector_counted(&w->group, d->device_id));
    fedli_party_uploaded(&d->party);
    return true;
}

bool group_world_pump(group_world *w, uint32_t index)
{
    group_device *d = &w->devices[index];
    if (d->ended) {
        return false;
    }
    switch (fedli_party_next(&d->party)) {
    case FEDLI_PARTY_PUT:
        return pump_put(w, d);
    case FEDLI_PARTY_GET:
        return pump_get(w, d);
    case FEDLI_PARTY_STORE_OPENED:
    case FEDLI_PARTY_STORE_CLOSED:
        fedli_party_stored(&d->party);
        return true;
    case FEDLI_PARTY_UPLOAD:
        return pump_upload(w, d);
    case FEDLI_PARTY_DONE:
    case FEDLI_PARTY_REFUSED:
        break;
    }
    return false;
}

/* ---- what happens to all ---- */

void group_world_settle(group_world *w)
{
    bool moved = true;
    while (moved) {
        const uint32_t seed = fedli_rng_u32(&w->rng);
        moved = false;
        for (uint32_t i = 0; i < w->n; i++) {
            const uint32_t index = fedli_shuffle_at(seed, i, w->n);
            /* Some go far ahead of others. */
            uint32_t turns = 1u + fedli_rng_below(&w->rng, 4);
            while (turns-- > 0 && group_world_pump(w, index)) {
                moved = true;
            }
        }
    }
}

void group_world_let_time_pass(group_world *w)
{
    const fedl_instant_ns deadline_ns = fedl_group_deadline_ns(&w->group);
    assert_true(deadline_ns != FEDL_NEVER_NS);
    fedl_group_tick(&w->group, deadline_ns - 1);
    assert_true(fedl_group_deadline_ns(&w->group) == deadline_ns);
    w->now_ns = deadline_ns;
    fedl_group_tick(&w->group, w->now_ns);
    looked(w);
}

void group_world_commit(group_world *w)
{
    assert_int_equal(fedl_group_phase_of(&w->group), FEDL_GROUP_FROZEN);
    if (!w->restarts) {
        fedl_group_committed(&w->group, w->now_ns);
        looked(w);
        return;
    }
    const size_t size = fedl_group_export_bytes(&w->group);
    assert_in_range(size, 1, fedl_group_export_bytes_max(&w->plan));
    uint8_t *exported = malloc(size);
    fedl_group_export(&w->group, exported);
    fedl_group_end(&w->group);
    memset(w->block, 0x5a, w->block_bytes);
    assert_int_equal(fedl_group_import(&w->group, &w->setup, w->block, w->block_bytes,
                                       fedl_bytes_of(exported, size), w->now_ns),
                     FEDL_OK);
    free(exported);
    looked(w);
}

void group_world_run_to(group_world *w, fedl_group_phase goal)
{
    fedl_group_phase phase = fedl_group_phase_of(&w->group);
    while (phase != goal && phase != FEDL_GROUP_READY && phase != FEDL_GROUP_FAILED) {
        group_world_settle(w);
        if (fedl_group_phase_of(&w->group) == FEDL_GROUP_FROZEN && goal != FEDL_GROUP_FROZEN) {
            group_world_commit(w);
        } else if (fedl_group_phase_of(&w->group) == phase) {
            group_world_let_time_pass(w);
        }
        phase = fedl_group_phase_of(&w->group);
    }
}

void group_world_run(group_world *w)
{
    group_world_run_to(w, FEDL_GROUP_READY);
}

void group_world_expect_exact(group_world *w)
{
    const size_t bytes = w->shape.vector_bytes;
    uint8_t *sum = malloc(bytes);
    uint8_t *plain = malloc(bytes);
    uint32_t count;
    assert_string_equal(fedl_group_reason(&w->group), "");
    assert_int_equal(fedl_group_phase_of(&w->group), FEDL_GROUP_READY);
    assert_false(fedl_group_burnt(&w->group));
    assert_int_equal(fedl_accum_export(&w->sum, sum, bytes), FEDL_OK);
    assert_int_equal(fedl_accum_export(&w->plain, plain, bytes), FEDL_OK);
    assert_int_equal(fedl_group_u3_count(&w->group), w->sum.count);
    assert_memory_not_equal(sum, plain, bytes);
    const fedli_mask_key *keys = fedl_group_keys(&w->group, &count);
    assert_in_range(count, w->sum.count, (uint64_t)w->n * w->n);
    fedli_mask_slice(fedli_prg_best(), &w->shape, sum, keys, count, 0, 1);
    /* Once more through an accumulator: the padding is not part of the sum. */
    assert_int_equal(fedl_accum_import(&w->sum, fedl_bytes_of(sum, bytes), w->sum.count), FEDL_OK);
    assert_int_equal(fedl_accum_export(&w->sum, sum, bytes), FEDL_OK);
    assert_memory_equal(sum, plain, bytes);
    free(sum);
    free(plain);
}

void group_world_expect_failed(group_world *w, const char *reason, bool burnt)
{
    uint32_t count;
    assert_int_equal(fedl_group_phase_of(&w->group), FEDL_GROUP_FAILED);
    assert_string_equal(fedl_group_reason(&w->group), reason);
    assert_int_equal(fedl_group_burnt(&w->group), burnt);
    assert_true(fedl_group_deadline_ns(&w->group) == FEDL_NEVER_NS);
    (void)fedl_group_keys(&w->group, &count);
    assert_int_equal(count, 0);
}

fedl_group_answer group_world_put(group_world *w, uint32_t index, fedl_group_item item,
                                  const void *blob, size_t size)
{
    uint64_t next;
    bool complete;
    const fedl_group_answer answer =
        put_part(w, &w->devices[index], item, fedl_bytes_of(blob, size), 0, size, &next, &complete);
    assert_int_equal(complete, answer == FEDL_GROUP_OK);
    return answer;
}

fedl_group_answer group_world_get(group_world *w, uint32_t index, fedl_group_item item,
                                  uint8_t *out, size_t out_bytes, size_t *size)
{
    uint64_t total;
    const fedl_group_answer answer = fedl_group_get(&w->group, w->devices[index].device_id, item, 0,
                                                    out, out_bytes, size, &total);
    assert_int_equal(total, *size);
    return answer;
}

uint32_t group_world_silence(group_world *w, uint32_t count, group_silence at)
{
    uint32_t silenced = 0;
    const uint32_t seed = fedli_rng_u32(&w->rng);
    for (uint32_t i = 0; i < w->n && silenced < count; i++) {
        group_device *d = &w->devices[fedli_shuffle_at(seed, i, w->n)];
        if (d->silent_at == GROUP_TALKS) {
            d->silent_at = at;
            silenced++;
        }
    }
    return silenced;
}

const uint8_t *group_world_ready_blob(group_world *w, uint32_t index)
{
    const fedli_party *party = &w->devices[index].party;
    assert_int_equal(fedli_party_next(party), FEDLI_PARTY_PUT);
    assert_int_equal(fedli_party_item(party), FEDL_ITEM_READY);
    return fedli_party_blob(party).data;
}
