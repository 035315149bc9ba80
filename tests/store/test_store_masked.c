/* SPDX-License-Identifier: Apache-2.0 */
/* Masked sums, in every store: what may follow on what, what is given back, what is forgotten. */
#include "store/store_check.h"
#include "store_world.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

/* Six devices' worth of ops, the task, and attempt 1 of round 1. */
static world *opened(void **state)
{
    world *w = *state;
    world_play(w, 7);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 1)), FEDL_OK);
    return w;
}

static bool keep_task(void *context, const fedl_task_row *row)
{
    *(fedl_task_row *)context = *row;
    return true;
}

static fedl_task_row task_of(world *w)
{
    fedl_task_row row;
    memset(&row, 0, sizeof row);
    assert_int_equal(w->store->ops->task_each(w->store, keep_task, &row), FEDL_OK);
    assert_int_equal(row.task_id, 1);
    return row;
}

static void a_sum_is_given_back_until_the_round_ends(void **state)
{
    world *w = opened(state);
    const fedl_store_ops *ops = w->store->ops;
    store_scene *s = w->scene;
    static uint8_t sum[SCENE_MASKED_SUM];
    static uint8_t group[sizeof s->group_state];
    assert_int_equal(task_of(w).masked_sum_bytes, 0);
    assert_int_equal(world_apply(w, scene_group_commit(s, 1, 1, 1)), FEDL_OK);
    fedl_task_row row = task_of(w);
    assert_int_equal(row.masked_sum_bytes, sizeof sum);
    assert_int_equal(row.group_state_bytes, sizeof group);
    assert_int_equal(row.round_next, 1);
    assert_int_equal(row.attempt_last, 1);
    assert_int_equal(ops->group_read(w->store, 1, sum, sizeof sum - 1, group, sizeof group),
                     FEDL_ERR_SIZE);
    assert_int_equal(ops->group_read(w->store, 1, sum, sizeof sum, group, sizeof group + 1),
                     FEDL_ERR_SIZE);
    assert_int_equal(ops->group_read(w->store, 2, sum, sizeof sum, group, sizeof group),
                     FEDL_ERR_NOT_FOUND);
    assert_int_equal(ops->group_read(w->store, 1, sum, sizeof sum, group, sizeof group), FEDL_OK);
    fedl_store_op op = scene_group_commit(s, 1, 1, 1);
    assert_memory_equal(sum, op.masked_sum.data, sizeof sum);
    assert_memory_equal(group, op.group_state.data, sizeof group);
    assert_int_equal(world_apply(w, scene_commit(s, 1, 1, 1)), FEDL_OK);
    assert_int_equal(ops->group_read(w->store, 1, sum, sizeof sum, group, sizeof group),
                     FEDL_ERR_NOT_FOUND);
    row = task_of(w);
    assert_int_equal(row.masked_sum_bytes, 0);
    assert_int_equal(row.round_next, 2);
    assert_int_equal(row.attempt_last, 0);
}

static void a_round_with_a_sum_is_finished_or_burnt(void **state)
{
    world *w = opened(state);
    world_refuse(w, scene_group_commit(w->scene, 2, 1, 1), FEDL_ERR_NOT_FOUND);
    world_refuse(w, scene_group_commit(w->scene, 1, 1, 2), FEDL_ERR_NOT_FOUND);
    world_refuse(w, scene_group_commit(w->scene, 1, 2, 1), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_group_commit(w->scene, 1, 1, 1)), FEDL_OK);
    world_refuse(w, scene_group_commit(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_abort(1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 2), FEDL_ERR_STATE);
    world_refuse(w, scene_round_open(w->scene, 1, 2, 1), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_round_burn(1, 1, 1)), FEDL_OK);
    world_refuse(w, scene_commit(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_burn(1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_abort(1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_group_commit(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    world_refuse(w, scene_round_open(w->scene, 1, 1, 2), FEDL_ERR_STATE);
    assert_int_equal(task_of(w).masked_sum_bytes, 0);
}

static void only_the_open_attempt_gets_a_sum(void **state)
{
    world *w = opened(state);
    assert_int_equal(world_apply(w, scene_round_abort(1, 1, 1)), FEDL_OK);
    world_refuse(w, scene_group_commit(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    world_refuse(w, scene_group_commit(w->scene, 1, 1, 1), FEDL_ERR_STATE);
    /* The server went down in attempt 2: without a sum it is lost, and attempt 3 opens over it. */
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 3)), FEDL_OK);
    world_refuse(w, scene_group_commit(w->scene, 1, 1, 2), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_group_commit(w->scene, 1, 1, 3)), FEDL_OK);
}

static void a_sum_has_members_and_kinds(void **state)
{
    world *w = opened(state);
    fedl_store_op op = scene_group_commit(w->scene, 1, 1, 1);
    op.share_kinds = NULL;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_group_commit(w->scene, 1, 1, 1);
    w->scene->share_kinds[1] = 3; /* both, or something else */
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_group_commit(w->scene, 1, 1, 1);
    memset(w->scene->share_kinds, 2, sizeof w->scene->share_kinds); /* nobody survives */
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_group_commit(w->scene, 1, 1, 1);
    w->scene->members[1] = 1; /* twice */
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_group_commit(w->scene, 1, 1, 1);
    w->scene->members[1] = 3; /* not a member of the attempt */
    world_refuse(w, op, FEDL_ERR_STATE);
    op = scene_group_commit(w->scene, 1, 1, 1);
    op.masked_sum.size = 0;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_group_commit(w->scene, 1, 1, 1);
    op.group_state.size = 0;
    world_refuse(w, op, FEDL_ERR_RANGE);
    world_refuse(w, scene_round_burn(1, 1, 0), FEDL_ERR_RANGE);
    /* Fewer than all members of the attempt: those who never sent shares are in no sum. */
    op = scene_group_commit(w->scene, 1, 1, 1);
    op.member_count = 2;
    assert_int_equal(world_apply(w, op), FEDL_OK);
}

static void exactly_the_survivors_count(void **state)
{
    world *w = opened(state);
    assert_int_equal(world_apply(w, scene_group_commit(w->scene, 1, 1, 1)), FEDL_OK);
    fedl_store_op op = scene_commit(w->scene, 1, 1, 1);
    w->scene->members[1] = 2; /* 2 vanished, 5 survived */
    world_refuse(w, op, FEDL_ERR_STATE);
    op = scene_commit(w->scene, 1, 1, 1);
    op.member_count = 1;
    world_refuse(w, op, FEDL_ERR_STATE);
    op = scene_commit(w->scene, 1, 1, 1);
    w->scene->members[1] = 2;
    w->scene->members[2] = 5;
    op.member_count = 3;
    world_refuse(w, op, FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_commit(w->scene, 1, 1, 1)), FEDL_OK);
}

static void burnt_rounds_leave_gaps(void **state)
{
    world *w = opened(state);
    store_scene *s = w->scene;
    assert_int_equal(world_apply(w, scene_group_commit(s, 1, 1, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_burn(1, 1, 1)), FEDL_OK);
    assert_int_equal(task_of(w).round_next, 2);
    assert_int_equal(task_of(w).attempt_last, 0);
    world_refuse(w, scene_round_open(s, 1, 3, 1), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_round_open(s, 1, 2, 1)), FEDL_OK);
    assert_int_equal(task_of(w).attempt_last, 1);
    assert_int_equal(world_apply(w, scene_group_commit(s, 1, 2, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_burn(1, 2, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(s, 1, 3, 1)), FEDL_OK);
    world_refuse(w, scene_commit_version(s, 1, 3, 1, 4), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_commit_version(s, 1, 3, 1, 2)), FEDL_OK);
    assert_int_equal(task_of(w).version, 2);
    assert_int_equal(task_of(w).round_next, 4);
    world_refuse(w, scene_round_open(s, 1, 3, 2), FEDL_ERR_STATE);
    world_refuse(w, scene_round_open(s, 1, 2, 2), FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_round_open(s, 1, 4, 1)), FEDL_OK);
}

static void a_round_may_be_burnt_without_a_sum(void **state)
{
    world *w = opened(state);
    world_refuse(w, scene_round_burn(1, 1, 2), FEDL_ERR_NOT_FOUND);
    world_refuse(w, scene_round_burn(2, 1, 1), FEDL_ERR_NOT_FOUND);
    assert_int_equal(world_apply(w, scene_round_abort(1, 1, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    world_refuse(w, scene_round_burn(1, 1, 1), FEDL_ERR_STATE); /* not the last attempt */
    assert_int_equal(world_apply(w, scene_round_abort(1, 1, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_burn(1, 1, 2)), FEDL_OK);
    assert_int_equal(task_of(w).round_next, 2);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_commit_version(w->scene, 1, 2, 1, 2)), FEDL_OK);
    world_refuse(w, scene_round_burn(1, 2, 1), FEDL_ERR_STATE);
}

typedef struct charges {
    fedl_charge_row rows[4];
    uint32_t count;
    uint32_t stop_after;
} charges;

static bool keep_charge(void *context, const fedl_charge_row *row)
{
    charges *found = context;
    assert_true(found->count < 4);
    found->rows[found->count++] = *row;
    return found->count != found->stop_after;
}

static void charges_are_never_taken_back(void **state)
{
    world *w = opened(state);
    charges found = {.stop_after = 0};
    const fedl_store_ops *ops = w->store->ops;
    assert_int_equal(world_apply(w, scene_group_commit(w->scene, 1, 1, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_burn(1, 1, 1)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    fedl_store_op op = scene_group_commit(w->scene, 1, 2, 1);
    op.rho = FEDL_STORE_RHO_MAX - SCENE_RHO + 1;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op.rho = UINT64_MAX;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op.rho = 0;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    assert_int_equal(world_apply(w, scene_commit_version(w->scene, 1, 2, 1, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 3, 1)), FEDL_OK);
    op = scene_group_commit(w->scene, 1, 3, 1);
    op.rho = FEDL_STORE_RHO_MAX - SCENE_RHO;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    assert_true(task_of(w).rho_spent == FEDL_STORE_RHO_MAX);
    assert_int_equal(ops->charge_each(w->store, 1, keep_charge, &found), FEDL_OK);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.rows[0].round, 1);
    assert_int_equal(found.rows[0].attempt, 1);
    assert_int_equal(found.rows[0].rho, SCENE_RHO);
    assert_int_equal(found.rows[1].round, 3);
    found = (charges){.stop_after = 1};
    assert_int_equal(ops->charge_each(w->store, 1, keep_charge, &found), FEDL_OK);
    assert_int_equal(found.count, 1);
}

/* A failed attempt may have cost something, too, but only while it is open and has no sum. */
static void failed_attempts_may_be_charged(void **state)
{
    world *w = opened(state);
    charges found = {.stop_after = 0};
    assert_true(task_of(w).attempt_open);
    fedl_store_op op = scene_round_abort(1, 1, 1);
    op.rho = FEDL_STORE_RHO_MAX + 1u;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op.rho = 7;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    assert_false(task_of(w).attempt_open);
    assert_true(task_of(w).rho_spent == 7);
    world_refuse(w, op, FEDL_ERR_STATE);
    op = scene_round_burn(1, 1, 1); /* closed and charged before */
    op.rho = 7;
    world_refuse(w, op, FEDL_ERR_STATE);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    op = scene_round_burn(1, 1, 2);
    op.rho = FEDL_STORE_RHO_MAX - 6u;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op.rho = 8;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    op = scene_group_commit(w->scene, 1, 2, 1);
    op.rho = 0;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    op = scene_round_burn(1, 2, 1); /* what a sum costs goes with its commit point */
    op.rho = 9;
    world_refuse(w, op, FEDL_ERR_STATE);
    assert_true(task_of(w).attempt_open);
    assert_int_equal(w->store->ops->charge_each(w->store, 1, keep_charge, &found), FEDL_OK);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.rows[0].attempt, 1);
    assert_int_equal(found.rows[1].attempt, 2);
    assert_int_equal(found.rows[1].rho, 8);
    assert_true(task_of(w).rho_spent == 15);
}

/* The server's own noise is charged with the version, in plain rounds and behind a masked sum. */
static void versions_may_be_charged(void **state)
{
    world *w = opened(state);
    charges found = {.stop_after = 0};
    fedl_store_op op = scene_commit(w->scene, 1, 1, 1);
    op.rho = FEDL_STORE_RHO_MAX + 1u;
    world_refuse(w, op, FEDL_ERR_RANGE);
    op.rho = 11;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    world_refuse(w, op, FEDL_ERR_STATE);
    assert_true(task_of(w).rho_spent == 11);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    op = scene_commit(w->scene, 1, 2, 1);
    op.rho = FEDL_STORE_RHO_MAX - 10u; /* no charge, no version */
    world_refuse(w, op, FEDL_ERR_RANGE);
    op = scene_group_commit(w->scene, 1, 2, 1);
    op.rho = 0;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    op = scene_commit(w->scene, 1, 2, 1);
    op.rho = 12;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 3, 1)), FEDL_OK);
    op = scene_group_commit(w->scene, 1, 3, 1);
    op.rho = 13;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    op = scene_commit(w->scene, 1, 3, 1); /* one charge per attempt */
    op.rho = 14;
    world_refuse(w, op, FEDL_ERR_STATE);
    op.rho = 0;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    assert_int_equal(w->store->ops->charge_each(w->store, 1, keep_charge, &found), FEDL_OK);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.rows[1].round, 2);
    assert_int_equal(found.rows[1].rho, 12);
    assert_true(task_of(w).rho_spent == 36);
}

static bool last_row(void *context, const fedl_audit_row *row)
{
    (void)snprintf(context, FEDL_AUDIT_DETAIL_BYTES_MAX + 40, "%s: %s", row->what, row->detail);
    return true;
}

static void expect_audit(world *w, const char *expected)
{
    char text[FEDL_AUDIT_DETAIL_BYTES_MAX + 40];
    assert_int_equal(w->store->ops->audit_each(w->store, last_row, text), FEDL_OK);
    assert_string_equal(text, expected);
}

static void audit_names_who_is_to_blame(void **state)
{
    world *w = opened(state);
    fedl_store_op op = scene_round_abort(1, 1, 1);
    op.text = "a share does not decrypt";
    op.blamed = 5;
    op.blamed_other = 2;
    op.rho = 12;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    expect_audit(w, "round-abort: task 1 round 1 attempt 1: a share does not decrypt, between "
                    "device 5 and device 2, rho 12");
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 1, 2)), FEDL_OK);
    assert_int_equal(world_apply(w, scene_group_commit(w->scene, 1, 1, 2)), FEDL_OK);
    expect_audit(w, "group-commit: task 1 round 1 attempt 2 survivors 2 of 3 rho 1000");
    assert_int_equal(world_apply(w, scene_round_burn(1, 1, 2)), FEDL_OK);
    expect_audit(w, "round-burn: task 1 round 1 attempt 2: a commitment does not fit, device 2 is "
                    "to blame");
    assert_int_equal(world_apply(w, scene_round_open(w->scene, 1, 2, 1)), FEDL_OK);
    op = scene_round_burn(1, 2, 1);
    op.blamed_in_doubt = true;
    assert_int_equal(world_apply(w, op), FEDL_OK);
    expect_audit(w, "round-burn: task 1 round 2 attempt 1: a commitment does not fit, the helper "
                    "accuses device 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(a_sum_is_given_back_until_the_round_ends),
        WORLD_CASE(a_round_with_a_sum_is_finished_or_burnt),
        WORLD_CASE(only_the_open_attempt_gets_a_sum),
        WORLD_CASE(a_sum_has_members_and_kinds),
        WORLD_CASE(exactly_the_survivors_count),
        WORLD_CASE(burnt_rounds_leave_gaps),
        WORLD_CASE(a_round_may_be_burnt_without_a_sum),
        WORLD_CASE(charges_are_never_taken_back),
        WORLD_CASE(failed_attempts_may_be_charged),
        WORLD_CASE(versions_may_be_charged),
        WORLD_CASE(audit_names_who_is_to_blame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
