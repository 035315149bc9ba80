/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows and cells of CSV text (RFC 4180): quoted cells with doubled quotes, separators and line ends
 * inside quotes, CRLF or LF, an optional byte order mark, blank lines skipped. Spaces around
 * unquoted cells are dropped.
 *
 * The text is rewritten in place while it is read: cells point into it.
 */
#ifndef FEDL_CLIENT_CSV_READER_H
#define FEDL_CLIENT_CSV_READER_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#include <stdbool.h>

#define FEDL_CSV_CELLS_MAX 4096u

typedef struct fedl_csv_reader {
    char *text;
    size_t size;
    size_t position;
    char separator;
    uint32_t line;         /* of the next character, 1-based */
    uint32_t row_line;     /* on which the last row began */
    uint32_t problem_line; /* after an error: where */
    uint32_t cell_count;
    fedl_bytes cells[FEDL_CSV_CELLS_MAX];
} fedl_csv_reader;

/** Starts reading. text is changed and outlives the cells. */
void fedl_csv_reader_init(fedl_csv_reader *reader, char *text, size_t size, char separator);
/**
 * Reads the next row into cells. *more = false at the end of the text. Errors: ERR_FORMAT (text
 * after a closing quote), ERR_TRUNCATED (a quote that never closes), ERR_FULL (too many cells).
 */
FEDL_NODISCARD fedl_status fedl_csv_reader_row(fedl_csv_reader *reader, bool *more);

#endif
