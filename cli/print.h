/* SPDX-License-Identifier: Apache-2.0 */
/* Output of fedl: tables for people, flat JSON objects (one per line) for scripts. */
#ifndef FEDL_CLI_PRINT_H
#define FEDL_CLI_PRINT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

typedef enum fedl_cell {
    FEDL_CELL_TEXT = 1,
    FEDL_CELL_NUMBER,  /* integers and reals, right-aligned */
    FEDL_CELL_PERCENT, /* 0 … 1 */
    FEDL_CELL_BYTES,   /* 1.2 MB */
    FEDL_CELL_DIGEST,  /* first 12 digits */
    FEDL_CELL_TIME,    /* UTC seconds → 2026-11-22 14:03 */
    FEDL_CELL_AGO,     /* seconds → 12 s, 3 min */
    FEDL_CELL_MILLI,   /* ms → 1.234 s */
    FEDL_CELL_BOOL,
    FEDL_CELL_REAL, /* five digits, of any size: 1e-05 */
} fedl_cell;

typedef struct fedl_column {
    const char *key;    /* in the JSON object */
    const char *header; /* above the column, or label beside the value */
    fedl_cell cell;
} fedl_column;

/** Prints an array of objects: a table with the columns, or one JSON line each with every field. */
void fedl_print_rows(const cJSON *rows, const fedl_column *columns, size_t column_count, bool json,
                     const char *empty);
/** Prints one object: "label: value" lines, or one JSON line without "ok" and "bytes". */
void fedl_print_object(const cJSON *object, const fedl_column *columns, size_t column_count,
                       bool json);

#endif
