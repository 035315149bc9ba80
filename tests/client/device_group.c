/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "device_group.h"

#include <stdlib.h>
#include <string.h>

static void begin_world(world *w, uint32_t peers, fedl_aggregation aggregation,
                        fedl_server_trust trust, uint8_t ring_bits)
{
    static const uint32_t ids[WORLD_PEERS_MAX] = {3, 5, 11, 13, 17, 19, 23, 29};
    world_group *g = calloc(1, sizeof *g);
    fedl_plan *plan = &w->server.plan;
    assert_non_null(g);
    assert_true(peers <= WORLD_PEERS_MAX);
    w->group = g;
    plan->aggregation = aggregation;
    plan->update.clients_max = peers + 1u;
    plan->update.ring_bits = ring_bits;
    plan->update.update_exp = ring_bits == 8 ? -6 : plan->update.update_exp;
    plan->secagg = (fedl_secagg_config){.trust = trust,
                                        .min_cohort = 5,
                                        .gamma_permille = 100,
                                        .delta_permille = 100,
                                        .step_ms = 10000,
                                        .epoch_rounds = 4};
    fedl_site_policy_default(&g->policy);
    g->policy.min_aggregation = aggregation;
    w->cfg.policy = g->policy;
    world_helper_make(w);
    fedl_cert own;
    assert_int_equal(fedl_cert_open(&own, w->crypto,
                                    fedl_bytes_of(w->cfg.identity.cert, FEDLI_CERT_BYTES),
                                    w->server.ca_public, 0),
                     FEDL_OK);
    memcpy(g->id_public, own.id_public, 32);
    memcpy(g->noise_public, own.noise_public, 32);
    g->peer_count = peers;
    for (uint32_t i = 0; i < peers; i++) {
        world_peer_make(w, &g->peers[i], ids[i]);
    }
    g->block = aligned_alloc(16, (fedl_group_size(plan) + 15u) & ~(size_t)15u);
    const uint32_t parameters = fedl_model_parameter_count(&plan->model);
    const size_t accum_bytes = fedl_accum_size(&plan->update, parameters);
    g->accum_block = aligned_alloc(16, accum_bytes);
    assert_non_null(g->block);
    assert_non_null(g->accum_block);
    assert_int_equal(
        fedl_accum_init(&g->accum, &plan->update, parameters, g->accum_block, accum_bytes),
        FEDL_OK);
    world_sign(w);
    world_start(w);
    world_group_begin(w);
}

void world_masked(world *w, uint32_t peers, fedl_server_trust trust, uint8_t ring_bits)
{
    begin_world(w, peers, FEDL_AGGREGATION_MASKED, trust, ring_bits);
}

void world_helped(world *w, uint32_t peers, uint8_t ring_bits)
{
    begin_world(w, peers, FEDL_AGGREGATION_HELPER, FEDL_TRUST_CURIOUS, ring_bits);
}

void world_group_begin(world *w)
{
    world_group *g = w->group;
    const world_server *s = &w->server;
    fedl_group_setup *setup = &g->setup;
    memset(setup, 0, sizeof *setup);
    setup->crypto = w->crypto;
    setup->plan = &s->plan;
    memcpy(setup->attempt.fleet_id, s->fleet_id, 16);
    setup->attempt.task_id = WORLD_TASK_ID;
    setup->attempt.round = s->round;
    setup->attempt.attempt = s->attempt;
    setup->attempt.version = s->manifest.version;
    memcpy(setup->attempt.model_digest, s->manifest.digest, 32);
    memcpy(setup->attempt.plan_digest, s->manifest.plan_digest, 32);
    setup->ca_public = s->ca_public;
    setup->helper_cert = g->helper_cert;
    setup->utc_s = w->utc_s;
    setup->cohort_goal = g->peer_count + 1u;
    setup->cohort_min = s->plan.secagg.min_cohort;
    setup->gather_until_ns = w->now_ns + 60000 * WORLD_MS;
    assert_int_equal(
        fedl_group_begin(&g->group, setup, g->block, fedl_group_size(&s->plan), w->now_ns),
        FEDL_OK);
    g->begun = true;
    g->restarted = false;
    fedl_accum_clear(&g->accum);
    g->staged_size = 0;
    g->sum_size = 0;
    g->exported_size = 0;
    memset(g->put_size, 0, sizeof g->put_size);
    w->server.reported = false;
    for (uint32_t i = 0; i < g->peer_count; i++) {
        world_peer_begin(w, &g->peers[i]);
    }
    world_group_pump(w);
}

void world_next_attempt(world *w)
{
    w->server.attempt++;
    world_group_begin(w);
}

void world_next_round(world *w)
{
    world_publish(w);
    world_group_begin(w);
}

/* ---- between messages ---- */

/* What the coordinator does between messages. */
static void serve(world *w)
{
    world_group *g = w->group;
    if (fedl_group_phase_of(&g->group) == FEDL_GROUP_FROZEN) {
        g->exported_size = fedl_group_export_bytes(&g->group);
        assert_true(g->exported_size <= sizeof g->exported);
        fedl_group_export(&g->group, g->exported);
        fedl_group_committed(&g->group, w->now_ns);
    }
    world_helper_serve(w);
    if (fedl_group_phase_of(&g->group) == FEDL_GROUP_READY && g->sum_size == 0) {
        uint32_t count = 0;
        const fedli_mask_key *keys = fedl_group_keys(&g->group, &count);
        const fedli_mask_shape shape = {g->accum.ring_bits, g->accum.vector_bytes - 64u,
                                        g->accum.vector_bytes};
        assert_int_equal(fedl_accum_export(&g->accum, g->sum, sizeof g->sum), FEDL_OK);
        fedli_mask_slice(fedli_prg_best(), &shape, g->sum, keys, count, 0, 1);
        g->sum_size = g->accum.vector_bytes;
    }
}

void world_group_pump(world *w)
{
    world_group *g = w->group;
    bool moved = true;
    fedl_group_tick(&g->group, w->now_ns);
    while (moved) {
        moved = false;
        serve(w);
        for (uint32_t i = 0; i < g->peer_count; i++) {
            while (world_peer_moves(w, &g->peers[i])) {
                moved = true;
            }
        }
    }
    (void)fedl_group_news(&g->group);
}

void world_group_restart(world *w)
{
    world_group *g = w->group;
    assert_true(g->exported_size > 0);
    fedl_group_end(&g->group);
    assert_int_equal(fedl_group_import(&g->group, &g->setup, g->block,
                                       fedl_group_size(&w->server.plan),
                                       fedl_bytes_of(g->exported, g->exported_size), w->now_ns),
                     FEDL_OK);
    g->restarted = true;
    w->server.session = false;
    w->server.reported = false;
}

/* ---- messages of the device under test ---- */

static void reject(fedl_message *reply, fedl_group_answer answer)
{
    reply->kind = FEDL_MESSAGE_REJECT;
    reply->u.reject.code = answer == FEDL_GROUP_NOT_MEMBER ? FEDL_REJECT_NOT_MEMBER
                           : answer == FEDL_GROUP_MISMATCH ? FEDL_REJECT_MISMATCH
                                                           : FEDL_REJECT_STALE;
}

static bool of_this_attempt(const world *w, uint32_t task_id, uint32_t round, uint32_t attempt)
{
    return task_id == WORLD_TASK_ID && round == w->server.round && attempt == w->server.attempt;
}

/* Whatever the device says twice, it says in the same bytes; before a roster is accepted an attempt
 * may begin anew. */
static void observe(world_group *g, const fedl_message_put *put)
{
    const size_t slot = (size_t)put->item;
    assert_true(slot < 8 && put->total_bytes <= sizeof g->put[0]);
    assert_true(put->offset + put->payload.size <= put->total_bytes);
    if (put->item == FEDL_ITEM_READY && put->offset == 0 && g->put_size[FEDL_ITEM_SHARES] == 0) {
        g->put_size[slot] = 0;
    }
    if (put->offset < g->put_size[slot]) {
        const size_t seen = g->put_size[slot] - (size_t)put->offset;
        const size_t size = seen < put->payload.size ? seen : put->payload.size;
        assert_memory_equal(g->put[slot] + put->offset, put->payload.data, size);
    }
    memcpy(g->put[slot] + put->offset, put->payload.data, put->payload.size);
    if (put->offset + put->payload.size > g->put_size[slot]) {
        g->put_size[slot] = (size_t)put->offset + put->payload.size;
    }
}

void world_group_put(world *w, const fedl_message_put *put, fedl_message *reply)
{
    world_group *g = w->group;
    uint64_t next = 0;
    bool complete = false;
    if (!of_this_attempt(w, put->task_id, put->round, put->attempt)) {
        reject(reply, FEDL_GROUP_STALE);
        return;
    }
    observe(g, put);
    const fedl_group_answer answer =
        fedl_group_put(&g->group, w->now_ns, WORLD_DEVICE_ID, g->id_public, g->noise_public,
                       put->item, put->offset, put->total_bytes, put->payload, &next, &complete);
    if (answer != FEDL_GROUP_OK) {
        reject(reply, answer);
        return;
    }
    w->server.reported = w->server.reported || (complete && put->item == FEDL_ITEM_UNMASK);
    reply->kind = FEDL_MESSAGE_ACCEPTED;
    reply->u.accepted.next_offset = next;
    reply->u.accepted.complete = complete;
    world_group_pump(w);
}

void world_group_get(world *w, const fedl_message_get *get, fedl_message *reply)
{
    world_group *g = w->group;
    size_t size = 0;
    uint64_t total = 0;
    if (!of_this_attempt(w, get->task_id, get->round, get->attempt)) {
        reject(reply, FEDL_GROUP_STALE);
        return;
    }
    world_group_pump(w);
    if (g->restarted && get->item == FEDL_ITEM_CONFIRMS &&
        fedl_group_phase_of(&g->group) == FEDL_GROUP_CONFIRMING &&
        fedl_group_waits_for(&g->group, WORLD_DEVICE_ID)) {
        reject(reply, FEDL_GROUP_STALE); /* its own was lost: it is to be asked for again */
        return;
    }
    const fedl_group_answer answer = fedl_group_get(
        &g->group, WORLD_DEVICE_ID, get->item, get->offset, g->item, get->bytes_max, &size, &total);
    if (answer != FEDL_GROUP_OK && answer != FEDL_GROUP_NOT_YET) {
        reject(reply, answer);
        return;
    }
    reply->kind = FEDL_MESSAGE_PART;
    reply->u.part.item = get->item;
    reply->u.part.offset = size == 0 ? 0 : get->offset;
    reply->u.part.total_bytes = total;
    reply->u.part.payload = fedl_bytes_of(g->item, size);
}

void world_group_upload(world *w, const fedl_message_upload *u, fedl_message *reply)
{
    world_group *g = w->group;
    const size_t size = g->accum.vector_bytes;
    if (!of_this_attempt(w, u->task_id, u->round, u->attempt)) {
        reject(reply, FEDL_GROUP_STALE);
        return;
    }
    assert_int_equal(u->total_bytes, size);
    const bool counted = fedl_group_vector_counted(&g->group, WORLD_DEVICE_ID);
    const fedl_group_answer answer =
        counted ? FEDL_GROUP_OK : fedl_group_vector_wanted(&g->group, WORLD_DEVICE_ID, u->digest);
    if (answer != FEDL_GROUP_OK) {
        reject(reply, answer);
        return;
    }
    if (g->masked_size != 0 && memcmp(g->rb, u->digest, 32) == 0) { /* seen before: one vector */
        const size_t seen = g->masked_size > u->offset ? g->masked_size - (size_t)u->offset : 0;
        assert_memory_equal(g->masked + u->offset, u->payload.data,
                            seen < u->payload.size ? seen : u->payload.size);
    } else {
        g->masked_size = 0;
        memcpy(g->rb, u->digest, 32);
    }
    if (u->offset == g->staged_size) {
        memcpy(g->staged + u->offset, u->payload.data, u->payload.size);
        g->staged_size += u->payload.size;
        if (g->staged_size > g->masked_size) {
            memcpy(g->masked, g->staged, g->staged_size);
            g->masked_size = g->staged_size;
        }
    }
    reply->kind = FEDL_MESSAGE_ACCEPTED;
    reply->u.accepted.next_offset = g->staged_size;
    if (counted || g->staged_size == size) {
        if (!counted) {
            assert_int_equal(fedl_accum_add(&g->accum, fedl_bytes_of(g->staged, size)), FEDL_OK);
            fedl_group_vector_add(&g->group, w->now_ns, WORLD_DEVICE_ID);
            world_group_pump(w);
        }
        w->server.reported =
            w->server.reported || w->server.plan.aggregation == FEDL_AGGREGATION_HELPER;
        reply->u.accepted.next_offset = size;
        reply->u.accepted.complete = true;
    }
}

bool world_group_wants_device(const world *w)
{
    const world_group *g = w->group;
    return g->insist || fedl_group_phase_of(&g->group) == FEDL_GROUP_GATHERING ||
           (g->restarted && fedl_group_waits_for(&g->group, WORLD_DEVICE_ID));
}

void world_group_destroy(world *w)
{
    world_group *g = w->group;
    if (g == NULL) {
        return;
    }
    fedl_group_end(&g->group);
    world_helper_destroy(w);
    for (uint32_t i = 0; i < g->peer_count; i++) {
        fedli_party_end(&g->peers[i].party);
        free(g->peers[i].block);
    }
    free(g->block);
    free(g->accum_block);
    free(g);
    w->group = NULL;
}

/* ---- for tests ---- */

void world_expect_sum(const world *w)
{
    const world_group *g = w->group;
    uint8_t expected[8192];
    const size_t size = world_expected_vector(w, expected);
    const fedl_plan *plan = &w->server.plan;
    const size_t words = fedl_model_parameter_count(&plan->model) * (plan->update.ring_bits / 8u);
    assert_int_equal(fedl_group_phase_of(&g->group), FEDL_GROUP_READY);
    assert_int_equal(g->sum_size, size);
    assert_memory_equal(g->sum, expected, words); /* behind it is padding */
    assert_memory_equal(g->sum + size - 64u, expected + size - 64u, 64);
    assert_int_equal(g->masked_size, size);
    assert_memory_not_equal(g->masked, expected, size);
}

void world_until_done(world *w)
{
    for (uint32_t i = 0; i < 200 && !world_said(w, "log uploaded"); i++) {
        world_advance(w, 200);
    }
    if (!world_said(w, "log uploaded")) {
        print_error("not done after\n%s", w->transcript);
        fail();
    }
}
