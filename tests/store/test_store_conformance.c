/* SPDX-License-Identifier: Apache-2.0 */
/* One suite, every store: the same ops give the same answers, contents and audit chain. */
#include "store_world.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void an_empty_store_is_empty(void **state)
{
    world *w = *state;
    fedl_audit_report report;
    fedl_model_record record;
    assert_int_equal(fedl_audit_verify(&report, w->store, scene_crypto()), FEDL_OK);
    assert_int_equal(report.row_count, 0);
    assert_int_equal(w->store->ops->model_read(w->store, &record, 1, 1, NULL, 0, NULL, 0),
                     FEDL_ERR_NOT_FOUND);
    assert_int_equal(w->store->ops->agg_state_read(w->store, 1, 1, NULL, 0), FEDL_ERR_NOT_FOUND);
    assert_int_equal(w->store->ops->model_each(w->store, 1, NULL, NULL), FEDL_ERR_NOT_FOUND);
    assert_int_equal(w->store->ops->charge_each(w->store, 1, NULL, NULL), FEDL_ERR_NOT_FOUND);
    assert_int_equal(w->store->ops->group_read(w->store, 1, NULL, 0, NULL, 0), FEDL_ERR_NOT_FOUND);
}

static void both_stores_tell_the_same_history(void **state)
{
    world *w = *state;
    void *other = NULL;
    assert_int_equal(world_open(&other, !w->on_disk), 0);
    for (uint32_t i = 0; i < scene_history_count(); i++) {
        uint8_t a[32];
        uint8_t b[32];
        fedl_store_op op = scene_history_op(w->scene, i);
        assert_int_equal(world_apply(w, op), FEDL_OK);
        assert_int_equal(world_apply(other, op), FEDL_OK);
        scene_fingerprint(a, w->store);
        scene_fingerprint(b, ((world *)other)->store);
        assert_memory_equal(a, b, 32);
    }
    world_close(&other);
}

static bool first_only(void *context, const fedl_device_record *device)
{
    uint32_t *seen = context;
    (*seen)++;
    assert_int_equal(device->device_id, 1);
    return false;
}

static void devices_follow_their_states(void **state)
{
    world *w = *state;
    uint32_t seen = 0;
    world_refuse(w, scene_device_enrol(1), FEDL_ERR_NOT_FOUND);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_REVOKED), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_device_add(2, "two")), FEDL_OK);
    assert_int_equal(world_apply(w, scene_device_add(1, "one")), FEDL_OK);
    world_refuse(w, scene_device_add(1, "again"), FEDL_ERR_EXISTS);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_LEFT), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_device_enrol(1)), FEDL_OK);
    world_refuse(w, scene_device_enrol(1), FEDL_ERR_STATE);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_INVITED), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_device_state(1, FEDL_DEVICE_LEFT)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_device_state(1, FEDL_DEVICE_REVOKED)), FEDL_OK);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_REVOKED), FEDL_ERR_STATE);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_ACTIVE), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_device_state(2, FEDL_DEVICE_REVOKED)), FEDL_OK);
    world_refuse(w, scene_device_enrol(2), FEDL_ERR_STATE);
    assert_int_equal(w->store->ops->device_each(w->store, first_only, &seen), FEDL_OK);
    assert_int_equal(seen, 1);
}

static void a_pending_device_gets_one_certificate(void **state)
{
    world *w = *state;
    fedl_store_op enrol = scene_device_enrol(1);
    enrol.device.state = FEDL_DEVICE_PENDING;
    world_refuse(w, scene_device_certify(1), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_device_add(1, "one")), FEDL_OK);
    world_refuse(w, scene_device_certify(1), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, enrol), FEDL_OK);
    world_refuse(w, enrol, FEDL_ERR_STATE);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_LEFT), FEDL_ERR_STATE);
    world_refuse(w, scene_device_state(1, FEDL_DEVICE_ACTIVE), FEDL_ERR_STATE);
    fedl_store_op none = scene_device_certify(1);
    memset(none.device.cert_signature, 0, sizeof none.device.cert_signature);
    world_refuse(w, none, FEDL_ERR_RANGE);
    assert_int_equal(world_apply(w, scene_device_certify(1)), FEDL_OK);
    world_refuse(w, scene_device_certify(1), FEDL_ERR_STATE);
    /* One that nobody certified can still be shut out. */
    assert_int_equal(world_apply(w, scene_device_add(2, "two")), FEDL_OK);
    enrol = scene_device_enrol(2);
    enrol.device.state = FEDL_DEVICE_PENDING;
    assert_int_equal(world_apply(w, enrol), FEDL_OK);
    assert_int_equal(world_apply(w, scene_device_state(2, FEDL_DEVICE_REVOKED)), FEDL_OK);
    world_refuse(w, scene_device_certify(2), FEDL_ERR_STATE);
}

static bool token_is_gone(void *context, const fedl_device_record *device)
{
    static const uint8_t zero[32];
    (void)context;
    assert_memory_equal(device->token_hash, zero, 32);
    assert_int_equal(device->token_expires_s, 0);
    return true;
}

static void a_token_goes_with_its_use(void **state)
{
    world *w = *state;
    assert_int_equal(world_apply(w, scene_device_add(1, "one")), FEDL_OK);
    assert_int_equal(world_apply(w, scene_device_add(2, "two")), FEDL_OK);
    assert_int_equal(world_apply(w, scene_device_enrol(1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_device_state(2, FEDL_DEVICE_REVOKED)), FEDL_OK);
    assert_int_equal(w->store->ops->device_each(w->store, token_is_gone, NULL), FEDL_OK);
}

static void tasks_follow_their_states(void **state)
{
    world *w = *state;
    world_refuse(w, scene_task_state(1, FEDL_TASK_PAUSED), FEDL_ERR_NOT_FOUND);
    world_play(w, 7);
    world_refuse(w, scene_task_add(w->scene, 1, "other"), FEDL_ERR_EXISTS);
    world_refuse(w, scene_task_add(w->scene, 2, "digits"), FEDL_ERR_EXISTS);
    world_refuse(w, scene_task_state(1, FEDL_TASK_RUNNING), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_task_state(1, FEDL_TASK_PAUSED)), FEDL_OK);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_task_state(1, FEDL_TASK_COMPLETE)), FEDL_OK);
    world_refuse(w, scene_task_state(1, FEDL_TASK_RUNNING), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_task_add(w->scene, 2, "shapes")), FEDL_OK);
}

static void attempts_count_up(void **state)
{
    world *w = *state;
    world_refuse(w, scene_round_open(w->scene, 1, 1, 1), FEDL_ERR_NOT_FOUND);
    world_play(w, 7);
    world_refuse(w, scene_round_open(w->scene, 1, 2, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 2), FEDL_ERR_STATE);
    world_refuse(w, scene_round_abort(1, 1, 1), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 1)), FEDL_OK);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    /* The server went down in attempt 1: attempt 2 opens over it. */
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_abort(1, 1, 2)), FEDL_OK);
    world_refuse(w, scene_round_abort(1, 1, 2), FEDL_ERR_STATE);
    fedl_store_op op = scene_round_open(w->scene, 1, 1, 3);
    w->scene->members[2] = 77;
    world_refuse(w, op, FEDL_ERR_NOT_FOUND);
}

static void a_round_commits_once(void **state)
{
    world *w = *state;
    world_play(w, 7);
    world_refuse(w, scene_commit(w->scene, 1, 1, 1), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 1)), FEDL_OK);
    fedl_store_op op = scene_commit(w->scene, 1, 1, 1);
    op.model.version = 3;
    world_refuse(w, op, FEDL_ERR_STATE);
    op = scene_commit(w->scene, 1, 1, 1);
    op.model.parent_digest[0] ^= 1u;
    world_refuse(w, op, FEDL_ERR_STATE);
    op = scene_commit(w->scene, 1, 1, 1);
    w->scene->members[1] = 3; /* not a member */
    world_refuse(w, op, FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_commit(w->scene, 1, 1, 1)), FEDL_OK);
    world_refuse(w, scene_commit(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 2), FEDL_ERR_STATE);
    world_refuse(w, scene_round_abort(1, 1, 1), FEDL_ERR_STATE);
}

static void ops_out_of_range_are_refused(void **state)
{
    world *w = *state;
    world_play(w, 8);
    world_refuse(w, scene_device_add(0, "zero"), FEDL_ERR_RANGE);
    world_refuse(w, scene_device_add(9, ""), FEDL_ERR_RANGE);
    fedl_store_op op = scene_device_add(9, "nine");
    memset(op.device.name, 'n', sizeof op.device.name);
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_device_add(9, "nine");
    op.device.state = FEDL_DEVICE_ACTIVE;
    world_refuse(w, op, FEDL_ERR_RANGE);
    world_refuse(w, scene_task_add(w->scene, 0, "zero"), FEDL_ERR_RANGE);
    world_refuse(w, scene_task_state(1, (fedl_task_state)9), FEDL_ERR_RANGE);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 0), FEDL_ERR_RANGE);
    op = scene_round_open(w->scene, 1, 1, 2);
    w->scene->members[1] = 1; /* twice */
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_commit(w->scene, 1, 1, 1);
    op.member_count = 0;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_commit(w->scene, 1, 1, 1);
    w->scene->container[7] ^= 1u;
    world_refuse(w, op, FEDL_ERR_MISMATCH);
    op = scene_commit(w->scene, 1, 1, 1);
    op.kind = (fedl_store_op_kind)99;
    world_refuse(w, op, FEDL_ERR_RANGE);
}

static void models_are_read_whole_or_not(void **state)
{
    world *w = *state;
    fedl_model_record record;
    const fedl_store_ops *ops = w->store->ops;
    world_play(w, 11);
    store_scene *s = w->scene;
    assert_int_equal(ops->model_read(w->store, &record, 1, 2, s->container, SCENE_CONTAINER - 1,
                                     s->words, SCENE_PARAMETERS),
                     FEDL_ERR_SIZE);
    assert_int_equal(ops->model_read(w->store, &record, 1, 2, s->container, SCENE_CONTAINER,
                                     s->words, SCENE_PARAMETERS + 1),
                     FEDL_ERR_SIZE);
    assert_int_equal(ops->agg_state_read(w->store, 1, 2, s->agg_state, 1), FEDL_ERR_SIZE);
    assert_int_equal(ops->model_read(w->store, &record, 1, 3, NULL, 0, NULL, 0),
                     FEDL_ERR_NOT_FOUND);
    assert_int_equal(ops->model_read(w->store, &record, 1, 2, NULL, 0, NULL, 0), FEDL_OK);
    assert_null(record.container.data);
    assert_null(record.master_words);
    assert_int_equal(record.round, 1);
    fedl_store_op op = scene_commit(s, 1, 1, 2);
    int32_t *words = malloc(SCENE_PARAMETERS * sizeof words[0]);
    assert_non_null(words);
    assert_int_equal(ops->model_read(w->store, &record, 1, 2, NULL, 0, words, SCENE_PARAMETERS),
                     FEDL_OK);
    assert_memory_equal(words, op.model.master_words, SCENE_PARAMETERS * sizeof words[0]);
    free(words);
}

static bool last_row(void *context, const fedl_audit_row *row)
{
    (void)snprintf(context, FEDL_AUDIT_DETAIL_BYTES_MAX, "%s %s", row->what, row->detail);
    return true;
}

static void audit_rows_say_what_happened(void **state)
{
    world *w = *state;
    char text[FEDL_AUDIT_DETAIL_BYTES_MAX];
    assert_int_equal(world_apply(w, scene_device_add(7, "line\nbreak")), FEDL_OK);
    assert_int_equal(w->store->ops->audit_each(w->store, last_row, text), FEDL_OK);
    assert_string_equal(text, "device-add device 7 name \"line?break\" token expires 5000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(an_empty_store_is_empty),
        WORLD_CASE(both_stores_tell_the_same_history),
        WORLD_CASE(devices_follow_their_states),
        WORLD_CASE(a_token_goes_with_its_use),
        WORLD_CASE(a_pending_device_gets_one_certificate),
        WORLD_CASE(tasks_follow_their_states),
        WORLD_CASE(attempts_count_up),
        WORLD_CASE(a_round_commits_once),
        WORLD_CASE(ops_out_of_range_are_refused),
        WORLD_CASE(models_are_read_whole_or_not),
        WORLD_CASE(audit_rows_say_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
