/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_columns.h"

#include <string.h>

#define NAME_BYTES_MAX 64u

/* What a plan's column name is looked up in. */
typedef struct names {
    const char *path;
    const fedl_bytes *header; /* NULL: none */
    uint32_t header_count;
    uint32_t cell_count;
    uint32_t shift; /* 1 when the data's first cell is a row name */
} names;

static bool cell_is(fedl_bytes cell, const char *name)
{
    return strlen(name) == cell.size && memcmp(cell.data, name, cell.size) == 0;
}

/* Edit distance (Levenshtein) of names cut at NAME_BYTES_MAX characters. */
static uint32_t distance(const char *a, fedl_bytes b)
{
    uint32_t row[NAME_BYTES_MAX + 1];
    const size_t a_size = strlen(a) > NAME_BYTES_MAX ? NAME_BYTES_MAX : strlen(a);
    const size_t b_size = b.size > NAME_BYTES_MAX ? NAME_BYTES_MAX : b.size;
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = (uint32_t)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_size; j++) {
            const uint32_t change = diagonal + ((uint8_t)a[i - 1] == b.data[j - 1] ? 0u : 1u);
            diagonal = row[j];
            const uint32_t shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
            row[j] = shorter + 1u < change ? shorter + 1u : change;
        }
    }
    return row[b_size];
}

/* "#12" → 12; FEDL_CSV_NO_COLUMN when it is no such name. */
static uint32_t index_of_name(const char *name)
{
    uint32_t value = 0;
    if (name[0] != '#' || name[1] == 0) {
        return FEDL_CSV_NO_COLUMN;
    }
    for (const char *p = name + 1; *p != 0; p++) {
        if (*p < '0' || *p > '9' || value >= FEDL_CSV_CELLS_MAX) {
            return FEDL_CSV_NO_COLUMN;
        }
        value = value * 10u + (uint32_t)(*p - '0');
    }
    return value;
}

static fedl_status missing(const names *n, const char *name, char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (n->header == NULL) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "%s: column '%s' wanted, but the plan says that the file has no "
                                 "header: the plan must name columns as #0 … #%u",
                                 n->path, name, n->cell_count - 1u);
    }
    const fedl_bytes *nearest = &n->header[0];
    for (uint32_t i = 1; i < n->header_count; i++) {
        if (distance(name, n->header[i]) < distance(name, *nearest)) {
            nearest = &n->header[i];
        }
    }
    const int shown = nearest->size > NAME_BYTES_MAX ? (int)NAME_BYTES_MAX : (int)nearest->size;
    return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                             "%s: no column '%s'; the nearest is '%.*s': rename it or change the "
                             "plan",
                             n->path, name, shown, (const char *)nearest->data);
}

static fedl_status find_one(uint32_t *at, const names *n, const char *name,
                            char text[FEDL_SOURCE_TEXT_BYTES])
{
    for (uint32_t i = 0; n->header != NULL && i < n->header_count; i++) {
        if (cell_is(n->header[i], name)) {
            *at = i + n->shift;
            return FEDL_OK;
        }
    }
    const uint32_t index = index_of_name(name);
    if (index == FEDL_CSV_NO_COLUMN) {
        return missing(n, name, text);
    }
    if (index >= n->cell_count) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "%s: column '%s' wanted, but the rows have only %u columns "
                                 "(#0 … #%u)",
                                 n->path, name, n->cell_count, n->cell_count - 1u);
    }
    *at = index;
    return FEDL_OK;
}

/* An empty text stands for mean 0 and scale 1. */
static fedl_status read_norm(fedl_norm *norm, const fedl_data_column *column,
                             char text[FEDL_SOURCE_TEXT_BYTES])
{
    fedl_norm value = {0, INT64_C(1) << 20};
    fedl_status status = FEDL_OK;
    if (column->mean_text[0] != 0) {
        status = fedl_decimal_parse(&value.mean_q20,
                                    fedl_bytes_of(column->mean_text, strlen(column->mean_text)));
    }
    if (status == FEDL_OK && column->scale_text[0] != 0) {
        status = fedl_decimal_parse(&value.scale_q20,
                                    fedl_bytes_of(column->scale_text, strlen(column->scale_text)));
    }
    if (status == FEDL_OK && value.scale_q20 <= 0) {
        status = FEDL_ERR_RANGE;
    }
    if (status != FEDL_OK) {
        return fedli_source_fail(text, status,
                                 "plan: column '%s' has mean '%s' and scale '%s': both must be "
                                 "numbers, the scale above 0",
                                 column->name, column->mean_text, column->scale_text);
    }
    *norm = value;
    return FEDL_OK;
}

fedl_status fedl_csv_columns_find(fedl_csv_columns *columns, const fedl_source_request *request,
                                  const fedl_bytes *header, uint32_t header_count,
                                  uint32_t cell_count, bool label_needed,
                                  char text[FEDL_SOURCE_TEXT_BYTES])
{
    const fedl_data_config *data = request->data;
    const names n = {.path = request->path,
                     .header = header,
                     .header_count = header_count,
                     .cell_count = cell_count,
                     .shift = header != NULL && cell_count == header_count + 1u ? 1u : 0u};
    fedl_csv_columns found = {.cell_count = cell_count,
                              .input_count = data->column_count,
                              .label_at = FEDL_CSV_NO_COLUMN};
    if (header != NULL && n.shift == 0 && header_count != cell_count) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "%s: the header has %u columns, the first row %u: repair the "
                                 "file",
                                 request->path, header_count, cell_count);
    }
    for (uint32_t i = 0; i < data->column_count; i++) {
        fedl_status status = find_one(&found.input_at[i], &n, data->columns[i].name, text);
        if (status == FEDL_OK) {
            status = read_norm(&found.norm[i], &data->columns[i], text);
        }
        if (status != FEDL_OK) {
            return status;
        }
    }
    if (data->label_column[0] != 0) {
        char why[FEDL_SOURCE_TEXT_BYTES];
        const fedl_status status = find_one(&found.label_at, &n, data->label_column, why);
        if (status != FEDL_OK && label_needed) {
            memcpy(text, why, sizeof why);
            return status;
        }
    } else if (label_needed) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "the plan names no label column: add 'label = NAME' to [data]");
    }
    *columns = found;
    return FEDL_OK;
}
