/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at every COMMIT of a task with central noise, on its way to the store: what was added to
 * the sum of world_vector() of its members, and with which key. One world at a time.
 */
#ifndef FEDL_TESTS_COORD_NOISE_H
#define FEDL_TESTS_COORD_NOISE_H

#include "coord_world.h"

#define NOISE_PARAMETERS (8u * 16u + 16u + 16u * 4u + 4u)
#define NOISE_SIGMA2_Q8  (30u * 30u << 8)
#define NOISE_ROUNDS_MAX 26u

/* By round; kept until noise_watch(). */
typedef struct noise_found {
    int64_t noise[NOISE_PARAMETERS]; /* of the last COMMIT that was handed over */
    uint8_t digest[32];              /* of its model */
    uint32_t tried;                  /* COMMITs handed over */
    uint8_t key[32];                 /* of the step that made the first of them */
} noise_found;

extern noise_found noise_of[NOISE_ROUNDS_MAX];
extern uint64_t noise_charge;          /* of a round of the plan below */
extern uint64_t noise_charged_at_sums; /* by GROUP_COMMITs */

/* Makes w's plan one with central noise, budget not set, and looks from here on. */
void noise_watch(world *w, uint32_t gamma_permille);
/* Noise found in a round, word for word that of its key: added, and added once. */
void noise_assert_one_draw(uint32_t round);
/* Rows of the ledger: each noise_charge, of rounds 1, 2, 3 … */
uint32_t noise_ledger_rows(world *w);
fedl_task_state noise_task_state(const world *w);

#endif
