/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "partition_file.h"
#include "scratch_file.h"

static char text[FEDL_SOURCE_TEXT_BYTES];

static void write_then_read_gives_the_same_rows(void **state)
{
    (void)state;
    const uint32_t client_of_row[] = {2, 0, FEDL_PARTITION_NOBODY, 2, 0, 2};
    fedl_partition made;
    fedl_partition back;
    assert_int_equal(fedl_partition_make(&made, client_of_row, 6, 4), FEDL_OK);
    const char *path = scratch_path("split.txt");
    assert_int_equal(fedl_partition_write(&made, path, text), FEDL_OK);
    assert_int_equal(fedl_partition_read(&back, path, text), FEDL_OK);
    assert_int_equal(back.row_count, 6);
    assert_int_equal(back.client_count, 4);
    const uint32_t *rows = NULL;
    uint32_t count = 0;
    assert_int_equal(fedl_partition_client(&back, &rows, &count, 2, 6, text), FEDL_OK);
    const uint32_t expected[] = {0, 3, 5};
    assert_int_equal(count, 3);
    assert_memory_equal(rows, expected, sizeof expected);
    assert_int_equal(fedl_partition_client(&back, &rows, &count, 0, 6, text), FEDL_OK);
    assert_int_equal(count, 2);

    assert_int_equal(fedl_partition_client(&back, &rows, &count, 1, 6, text), FEDL_ERR_RANGE);
    assert_non_null(strstr(text, "client 1"));
    assert_int_equal(fedl_partition_client(&back, &rows, &count, 4, 6, text), FEDL_ERR_RANGE);
    assert_non_null(strstr(text, "0 … 3"));
    assert_int_equal(fedl_partition_client(&back, &rows, &count, 0, 7, text), FEDL_ERR_MISMATCH);
    assert_non_null(strstr(text, "6 rows"));
    fedl_partition_free(&made);
    fedl_partition_free(&back);
}

static void make_checks_its_ranges(void **state)
{
    (void)state;
    const uint32_t client_of_row[] = {0, 3};
    fedl_partition made;
    assert_int_equal(fedl_partition_make(&made, client_of_row, 0, 1), FEDL_ERR_RANGE);
    assert_int_equal(fedl_partition_make(&made, client_of_row, 2, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_partition_make(&made, client_of_row, 2, 3), FEDL_ERR_RANGE);
    assert_int_equal(fedl_partition_make(&made, client_of_row, 2, FEDL_PARTITION_CLIENTS_MAX + 1u),
                     FEDL_ERR_RANGE);
}

static void damaged_files_say_where(void **state)
{
    (void)state;
    const struct {
        const char *content;
        fedl_status status;
        const char *names; /* part of the text */
    } cases[] = {
        {"", FEDL_ERR_FORMAT, ":1:"},
        {"hello\n", FEDL_ERR_FORMAT, "not a partition file"},
        {"fedl-partition 2 rows 1 clients 1\n0\n", FEDL_ERR_VERSION, "format 2"},
        {"fedl-partition 1 rows x clients 1\n0\n", FEDL_ERR_FORMAT, ":1:"},
        {"fedl-partition 1 rows 1 clients 1 0\n", FEDL_ERR_FORMAT, ":1:"},
        {"fedl-partition 1 rows 0 clients 1\n", FEDL_ERR_RANGE, "0 rows"},
        {"fedl-partition 1 rows 4294967294 clients 1\n0\n", FEDL_ERR_RANGE, "4294967294"},
        {"fedl-partition 1 rows 4294967299 clients 1\n0\n", FEDL_ERR_FORMAT, ":1:"},
        {"fedl-partition 1 rows 200000000 clients 1\n0\n", FEDL_ERR_TRUNCATED, "too short"},
        {"fedl-partition 1 rows 3 clients 2\n0\n1\n", FEDL_ERR_TRUNCATED, ":4:"},
        {"fedl-partition 1 rows 2 clients 2\n0\n1\n1\n", FEDL_ERR_FORMAT, ":4:"},
        {"fedl-partition 1 rows 2 clients 2\n0\n2\n", FEDL_ERR_RANGE, ":3:"},
        {"fedl-partition 1 rows 2 clients 2\nzero\n1\n", FEDL_ERR_FORMAT, ":2:"},
        {"fedl-partition 1 rows 2 clients 2\n0 1\n1\n", FEDL_ERR_FORMAT, ":2:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fedl_partition partition = {0};
        const char *path = scratch_text("damaged.txt", cases[i].content);
        assert_int_equal(fedl_partition_read(&partition, path, text), cases[i].status);
        assert_non_null(strstr(text, cases[i].names));
        assert_non_null(strstr(text, "damaged.txt"));
    }
    fedl_partition partition = {0};
    assert_int_equal(fedl_partition_read(&partition, scratch_path("none.txt"), text),
                     FEDL_ERR_NOT_FOUND);
    /* The last line may lack its end, and Windows may have written the file. */
    const char *path = scratch_text("crlf.txt", "fedl-partition 1 rows 2 clients 2\r\n0\r\n1");
    assert_int_equal(fedl_partition_read(&partition, path, text), FEDL_OK);
    fedl_partition_free(&partition);
    fedl_partition small = {0};
    const uint32_t zero[] = {0};
    assert_int_equal(fedl_partition_make(&small, zero, 1, 1), FEDL_OK);
    assert_int_equal(fedl_partition_write(&small, scratch_path("no/folder"), text),
                     FEDL_ERR_NOT_FOUND);
    fedl_partition_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_then_read_gives_the_same_rows),
        cmocka_unit_test(make_checks_its_ranges),
        cmocka_unit_test(damaged_files_say_where),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
