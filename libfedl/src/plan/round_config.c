/* SPDX-License-Identifier: Apache-2.0 */
#include "fedl/plan.h"

/* Far above any use, far below any overflow: products with rows or milliseconds stay in 64 bits. */
#define ROUNDS_MAX    1000000u
#define SELECT_MAX    1000000u
#define ATTEMPTS_MAX  100u
#define DELAY_MS_MAX  604800000u /* 7 days: the longest delay that a message can carry */
#define SERVER_LR_MAX (16u << 16)

static bool in_range(uint32_t value, uint32_t low, uint32_t high)
{
    return value >= low && value <= high;
}

fedl_status fedl_round_config_check(const fedl_round_config *round, const fedl_plan *plan)
{
    /* Adaptive clipping multiplies it by up to FEDL_BOUND_FACTOR. */
    const uint32_t lr_max =
        plan->privacy.adaptive_clip ? SERVER_LR_MAX / FEDL_BOUND_FACTOR : SERVER_LR_MAX;
    const bool good =
        in_range(round->round_count, 1, ROUNDS_MAX) &&
        in_range(round->clients_goal, 1, plan->update.clients_max) &&
        in_range(round->reports_min, 1, round->clients_goal) &&
        in_range(round->select_count, round->clients_goal, SELECT_MAX) &&
        in_range(round->pool_min, round->select_count, SELECT_MAX) &&
        round->pool_timeout_ms <= DELAY_MS_MAX && in_range(round->deadline_ms, 1, DELAY_MS_MAX) &&
        in_range(round->attempt_max, 1, ATTEMPTS_MAX) && round->retry_ms <= DELAY_MS_MAX &&
        in_range(round->server_lr_q16, 1, lr_max) && round->agg_kind >= 1;
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}
