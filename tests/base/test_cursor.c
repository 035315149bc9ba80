/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "cmocka_all.h"

#include <string.h>

static size_t write_all_kinds(uint8_t *buffer, size_t capacity, fedl_status *status)
{
    fedli_writer writer;
    size_t size = 0;
    fedli_writer_init(&writer, buffer, capacity);
    fedli_write_u8(&writer, 0xab);
    fedli_write_u16(&writer, 0x1234);
    fedli_write_u32(&writer, 0xdeadbeefu);
    fedli_write_u64(&writer, UINT64_C(0x0102030405060708));
    fedli_write_i8(&writer, -128);
    fedli_write_i32(&writer, INT32_MIN);
    fedli_write_i64(&writer, INT64_MIN);
    fedli_write_copy(&writer, "fedl", 4);
    *status = fedli_writer_end(&writer, &size);
    return size;
}

static void round_trip_and_layout(void **state)
{
    (void)state;
    uint8_t buffer[64];
    fedl_status status;
    const size_t size = write_all_kinds(buffer, sizeof buffer, &status);
    assert_int_equal(status, FEDL_OK);
    assert_int_equal(size, 32);
    assert_int_equal(buffer[1], 0x34);
    assert_int_equal(buffer[3], 0xef);

    fedli_reader reader;
    fedli_reader_init(&reader, fedl_bytes_of(buffer, size));
    assert_int_equal(fedli_read_u8(&reader), 0xab);
    assert_int_equal(fedli_read_u16(&reader), 0x1234);
    assert_int_equal(fedli_read_u32(&reader), 0xdeadbeefu);
    assert_true(fedli_read_u64(&reader) == UINT64_C(0x0102030405060708));
    assert_int_equal(fedli_read_i8(&reader), -128);
    assert_int_equal(fedli_read_i32(&reader), INT32_MIN);
    assert_true(fedli_read_i64(&reader) == INT64_MIN);
    assert_int_equal(fedli_reader_left(&reader), 4);
    const fedl_bytes view = fedli_read_view(&reader, 4);
    assert_memory_equal(view.data, "fedl", 4);
    assert_int_equal(fedli_reader_end(&reader), FEDL_OK);
}

static void every_short_buffer_fails_and_stays_failed(void **state)
{
    (void)state;
    uint8_t buffer[64];
    for (size_t capacity = 0; capacity < 32; capacity++) {
        fedl_status status;
        (void)write_all_kinds(buffer, capacity, &status);
        assert_int_equal(status, FEDL_ERR_SIZE);
    }
    fedli_reader reader;
    fedli_reader_init(&reader, fedl_bytes_of(buffer, 3));
    assert_int_equal(fedli_read_u32(&reader), 0);
    assert_int_equal(fedli_read_u8(&reader), 0);
    assert_int_equal(fedli_reader_left(&reader), 0);
    assert_int_equal(fedli_reader_end(&reader), FEDL_ERR_TRUNCATED);
    uint8_t copy[4] = {1, 2, 3, 4};
    fedli_read_copy(&reader, copy, sizeof copy);
    assert_int_equal(copy[0] | copy[1] | copy[2] | copy[3], 0);
}

static void bytes_left_over_are_an_error(void **state)
{
    (void)state;
    const uint8_t two[2] = {1, 2};
    fedli_reader reader;
    fedli_reader_init(&reader, fedl_bytes_of(two, 2));
    assert_int_equal(fedli_read_u8(&reader), 1);
    assert_int_equal(fedli_reader_end(&reader), FEDL_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_and_layout),
        cmocka_unit_test(every_short_buffer_fails_and_stays_failed),
        cmocka_unit_test(bytes_left_over_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
