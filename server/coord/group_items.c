/* SPDX-License-Identifier: Apache-2.0 */
/* The doors of a group: PUT and GET find the member and its item; the plain questions about it. */
#include "coord/group_state.h"

#include "base/secret.h"

#include <string.h>

/* ---- helpers of all items ---- */

uint32_t fedli_group_find(const fedli_group_state *g, uint32_t device_id)
{
    uint32_t low = 0;
    uint32_t high = g->order_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2u;
        if (g->members[g->order[middle]].device_id < device_id) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low < g->order_count && g->members[g->order[low]].device_id == device_id
               ? low
               : FEDLI_GROUP_NONE;
}

uint32_t fedli_group_degree(const fedli_group_state *g, uint32_t position, const uint8_t *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->graph.k; i++) {
        count += fedli_bitmap_get(set, fedli_graph_neighbour(&g->graph, position, i));
    }
    return count;
}

/* Parts come in any size, early, late and twice; they are only ever appended. Equal bytes are told
 * in constant time: they may be shares. */
fedli_group_stage fedli_group_stage_part(uint8_t *place, uint32_t *received, size_t size,
                                         const fedli_group_part *part)
{
    const size_t length = part->payload.size;
    if (part->total != size || length > size || part->offset > size - length) {
        return FEDLI_STAGE_MISFIT;
    }
    if (part->offset > *received) {
        return FEDLI_STAGE_MORE; /* a gap: the device is told where to go on */
    }
    const size_t offset = (size_t)part->offset;
    const size_t known = *received - offset < length ? *received - offset : length;
    if (known > 0 && !fedli_equal_ct(place + offset, part->payload.data, known)) {
        return FEDLI_STAGE_OTHER;
    }
    if (length > known) {
        memcpy(place + offset + known, part->payload.data + known, length - known);
        *received = (uint32_t)(offset + length);
    }
    return *received == size ? FEDLI_STAGE_WHOLE : FEDLI_STAGE_MORE;
}

/* ---- doors ---- */

static fedl_group_answer put_of_member(fedli_group_state *g, fedl_instant_ns now_ns,
                                       uint32_t position, fedl_group_item item,
                                       const fedli_group_part *part, fedli_group_progress *progress)
{
    switch (item) {
    case FEDL_ITEM_SHARES:
        return fedli_group_put_shares(g, now_ns, position, part, progress);
    case FEDL_ITEM_CONFIRM:
        return fedli_group_put_confirm(g, now_ns, position, part, progress);
    case FEDL_ITEM_UNMASK:
        return fedli_group_put_unmask(g, now_ns, position, part, progress);
    case FEDL_ITEM_COMPLAINT:
        return fedli_group_put_complaint(g, position, part, progress);
    case FEDL_ITEM_READY:
    case FEDL_ITEM_SEED:
    case FEDL_ITEM_ROSTER:
    case FEDL_ITEM_CERTS:
    case FEDL_ITEM_FORWARD:
    case FEDL_ITEM_SURVIVORS:
    case FEDL_ITEM_CONFIRMS:
    case FEDL_ITEM_HELPER:
        break;
    }
    return FEDL_GROUP_MISMATCH;
}

fedl_group_answer fedl_group_put(fedl_group *group, fedl_instant_ns now_ns, uint32_t device_id,
                                 const uint8_t id_public[32], const uint8_t noise_public[32],
                                 fedl_group_item item, uint64_t offset, uint64_t total,
                                 fedl_bytes payload, uint64_t *next_offset, bool *complete)
{
    fedli_group_state *g = group->state;
    const fedli_group_part part = {offset, total, payload};
    fedli_group_progress progress = {0, false};
    fedl_group_answer answer = FEDL_GROUP_STALE;
    fedl_group_tick(group, now_ns);
    if (g->phase == FEDL_GROUP_FAILED) {
        /* over for everybody */
    } else if (fedli_group_is_helped(g)) {
        answer = item == FEDL_ITEM_SEED
                     ? fedli_group_put_seed(g, now_ns, device_id, &part, &progress)
                     : FEDL_GROUP_MISMATCH;
    } else if (item == FEDL_ITEM_READY) {
        answer =
            fedli_group_put_ready(g, now_ns, device_id, id_public, noise_public, &part, &progress);
    } else {
        const uint32_t position = fedli_group_find(g, device_id);
        answer = position == FEDLI_GROUP_NONE || fedli_group_at(g, position)->removed
                     ? FEDL_GROUP_NOT_MEMBER
                     : put_of_member(g, now_ns, position, item, &part, &progress);
    }
    *next_offset = progress.next_offset;
    *complete = progress.complete;
    return answer;
}

fedl_group_answer fedl_group_get(fedl_group *group, uint32_t device_id, fedl_group_item item,
                                 uint64_t offset, uint8_t *out, size_t out_bytes, size_t *size,
                                 uint64_t *total)
{
    fedli_group_state *g = group->state;
    *size = 0;
    *total = 0;
    if (g->phase == FEDL_GROUP_FAILED) {
        return FEDL_GROUP_STALE;
    }
    if (fedli_group_is_helped(g)) { /* the same for everybody, before anything was put */
        return fedli_group_get_helper(g, item, offset, out, out_bytes, size, total);
    }
    const uint32_t position = fedli_group_find(g, device_id);
    if (position == FEDLI_GROUP_NONE || fedli_group_at(g, position)->removed) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    return fedli_group_get_item(g, position, item, offset, out, out_bytes, size, total);
}

/* ---- questions ---- */

fedl_instant_ns fedl_group_deadline_ns(const fedl_group *group)
{
    return group->state->deadline_ns;
}

bool fedl_group_news(fedl_group *group)
{
    const bool news = group->state->news;
    group->state->news = false;
    return news;
}

fedl_group_phase fedl_group_phase_of(const fedl_group *group)
{
    return group->state->phase;
}

const char *fedl_group_reason(const fedl_group *group)
{
    return group->state->reason != NULL ? group->state->reason : "";
}

uint32_t fedl_group_blamed(const fedl_group *group)
{
    return group->state->blamed;
}

uint32_t fedl_group_blamed_other(const fedl_group *group)
{
    return group->state->blamed_other;
}

bool fedl_group_burnt(const fedl_group *group)
{
    return group->state->burnt;
}

uint32_t fedl_group_cohort(const fedl_group *group)
{
    const fedli_group_state *g = group->state;
    return g->n != 0 ? g->n : g->ready_count;
}

bool fedl_group_roster_is_out(const fedl_group *group)
{
    return group->state->n != 0 || group->state->helper_told;
}

uint32_t fedl_group_u2_count(const fedl_group *group)
{
    return group->state->u2_count;
}

uint32_t fedl_group_u3_count(const fedl_group *group)
{
    return group->state->u3_count;
}

const fedli_mask_key *fedl_group_keys(const fedl_group *group, uint32_t *count)
{
    const fedli_group_state *g = group->state;
    *count = g->phase == FEDL_GROUP_READY ? g->key_count : 0;
    return g->keys;
}
