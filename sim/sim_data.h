/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of fedl-sim starts with: the plan, the tables it names and the partition.
 * Every error becomes one line with its remedy in text.
 */
#ifndef FEDL_SIM_DATA_H
#define FEDL_SIM_DATA_H

#include "sim_partition.h"
#include "sim_world.h"

typedef struct fedl_sim_data {
    const char *plan_path;
    fedl_task_config *task;
    uint8_t *plan_text; /* the file as it is */
    size_t plan_bytes;
    fedl_table *train;
    fedl_table *test; /* NULL: the plan names none */
    fedl_partition partition;
} fedl_sim_data;

/**
 * Reads the plan with the overrides ("section.key=value") on top. data starts zeroed.
 * Errors: those of fedl_plan_file_parse(), ERR_NOT_FOUND, ERR_IO, ERR_NO_MEMORY.
 */
FEDL_NODISCARD fedl_status fedl_sim_data_plan(fedl_sim_data *data, const char *path,
                                              const fedl_plan_override *overrides,
                                              size_t override_count,
                                              char text[FEDL_SIM_TEXT_BYTES]);
/** Loads training rows, and test rows if with_test and the plan names them. Errors: those of
 * fedl_source_open(). */
FEDL_NODISCARD fedl_status fedl_sim_data_tables(fedl_sim_data *data, bool with_test,
                                                char text[FEDL_SIM_TEXT_BYTES]);
/** Reads the partition from path, or computes it when path is NULL. Errors: those of
 * fedl_partition_read() and fedl_sim_partition_make(), ERR_MISMATCH (file and plan differ). */
FEDL_NODISCARD fedl_status fedl_sim_data_partition(fedl_sim_data *data, const char *path,
                                                   char text[FEDL_SIM_TEXT_BYTES]);
/** Class labels of the training rows, NULL for regression; *class_count only for classes. */
const int32_t *fedl_sim_data_classes(const fedl_sim_data *data, uint32_t *class_count);
void fedl_sim_data_close(fedl_sim_data *data);

#endif
