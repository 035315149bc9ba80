/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that survive a power cut: replaced whole or not at all.
 *
 * Rejected: writing in place with a backup copy. It needs a recovery step at start-up, and there
 * are moments at which both copies are half written.
 */
#ifndef FEDL_PORT_POSIX_DURABLE_FILE_H
#define FEDL_PORT_POSIX_DURABLE_FILE_H

#include "fedl/bytes.h"
#include "fedl/status.h"

/**
 * Reads a whole regular file into memory from malloc (one byte more than size, zero, so that text
 * can be read as a string); the caller frees *data. Errors: ERR_NOT_FOUND, ERR_READ_ONLY (no
 * permission), ERR_FORMAT (a folder, a pipe, a device), ERR_FULL (larger than bytes_max),
 * ERR_NO_MEMORY, ERR_IO.
 */
FEDL_NODISCARD fedl_status fedl_file_read(uint8_t **data, size_t *size, const char *path,
                                          size_t bytes_max);

/** Opens a regular file for fedl_file_read_at(); the caller closes *fd. Errors: ERR_NOT_FOUND,
 * ERR_READ_ONLY (no permission), ERR_FORMAT (a folder, a pipe, a device), ERR_FULL (larger than
 * bytes_max), ERR_IO. */
FEDL_NODISCARD fedl_status fedl_file_open(int *fd, size_t *size, const char *path,
                                          size_t bytes_max);
/** Reads exactly size bytes from offset on. Errors: ERR_TRUNCATED (the file ends earlier: it was
 * cut after it was opened), ERR_IO. data may be written partly on errors. */
FEDL_NODISCARD fedl_status fedl_file_read_at(int fd, uint8_t *data, size_t size, uint64_t offset);

/**
 * Replaces path by bytes: writes path.tmp, fsync, rename, fsync of the folder. mode = permission
 * bits of the new file (0600 for secrets). When it returns FEDL_OK the new content is durable; on
 * any error the old content is still there. Errors: ERR_NOT_FOUND (folder), ERR_READ_ONLY,
 * ERR_NO_SPACE, ERR_RANGE (path too long), ERR_IO.
 */
FEDL_NODISCARD fedl_status fedl_file_replace(const char *path, fedl_bytes bytes, unsigned mode);

/** Room for the line of fedl_file_output_check(). */
#define FEDL_OUTPUT_TEXT_BYTES 320u

/**
 * Writes bytes to the file that a user named on a command line. A regular file, or none yet:
 * replaced as by fedl_file_replace(). A symbolic link stays and what it points to is written. A
 * device, a pipe or one of this process's own streams (/dev/stdout) is opened and written; a pipe
 * waits for its reader. Errors: ERR_FORMAT (a folder), ERR_ARGUMENT (an empty name) and those of
 * fedl_file_replace().
 */
FEDL_NODISCARD fedl_status fedl_file_output(const char *path, fedl_bytes bytes, unsigned mode);

/**
 * Says before a long job whether fedl_file_output() to path can work, and writes nothing. text: on
 * errors one line that names path and remedy. Errors: ERR_ARGUMENT (empty), ERR_FORMAT (a folder),
 * ERR_NOT_FOUND (its folder), ERR_READ_ONLY (no permission), ERR_RANGE (path too long), ERR_IO
 * (links that lead nowhere). A full disk shows only when it is written.
 */
FEDL_NODISCARD fedl_status fedl_file_output_check(const char *path,
                                                  char text[FEDL_OUTPUT_TEXT_BYTES]);

/** The status that says what errno said. */
fedl_status fedl_status_of_errno(int error);

#endif
