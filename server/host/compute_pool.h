/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one long computation of the coordinator, taking the masks off a sum, on libuv's threads: the
 * loop goes on answering devices meanwhile. A job is cut into equal parts; done comes on the loop's
 * thread when the last part is through. Rejected: one thread per job (a sum of a million
 * coordinates would use one core of many), threads of our own (libuv has a pool already).
 */
#ifndef FEDL_HOST_COMPUTE_POOL_H
#define FEDL_HOST_COMPUTE_POOL_H

#include "coord/coord.h"

#include <uv.h>

#define FEDL_COMPUTE_PARTS_MAX 16u

typedef struct fedl_compute_pool {
    uv_loop_t *loop;
    uint32_t parts;    /* 1 … FEDL_COMPUTE_PARTS_MAX */
    uint32_t jobs_out; /* submitted, and done not yet called */
    void (*run)(const fedl_compute_job *job, uint32_t part, uint32_t parts); /* on any thread */
    void (*done)(void *context, uint64_t ticket); /* on the loop's thread */
    void *context;
} fedl_compute_pool;

/** Parts for a setting: 0 = one for each CPU that is online; never more than PARTS_MAX. */
uint32_t fedl_compute_parts(uint32_t setting);
/** Gives libuv's pool as many threads, unless the environment says otherwise (UV_THREADPOOL_SIZE).
 * Call before any thread is started. */
void fedl_compute_reserve(uint32_t parts);
/**
 * Runs all parts of job, which must stay untouched until done. The loop stays alive meanwhile.
 * Errors: ERR_NO_MEMORY (nothing was started).
 */
FEDL_NODISCARD fedl_status fedl_compute_submit(fedl_compute_pool *pool, const fedl_compute_job *job,
                                               uint64_t ticket);

#endif
