/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that shows different sets of survivors, to one device or to several: never both kinds of
 * share of one neighbour, and what only CONFIRM (trust = active) prevents.
 */
#include "cmocka_all.h"
#include "party_world.h"
#include "secagg/share.h"

#include <stdlib.h>
#include <string.h>

/* ---- one device ---- */

/* The pair of shares that `owner` made for device 0. */
static void share_of(const world *w, uint8_t pair[64], uint32_t owner)
{
    fedli_attempt_secrets secrets;
    uint8_t secret[32];
    world_secret(w, secret, 32, "attempt", w->devices[owner].id + (1u << 16) + (1u << 28));
    fedli_attempt_secrets_derive(&w->crypto, &secrets, secret);
    fedli_share_pair(pair, &secrets, w->toy.t,
                     (uint8_t)(1 + fedli_graph_index(&w->toy.graph, owner, 0)));
}

static bool block_holds(const world *w, const uint8_t share[32])
{
    const uint8_t *block = w->devices[0].block;
    for (size_t i = 0; i + 32 <= fedli_party_size(&w->plan); i++) {
        if (memcmp(block + i, share, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* b of the living, d of the one that fell out behind U2, nothing of the one before it. */
static void expect_one_kind(const world *w)
{
    uint8_t pair[64];
    for (uint32_t i = 1; i < w->count; i++) {
        share_of(w, pair, i);
        assert_int_equal(block_holds(w, pair), i != 3 && i != 5);
        assert_int_equal(block_holds(w, pair + 32), i == 5);
    }
}

static void only_one_kind_of_share_is_kept(void **state)
{
    (void)state;
    world w;
    uint8_t pair[64];
    world_init(&w, 10, FEDL_TRUST_ACTIVE, 16, 900);
    w.devices[3].lost_at_shares = true;
    w.devices[5].lost_at_vector = true;
    world_begin(&w, 1, 1);
    world_to_vectors(&w);
    for (uint32_t i = 1; i < w.count; i++) {
        share_of(&w, pair, i);
        assert_int_equal(block_holds(&w, pair), i != 3);
        assert_int_equal(block_holds(&w, pair + 32), i != 3);
    }
    const toy_blob survivors = toy_get(&w.toy, 0, FEDL_ITEM_SURVIVORS);
    fedli_party_take(&w.devices[0].party, fedl_bytes_of(survivors.data, survivors.size),
                     survivors.size);
    free(survivors.data);
    assert_int_equal(fedli_party_next(&w.devices[0].party), FEDLI_PARTY_STORE_CLOSED);
    expect_one_kind(&w);
    world_pump_all(&w);
    w.toy.confirms_frozen = true;
    world_pump_all(&w);
    assert_int_equal(fedli_party_next(&w.devices[0].party), FEDLI_PARTY_DONE);
    expect_one_kind(&w); /* a server that was restarted may need them again */
    fedli_party_rewind(&w.devices[0].party);
    expect_one_kind(&w);
    world_deinit(&w);
}

/* A set of survivors is asked for once: whatever the server would say the second time, there is no
 * step that hears it, not even after it was restarted. */
static void no_second_set_of_survivors_is_taken(void **state)
{
    (void)state;
    for (int active = 0; active < 2; active++) {
        world w;
        world_init(&w, 10, active != 0 ? FEDL_TRUST_ACTIVE : FEDL_TRUST_CURIOUS, 16, 901);
        w.devices[9].lost_at_vector = true;
        world_begin(&w, 1, 1);
        world_to_end(&w);
        fedli_party *party = &w.devices[0].party;
        for (uint32_t times = 0; times < 3; times++) {
            assert_int_equal(fedli_party_next(party), FEDLI_PARTY_DONE);
            fedli_party_rewind(party);
            while (fedli_party_next(party) != FEDLI_PARTY_DONE) {
                assert_int_equal(fedli_party_next(party), FEDLI_PARTY_PUT);
                fedli_party_put_done(party);
            }
        }
        world_deinit(&w);
    }
}

static void sizes_that_change_are_refused(void **state)
{
    (void)state;
    for (uint32_t late = 0; late < 2; late++) {
        world w;
        const fedl_group_item item = late == 0 ? FEDL_ITEM_FORWARD : FEDL_ITEM_SURVIVORS;
        world_init(&w, 10, FEDL_TRUST_ACTIVE, 16, 902);
        world_begin(&w, 1, 1);
        (late == 0 ? world_to_shares : world_to_vectors)(&w);
        fedli_party *party = &w.devices[0].party;
        const toy_blob blob = toy_get(&w.toy, 0, item);
        fedli_party_take(party, fedl_bytes_of(blob.data, 1), blob.size);
        assert_int_equal(fedli_party_next(party), FEDLI_PARTY_GET);
        fedli_party_take(party, fedl_bytes_of(blob.data + 1, 1), blob.size + 96);
        world_expect_refused(
            &w, 0, late == 0 ? FEDL_REFUSAL_FORWARD_CHANGED : FEDL_REFUSAL_SURVIVORS_CHANGED);
        free(blob.data);
        world_deinit(&w);
    }
}

/* ---- several devices ---- */

static bool shown[TOY_DEVICES_MAX][TOY_DEVICES_MAX];

static void show_all(const world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        for (uint32_t j = 0; j < w->count; j++) {
            shown[i][j] = true;
        }
    }
}

/* Seven of ten are alive for everybody, three for themselves and two or three others only: every
 * view has eight, which is the plan's smallest cohort. */
static void views_of_ten(world *w)
{
    show_all(w);
    for (uint32_t viewer = 0; viewer < 10; viewer++) {
        for (uint32_t member = 7; member < 10; member++) {
            shown[viewer][member] = member == viewer || (viewer < 7 && viewer % 3 == member - 7);
        }
    }
    w->toy.u3_shown = shown;
    for (uint32_t member = 7; member < 10; member++) {
        w->toy.in_u3[member] = false; /* what the server is after */
    }
}

static void confirm_keeps_sums_from_being_too_small(void **state)
{
    (void)state;
    for (uint32_t active = 0; active < 2; active++) {
        world w;
        uint8_t secret[32];
        world_init(&w, 10, active != 0 ? FEDL_TRUST_ACTIVE : FEDL_TRUST_CURIOUS, 16, 903);
        w.plan.secagg.min_cohort = 8;
        world_begin(&w, 1, 1);
        world_to_vectors(&w);
        views_of_ten(&w);
        world_pump_all(&w);
        w.toy.confirms_frozen = true;
        world_pump_all(&w);
        for (uint32_t i = 0; i < w.count; i++) {
            if (active != 0) {
                world_expect_refused(&w, i, FEDL_REFUSAL_CONFIRM_FEW);
                assert_false(toy_open_secret(&w.toy, secret, i, FEDLI_SHARE_B));
                assert_false(toy_open_secret(&w.toy, secret, i, FEDLI_SHARE_D));
            } else {
                assert_int_equal(fedli_party_next(&w.devices[i].party), FEDLI_PARTY_DONE);
            }
        }
        if (active == 0) { /* a sum of seven, although eight were promised: curious is curious */
            world_expect_sum(&w);
        }
        world_deinit(&w);
    }
}

/* ---- one vector of a ring ---- */

#define TARGET 77u

/* Who must see a neighbour of TARGET as dead, so that t of its neighbours give its d share, while
 * nobody sees fewer than t neighbours alive. First those that can bear it all, then the freest. */
static void views_of_a_ring(world *w)
{
    const toy_server *toy = &w->toy;
    uint32_t dead[TOY_DEVICES_MAX] = {0};
    show_all(w);
    for (uint32_t i = 0; i < toy->k; i++) {
        const uint32_t member = fedli_graph_neighbour(&toy->graph, TARGET, i);
        for (uint32_t count = 0; count < toy->t; count++) {
            uint32_t best = UINT32_MAX;
            uint32_t best_burden = UINT32_MAX;
            for (uint32_t j = 0; j < toy->k; j++) {
                const uint32_t viewer = fedli_graph_neighbour(&toy->graph, member, j);
                uint32_t burden = 0; /* neighbours of TARGET that it sees at all */
                for (uint32_t m = 0; m < toy->k; m++) {
                    const uint32_t other = fedli_graph_neighbour(&toy->graph, TARGET, m);
                    burden += fedli_graph_index(&toy->graph, viewer, other) != UINT32_MAX;
                }
                burden = burden <= toy->k - toy->t ? 0 : 1 + dead[viewer];
                if (shown[viewer][member] && dead[viewer] < toy->k - toy->t &&
                    burden < best_burden) {
                    best = viewer;
                    best_burden = burden;
                }
            }
            assert_int_not_equal(best, UINT32_MAX);
            shown[best][member] = false;
            dead[best]++;
        }
    }
    w->toy.u3_shown = shown;
}

static bool open_target(const world *w, uint8_t *vector)
{
    const toy_server *toy = &w->toy;
    memcpy(vector, toy->vector[TARGET].data, toy_shape(&w->plan).vector_bytes);
    bool opened = toy_take_self(toy, vector, TARGET);
    for (uint32_t i = 0; i < toy->k && opened; i++) {
        opened = toy_take_edges(toy, vector, fedli_graph_neighbour(&toy->graph, TARGET, i));
    }
    return opened;
}

/* A ring of 200, alive to some and dead to others, no device colludes: with trust = curious the
 * lying server holds one device's update in its hands. docs/threat-model.md says so. */
static void only_confirm_keeps_one_vector_hidden(void **state)
{
    (void)state;
    for (uint32_t active = 0; active < 2; active++) {
        world w;
        world_init(&w, 200, active != 0 ? FEDL_TRUST_ACTIVE : FEDL_TRUST_CURIOUS, 16, 904);
        w.plan.secagg.gamma_permille = 10;
        w.policy.gamma_permille = 10;
        world_begin(&w, 1, 1);
        world_to_vectors(&w);
        views_of_a_ring(&w);
        world_pump_all(&w);
        w.toy.confirms_frozen = true;
        world_pump_all(&w);

        const size_t size = toy_shape(&w.plan).vector_bytes;
        uint8_t *vector = malloc(size);
        assert_non_null(vector);
        for (uint32_t i = 0; i < w.count; i++) {
            w.toy.in_u3[i] = i == TARGET;
        }
        assert_int_equal(open_target(&w, vector), active == 0);
        if (active == 0) {
            const size_t words_bytes = 2u * fedl_model_parameter_count(&w.plan.model);
            assert_memory_equal(vector, w.devices[TARGET].update, words_bytes);
            assert_memory_equal(vector + size - 64, w.devices[TARGET].update + size - 64, 64);
        } else {
            world_expect_refused(&w, TARGET, FEDL_REFUSAL_CONFIRM_FEW);
        }
        free(vector);
        world_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_kind_of_share_is_kept),
        cmocka_unit_test(no_second_set_of_survivors_is_taken),
        cmocka_unit_test(sizes_that_change_are_refused),
        cmocka_unit_test(confirm_keeps_sums_from_being_too_small),
        cmocka_unit_test(only_confirm_keeps_one_vector_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
