/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads for the heavy parts: local training and evaluation. The caller's thread is one of
 * the n threads: while it waits for a job it runs queued jobs itself, so n = 1 needs no thread at
 * all and n threads keep n cores busy.
 *
 * Results never depend on n: a job touches only its own memory, and the main loop looks at a result
 * only after it has waited for it at a fixed point of virtual time.
 */
#ifndef FEDL_SIM_POOL_H
#define FEDL_SIM_POOL_H

#include "fedl/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FEDL_SIM_THREADS_MAX 256u

typedef enum fedl_sim_job_state {
    FEDL_SIM_JOB_IDLE = 0, /* never submitted, or waited for */
    FEDL_SIM_JOB_QUEUED = 1,
    FEDL_SIM_JOB_RUNNING = 2,
    FEDL_SIM_JOB_DONE = 3,
} fedl_sim_job_state;

/* Lives in memory of the caller, at a fixed address, from submit until wait has returned. */
typedef struct fedl_sim_job {
    void (*run)(void *context);
    void *context;
    atomic_bool cancelled;    /* long jobs look at it now and then */
    fedl_sim_job_state state; /* guarded by the pool's lock */
    struct fedl_sim_job *next;
} fedl_sim_job;

typedef enum fedl_sim_priority {
    FEDL_SIM_URGENT = 1,  /* somebody will wait for it: training */
    FEDL_SIM_RELAXED = 2, /* fills the gaps: evaluation */
} fedl_sim_priority;

typedef struct fedl_sim_pool fedl_sim_pool;

/** Starts threads − 1 workers (1 ≤ threads ≤ FEDL_SIM_THREADS_MAX). Errors: ERR_RANGE,
 * ERR_NO_MEMORY, ERR_FULL (the system gives no more threads). */
FEDL_NODISCARD fedl_status fedl_sim_pool_create(fedl_sim_pool **pool, uint32_t threads);
/** Queues job; run(context) is called once, on any thread. The job must be IDLE. */
void fedl_sim_pool_submit(fedl_sim_pool *pool, fedl_sim_job *job, fedl_sim_priority priority);
/** Returns when job is done (at once if it is IDLE) and makes it IDLE. */
void fedl_sim_pool_wait(fedl_sim_pool *pool, fedl_sim_job *job);
/** As wait, but a job that has not begun never will, and one that runs sees cancelled. */
void fedl_sim_pool_cancel(fedl_sim_pool *pool, fedl_sim_job *job);
/** True when wait would return without running anything. */
bool fedl_sim_pool_is_done(fedl_sim_pool *pool, fedl_sim_job *job);
/** Ends the workers; no job may be queued or running. NULL is allowed. */
void fedl_sim_pool_destroy(fedl_sim_pool *pool);

/** Processors that this process may use, 1 … FEDL_SIM_THREADS_MAX. */
uint32_t fedl_sim_processor_count(void);

#endif
