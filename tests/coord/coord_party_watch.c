/* SPDX-License-Identifier: Apache-2.0 */
/* The search for forbidden pairs in everything that the server has. */
#include "coord_party.h"

static party_world *watched; /* the world whose hooks are set */

static void look_at_memory(world *w)
{
    forbidden_pair *forbidden = watched->forbidden;
    forbidden_pair_scan(forbidden, w->block, fedl_coord_size(&w->cfg));
    for (uint32_t i = 0; i < w->task_block_count; i++) {
        forbidden_pair_scan(forbidden, w->task_blocks[i], w->task_block_bytes[i]);
    }
    assert_int_equal(forbidden_pair_found(forbidden), 0);
}

static void look_at_op(world *w, const fedl_store_op *op)
{
    (void)w;
    forbidden_pair *forbidden = watched->forbidden;
    if (op->kind == FEDL_STORE_GROUP_COMMIT) {
        forbidden_pair_scan(forbidden, op->group_state.data, op->group_state.size);
        forbidden_pair_scan(forbidden, op->masked_sum.data, op->masked_sum.size);
    }
    forbidden_pair_scan(forbidden, op, sizeof *op);
    assert_int_equal(forbidden_pair_found(forbidden), 0);
}

void parties_watch(party_world *p, forbidden_pair *forbidden)
{
    watched = p;
    p->forbidden = forbidden;
    p->w.after_step = look_at_memory;
    p->w.before_store = look_at_op;
}

void party_spoil(const party_device *q, fedl_group_item item, uint8_t *bytes)
{
    const bool shares = item == FEDL_ITEM_SHARES && q->offset == 0;
    const bool unmask = item == FEDL_ITEM_UNMASK && q->offset == 0;
    bytes[0] ^= shares && q->spoils_commitment ? 1u : 0u;
    bytes[FEDLI_SHARES_HEAD_BYTES + 5u] ^= shares && q->spoils_shares ? 1u : 0u;
    bytes[0] ^= unmask && (q->spoils_unmask || q->frames_first) ? 1u : 0u;
    bytes[FEDLI_SHARE_BYTES] ^= unmask && q->spoils_unmask ? 1u : 0u;
}
