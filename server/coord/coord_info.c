/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the coordinator between steps, for status pages. Only what is stored is shown. */
#include "base/check.h"
#include "coord/coord.h"
#include "coord/coord_state.h"

#include <string.h>

uint32_t fedl_coord_task_count(const fedl_coord *coord)
{
    const fedli_coord_state *c = coord->state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->task_count; i++) {
        count += c->tasks[i]->visible ? 1u : 0u;
    }
    return count;
}

/* The index-th task that is visible; index < fedl_coord_task_count(). */
static const fedli_task *visible_at(const fedli_coord_state *c, uint32_t index)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i]->visible && index-- == 0) {
            return c->tasks[i];
        }
    }
    return NULL;
}

void fedl_coord_task_at(const fedl_coord *coord, fedl_task_info *info, uint32_t index)
{
    const fedli_coord_state *c = coord->state;
    const fedli_task *t = visible_at(c, index);
    FEDLI_CHECK(t != NULL);
    memset(info, 0, sizeof *info);
    info->task_id = t->task_id;
    info->name = t->name;
    info->state = t->state;
    info->phase = t->phase;
    info->round = t->round < t->round_config.round_count ? t->round : t->round_config.round_count;
    info->attempt = t->attempt;
    info->round_count = t->round_config.round_count;
    info->version = t->model.version;
    info->digest = t->model.digest;
    info->pool_count = t->state == FEDL_TASK_RUNNING ? c->available_count : 0;
    info->member_count = t->member_count;
    info->report_count = t->accum.count;
    info->parameter_count = t->master.parameter_count;
    info->bound_q16 = t->model.bound_q16;
    info->masked = fedli_task_is_masked(t);
    if (t->masked.begun) {
        info->cohort_count = fedl_group_cohort(&t->masked.group);
        if (t->phase != FEDL_PHASE_RUNNING) {
            info->share_count = fedl_group_u2_count(&t->masked.group);
            info->survivor_count = fedl_group_u3_count(&t->masked.group);
        }
    }
}

uint32_t fedl_coord_device_count(const fedl_coord *coord)
{
    return coord->state->device_count;
}

void fedl_coord_device_at(const fedl_coord *coord, fedl_device_info *info, uint32_t index)
{
    const fedli_coord_state *c = coord->state;
    FEDLI_CHECK(index < c->device_count);
    const fedli_device *d = &c->devices[index];
    info->record = &d->record;
    info->connected = d->session != FEDLI_SESSION_NONE;
    info->seen_ns = d->seen_ns;
    info->report_count = d->report_count;
}

bool fedl_coord_device_excluded(const fedl_coord *coord, uint32_t device_index, uint32_t task_index)
{
    const fedli_coord_state *c = coord->state;
    FEDLI_CHECK(device_index < c->device_count && task_index < c->task_count);
    return (c->devices[device_index].excluded_tasks >> c->tasks[task_index]->masked.exclusion_bit &
            1u) != 0;
}

void fedl_coord_counters_read(const fedl_coord *coord, fedl_coord_counters *counters)
{
    *counters = coord->state->counters;
    counters->sessions_open = coord->state->live.count;
}
