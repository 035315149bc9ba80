/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flat JSON objects, field by field, into memory; then to a file (whole or not at all) or to
 * stdout. cJSON is not used here: it prints doubles with 17 digits and needs a tree for a list.
 */
#ifndef FEDL_SIM_JSON_H
#define FEDL_SIM_JSON_H

#include "fedl/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct fedl_sim_json {
    FILE *stream;
    char *text;
    size_t size;
    bool first;
} fedl_sim_json;

/** Errors: ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_sim_json_begin(fedl_sim_json *json);
void fedl_sim_json_string(fedl_sim_json *json, const char *name, const char *value);
void fedl_sim_json_count(fedl_sim_json *json, const char *name, uint64_t value);
/** Six decimals; NaN and infinities become null. */
void fedl_sim_json_number(fedl_sim_json *json, const char *name, double value);
/** Six significant digits, for numbers of any size; NaN and infinities become null. */
void fedl_sim_json_real(fedl_sim_json *json, const char *name, double value);
void fedl_sim_json_null(fedl_sim_json *json, const char *name);
/** Closes the object and writes it to stream, with a newline. Errors: ERR_IO, ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_sim_json_print(fedl_sim_json *json, FILE *stream);
/** Closes the object and replaces path by it; "-" is stdout. Errors: those of fedl_file_replace(),
 * ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_sim_json_write(fedl_sim_json *json, const char *path);

#endif
