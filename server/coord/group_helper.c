/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group whose masks a helper takes off (docs/protocol.md "Helper rounds"). A device puts SEED,
 * which nobody here can read, and uploads; who has done both when the goal is reached, or the time
 * is over, is U3. What the commit point stores of such a group is the request to the helper itself:
 * whatever happens afterwards, these bytes and no others are asked for.
 *
 * Of the group's state it uses members (ready: SEED is whole, shared: the vector is in the sum),
 * order[], and the pool: SEEDs, one place per slot.
 *
 * Rejected: leaving a device out whose seed the helper refuses. Its vector is in the sum, and the
 * helper answers once: the round is burnt and the device left out of the next one.
 */
#include "coord/group_state.h"
#include "helper/helper_request.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define ASK_STEPS    10u  /* questions go on for so many times step_ms */
#define PAUSE_MS_MIN 250u /* before the second question; doubles, up to step_ms */

static fedl_instant_ns after_ms(fedl_instant_ns now_ns, uint64_t ms)
{
    return now_ns + (fedl_instant_ns)ms * 1000000; /* ms < 2^36 */
}

void fedli_group_measure_helped(fedli_group_measure *most, const fedl_plan *plan)
{
    most->pool_bytes = (size_t)plan->update.clients_max * FEDLI_SEED_ITEM_BYTES;
    most->keys = 1;
    most->export_bytes = fedl_helper_request_bytes(plan->update.clients_max);
}

void fedli_group_begin_helped(fedli_group_state *g)
{
    g->area_bytes = FEDLI_SEED_ITEM_BYTES;
    fedli_helper_binding(g->setup.crypto, g->rb, &g->setup.attempt);
}

static uint8_t *seed_at(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_area(g, g->order[position]);
}

fedl_group_answer fedli_group_put_seed(fedli_group_state *g, fedl_instant_ns now_ns,
                                       uint32_t device_id, const fedli_group_part *part,
                                       fedli_group_progress *progress)
{
    uint32_t position = fedli_group_find(g, device_id);
    if (fedli_group_is_excluded(g, device_id) ||
        (position != FEDLI_GROUP_NONE && fedli_group_at(g, position)->removed)) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    if (g->phase != FEDL_GROUP_GATHERING) {
        return FEDL_GROUP_STALE;
    }
    if (position == FEDLI_GROUP_NONE) {
        position = fedli_group_take_slot(g, now_ns, device_id);
        if (position == FEDLI_GROUP_NONE) {
            return FEDL_GROUP_NOT_MEMBER;
        }
    }
    fedli_group_member *m = fedli_group_at(g, position);
    const fedli_group_stage stage =
        fedli_group_stage_part(seed_at(g, position), &m->shares_bytes, FEDLI_SEED_ITEM_BYTES, part);
    switch (stage) {
    case FEDLI_STAGE_OTHER:
    case FEDLI_STAGE_MISFIT:
        return FEDL_GROUP_MISMATCH;
    case FEDLI_STAGE_MORE:
        break;
    case FEDLI_STAGE_WHOLE:
        g->ready_count += !m->ready;
        m->ready = true;
        break;
    }
    progress->next_offset = m->shares_bytes;
    progress->complete = m->ready;
    return FEDL_GROUP_OK;
}

fedl_group_answer fedli_group_get_helper(fedli_group_state *g, fedl_group_item item,
                                         uint64_t offset, uint8_t *out, size_t out_bytes,
                                         size_t *size, uint64_t *total)
{
    if (item != FEDL_ITEM_HELPER || offset >= FEDLI_DEVICE_CERT_BYTES || out_bytes == 0) {
        return FEDL_GROUP_MISMATCH;
    }
    if (g->phase != FEDL_GROUP_GATHERING) {
        return FEDL_GROUP_STALE;
    }
    g->helper_told = true;
    const size_t left = FEDLI_DEVICE_CERT_BYTES - (size_t)offset;
    *size = left < out_bytes ? left : out_bytes;
    *total = FEDLI_DEVICE_CERT_BYTES;
    memcpy(out, g->setup.helper_cert + offset, *size);
    return FEDL_GROUP_OK;
}

fedl_group_answer fedli_group_helped_vector(const fedli_group_state *g, uint32_t device_id,
                                            const uint8_t rb[32])
{
    const uint32_t position = fedli_group_find(g, device_id);
    if (position == FEDLI_GROUP_NONE || fedli_group_at(g, position)->removed) {
        return FEDL_GROUP_NOT_MEMBER;
    }
    const fedli_group_member *m = fedli_group_at(g, position);
    if (!m->ready || memcmp(rb, g->rb, sizeof g->rb) != 0) {
        return FEDL_GROUP_MISMATCH; /* without its seed the vector could never be unmasked */
    }
    return g->phase == FEDL_GROUP_GATHERING && !m->shared ? FEDL_GROUP_OK : FEDL_GROUP_STALE;
}

void fedli_group_remove_helped(fedli_group_state *g, uint32_t position)
{
    fedli_group_member *m = fedli_group_at(g, position);
    if (g->phase == FEDL_GROUP_GATHERING && !m->shared) {
        fedli_group_forget_ready(g, position);
    } else {
        m->removed = true; /* its vector stays in the sum */
    }
}

static void take_sets(fedli_group_state *g)
{
    g->n = g->order_count;
    g->u2_count = 0;
    for (uint32_t p = 0; p < g->n; p++) {
        if (fedli_group_at(g, p)->shared) {
            g->u2_list[g->u2_count++] = (uint16_t)p; /* n ≤ 65535 */
            fedli_bitmap_set(g->u2, p);
            fedli_bitmap_set(g->u3, p);
        }
    }
    FEDLI_CHECK(g->u2_count == g->u3_count);
}

void fedli_group_freeze_helped(fedli_group_state *g, fedl_instant_ns now_ns)
{
    if (g->u3_count < g->setup.cohort_min) {
        fedli_group_fail(g, "too few vectors", 0, 0);
        return;
    }
    take_sets(g);
    fedli_group_enter(g, FEDL_GROUP_FROZEN, now_ns);
}

/* ---- the request, which is also what is stored ---- */

static void make_request(const fedli_group_state *g, fedl_helper_request *request)
{
    const fedl_plan *plan = g->setup.plan;
    memset(request, 0, sizeof *request);
    request->attempt = g->setup.attempt;
    request->shape.ring_bits = plan->update.ring_bits;
    request->shape.body_bytes =
        fedl_update_body_size(&plan->update, fedl_model_parameter_count(&plan->model));
    request->shape.vector_bytes = request->shape.body_bytes + FEDLI_PRG_BLOCK_BYTES;
    request->count = g->u3_count;
}

size_t fedli_group_helped_export_bytes(const fedli_group_state *g)
{
    return fedl_helper_request_bytes(g->u3_count);
}

void fedli_group_helped_export(const fedli_group_state *g, uint8_t *out)
{
    fedl_helper_request request;
    make_request(g, &request);
    for (uint32_t i = 0; i < g->u2_count; i++) {
        const uint32_t p = g->u2_list[i];
        uint8_t *entry = out + FEDL_HELPER_HEAD_BYTES + (size_t)i * FEDL_HELPER_ENTRY_BYTES;
        fedli_store_u32(entry, fedli_group_at(g, p)->device_id);
        memcpy(entry + 4, seed_at(g, p), FEDLI_SEED_ITEM_BYTES);
    }
    fedl_helper_request_write(out, g->setup.crypto, &request);
}

static bool is_same_attempt(const fedl_helper_request *a, const fedl_helper_request *b)
{
    const fedli_attempt *x = &a->attempt;
    const fedli_attempt *y = &b->attempt;
    return memcmp(x->fleet_id, y->fleet_id, 16) == 0 && x->task_id == y->task_id &&
           x->round == y->round && x->attempt == y->attempt && x->version == y->version &&
           memcmp(x->model_digest, y->model_digest, 32) == 0 &&
           memcmp(x->plan_digest, y->plan_digest, 32) == 0 &&
           a->shape.ring_bits == b->shape.ring_bits && a->shape.body_bytes == b->shape.body_bytes;
}

fedl_status fedli_group_helped_import(fedli_group_state *g, fedl_bytes exported)
{
    fedl_helper_request stored;
    fedl_helper_request own;
    uint32_t last_id = 0;
    if (fedl_helper_request_read(&stored, g->setup.crypto, exported) != FEDL_OK ||
        stored.count < FEDL_COHORT_MIN || stored.count > g->slots_max) {
        return FEDL_ERR_CORRUPT;
    }
    make_request(g, &own);
    if (!is_same_attempt(&stored, &own)) {
        return FEDL_ERR_MISMATCH;
    }
    fedli_group_begin_helped(g);
    for (uint32_t p = 0; p < stored.count; p++) {
        fedli_group_member *m = &g->members[p];
        memset(m, 0, sizeof *m);
        m->device_id = fedl_helper_entry_id(&stored, p);
        m->ready = true;
        m->shared = true;
        m->shares_bytes = FEDLI_SEED_ITEM_BYTES;
        g->order[p] = p;
        memcpy(seed_at(g, p), fedl_helper_entry_seed(&stored, p), FEDLI_SEED_ITEM_BYTES);
        if (m->device_id <= last_id) {
            return FEDL_ERR_CORRUPT;
        }
        last_id = m->device_id;
    }
    g->slots_used = stored.count;
    g->order_count = stored.count;
    g->ready_count = stored.count;
    g->u3_count = stored.count;
    take_sets(g);
    return FEDL_OK;
}

/* ---- asking ---- */

void fedli_group_begin_asking(fedli_group_state *g, fedl_instant_ns now_ns)
{
    fedli_group_enter(g, FEDL_GROUP_UNMASKING, now_ns);
    g->deadline_ns = now_ns;
    g->helper_until_ns = after_ms(now_ns, (uint64_t)ASK_STEPS * g->setup.plan->secagg.step_ms);
    g->helper_tries = 0;
    g->helper_out = false;
}

bool fedl_group_helper_ask(fedl_group *group, fedl_instant_ns now_ns)
{
    fedli_group_state *g = group->state;
    if (!fedli_group_is_helped(g) || g->phase != FEDL_GROUP_UNMASKING || g->helper_out ||
        now_ns < g->deadline_ns) {
        return false;
    }
    g->helper_out = true;
    g->deadline_ns = g->helper_until_ns;
    return true;
}

static void ask_again(fedli_group_state *g, fedl_instant_ns now_ns)
{
    const uint32_t step_ms = g->setup.plan->secagg.step_ms;
    const uint64_t doubled = (uint64_t)PAUSE_MS_MIN
                             << (g->helper_tries < 16u ? g->helper_tries : 16u);
    const fedl_instant_ns next_ns = after_ms(now_ns, doubled < step_ms ? doubled : step_ms);
    g->helper_tries++;
    g->deadline_ns = next_ns < g->helper_until_ns ? next_ns : g->helper_until_ns;
}

void fedl_group_helper_said(fedl_group *group, fedl_instant_ns now_ns, fedl_status status,
                            fedl_bytes request_bytes, fedl_bytes reply, fedl_bytes *sum)
{
    fedli_group_state *g = group->state;
    fedl_helper_answer answer = FEDL_HELPER_STORE;
    uint32_t accused = 0;
    fedl_bytes vector = fedl_bytes_of(NULL, 0);
    fedl_helper_request request;
    *sum = vector;
    if (g->phase != FEDL_GROUP_UNMASKING || !g->helper_out) {
        return;
    }
    g->helper_out = false;
    make_request(g, &request);
    const uint8_t *hash = request_bytes.data + (request_bytes.size - FEDL_HELPER_HASH_BYTES);
    if (status == FEDL_OK) {
        status = fedl_helper_reply_read(&answer, &accused, &vector, reply, hash,
                                        request.shape.vector_bytes);
    }
    if (status != FEDL_OK || answer == FEDL_HELPER_STORE) {
        ask_again(g, now_ns);
    } else if (answer == FEDL_HELPER_SUM) {
        *sum = vector;
        fedli_group_enter(g, FEDL_GROUP_READY, now_ns);
    } else {
        const bool member = accused != 0 && fedli_group_find(g, accused) != FEDLI_GROUP_NONE;
        fedli_group_fail(g, fedl_helper_answer_text(answer), member ? accused : 0, 0);
    }
}
