/* SPDX-License-Identifier: Apache-2.0 */
/* What a device refuses in helper rounds, and what a lying server does not get. */
#include "cmocka_all.h"

#include "device_group.h"

#include <stdlib.h>
#include <string.h>

/* What the server answers to GET HELPER in the first attempt. */
static uint8_t told[FEDLI_CERT_BYTES];
static uint64_t told_total;

static world_answer tell(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind == FEDL_MESSAGE_GET && request->u.get.item == FEDL_ITEM_HELPER &&
        reply->kind == FEDL_MESSAGE_PART && w->server.attempt == 1) {
        assert_true(reply->u.part.payload.size == sizeof told);
        reply->u.part.payload = fedl_bytes_of(told, sizeof told);
        reply->u.part.total_bytes = told_total;
    }
    return WORLD_REPLY;
}

static void a_helper_that_the_fleet_does_not_know_gets_nothing(void **state)
{
    (void)state;
    uint8_t seed[32] = {5};
    uint8_t other_public[32];
    uint8_t other_secret[64];
    for (int lie = 0; lie < 8; lie++) {
        world *w = helped_world(1024);
        w->crypto->sign_keypair(other_public, other_secret, seed);
        memcpy(told, w->group->helper_cert, sizeof told);
        told_total = sizeof told;
        switch (lie) {
        case 0: /* another key: the server's own */
            memcpy(told + 60, w->server.noise_public, 32);
            break;
        case 1: /* signed by another CA */
            world_helper_certify(w, told, FEDL_CERT_HELPER, other_secret, 0);
            break;
        case 2: /* the fleet's, but for another role */
            world_helper_certify(w, told, FEDL_CERT_ROUND, w->server.ca_secret, 0);
            break;
        case 3:
            world_helper_certify(w, told, FEDL_CERT_DEVICE, w->server.ca_secret, 0);
            break;
        case 4: /* expired */
            world_helper_certify(w, told, FEDL_CERT_HELPER, w->server.ca_secret, w->utc_s - 1u);
            break;
        case 5: /* of another fleet */
            w->server.fleet_id[2] ^= 1;
            world_helper_certify(w, told, FEDL_CERT_HELPER, w->server.ca_secret, 0);
            w->server.fleet_id[2] ^= 1;
            break;
        case 6: /* a signature that is not one */
            told[sizeof told - 1u] ^= 1;
            break;
        default: /* another size */
            told_total = sizeof told + 1u;
            break;
        }
        w->hook = tell;
        for (uint32_t i = 0; i < 20 && w->refusal == FEDL_REFUSAL_NONE; i++) {
            world_advance(w, 50);
        }
        assert_int_equal(w->refusal, FEDL_REFUSAL_HELPER);
        assert_true(world_said(w, "GET HELPER"));
        assert_false(world_said(w, "PUT"));
        assert_false(world_said(w, "UPLOAD"));
        w->refusal = FEDL_REFUSAL_NONE;
        world_next_attempt(w); /* an honest one */
        world_until_done(w);
        world_expect_sum(w);
        world_destroy(w);
    }
}

static void a_site_may_refuse_helpers(void **state)
{
    (void)state;
    world *w = helped_world(1024);
    fedl_site_policy usual;
    fedl_site_policy_default(&usual);
    w->cfg.policy.min_aggregation = usual.min_aggregation;
    fedl_client_deinit(&w->client);
    free(w->task_block);
    w->task_block = NULL;
    free(w->block);
    world_start(w);
    world_run(w, 100);
    assert_int_equal(w->refusal, FEDL_REFUSAL_POLICY_HELPER);
    assert_false(world_said(w, "FETCH"));
    assert_false(world_said(w, "GET"));
    world_destroy(w);
}

/* A server that lies about the smallest cohort: the plan that devices have verified says five. */
static void a_small_cohort_gets_no_sum(void **state)
{
    (void)state;
    for (uint32_t least = 4; least <= 5; least++) {
        world *w = helped_world(4096);
        w->group->peers[0].gone_after = FEDL_ITEM_SEED;
        w->group->peers[1].gone_after = least == 4 ? FEDL_ITEM_SEED : (fedl_group_item)0;
        w->server.plan.secagg.min_cohort = 4;
        world_next_attempt(w);
        world_until_done(w);
        wait_for_the_helper(w);
        assert_int_equal(fedl_group_u3_count(&w->group->group), least);
        assert_int_equal(w->group->helper_asked, 1);
        assert_int_equal(w->group->helper_answer, least == 4 ? FEDL_HELPER_SMALL : FEDL_HELPER_SUM);
        assert_int_equal(fedl_group_phase_of(&w->group->group),
                         least == 4 ? FEDL_GROUP_FAILED : FEDL_GROUP_READY);
        assert_int_equal(fedl_group_burnt(&w->group->group), least == 4);
        assert_int_equal(w->group->sum_size == 0, least == 4);
        world_destroy(w);
    }
}

static void a_site_that_wants_more_devices_refuses_the_plan(void **state)
{
    (void)state;
    world *w = helped_world(4096);
    w->cfg.policy.min_cohort = 6; /* the plan promises five */
    fedl_client_deinit(&w->client);
    free(w->task_block);
    w->task_block = NULL;
    free(w->block);
    world_start(w);
    world_run(w, 100);
    assert_int_equal(w->refusal, FEDL_REFUSAL_POLICY_COHORT);
    assert_false(world_said(w, "FETCH"));
    world_destroy(w);
}

static void an_attempt_is_taken_part_in_once(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        world *w = helped_world(4096);
        world_until_done(w);
        world_expect_sum(w);
        if (cut) {
            world_power_cut(w);
        }
        w->server.reported = false;
        w->group->insist = true; /* the same attempt, offered again */
        world_forget(w);
        world_advance(w, 200);
        assert_int_equal(w->refusal, FEDL_REFUSAL_ROUND_REUSED);
        assert_false(world_said(w, "PUT"));
        assert_false(world_said(w, "UPLOAD"));
        assert_false(world_said(w, "host trains"));
        w->refusal = FEDL_REFUSAL_NONE;
        w->server.attempt = 4; /* one more than there may be */
        world_forget(w);
        world_advance(w, 200);
        assert_int_equal(w->refusal, FEDL_REFUSAL_ATTEMPTS);
        assert_false(world_said(w, "PUT"));
        w->refusal = FEDL_REFUSAL_NONE;
        w->group->insist = false;
        world_next_round(w);
        world_forget(w);
        world_until_done(w);
        world_expect_sum(w);
        w->server.round = 1; /* a round that is over, with the new model */
        w->server.attempt = 3;
        w->server.reported = false;
        w->group->insist = true;
        world_forget(w);
        world_advance(w, 200);
        world_advance(w, 200);
        assert_false(world_said(w, "PUT"));
        assert_false(world_said(w, "UPLOAD"));
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_helper_that_the_fleet_does_not_know_gets_nothing),
        cmocka_unit_test(a_site_may_refuse_helpers),
        cmocka_unit_test(a_small_cohort_gets_no_sum),
        cmocka_unit_test(a_site_that_wants_more_devices_refuses_the_plan),
        cmocka_unit_test(an_attempt_is_taken_part_in_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
