/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_reader.h"

#include <string.h>

void fedl_csv_reader_init(fedl_csv_reader *reader, char *text, size_t size, char separator)
{
    reader->text = text;
    reader->size = size;
    reader->position = 0;
    reader->separator = separator;
    reader->line = 1;
    reader->row_line = 1;
    reader->problem_line = 0;
    reader->cell_count = 0;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        reader->position = 3;
    }
}

static bool at_end(const fedl_csv_reader *reader)
{
    return reader->position == reader->size;
}

static char peek(const fedl_csv_reader *reader)
{
    return at_end(reader) ? '\n' : reader->text[reader->position];
}

/* True at LF, CRLF or the end of the text. A lone CR is part of a cell. */
static bool at_line_end(const fedl_csv_reader *reader)
{
    if (at_end(reader) || peek(reader) == '\n') {
        return true;
    }
    return peek(reader) == '\r' &&
           (reader->position + 1 == reader->size || reader->text[reader->position + 1] == '\n');
}

static void take_line_end(fedl_csv_reader *reader)
{
    if (!at_end(reader) && peek(reader) == '\r') {
        reader->position++;
    }
    if (!at_end(reader)) {
        reader->position++;
        reader->line++;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A blank that is not itself the separator (tables separated by tabs). */
static void skip_blanks(fedl_csv_reader *reader)
{
    while (!at_end(reader) && is_blank(peek(reader)) && peek(reader) != reader->separator) {
        reader->position++;
    }
}

static fedl_status quoted_cell(fedl_csv_reader *reader, fedl_bytes *cell)
{
    const uint32_t opened_line = reader->line;
    const size_t first = ++reader->position;
    size_t out = first; /* doubled quotes shrink: writing never overtakes reading */
    for (;;) {
        if (at_end(reader)) {
            reader->problem_line = opened_line;
            return FEDL_ERR_TRUNCATED;
        }
        char c = reader->text[reader->position++];
        if (c == '"') {
            if (at_end(reader) || peek(reader) != '"') {
                break;
            }
            reader->position++;
        } else if (c == '\n') {
            reader->line++;
        }
        reader->text[out++] = c;
    }
    *cell = fedl_bytes_of(reader->text + first, out - first);
    skip_blanks(reader);
    if (!at_line_end(reader) && peek(reader) != reader->separator) {
        reader->problem_line = reader->line;
        return FEDL_ERR_FORMAT;
    }
    return FEDL_OK;
}

static void plain_cell(fedl_csv_reader *reader, fedl_bytes *cell)
{
    const size_t first = reader->position;
    while (!at_line_end(reader) && peek(reader) != reader->separator) {
        reader->position++;
    }
    size_t last = reader->position;
    while (last > first && is_blank(reader->text[last - 1])) {
        last--;
    }
    *cell = fedl_bytes_of(reader->text + first, last - first);
}

static void skip_blank_lines(fedl_csv_reader *reader)
{
    while (!at_end(reader)) {
        const size_t start = reader->position;
        skip_blanks(reader);
        if (!at_line_end(reader)) {
            reader->position = start;
            return;
        }
        take_line_end(reader);
    }
}

fedl_status fedl_csv_reader_row(fedl_csv_reader *reader, bool *more)
{
    reader->cell_count = 0;
    skip_blank_lines(reader);
    reader->row_line = reader->line;
    if (at_end(reader)) {
        *more = false;
        return FEDL_OK;
    }
    for (;;) {
        if (reader->cell_count == FEDL_CSV_CELLS_MAX) {
            reader->problem_line = reader->line;
            return FEDL_ERR_FULL;
        }
        fedl_bytes *cell = &reader->cells[reader->cell_count];
        skip_blanks(reader);
        if (!at_end(reader) && peek(reader) == '"') {
            const fedl_status status = quoted_cell(reader, cell);
            if (status != FEDL_OK) {
                return status;
            }
        } else {
            plain_cell(reader, cell);
        }
        reader->cell_count++;
        if (at_line_end(reader)) {
            take_line_end(reader);
            *more = true;
            return FEDL_OK;
        }
        reader->position++; /* the separator */
    }
}
