/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run tells: one line per round on the terminal, NDJSON per round, one JSON object at the
 * end. It watches the world through its observers, evaluates published models on the test rows in
 * worker threads, and prints rounds in order as soon as their evaluation is there.
 */
#ifndef FEDL_SIM_MONITOR_H
#define FEDL_SIM_MONITOR_H

#include "sim_data.h"
#include "sim_eval.h"

/* Evaluations under way at most; beyond, the oldest is waited for. */
#define FEDL_SIM_EVALS_MAX 8u

/* One committed round. */
typedef struct fedl_sim_round {
    uint32_t round;
    uint32_t version;
    uint32_t attempt;
    fedl_round_metrics metrics;
    uint64_t rho_spent; /* by the task, when this round was committed */
    uint32_t bound_q16; /* adaptive clipping: of this round; else 0 */
    fedl_instant_ns at_ns;
    fedl_sim_eval *eval; /* under way */
    bool has_test;
    fedl_eval_stats test;
} fedl_sim_round;

typedef struct fedl_sim_monitor {
    const fedl_sim_data *data;
    bool quiet;
    FILE *curve; /* NDJSON, or NULL */
    fedl_sim_world *world;
    fedl_status status;       /* first error of an evaluation or of the curve file */
    fedl_status curve_status; /* first error of the curve file */

    fedl_sim_round *rounds; /* [round_count of the plan] */
    uint32_t round_count;   /* committed */
    uint32_t printed_count;
    uint32_t bound_q16; /* of the next round */
    uint8_t *model;     /* newest container */
    size_t model_bytes;
    bool has_test;
    fedl_eval_stats last_test;
    double best_accuracy;
    double best_loss;
    const char *end_reason; /* why the task ended before its last round; NULL: it did not */
} fedl_sim_monitor;

/** curve_path may be NULL. Errors: ERR_NO_MEMORY, ERR_IO (curve file). */
FEDL_NODISCARD fedl_status fedl_sim_monitor_init(fedl_sim_monitor *monitor,
                                                 const fedl_sim_data *data, bool quiet,
                                                 const char *curve_path,
                                                 char text[FEDL_SIM_TEXT_BYTES]);
/** The observers to put into fedl_sim_config.watch (keep_going is left to the caller). */
fedl_sim_watch fedl_sim_monitor_watch(fedl_sim_monitor *monitor);
/** Waits for the evaluations, evaluates the last model if it was not, prints what is left. Errors:
 * those of the evaluation, ERR_IO. Call before the world is destroyed. */
FEDL_NODISCARD fedl_status fedl_sim_monitor_finish(fedl_sim_monitor *monitor);
/** ε of ρ in FEDL_RHO_ONE units, with the plan's δ; NaN when the plan has no privacy. */
double fedl_sim_epsilon(const fedl_task_config *task, uint64_t rho);
/** ρ as a number; NaN when the plan has no privacy. */
double fedl_sim_rho(const fedl_task_config *task, uint64_t rho);
void fedl_sim_monitor_deinit(fedl_sim_monitor *monitor);

#endif
