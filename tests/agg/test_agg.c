/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/agg.h"

#include "agg_fixture.h"
#include "cmocka_all.h"

static void rows_are_found_by_kind_and_by_name(void **state)
{
    (void)state;
    const fedl_agg_ops *ops = fedl_agg_find(FEDL_AGG_FEDAVG);
    assert_non_null(ops);
    assert_string_equal(ops->name, "fedavg");
    assert_int_equal(ops->kind, FEDL_AGG_FEDAVG);
    assert_ptr_equal(fedl_agg_find_name("fedavg"), ops);
    assert_null(fedl_agg_find((fedl_agg_kind)0));
    assert_null(fedl_agg_find((fedl_agg_kind)99));
    assert_null(fedl_agg_find_name("fedav"));
    assert_null(fedl_agg_find_name("fedavg "));
    assert_null(fedl_agg_find_name(""));
}

static void check_names_every_refusal(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 4, 3);
    const fedl_agg_config good = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16, -12};
    fx.accum.count = 4;
    fx.accum.tail[FEDL_TAIL_WEIGHT] = 4;
    assert_int_equal(fedl_agg_check(&good, &fx.master, &fx.accum), FEDL_OK);
    fx.accum.tail[FEDL_TAIL_WEIGHT] = 12;
    assert_int_equal(fedl_agg_check(&good, &fx.master, &fx.accum), FEDL_OK);

    const uint64_t lies[5] = {0, 3, 13, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        fx.accum.tail[FEDL_TAIL_WEIGHT] = lies[i];
        assert_int_equal(fedl_agg_check(&good, &fx.master, &fx.accum), FEDL_ERR_RANGE);
    }
    fx.accum.tail[FEDL_TAIL_WEIGHT] = 4;
    fedl_agg_config bad[4] = {good, good, good, good};
    bad[0].server_lr_q16 = 0;
    bad[1].server_lr_q16 = FEDL_SERVER_LR_MAX_Q16 + 1;
    bad[2].update_exp = FEDL_UPDATE_EXP_MIN - 1;
    bad[3].update_exp = FEDL_UPDATE_EXP_MAX + 1;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fedl_agg_check(&bad[i], &fx.master, &fx.accum), FEDL_ERR_RANGE);
    }
    fx.accum.parameter_count--;
    assert_int_equal(fedl_agg_check(&good, &fx.master, &fx.accum), FEDL_ERR_MISMATCH);
    fx.accum.parameter_count++;
    fx.accum.count = 0;
    fx.accum.tail[FEDL_TAIL_WEIGHT] = 0;
    assert_int_equal(fedl_agg_check(&good, &fx.master, &fx.accum), FEDL_ERR_RANGE);
    agg_fixture_free(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_kind_and_by_name),
        cmocka_unit_test(check_names_every_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
