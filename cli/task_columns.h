/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a task's row, shown by `status`, `task list` and `task show`. */
#ifndef FEDL_CLI_TASK_COLUMNS_H
#define FEDL_CLI_TASK_COLUMNS_H

#include "print.h"

extern const fedl_column fedl_task_columns[];
extern const size_t fedl_task_column_count;

#endif
