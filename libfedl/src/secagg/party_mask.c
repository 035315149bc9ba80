/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masks of one device, added to a part of its vector:
 *
 *   y_u = x_u + P(self_u) + Σ_{v > u} P(s_uv) − Σ_{v < u} P(s_uv)     over neighbours v in U2,
 *
 * in order of device ids, so that both ends agree who adds. In place: no second vector.
 */
#include "base/check.h"
#include "secagg/party_state.h"

void fedli_party_mask(const fedli_party *party, uint8_t *part, size_t offset, size_t size)
{
    const fedli_party_state *s = party->state;
    const fedl_plan *plan = party->setup->plan;
    FEDLI_CHECK(s->phase == FEDLI_PHASE_UPLOAD);
    fedli_mask_shape shape;
    shape.ring_bits = plan->update.ring_bits;
    shape.body_bytes =
        fedl_update_body_size(&plan->update, fedl_model_parameter_count(&plan->model));
    shape.vector_bytes = shape.body_bytes + FEDLI_PRG_BLOCK_BYTES;

    const fedli_prg *prg = fedli_prg_best();
    const fedli_party_peer *peers = fedli_party_peers(party);
    const uint8_t *u2 = fedli_party_u2(party);
    uint32_t rank = 0;
    fedli_mask_apply(prg, &shape, part, offset, size, s->self_seed, false);
    for (uint32_t i = 0; i < s->k; i++) {
        if (fedli_bitmap_get(u2, peers[i].position)) {
            fedli_mask_apply(prg, &shape, part, offset, size, fedli_party_seed(party, rank),
                             peers[i].device_id < party->setup->device_id);
            rank++;
        }
    }
}
