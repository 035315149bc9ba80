/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/rng.h"
#include "table.h"

static fedl_table *make(uint32_t rows)
{
    fedl_table *table = NULL;
    assert_int_equal(fedl_table_create(&table, rows, 3, true), FEDL_OK);
    table->row_count = rows;
    for (uint32_t i = 0; i < rows; i++) {
        for (uint32_t k = 0; k < 3; k++) {
            table->inputs[i * 3 + k] = (int8_t)(i + k);
        }
        table->targets[i] = (int32_t)i;
    }
    return table;
}

static int32_t target_at(const fedl_sample_source *source, uint32_t row)
{
    int8_t input[3] = {0};
    int32_t target = -1;
    assert_int_equal(source->read(source->context, row, input, &target), FEDL_OK);
    assert_int_equal(input[2], target + 2);
    return target;
}

static void split_holds_every_row_once(void **state)
{
    (void)state;
    fedl_table *table = make(101);
    fedl_view train;
    fedl_view eval;
    assert_int_equal(fedl_view_split(&train, &eval, table, NULL, 0, 7, 3, 200), FEDL_OK);
    assert_int_equal(train.row_count, 81);
    assert_int_equal(eval.row_count, 20);
    const fedl_sample_source parts[2] = {fedl_view_source(&train), fedl_view_source(&eval)};
    uint8_t seen[101] = {0};
    for (uint32_t p = 0; p < 2; p++) {
        for (uint32_t i = 0; i < parts[p].row_count; i++) {
            seen[target_at(&parts[p], i)]++;
        }
    }
    for (uint32_t i = 0; i < 101; i++) {
        assert_int_equal(seen[i], 1);
    }
    /* The last positions of the documented shuffle are the ones held out. */
    const uint32_t seed = fedli_device_seed(7, 0, 3);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(target_at(&parts[1], i), fedli_shuffle_at(seed, 81 + i, 101));
    }
    fedl_table_destroy(table);
}

static void split_depends_on_run_and_device_only(void **state)
{
    (void)state;
    fedl_table *table = make(100);
    fedl_view train;
    fedl_view a;
    fedl_view b;
    uint32_t differing = 0;
    for (uint32_t device = 1; device <= 2; device++) {
        assert_int_equal(fedl_view_split(&train, &a, table, NULL, 0, 9, device, 500), FEDL_OK);
        assert_int_equal(fedl_view_split(&train, &b, table, NULL, 0, 9, 1, 500), FEDL_OK);
        const fedl_sample_source sa = fedl_view_source(&a);
        const fedl_sample_source sb = fedl_view_source(&b);
        uint32_t count = 0;
        for (uint32_t i = 0; i < 50; i++) {
            count += target_at(&sa, i) != target_at(&sb, i) ? 1u : 0u;
        }
        if (device == 1) {
            assert_int_equal(count, 0);
        }
        differing = count;
    }
    assert_true(differing > 25);
    fedl_table_destroy(table);
}

static void subset_is_respected(void **state)
{
    (void)state;
    fedl_table *table = make(50);
    const uint32_t rows[] = {4, 40, 7, 9};
    fedl_view train;
    fedl_view eval;
    assert_int_equal(fedl_view_split(&train, &eval, table, rows, 4, 1, 1, 250), FEDL_OK);
    assert_int_equal(train.row_count, 3);
    assert_int_equal(eval.row_count, 1);
    const fedl_sample_source parts[2] = {fedl_view_source(&train), fedl_view_source(&eval)};
    int32_t sum = target_at(&parts[1], 0);
    for (uint32_t i = 0; i < 3; i++) {
        sum += target_at(&parts[0], i);
    }
    assert_int_equal(sum, 60);

    /* A list and the table cut down to the list are the same device. */
    fedl_table *cut = make(50);
    assert_int_equal(fedl_table_keep(cut, rows, 4), FEDL_OK);
    assert_int_equal(cut->row_count, 4);
    fedl_view cut_train;
    assert_int_equal(fedl_view_split(&cut_train, &eval, cut, NULL, 0, 1, 1, 250), FEDL_OK);
    const fedl_sample_source cut_source = fedl_view_source(&cut_train);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(target_at(&cut_source, i), target_at(&parts[0], i));
    }
    fedl_table_destroy(cut);
    fedl_table_destroy(table);
}

static void errors(void **state)
{
    (void)state;
    fedl_table *table = NULL;
    assert_int_equal(fedl_table_create(&table, FEDL_TABLE_ROWS_MAX + 1u, 1, false), FEDL_ERR_FULL);
    assert_int_equal(fedl_table_create(&table, 1u << 27, 65536, false), FEDL_ERR_FULL);
    assert_null(table);
    table = make(10);
    assert_int_equal(fedl_table_reserve(table, FEDL_TABLE_ROWS_MAX + 1u), FEDL_ERR_FULL);
    fedl_view train;
    fedl_view eval;
    const uint32_t outside[] = {3, 10};
    assert_int_equal(fedl_view_split(&train, &eval, table, outside, 2, 1, 1, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_view_split(&train, &eval, table, outside, 0, 1, 1, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_view_split(&train, &eval, table, outside, 1, 1, 1, 501), FEDL_ERR_RANGE);
    assert_int_equal(fedl_table_keep(table, outside, 2), FEDL_ERR_RANGE);
    assert_int_equal(fedl_table_keep(table, outside, 0), FEDL_ERR_RANGE);
    assert_int_equal(table->row_count, 10);

    fedl_view all;
    fedl_view_all(&all, table);
    const fedl_sample_source source = fedl_view_source(&all);
    int8_t input[3];
    int32_t target = 5;
    assert_int_equal(source.read(source.context, 10, input, &target), FEDL_ERR_RANGE);
    table->target_count = 0;
    assert_int_equal(source.read(source.context, 0, input, &target), FEDL_ERR_STATE);
    assert_int_equal(target, 5);
    fedl_table_destroy(table);
    fedl_table_destroy(NULL);
}

static void reconstruction_scales_inputs_to_targets(void **state)
{
    (void)state;
    fedl_table *table = make(4);
    table->reconstruct = true;
    table->input_exp = -5;
    fedl_view all;
    fedl_view_all(&all, table);
    const fedl_sample_source source = fedl_view_source(&all);
    int8_t input[3];
    int32_t target[3];
    assert_int_equal(source.read(source.context, 2, input, target), FEDL_OK);
    for (uint32_t k = 0; k < 3; k++) {
        assert_int_equal(target[k], (int32_t)(2 + k) * 2048); /* m · 2^−5 = (m · 2^11) · 2^−16 */
    }
    fedl_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_holds_every_row_once),
        cmocka_unit_test(split_depends_on_run_and_device_only),
        cmocka_unit_test(subset_is_respected),
        cmocka_unit_test(errors),
        cmocka_unit_test(reconstruction_scales_inputs_to_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
