/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commit point of a masked sum keeps of its group, so that another process can finish it.
 * No share, no vector, no key; and of the two kinds of tags only the one that will be asked for.
 *
 *   schema u16 (1) ‖ 0 u16 ‖ n u32 ‖ k u16 ‖ t u16 ‖ roster_root 32 ‖ beacon 32 ‖ rb 32 ‖
 *   ids n · u32, rising ‖ U2 bitmap ‖ U3 bitmap ‖ per member of U2:
 *       in U3      cb 32 ‖ tags of its b shares 16·k
 *       vanished   tags of its d shares 16·k ‖ SeedBox 32·k + 16
 *   ‖ H("fedl.grps.v1", all before) 32
 *
 * rb binds the rest to the attempt. READY blobs are not kept: nobody reads the roster any more.
 */
#include "coord/group_state.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define SCHEMA         1u
#define PERSONAL       "fedl.grps.v1"
#define CHECKSUM_BYTES 32u
#define HEAD_BYTES     (2u + 2u + 4u + 2u + 2u + 3u * 32u)

static size_t member_bytes(bool survived, uint32_t k)
{
    const size_t tag_bytes = (size_t)FEDLI_SHARE_TAG_BYTES * k;
    return survived ? 32u + tag_bytes : tag_bytes + fedli_seedbox_bytes(k);
}

/* In an area cb, tags and SeedBox follow each other. */
static uint8_t *member_place(const fedli_group_state *g, uint32_t position)
{
    return fedli_bitmap_get(g->u3, position) ? fedli_group_area(g, position)
                                             : fedli_group_tags(g, position);
}

/* A vanished member takes the most; k ≥ 2. */
size_t fedli_group_export_bound(uint32_t n, uint32_t k)
{
    return HEAD_BYTES + (size_t)n * (4u + member_bytes(false, k)) + 2u * fedli_bitmap_bytes(n) +
           CHECKSUM_BYTES;
}

size_t fedl_group_export_bytes_max(const fedl_plan *plan)
{
    fedli_group_measure most;
    return fedli_group_measure_plan(&most, plan) ? most.export_bytes : 0;
}

size_t fedl_group_export_bytes(const fedl_group *group)
{
    const fedli_group_state *g = group->state;
    const uint32_t k = g->graph.k;
    if (g->phase != FEDL_GROUP_FROZEN) {
        return 0;
    }
    if (fedli_group_is_helped(g)) {
        return fedli_group_helped_export_bytes(g);
    }
    return HEAD_BYTES + (size_t)g->n * 4u + 2u * fedli_bitmap_bytes(g->n) +
           g->u3_count * member_bytes(true, k) +
           (g->u2_count - g->u3_count) * member_bytes(false, k) + CHECKSUM_BYTES;
}

void fedl_group_export(const fedl_group *group, uint8_t *out)
{
    const fedli_group_state *g = group->state;
    const size_t capacity = fedl_group_export_bytes(group);
    fedli_writer writer;
    size_t size;
    FEDLI_CHECK(capacity != 0);
    if (fedli_group_is_helped(g)) {
        fedli_group_helped_export(g, out);
        return;
    }
    fedli_writer_init(&writer, out, capacity - CHECKSUM_BYTES);
    fedli_write_u16(&writer, SCHEMA);
    fedli_write_u16(&writer, 0);
    fedli_write_u32(&writer, g->n);
    fedli_write_u16(&writer, (uint16_t)g->graph.k);
    fedli_write_u16(&writer, (uint16_t)g->t);
    fedli_write_copy(&writer, g->roster_root, 32);
    fedli_write_copy(&writer, g->beacon, 32);
    fedli_write_copy(&writer, g->rb, 32);
    for (uint32_t p = 0; p < g->n; p++) {
        fedli_write_u32(&writer, fedli_group_at(g, p)->device_id);
    }
    fedli_write_copy(&writer, g->u2, fedli_bitmap_bytes(g->n));
    fedli_write_copy(&writer, g->u3, fedli_bitmap_bytes(g->n));
    for (uint32_t i = 0; i < g->u2_count; i++) {
        const uint32_t p = g->u2_list[i];
        fedli_write_copy(&writer, member_place(g, p),
                         member_bytes(fedli_bitmap_get(g->u3, p), g->graph.k));
    }
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == capacity - CHECKSUM_BYTES);
    fedli_hash(g->setup.crypto, out + size, PERSONAL, out, size);
}

/* ---- and back ---- */

static fedl_status read_head(fedli_group_state *g, fedli_reader *reader)
{
    const fedl_crypto *crypto = g->setup.crypto;
    uint8_t rb[32];
    const uint16_t schema = fedli_read_u16(reader);
    const uint16_t gap = fedli_read_u16(reader);
    const uint32_t n = fedli_read_u32(reader);
    const uint16_t k = fedli_read_u16(reader);
    const uint16_t t = fedli_read_u16(reader);
    fedli_read_copy(reader, g->roster_root, 32);
    fedli_read_copy(reader, g->beacon, 32);
    fedli_read_copy(reader, g->rb, 32);
    if (reader->failed || schema != SCHEMA || gap != 0 || n > g->slots_max ||
        k > FEDL_NEIGHBOURS_MAX || t > k || 2u * t <= k ||
        n * fedli_group_area_size(k) > g->pool_bytes ||
        (uint64_t)n + (uint64_t)n * k / 3u > g->keys_max ||
        fedli_graph_init(&g->graph, crypto, n, k, g->roster_root, g->beacon, g->ring) != FEDL_OK) {
        return FEDL_ERR_CORRUPT;
    }
    fedli_round_binding(crypto, rb, &g->setup.attempt, n, k, t, g->roster_root, g->beacon);
    if (memcmp(rb, g->rb, sizeof rb) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    g->n = n;
    g->t = t;
    g->area_bytes = fedli_group_area_size(k);
    return FEDL_OK;
}

static bool read_members(fedli_group_state *g, fedli_reader *reader)
{
    uint32_t last_id = 0;
    for (uint32_t p = 0; p < g->n; p++) {
        fedli_group_member *m = &g->members[p];
        memset(m, 0, sizeof *m);
        m->device_id = fedli_read_u32(reader);
        g->order[p] = p;
        if (m->device_id <= last_id) {
            return false;
        }
        last_id = m->device_id;
    }
    g->slots_used = g->n;
    g->order_count = g->n;
    g->ready_count = g->n;
    return !reader->failed;
}

static bool read_sets(fedli_group_state *g, fedli_reader *reader)
{
    const size_t bitmap_bytes = fedli_bitmap_bytes(g->n);
    fedli_read_copy(reader, g->u2, bitmap_bytes);
    fedli_read_copy(reader, g->u3, bitmap_bytes);
    if (reader->failed || !fedli_bitmap_clean(g->u2, g->n) || !fedli_bitmap_clean(g->u3, g->n)) {
        return false;
    }
    for (size_t i = 0; i < bitmap_bytes; i++) {
        if ((g->u3[i] & ~g->u2[i]) != 0) {
            return false;
        }
    }
    g->u2_count = fedli_bitmap_count(g->u2, g->n);
    g->u3_count = fedli_bitmap_count(g->u3, g->n);
    fedli_group_count_secrets(g);
    /* What held when the sets froze; keys[] is as large as it is because of it. */
    return g->u3_count >= FEDL_COHORT_MIN && fedli_group_is_recoverable(g, g->u3);
}

static fedl_status read_group(fedli_group_state *g, fedl_bytes exported)
{
    uint8_t checksum[CHECKSUM_BYTES];
    fedli_reader reader;
    if (exported.size < HEAD_BYTES + CHECKSUM_BYTES) {
        return FEDL_ERR_CORRUPT;
    }
    const size_t size = exported.size - CHECKSUM_BYTES;
    fedli_hash(g->setup.crypto, checksum, PERSONAL, exported.data, size);
    if (memcmp(checksum, exported.data + size, sizeof checksum) != 0) {
        return FEDL_ERR_CORRUPT;
    }
    fedli_reader_init(&reader, fedl_bytes_of(exported.data, size));
    const fedl_status status = read_head(g, &reader);
    if (status != FEDL_OK) {
        return status;
    }
    if (!read_members(g, &reader) || !read_sets(g, &reader)) {
        return FEDL_ERR_CORRUPT;
    }
    for (uint32_t p = 0; p < g->n; p++) {
        memset(fedli_group_area(g, p), 0, g->area_bytes);
        if (fedli_bitmap_get(g->u2, p)) {
            fedli_read_copy(&reader, member_place(g, p),
                            member_bytes(fedli_bitmap_get(g->u3, p), g->graph.k));
        }
    }
    return fedli_reader_end(&reader) == FEDL_OK ? FEDL_OK : FEDL_ERR_CORRUPT;
}

fedl_status fedl_group_import(fedl_group *group, const fedl_group_setup *setup, void *block,
                              size_t block_bytes, fedl_bytes exported, fedl_instant_ns now_ns)
{
    fedli_group_state *g;
    size_t bytes_needed;
    if (block == NULL || !fedli_group_layout(&g, setup->plan, block, block_bytes, &bytes_needed)) {
        return FEDL_ERR_SIZE;
    }
    g->setup = *setup;
    fedl_group read = {g};
    const fedl_status status =
        fedli_group_is_helped(g) ? fedli_group_helped_import(g, exported) : read_group(g, exported);
    if (status != FEDL_OK) {
        fedl_group_end(&read);
        return status;
    }
    g->phase = FEDL_GROUP_FROZEN;
    fedl_group_committed(&read, now_ns);
    *group = read;
    return FEDL_OK;
}
