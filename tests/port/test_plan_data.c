/* SPDX-License-Identifier: Apache-2.0 */
/* The [data] section: normalised lines and back. */
#include "cmocka_all.h"

#include "inih/plan_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fedl_task_config config;
static fedl_data_config data;
static fedl_plan_error error;

/* Parses a plan with these [data] lines and these numbers of inputs and outputs. */
static fedl_status parse_plan(const char *lines, const char *layers)
{
    char *text = (char *)malloc(FEDL_PLAN_TEXT_BYTES_MAX);
    const int size =
        snprintf(text, FEDL_PLAN_TEXT_BYTES_MAX,
                 "[task]\nname = t\n[model]\n%slayers = %s\n[round]\nrounds = 1\n"
                 "clients = 1\n[aggregation]\nmode = plain\n[data]\n%s",
                 strncmp(lines, "format = idx", 12) == 0 ? "inputs = 4\n" : "", layers, lines);
    assert_true(size > 0 && (size_t)size < FEDL_PLAN_TEXT_BYTES_MAX);
    const fedl_status status =
        fedl_plan_file_parse(&config, fedl_bytes_of(text, (size_t)size), NULL, 0, &error);
    free(text);
    return status;
}

/* What the plan carries gives the same struct on the device, and from it the same lines. */
static void assert_comes_back(void)
{
    char again[FEDL_PLAN_DATA_BYTES_MAX + 1];
    assert_int_equal(fedl_plan_data_parse(&data, config.plan.data, &error), FEDL_OK);
    assert_memory_equal(&data, &config.data, sizeof data);
    assert_int_equal(plan_data_write(again, sizeof again, &data), config.plan.data.size);
    assert_memory_equal(again, config.plan.data.data, config.plan.data.size);
}

static void idx_comes_back(void **state)
{
    (void)state;
    assert_int_equal(parse_plan("format = idx\n", "dense 3"), FEDL_OK);
    assert_comes_back();
}

static void csv_comes_back(void **state)
{
    (void)state;
    static const char expected[] = "format = csv\nheader = yes\nseparator = tab\nlabel = y = z\n"
                                   "classes = one,two,three words\ncolumn a b = 1.5e2, 2\n"
                                   "column c = -.5, 3\n";
    assert_int_equal(parse_plan("separator =  tab\ncolumn   a b =1.5e2,2 ; wide\n"
                                "classes = one , two,  three words\nlabel = y = z\n"
                                "column c = -.5,3\nformat = csv\n",
                                "dense 3"),
                     FEDL_OK);
    assert_int_equal(config.plan.data.size, strlen(expected));
    assert_memory_equal(config.plan.data.data, expected, strlen(expected));
    assert_comes_back();
    assert_int_equal(parse_plan("format = csv\nheader = no\nseparator = space\nlabel = #1\n"
                                "column #0 = 0, 1\n",
                                "dense 2"),
                     FEDL_OK);
    assert_comes_back();
}

static void the_largest_tables_come_back(void **state)
{
    (void)state;
    char *lines = (char *)malloc(FEDL_PLAN_TEXT_BYTES_MAX);
    const int head = snprintf(lines, 64, "format = csv\nlabel = y\n");
    size_t used = (size_t)head;
    for (uint32_t i = 0; i < FEDL_DATA_COLUMNS_MAX; i++) {
        const int n = snprintf(lines + used, 64, "column c%03u = 12.345, 6.789\n", i);
        used += (size_t)n;
    }
    assert_int_equal(parse_plan(lines, "dense 2"), FEDL_OK);
    assert_int_equal(config.data.column_count, FEDL_DATA_COLUMNS_MAX);
    assert_int_equal(config.plan.model.input_count, FEDL_DATA_COLUMNS_MAX);
    assert_comes_back();
    (void)snprintf(lines + used, 64, "column one_more = 1, 1\n");
    assert_int_equal(parse_plan(lines, "dense 2"), FEDL_ERR_FULL);
    assert_string_equal(error.text, "more than 256 columns");

    /* Few enough columns, but too many bytes. */
    used = (size_t)head;
    for (uint32_t i = 0; i < 200; i++) {
        const int n =
            snprintf(lines + used, 96, "column a_rather_long_name_%03u = 12.345, 6.789\n", i);
        used += (size_t)n;
    }
    assert_int_equal(parse_plan(lines, "dense 2"), FEDL_ERR_FULL);
    assert_string_equal(error.text,
                        "[data] takes more than 8192 bytes: fewer columns or shorter names");
    free(lines);
}

/* The limit is exact: 8,192 bytes fit, one more does not. */
static void the_data_text_limit_is_exact(void **state)
{
    (void)state;
    assert_int_equal(parse_plan("format = csv\nlabel = y\ncolumn a = 0, 1\n", "dense 2"), FEDL_OK);
    const size_t size = config.plan.data.size;
    char text[128];
    assert_int_equal(plan_data_write(text, size + 1, &config.data), size);
    assert_int_equal(plan_data_write(text, size, &config.data), 0);
}

static void device_side_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
        const char *expected;
    } rows[] = {
        {"", 0, "'format' in [data] is missing"},
        {"format = idx\n[train]\n", 2, "no sections here"},
        {"format = idx\nlabel = x\n", 2, "'label' in [data] needs format = csv"},
        {"format = idx\nlr = 1\n", 2, "unknown key 'lr' in [data]; it belongs to [train]"},
        {"format = csv\ncolumn a = 0, 1\n", 0, "'label' in [data] is missing"},
        {"format = csv\nlabel = y\n", 0, "[data] has no 'column NAME = MEAN, SCALE'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const fedl_bytes text = fedl_bytes_of(rows[i].text, strlen(rows[i].text));
        assert_int_equal(fedl_plan_data_parse(&data, text, &error), FEDL_ERR_FORMAT);
        assert_string_equal(error.text, rows[i].expected);
        assert_int_equal(error.line, rows[i].line);
    }
}

static void every_prefix_and_every_flipped_bit_is_safe(void **state)
{
    (void)state;
    static const char lines[] = "format = csv\nheader = yes\nseparator = comma\nlabel = y\n"
                                "classes = a,b\ncolumn one = 1.5, 2\ncolumn two = -3e1, 0.25\n";
    const size_t size = sizeof lines - 1;
    char *copy = (char *)malloc(size);
    memcpy(copy, lines, size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        if (fedl_plan_data_parse(&data, fedl_bytes_of(copy, size), &error) == FEDL_OK) {
            /* Whatever is accepted survives being normalised. */
            char text[FEDL_PLAN_DATA_BYTES_MAX + 1];
            fedl_data_config *again = (fedl_data_config *)calloc(1, sizeof *again);
            const size_t text_size = plan_data_write(text, sizeof text, &data);
            assert_int_equal(fedl_plan_data_parse(again, fedl_bytes_of(text, text_size), &error),
                             FEDL_OK);
            assert_memory_equal(again, &data, sizeof data);
            free(again);
        } else {
            assert_true(error.text[0] != '\0');
        }
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t cut = 0; cut < size; cut++) {
        char *exact = (char *)malloc(cut + 1);
        memcpy(exact + 1, lines, cut);
        (void)!fedl_plan_data_parse(&data, fedl_bytes_of(exact + 1, cut), &error);
        free(exact);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_comes_back),
        cmocka_unit_test(csv_comes_back),
        cmocka_unit_test(the_largest_tables_come_back),
        cmocka_unit_test(the_data_text_limit_is_exact),
        cmocka_unit_test(device_side_errors),
        cmocka_unit_test(every_prefix_and_every_flipped_bit_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
