/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coordinator and a few clients in one process, joined by function calls: no socket, no disk,
 * time jumps to the next deadline. For benchmarks that want the cost of the machines alone. The
 * time spent inside fedl_coord_step() is booked per kind of work.
 */
#ifndef FEDL_BENCH_INPROC_H
#define FEDL_BENCH_INPROC_H

#include "coord/coord.h"

#include <stdbool.h>

#define FEDL_INPROC_CLIENTS_MAX 64u

typedef struct fedl_inproc_config {
    const fedl_crypto *crypto;
    uint32_t client_count;
    fedl_plan plan;
    fedl_round_config round;
    fedl_sample_source rows; /* the same for every client */
} fedl_inproc_config;

typedef struct fedl_inproc_cost {
    uint64_t
        upload_ns; /* inside step() for large messages; the step that also publishes is not one */
    uint64_t upload_bytes; /* size of those messages */
    uint64_t other_ns;
    uint32_t version; /* newest version reached */
} fedl_inproc_cost;

/** Runs the task to its end. Exits the process with a line on stderr when anything fails:
 * benchmarks have no caller to tell. */
void fedl_inproc_run(const fedl_inproc_config *cfg, fedl_inproc_cost *cost);

#endif
