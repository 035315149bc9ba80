/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "fedl/plan.h"

#include <string.h>

#define EXPECT(change, expected)                                                                   \
    do {                                                                                           \
        fedl_plan plan;                                                                            \
        memset(&plan, 0, sizeof plan);                                                             \
        plan.update.clients_max = 12;                                                              \
        fedl_round_config round = {20, 10, 5, 14, 16, 30000, 600000, 3, 10000, 65536, 1};          \
        change;                                                                                    \
        assert_int_equal(fedl_round_config_check(&round, &plan), expected);                        \
    } while (0)

static void every_limit_holds(void **state)
{
    (void)state;
    EXPECT((void)0, FEDL_OK);
    EXPECT(round.round_count = 0, FEDL_ERR_RANGE);
    EXPECT(round.round_count = 1000000, FEDL_OK);
    EXPECT(round.round_count = 1000001, FEDL_ERR_RANGE);
    EXPECT(round.clients_goal = 12, FEDL_OK);
    EXPECT(round.clients_goal = 13, FEDL_ERR_RANGE); /* above clients_max */
    EXPECT(round.clients_goal = 0, FEDL_ERR_RANGE);
    EXPECT(round.reports_min = 0, FEDL_ERR_RANGE);
    EXPECT(round.reports_min = 10, FEDL_OK);
    EXPECT(round.reports_min = 11, FEDL_ERR_RANGE);
    EXPECT(round.select_count = 10, FEDL_OK);
    EXPECT(round.select_count = 9, FEDL_ERR_RANGE);
    EXPECT(round.select_count = 17, FEDL_ERR_RANGE); /* above pool_min */
    EXPECT(round.pool_min = 14, FEDL_OK);
    EXPECT(round.pool_min = 13, FEDL_ERR_RANGE);
    EXPECT(round.pool_min = 1000001, FEDL_ERR_RANGE);
    EXPECT(round.pool_timeout_ms = 0, FEDL_OK);
    EXPECT(round.pool_timeout_ms = 604800001, FEDL_ERR_RANGE);
    EXPECT(round.deadline_ms = 0, FEDL_ERR_RANGE);
    EXPECT(round.deadline_ms = 604800000, FEDL_OK);
    EXPECT(round.deadline_ms = 604800001, FEDL_ERR_RANGE);
    EXPECT(round.attempt_max = 0, FEDL_ERR_RANGE);
    EXPECT(round.attempt_max = 100, FEDL_OK);
    EXPECT(round.attempt_max = 101, FEDL_ERR_RANGE);
    EXPECT(round.retry_ms = 0, FEDL_OK);
    EXPECT(round.retry_ms = 604800001, FEDL_ERR_RANGE);
    EXPECT(round.server_lr_q16 = 0, FEDL_ERR_RANGE);
    EXPECT(round.server_lr_q16 = 16u << 16, FEDL_OK);
    EXPECT(round.server_lr_q16 = (16u << 16) + 1, FEDL_ERR_RANGE);
    EXPECT(round.agg_kind = 0, FEDL_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
