/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partition files: which row of a data set belongs to which client of an experiment. fedl-sim
 * writes them, `fedl-client run --rows FILE:K` reads client K's rows, so that both see the same
 * split.
 *
 *   fedl-partition 1 rows 60000 clients 10      the data's row count and the number of clients
 *   3                                           row 0 belongs to client 3
 *   -                                           row 1 belongs to nobody
 *   …                                           one line per row
 *
 * One line per row, not per client: no row can be given twice, and the order of a client's rows
 * (rising) needs no rule. Rejected: binary lists; they are no smaller once compressed and nobody
 * can look into them.
 */
#ifndef FEDL_CLIENT_PARTITION_FILE_H
#define FEDL_CLIENT_PARTITION_FILE_H

#include "source.h"

#define FEDL_PARTITION_CLIENTS_MAX 1000000u
#define FEDL_PARTITION_NOBODY      UINT32_MAX

/* Client c's rows are rows[first[c]] … rows[first[c + 1] − 1], rising. */
typedef struct fedl_partition {
    uint32_t row_count;
    uint32_t client_count;
    uint32_t *first; /* [client_count + 1] */
    uint32_t *rows;  /* [first[client_count]] */
} fedl_partition;

/**
 * Groups rows by client. client_of_row [row_count]: client index or FEDL_PARTITION_NOBODY; only
 * read. Errors: ERR_RANGE (counts outside their range, an index ≥ client_count), ERR_NO_MEMORY.
 */
FEDL_NODISCARD fedl_status fedl_partition_make(fedl_partition *partition,
                                               const uint32_t *client_of_row, uint32_t row_count,
                                               uint32_t client_count);
/** Reads a file; text says what is wrong with it. Errors: those of make, ERR_FORMAT,
 * ERR_TRUNCATED, ERR_VERSION, those of fedl_file_read(). */
FEDL_NODISCARD fedl_status fedl_partition_read(fedl_partition *partition, const char *path,
                                               char text[FEDL_SOURCE_TEXT_BYTES]);
/** Writes a file, whole or not at all. Errors: ERR_NO_MEMORY, those of fedl_file_replace(). */
FEDL_NODISCARD fedl_status fedl_partition_write(const fedl_partition *partition, const char *path,
                                                char text[FEDL_SOURCE_TEXT_BYTES]);
/** Frees the lists. */
void fedl_partition_free(fedl_partition *partition);

/**
 * Client's rows of a data set of row_count rows; *rows points into the partition.
 * Errors: ERR_RANGE (no such client, or it has no row), ERR_MISMATCH (the file is for another
 * number of rows); text says so.
 */
FEDL_NODISCARD fedl_status fedl_partition_client(const fedl_partition *partition,
                                                 const uint32_t **rows, uint32_t *count,
                                                 uint32_t client, uint32_t row_count,
                                                 char text[FEDL_SOURCE_TEXT_BYTES]);

#endif
