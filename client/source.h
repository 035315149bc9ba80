/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data sources: files of a device → a decoded table that fits the task's model. One row per format
 * in the list of source_open.c; every format passes the conformance suite in tests/agent.
 *
 * Whatever is wrong with a file, the caller gets a status and ONE line that names the place and
 * what to do, ready to print.
 */
#ifndef FEDL_CLIENT_SOURCE_H
#define FEDL_CLIENT_SOURCE_H

#include "inih/plan_file.h"
#include "table.h"

#define FEDL_SOURCE_TEXT_BYTES     400u
#define FEDL_SOURCE_FILE_BYTES_MAX ((size_t)1 << 31)

typedef struct fedl_source_request {
    const fedl_data_config *data; /* the [data] section of the plan */
    const fedl_model_spec *model; /* what the rows must fit; checked */
    const char *path;             /* IDX: images; CSV: table */
    const char *labels_path;      /* IDX: labels; NULL for CSV */
    bool labels_optional;         /* predict: no targets is no error; the table then has none */
    const struct fedl_partition *partition; /* only the rows of its client; NULL: all rows */
    uint32_t partition_client;
} fedl_source_request;

typedef struct fedl_source_format {
    fedl_data_format format;
    const char *name;
    fedl_status (*open)(fedl_table **table, const fedl_source_request *request,
                        char text[FEDL_SOURCE_TEXT_BYTES]);
} fedl_source_format;

extern const fedl_source_format fedl_source_idx;
extern const fedl_source_format fedl_source_csv;

/**
 * Reads the files of the request by the format its plan names. The table is the caller's.
 * text is written on errors only.
 * Errors: ERR_NOT_FOUND, ERR_READ_ONLY (no permission), ERR_FORMAT (wrong magic, broken CSV, a
 * cell that is no number), ERR_TRUNCATED, ERR_MISMATCH (counts or shapes differ), ERR_RANGE (label
 * or target outside; partition without rows for the client), ERR_UNSUPPORTED, ERR_FULL (too large),
 * ERR_NO_MEMORY, ERR_IO.
 */
FEDL_NODISCARD fedl_status fedl_source_open(fedl_table **table, const fedl_source_request *request,
                                            char text[FEDL_SOURCE_TEXT_BYTES]);

/** Reads a file for a source; the text names path and remedy. Errors: those of fedl_file_read(),
 * ERR_FORMAT for compressed files. */
FEDL_NODISCARD fedl_status fedli_source_file(uint8_t **data, size_t *size, const char *path,
                                             const char *what, char text[FEDL_SOURCE_TEXT_BYTES]);
/** Opens a file for a source that reads parts of it; the caller closes *fd. head takes its first
 * bytes, as many as there are up to *head_size, which becomes their number. Errors: those of
 * fedl_file_open(), ERR_FORMAT for compressed files. */
FEDL_NODISCARD fedl_status fedli_source_begin(int *fd, size_t *size, uint8_t *head,
                                              size_t *head_size, const char *path, const char *what,
                                              char text[FEDL_SOURCE_TEXT_BYTES]);
/** Writes the line and returns status: `return fedli_source_fail(text, FEDL_ERR_…, "…", …);` */
fedl_status fedli_source_fail(char text[FEDL_SOURCE_TEXT_BYTES], fedl_status status,
                              const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Keeps the rows that the request wants of a table with all rows. Errors: those of
 * fedl_partition_client(), ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedli_source_keep(fedl_table *table, const fedl_source_request *request,
                                             char text[FEDL_SOURCE_TEXT_BYTES]);
/** True when the model learns to give back its own input and needs no labels. */
bool fedli_source_reconstructs(const fedl_model_spec *model);

#endif
