/* SPDX-License-Identifier: Apache-2.0 */
#include "posix/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40u /* symbolic links in a row, as in Linux */

fedl_status fedl_status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return FEDL_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return FEDL_ERR_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return FEDL_ERR_NO_SPACE;
    case ENOMEM:
        return FEDL_ERR_NO_MEMORY;
    case EISDIR:
        return FEDL_ERR_FORMAT;
    default: /* errno is not an enum of ours: everything else is an input/output error */
        return FEDL_ERR_IO;
    }
}

/* Reads until size bytes are there or the file ends. */
static fedl_status read_fully(int fd, uint8_t *data, size_t size, size_t *got)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = read(fd, data + done, size - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fedl_status_of_errno(errno);
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *got = done;
    return FEDL_OK;
}

fedl_status fedl_file_open(int *fd, size_t *size, const char *path, size_t bytes_max)
{
    /* O_NONBLOCK: opening a pipe must not wait for a writer; regular files don't care. */
    const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) {
        return fedl_status_of_errno(errno);
    }
    struct stat info;
    fedl_status status = FEDL_OK;
    if (fstat(opened, &info) != 0) {
        status = fedl_status_of_errno(errno);
    } else if (!S_ISREG(info.st_mode)) {
        status = FEDL_ERR_FORMAT;
    } else if ((uint64_t)info.st_size > bytes_max) {
        status = FEDL_ERR_FULL;
    }
    if (status != FEDL_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    *size = (size_t)info.st_size;
    return FEDL_OK;
}

fedl_status fedl_file_read_at(int fd, uint8_t *data, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = pread(fd, data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fedl_status_of_errno(errno);
        }
        if (n == 0) {
            return FEDL_ERR_TRUNCATED;
        }
        done += (size_t)n;
    }
    return FEDL_OK;
}

fedl_status fedl_file_read(uint8_t **data, size_t *size, const char *path, size_t bytes_max)
{
    int fd = -1;
    size_t file_size = 0;
    size_t got = 0;
    fedl_status status = fedl_file_open(&fd, &file_size, path, bytes_max);
    if (status != FEDL_OK) {
        return status;
    }
    uint8_t *block = malloc(file_size + 1u);
    status = block == NULL ? FEDL_ERR_NO_MEMORY : read_fully(fd, block, file_size, &got);
    close(fd);
    if (status != FEDL_OK) {
        free(block);
        return status;
    }
    block[got] = 0;
    *data = block;
    *size = got;
    return FEDL_OK;
}

static fedl_status write_fully(int fd, fedl_bytes bytes)
{
    size_t done = 0;
    while (done < bytes.size) {
        const ssize_t n = write(fd, bytes.data + done, bytes.size - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fedl_status_of_errno(errno);
        }
        done += (size_t)n;
    }
    return FEDL_OK;
}

/* The folder that path lies in. */
static fedl_status folder_of(char folder[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= PATH_MAX) {
        return FEDL_ERR_RANGE;
    }
    if (size == 0) {
        strcpy(folder, slash == NULL ? "." : "/");
        return FEDL_OK;
    }
    memcpy(folder, path, size);
    folder[size] = 0;
    return FEDL_OK;
}

/* The rename is durable only once the folder itself has been written. */
static fedl_status sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const fedl_status found = folder_of(folder, path);
    if (found != FEDL_OK) {
        return found;
    }
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fedl_status_of_errno(errno);
    }
    const fedl_status status = fsync(fd) == 0 ? FEDL_OK : fedl_status_of_errno(errno);
    close(fd);
    return status;
}

fedl_status fedl_file_replace(const char *path, fedl_bytes bytes, unsigned mode)
{
    char temporary[PATH_MAX];
    const int length = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return FEDL_ERR_RANGE;
    }
    /* A temporary file left by a crash may carry other permission bits: begin afresh. */
    (void)unlink(temporary);
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return fedl_status_of_errno(errno);
    }
    fedl_status status = fchmod(fd, mode) == 0 ? FEDL_OK : fedl_status_of_errno(errno);
    if (status == FEDL_OK) {
        status = write_fully(fd, bytes);
    }
    if (status == FEDL_OK && fsync(fd) != 0) {
        status = fedl_status_of_errno(errno);
    }
    if (close(fd) != 0 && status == FEDL_OK) {
        status = fedl_status_of_errno(errno);
    }
    if (status == FEDL_OK && rename(temporary, path) != 0) {
        status = fedl_status_of_errno(errno);
    }
    if (status != FEDL_OK) {
        (void)unlink(temporary);
        return status;
    }
    return sync_folder_of(path);
}

/* Where an output that a user named goes. */
typedef struct output_place {
    char path[PATH_MAX]; /* symbolic links followed, except in place */
    bool in_place;       /* opened and written: nothing there can be replaced */
} output_place;

/* Follows links one by one, because the last one may point to a file that is not there yet. */
static fedl_status follow_links(char path[PATH_MAX])
{
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        char link[PATH_MAX];
        const ssize_t length = readlink(path, link, sizeof link - 1u);
        if (length < 0) { /* EINVAL: there is something, and it is not a link */
            return errno == EINVAL || errno == ENOENT ? FEDL_OK : fedl_status_of_errno(errno);
        }
        link[length] = 0;
        const char *slash = strrchr(path, '/');
        const size_t base = link[0] == '/' || slash == NULL ? 0 : (size_t)(slash - path) + 1u;
        if (base + (size_t)length >= PATH_MAX) {
            return FEDL_ERR_RANGE;
        }
        memcpy(path + base, link, (size_t)length + 1u);
    }
    return FEDL_ERR_IO;
}

/* A rename would take a redirected file away from the stream that goes on writing to it. */
static bool is_own_stream(const char *path)
{
    return strncmp(path, "/dev/std", 8) == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
           strncmp(path, "/proc/", 6) == 0;
}

static fedl_status find_place(output_place *place, const char *path)
{
    struct stat info;
    const size_t length = strlen(path);
    if (length == 0) {
        return FEDL_ERR_ARGUMENT;
    }
    if (length >= sizeof place->path) {
        return FEDL_ERR_RANGE;
    }
    memcpy(place->path, path, length + 1u);
    const bool there = stat(path, &info) == 0;
    if (there && S_ISDIR(info.st_mode)) {
        return FEDL_ERR_FORMAT;
    }
    place->in_place = there && (!S_ISREG(info.st_mode) || is_own_stream(path));
    return place->in_place ? FEDL_OK : follow_links(place->path);
}

fedl_status fedl_file_output(const char *path, fedl_bytes bytes, unsigned mode)
{
    output_place place;
    fedl_status status = find_place(&place, path);
    if (status != FEDL_OK) {
        return status;
    }
    if (!place.in_place) {
        return fedl_file_replace(place.path, bytes, mode);
    }
    const int fd = open(place.path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fedl_status_of_errno(errno);
    }
    status = write_fully(fd, bytes);
    /* Pipes and most devices know no fsync (EINVAL); they have taken the bytes nevertheless. */
    if (status == FEDL_OK && fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
        status = fedl_status_of_errno(errno);
    }
    if (close(fd) != 0 && status == FEDL_OK) {
        status = fedl_status_of_errno(errno);
    }
    return status;
}

fedl_status fedl_file_output_check(const char *path, char text[FEDL_OUTPUT_TEXT_BYTES])
{
    char folder[PATH_MAX];
    output_place place;
    struct stat info;
    const char *why = NULL;
    fedl_status status = find_place(&place, path);
    if (status == FEDL_OK) {
        status = folder_of(folder, place.path);
    }
    if (status == FEDL_ERR_ARGUMENT) {
        why = "an empty name: give a file";
    } else if (status == FEDL_ERR_FORMAT) {
        why = "it is a folder: name a file in it";
    } else if (status == FEDL_ERR_RANGE) {
        why = "the path is too long";
    } else if (status != FEDL_OK && status != FEDL_ERR_NOT_FOUND) {
        why = fedl_status_text(status);
    } else if (status == FEDL_OK && place.in_place) {
        status = access(place.path, W_OK) == 0 ? FEDL_OK : fedl_status_of_errno(errno);
        why = status == FEDL_OK ? NULL : "no permission to write to it";
    } else if (status != FEDL_OK || stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) {
        status = FEDL_ERR_NOT_FOUND;
        why = "its folder does not exist: make it first";
    } else if (access(folder, W_OK | X_OK) != 0) {
        status = fedl_status_of_errno(errno);
        why = "no permission to write to its folder";
    }
    if (why != NULL) {
        (void)snprintf(text, FEDL_OUTPUT_TEXT_BYTES, "cannot write %.200s: %s", path, why);
    }
    return status;
}
