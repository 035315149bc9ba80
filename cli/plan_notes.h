/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator should know of a plan that is accepted: what it needs, and what was hardly
 * meant. The same sentences in words and in JSON. */
#ifndef FEDL_CLI_PLAN_NOTES_H
#define FEDL_CLI_PLAN_NOTES_H

#include "inih/plan_file.h"
#include "planner/plan_report.h"

#define FEDL_PLAN_NOTES_MAX 8u

typedef struct fedl_plan_notes {
    uint32_t count;
    char text[FEDL_PLAN_NOTES_MAX][320];
} fedl_plan_notes;

/** server_bytes: memory of the task on a server with default limits, 0 = it would not take it. */
void fedl_plan_notes_make(fedl_plan_notes *notes, const fedl_task_config *config,
                          const fedl_plan_report *report, uint64_t server_bytes);

#endif
