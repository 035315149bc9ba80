/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's report in words, for the operator's terminal. */
#ifndef FEDL_CLI_PLAN_WORDS_H
#define FEDL_CLI_PLAN_WORDS_H

#include "inih/plan_file.h"
#include "plan_notes.h"
#include "planner/plan_report.h"

/** Prints to standard output. server_bytes: memory of the task on the server, 0 = unknown. */
void fedl_plan_words(const fedl_task_config *config, const fedl_plan_report *report,
                     const fedl_plan_notes *notes, uint64_t server_bytes);

#endif
