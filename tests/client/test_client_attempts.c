/* SPDX-License-Identifier: Apache-2.0 */
/* Which attempts a device answers, over restarts, and how it deals with a server that talks
 * nonsense, or does not get on. */
#include "cmocka_all.h"

#include "coord/group_state.h"
#include "device_group.h"

#include <string.h>

/* ---- rules of rounds and attempts, over restarts ---- */

static void rounds_are_answered_once(void **state)
{
    (void)state;
    for (int power_cut = 0; power_cut < 2; power_cut++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
        w->server.attempt = 2;
        world_group_begin(w);
        w->group->peers[0].gone_after = FEDL_ITEM_SHARES;
        while (!world_said(w, "GET SURVIVORS")) {
            world_run(w, 1);
        }
        const struct {
            uint32_t attempt;
            fedl_refusal refusal;
        } tries[] = {{2, FEDL_REFUSAL_ROUND_REUSED},
                     {1, FEDL_REFUSAL_ROUND_REUSED},
                     {4, FEDL_REFUSAL_ATTEMPTS},
                     {3, FEDL_REFUSAL_NONE}};
        w->group->peers[0].gone_after = (fedl_group_item)0;
        /* The session and what the device asked for are gone: it checks in anew. */
        w->server.attempt = 9;
        world_run(w, 50);
        for (size_t i = 0; i < 4; i++) {
            w->refusal = FEDL_REFUSAL_NONE;
            w->server.attempt = tries[i].attempt;
            world_group_begin(w);
            world_forget(w);
            if (power_cut != 0) {
                world_power_cut(w);
            }
            for (uint32_t n = 0;
                 n < 20 && w->refusal == FEDL_REFUSAL_NONE && !world_said(w, "log uploaded"); n++) {
                world_advance(w, 100);
            }
            assert_int_equal(w->refusal, tries[i].refusal);
            assert_int_equal(world_said(w, "PUT"), tries[i].refusal == FEDL_REFUSAL_NONE);
        }
        world_expect_sum(w);
        world_destroy(w);
    }
}

static void what_is_not_durable_is_not_answered(void **state)
{
    (void)state;
    for (uint32_t which = 1; which <= 2; which++) { /* opened, closed */
        world *w = world_create(FEDL_CLIENT_RUN);
        world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
        while (!world_said(w, which == 1 ? "GET ROSTER" : "GET FORWARD")) {
            world_run(w, 1);
        }
        w->store_status = FEDL_ERR_NO_SPACE;
        world_run(w, 60);
        assert_true(world_said(w, "log task refused status -21"));
        assert_false(world_said(w, which == 1 ? "PUT SHARES" : "PUT UNMASK"));
        w->store_status = FEDL_OK;
        world_next_attempt(w);
        world_until_done(w);
        world_expect_sum(w);
        world_destroy(w);
    }
}

static void an_old_identity_takes_no_masked_task(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->cfg.identity.has_cert = false;
    world_start(w);
    world_run(w, 100);
    assert_int_equal(w->refusal, FEDL_REFUSAL_CERTIFICATE);
    assert_int_equal(w->accused, WORLD_DEVICE_ID);
    assert_true(world_said(w, "join again"));
    assert_int_equal(w->train_count, 0);
    assert_false(world_said(w, "PUT"));
    world_destroy(w);
}

/* Somebody else was first with this device's epoch key, as if it were his: READY does not fit. */
static uint8_t ready_keys[2][32];

static world_answer key_is_taken(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind != FEDL_MESSAGE_PUT || request->u.put.item != FEDL_ITEM_READY) {
        return WORLD_REPLY;
    }
    assert_true(w->counter < 2);
    const uint8_t *key = request->u.put.payload.data + FEDLI_READY_CERTS_AT +
                         FEDLI_DEVICE_CERT_BYTES + FEDLI_EPOCH_KEY_AT;
    memcpy(ready_keys[w->counter], key, 32);
    if (w->counter++ == 0) {
        reply->kind = FEDL_MESSAGE_REJECT;
        memset(&reply->u, 0, sizeof reply->u);
        reply->u.reject.code = FEDL_REJECT_MISMATCH;
    }
    return WORLD_REPLY;
}

static void a_taken_epoch_key_is_replaced(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 4096; /* READY in one part */
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->hook = key_is_taken;
    while (w->counter == 0) {
        world_run(w, 1);
    }
    world_next_attempt(w);
    world_until_done(w);
    assert_int_equal(w->counter, 2);
    assert_memory_not_equal(ready_keys[0], ready_keys[1], 32);
    world_expect_sum(w);
    world_destroy(w);
}

/* ---- bad messages ---- */

/* What is wrong about the answer to the first GET of the survivors. */
static world_answer bad_part(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind != FEDL_MESSAGE_GET || request->u.get.item != FEDL_ITEM_CERTS) {
        return WORLD_REPLY;
    }
    switch (w->counter++) {
    case 0:
        reply->u.part.item = FEDL_ITEM_ROSTER;
        return WORLD_REPLY;
    case 1:
        reply->u.part.offset = 1;
        reply->u.part.payload.size--;
        return WORLD_REPLY;
    case 2:
        reply->kind = FEDL_MESSAGE_ACCEPTED;
        memset(&reply->u, 0, sizeof reply->u);
        return WORLD_REPLY;
    default:
        return WORLD_REPLY;
    }
}

static void bad_messages_cost_the_connection_only(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->hook = bad_part;
    world_until_done(w);
    assert_int_equal(world_count(w, "log bad message"), 3);
    world_expect_sum(w);
    assert_int_equal(w->train_count, 1);
    world_destroy(w);
}

/* A server that never gets on, and never lets a poll wait. */
static world_answer no_progress(world *w, const fedl_message *request, fedl_message *reply)
{
    if (w->counter == 0 && request->kind == FEDL_MESSAGE_PUT) {
        reply->kind = FEDL_MESSAGE_ACCEPTED;
        memset(&reply->u, 0, sizeof reply->u);
    } else if (w->counter == 1 && request->kind == FEDL_MESSAGE_GET) {
        reply->kind = FEDL_MESSAGE_PART;
        memset(&reply->u, 0, sizeof reply->u);
        reply->u.part.item = request->u.get.item;
    }
    return WORLD_REPLY;
}

static void a_server_cannot_make_it_spin(void **state)
{
    (void)state;
    for (int what = 0; what < 2; what++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
        w->counter = what;
        w->hook = no_progress;
        world_run(w, 1000);
        assert_in_range(world_count(w, what == 0 ? "PUT READY" : "GET ROSTER"), 1,
                        what == 0 ? FEDLI_CLIENT_STALLS_MAX + 1u : 1u);
        assert_true(fedl_client_deadline_ns(&w->client) > w->now_ns);
        w->hook = NULL;
        world_until_done(w);
        world_expect_sum(w);
        world_destroy(w);
    }
}

static world_answer silent_roster(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)w;
    (void)reply;
    return request->kind == FEDL_MESSAGE_GET ? WORLD_SILENT : WORLD_REPLY;
}

/* The server may let a GET wait as long as the poll; only then the connection counts as lost. */
static void a_long_poll_is_waited_for(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->hook = silent_roster;
    world_run(w, 200);
    assert_true(world_said(w, "GET ROSTER"));
    /* An eighth of the step, so that a lost message does not cost the step. */
    const uint32_t step_ms = w->server.plan.secagg.step_ms;
    assert_int_equal(fedl_client_deadline_ns(&w->client),
                     w->now_ns + (fedl_instant_ns)(2u * (step_ms / 8u) + 501u) * WORLD_MS);
    world_destroy(w);
}

/* Within a step lost connections are tried again soon; not for ever, when the server is gone. */
static void a_lost_connection_does_not_cost_the_step(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->hook = silent_roster;
    world_run(w, 200);
    assert_true(world_said(w, "GET ROSTER"));
    const uint32_t step_ms = w->server.plan.secagg.step_ms;
    const fedl_instant_ns soon_ns = (fedl_instant_ns)(step_ms / 16u + 1u) * WORLD_MS;
    w->refuse_connect = true;
    world_advance(w, 100); /* the answer does not come in time */
    for (int failure = 1; failure <= 10; failure++) {
        const fedl_instant_ns pause_ns = fedl_client_deadline_ns(&w->client) - w->now_ns;
        if ((failure <= 8) != (pause_ns <= soon_ns)) {
            fail_msg("failure %d: pause of %lld ms", failure, (long long)(pause_ns / WORLD_MS));
        }
        world_advance(w, 100);
    }
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_are_answered_once),
        cmocka_unit_test(what_is_not_durable_is_not_answered),
        cmocka_unit_test(an_old_identity_takes_no_masked_task),
        cmocka_unit_test(a_taken_epoch_key_is_replaced),
        cmocka_unit_test(bad_messages_cost_the_connection_only),
        cmocka_unit_test(a_server_cannot_make_it_spin),
        cmocka_unit_test(a_long_poll_is_waited_for),
        cmocka_unit_test(a_lost_connection_does_not_cost_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
