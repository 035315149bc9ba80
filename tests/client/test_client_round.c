/* SPDX-License-Identifier: Apache-2.0 */
/* Whole rounds: what is fetched, trained, sent, kept and sent again. */
#include "cmocka_all.h"

#include "base/cursor.h"
#include "device_world.h"

#include <string.h>

static uint64_t tail_word(const world_server *s, fedl_tail_word word)
{
    return fedli_load_u64(s->vector + s->vector_size - FEDL_TAIL_WORDS * 8u + 8u * (size_t)word);
}

static void first_round_reads_like_this(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_run(w, 100);
    assert_string_equal(w->transcript, "log connected status 0 a 0 b 0 round 0.0\n"
                                       "device > CHECKIN 0\n"
                                       "log task status 0 a 0 b 0 round 1.1\n"
                                       "device > FETCH 0\n"
                                       "device > FETCH 256\n"
                                       "device > FETCH 512\n"
                                       "log fetched status 0 a 1 b 760 round 1.1\n"
                                       "host stores progress\n"
                                       "host gets model 1\n"
                                       "host trains round 1\n"
                                       "log trained status 0 a 12 b 78686 round 1.1\n"
                                       "device > UPLOAD 0\n"
                                       "device > UPLOAD 256\n"
                                       "device > UPLOAD 512\n"
                                       "log uploaded status 0 a 768 b 0 round 1.1\n"
                                       "device > CHECKIN 0\n"
                                       "log waiting status 0 a 500 b 0 round 1.1\n");
    uint8_t expected[4096];
    const size_t size = world_expected_vector(w, expected);
    assert_int_equal(w->server.vector_size, size);
    assert_memory_equal(w->server.vector, expected, size);
    assert_int_equal(tail_word(&w->server, FEDL_TAIL_ROWS), WORLD_ROWS);
    assert_int_equal(tail_word(&w->server, FEDL_TAIL_LOSS_Q16) / WORLD_ROWS, 78686);
    assert_int_equal(tail_word(&w->server, FEDL_TAIL_EVAL_ROWS), WORLD_EVAL_ROWS);
    assert_int_equal(w->stored_progress_bytes, 78); /* format 4, one task */
    assert_int_equal(w->stored_progress[0], 4);
    assert_int_equal(w->stored_progress[1], 1);
    assert_int_equal(fedli_load_u32(w->stored_progress + 14), WORLD_TASK_ID);
    assert_int_equal(fedli_load_u32(w->stored_progress + 18), 1);
    assert_memory_equal(w->stored_progress + 22, w->server.manifest.digest, 32);
    assert_int_equal(fedl_client_deadline_ns(&w->client), w->now_ns + 500 * WORLD_MS);
    world_destroy(w);
}

static void rounds_follow_each_other(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    for (uint32_t round = 1; round <= 3; round++) {
        uint8_t expected[4096];
        world_advance(w, 100);
        const size_t size = world_expected_vector(w, expected);
        assert_true(w->server.reported);
        assert_memory_equal(w->server.vector, expected, size);
        world_publish(w);
    }
    assert_int_equal(w->train_count, 3);
    assert_int_equal(w->ready_count, 3);
    assert_int_equal(w->hello_count, 1);
    world_destroy(w);
}

static void new_attempt_sends_the_same_bytes_without_training(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    uint8_t first[4096];
    world_run(w, 100);
    memcpy(first, w->server.vector, w->server.vector_size);
    const size_t size = w->server.vector_size;
    w->server.attempt = 2;
    w->server.reported = false;
    w->server.vector_size = 0;
    memset(w->server.vector, 0, sizeof w->server.vector);
    world_forget(w);
    world_advance(w, 100);
    assert_true(w->server.reported);
    assert_int_equal(w->server.vector_size, size);
    assert_memory_equal(w->server.vector, first, size);
    assert_int_equal(w->train_count, 1);
    assert_true(world_said(w, "log uploaded status 0 a 768 b 1 round 1.2"));
    assert_false(world_said(w, "FETCH"));

    /* Another plan for the same round and weights is another update. */
    w->server.plan.train.local_epochs = 3;
    world_sign(w);
    w->server.attempt = 3;
    w->server.reported = false;
    w->server.vector_size = 0;
    world_advance(w, 100);
    assert_int_equal(w->train_count, 2);
    assert_memory_not_equal(w->server.vector, first, size);
    world_destroy(w);
}

static void offered_model_is_fetched_and_announced_only(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->server.offer_only = true;
    world_run(w, 100);
    assert_int_equal(w->ready_count, 1);
    assert_int_equal(w->train_count, 0);
    /* Now a round on that very model: no second download. */
    w->server.offer_only = false;
    world_forget(w);
    world_advance(w, 100);
    assert_int_equal(w->train_count, 1);
    assert_int_equal(w->ready_count, 1);
    assert_false(world_said(w, "FETCH"));
    assert_true(w->server.reported);
    world_destroy(w);
}

/* What the device says it has: have_task_id and digest. */
static world_answer remember_have(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)reply;
    if (request->kind == FEDL_MESSAGE_CHECKIN) {
        const bool has = request->u.checkin.have_task_id == WORLD_TASK_ID &&
                         memcmp(request->u.checkin.have_digest, w->server.manifest.digest, 32) == 0;
        w->counter = has ? 2 : request->u.checkin.have_task_id == 0 ? 1 : 0;
        assert_int_equal(request->u.checkin.library_version, FEDL_LIBRARY_VERSION);
        assert_int_equal(request->u.checkin.wait_ms_max, w->cfg.poll_ms);
    }
    return WORLD_REPLY;
}

static void checkin_tells_what_the_device_holds(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = remember_have;
    w->server.idle = true;
    world_run(w, 100);
    assert_int_equal(w->counter, 1);
    w->server.idle = false;
    world_advance(w, 100);
    assert_int_equal(w->counter, 2);
    world_destroy(w);
}

static void restart_refuses_older_versions_only(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_run(w, 100);
    w->server.reported = false;
    w->server.vector_size = 0;
    world_forget(w);
    world_power_cut(w);
    world_run(w, 100);
    assert_true(w->server.reported); /* the same version again is fine, and is not stored again */
    assert_false(world_said(w, "host stores"));
    world_destroy(w);
}

static void leave_ends_with_done(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_LEAVE);
    world_run(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_OK);
    assert_true(world_said(w, "device > LEAVE"));
    assert_int_equal(fedl_client_deadline_ns(&w->client), FEDL_NEVER_NS);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_round_reads_like_this),
        cmocka_unit_test(rounds_follow_each_other),
        cmocka_unit_test(new_attempt_sends_the_same_bytes_without_training),
        cmocka_unit_test(offered_model_is_fetched_and_announced_only),
        cmocka_unit_test(checkin_tells_what_the_device_holds),
        cmocka_unit_test(restart_refuses_older_versions_only),
        cmocka_unit_test(leave_ends_with_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
