/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for one test program, and files in it. */
#ifndef FEDL_TESTS_SCRATCH_FILE_H
#define FEDL_TESTS_SCRATCH_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_folder[64];

static int scratch_begin(void **state)
{
    (void)state;
    (void)snprintf(scratch_folder, sizeof scratch_folder, "/tmp/fedl-test-XXXXXX");
    return mkdtemp(scratch_folder) == NULL ? -1 : 0;
}

static int scratch_end(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scratch_folder);
    return system(command);
}

/* Path of name in the folder; static storage, 64 at a time. */
static const char *scratch_path(const char *name)
{
    static char paths[64][128];
    static unsigned next;
    char *path = paths[next++ % 64u];
    (void)snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

/* Writes bytes to name and gives its path. */
static inline const char *scratch_write(const char *name, const void *bytes, size_t size)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
    return path;
}

static inline const char *scratch_text(const char *name, const char *text)
{
    return scratch_write(name, text, strlen(text));
}

#endif
