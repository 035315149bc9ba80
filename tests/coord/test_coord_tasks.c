/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks side by side, the operator's hand on them, finished models, fetching. */
#include "coord_world.h"

#include <string.h>

static world w;

static int setup(void **state)
{
    (void)state;
    world_open(&w, NULL);
    world_join_members(&w, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static fedl_status command(fedl_admin_kind kind, uint32_t task_id)
{
    const fedl_admin admin = {.kind = kind, .task_id = task_id};
    world_admin(&w, &admin);
    return w.admin_answered ? w.admin.status : FEDL_ERR_TIMEOUT;
}

static fedl_round_phase phase(uint32_t task_id)
{
    fedl_task_info info;
    world_task_info(&w, &info, task_id);
    return info.phase;
}

/* Every device with a TASK reports; then all check in again over their sessions. */
static void report_and_return(uint32_t seed)
{
    uint8_t vector[4096];
    for (uint32_t i = 0; i < w.device_count; i++) {
        device *d = &w.devices[i];
        if (device_got(d, FEDL_MESSAGE_TASK)) {
            const fedl_message_task task = d->message.u.task;
            d->task_id = task.task_id;
            world_vector(&w, vector, seed + d->id);
            device_upload(&w, d, vector, task.round, task.attempt);
        }
        if (d->answer != ANSWER_NONE) {
            device_checkin(&w, d, 5000);
        }
    }
    world_settle(&w);
}

static void two_tasks_take_turns(void **state)
{
    (void)state;
    w.round.pool_min = 5;
    assert_int_equal(world_add_task(&w, "one"), 1);
    assert_int_equal(world_add_task(&w, "two"), 2);
    world_checkin_all(&w, 5000);
    for (uint32_t i = 0; i < 200 && (w.version[1] < 4 || w.version[2] < 4); i++) {
        report_and_return(i);
        world_run_ms(&w, 200);
    }
    assert_int_equal(w.version[1], 4);
    assert_int_equal(w.version[2], 4);
    fedl_task_info info;
    for (uint32_t id = 1; id <= 2; id++) {
        world_task_info(&w, &info, id);
        assert_int_equal(info.state, FEDL_TASK_COMPLETE);
        assert_int_equal(info.round, info.round_count); /* the last one, not one more */
    }
    /* Neither starved: the second round of each came before the third of the other. */
    const char *one = strstr(w.transcript, "task 1 round 3.1 commits");
    const char *two = strstr(w.transcript, "task 2 round 2.1 commits");
    assert_non_null(one);
    assert_non_null(two);
    assert_true(two < one);
}

static void a_reported_member_serves_the_next_task(void **state)
{
    (void)state;
    uint8_t vector[4096];
    w.round.pool_min = 4;
    assert_int_equal(world_add_task(&w, "one"), 1);
    w.round.clients_goal = 1;
    w.round.reports_min = 1;
    w.round.select_count = 1;
    w.round.pool_min = 1;
    for (uint32_t i = 0; i < 4; i++) { /* all four are chosen */
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 5000);
    }
    world_settle(&w);
    assert_int_equal(world_add_task(&w, "two"), 2);
    device *d = &w.devices[2];
    device_checkin(&w, d, 5000);
    assert_true(device_got(d, FEDL_MESSAGE_TASK)); /* its first duty is still task 1 */
    assert_int_equal(d->message.u.task.task_id, 1);
    assert_int_equal(phase(2), FEDL_PHASE_POOL);
    world_vector(&w, vector, 1);
    device_upload(&w, d, vector, 1, 1);
    assert_int_equal(phase(2), FEDL_PHASE_POOL);
    device_checkin(&w, d, 5000);
    world_settle(&w);
    assert_true(device_got(d, FEDL_MESSAGE_TASK));
    assert_int_equal(d->message.u.task.task_id, 2);
    assert_int_equal(phase(1), FEDL_PHASE_RUNNING);
}

/* A step has room for a few large TASKs only: the rest is woken in the steps after it. */
static void many_members_are_woken_in_portions(void **state)
{
    (void)state;
    static uint8_t data[FEDL_PLAN_DATA_BYTES_MAX];
    memset(data, 'x', sizeof data);
    data[sizeof data - 1] = '\n';
    world_join_members(&w, WORLD_DEVICES_MAX - 5u);
    w.plan.data = fedl_bytes_of(data, sizeof data);
    w.plan.update.clients_max = WORLD_DEVICES_MAX;
    w.plan.update.ring_bits = 32;
    w.round.clients_goal = WORLD_DEVICES_MAX;
    w.round.select_count = WORLD_DEVICES_MAX;
    w.round.pool_min = WORLD_DEVICES_MAX;
    assert_int_equal(world_add_task(&w, "one"), 1);
    w.hold = true;
    for (uint32_t i = 0; i < WORLD_DEVICES_MAX; i++) {
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 15000);
    }
    world_store_one(&w);
    uint32_t steps = 1;
    for (uint32_t woken = 0; woken < WORLD_DEVICES_MAX; steps++) {
        woken = 0;
        for (uint32_t i = 0; i < WORLD_DEVICES_MAX; i++) {
            woken += device_got(&w.devices[i], FEDL_MESSAGE_TASK) ? 1u : 0u;
        }
        assert_true(woken > 0);
        if (woken < WORLD_DEVICES_MAX) {
            assert_true(fedl_coord_deadline_ns(&w.coord) <= w.now_ns);
            world_tick(&w);
        }
    }
    assert_true(steps > 3 && steps < WORLD_DEVICES_MAX);
    assert_true(fedl_coord_deadline_ns(&w.coord) > w.now_ns);
}

static void pausing_ends_the_attempt_in_any_phase(void **state)
{
    (void)state;
    assert_int_equal(world_add_task(&w, "one"), 1);
    assert_int_equal(phase(1), FEDL_PHASE_POOL);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_OK); /* POOL */
    assert_int_equal(phase(1), FEDL_PHASE_IDLE);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_ERR_STATE);
    assert_int_equal(command(FEDL_ADMIN_TASK_RESUME, 1), FEDL_OK);

    w.hold = true;
    world_checkin_all(&w, 15000); /* OPENING */
    assert_int_equal(phase(1), FEDL_PHASE_OPENING);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_ERR_TIMEOUT);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_ERR_BUSY);
    world_store_all(&w);
    assert_int_equal(phase(1), FEDL_PHASE_IDLE);
    assert_int_equal(w.admin.status, FEDL_OK);
    for (uint32_t i = 0; i < 5; i++) {
        assert_false(device_got(&w.devices[i], FEDL_MESSAGE_TASK));
    }
    w.hold = false;
    assert_int_equal(command(FEDL_ADMIN_TASK_RESUME, 1), FEDL_OK);
    assert_int_equal(phase(1), FEDL_PHASE_RUNNING); /* those who were chosen still wait: at once */
    world_checkin_all(&w, 15000);
    assert_int_equal(phase(1), FEDL_PHASE_RUNNING);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_OK); /* RUNNING */
    assert_int_equal(phase(1), FEDL_PHASE_IDLE);
    assert_int_equal(command(FEDL_ADMIN_TASK_RESUME, 1), FEDL_OK);

    world_checkin_all(&w, 15000);
    world_run_ms(&w, 10000);
    assert_int_equal(phase(1), FEDL_PHASE_RETRY);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_OK); /* RETRY */
    assert_int_equal(phase(1), FEDL_PHASE_IDLE);
    assert_int_equal(command(FEDL_ADMIN_TASK_RESUME, 1), FEDL_OK);

    world_checkin_all(&w, 15000);
    w.hold = true;
    world_run_ms(&w, 10000);
    assert_int_equal(phase(1), FEDL_PHASE_ABORTING);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_ERR_TIMEOUT); /* ABORTING */
    world_store_all(&w);
    assert_int_equal(w.admin.status, FEDL_OK);
    assert_int_equal(phase(1), FEDL_PHASE_IDLE);
    assert_int_equal(w.version[1], 1);
}

static void a_pause_does_not_lose_a_commit(void **state)
{
    (void)state;
    assert_int_equal(world_add_task(&w, "one"), 1);
    world_checkin_all(&w, 15000);
    w.hold = true;
    report_and_return(3);
    assert_int_equal(phase(1), FEDL_PHASE_COMMITTING);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_ERR_TIMEOUT);
    world_store_all(&w);
    assert_int_equal(w.admin.status, FEDL_OK);
    assert_int_equal(w.version[1], 2);
    assert_int_equal(phase(1), FEDL_PHASE_IDLE);

    /* In the last round the task completes instead. */
    w.hold = false;
    assert_int_equal(command(FEDL_ADMIN_TASK_RESUME, 1), FEDL_OK);
    world_play_round(&w, 1);
    world_checkin_all(&w, 15000);
    w.hold = true;
    report_and_return(3);
    assert_int_equal(command(FEDL_ADMIN_TASK_PAUSE, 1), FEDL_ERR_TIMEOUT);
    world_store_all(&w);
    assert_int_equal(w.admin.status, FEDL_ERR_STATE);
    fedl_task_info info;
    world_task_info(&w, &info, 1);
    assert_int_equal(info.state, FEDL_TASK_COMPLETE);
    assert_int_equal(info.version, 4);
}

static void fetch(device *d, const uint8_t digest[32], uint64_t offset, uint32_t bytes_max)
{
    fedl_message message = {.kind = FEDL_MESSAGE_FETCH};
    message.u.fetch.task_id = 1;
    message.u.fetch.offset = offset;
    message.u.fetch.bytes_max = bytes_max;
    memcpy(message.u.fetch.digest, digest, 32);
    device_send(&w, d, &message);
}

static void a_finished_model_is_offered_until_it_is_there(void **state)
{
    (void)state;
    w.round.round_count = 1;
    assert_int_equal(world_add_task(&w, "one"), 1);
    world_checkin_all(&w, 15000);
    /* Some wait already when the task completes; they are told at once. */
    report_and_return(1);
    uint8_t digest[32];
    world_digest(&w, digest, 1);
    uint32_t offered = 0;
    for (uint32_t i = 0; i < 5; i++) {
        offered +=
            device_got(&w.devices[i], FEDL_MESSAGE_WAIT) && w.devices[i].message.u.wait.has_offer
                ? 1u
                : 0u;
    }
    assert_true(offered >= 3);
    device *d = &w.devices[0];
    device_connect(&w, d);
    device_checkin(&w, d, 5000);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    assert_true(d->message.u.wait.has_offer);

    device_checkin(&w, d, 5000); /* it does not want it: no flood of offers */
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&w, 5000);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    assert_true(d->message.u.wait.has_offer);

    uint8_t container[8192];
    size_t have = 0;
    for (;;) {
        fetch(d, digest, have, 256);
        assert_true(device_got(d, FEDL_MESSAGE_CHUNK));
        const fedl_message_chunk *chunk = &d->message.u.chunk;
        assert_int_equal(chunk->offset, have);
        memcpy(container + have, chunk->payload.data, chunk->payload.size);
        have += chunk->payload.size;
        if (have == chunk->total_bytes) {
            break;
        }
        assert_int_equal(chunk->payload.size, 256);
    }
    uint8_t got[32];
    fedl_digest(w.crypto, got, container, have);
    assert_memory_equal(got, digest, 32);

    d->have_task_id = 1;
    memcpy(d->have_digest, digest, 32);
    device_checkin(&w, d, 5000); /* it has it: nothing to say */
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&w, 5000);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    assert_false(d->message.u.wait.has_offer);
}

static void only_the_newest_model_can_be_fetched(void **state)
{
    (void)state;
    uint8_t old[32];
    assert_int_equal(world_add_task(&w, "one"), 1);
    world_digest(&w, old, 1);
    device *d = &w.devices[0];
    world_checkin_all(&w, 15000);
    fetch(d, old, 0, 60000);
    assert_true(device_got(d, FEDL_MESSAGE_CHUNK));
    fetch(d, old, 1u << 20, 256);
    assert_true(device_rejected(d, FEDL_REJECT_MISMATCH));
    uint8_t wrong[32] = {1};
    fetch(d, wrong, 0, 256);
    assert_true(device_rejected(d, FEDL_REJECT_NOT_FOUND));
    /* While the next version is being stored neither can be had. */
    w.hold = true;
    device_checkin(&w, d, 0);
    report_and_return(1);
    assert_int_equal(phase(1), FEDL_PHASE_COMMITTING);
    fetch(d, old, 0, 256);
    assert_true(device_rejected(d, FEDL_REJECT_BUSY));
    fetch(d, w.stores[0].op->model.digest, 0, 256);
    assert_true(device_rejected(d, FEDL_REJECT_NOT_FOUND));
    uint8_t now[32];
    world_digest(&w, now, 1);
    assert_memory_equal(now, old, 32);
    world_store_all(&w);
    fetch(d, old, 0, 256);
    assert_true(device_rejected(d, FEDL_REJECT_NOT_FOUND));
    world_digest(&w, now, 1);
    fetch(d, now, 0, 256);
    assert_true(device_got(d, FEDL_MESSAGE_CHUNK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_tasks_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reported_member_serves_the_next_task, setup, teardown),
        cmocka_unit_test_setup_teardown(many_members_are_woken_in_portions, setup, teardown),
        cmocka_unit_test_setup_teardown(pausing_ends_the_attempt_in_any_phase, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_does_not_lose_a_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_finished_model_is_offered_until_it_is_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_the_newest_model_can_be_fetched, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
