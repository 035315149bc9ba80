/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Every part is one request of libuv; the last one to come back ends the job. */
#include "host/compute_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct job_state job_state;

typedef struct job_part {
    uv_work_t work; /* data points back here */
    job_state *state;
    uint32_t index;
} job_part;

struct job_state {
    fedl_compute_pool *pool;
    const fedl_compute_job *job;
    uint64_t ticket;
    uint32_t left; /* touched on the loop's thread only */
    uint32_t parts;
    job_part part[];
};

uint32_t fedl_compute_parts(uint32_t setting)
{
    long online = setting != 0 ? (long)setting : sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 1) {
        return 1;
    }
    return online < (long)FEDL_COMPUTE_PARTS_MAX ? (uint32_t)online : FEDL_COMPUTE_PARTS_MAX;
}

void fedl_compute_reserve(uint32_t parts)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", (unsigned)parts);
    (void)setenv("UV_THREADPOOL_SIZE", text, 0);
}

static void part_run(uv_work_t *work)
{
    const job_part *part = work->data;
    part->state->pool->run(part->state->job, part->index, part->state->parts);
}

static void part_done(uv_work_t *work, int status)
{
    const job_part *part = work->data;
    job_state *state = part->state;
    (void)status; /* ECANCELED only: nobody cancels */
    state->left--;
    if (state->left > 0) {
        return;
    }
    fedl_compute_pool *pool = state->pool;
    const uint64_t ticket = state->ticket;
    free(state);
    pool->jobs_out--;
    pool->done(pool->context, ticket);
}

fedl_status fedl_compute_submit(fedl_compute_pool *pool, const fedl_compute_job *job,
                                uint64_t ticket)
{
    job_state *state = calloc(1, sizeof *state + pool->parts * sizeof state->part[0]);
    if (state == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    state->pool = pool;
    state->job = job;
    state->ticket = ticket;
    state->left = pool->parts;
    state->parts = pool->parts;
    pool->jobs_out++;
    for (uint32_t i = 0; i < pool->parts; i++) {
        state->part[i].state = state;
        state->part[i].index = i;
        state->part[i].work.data = &state->part[i];
        /* Fails for a missing callback only. */
        (void)uv_queue_work(pool->loop, &state->part[i].work, part_run, part_done);
    }
    return FEDL_OK;
}
