/* SPDX-License-Identifier: Apache-2.0 */
/* What the commit point keeps: it finishes the round in another process, holds nothing that could
 * undo a mask by itself, and no damage to it does any harm. */
#include "group_world.h"

#include "base/cursor.h"
#include "secagg/params.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *export_group(group_world *w, size_t *size)
{
    *size = fedl_group_export_bytes(&w->group);
    assert_in_range(*size, 1, fedl_group_export_bytes_max(&w->plan));
    uint8_t *exported = malloc(*size);
    assert_non_null(exported);
    fedl_group_export(&w->group, exported);
    return exported;
}

static void begin_export(group_world *w, uint64_t seed, uint32_t lost)
{
    group_world_begin(w, seed);
    assert_int_equal(group_world_silence(w, lost, GROUP_SILENT_VECTOR), lost);
    assert_int_equal(fedl_group_export_bytes(&w->group), 0);
    group_world_run_to(w, FEDL_GROUP_FROZEN);
}

static void every_way_on(void **state)
{
    (void)state;
    for (fedl_server_trust trust = FEDL_TRUST_CURIOUS; trust <= FEDL_TRUST_ACTIVE; trust++) {
        group_world w;
        group_world_open(&w, 10, trust, 24);
        for (uint32_t lost = 0; lost <= 3; lost++) {
            for (uint32_t more = 0; lost + more <= 4; more++) {
                group_world_begin(&w, 100 * lost + more);
                w.restarts = true;
                group_world_silence(&w, lost, GROUP_SILENT_VECTOR);
                group_world_silence(&w, more, GROUP_SILENT_UNMASK);
                group_world_run(&w);
                if (lost + more <= 3) { /* t = 6 of 10, not counting oneself */
                    group_world_expect_exact(&w);
                } else {
                    group_world_expect_failed(&w, "too few shares came", true);
                }
            }
        }
        group_world_close(&w);
    }
}

/* The server dies in the middle of unmasking: all that was heard after the commit point is lost.
 * What devices put again, or go on with, is enough. */
static void a_restart_in_unmasking(void **state)
{
    (void)state;
    group_world w;
    size_t size;
    group_world_open(&w, 8, FEDL_TRUST_ACTIVE, 16);
    begin_export(&w, 5, 1);
    uint8_t *exported = export_group(&w, &size);
    fedl_group_committed(&w.group, w.now_ns);
    uint8_t *unmask[8] = {0};
    size_t unmask_bytes[8];
    for (uint32_t i = 0; i < 8; i++) {
        w.devices[i].silent_at = GROUP_SILENT_UNMASK;
    }
    group_world_settle(&w);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_UNMASKING);
    uint32_t helpers = 0;
    for (uint32_t i = 0; i < 8; i++) {
        const fedli_party *party = &w.devices[i].party;
        if (!w.devices[i].ended && fedli_party_next(party) == FEDLI_PARTY_PUT) {
            const fedl_bytes blob = fedli_party_blob(party);
            assert_int_equal(fedli_party_item(party), FEDL_ITEM_UNMASK);
            unmask[i] = malloc(blob.size);
            memcpy(unmask[i], blob.data, blob.size);
            unmask_bytes[i] = blob.size;
            helpers++;
        }
    }
    assert_int_equal(helpers, 7);
    fedl_group_end(&w.group);
    assert_int_equal(fedl_group_import(&w.group, &w.setup, w.block, w.block_bytes,
                                       fedl_bytes_of(exported, size), w.now_ns),
                     FEDL_OK);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_CONFIRMING);
    assert_int_equal(fedl_group_cohort(&w.group), 8);
    assert_int_equal(fedl_group_u3_count(&w.group), 7);
    for (uint32_t i = 0; i < 8 && fedl_group_phase_of(&w.group) != FEDL_GROUP_READY; i++) {
        if (unmask[i] != NULL) {
            assert_true(fedl_group_waits_for(&w.group, w.devices[i].device_id));
            assert_int_equal(group_world_put(&w, i, FEDL_ITEM_UNMASK, unmask[i], unmask_bytes[i]),
                             FEDL_GROUP_OK);
            assert_false(fedl_group_waits_for(&w.group, w.devices[i].device_id));
        }
    }
    group_world_expect_exact(&w);
    for (uint32_t i = 0; i < 8; i++) {
        free(unmask[i]);
    }
    free(exported);
    group_world_close(&w);
}

static bool contains(const uint8_t *data, size_t size, const uint8_t *what, size_t what_bytes)
{
    for (size_t at = 0; at + what_bytes <= size; at++) {
        if (memcmp(data + at, what, what_bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* The end of each device's SeedBox. */
static uint8_t box_ends[6][16];

static void note_boxes(group_world *w, uint32_t index, fedl_group_item item, uint8_t *blob,
                       size_t size)
{
    (void)w;
    if (item == FEDL_ITEM_SHARES) {
        memcpy(box_ends[index], blob + size - 16, 16);
    }
}

/* Of a member's two kinds of tags only those of the kind that is asked for are kept. */
static void only_one_kind_is_kept(void **state)
{
    (void)state;
    group_world w;
    size_t size;
    group_world_open(&w, 6, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 2);
    w.bend = note_boxes;
    assert_int_equal(group_world_silence(&w, 1, GROUP_SILENT_VECTOR), 1);
    group_world_run_to(&w, FEDL_GROUP_FROZEN);
    uint8_t *exported = export_group(&w, &size);
    fedli_params params;
    assert_int_equal(fedli_params_for(&params, 6, 100, 100, FEDL_TRUST_CURIOUS), FEDL_OK);
    uint32_t seen[2] = {0};
    for (uint32_t i = 0; i < 6; i++) {
        fedli_attempt_secrets secrets;
        const group_device *d = &w.devices[i];
        const uint8_t *rb = fedli_party_binding(&w.devices[0].party);
        const bool survived = fedl_group_vector_counted(&w.group, d->device_id);
        assert_int_equal(contains(exported, size, box_ends[i], 16), !survived);
        assert_int_equal(contains(w.block, w.block_bytes, box_ends[i], 16), !survived);
        fedli_attempt_secrets_derive(w.crypto, &secrets, d->setup.secret);
        for (uint8_t x = 1; x <= 5; x++) {
            uint8_t pair[64], tag[FEDLI_SHARE_TAG_BYTES];
            fedli_share_pair(pair, &secrets, params.t, x);
            fedli_share_tag(w.crypto, tag, rb, d->device_id, x, FEDLI_SHARE_B, pair);
            assert_int_equal(contains(exported, size, tag, sizeof tag), survived);
            seen[0] += survived;
            fedli_share_tag(w.crypto, tag, rb, d->device_id, x, FEDLI_SHARE_D, pair + 32);
            assert_int_equal(contains(exported, size, tag, sizeof tag), !survived);
            seen[1] += !survived;
            assert_false(contains(exported, size, pair, 32));
            assert_false(contains(exported, size, pair + 32, 32));
        }
        assert_false(contains(exported, size, secrets.b, 32));
        assert_false(contains(exported, size, secrets.d, 32));
    }
    assert_int_equal(seen[0], 25);
    assert_int_equal(seen[1], 5);
    free(exported);
    group_world_close(&w);
}

/* ---- damage ---- */

#define CHECKSUM_BYTES 32u

static fedl_status import_bytes(group_world *w, const uint8_t *bytes, size_t size)
{
    /* A block of its own size, so that the sanitizer sees every byte beyond it. */
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, bytes, size);
    fedl_group group = {NULL};
    void *block = aligned_alloc(16, w->block_bytes);
    memset(block, 0xff, w->block_bytes);
    const fedl_status status = fedl_group_import(&group, &w->setup, block, w->block_bytes,
                                                 fedl_bytes_of(copy, size), w->now_ns);
    if (status == FEDL_OK) {
        fedl_group_end(&group);
    } else {
        assert_null(group.state);
    }
    free(block);
    free(copy);
    return status;
}

static void damage(void **state)
{
    (void)state;
    group_world w;
    size_t size;
    group_world_open(&w, 5, FEDL_TRUST_ACTIVE, 16);
    begin_export(&w, 1, 1);
    uint8_t *exported = export_group(&w, &size);
    assert_int_equal(import_bytes(&w, exported, size), FEDL_OK);
    for (size_t length = 0; length < size; length++) {
        assert_int_equal(import_bytes(&w, exported, length), FEDL_ERR_CORRUPT);
    }
    for (size_t bit = 0; bit < 8 * size; bit += 1 + fedli_rng_below(&w.rng, 7)) {
        exported[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(import_bytes(&w, exported, size), FEDL_ERR_CORRUPT);
        exported[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Damage under a good checksum: whoever can write that can also make a round fail, but not more
     * than that. Lengths, counts and sets are checked, each by itself. */
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        uint8_t *forged = malloc(size);
        const size_t shorter = fedli_rng_below(&w.rng, 4) == 0 ? fedli_rng_below(&w.rng, 40) : 0;
        const size_t length = size - shorter;
        memcpy(forged, exported, size);
        for (uint32_t j = 0; j <= fedli_rng_below(&w.rng, 3); j++) {
            const uint32_t within = fedli_rng_below(&w.rng, 2) == 0 ? 160 : (uint32_t)size;
            forged[fedli_rng_below(&w.rng, within)] = (uint8_t)fedli_rng_u32(&w.rng);
        }
        fedli_hash(w.crypto, forged + length - CHECKSUM_BYTES, "fedl.grps.v1", forged,
                   length - CHECKSUM_BYTES);
        const fedl_status status = import_bytes(&w, forged, length);
        assert_true(status == FEDL_OK || status == FEDL_ERR_CORRUPT || status == FEDL_ERR_MISMATCH);
        refused += status != FEDL_OK;
        free(forged);
    }
    assert_true(refused > 1000);
    free(exported);
    group_world_close(&w);
}

/* ---- forgery from nothing: every bound by itself, with binding and checksum as they should be
 * ----
 */

typedef struct forgery {
    uint32_t n;
    uint16_t k;
    uint16_t t;
    uint32_t u2_from; /* members from here on are in U2, U3 */
    uint32_t u3_from;
    bool same_ids;
    bool dirty; /* a one in the padding of U2 */
    fedl_status expected;
} forgery;

static fedl_status import_forged(group_world *w, const forgery *f)
{
    static uint8_t bytes[1u << 22];
    const uint8_t root[32] = {1}, beacon[32] = {2};
    fedli_writer writer;
    uint8_t u2[64] = {0}, u3[64] = {0}, rb[32];
    size_t size;
    for (uint32_t p = 0; p < f->n && p < 512; p++) {
        if (p >= f->u2_from) {
            fedli_bitmap_set(u2, p);
        }
        if (p >= f->u3_from) {
            fedli_bitmap_set(u3, p);
        }
    }
    if (f->dirty) {
        fedli_bitmap_set(u2, f->n);
    }
    fedli_round_binding(w->crypto, rb, &w->setup.attempt, f->n, f->k, f->t, root, beacon);
    fedli_writer_init(&writer, bytes, sizeof bytes);
    fedli_write_u32(&writer, 1);
    fedli_write_u32(&writer, f->n);
    fedli_write_u16(&writer, f->k);
    fedli_write_u16(&writer, f->t);
    fedli_write_copy(&writer, root, 32);
    fedli_write_copy(&writer, beacon, 32);
    fedli_write_copy(&writer, rb, 32);
    for (uint32_t p = 0; p < f->n; p++) {
        fedli_write_u32(&writer, f->same_ids ? 1 : p + 1);
    }
    fedli_write_copy(&writer, u2, fedli_bitmap_bytes(f->n));
    fedli_write_copy(&writer, u3, fedli_bitmap_bytes(f->n));
    for (uint32_t p = f->u2_from; p < f->n; p++) {
        for (uint32_t i = 0; i < (p >= f->u3_from ? 32u + 16u * f->k : 48u * f->k + 16u); i++) {
            fedli_write_u8(&writer, 0);
        }
    }
    assert_int_equal(fedli_writer_end(&writer, &size), FEDL_OK);
    fedli_hash(w->crypto, bytes + size, "fedl.grps.v1", bytes, size);
    return import_bytes(w, bytes, size + CHECKSUM_BYTES);
}

static void forgeries(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 140, FEDL_TRUST_ACTIVE, 16);
    w.block_bytes = fedl_group_size(&w.plan);
    w.setup.attempt.attempt = 1;
    const forgery list[] = {
        {12, 11, 7, 0, 0, false, false, FEDL_OK},
        {12, 11, 7, 0, 4, false, false, FEDL_OK},
        {12, 11, 7, 1, 4, false, false, FEDL_OK},
        {12, 11, 7, 0, 5, false, false, FEDL_ERR_CORRUPT}, /* 7 left: 6 neighbours, t = 7 */
        {12, 11, 7, 2, 1, false, false, FEDL_ERR_CORRUPT}, /* U3 not within U2 */
        {12, 11, 7, 0, 0, true, false, FEDL_ERR_CORRUPT},
        {12, 11, 7, 0, 0, false, true, FEDL_ERR_CORRUPT},
        {12, 11, 5, 0, 0, false, false, FEDL_ERR_CORRUPT}, /* 2t ≤ k */
        {12, 11, 12, 0, 0, false, false, FEDL_ERR_CORRUPT},
        {12, 11, 0, 0, 0, false, false, FEDL_ERR_CORRUPT},
        {12, 10, 7, 0, 0, false, false, FEDL_ERR_CORRUPT}, /* no complete graph */
        {2, 1, 1, 0, 0, false, false, FEDL_ERR_CORRUPT},
        {0, 0, 0, 0, 0, false, false, FEDL_ERR_CORRUPT},
        {140, 52, 36, 0, 0, false, false, FEDL_OK},
        {140, 51, 36, 0, 0, false, false, FEDL_ERR_CORRUPT},   /* no ring of odd degree */
        {140, 138, 100, 0, 0, false, false, FEDL_ERR_CORRUPT}, /* more than there is memory for */
        {141, 52, 36, 0, 0, false, false, FEDL_ERR_CORRUPT},   /* more devices than the plan has */
        {300, 254, 200, 0, 0, false, false, FEDL_ERR_CORRUPT},
        {300, 300, 200, 0, 0, false, false, FEDL_ERR_CORRUPT},
    };
    for (uint32_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        assert_int_equal(import_forged(&w, &list[i]), list[i].expected);
    }
    group_world_close(&w);
}

static void of_another_attempt(void **state)
{
    (void)state;
    group_world w;
    size_t size;
    group_world_open(&w, 5, FEDL_TRUST_ACTIVE, 16);
    begin_export(&w, 1, 0);
    uint8_t *exported = export_group(&w, &size);
    w.setup.attempt.attempt++;
    assert_int_equal(import_bytes(&w, exported, size), FEDL_ERR_MISMATCH);
    w.setup.attempt.attempt--;
    w.setup.attempt.plan_digest[0] ^= 1;
    assert_int_equal(import_bytes(&w, exported, size), FEDL_ERR_MISMATCH);
    w.setup.attempt.plan_digest[0] ^= 1;
    fedl_group group;
    assert_int_equal(
        fedl_group_import(&group, &w.setup, w.block, 64, fedl_bytes_of(exported, size), w.now_ns),
        FEDL_ERR_SIZE);
    fedl_group_end(&w.group);
    memset(w.block, 0, w.block_bytes);
    w.plan.update.clients_max = 4; /* the plan has changed: it does not fit any more */
    assert_int_equal(import_bytes(&w, exported, size), FEDL_ERR_CORRUPT);
    free(exported);
    free(w.block);
    w.block = NULL;
    group_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_on),
        cmocka_unit_test(a_restart_in_unmasking),
        cmocka_unit_test(only_one_kind_is_kept),
        cmocka_unit_test(damage),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(of_another_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
