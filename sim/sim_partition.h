/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which rows of a table: IID or Dirichlet(α) over the class labels. Every row belongs to
 * exactly one client, and every client has at least rows_min rows. The result has the form that
 * client/partition_file.h writes and reads.
 *
 * The Dirichlet split is that of Li et al. 2022 ("Federated Learning on Non-IID Data Silos",
 * NIID-Bench), which most published figures use: class by class, proportions over the clients are
 * drawn from Dir(α), clients that already have their share of rows get none, and the class's
 * shuffled rows are cut accordingly; the whole draw is repeated until every client has rows_min.
 *
 * It needs log, sqrt and pow, whose last bits differ between C libraries. That is why a partition
 * is computed once, into a file that simulator and clients read (docs/simulator.md), and why it
 * lives here and not in the core.
 */
#ifndef FEDL_SIM_PARTITION_H
#define FEDL_SIM_PARTITION_H

#include "partition_file.h"

#include <stdio.h>

/* Fewest rows that a client may end up with, whatever the batch size. */
#define FEDL_SIM_ROWS_MIN 10u

typedef struct fedl_sim_partition_config {
    uint32_t client_count; /* ≥ 1 */
    uint32_t row_count;    /* of the table, < 2^30 */
    uint32_t rows_min;     /* fewest rows per client */
    uint32_t seed;
    double alpha;           /* > 0: Dirichlet; 0: IID */
    const int32_t *classes; /* [row_count], in [0, class_count); only read for Dirichlet */
    uint32_t class_count;
} fedl_sim_partition_config;

/**
 * Makes a partition; the caller frees it with fedl_partition_free().
 * Errors: ERR_RANGE (no clients, no rows, α not positive, a class outside its range),
 * ERR_UNSUPPORTED (Dirichlet without classes), ERR_FULL (too few rows, or no draw gave every client
 * rows_min), ERR_NO_MEMORY.
 */
FEDL_NODISCARD fedl_status fedl_sim_partition_make(fedl_partition *partition,
                                                   const fedl_sim_partition_config *cfg);

/** Prints rows per client and their labels as a table (the first 20 clients and a summary); classes
 * may be NULL. */
void fedl_sim_partition_print(FILE *out, const fedl_partition *partition, const int32_t *classes,
                              uint32_t class_count);

#endif
