/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of a round, as transcripts. Goal 3, at least 2, 4 chosen of 5 check-ins. */
#include "coord_world.h"

#include <stdlib.h>
#include <string.h>

static world w;

static int setup(void **state)
{
    (void)state;
    world_open(&w, NULL);
    world_join_members(&w, 5);
    assert_int_equal(world_add_task(&w, "first"), 1);
    world_transcript_clear(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void upload(device *d, uint32_t seed)
{
    uint8_t vector[4096];
    world_vector(&w, vector, seed);
    assert_true(device_got(d, FEDL_MESSAGE_TASK));
    const fedl_message_task task = d->message.u.task;
    device_upload(&w, d, vector, task.round, task.attempt);
}

/* The chosen devices, by rising id. */
static uint32_t chosen(device *list[8])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w.device_count; i++) {
        if (device_got(&w.devices[i], FEDL_MESSAGE_TASK)) {
            list[count++] = &w.devices[i];
        }
    }
    return count;
}

static void expect_transcript(const char *text)
{
    /* Connections are of no interest here. */
    char kept[sizeof w.transcript];
    size_t at = 0;
    for (const char *line = w.transcript; *line != '\0';) {
        const char *end = strchr(line, '\n') + 1;
        if (strstr(line, "connects") == NULL || strstr(line, "connects") > end) {
            memcpy(kept + at, line, (size_t)(end - line));
            at += (size_t)(end - line);
        }
        line = end;
    }
    kept[at] = '\0';
    assert_string_equal(kept, text);
}

static void a_commit_is_the_average_of_its_members(void **state)
{
    (void)state;
    int64_t weight = 0;
    uint64_t rows = 0;
    fedl_model_record record;
    w.check_sums = true;
    world_checkin_all(&w, 10000);
    for (uint32_t i = 0; i < 5; i++) {
        device *d = &w.devices[i];
        if (device_got(d, FEDL_MESSAGE_TASK)) {
            upload(d, world_seed_of(1, 1, d->id));
        }
    }
    assert_int_equal(w.commit_count, 1); /* and world_check_commit() has found it right */
    assert_int_equal(w.last_commit.member_count, 3);
    for (uint32_t m = 0; m < 3; m++) {
        const uint32_t seed = world_seed_of(1, 1, w.last_members[m]);
        weight += 1 + seed % 4;
        rows += 10u * (1u + seed % 4u) + seed % 7u;
    }
    assert_int_equal(w.store->ops->model_read(w.store, &record, 1, 2, NULL, 0, NULL, 0), FEDL_OK);
    assert_int_equal(w.last_commit.metrics.report_count, 3);
    assert_int_equal(w.last_commit.metrics.tail[FEDL_TAIL_WEIGHT], weight);
    assert_int_equal(w.last_commit.metrics.tail[FEDL_TAIL_ROWS], rows);
    assert_int_equal(w.last_commit.metrics.bytes_up, 3 * world_vector_bytes(&w));
    uint8_t digest[32];
    world_digest(&w, digest, 1);
    assert_memory_equal(digest, record.digest, 32);
}

static void a_round_from_pool_to_commit(void **state)
{
    (void)state;
    device *list[8];
    world_checkin_all(&w, 10000);
    assert_int_equal(chosen(list), 4);
    for (uint32_t i = 0; i < 5; i++) { /* the fifth is told to come back */
        if (!device_got(&w.devices[i], FEDL_MESSAGE_TASK)) {
            assert_true(device_got(&w.devices[i], FEDL_MESSAGE_WAIT));
            assert_int_equal(w.devices[i].message.u.wait.retry_after_ms, w.round.retry_ms);
            assert_false(w.devices[i].message.u.wait.has_offer);
        }
    }
    assert_int_equal(list[0]->message.u.task.deadline_ms, 10000);
    w.now_ns += 1500000000;
    device_checkin(&w, list[1], 10000); /* again, in the same attempt */
    assert_true(device_got(list[1], FEDL_MESSAGE_TASK));
    assert_int_equal(list[1]->message.u.task.deadline_ms, 8500);
    upload(list[1], 1);
    device_checkin(&w, list[1], 1000); /* it has reported: it waits */
    assert_int_equal(list[1]->answer, ANSWER_NONE);
    upload(list[0], 2);
    upload(list[3], 3);
    const fedl_message_task task = list[2]->message.u.task;
    uint8_t vector[4096];
    world_vector(&w, vector, 4);
    device_upload(&w, list[2], vector, task.round, task.attempt); /* too late to count */
    assert_true(device_rejected(list[2], FEDL_REJECT_STALE));
    expect_transcript("[  1000] task 1 round 1.1 opens, cohort 4 of 5\n"
                      "[  2500] task 1 round 1.1 report of 2, 1 of 3\n"
                      "[  2500] task 1 round 1.1 report of 1, 2 of 3\n"
                      "[  2500] task 1 round 1.1 report of 5, 3 of 3\n"
                      "[  2500] task 1 round 1.1 commits 3 reports as version 2\n"
                      "[  2500] device 3 rejected: this attempt is over\n");
    assert_int_equal(w.last_commit.metrics.duration_ms, 1500);
}

static void the_deadline_takes_what_is_there(void **state)
{
    (void)state;
    device *list[8];
    world_checkin_all(&w, 10000);
    assert_int_equal(chosen(list), 4);
    upload(list[0], 1);
    upload(list[1], 2);
    world_run_ms(&w, 9999);
    assert_int_equal(w.commit_count, 0);
    world_run_ms(&w, 1);
    expect_transcript("[  1000] task 1 round 1.1 opens, cohort 4 of 5\n"
                      "[  1000] task 1 round 1.1 report of 1, 1 of 3\n"
                      "[  1000] task 1 round 1.1 report of 2, 2 of 3\n"
                      "[ 11000] task 1 round 1.1 commits 2 reports as version 2\n");
    assert_int_equal(w.last_members[0], 1);
    assert_int_equal(w.last_members[1], 2);
}

static void too_few_reports_end_in_a_pause(void **state)
{
    (void)state;
    device *list[8];
    world_checkin_all(&w, 10000);
    assert_int_equal(chosen(list), 4);
    upload(list[0], 1);
    world_run_ms(&w, 10000);
    fedl_task_info info;
    world_task_info(&w, &info, 1);
    assert_int_equal(info.phase, FEDL_PHASE_RETRY);
    assert_int_equal(info.report_count, 0); /* what was counted is gone with the attempt */
    assert_int_equal(info.member_count, 0);
    world_run_ms(&w, 1000);
    world_checkin_all(&w, 10000);
    assert_true(device_got(list[0], FEDL_MESSAGE_TASK) || device_got(list[0], FEDL_MESSAGE_WAIT));
    world_run_ms(&w, 30000);
    expect_transcript("[  1000] task 1 round 1.1 opens, cohort 4 of 5\n"
                      "[  1000] task 1 round 1.1 report of 1, 1 of 3\n"
                      "[ 11000] task 1 round 1.1 aborts, 1 of 2: deadline\n"
                      "[ 12000] task 1 round 1.2 opens, cohort 4 of 5\n"
                      "[ 22000] task 1 round 1.2 aborts, 0 of 2: deadline\n"
                      "[ 22000] task 1 paused: too many failed attempts\n");
    world_task_info(&w, &info, 1);
    assert_int_equal(info.state, FEDL_TASK_PAUSED);
    assert_int_equal(info.phase, FEDL_PHASE_IDLE);
    /* Resumed: it goes on with attempt 3, and has two tries again. */
    const fedl_admin resume = {.kind = FEDL_ADMIN_TASK_RESUME, .task_id = 1};
    world_admin(&w, &resume);
    assert_int_equal(w.admin.status, FEDL_OK);
    world_play_round(&w, 9);
    assert_int_equal(w.version[1], 2);
    assert_non_null(strstr(w.transcript, "round 1.3 commits 3 reports as version 2"));
}

static void a_pool_may_time_out(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 20000);
    }
    world_run_ms(&w, 4000); /* the time-out passes with fewer than the goal */
    assert_int_equal(w.devices[0].answer, ANSWER_NONE);
    device_connect(&w, &w.devices[4]);
    device_checkin(&w, &w.devices[4], 20000);
    world_settle(&w);
    assert_true(device_got(&w.devices[4], FEDL_MESSAGE_TASK));
    expect_transcript("[  5000] task 1 round 1.1 opens, cohort 3 of 3\n");
}

static void a_long_poll_ends_in_time(void **state)
{
    (void)state;
    device *d = &w.devices[0];
    device_connect(&w, d);
    device_checkin(&w, d, 500);
    world_run_ms(&w, 499);
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&w, 1);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    device_checkin(&w, d, 60000); /* the server's limit is 20 s, on a grid of 128 ms */
    world_run_ms(&w, 19870);
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&w, 130);
    assert_true(device_got(d, FEDL_MESSAGE_WAIT));
}

static void who_was_told_to_come_back_soon_counts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++) { /* nobody long-polls */
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 0);
        assert_true(device_got(&w.devices[i], FEDL_MESSAGE_WAIT));
        world_run_ms(&w, 100);
    }
    assert_int_equal(w.log_counts[FEDL_LOG_ROUND_OPENED], 1);
    uint32_t tasks = 0;
    for (uint32_t i = 0; i < 5; i++) {
        device_checkin(&w, &w.devices[i], 0);
        tasks += device_got(&w.devices[i], FEDL_MESSAGE_TASK) ? 1u : 0u;
    }
    assert_int_equal(tasks, 4);
}

static void who_did_not_come_back_no_longer_counts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 0);
    }
    world_run_ms(&w, 60000);
    device_connect(&w, &w.devices[4]);
    device_checkin(&w, &w.devices[4], 10000);
    world_settle(&w);
    assert_int_equal(w.log_counts[FEDL_LOG_ROUND_OPENED], 0);
}

static void who_sleeps_for_long_does_not_count(void **state)
{
    (void)state;
    const uint32_t retries_ms[] = {5000, 5001};
    for (uint32_t k = 0; k < 2; k++) {
        fedl_task_info info;
        world_close(&w);
        world_open(&w, NULL);
        world_join_members(&w, 5);
        w.round.retry_ms = retries_ms[k];
        assert_int_equal(world_add_task(&w, "first"), 1);
        world_checkin_all(&w, 10000); /* four are chosen, one is told to come back */
        world_task_info(&w, &info, 1);
        assert_int_equal(info.phase, FEDL_PHASE_RUNNING);
        assert_int_equal(info.pool_count, 1 - k);
    }
}

static void the_choice_does_not_depend_on_who_came_first(void **state)
{
    (void)state;
    uint32_t differs = 0;
    uint32_t last_mask = 0;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        uint32_t first_mask = 0;
        for (uint32_t turn = 0; turn < 5; turn++) {
            uint32_t mask = 0;
            world_close(&w);
            world_open(&w, NULL);
            world_join_members(&w, 5);
            w.plan.run_seed = seed;
            w.round.clients_goal = 2;
            w.round.select_count = 2;
            assert_int_equal(world_add_task(&w, "first"), 1);
            for (uint32_t i = 0; i < 5; i++) {
                device *d = &w.devices[(turn % 2u == 0 ? i + turn : 9u - turn - i) % 5u];
                device_connect(&w, d);
                device_checkin(&w, d, 10000);
            }
            world_settle(&w);
            for (uint32_t i = 0; i < 5; i++) {
                mask |= device_got(&w.devices[i], FEDL_MESSAGE_TASK) ? 1u << i : 0u;
            }
            first_mask = turn == 0 ? mask : first_mask;
            assert_int_equal(mask, first_mask);
        }
        differs += first_mask != last_mask ? 1u : 0u;
        last_mask = first_mask;
    }
    assert_true(differs >= 3); /* but it does depend on the seed */
}

static void who_went_away_no_longer_counts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 10000);
    }
    device_gone(&w, &w.devices[0]); /* its connection broke */
    fedl_message fetch = {.kind = FEDL_MESSAGE_FETCH};
    fetch.u.fetch.task_id = 1;
    fetch.u.fetch.bytes_max = 256;
    device_send(&w, &w.devices[1], &fetch); /* busy with something else */
    device_connect(&w, &w.devices[4]);
    device_checkin(&w, &w.devices[4], 10000);
    fedl_task_info info;
    world_task_info(&w, &info, 1);
    assert_int_equal(info.pool_count, 3);
    assert_int_equal(info.phase, FEDL_PHASE_POOL);
    device_checkin(&w, &w.devices[1], 10000);
    device_connect(&w, &w.devices[0]);
    device_checkin(&w, &w.devices[0], 10000);
    world_task_info(&w, &info, 1);
    assert_int_equal(info.phase, FEDL_PHASE_RUNNING);
    assert_int_equal(info.member_count, 4);
}

static void revoked_and_departed_members_are_not_waited_for(void **state)
{
    (void)state;
    device *list[8];
    world_checkin_all(&w, 10000);
    assert_int_equal(chosen(list), 4);
    upload(list[0], 1);
    upload(list[1], 2);
    fedl_admin revoke = {.kind = FEDL_ADMIN_DEVICE_REVOKE, .device_id = list[0]->id};
    world_admin(&w, &revoke); /* counted already: it stays in the sum */
    revoke.device_id = list[2]->id;
    world_admin(&w, &revoke);
    assert_int_equal(w.commit_count, 0);
    fedl_message leave = {.kind = FEDL_MESSAGE_LEAVE};
    device_send(&w, list[3], &leave);
    assert_true(device_got(list[3], FEDL_MESSAGE_LEFT));
    world_settle(&w);
    assert_int_equal(w.commit_count, 1);
    assert_int_equal(w.last_commit.member_count, 2);
    assert_int_equal(w.last_members[0], list[0]->id);
}

static void nobody_left_ends_the_attempt_at_once(void **state)
{
    (void)state;
    device *list[8];
    world_checkin_all(&w, 10000);
    assert_int_equal(chosen(list), 4);
    for (uint32_t i = 0; i < 4; i++) {
        const fedl_admin revoke = {.kind = FEDL_ADMIN_DEVICE_REVOKE, .device_id = list[i]->id};
        world_admin(&w, &revoke);
    }
    world_settle(&w);
    assert_non_null(strstr(w.transcript, "round 1.1 aborts, 0 of 2: too few devices left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_is_the_average_of_its_members, setup, teardown),
        cmocka_unit_test_setup_teardown(a_round_from_pool_to_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(the_deadline_takes_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(too_few_reports_end_in_a_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pool_may_time_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_poll_ends_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(who_was_told_to_come_back_soon_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(who_did_not_come_back_no_longer_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(who_sleeps_for_long_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(the_choice_does_not_depend_on_who_came_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_went_away_no_longer_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(revoked_and_departed_members_are_not_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_left_ends_the_attempt_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
