/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of decimal text. Every input column is normalised with the plan's mean and scale in exact
 * integers (fedl/normalise.h), so the same file gives the same rows on every platform. The label is
 * a class number, one of the plan's class texts, or a value to predict.
 *
 * Columns the plan doesn't name are never looked at: they may hold any text.
 */
#include "source.h"

#include "base/fixed.h"
#include "csv_columns.h"
#include "fedl/normalise.h"

#include <stdlib.h>
#include <string.h>

#define CELL_SHOWN_BYTES 32
#define ROWS_AT_FIRST    256u

typedef struct csv_load {
    const fedl_source_request *request;
    fedl_csv_reader reader;
    fedl_csv_columns columns;
    fedl_table *table;
    uint32_t row_capacity;
    uint32_t class_count; /* 0 = regression */
    bool label_needed;
    char *text;
} csv_load;

static int shown(fedl_bytes cell)
{
    return cell.size > CELL_SHOWN_BYTES ? CELL_SHOWN_BYTES : (int)cell.size;
}

static fedl_status next_row(csv_load *load, bool *more)
{
    const fedl_status status = fedl_csv_reader_row(&load->reader, more);
    const char *path = load->request->path;
    if (status == FEDL_ERR_TRUNCATED) {
        return fedli_source_fail(load->text, status,
                                 "%s:%u: a quote opens here and never closes: repair the line",
                                 path, load->reader.problem_line);
    }
    if (status == FEDL_ERR_FORMAT) {
        return fedli_source_fail(load->text, status,
                                 "%s:%u: text after a closing quote: write quotes inside a cell "
                                 "twice (\"\")",
                                 path, load->reader.problem_line);
    }
    if (status != FEDL_OK) {
        return fedli_source_fail(load->text, status,
                                 "%s:%u: more than %u columns: is the separator right?", path,
                                 load->reader.problem_line, FEDL_CSV_CELLS_MAX);
    }
    return FEDL_OK;
}

static fedl_status parse_input(csv_load *load, uint32_t k, int8_t *input)
{
    const fedl_bytes cell = load->reader.cells[load->columns.input_at[k]];
    int64_t value_q20 = 0;
    const fedl_status status = fedl_decimal_parse(&value_q20, cell);
    if (status != FEDL_OK) {
        return fedli_source_fail(load->text, status,
                                 "%s:%u: column '%s' holds '%.*s', which is %s: repair or remove "
                                 "the row",
                                 load->request->path, load->reader.row_line,
                                 load->request->data->columns[k].name, shown(cell),
                                 (const char *)cell.data,
                                 status == FEDL_ERR_RANGE ? "too large" : "no number");
    }
    *input = fedl_normalise(value_q20, load->columns.norm[k], load->request->model->input_exp);
    return FEDL_OK;
}

/* A label text that the plan lists: its place in the list is the class. */
static fedl_status parse_class_text(csv_load *load, fedl_bytes cell, int32_t *target)
{
    const fedl_data_config *data = load->request->data;
    for (uint32_t i = 0; i < data->class_count; i++) {
        if (strlen(data->class_names[i]) == cell.size &&
            memcmp(data->class_names[i], cell.data, cell.size) == 0) {
            *target = (int32_t)i;
            return i < load->class_count
                       ? FEDL_OK
                       : fedli_source_fail(load->text, FEDL_ERR_RANGE,
                                           "%s:%u: label '%.*s' is class %u, the model has %u "
                                           "classes",
                                           load->request->path, load->reader.row_line, shown(cell),
                                           (const char *)cell.data, i, load->class_count);
        }
    }
    return fedli_source_fail(load->text, FEDL_ERR_FORMAT,
                             "%s:%u: label column '%s' holds '%.*s', which is none of the plan's "
                             "classes ('%s', …)",
                             load->request->path, load->reader.row_line, data->label_column,
                             shown(cell), (const char *)cell.data, data->class_names[0]);
}

static fedl_status parse_target(csv_load *load, int32_t *target)
{
    const fedl_bytes cell = load->reader.cells[load->columns.label_at];
    const fedl_data_config *data = load->request->data;
    if (load->class_count > 0 && data->class_count > 0) {
        return parse_class_text(load, cell, target);
    }
    int64_t value_q20 = 0;
    fedl_status status = fedl_decimal_parse(&value_q20, cell);
    if (status == FEDL_ERR_FORMAT) {
        return fedli_source_fail(load->text, status,
                                 "%s:%u: label column '%s' holds '%.*s', which is no number: use "
                                 "numbers, or list the texts as classes in the plan",
                                 load->request->path, load->reader.row_line, data->label_column,
                                 shown(cell), (const char *)cell.data);
    }
    if (load->class_count > 0) {
        /* 3 and 3.0 are class 3; 3.5 is none. */
        if (status != FEDL_OK || value_q20 < 0 || value_q20 % (INT64_C(1) << 20) != 0 ||
            value_q20 >= (int64_t)load->class_count * (INT64_C(1) << 20)) {
            return fedli_source_fail(load->text, FEDL_ERR_RANGE,
                                     "%s:%u: label '%.*s': the model has classes 0 … %u",
                                     load->request->path, load->reader.row_line, shown(cell),
                                     (const char *)cell.data, load->class_count - 1u);
        }
        *target = (int32_t)(value_q20 / (INT64_C(1) << 20));
        return FEDL_OK;
    }
    const int64_t mantissa = status == FEDL_OK ? fedli_rshr(value_q20, 20 + FEDL_TARGET_EXP) : 0;
    if (status != FEDL_OK || mantissa > INT32_MAX || mantissa < -INT32_MAX) {
        return fedli_source_fail(load->text, FEDL_ERR_RANGE,
                                 "%s:%u: value '%.*s' in column '%s' is too large: values to "
                                 "predict lie within ±32767",
                                 load->request->path, load->reader.row_line, shown(cell),
                                 (const char *)cell.data, data->label_column);
    }
    *target = (int32_t)mantissa;
    return FEDL_OK;
}

static fedl_status make_room(csv_load *load)
{
    if (load->table->row_count < load->row_capacity) {
        return FEDL_OK;
    }
    const uint32_t wanted = load->row_capacity > FEDL_TABLE_ROWS_MAX / 2u ? FEDL_TABLE_ROWS_MAX
                                                                          : load->row_capacity * 2u;
    const fedl_status status =
        wanted == load->row_capacity ? FEDL_ERR_FULL : fedl_table_reserve(load->table, wanted);
    if (status != FEDL_OK) {
        return fedli_source_fail(load->text, status, "%s:%u: %s: use fewer rows",
                                 load->request->path, load->reader.row_line,
                                 fedl_status_text(status));
    }
    load->row_capacity = wanted;
    return FEDL_OK;
}

static fedl_status add_row(csv_load *load)
{
    fedl_table *table = load->table;
    if (load->reader.cell_count != load->columns.cell_count) {
        return fedli_source_fail(load->text, FEDL_ERR_MISMATCH,
                                 "%s:%u: %u columns, the rows before have %u: repair the line",
                                 load->request->path, load->reader.row_line,
                                 load->reader.cell_count, load->columns.cell_count);
    }
    fedl_status status = make_room(load);
    for (uint32_t k = 0; k < load->columns.input_count && status == FEDL_OK; k++) {
        const size_t at = (size_t)table->row_count * table->input_count + k;
        status = parse_input(load, k, &table->inputs[at]);
    }
    if (status == FEDL_OK && table->target_count > 0) {
        status = parse_target(load, &table->targets[table->row_count]);
    }
    if (status == FEDL_OK) {
        table->row_count++;
    }
    return status;
}

static fedl_status check_request(const csv_load *load)
{
    const fedl_source_request *request = load->request;
    if (request->path == NULL) {
        return fedli_source_fail(load->text, FEDL_ERR_MISMATCH,
                                 "the task wants a table: give --csv FILE");
    }
    if (request->data->column_count != request->model->input_count) {
        return fedli_source_fail(load->text, FEDL_ERR_MISMATCH,
                                 "plan: data has %u inputs, the task wants %u: list that many "
                                 "columns in [data]",
                                 request->data->column_count, request->model->input_count);
    }
    if (load->label_needed && load->class_count == 0 &&
        fedl_model_output_count(request->model) != 1) {
        return fedli_source_fail(load->text, FEDL_ERR_UNSUPPORTED,
                                 "plan: the model predicts %u values, a table has one label "
                                 "column: use 1 output, or as many as inputs to reconstruct them",
                                 fedl_model_output_count(request->model));
    }
    return FEDL_OK;
}

/* The header's cells outlive the next row, because cells point into the text; their list doesn't.
 */
static fedl_status begin(csv_load *load)
{
    bool more = false;
    fedl_bytes *header = NULL;
    uint32_t header_count = 0;
    fedl_status status = FEDL_OK;
    if (load->request->data->header) {
        status = next_row(load, &more);
        header_count = load->reader.cell_count;
        header = malloc(((size_t)header_count + 1u) * sizeof *header);
        if (status == FEDL_OK && header == NULL) {
            status = fedli_source_fail(load->text, FEDL_ERR_NO_MEMORY, "%s: out of memory",
                                       load->request->path);
        } else if (header != NULL) {
            memcpy(header, load->reader.cells, header_count * sizeof *header);
        }
    }
    if (status == FEDL_OK) {
        status = next_row(load, &more);
    }
    if (status == FEDL_OK && !more) {
        status = fedli_source_fail(load->text, FEDL_ERR_TRUNCATED, "%s: holds no row of data",
                                   load->request->path);
    }
    if (status == FEDL_OK) {
        status = fedl_csv_columns_find(&load->columns, load->request, header, header_count,
                                       load->reader.cell_count, load->label_needed, load->text);
    }
    free(header);
    if (fedli_source_reconstructs(load->request->model)) {
        load->columns.label_at = FEDL_CSV_NO_COLUMN;
    }
    return status;
}

static fedl_status read_rows(csv_load *load)
{
    const fedl_model_spec *model = load->request->model;
    fedl_status status = begin(load);
    if (status != FEDL_OK) {
        return status;
    }
    load->row_capacity = ROWS_AT_FIRST;
    status = fedl_table_create(&load->table, load->row_capacity, model->input_count,
                               load->columns.label_at != FEDL_CSV_NO_COLUMN);
    if (status != FEDL_OK) {
        return fedli_source_fail(load->text, status, "%s: %s", load->request->path,
                                 fedl_status_text(status));
    }
    load->table->input_exp = model->input_exp;
    load->table->reconstruct = fedli_source_reconstructs(model);
    bool more = true; /* the reader stands on the first row */
    while (more && status == FEDL_OK) {
        status = add_row(load);
        if (status == FEDL_OK) {
            status = next_row(load, &more);
        }
    }
    return status;
}

static fedl_status csv_open(fedl_table **table, const fedl_source_request *request,
                            char text[FEDL_SOURCE_TEXT_BYTES])
{
    const bool reconstruct = fedli_source_reconstructs(request->model);
    csv_load *load = calloc(1, sizeof *load); /* the list of cells is too large for a stack */
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (load == NULL) {
        return fedli_source_fail(text, FEDL_ERR_NO_MEMORY, "%s: out of memory", request->path);
    }
    load->request = request;
    load->text = text;
    load->label_needed = !request->labels_optional && !reconstruct;
    if (request->model->loss == FEDL_LOSS_SOFTMAX_CE) {
        load->class_count = fedl_model_output_count(request->model);
    }
    fedl_status status = check_request(load);
    if (status == FEDL_OK) {
        status = fedli_source_file(&bytes, &size, request->path, "table", text);
    }
    if (status == FEDL_OK) {
        fedl_csv_reader_init(&load->reader, (char *)bytes, size, request->data->separator);
        status = read_rows(load);
    }
    if (status == FEDL_OK) {
        status = fedli_source_keep(load->table, request, text);
    }
    if (status == FEDL_OK) {
        *table = load->table;
    } else {
        fedl_table_destroy(load->table);
    }
    free(bytes);
    free(load);
    return status;
}

const fedl_source_format fedl_source_csv = {FEDL_DATA_CSV, "CSV", csv_open};
