/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "posix/durable_file.h"
#include "scratch_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static fedl_status output(const char *path, const char *text)
{
    return fedl_file_output(path, fedl_bytes_of(text, strlen(text)), 0644);
}

static void assert_content(const char *path, const char *text)
{
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(fedl_file_read(&data, &size, path, 100), FEDL_OK);
    assert_string_equal((const char *)data, text);
    free(data);
}

static mode_t kind_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & S_IFMT;
}

static void output_replaces_files_and_follows_links(void **state)
{
    (void)state;
    const char *file = scratch_path("out");
    assert_int_equal(output(file, "one"), FEDL_OK);
    assert_int_equal(output(file, "three"), FEDL_OK);
    assert_content(file, "three");
    /* A link to a link, both relative, then one to a file that is not there yet. */
    assert_int_equal(symlink("out", scratch_path("link")), 0);
    assert_int_equal(symlink("link", scratch_path("link2")), 0);
    assert_int_equal(output(scratch_path("link2"), "by link"), FEDL_OK);
    assert_content(file, "by link");
    assert_int_equal(kind_of(scratch_path("link")), S_IFLNK);
    assert_int_equal(kind_of(scratch_path("link2")), S_IFLNK);
    assert_int_equal(symlink(scratch_path("later"), scratch_path("dangling")), 0);
    assert_int_equal(output(scratch_path("dangling"), "new"), FEDL_OK);
    assert_int_equal(kind_of(scratch_path("dangling")), S_IFLNK);
    assert_content(scratch_path("later"), "new");
    assert_int_equal(symlink("round", scratch_path("round")), 0);
    assert_int_not_equal(output(scratch_path("round"), "x"), FEDL_OK);
}

static void output_writes_to_pipes_and_devices(void **state)
{
    (void)state;
    const char *pipe_path = scratch_path("fifo");
    char got[16] = {0};
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    const int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(output(pipe_path, "through"), FEDL_OK);
    assert_int_equal(read(reader, got, sizeof got), 7);
    assert_string_equal(got, "through");
    close(reader);
    assert_int_equal(kind_of(pipe_path), S_IFIFO);
    const char *null_path = scratch_path("null");
    if (mknod(null_path, S_IFCHR | 0600, makedev(1, 3)) == 0) { /* root only */
        /* A container may let nodes be made but not opened; the node must stay all the same. */
        const int fd = open(null_path, O_WRONLY);
        const fedl_status expected = fd >= 0 ? FEDL_OK : FEDL_ERR_READ_ONLY;
        if (fd >= 0) {
            close(fd);
        }
        assert_int_equal(output(null_path, "x"), expected);
        assert_int_equal(kind_of(null_path), S_IFCHR);
    }
    assert_int_equal(output("/dev/full", "x"), FEDL_ERR_NO_SPACE);
    assert_int_equal(kind_of("/dev/full"), S_IFCHR);
}

static void output_errors_are_known_beforehand(void **state)
{
    (void)state;
    char text[FEDL_OUTPUT_TEXT_BYTES] = "";
    const char *folder = scratch_path("a-folder");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(fedl_file_output_check(scratch_path("fresh"), text), FEDL_OK);
    assert_int_equal(fedl_file_output_check("/dev/null", text), FEDL_OK);
    assert_string_equal(text, "");
    assert_int_equal(access(scratch_path("fresh"), F_OK), -1);
    assert_int_equal(output(folder, "x"), FEDL_ERR_FORMAT);
    assert_int_equal(fedl_file_output_check(folder, text), FEDL_ERR_FORMAT);
    assert_non_null(strstr(text, "a-folder: it is a folder"));
    assert_int_equal(output("", "x"), FEDL_ERR_ARGUMENT);
    assert_int_equal(fedl_file_output_check("", text), FEDL_ERR_ARGUMENT);
    assert_int_equal(output(scratch_path("none/x"), "x"), FEDL_ERR_NOT_FOUND);
    assert_int_equal(fedl_file_output_check(scratch_path("none/x"), text), FEDL_ERR_NOT_FOUND);
    assert_non_null(strstr(text, "none/x: its folder does not exist"));
    (void)scratch_text("plain", "x");
    assert_int_equal(fedl_file_output_check(scratch_path("plain/x"), text), FEDL_ERR_NOT_FOUND);
    char longest[6000];
    memset(longest, 'a', sizeof longest - 1u);
    longest[sizeof longest - 1u] = 0;
    assert_int_equal(output(longest, "x"), FEDL_ERR_RANGE);
    assert_int_equal(fedl_file_output_check(longest, text), FEDL_ERR_RANGE);
    if (geteuid() != 0) {
        assert_int_equal(chmod(folder, 0500), 0);
        assert_int_equal(fedl_file_output_check(scratch_path("a-folder/x"), text),
                         FEDL_ERR_READ_ONLY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_then_read),
        cmocka_unit_test(left_over_temporary_does_not_disturb),
        cmocka_unit_test(errors_keep_the_old_content),
        cmocka_unit_test(output_replaces_files_and_follows_links),
        cmocka_unit_test(output_writes_to_pipes_and_devices),
        cmocka_unit_test(output_errors_are_known_beforehand),
        cmocka_unit_test(parts_of_a_file),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
