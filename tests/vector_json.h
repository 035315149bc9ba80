/* SPDX-License-Identifier: Apache-2.0 */
/* Published test vectors in JSON: files of tests/vectors, and the full sets when they are there. */
#ifndef FEDL_TESTS_VECTOR_JSON_H
#define FEDL_TESTS_VECTOR_JSON_H

#include "fedl/bytes.h"

#include <cjson/cJSON.h>

#define VECTOR_BYTES_MAX 4096u

typedef struct vector_bytes {
    uint8_t data[VECTOR_BYTES_MAX];
    size_t size;
} vector_bytes;

/** Parses FEDL_SOURCE_DIR/path; the caller deletes it. NULL when there is no such file; a file that
 * is no JSON fails the test. */
cJSON *vector_load(const char *path);
/** The hexadecimal text at object[name]; a missing name gives zero bytes. */
void vector_hex(vector_bytes *out, const cJSON *object, const char *name);
/** The text at object[name]; fails the test when it is missing. */
const char *vector_text(const cJSON *object, const char *name);

#endif
