/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "csv_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows as "a|b|c/d|e/": what a person would expect from the text. */
static fedl_status read_as_text(char *out, size_t out_bytes, const char *csv, char separator,
                                uint32_t *line)
{
    fedl_csv_reader *reader = calloc(1, sizeof *reader);
    char *copy = malloc(strlen(csv) + 1u); /* exact size: the sanitizer sees a byte too far */
    assert_non_null(reader);
    assert_non_null(copy);
    memcpy(copy, csv, strlen(csv) + 1u);
    fedl_csv_reader_init(reader, copy, strlen(csv), separator);
    bool more = true;
    size_t used = 0;
    fedl_status status = FEDL_OK;
    out[0] = 0;
    while ((status = fedl_csv_reader_row(reader, &more)) == FEDL_OK && more) {
        for (uint32_t i = 0; i < reader->cell_count; i++) {
            used += (size_t)snprintf(
                out + used, out_bytes - used, "%.*s%s", (int)reader->cells[i].size,
                (const char *)reader->cells[i].data, i + 1u < reader->cell_count ? "|" : "/");
        }
    }
    *line = status == FEDL_OK ? reader->row_line : reader->problem_line;
    free(copy);
    free(reader);
    return status;
}

static void rows_and_cells(void **state)
{
    (void)state;
    const struct {
        const char *csv;
        char separator;
        const char *expected;
    } cases[] = {
        {"", ',', ""},
        {"\n\r\n  \n", ',', ""},
        {"a,b\nc,d\n", ',', "a|b/c|d/"},
        {"a,b\r\nc,d", ',', "a|b/c|d/"},
        {"a;b,c;", ';', "a|b,c|/"},
        {"\xef\xbb\xbf"
         "a, b \n",
         ',', "a|b/"},
        {"\"a,b\",\"say \"\"x\"\"\"\n", ',', "a,b|say \"x\"/"},
        {"\"two\nlines\",2\n3,4\n", ',', "two\nlines|2/3|4/"},
        {"\"\",\"\"\"\"\n", ',', "|\"/"},
        {"\"a\" ,b\n", ',', "a|b/"},
        {"a\t\tb\n", '\t', "a||b/"},
        {"a\rb,c\n", ',', "a\rb|c/"},
        {",\n,", ',', "|/|/"},
        {"x,5\"\n", ',', "x|5\"/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[256];
        uint32_t line = 0;
        assert_int_equal(read_as_text(out, sizeof out, cases[i].csv, cases[i].separator, &line),
                         FEDL_OK);
        assert_string_equal(out, cases[i].expected);
    }
}

static void problems_name_their_line(void **state)
{
    (void)state;
    char out[256];
    uint32_t line = 0;
    assert_int_equal(read_as_text(out, sizeof out, "a,b\n\"x\"y,1\n", ',', &line), FEDL_ERR_FORMAT);
    assert_int_equal(line, 2);
    assert_int_equal(read_as_text(out, sizeof out, "a\nb\n\"open\nstill\n", ',', &line),
                     FEDL_ERR_TRUNCATED);
    assert_int_equal(line, 3);
    char *wide = malloc(FEDL_CSV_CELLS_MAX + 8u);
    assert_non_null(wide);
    memset(wide, ',', FEDL_CSV_CELLS_MAX + 7u);
    wide[FEDL_CSV_CELLS_MAX + 7u] = 0;
    assert_int_equal(read_as_text(out, sizeof out, wide, ',', &line), FEDL_ERR_FULL);
    assert_int_equal(line, 1);
    free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_cells),
        cmocka_unit_test(problems_name_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
