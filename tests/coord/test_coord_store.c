/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One story, told again and again: four devices join, two rounds with a pause between them, one
 * device leaves, one is revoked, a last round. Each time another store op fails, or the server dies
 * before or after it. Whatever happens, the story ends with the same models.
 */
#include "coord_world.h"

#include <string.h>

#define PATIENCE 60u

static world w;

static void join_all(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        device *d = world_new_device(&w);
        for (uint32_t tries = 0; d->id == 0; tries++) {
            assert_true(tries < PATIENCE);
            if (w.token[0] != '\0' || world_add_device(&w) != 0) {
                device_enrol(&w, d, w.token);
                d->id = device_got(d, FEDL_MESSAGE_ENROLLED) ? d->message.u.enrolled.device_id : 0;
            }
        }
        w.token[0] = '\0';
    }
}

/* Plays until version is stored. Vectors go by place, not by id: a failed op may burn an id. */
static void play_until(uint32_t version)
{
    uint8_t vector[4096];
    for (uint32_t tries = 0; w.version[1] < version; tries++) {
        assert_true(tries < PATIENCE);
        world_checkin_all(&w, 10000);
        for (uint32_t i = 0; i < w.device_count; i++) {
            device *d = &w.devices[i];
            if (device_got(d, FEDL_MESSAGE_TASK)) {
                const fedl_message_task task = d->message.u.task;
                world_vector(&w, vector, 10u * task.round + i);
                device_upload(&w, d, vector, task.round, task.attempt);
            }
        }
        world_run_ms(&w, 2500);
    }
}

static void bring_to(fedl_admin_kind kind, fedl_task_state state)
{
    const fedl_admin admin = {.kind = kind, .task_id = 1};
    for (uint32_t tries = 0;; tries++) {
        fedl_task_info info;
        assert_true(tries < PATIENCE);
        world_task_info(&w, &info, 1);
        if (info.state == state) {
            return;
        }
        world_admin(&w, &admin);
        world_run_ms(&w, 2500);
    }
}

static fedl_device_state state_of(uint32_t device_id)
{
    fedl_device_info info;
    for (uint32_t i = 0; i < fedl_coord_device_count(&w.coord); i++) {
        fedl_coord_device_at(&w.coord, &info, i);
        if (info.record->device_id == device_id) {
            return info.record->state;
        }
    }
    return (fedl_device_state)0;
}

static void leave(device *d)
{
    fedl_message message = {.kind = FEDL_MESSAGE_LEAVE};
    for (uint32_t tries = 0; state_of(d->id) != FEDL_DEVICE_LEFT; tries++) {
        assert_true(tries < PATIENCE);
        device_connect(&w, d);
        device_send(&w, d, &message);
    }
    d->id = 0;
}

static void revoke(device *d)
{
    const fedl_admin admin = {.kind = FEDL_ADMIN_DEVICE_REVOKE, .device_id = d->id};
    do {
        world_admin(&w, &admin);
    } while (!w.admin_answered || w.admin.status != FEDL_OK);
    d->id = 0;
}

static void tell_the_story(uint8_t digests[2][32])
{
    w.round.clients_goal = 4;
    w.round.reports_min = 4;
    w.round.pool_min = 4;
    w.round.pool_timeout_ms = 0;
    w.round.deadline_ms = 2000;
    w.round.attempt_max = 100;
    join_all(5);
    w.devices[4].id = 0; /* it stays away */
    for (uint32_t tries = 0; w.version[1] == 0; tries++) {
        assert_true(tries < PATIENCE);
        const uint32_t id = world_add_task(&w, "first");
        assert_true(id <= 2);
        if (id == 2) { /* the first number was burnt: the checks below speak of task 1 */
            return;
        }
    }
    play_until(2);
    world_digest(&w, digests[0], 1);
    bring_to(FEDL_ADMIN_TASK_PAUSE, FEDL_TASK_PAUSED);
    bring_to(FEDL_ADMIN_TASK_RESUME, FEDL_TASK_RUNNING);
    play_until(4);
    world_run_ms(&w, 3000);
    world_digest(&w, digests[1], 1);
    fedl_task_info info;
    world_task_info(&w, &info, 1);
    assert_int_equal(info.state, FEDL_TASK_COMPLETE);
    leave(&w.devices[1]);
    revoke(&w.devices[2]);
    /* What is shown is what the store holds, and it holds to the next start. */
    world_restart(&w);
    uint8_t again[32];
    world_digest(&w, again, 1);
    assert_memory_equal(again, digests[1], 32);
    device_hello(&w, &w.devices[1]);
    assert_int_equal(w.devices[1].answer, ANSWER_REFUSED);
    device_hello(&w, &w.devices[2]);
    assert_int_equal(w.devices[2].answer, ANSWER_REFUSED);
}

static uint64_t undisturbed(uint8_t digests[2][32])
{
    world_open(&w, NULL);
    tell_the_story(digests);
    const uint64_t count = w.store_serial;
    world_close(&w);
    return count;
}

static void every_op_may_fail_once(void **state)
{
    (void)state;
    uint8_t expected[2][32];
    const uint64_t count = undisturbed(expected);
    assert_true(count >= 20);
    uint32_t same = 0;
    for (uint64_t n = 1; n <= count; n++) {
        uint8_t digests[2][32] = {{0}};
        world_open(&w, NULL);
        w.store_fail_at = n;
        tell_the_story(digests);
        assert_int_equal(w.log_counts[FEDL_LOG_STORE_FAILED], 1);
        same += memcmp(digests, expected, sizeof digests) == 0 ? 1u : 0u;
        world_close(&w);
    }
    assert_int_equal(same, count - 1); /* all but the one whose task has another number */
}

static void crash_everywhere(bool applied)
{
    uint8_t expected[2][32];
    const uint64_t count = undisturbed(expected);
    uint32_t same = 0;
    for (uint64_t n = 1; n <= count; n++) {
        uint8_t digests[2][32] = {{0}};
        world_open(&w, NULL);
        w.crash_at = n;
        w.crash_applied = applied;
        tell_the_story(digests);
        same += memcmp(digests, expected, sizeof digests) == 0 ? 1u : 0u;
        world_close(&w);
    }
    assert_int_equal(same, count);
}

static void the_server_may_die_before_any_op(void **state)
{
    (void)state;
    crash_everywhere(false);
}

static void the_server_may_die_after_any_op(void **state)
{
    (void)state;
    crash_everywhere(true);
}

static void a_new_start_is_a_new_attempt(void **state)
{
    (void)state;
    world_open(&w, NULL);
    world_join_members(&w, 5);
    assert_int_equal(world_add_task(&w, "first"), 1);
    for (uint32_t attempt = 1; attempt <= 4; attempt++) { /* attempt_max is 2: dying is free */
        uint8_t vector[4096];
        world_checkin_all(&w, 10000);
        uint32_t member = 0;
        while (!device_got(&w.devices[member], FEDL_MESSAGE_TASK)) {
            member++;
        }
        device *d = &w.devices[member];
        assert_int_equal(d->message.u.task.attempt, attempt);
        assert_int_equal(d->message.u.task.round, 1);
        world_vector(&w, vector, 1);
        device_upload(&w, d, vector, 1, attempt);
        assert_true(d->message.u.accepted.complete);
        world_restart(&w);
        /* What was counted is forgotten with the attempt. */
        device_connect(&w, d);
        device_upload(&w, d, vector, 1, attempt);
        assert_true(device_rejected(d, FEDL_REJECT_STALE));
        fedl_task_info info;
        world_task_info(&w, &info, 1);
        assert_int_equal(info.report_count, 0);
        assert_int_equal(info.phase, FEDL_PHASE_POOL);
    }
    world_close(&w);
}

static void nothing_is_shown_while_the_store_is_silent(void **state)
{
    (void)state;
    uint8_t vector[4096];
    uint8_t old[32];
    uint8_t now[32];
    world_open(&w, NULL);
    world_join_members(&w, 5);
    assert_int_equal(world_add_task(&w, "first"), 1);
    world_digest(&w, old, 1);
    w.hold = true;
    world_checkin_all(&w, 10000);
    assert_int_equal(w.store_count, 1);
    for (uint32_t i = 0; i < 5; i++) { /* those who were chosen do not know yet */
        assert_false(device_got(&w.devices[i], FEDL_MESSAGE_TASK));
    }
    world_store_one(&w);
    world_settle(&w);
    for (uint32_t i = 0; i < 5; i++) {
        device *d = &w.devices[i];
        if (device_got(d, FEDL_MESSAGE_TASK)) {
            world_vector(&w, vector, i);
            device_upload(&w, d, vector, 1, 1);
            device_checkin(&w, d, 20000);
        }
    }
    assert_int_equal(w.stores[0].op->kind, FEDL_STORE_COMMIT);
    const uint64_t refusing = w.store_serial;
    for (uint32_t i = 0; i < 4; i++) { /* it fails again and again: the commit stays the same */
        w.store_fail_at = refusing + 1u + i;
        world_store_one(&w);
        world_digest(&w, now, 1);
        assert_memory_equal(now, old, 32);
        assert_int_equal(w.store_count, 0);
        world_run_ms(&w, 1000);
        assert_int_equal(w.store_count, 1);
        assert_int_equal(w.stores[0].op->kind, FEDL_STORE_COMMIT);
    }
    world_store_one(&w);
    world_digest(&w, now, 1);
    assert_memory_not_equal(now, old, 32);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_may_fail_once),
        cmocka_unit_test(the_server_may_die_before_any_op),
        cmocka_unit_test(the_server_may_die_after_any_op),
        cmocka_unit_test(a_new_start_is_a_new_attempt),
        cmocka_unit_test(nothing_is_shown_while_the_store_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
