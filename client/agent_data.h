/* SPDX-License-Identifier: Apache-2.0 */
/* The data of this device as a task wants it: opened at the first TRAIN, kept for the next rounds.
 */
#ifndef FEDL_CLIENT_AGENT_DATA_H
#define FEDL_CLIENT_AGENT_DATA_H

#include "agent_options.h"
#include "source.h"

typedef struct agent_data {
    fedl_table *table; /* NULL: nothing open */
    fedl_data_config *config;
    fedl_model_spec model; /* what it was opened for … */
    uint8_t text[FEDL_PLAN_DATA_BYTES_MAX];
    size_t text_size;
} agent_data;

/**
 * Opens the files of the options by the plan, unless that very data is open already. Errors: those
 * of fedl_plan_data_parse(), fedl_source_open(), fedl_partition_read(); text is one line.
 */
FEDL_NODISCARD fedl_status agent_data_open(agent_data *data, const agent_options *options,
                                           const fedl_plan *plan, bool labels_optional,
                                           char text[FEDL_SOURCE_TEXT_BYTES]);
void agent_data_close(agent_data *data);
/**
 * Looks at start-up whether the files that the options name can be read at all, so that a wrong
 * path is told at once and not when the first task comes, maybe days later. Errors: ERR_NOT_FOUND,
 * ERR_READ_ONLY (no permission), ERR_FORMAT (a folder), ERR_RANGE (a client that the partition does
 * not have), those of fedl_partition_read(); text is one line.
 */
FEDL_NODISCARD fedl_status agent_data_check(const agent_options *options,
                                            char text[FEDL_SOURCE_TEXT_BYTES]);

#endif
