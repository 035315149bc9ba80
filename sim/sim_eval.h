/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation of one published model on a whole table, in parts, on the worker threads. Integer
 * sums: the result does not depend on how the rows were cut.
 */
#ifndef FEDL_SIM_EVAL_H
#define FEDL_SIM_EVAL_H

#include "sim_pool.h"
#include "table.h"

typedef struct fedl_sim_eval fedl_sim_eval;

/**
 * Starts the evaluation of container (copied) on table (outlives the evaluation).
 * Errors: those of fedl_container_header_decode(), ERR_NO_MEMORY.
 */
FEDL_NODISCARD fedl_status fedl_sim_eval_begin(fedl_sim_eval **eval, fedl_sim_pool *pool,
                                               fedl_bytes container, const fedl_table *table);
/** True when end() would return at once. */
bool fedl_sim_eval_is_done(fedl_sim_eval *eval);
/** Waits for the result and frees eval. Errors: those of fedl_model_load() and
 * fedl_model_evaluate(). */
FEDL_NODISCARD fedl_status fedl_sim_eval_end(fedl_sim_eval *eval, fedl_eval_stats *stats);

/** accuracy 0 … 1, mean loss in nats or squared error; 0 for no rows. */
double fedl_sim_accuracy(const fedl_eval_stats *stats);
double fedl_sim_loss(const fedl_eval_stats *stats);

#endif
