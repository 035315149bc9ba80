/* SPDX-License-Identifier: Apache-2.0 */
/* Every reject code in answer to every request. */
#include "cmocka_all.h"

#include "device_world.h"

#include <stdio.h>
#include <string.h>

static fedl_message_kind reject_request;
static fedl_reject_code reject_code;
static uint32_t reject_retry_ms;

static world_answer reject_once(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind != reject_request || w->counter++ > 0) {
        return WORLD_REPLY;
    }
    const uint64_t id = reply->request_id;
    if (request->kind == FEDL_MESSAGE_UPLOAD) {
        w->server.vector_size = 0;
        w->server.reported = false;
    }
    memset(reply, 0, sizeof *reply);
    reply->kind = FEDL_MESSAGE_REJECT;
    reply->request_id = id;
    reply->u.reject.code = reject_code;
    reply->u.reject.retry_after_ms = reject_retry_ms;
    reply->u.reject.text = fedl_bytes_of("because", 7);
    return WORLD_REPLY;
}

static world *rejected(fedl_message_kind request, fedl_reject_code code, uint32_t retry_ms)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    reject_request = request;
    reject_code = code;
    reject_retry_ms = retry_ms;
    w->hook = reject_once;
    world_run(w, 100);
    return w;
}

static void every_code_of_every_request_is_recovered_from(void **state)
{
    (void)state;
    const fedl_message_kind requests[] = {FEDL_MESSAGE_CHECKIN, FEDL_MESSAGE_FETCH,
                                          FEDL_MESSAGE_UPLOAD};
    for (size_t r = 0; r < 3; r++) {
        for (int code = FEDL_REJECT_VERSION; code <= FEDL_REJECT_TOKEN; code++) {
            world *w = rejected(requests[r], (fedl_reject_code)code, 0);
            char line[64];
            (void)snprintf(line, sizeof line, "log rejected status 0 a %d b 0", code);
            assert_true(world_said(w, line));
            assert_true(world_said(w, "because"));
            for (int i = 0; i < 10 && !w->server.reported; i++) {
                world_advance(w, 100);
            }
            assert_true(w->server.reported);
            world_destroy(w);
        }
    }
}

static void busy_upload_waits_and_goes_on(void **state)
{
    (void)state;
    world *w = rejected(FEDL_MESSAGE_UPLOAD, FEDL_REJECT_BUSY, 1234);
    assert_int_equal(fedl_client_deadline_ns(&w->client), w->now_ns + 1234 * WORLD_MS);
    world_advance(w, 100);
    assert_true(w->server.reported);
    assert_int_equal(w->train_count, 1);
    assert_int_equal(world_count(w, "CHECKIN"), 2); /* before and after, not between */
    world_destroy(w);
}

static void stale_upload_checks_in_and_keeps_the_update(void **state)
{
    (void)state;
    world *w = rejected(FEDL_MESSAGE_UPLOAD, FEDL_REJECT_STALE, 0);
    assert_true(w->server.reported); /* the next TASK was for the same round: sent again at once */
    assert_int_equal(w->train_count, 1);
    assert_int_equal(world_count(w, "CHECKIN"), 3);
    world_destroy(w);
}

static void mismatch_drops_task_and_update(void **state)
{
    (void)state;
    world *w = rejected(FEDL_MESSAGE_UPLOAD, FEDL_REJECT_MISMATCH, 0);
    assert_null(w->task_block);
    world_advance(w, 100);
    assert_true(w->server.reported);
    assert_int_equal(w->train_count, 2); /* everything anew */
    assert_int_equal(world_count(w, "FETCH"), 6);
    world_destroy(w);
}

static void unknown_version_is_asked_about_rarely(void **state)
{
    (void)state;
    world *w = rejected(FEDL_MESSAGE_CHECKIN, FEDL_REJECT_VERSION, 0);
    assert_int_equal(fedl_client_deadline_ns(&w->client),
                     w->now_ns + (fedl_instant_ns)w->cfg.backoff_ms_max * WORLD_MS);
    world_destroy(w);
}

static world_answer always_stale(world *w, const fedl_message *request, fedl_message *reply)
{
    w->counter = 0;
    return request->kind == FEDL_MESSAGE_UPLOAD ? reject_once(w, request, reply) : WORLD_REPLY;
}

static void server_that_calls_all_stale_cannot_make_it_spin(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    reject_request = FEDL_MESSAGE_UPLOAD;
    reject_code = FEDL_REJECT_STALE;
    reject_retry_ms = 0;
    w->hook = always_stale;
    world_run(w, 1000);
    assert_true(world_count(w, "UPLOAD") <= 3);
    assert_true(fedl_client_deadline_ns(&w->client) > w->now_ns);
    world_destroy(w);
}

static void leave_is_tried_again_when_busy(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_LEAVE);
    reject_request = FEDL_MESSAGE_LEAVE;
    reject_code = FEDL_REJECT_BUSY;
    reject_retry_ms = 50;
    w->hook = reject_once;
    world_run(w, 100);
    assert_false(w->done);
    world_advance(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_OK);
    world_destroy(w);
}

static void leave_of_an_unknown_device_ends(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_LEAVE);
    w->refuse_hello = true;
    for (uint32_t tries = 1; tries <= 3; tries++) {
        assert_false(w->done); /* anybody on the way could have said so */
        world_advance(w, 100);
        assert_int_equal(world_count(w, "log refused"), tries);
    }
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_ERR_AUTH);
    world_destroy(w);
}

static void leave_survives_a_forged_refusal(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_LEAVE);
    w->refuse_hello = true;
    world_run(w, 100);
    world_advance(w, 100);
    w->refuse_hello = false;
    world_advance(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_OK);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_of_every_request_is_recovered_from),
        cmocka_unit_test(busy_upload_waits_and_goes_on),
        cmocka_unit_test(stale_upload_checks_in_and_keeps_the_update),
        cmocka_unit_test(mismatch_drops_task_and_update),
        cmocka_unit_test(unknown_version_is_asked_about_rarely),
        cmocka_unit_test(server_that_calls_all_stale_cannot_make_it_spin),
        cmocka_unit_test(leave_is_tried_again_when_busy),
        cmocka_unit_test(leave_of_an_unknown_device_ends),
        cmocka_unit_test(leave_survives_a_forged_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
