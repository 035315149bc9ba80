/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices read: ROSTER, CERTS, FORWARD, SURVIVORS, CONFIRMS, any part at any offset. Nothing
 * is kept per device: a part is made from the state of the group, entry by entry, through a window
 * that knows how much lies before it. The bytes never change while they can be read.
 */
#include "coord/group_state.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

/* Bytes [skip, skip + room) of an item that is written from its beginning. */
typedef struct window {
    uint8_t *out;
    size_t room;
    size_t size;
    uint64_t skip;
} window;

/* True when the next size bytes are none of the window's; they count as written then. */
static bool window_passes(window *w, size_t size)
{
    if (w->skip >= size) {
        w->skip -= size;
        return true;
    }
    return w->size == w->room;
}

static void window_write(window *w, const uint8_t *data, size_t size)
{
    if (window_passes(w, size)) {
        return;
    }
    const size_t from = (size_t)w->skip;
    const size_t left = w->room - w->size;
    const size_t length = size - from < left ? size - from : left;
    memcpy(w->out + w->size, data + from, length);
    w->size += length;
    w->skip = 0;
}

static void write_roster(const fedli_group_state *g, window *w)
{
    uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES];
    fedli_store_u32(bytes, g->n);
    fedli_store_u16(bytes + 4, (uint16_t)g->graph.k);
    fedli_store_u16(bytes + 6, (uint16_t)g->t);
    window_write(w, bytes, FEDLI_ROSTER_HEAD_BYTES);
    /* skip < total: the first entry of interest exists, or there are bytes already. */
    uint32_t p = (uint32_t)(w->skip / FEDLI_ROSTER_ENTRY_BYTES);
    w->skip %= FEDLI_ROSTER_ENTRY_BYTES;
    for (; p < g->n && w->size < w->room; p++) {
        fedli_roster_entry entry;
        fedli_group_entry(&entry, fedli_group_at(g, p));
        fedli_roster_entry_encode(bytes, &entry);
        window_write(w, bytes, sizeof bytes);
    }
}

static void write_certs(const fedli_group_state *g, uint32_t position, window *w)
{
    for (uint32_t i = 0; i < g->graph.k; i++) {
        const uint32_t neighbour = fedli_graph_neighbour(&g->graph, position, i);
        window_write(w, fedli_group_at(g, neighbour)->blob + FEDLI_READY_CERTS_AT,
                     FEDLI_CERT_PAIR_BYTES);
    }
}

static void write_forward(const fedli_group_state *g, uint32_t position, window *w)
{
    window_write(w, g->u2, fedli_bitmap_bytes(g->n));
    for (uint32_t i = 0; i < g->graph.k; i++) {
        const uint32_t from = fedli_graph_neighbour(&g->graph, position, i);
        if (!fedli_bitmap_get(g->u2, from)) {
            continue;
        }
        const uint32_t mine = fedli_graph_index(&g->graph, from, position);
        FEDLI_CHECK(mine < g->graph.k);
        window_write(w, fedli_group_salt(g, from), FEDLI_SALT_BYTES);
        window_write(w, fedli_group_sealed(g, from, mine), FEDLI_SEALED_PAIR_BYTES);
    }
}

static void write_confirms(const fedli_group_state *g, uint32_t position, window *w)
{
    const uint32_t k = g->graph.k;
    uint8_t bitmap[(FEDL_NEIGHBOURS_MAX + 7u) / 8u] = {0};
    for (uint32_t i = 0; i < k; i++) {
        if (fedli_bitmap_get(g->confirmed, fedli_graph_neighbour(&g->graph, position, i))) {
            fedli_bitmap_set(bitmap, i);
        }
    }
    window_write(w, bitmap, fedli_bitmap_bytes(k));
    for (uint32_t i = 0; i < k; i++) {
        if (!fedli_bitmap_get(bitmap, i)) {
            continue;
        }
        const uint32_t from = fedli_graph_neighbour(&g->graph, position, i);
        const uint32_t mine = fedli_graph_index(&g->graph, from, position);
        FEDLI_CHECK(mine < k);
        window_write(w, fedli_group_confirm(g, from) + (size_t)FEDLI_CONFIRM_TAG_BYTES * mine,
                     FEDLI_CONFIRM_TAG_BYTES);
    }
}

/* ---- when, and for whom ---- */

/* Phases in which an item may be read: [from, to]. */
typedef struct span {
    fedl_group_phase from;
    fedl_group_phase to;
} span;

static bool item_span(const fedli_group_state *g, fedl_group_item item, span *readable)
{
    const bool active = g->setup.plan->secagg.trust == FEDL_TRUST_ACTIVE;
    switch (item) {
    case FEDL_ITEM_ROSTER:
    case FEDL_ITEM_CERTS:
        *readable = (span){FEDL_GROUP_SHARING, FEDL_GROUP_MASKING};
        return true;
    case FEDL_ITEM_FORWARD:
        *readable = (span){FEDL_GROUP_MASKING, FEDL_GROUP_MASKING};
        return true;
    case FEDL_ITEM_SURVIVORS:
        *readable = (span){FEDL_GROUP_CONFIRMING, FEDL_GROUP_UNMASKING};
        return true;
    case FEDL_ITEM_CONFIRMS:
        *readable = (span){FEDL_GROUP_UNMASKING, FEDL_GROUP_UNMASKING};
        return active;
    case FEDL_ITEM_READY:
    case FEDL_ITEM_SHARES:
    case FEDL_ITEM_CONFIRM:
    case FEDL_ITEM_UNMASK:
    case FEDL_ITEM_COMPLAINT:
    case FEDL_ITEM_SEED:
    case FEDL_ITEM_HELPER:
        break;
    }
    return false;
}

/* A member of the set that goes on in this phase. */
static bool is_in(const fedli_group_state *g, uint32_t position)
{
    if (g->phase >= FEDL_GROUP_FROZEN) {
        return fedli_bitmap_get(g->u3, position);
    }
    return g->phase != FEDL_GROUP_MASKING || fedli_bitmap_get(g->u2, position);
}

static uint64_t item_size(const fedli_group_state *g, uint32_t position, fedl_group_item item)
{
    const uint32_t k = g->graph.k;
    switch (item) {
    case FEDL_ITEM_ROSTER:
        return fedli_roster_bytes(g->n);
    case FEDL_ITEM_CERTS:
        return (uint64_t)FEDLI_CERT_PAIR_BYTES * k;
    case FEDL_ITEM_FORWARD:
        return fedli_bitmap_bytes(g->n) +
               (uint64_t)FEDLI_FORWARD_EACH_BYTES * fedli_group_degree(g, position, g->u2);
    case FEDL_ITEM_SURVIVORS:
        return fedli_bitmap_bytes(g->n);
    case FEDL_ITEM_CONFIRMS:
        return fedli_bitmap_bytes(k) +
               (uint64_t)FEDLI_CONFIRM_TAG_BYTES * fedli_group_degree(g, position, g->confirmed);
    case FEDL_ITEM_READY:
    case FEDL_ITEM_SHARES:
    case FEDL_ITEM_CONFIRM:
    case FEDL_ITEM_UNMASK:
    case FEDL_ITEM_COMPLAINT:
    case FEDL_ITEM_SEED:
    case FEDL_ITEM_HELPER:
        break;
    }
    return 0;
}

static void write_item(const fedli_group_state *g, uint32_t position, fedl_group_item item,
                       window *w)
{
    switch (item) {
    case FEDL_ITEM_ROSTER:
        write_roster(g, w);
        break;
    case FEDL_ITEM_CERTS:
        write_certs(g, position, w);
        break;
    case FEDL_ITEM_FORWARD:
        write_forward(g, position, w);
        break;
    case FEDL_ITEM_SURVIVORS:
        window_write(w, g->u3, fedli_bitmap_bytes(g->n));
        break;
    case FEDL_ITEM_CONFIRMS:
        write_confirms(g, position, w);
        break;
    case FEDL_ITEM_READY:
    case FEDL_ITEM_SHARES:
    case FEDL_ITEM_CONFIRM:
    case FEDL_ITEM_UNMASK:
    case FEDL_ITEM_COMPLAINT:
    case FEDL_ITEM_SEED:
    case FEDL_ITEM_HELPER:
        break;
    }
}

fedl_group_answer fedli_group_get_item(const fedli_group_state *g, uint32_t position,
                                       fedl_group_item item, uint64_t offset, uint8_t *out,
                                       size_t out_bytes, size_t *size, uint64_t *total)
{
    span readable;
    if (!item_span(g, item, &readable) || out_bytes == 0) {
        return FEDL_GROUP_MISMATCH;
    }
    if (!is_in(g, position)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    if (g->phase < readable.from) {
        return FEDL_GROUP_NOT_YET;
    }
    if (g->phase > readable.to) {
        return FEDL_GROUP_STALE;
    }
    const uint64_t item_bytes = item_size(g, position, item);
    if (offset >= item_bytes) {
        return FEDL_GROUP_MISMATCH;
    }
    window w = {out, out_bytes, 0, offset};
    write_item(g, position, item, &w);
    FEDLI_CHECK(w.size > 0);
    *size = w.size;
    *total = item_bytes;
    return FEDL_GROUP_OK;
}
