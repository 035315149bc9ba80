/* SPDX-License-Identifier: Apache-2.0 */
/* No way back: what a device has accepted of one task holds whatever else it was offered since. */
#include "cmocka_all.h"

#include "device_world.h"

#include <stdio.h>
#include <string.h>

#define TASK_B (WORLD_TASK_ID + 1u)

/* The server offers this version of this task; other_bytes: not the weights it had before. */
static void offer(world *w, uint32_t task_id, uint32_t version, bool other_bytes)
{
    if (other_bytes) {
        world_publish(w);
    }
    w->server.manifest.task_id = task_id;
    w->server.manifest.version = version;
    w->server.reported = false;
    w->server.vector_size = 0;
    world_sign(w);
    world_forget(w);
    world_advance(w, 200);
}

static void took(world *w, uint32_t task_id, uint32_t version, bool other_bytes)
{
    offer(w, task_id, version, other_bytes);
    for (uint32_t i = 0; i < 4 && !w->server.reported; i++) {
        world_advance(w, 200);
    }
    assert_true(w->server.reported);
}

static void refused(world *w, uint32_t task_id, uint32_t version, bool other_bytes,
                    fedl_status status)
{
    char expected[64];
    const uint32_t trained = w->train_count;
    (void)snprintf(expected, sizeof expected, "log task refused status %d", (int)status);
    offer(w, task_id, version, other_bytes);
    assert_true(world_said(w, expected));
    assert_int_equal(w->train_count, trained);
    assert_false(w->server.reported);
    assert_false(world_said(w, "host stores"));
}

static void no_other_task_opens_the_way_back(void **state)
{
    (void)state;
    for (int power_cut = 0; power_cut < 2; power_cut++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        took(w, WORLD_TASK_ID, 5, true);
        took(w, TASK_B, 2, true);
        if (power_cut != 0) {
            world_power_cut(w);
        }
        refused(w, WORLD_TASK_ID, 4, true, FEDL_ERR_REPLAY);
        refused(w, TASK_B, 1, true, FEDL_ERR_REPLAY);
        took(w, WORLD_TASK_ID, 6, true);
        took(w, TASK_B, 3, true);
        refused(w, WORLD_TASK_ID, 5, true, FEDL_ERR_REPLAY);
        world_destroy(w);
    }
}

static void version_never_changes(void **state)
{
    (void)state;
    for (int power_cut = 0; power_cut < 2; power_cut++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        took(w, WORLD_TASK_ID, 5, true);
        if (power_cut != 0) {
            world_power_cut(w);
        }
        refused(w, WORLD_TASK_ID, 5, true, FEDL_ERR_MISMATCH);
        world_destroy(w);
    }
}

static void ninth_task_takes_the_place_of_the_one_used_longest_ago(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    for (uint32_t i = 0; i < FEDL_PROGRESS_TASKS_MAX; i++) {
        took(w, 10u + i, 5, true);
    }
    took(w, 10, 6, true); /* used again: the second one is the oldest now */
    took(w, 99, 5, true);
    assert_int_equal(w->stored_progress_bytes, FEDL_PROGRESS_BYTES_MAX);
    world_power_cut(w);
    refused(w, 99, 4, true, FEDL_ERR_REPLAY);
    refused(w, 10, 5, true, FEDL_ERR_REPLAY);
    refused(w, 12, 4, true, FEDL_ERR_REPLAY);
    took(w, 11, 4, true); /* forgotten */
    world_destroy(w);
}

static void record_of_the_first_kind_is_read(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    memset(w->stored_progress, 0, 8);
    w->stored_progress[0] = WORLD_TASK_ID;
    w->stored_progress[4] = 5;
    w->stored_progress_bytes = 8;
    world_power_cut(w);
    refused(w, WORLD_TASK_ID, 4, true, FEDL_ERR_REPLAY);
    took(w, WORLD_TASK_ID, 5, true); /* its bytes are not known, from now on they are */
    world_power_cut(w);
    refused(w, WORLD_TASK_ID, 5, true, FEDL_ERR_MISMATCH);
    world_destroy(w);
}

/* As the release before masked rounds wrote it. */
static void record_of_format_2_is_read(void **state)
{
    (void)state;
    uint8_t bytes[42] = {2, 1, 7, 0, 0, 0, 5, 1, 0, 0, 0xaa};
    fedl_client_progress progress;
    bytes[41] = 0xbb;
    assert_int_equal(fedl_client_progress_decode(&progress, fedl_bytes_of(bytes, 42)), FEDL_OK);
    const fedl_client_progress expected = {
        .count = 1, .tasks = {{.task_id = 7, .version = 261, .digest = {0xaa, [31] = 0xbb}}}};
    assert_memory_equal(&progress, &expected, sizeof progress);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        if (cut != 8) {
            assert_int_equal(fedl_client_progress_decode(&progress, fedl_bytes_of(bytes, cut)),
                             FEDL_ERR_FORMAT);
        }
    }
    bytes[2] = 0; /* no task */
    assert_int_equal(fedl_client_progress_decode(&progress, fedl_bytes_of(bytes, 42)),
                     FEDL_ERR_FORMAT);
}

static void records_are_checked(void **state)
{
    (void)state;
    uint8_t bytes[FEDL_PROGRESS_BYTES_MAX + 1u] = {0};
    fedl_client_progress progress = {.count = 2,
                                     .forgotten_id = 6,
                                     .rho_forgotten = UINT64_C(0x0102030405060708),
                                     .tasks = {{.task_id = 7, .version = 1, .digest = {1}},
                                               {.task_id = 8,
                                                .version = 2,
                                                .digest = {2},
                                                .round_opened = 0x01020304,
                                                .attempt_opened = 3,
                                                .round_closed = 0x01020303,
                                                .resumed = 9,
                                                .rho_spent = UINT64_C(0x1122334455667788)}}};
    fedl_client_progress again;
    const size_t size = fedl_client_progress_encode(bytes, &progress);
    assert_int_equal(size, 142);
    const uint8_t second[24] = {4, 3, 2, 1, 3,    0,    0,    0,    3,    3,    2,    1,
                                9, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    assert_memory_equal(bytes + 118, second, sizeof second);
    static const uint8_t forgotten[8] = {8, 7, 6, 5, 4, 3, 2, 1};
    assert_memory_equal(bytes + 6, forgotten, sizeof forgotten);
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)), FEDL_OK);
    assert_memory_equal(&again, &progress, sizeof again);
    for (size_t cut = 0; cut < size; cut++) {
        if (cut != 8) { /* that is a record of the first kind */
            assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, cut)),
                             FEDL_ERR_FORMAT);
        }
    }
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size + 1u)),
                     FEDL_ERR_FORMAT);
    bytes[78] = 7; /* the same task twice */
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_FORMAT);
    bytes[78] = 0; /* no task */
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_FORMAT);
    bytes[1] = 9;
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_FORMAT);
    bytes[0] = 5;
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_VERSION);
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.progress.count = FEDL_PROGRESS_TASKS_MAX + 1u;
    assert_int_equal(fedl_client_size(&w->cfg), 0);
    world_destroy(w);
}

/* What fedli_progress_check_attempt() says after a restart. */
static fedl_refusal judged(const fedl_client_progress *progress, uint32_t task_id, uint32_t round,
                           uint32_t attempt)
{
    uint8_t bytes[FEDL_PROGRESS_BYTES_MAX];
    fedl_client_progress read;
    const size_t size = fedl_client_progress_encode(bytes, progress);
    assert_int_equal(fedl_client_progress_decode(&read, fedl_bytes_of(bytes, size)), FEDL_OK);
    return fedli_progress_check_attempt(&read, task_id, round, attempt);
}

static void rounds_and_attempts_only_rise(void **state)
{
    (void)state;
    fedl_client_progress p = {0};
    assert_int_equal(judged(&p, 7, 1, 1), FEDL_REFUSAL_NONE);
    assert_int_equal(judged(&p, 7, 1, 4), FEDL_REFUSAL_ATTEMPTS);
    fedli_progress_open(&p, 7, 5, 2, 0);
    assert_int_equal(judged(&p, 7, 5, 2), FEDL_REFUSAL_ROUND_REUSED);
    assert_int_equal(judged(&p, 7, 5, 1), FEDL_REFUSAL_ROUND_REUSED);
    assert_int_equal(judged(&p, 7, 4, 3), FEDL_REFUSAL_ROUND_REUSED);
    assert_int_equal(judged(&p, 7, 5, 3), FEDL_REFUSAL_NONE);
    assert_int_equal(judged(&p, 7, 6, 1), FEDL_REFUSAL_NONE);
    assert_int_equal(judged(&p, 8, 1, 1), FEDL_REFUSAL_NONE); /* another task */
    fedli_progress_close(&p, 7, 5);
    assert_int_equal(judged(&p, 7, 5, 3), FEDL_REFUSAL_ROUND_CLOSED);
    assert_int_equal(judged(&p, 7, 4, 1), FEDL_REFUSAL_ROUND_CLOSED);
    assert_int_equal(judged(&p, 7, 6, 1), FEDL_REFUSAL_NONE);
}

static void charges_add_up_and_never_fall(void **state)
{
    (void)state;
    fedl_client_progress p = {0};
    assert_true(fedli_progress_left(&p, 7, 10, UINT64_MAX) == 10);
    fedli_progress_open(&p, 7, 1, 1, 4);
    fedli_progress_open(&p, 7, 1, 2, 4); /* every attempt costs */
    assert_int_equal(p.tasks[0].rho_spent, 8);
    assert_true(fedli_progress_left(&p, 7, 10, UINT64_MAX) == 2);
    assert_true(fedli_progress_left(&p, 7, 8, UINT64_MAX) == 0);
    assert_true(fedli_progress_left(&p, 7, 7, UINT64_MAX) == 0); /* not 2^64 - 1 */
    assert_true(fedli_progress_left(&p, 7, UINT64_MAX, UINT64_MAX) == UINT64_MAX - 8u);
    assert_true(fedli_progress_left(&p, 8, 10, UINT64_MAX) == 10); /* another task */
    fedli_progress_open(&p, 7, 2, 1, UINT64_MAX);
    assert_true(p.tasks[0].rho_spent == UINT64_MAX); /* not 7 */
}

static void all_tasks_of_a_device_share_its_budget(void **state)
{
    (void)state;
    fedl_client_progress p = {.rho_forgotten = 5};
    fedli_progress_open(&p, 7, 1, 1, 4);
    fedli_progress_open(&p, 8, 1, 1, 2);
    assert_true(fedli_progress_left(&p, 8, 5, 99) == 3); /* the task's own budget */
    assert_true(fedli_progress_left(&p, 8, 5, 14) == 3);
    assert_true(fedli_progress_left(&p, 8, 5, 13) == 2);
    assert_true(fedli_progress_left(&p, 9, 4, 14) == 3); /* a new one */
    assert_true(fedli_progress_left(&p, 9, 4, 10) == 0);
    fedl_manifest manifest = {.version = 1};
    for (uint32_t id = 1; id <= FEDL_PROGRESS_TASKS_MAX; id++) { /* both are forgotten … */
        manifest.task_id = 100u + id;
        fedli_progress_accept(&p, &manifest);
    }
    assert_int_equal(p.rho_forgotten, 11); /* … what they have spent is not */
    assert_true(fedli_progress_left(&p, 9, 4, 14) == 3);
    p.rho_forgotten = UINT64_MAX - 1u; /* sums stop at the end of their range */
    fedli_progress_open(&p, 108, 1, 1, 5);
    assert_true(fedli_progress_left(&p, 9, 1, UINT64_MAX - 1u) == 0);
    assert_true(fedli_progress_left(&p, 9, 1, UINT64_MAX) == 1);
}

/* As the release before the ledger of the device wrote it. */
static void record_of_format_3_is_read(void **state)
{
    (void)state;
    uint8_t bytes[70] = {3, 1, 6, 0, 0, 0, 7, 0, 0, 0, 5};
    fedl_client_progress progress;
    bytes[62] = 9;
    assert_int_equal(fedl_client_progress_decode(&progress, fedl_bytes_of(bytes, 70)), FEDL_OK);
    const fedl_client_progress expected = {
        .count = 1, .forgotten_id = 6, .tasks = {{.task_id = 7, .version = 5, .rho_spent = 9}}};
    assert_memory_equal(&progress, &expected, sizeof progress);
    assert_int_equal(fedl_client_progress_decode(&progress, fedl_bytes_of(bytes, 69)),
                     FEDL_ERR_FORMAT);
}

/* Nine tasks can't be used to make a device answer a round twice, or to refill a budget. */
static void a_forgotten_task_is_not_answered_again(void **state)
{
    (void)state;
    fedl_client_progress p = {0};
    fedl_manifest manifest = {.task_id = 20, .version = 1};
    fedli_progress_open(&p, 20, 5, 1, 3);
    for (uint32_t id = 1; id <= FEDL_PROGRESS_TASKS_MAX; id++) {
        manifest.task_id = 100u + id;
        fedli_progress_accept(&p, &manifest);
    }
    assert_int_equal(p.forgotten_id, 20);
    assert_int_equal(judged(&p, 20, 6, 1), FEDL_REFUSAL_STATE_LOST);
    assert_int_equal(judged(&p, 21, 6, 1), FEDL_REFUSAL_NONE);
    manifest.task_id = 20; /* for prediction it is still good, but not a way back */
    fedli_progress_accept(&p, &manifest);
    assert_int_equal(judged(&p, 20, 6, 1), FEDL_REFUSAL_STATE_LOST);
    /* Tasks without masked rounds are forgotten without a trace, as before. */
    assert_int_equal(p.forgotten_id, 20);
    assert_int_equal(judged(&p, 101, 1, 1), FEDL_REFUSAL_NONE);
}

static world_answer no_pause(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)w;
    if (request->kind == FEDL_MESSAGE_CHECKIN && reply->kind == FEDL_MESSAGE_WAIT) {
        reply->u.wait.retry_after_ms = 0;
    }
    return WORLD_REPLY;
}

/* A broken server answers every check-in at once with the model that the device holds. */
static void offer_of_the_held_model_cannot_make_it_spin(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.backoff_ms_min = 1;
    world_start(w);
    w->server.offer_only = true;
    w->hook = no_pause;
    world_run(w, 1000);
    assert_int_equal(w->ready_count, 1);
    assert_in_range(world_count(w, "CHECKIN"), 1, 3);
    for (int i = 0; i < 5; i++) {
        assert_true(fedl_client_deadline_ns(&w->client) >= w->now_ns + 1000 * WORLD_MS);
        world_advance(w, 1000);
    }
    assert_int_equal(w->ready_count, 1);
    w->server.offer_only = false;
    world_until_reported(w);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_task_opens_the_way_back),
        cmocka_unit_test(version_never_changes),
        cmocka_unit_test(ninth_task_takes_the_place_of_the_one_used_longest_ago),
        cmocka_unit_test(record_of_the_first_kind_is_read),
        cmocka_unit_test(record_of_format_2_is_read),
        cmocka_unit_test(records_are_checked),
        cmocka_unit_test(rounds_and_attempts_only_rise),
        cmocka_unit_test(charges_add_up_and_never_fall),
        cmocka_unit_test(all_tasks_of_a_device_share_its_budget),
        cmocka_unit_test(record_of_format_3_is_read),
        cmocka_unit_test(a_forgotten_task_is_not_answered_again),
        cmocka_unit_test(offer_of_the_held_model_cannot_make_it_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
