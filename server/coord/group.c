/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of a masked attempt: memory, phases, time-outs, who may put and get what. What an item
 * means stands in one file each: group_ready (and group_roster), group_shares, group_masking,
 * group_confirm, group_unmask, group_down (all that is read by devices), group_export.
 *
 * Rejected: parking GETs in here (the coordinator has one place for long-polls; news() tells it
 * when to look), and reading READY before the roster is frozen (a device may put it again).
 */
#include "coord/group_state.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/secret.h"

#include <string.h>

/* ---- memory ---- */

static void measure_cohort(fedli_group_measure *most, uint32_t n, uint32_t k)
{
    const size_t pool_bytes = n * fedli_group_area_size(k);
    const size_t keys = n + (size_t)n * k / 3u;
    const size_t export_bytes = fedli_group_export_bound(n, k);
    most->pool_bytes = pool_bytes > most->pool_bytes ? pool_bytes : most->pool_bytes;
    most->keys = keys > most->keys ? keys : most->keys;
    most->export_bytes = export_bytes > most->export_bytes ? export_bytes : most->export_bytes;
}

/* Pool, keys and export grow with n as long as the graph is complete; above that k goes by bands.
 *
 * A key takes off one mask: one per survivor, and one per edge between the survivors (s) and the
 * vanished (d). Of the latter there are at most d·k, and at most s·(k − t) < s·k/2, because every
 * survivor has t neighbours among the survivors and 2t > k: so at most n·k/3. */
bool fedli_group_measure_plan(fedli_group_measure *most, const fedl_plan *plan)
{
    const uint32_t slots = plan->update.clients_max;
    const fedl_secagg_config *secagg = &plan->secagg;
    *most = (fedli_group_measure){0};
    if (slots < FEDL_COHORT_MIN || slots > FEDL_COHORT_MAX) {
        return false;
    }
    if (plan->aggregation == FEDL_AGGREGATION_HELPER) {
        fedli_group_measure_helped(most, plan);
        return true;
    }
    const uint32_t complete_n = slots < FEDL_COMPLETE_GRAPH_MAX ? slots : FEDL_COMPLETE_GRAPH_MAX;
    measure_cohort(most, complete_n, complete_n - 1u);
    for (uint32_t n = FEDL_COMPLETE_GRAPH_MAX + 1u; n <= slots; n++) {
        fedli_params params;
        if (fedli_params_for(&params, n, secagg->gamma_permille, secagg->delta_permille,
                             secagg->trust) == FEDL_OK) {
            measure_cohort(most, n, params.k); /* other cohorts fail when they are frozen */
        }
    }
    return true;
}

bool fedli_group_layout(fedli_group_state **state, const fedl_plan *plan, void *block,
                        size_t block_bytes, size_t *bytes_needed)
{
    const uint32_t slots = plan->update.clients_max;
    fedli_group_measure most;
    fedli_arena arena;
    fedli_group_state at = {.slots_max = slots};
    *bytes_needed = 0;
    if (!fedli_group_measure_plan(&most, plan)) {
        return false;
    }
    fedli_arena_init(&arena, block, block_bytes);
    fedli_group_state *g = (fedli_group_state *)fedli_arena_take(&arena, 1, sizeof *g);
    at.members = (fedli_group_member *)fedli_arena_take(&arena, slots, sizeof *at.members);
    at.order = (uint32_t *)fedli_arena_take(&arena, slots, sizeof *at.order);
    at.ring = (uint16_t *)fedli_arena_take(&arena, 2u * (size_t)slots, sizeof *at.ring);
    at.u2 = (uint8_t *)fedli_arena_take(&arena, fedli_bitmap_bytes(slots), 1);
    at.u3 = (uint8_t *)fedli_arena_take(&arena, fedli_bitmap_bytes(slots), 1);
    at.confirmed = (uint8_t *)fedli_arena_take(&arena, fedli_bitmap_bytes(slots), 1);
    at.scratch = (uint8_t *)fedli_arena_take(&arena, fedli_bitmap_bytes(slots), 1);
    at.u2_list = (uint16_t *)fedli_arena_take(&arena, slots, sizeof *at.u2_list);
    at.pool = (uint8_t *)fedli_arena_take(&arena, most.pool_bytes, 1);
    at.keys = (fedli_mask_key *)fedli_arena_take(&arena, most.keys, sizeof *at.keys);
    *bytes_needed = fedli_arena_size(&arena);
    if (block == NULL || arena.failed) {
        return false;
    }
    const size_t bitmap_bytes = fedli_bitmap_bytes(slots);
    memset(at.u2, 0, bitmap_bytes);
    memset(at.u3, 0, bitmap_bytes);
    memset(at.confirmed, 0, bitmap_bytes);
    memset(at.scratch, 0, bitmap_bytes);
    at.pool_bytes = most.pool_bytes;
    at.keys_max = (uint32_t)most.keys; /* < 2^16 + 2^16·254/3 */
    *g = at;
    *state = g;
    return true;
}

size_t fedl_group_size(const fedl_plan *plan)
{
    fedli_group_state *none;
    size_t bytes_needed;
    (void)fedli_group_layout(&none, plan, NULL, 0, &bytes_needed);
    return bytes_needed;
}

static bool is_setup_sane(const fedl_group_setup *setup)
{
    const fedl_plan *plan = setup->plan;
    const bool known = plan->aggregation == FEDL_AGGREGATION_MASKED ||
                       (plan->aggregation == FEDL_AGGREGATION_HELPER && setup->helper_cert != NULL);
    return known && setup->cohort_min >= FEDL_COHORT_MIN &&
           setup->cohort_min >= plan->secagg.min_cohort &&
           setup->cohort_goal >= setup->cohort_min &&
           setup->cohort_goal <= plan->update.clients_max &&
           plan->update.clients_max <= FEDL_COHORT_MAX;
}

fedl_status fedl_group_begin(fedl_group *group, const fedl_group_setup *setup, void *block,
                             size_t block_bytes, fedl_instant_ns now_ns)
{
    fedli_group_state *g;
    size_t bytes_needed;
    if (!is_setup_sane(setup)) {
        return FEDL_ERR_RANGE;
    }
    if (block == NULL || !fedli_group_layout(&g, setup->plan, block, block_bytes, &bytes_needed)) {
        return FEDL_ERR_SIZE;
    }
    g->setup = *setup;
    if (fedli_group_is_helped(g)) {
        fedli_group_begin_helped(g);
    }
    fedli_group_enter(g, FEDL_GROUP_GATHERING, now_ns);
    group->state = g;
    return FEDL_OK;
}

/* Everything with a secret, or a hash of one, in it. */
static void wipe_secrets(fedli_group_state *g)
{
    if (g->area_bytes != 0) {
        fedli_wipe(g->pool, (size_t)g->n * g->area_bytes);
    }
    fedli_wipe(g->keys, (size_t)g->key_count * sizeof *g->keys);
    fedli_wipe(g->weights_xs, sizeof g->weights_xs);
    fedli_wipe(g->weights, sizeof g->weights);
    g->weights_count = 0;
    g->key_count = 0;
}

void fedl_group_end(fedl_group *group)
{
    fedli_group_state *g = group->state;
    if (g == NULL) {
        return;
    }
    wipe_secrets(g);
    const size_t bitmap_bytes = fedli_bitmap_bytes(g->slots_max);
    fedli_wipe(g->members, (size_t)g->slots_used * sizeof *g->members);
    fedli_wipe(g->order, (size_t)g->slots_used * sizeof *g->order);
    fedli_wipe(g->ring, 2u * (size_t)g->slots_used * sizeof *g->ring);
    fedli_wipe(g->u2, bitmap_bytes);
    fedli_wipe(g->u3, bitmap_bytes);
    fedli_wipe(g->confirmed, bitmap_bytes);
    fedli_wipe(g->scratch, bitmap_bytes);
    fedli_wipe(g->u2_list, (size_t)g->slots_used * sizeof *g->u2_list);
    fedli_wipe(g, sizeof *g);
    group->state = NULL;
}

/* ---- phases ---- */

static fedl_instant_ns after_ms(fedl_instant_ns now_ns, uint32_t ms)
{
    const fedl_instant_ns span_ns = (fedl_instant_ns)ms * 1000000; /* < 2^52 */
    return now_ns > FEDL_NEVER_NS - span_ns ? FEDL_NEVER_NS : now_ns + span_ns;
}

void fedli_group_enter(fedli_group_state *g, fedl_group_phase phase, fedl_instant_ns now_ns)
{
    g->phase = phase;
    g->news = true;
    switch (phase) {
    case FEDL_GROUP_GATHERING:
        g->deadline_ns = g->setup.gather_until_ns;
        break;
    case FEDL_GROUP_SHARING:
    case FEDL_GROUP_MASKING:
    case FEDL_GROUP_CONFIRMING:
    case FEDL_GROUP_UNMASKING:
        g->deadline_ns = after_ms(now_ns, g->setup.plan->secagg.step_ms);
        break;
    case FEDL_GROUP_FROZEN:
    case FEDL_GROUP_READY:
    case FEDL_GROUP_FAILED:
        g->deadline_ns = FEDL_NEVER_NS;
        break;
    }
}

void fedli_group_fail(fedli_group_state *g, const char *reason, uint32_t blamed,
                      uint32_t blamed_other)
{
    g->burnt = g->phase == FEDL_GROUP_CONFIRMING || g->phase == FEDL_GROUP_UNMASKING;
    g->reason = reason;
    if (blamed != 0) { /* else whoever is suspected of wrong shares */
        g->blamed = blamed;
        g->blamed_other = blamed_other;
    }
    wipe_secrets(g);
    fedli_group_enter(g, FEDL_GROUP_FAILED, 0);
}

void fedl_group_tick(fedl_group *group, fedl_instant_ns now_ns)
{
    fedli_group_state *g = group->state;
    if (now_ns < g->deadline_ns) {
        return;
    }
    switch (g->phase) {
    case FEDL_GROUP_GATHERING:
        if (fedli_group_is_helped(g)) {
            fedli_group_freeze_helped(g, now_ns);
        } else if (g->ready_count >= g->setup.cohort_min) {
            fedli_group_freeze_roster(g, now_ns);
        } else {
            fedli_group_fail(g, "too few devices ready", 0, 0);
        }
        break;
    case FEDL_GROUP_SHARING:
        fedli_group_freeze_u2(g, now_ns);
        break;
    case FEDL_GROUP_MASKING:
        fedli_group_freeze_u3(g, now_ns);
        break;
    case FEDL_GROUP_CONFIRMING:
        fedli_group_end_confirming(g, now_ns);
        break;
    case FEDL_GROUP_UNMASKING:
        if (!fedli_group_is_helped(g)) {
            fedli_group_fail(g, "too few shares came", 0, 0);
        } else if (now_ns >= g->helper_until_ns) {
            fedli_group_fail(g, "the helper does not answer", 0, 0);
        }
        break;
    case FEDL_GROUP_FROZEN:
    case FEDL_GROUP_READY:
    case FEDL_GROUP_FAILED:
        break;
    }
}

void fedl_group_committed(fedl_group *group, fedl_instant_ns now_ns)
{
    fedli_group_state *g = group->state;
    FEDLI_CHECK(g->phase == FEDL_GROUP_FROZEN);
    if (fedli_group_is_helped(g)) {
        fedli_group_begin_asking(g, now_ns);
        return;
    }
    if (g->setup.plan->secagg.trust != FEDL_TRUST_ACTIVE) {
        fedli_group_begin_unmasking(g, now_ns);
        return;
    }
    fedli_group_enter(g, FEDL_GROUP_CONFIRMING, now_ns);
    g->waiting = 0;
    for (uint32_t p = 0; p < g->n; p++) {
        g->waiting += fedli_group_is_waited_for(g, p);
    }
    if (g->waiting == 0) { /* all of them were revoked in the meantime */
        fedli_group_end_confirming(g, now_ns);
    }
}

bool fedli_group_is_waited_for(const fedli_group_state *g, uint32_t position)
{
    const fedli_group_member *m = fedli_group_at(g, position);
    if (m->removed) {
        return false;
    }
    if (fedli_group_is_helped(g)) {
        return g->phase == FEDL_GROUP_GATHERING && !m->shared;
    }
    switch (g->phase) {
    case FEDL_GROUP_GATHERING:
        return !m->ready;
    case FEDL_GROUP_SHARING:
        return !m->shared;
    case FEDL_GROUP_MASKING:
        return fedli_bitmap_get(g->u2, position) && !fedli_bitmap_get(g->u3, position);
    case FEDL_GROUP_CONFIRMING:
        return fedli_bitmap_get(g->u3, position) && !m->confirmed && !m->unmasked;
    case FEDL_GROUP_UNMASKING:
        return fedli_bitmap_get(g->u3, position) && !m->unmasked;
    case FEDL_GROUP_FROZEN:
    case FEDL_GROUP_READY:
    case FEDL_GROUP_FAILED:
        break;
    }
    return false;
}

bool fedl_group_waits_for(const fedl_group *group, uint32_t device_id)
{
    const uint32_t position = fedli_group_find(group->state, device_id);
    return position != FEDLI_GROUP_NONE && fedli_group_is_waited_for(group->state, position);
}

void fedl_group_remove(fedl_group *group, fedl_instant_ns now_ns, uint32_t device_id)
{
    fedli_group_state *g = group->state;
    const uint32_t position = fedli_group_find(g, device_id);
    if (position == FEDLI_GROUP_NONE || fedli_group_at(g, position)->removed) {
        return;
    }
    if (fedli_group_is_helped(g)) {
        fedli_group_remove_helped(g, position);
        return;
    }
    if (g->phase == FEDL_GROUP_GATHERING) {
        fedli_group_forget_ready(g, position);
        return;
    }
    const bool was_waited_for = fedli_group_is_waited_for(g, position);
    fedli_group_at(g, position)->removed = true;
    g->waiting -= was_waited_for;
    switch (g->phase) {
    case FEDL_GROUP_SHARING:
        if (g->waiting == 0) {
            fedli_group_freeze_u2(g, now_ns);
        }
        break;
    case FEDL_GROUP_MASKING:
        if (g->waiting == 0) {
            fedli_group_freeze_u3(g, now_ns);
        }
        break;
    case FEDL_GROUP_CONFIRMING:
        if (g->waiting == 0) {
            fedli_group_end_confirming(g, now_ns);
        }
        break;
    case FEDL_GROUP_UNMASKING:
        fedli_group_check_shares(g, now_ns);
        break;
    case FEDL_GROUP_GATHERING:
    case FEDL_GROUP_FROZEN:
    case FEDL_GROUP_READY:
    case FEDL_GROUP_FAILED:
        break;
    }
}
