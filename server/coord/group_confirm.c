/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONFIRMING (trust = active): every survivor sends one tag per neighbour that survived; they are
 * handed on when all are there, or at the end of the step. The server can't judge them. It only
 * counts: a device goes on with t tags, and every secret needs t devices that go on.
 *
 * Tags that come later are taken but handed to nobody: CONFIRMS must not change while devices read
 * it. Their device may still go on with the tags of the others.
 */
#include "coord/group_state.h"

#include "base/secret.h"

#include <string.h>

void fedli_group_spread(const fedli_group_state *g, uint32_t position, const uint8_t *set,
                        uint8_t *blob, size_t entry_bytes)
{
    uint32_t packed = fedli_group_degree(g, position, set);
    /* From the end: entry i comes from a place at or before i. */
    for (uint32_t i = g->graph.k; i-- > 0;) {
        uint8_t *entry = blob + i * entry_bytes;
        if (fedli_bitmap_get(set, fedli_graph_neighbour(&g->graph, position, i))) {
            packed--;
            memmove(entry, blob + packed * entry_bytes, entry_bytes);
        } else {
            fedli_wipe(entry, entry_bytes);
        }
    }
}

fedl_group_answer fedli_group_put_confirm(fedli_group_state *g, fedl_instant_ns now_ns,
                                          uint32_t position, const fedli_group_part *part,
                                          fedli_group_progress *progress)
{
    fedli_group_member *m = fedli_group_at(g, position);
    if (g->setup.plan->secagg.trust != FEDL_TRUST_ACTIVE || g->phase < FEDL_GROUP_CONFIRMING) {
        return FEDL_GROUP_MISMATCH;
    }
    if (!fedli_bitmap_get(g->u3, position)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    const size_t size = (size_t)FEDLI_CONFIRM_TAG_BYTES * fedli_group_degree(g, position, g->u3);
    if (part->total != size) {
        return FEDL_GROUP_MISMATCH;
    }
    if (!m->confirmed) {
        if (g->phase == FEDL_GROUP_READY) {
            return FEDL_GROUP_STALE;
        }
        const fedli_group_stage stage =
            fedli_group_stage_part(fedli_group_confirm(g, position), &m->confirm_bytes, size, part);
        if (stage == FEDLI_STAGE_MISFIT || stage == FEDLI_STAGE_OTHER) {
            return FEDL_GROUP_MISMATCH;
        }
        if (stage == FEDLI_STAGE_MORE) {
            progress->next_offset = m->confirm_bytes;
            return FEDL_GROUP_OK;
        }
        fedli_group_spread(g, position, g->u3, fedli_group_confirm(g, position),
                           FEDLI_CONFIRM_TAG_BYTES);
        const bool was_waited_for =
            g->phase == FEDL_GROUP_CONFIRMING && fedli_group_is_waited_for(g, position);
        m->confirmed = true;
        g->waiting -= was_waited_for;
        if (was_waited_for && g->waiting == 0) {
            fedli_group_end_confirming(g, now_ns);
        }
    }
    progress->next_offset = size; /* it counts, once, whatever is sent again */
    progress->complete = true;
    return FEDL_GROUP_OK;
}

void fedli_group_end_confirming(fedli_group_state *g, fedl_instant_ns now_ns)
{
    for (uint32_t p = 0; p < g->n; p++) {
        if (fedli_group_at(g, p)->confirmed) {
            fedli_bitmap_set(g->confirmed, p);
        }
    }
    memset(g->scratch, 0, fedli_bitmap_bytes(g->n));
    for (uint32_t p = 0; p < g->n; p++) {
        const fedli_group_member *m = fedli_group_at(g, p);
        if (m->confirmed && !m->removed && !m->unmasked &&
            fedli_group_degree(g, p, g->confirmed) >= g->t) {
            fedli_bitmap_set(g->scratch, p);
        }
    }
    if (!fedli_group_is_recoverable(g, g->scratch)) {
        fedli_group_fail(g, "too few devices confirmed the survivors", 0, 0);
        return;
    }
    fedli_group_begin_unmasking(g, now_ns);
}
