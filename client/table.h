/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of a device in memory: a table holds decoded rows, views say which of them a training run
 * sees.
 *
 *   file ──source_*──► fedl_table (decoded once, read-only, may be shared by threads and devices)
 *                           ▲    ▲
 *                     fedl_view  fedl_view     a few words each: the device's rows, or one part of
 *                      (train)    (eval)       the hold-out split
 *
 * Rows are decoded up front: one row of 784 pixels takes 784 bytes plus its target, and reading a
 * row during training is then one copy. Rejected: decoding on the fly from the mapped file. It
 * saves one byte per value for tables of text only, and moves every error in the data from the
 * opening into the middle of a training run.
 */
#ifndef FEDL_CLIENT_TABLE_H
#define FEDL_CLIENT_TABLE_H

#include "fedl/train.h"

#define FEDL_TABLE_ROWS_MAX  (1u << 28)
#define FEDL_TABLE_BYTES_MAX ((size_t)1 << 31)

typedef struct fedl_table {
    uint32_t row_count;
    uint32_t input_count;
    uint32_t target_count; /* per row: 1; 0 = no targets known */
    bool reconstruct;      /* targets are the inputs themselves (autoencoders) */
    int8_t input_exp;
    int8_t *inputs;   /* [row_count][input_count] mantissas */
    int32_t *targets; /* [row_count]: class index, or mantissa at FEDL_TARGET_EXP */
} fedl_table;

/**
 * An empty table with room for row_count rows. Errors: ERR_FULL (more than the limits above),
 * ERR_NO_MEMORY.
 */
FEDL_NODISCARD fedl_status fedl_table_create(fedl_table **table, uint32_t row_count,
                                             uint32_t input_count, bool targets);
/** Makes room for row_count rows, keeping what is there. Errors: as create; the table is unchanged
 * then. */
FEDL_NODISCARD fedl_status fedl_table_reserve(fedl_table *table, uint32_t row_count);
/**
 * Keeps only the rows of the list, in its order, and gives the rest of the memory back. Errors:
 * ERR_RANGE (a row that the table does not have, or no row at all), ERR_NO_MEMORY; the table is
 * unchanged then.
 */
FEDL_NODISCARD fedl_status fedl_table_keep(fedl_table *table, const uint32_t *rows,
                                           uint32_t row_count);
/** Frees the table; NULL is allowed. */
void fedl_table_destroy(fedl_table *table);

/* Some rows of a table in some order. Plain data; copy it, but keep it where its source points. */
typedef struct fedl_view {
    const fedl_table *table;
    const uint32_t *rows; /* list of table rows, or NULL = all; borrowed */
    uint32_t base_count;  /* rows in the list or in the table */
    uint32_t first;       /* this view = positions [first, first + row_count) … */
    uint32_t row_count;
    bool shuffled; /* … of the seeded permutation of the base rows */
    uint32_t seed;
} fedl_view;

/** Every row of the table, in order. */
void fedl_view_all(fedl_view *view, const fedl_table *table);

/**
 * Splits a device's rows into the part it trains on and the part it keeps for evaluation.
 *
 * The rows (list, or the whole table when rows is NULL) are permuted by fedli_shuffle_at() with the
 * seed fedli_device_seed(run_seed, 0, device_id): round 0 never trains, so no training shuffle has
 * the same seed. The LAST ⌊row_count · holdout_permille / 1000⌋ positions are held out. The split
 * is the same in every round. table and rows outlive both views.
 * Errors: ERR_RANGE (no row, a row outside the table, or permille above 500).
 */
FEDL_NODISCARD fedl_status fedl_view_split(fedl_view *train, fedl_view *eval,
                                           const fedl_table *table, const uint32_t *rows,
                                           uint32_t row_count, uint32_t run_seed,
                                           uint32_t device_id, uint32_t holdout_permille);

/** The source that training reads; view outlives it. Reading gives ERR_RANGE beyond the view and
 * ERR_STATE when the table has no targets. */
fedl_sample_source fedl_view_source(const fedl_view *view);

#endif
