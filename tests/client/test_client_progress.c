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

static void records_are_checked(void **state)
{
    (void)state;
    uint8_t bytes[FEDL_PROGRESS_BYTES_MAX + 1u] = {0};
    fedl_client_progress progress = {.count = 2,
                                     .tasks = {{.task_id = 7, .version = 1, .digest = {1}},
                                               {.task_id = 8, .version = 2, .digest = {2}}}};
    fedl_client_progress again;
    const size_t size = fedl_client_progress_encode(bytes, &progress);
    assert_int_equal(size, 82);
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
    bytes[42] = 7; /* the same task twice */
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_FORMAT);
    bytes[42] = 0; /* no task */
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_FORMAT);
    bytes[1] = 9;
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_FORMAT);
    bytes[0] = 3;
    assert_int_equal(fedl_client_progress_decode(&again, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_VERSION);
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.progress.count = FEDL_PROGRESS_TASKS_MAX + 1u;
    assert_int_equal(fedl_client_size(&w->cfg), 0);
    world_destroy(w);
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
        cmocka_unit_test(records_are_checked),
        cmocka_unit_test(offer_of_the_held_model_cannot_make_it_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
