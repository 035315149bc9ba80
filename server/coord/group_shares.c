/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHARING: blobs of 64 + 144·k bytes, put together where they stay. U2 = who has sent all of it.
 * At the end of the step members with fewer than t neighbours in U2 fall out, again and again until
 * nobody does: they would refuse FORWARD anyway, and their vector could never be unmasked.
 */
#include "coord/group_state.h"

#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

fedl_group_answer fedli_group_put_shares(fedli_group_state *g, fedl_instant_ns now_ns,
                                         uint32_t position, const fedli_group_part *part,
                                         fedli_group_progress *progress)
{
    fedli_group_member *m = fedli_group_at(g, position);
    if (g->phase == FEDL_GROUP_GATHERING) {
        return FEDL_GROUP_MISMATCH; /* there is no roster yet to make shares for */
    }
    const bool open = g->phase == FEDL_GROUP_SHARING;
    /* In MASKING the blob is still as it came: the answer may have been lost. */
    if (!open && (g->phase != FEDL_GROUP_MASKING || !fedli_bitmap_get(g->u2, position))) {
        return FEDL_GROUP_STALE;
    }
    switch (fedli_group_stage_part(fedli_group_area(g, position), &m->shares_bytes,
                                   fedli_shares_bytes(g->graph.k), part)) {
    case FEDLI_STAGE_MISFIT:
    case FEDLI_STAGE_OTHER:
        return FEDL_GROUP_MISMATCH;
    case FEDLI_STAGE_MORE:
        progress->next_offset = m->shares_bytes;
        return FEDL_GROUP_OK;
    case FEDLI_STAGE_WHOLE:
        break;
    }
    progress->next_offset = m->shares_bytes;
    progress->complete = true;
    if (!m->shared) {
        m->shared = true;
        g->waiting--;
        if (g->waiting == 0) {
            fedli_group_freeze_u2(g, now_ns);
        }
    }
    return FEDL_GROUP_OK;
}

static void bitmap_clear(uint8_t *bitmap, uint32_t i)
{
    bitmap[i / 8u] = (uint8_t)(bitmap[i / 8u] & ~(1u << (i % 8u)));
}

void fedli_group_freeze_u2(fedli_group_state *g, fedl_instant_ns now_ns)
{
    uint32_t count = 0;
    bool stable = false;
    for (uint32_t p = 0; p < g->n; p++) {
        const fedli_group_member *m = fedli_group_at(g, p);
        if (m->shared && !m->removed) {
            fedli_bitmap_set(g->u2, p);
            count++;
        }
    }
    /* Every pass but the last takes a member away: at most n + 1 passes. */
    while (!stable && count >= g->setup.cohort_min) {
        stable = true;
        for (uint32_t p = 0; p < g->n; p++) {
            if (fedli_bitmap_get(g->u2, p) && fedli_group_degree(g, p, g->u2) < g->t) {
                bitmap_clear(g->u2, p);
                count--;
                stable = false;
            }
        }
    }
    g->u2_count = count;
    if (count < g->setup.cohort_min) {
        fedli_group_fail(g, "too few devices shared keys", 0, 0);
        return;
    }
    for (uint32_t p = 0; p < g->n; p++) {
        if (!fedli_bitmap_get(g->u2, p)) {
            fedli_wipe(fedli_group_area(g, p), g->area_bytes);
        }
    }
    g->waiting = count;
    fedli_group_enter(g, FEDL_GROUP_MASKING, now_ns);
}

/* ---- COMPLAINT ---- */

/* Shares can be complained of once they were handed out; keys and certificates from ROSTER on. The
 * server has checked keys, too, but its clock may differ. */
static const char *complaint_text(const fedli_group_state *g, uint32_t reason)
{
    const bool masking = g->phase == FEDL_GROUP_MASKING;
    if (reason == FEDL_REFUSAL_SHARE && masking) {
        return "a share did not open";
    }
    if ((reason == FEDL_REFUSAL_CERTIFICATE || reason == FEDL_REFUSAL_EPOCH_KEY ||
         reason == FEDL_REFUSAL_WEAK_KEY) &&
        (masking || g->phase == FEDL_GROUP_SHARING)) {
        return "a neighbour's key was refused";
    }
    return NULL;
}

fedl_group_answer fedli_group_put_complaint(fedli_group_state *g, uint32_t position,
                                            const fedli_group_part *part,
                                            fedli_group_progress *progress)
{
    fedli_group_member *m = fedli_group_at(g, position);
    const bool masking = g->phase == FEDL_GROUP_MASKING;
    if (masking && !fedli_bitmap_get(g->u2, position)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    if (!masking && g->phase != FEDL_GROUP_SHARING) {
        return g->phase == FEDL_GROUP_GATHERING ? FEDL_GROUP_MISMATCH : FEDL_GROUP_STALE;
    }
    const fedli_group_stage stage =
        fedli_group_stage_part(m->complaint, &m->complaint_bytes, FEDLI_COMPLAINT_BYTES, part);
    progress->next_offset = m->complaint_bytes;
    if (stage == FEDLI_STAGE_MORE) {
        return FEDL_GROUP_OK;
    }
    const char *text = complaint_text(g, fedli_load_u32(m->complaint + 4));
    const uint32_t accused_id = fedli_load_u32(m->complaint);
    const uint32_t accused = fedli_group_find(g, accused_id);
    m->complaint_bytes = 0;
    if (stage != FEDLI_STAGE_WHOLE || text == NULL || accused == FEDLI_GROUP_NONE ||
        fedli_graph_index(&g->graph, position, accused) == UINT32_MAX ||
        (masking && !fedli_bitmap_get(g->u2, accused))) {
        progress->next_offset = 0;
        return FEDL_GROUP_MISMATCH;
    }
    progress->complete = true;
    fedli_group_fail(g, text, accused_id, m->device_id);
    return FEDL_GROUP_OK;
}
