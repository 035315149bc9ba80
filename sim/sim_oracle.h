/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must have been committed: the oracle trains every counted device of a round again, without
 * network, machines, masks or crypto, adds the plain vectors, and compares tail, master and model
 * bit by bit. It also watches the ops of masked rounds: one sum per round, each device in it once.
 *
 * Plans whose devices add noise are not for it: their sums are not those of the updates.
 *
 * For tests and benchmarks; a run by fedl-sim does without, since it would train twice.
 */
#ifndef FEDL_SIM_ORACLE_H
#define FEDL_SIM_ORACLE_H

#include "sim_world.h"

typedef struct fedl_sim_oracle {
    const fedl_sim_config *cfg;
    fedl_master master;
    void *master_block;
    uint8_t *container; /* of the round under way */
    size_t container_bytes;
    uint32_t checked_rounds;
    uint32_t closed_round; /* newest with a masked sum; 0 = none */
    uint32_t *survivors;   /* [survivor_count] whose vectors are in that sum */
    uint32_t survivor_count;
    const char *text; /* what was wrong first */
} fedl_sim_oracle;

/** cfg outlives the oracle. */
void fedl_sim_oracle_init(fedl_sim_oracle *oracle, const fedl_sim_config *cfg);
/** To be shown every op that became durable, beginning with TASK_ADD. Errors: ERR_MISMATCH (text
 * says what differs), ERR_NO_MEMORY, those of training. */
FEDL_NODISCARD fedl_status fedl_sim_oracle_stored(fedl_sim_oracle *oracle, const fedl_store_op *op);
void fedl_sim_oracle_deinit(fedl_sim_oracle *oracle);

#endif
