/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MASKING: whose vector is wanted, and the end of it: U3, and with it the one kind of share that
 * will ever be asked of each member of U2.
 *
 * A vector in the sum can't be taken out again, so nobody falls out of U3. Either everything that
 * masks the sum can be had from t devices, or the attempt ends here, where it costs one attempt and
 * not the round.
 */
#include "coord/group_state.h"

#include "base/check.h"
#include "base/secret.h"
#include "secagg/share.h"

#include <string.h>

fedl_group_answer fedl_group_vector_wanted(const fedl_group *group, uint32_t device_id,
                                           const uint8_t rb[32])
{
    const fedli_group_state *g = group->state;
    if (g->phase == FEDL_GROUP_FAILED) {
        return FEDL_GROUP_STALE;
    }
    if (fedli_group_is_helped(g)) {
        return fedli_group_helped_vector(g, device_id, rb);
    }
    const uint32_t position = fedli_group_find(g, device_id);
    if (position == FEDLI_GROUP_NONE || fedli_group_at(g, position)->removed) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    if (g->phase == FEDL_GROUP_GATHERING || g->phase == FEDL_GROUP_SHARING) {
        return FEDL_GROUP_MISMATCH; /* nobody can have a mask yet */
    }
    if (!fedli_bitmap_get(g->u2, position)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    if (memcmp(rb, g->rb, sizeof g->rb) != 0) {
        return FEDL_GROUP_MISMATCH;
    }
    return g->phase == FEDL_GROUP_MASKING && !fedli_bitmap_get(g->u3, position) ? FEDL_GROUP_OK
                                                                                : FEDL_GROUP_STALE;
}

bool fedl_group_vector_counted(const fedl_group *group, uint32_t device_id)
{
    const fedli_group_state *g = group->state;
    const uint32_t position = fedli_group_find(g, device_id);
    if (position == FEDLI_GROUP_NONE) {
        return false;
    }
    return fedli_group_is_helped(g) ? fedli_group_at(g, position)->shared
                                    : fedli_bitmap_get(g->u3, position);
}

void fedl_group_vector_add(fedl_group *group, fedl_instant_ns now_ns, uint32_t device_id)
{
    fedli_group_state *g = group->state;
    /* A vector that is in the sum but in no set could never be unmasked. */
    FEDLI_CHECK(fedl_group_vector_wanted(group, device_id, g->rb) == FEDL_GROUP_OK);
    if (fedli_group_is_helped(g)) {
        fedli_group_at(g, fedli_group_find(g, device_id))->shared = true;
        g->u3_count++;
        if (g->u3_count == g->setup.cohort_goal) {
            fedli_group_freeze_helped(g, now_ns);
        }
        return;
    }
    fedli_bitmap_set(g->u3, fedli_group_find(g, device_id));
    g->u3_count++;
    g->waiting--;
    if (g->waiting == 0) {
        fedli_group_freeze_u3(g, now_ns);
    }
}

bool fedli_group_is_recoverable(const fedli_group_state *g, const uint8_t *helpers)
{
    for (uint32_t p = 0; p < g->n; p++) {
        const fedli_group_member *m = fedli_group_at(g, p);
        if (fedli_bitmap_get(g->u2, p) && !m->known &&
            m->good + fedli_group_degree(g, p, helpers) < g->t) {
            return false;
        }
    }
    return true;
}

void fedli_group_count_secrets(fedli_group_state *g)
{
    uint32_t listed = 0;
    for (uint32_t p = 0; p < g->n; p++) {
        if (fedli_bitmap_get(g->u2, p)) {
            g->u2_list[listed++] = (uint16_t)p; /* n ≤ 65535 */
        }
    }
    g->secrets_left = listed;
}

/* From the first life of an area to the second: what the other kind of share would need is wiped,
 * and the sealed shares with it. Every copy goes to lower addresses. */
static void pack(fedli_group_state *g, uint32_t position)
{
    const uint32_t k = g->graph.k;
    const bool survived = fedli_bitmap_get(g->u3, position);
    const size_t tag_at = FEDLI_SEALED_PAIR_BYTES + (survived ? 0 : FEDLI_SHARE_TAG_BYTES);
    uint8_t *area = fedli_group_area(g, position);
    for (uint32_t i = 0; i < k; i++) {
        memmove(fedli_group_tags(g, position) + (size_t)FEDLI_SHARE_TAG_BYTES * i,
                fedli_group_sealed(g, position, i) + tag_at, FEDLI_SHARE_TAG_BYTES);
    }
    uint8_t *box = fedli_group_box(g, position);
    const size_t box_bytes = fedli_seedbox_bytes(k);
    memmove(box, fedli_group_sealed(g, position, k), box_bytes);
    if (survived) {
        fedli_wipe(box, box_bytes);
    } else {
        fedli_wipe(area, 32); /* cb */
    }
    fedli_wipe(box + box_bytes, g->area_bytes - (size_t)(box + box_bytes - area));
}

void fedli_group_freeze_u3(fedli_group_state *g, fedl_instant_ns now_ns)
{
    memset(g->scratch, 0, fedli_bitmap_bytes(g->n));
    for (uint32_t p = 0; p < g->n; p++) {
        if (fedli_bitmap_get(g->u3, p) && !fedli_group_at(g, p)->removed) {
            fedli_bitmap_set(g->scratch, p);
        }
    }
    if (g->u3_count < g->setup.cohort_min || !fedli_group_is_recoverable(g, g->scratch)) {
        fedli_group_fail(g, "too few vectors", 0, 0);
        return;
    }
    fedli_group_count_secrets(g);
    for (uint32_t i = 0; i < g->u2_count; i++) {
        pack(g, g->u2_list[i]);
    }
    fedli_group_enter(g, FEDL_GROUP_FROZEN, now_ns);
}

void fedl_group_u2_at(const fedl_group *group, uint32_t index, uint32_t *device_id, uint8_t *kind)
{
    const fedli_group_state *g = group->state;
    FEDLI_CHECK(index < g->u2_count);
    const uint32_t position = g->u2_list[index];
    *device_id = fedli_group_at(g, position)->device_id;
    *kind = fedli_bitmap_get(g->u3, position) ? FEDLI_SHARE_B : FEDLI_SHARE_D;
}
