/* SPDX-License-Identifier: Apache-2.0 */
/* What the store of the world answers, or doesn't. */
#include "coord_world.h"

#include <string.h>

void world_load(world *w)
{
    fedl_event event;
    fedl_model_record record;
    assert_true(w->load_out > 0);
    const fedl_load_job *job = w->loads[0].job;
    world_event(w, &event, FEDL_EVENT_LOADED);
    event.ticket = w->loads[0].ticket;
    w->load_out--;
    memmove(&w->loads[0], &w->loads[1], w->load_out * sizeof w->loads[0]);
    w->load_count++;
    if (w->load_fails > 0) { /* what was there stays, and is no model of anybody */
        w->load_fails--;
        memset(job->master_words, 0x55, job->parameter_count * sizeof *job->master_words);
        event.status = FEDL_ERR_IO;
    } else {
        event.status = w->store->ops->model_read(w->store, &record, job->task_id, job->version,
                                                 NULL, 0, job->master_words, job->parameter_count);
        assert_int_equal(event.status, FEDL_OK);
        assert_int_equal(job->version, w->version[job->task_id]);
        job->master_words[job->parameter_count / 2u] ^= w->load_flip;
    }
    world_step_once(w, &event);
}

/* What the store holds after op; later checks compare what devices see with it. */
static void remember(world *w, const fedl_store_op *op)
{
    if (op->kind == FEDL_STORE_TASK_ADD || op->kind == FEDL_STORE_COMMIT) {
        assert_int_equal(op->model.version, w->version[op->task_id] + 1u);
        w->version[op->task_id] = op->model.version;
    }
    if (op->kind == FEDL_STORE_ROUND_OPEN) {
        w->opened_round[op->task_id] = op->round;
        w->opened_attempt[op->task_id] = op->attempt;
    }
    w->burn_count += op->kind == FEDL_STORE_ROUND_BURN ? 1u : 0u;
    w->group_commit_count += op->kind == FEDL_STORE_GROUP_COMMIT ? 1u : 0u;
    if (op->kind == FEDL_STORE_COMMIT) {
        if (w->check_sums) {
            world_check_commit(w, op);
        }
        w->commit_count++;
        w->last_commit = *op;
        assert_true(op->member_count <= 64);
        memcpy(w->last_members, op->members, op->member_count * sizeof op->members[0]);
    }
}

void world_store_one(world *w)
{
    fedl_event event;
    assert_true(w->store_count > 0);
    world_event(w, &event, FEDL_EVENT_STORED);
    event.ticket = w->stores[0].ticket;
    const fedl_store_op *op = w->stores[0].op;
    if (w->before_store != NULL) {
        w->before_store(w, op);
    }
    w->store_count--;
    memmove(&w->stores[0], &w->stores[1], w->store_count * sizeof w->stores[0]);
    if (++w->store_serial == w->crash_at) {
        if (w->crash_applied) {
            assert_int_equal(w->store->ops->apply(w->store, op), FEDL_OK);
            remember(w, op);
        }
        world_restart(w);
        return;
    }
    if (w->store_serial == w->store_fail_at) {
        event.status = FEDL_ERR_NO_SPACE;
    } else {
        event.status = w->store->ops->apply(w->store, op);
        assert_int_equal(event.status, FEDL_OK);
        remember(w, op);
    }
    world_step_once(w, &event);
}

void world_store_all(world *w)
{
    while (w->store_count > 0) {
        world_store_one(w);
    }
}
