/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of bench_dropout: the arithmetic of what a cell promises, and its experiment. */
#ifndef FEDL_BENCH_DROPOUT_H
#define FEDL_BENCH_DROPOUT_H

#include "sim_data.h"

#include "secagg/params.h"

#define DROPOUT_CLIENTS_MAX 1000u

/* One cell of the matrix: which step, how many devices, how many of them vanish there. */
typedef struct dropout_cell {
    uint32_t n;
    fedl_sim_phase step; /* READY, SHARES, MASKED, CONFIRM or UNMASK */
    uint32_t loss_permille;
    uint32_t delta_permille; /* of the plan: what k and t are made for */
    uint32_t gamma_permille;
    fedl_server_trust trust;
    uint32_t attempts; /* to be made */
    uint32_t seed;
} dropout_cell;

/* What (k, t) and min_cohort ask for, and how likely that is. */
typedef struct dropout_promise {
    fedli_params params;
    uint32_t cohort_min;
    uint32_t alive_min; /* complete graph: fewest devices that must be left after the step */
    bool complete;      /* the graph is: alive_min decides, and success is the binomial's tail */
    double success;     /* of an attempt; above 128 devices a lower bound (union bound) */
    double expected;    /* the same, or the share of random rings that succeed */
} dropout_promise;

/** Errors: ERR_RANGE: no k and t for this n, γ and δ. */
FEDL_NODISCARD fedl_status dropout_promise_make(dropout_promise *promise, const dropout_cell *cell);

/* The data of all cells: written once, to a folder of its own. */
typedef struct dropout_files {
    char folder[64];
    char plan_path[96];
} dropout_files;

#define DROPOUT_REASONS_MAX 6u

typedef struct dropout_result {
    uint32_t attempts;
    uint32_t committed; /* each compared with the plain sum, bit by bit */
    uint32_t aborted;
    uint32_t burnt;
    uint32_t lost; /* devices, over all attempts */
    uint32_t fewest_reports;
    uint32_t most_reports;
    uint32_t reason_count;
    struct {
        const char *text;
        uint32_t count;
    } reasons[DROPOUT_REASONS_MAX];
    double wall_s;
    char violation[FEDL_SIM_TEXT_BYTES]; /* empty: everything was as it must be */
} dropout_result;

/** Makes rows for client_count devices. False: text says why. */
bool dropout_files_make(dropout_files *files, uint32_t client_count,
                        char text[FEDL_SIM_TEXT_BYTES]);
void dropout_files_remove(const dropout_files *files);
/** Runs the cell in as many worlds as it takes; result->violation says what was wrong first. */
void dropout_cell_run(dropout_result *result, const dropout_cell *cell,
                      const dropout_promise *promise, const dropout_files *files);

#endif
