/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training without federation, with the very same integer arithmetic: what a plan's model reaches
 * when all rows lie in one place, or when a client has only its own.
 */
#ifndef FEDL_SIM_LOCAL_H
#define FEDL_SIM_LOCAL_H

#include "fedl/plan.h"
#include "sim_pool.h"
#include "table.h"

/* One training run as a job of the pool. */
typedef struct fedl_sim_local {
    fedl_sim_job job;
    const fedl_plan *plan;
    fedl_sample_source source; /* rows to train on */
    const fedl_table *test;    /* rows to evaluate on afterwards */
    uint32_t epochs;
    fedl_train_seed seed;
    fedl_eval_stats stats; /* of the test rows */
    fedl_status status;    /* ERR_CANCELLED, ERR_DIVERGED, those of training */
} fedl_sim_local;

/** Queues the run; every field up to seed is set by the caller. FedProx does not apply: there is
 * nothing to stay near to. */
void fedl_sim_local_submit(fedl_sim_local *local, fedl_sim_pool *pool);

/* The training parts of several clients, one after the other. */
typedef struct fedl_sim_union {
    const fedl_view *views; /* [count] */
    uint32_t count;
    uint32_t
        *first; /* [count + 1] row of the union at which each view begins; owned by the caller */
} fedl_sim_union;

/** The source over a union whose first[] was filled; the union outlives it. */
fedl_sample_source fedl_sim_union_source(const fedl_sim_union *rows);

#endif
