/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "posix/durable_file.h"
#include "scratch_file.h"

#include <sys/stat.h>
#include <unistd.h>

static void replace_then_read(void **state)
{
    (void)state;
    const char *path = scratch_path("key");
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(fedl_file_replace(path, fedl_bytes_of("first", 5), 0600), FEDL_OK);
    assert_int_equal(fedl_file_replace(path, fedl_bytes_of("second!", 7), 0600), FEDL_OK);
    assert_int_equal(fedl_file_read(&data, &size, path, 100), FEDL_OK);
    assert_int_equal(size, 7);
    assert_string_equal((const char *)data, "second!");
    free(data);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(access(scratch_path("key.tmp"), F_OK), -1);
}

static void left_over_temporary_does_not_disturb(void **state)
{
    (void)state;
    (void)scratch_text("state.tmp", "half a fi");
    assert_int_equal(fedl_file_replace(scratch_path("state"), fedl_bytes_of("whole", 5), 0600),
                     FEDL_OK);
    assert_int_equal(access(scratch_path("state.tmp"), F_OK), -1);
}

static void errors_keep_the_old_content(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(fedl_file_replace(scratch_path("no/such/folder"), fedl_bytes_of("x", 1), 0600),
                     FEDL_ERR_NOT_FOUND);
    char *longest = malloc(6000);
    assert_non_null(longest);
    memset(longest, 'a', 5999);
    longest[5999] = 0;
    assert_int_equal(fedl_file_replace(longest, fedl_bytes_of("x", 1), 0600), FEDL_ERR_RANGE);
    free(longest);
    /* A folder in the way of the rename. */
    assert_int_equal(mkdir(scratch_path("folder"), 0700), 0);
    assert_int_not_equal(fedl_file_replace(scratch_path("folder"), fedl_bytes_of("x", 1), 0600),
                         FEDL_OK);
    assert_int_equal(access(scratch_path("folder.tmp"), F_OK), -1);

    assert_int_equal(fedl_file_read(&data, &size, scratch_path("none"), 10), FEDL_ERR_NOT_FOUND);
    assert_int_equal(fedl_file_read(&data, &size, scratch_path("folder"), 10), FEDL_ERR_FORMAT);
    (void)scratch_text("eleven", "0123456789x");
    assert_int_equal(fedl_file_read(&data, &size, scratch_path("eleven"), 10), FEDL_ERR_FULL);
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    assert_int_equal(fedl_file_read(&data, &size, scratch_path("pipe"), 10), FEDL_ERR_FORMAT);
    if (geteuid() != 0) {
        assert_int_equal(chmod(scratch_path("eleven"), 0), 0);
        assert_int_equal(fedl_file_read(&data, &size, scratch_path("eleven"), 20),
                         FEDL_ERR_READ_ONLY);
    }
    assert_null(data);
}

static void parts_of_a_file(void **state)
{
    (void)state;
    uint8_t part[4];
    int fd = -1;
    size_t size = 0;
    const char *path = scratch_write("parts", "0123456789", 10);
    assert_int_equal(fedl_file_open(&fd, &size, path, 9), FEDL_ERR_FULL);
    assert_int_equal(fedl_file_open(&fd, &size, scratch_folder, 100), FEDL_ERR_FORMAT);
    assert_int_equal(fedl_file_open(&fd, &size, scratch_path("none"), 100), FEDL_ERR_NOT_FOUND);
    assert_int_equal(fd, -1);
    path = scratch_path("parts");
    assert_int_equal(fedl_file_open(&fd, &size, path, 10), FEDL_OK);
    assert_int_equal(size, 10);
    assert_int_equal(fedl_file_read_at(fd, part, 4, 6), FEDL_OK);
    assert_memory_equal(part, "6789", 4);
    assert_int_equal(fedl_file_read_at(fd, part, 4, 7), FEDL_ERR_TRUNCATED);
    (void)close(fd);
    assert_int_equal(fedl_file_read_at(-1, part, 4, 0), FEDL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_then_read),
        cmocka_unit_test(left_over_temporary_does_not_disturb),
        cmocka_unit_test(errors_keep_the_old_content),
        cmocka_unit_test(parts_of_a_file),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
