/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that were found lying, in every store: kept with the op that says so, until readmitted.
 */
#include "store_world.h"

#include "cmocka_all.h"

#include <string.h>

typedef struct id_list {
    uint32_t ids[8];
    uint32_t count;
    uint32_t stop_after; /* 0 = never */
} id_list;

static bool take(void *context, uint32_t device_id)
{
    id_list *list = context;
    list->ids[list->count++] = device_id;
    return list->count != list->stop_after;
}

static id_list left_out(world *w, uint32_t task_id)
{
    id_list list = {0};
    assert_int_equal(w->store->ops->exclusion_each(w->store, task_id, take, &list), FEDL_OK);
    return list;
}

/* Six devices' worth of ops, the task, and attempt 1 of round 1. */
static world *opened(void **state)
{
    world *w = *state;
    world_play(w, 7);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 1)), FEDL_OK);
    return w;
}

static fedl_store_op blaming(fedl_store_op op, uint32_t device_id, uint32_t other)
{
    op.blamed = device_id;
    op.blamed_other = other;
    return op;
}

static void every_end_of_an_attempt_may_name_a_liar(void **state)
{
    world *w = opened(state);
    assert_int_equal(left_out(w, 1).count, 0);
    assert_int_equal(world_apply(w, blaming(scene_round_abort(1, 1, 1), 5, 0)), FEDL_OK);
    assert_int_equal(left_out(w, 1).count, 1);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, blaming(scene_round_burn(1, 1, 2), 1, 0)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    fedl_store_op commit = scene_commit_version(w->scene, 1, 2, 1, 2);
    assert_int_equal(world_apply(w, blaming(commit, 2, 0)), FEDL_OK);
    id_list list = left_out(w, 1);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.ids[0], 1);
    assert_int_equal(list.ids[1], 2);
    assert_int_equal(list.ids[2], 5);
    list = (id_list){.stop_after = 2};
    assert_int_equal(w->store->ops->exclusion_each(w->store, 1, take, &list), FEDL_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(w->store->ops->exclusion_each(w->store, 2, take, &list), FEDL_ERR_NOT_FOUND);
}

static void who_is_in_doubt_is_not_left_out(void **state)
{
    world *w = opened(state);
    assert_int_equal(world_apply(w, blaming(scene_round_abort(1, 1, 1), 5, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, blaming(scene_round_burn(1, 1, 2), 0, 0)), FEDL_OK);
    assert_int_equal(left_out(w, 1).count, 0);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    fedl_store_op burn = blaming(scene_round_burn(1, 2, 1), 5, 0);
    burn.blamed_in_doubt = true; /* by a helper */
    assert_int_equal(world_apply(w, burn), FEDL_OK);
    assert_int_equal(left_out(w, 1).count, 0);
}

static void an_op_that_is_refused_leaves_nobody_out(void **state)
{
    world *w = opened(state);
    world_refuse(w, blaming(scene_round_abort(1, 1, 1), 4000, 0), FEDL_ERR_NOT_FOUND);
    world_refuse(w, blaming(scene_round_abort(1, 1, 2), 5, 0), FEDL_ERR_NOT_FOUND);
    assert_int_equal(left_out(w, 1).count, 0);
}

static void readmitted_devices_may_be_found_lying_again(void **state)
{
    world *w = opened(state);
    assert_int_equal(world_apply(w, blaming(scene_round_abort(1, 1, 1), 5, 0)), FEDL_OK);
    world_refuse(w, scene_device_readmit(0), FEDL_ERR_RANGE);
    world_refuse(w, scene_device_readmit(4000), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_device_readmit(2)), FEDL_OK); /* nothing to forget */
    assert_int_equal(left_out(w, 1).count, 1);
    assert_int_equal(world_apply(w, scene_device_readmit(5)), FEDL_OK);
    assert_int_equal(left_out(w, 1).count, 0);
    for (uint32_t attempt = 2; attempt <= 3; attempt++) { /* twice: it is left out once */
        assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, attempt)), FEDL_OK);
        assert_int_equal(world_apply(w, blaming(scene_round_abort(1, 1, attempt), 5, 0)), FEDL_OK);
        assert_int_equal(left_out(w, 1).count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(every_end_of_an_attempt_may_name_a_liar),
        WORLD_CASE(who_is_in_doubt_is_not_left_out),
        WORLD_CASE(an_op_that_is_refused_leaves_nobody_out),
        WORLD_CASE(readmitted_devices_may_be_found_lying_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
