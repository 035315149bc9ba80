/* SPDX-License-Identifier: Apache-2.0 */
#include "posix/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    return fsync(fd) == 0 ? FEDL_OK : fedl_status_of_errno(errno);
}

/* The rename is durable only once the folder itself has been written. */
static fedl_status sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof folder) {
        return FEDL_ERR_RANGE;
    }
    memcpy(folder, path, size);
    folder[size] = 0;
    const char *name = slash == NULL ? "." : size == 0 ? "/" : folder;
    const int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
