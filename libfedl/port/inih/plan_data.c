/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The [data] section: read from a plan file on the server, written as normalised lines into the
 * plan, read again on devices. Both readings are the same code, so both sides see the same columns.
 */
#include "inih/plan_draft.h"

#include "fedl/normalise.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Copies a trimmed piece of a list; false when it is empty, too long or would not come back from a
 * normalised line (';' starts a comment there). */
static bool take_piece(char *out, size_t out_bytes, const char *begin, size_t size)
{
    while (size > 0 && (begin[0] == ' ' || begin[0] == '\t')) {
        begin++;
        size--;
    }
    while (size > 0 && (begin[size - 1] == ' ' || begin[size - 1] == '\t')) {
        size--;
    }
    if (size == 0 || size >= out_bytes || memchr(begin, ';', size) != NULL) {
        return false;
    }
    memset(out, 0, out_bytes);
    memcpy(out, begin, size);
    return true;
}

void plan_set_classes(plan_draft *draft, const char *value)
{
    fedl_data_config *data = draft->data;
    const uint32_t limit = sizeof data->class_names / sizeof data->class_names[0];
    data->class_count = 0;
    for (;;) {
        const size_t size = strcspn(value, ",");
        if (data->class_count == limit) {
            plan_fail(draft, FEDL_ERR_FULL, draft->line, "more than %u classes", limit);
            return;
        }
        char *name = data->class_names[data->class_count];
        if (!take_piece(name, sizeof data->class_names[0], value, size)) {
            plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                      "'classes' in [data]: a class is a text of 1 to %zu characters without ';'",
                      sizeof data->class_names[0] - 1);
            return;
        }
        for (uint32_t i = 0; i < data->class_count; i++) {
            if (strcmp(data->class_names[i], name) == 0) {
                plan_fail(draft, FEDL_ERR_FORMAT, draft->line, "class '%s' appears twice", name);
                return;
            }
        }
        data->class_count++;
        if (value[size] == '\0') {
            return;
        }
        value += size + 1;
    }
}

/* The place of the column: a new one, or the old one when an override names it again. */
static fedl_data_column *place_of(plan_draft *draft, const char *name)
{
    fedl_data_config *data = draft->data;
    for (uint32_t i = 0; i < data->column_count; i++) {
        if (strcmp(data->columns[i].name, name) == 0) {
            if (draft->override == NULL) {
                plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                          "column '%s' appears twice, first in line %u", name,
                          draft->column_line[i]);
                return NULL;
            }
            return &data->columns[i];
        }
    }
    if (data->column_count == FEDL_DATA_COLUMNS_MAX) {
        plan_fail(draft, FEDL_ERR_FULL, draft->line, "more than %u columns", FEDL_DATA_COLUMNS_MAX);
        return NULL;
    }
    draft->column_line[data->column_count] = draft->line;
    return &data->columns[data->column_count++];
}

void plan_set_column(plan_draft *draft, const char *column_name, const char *value)
{
    fedl_data_column column;
    int64_t mean_q20 = 0;
    int64_t scale_q20 = 0;
    if (!take_piece(column.name, sizeof column.name, column_name, strlen(column_name))) {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                  "'column' in [data] needs a name of 1 to %zu characters without ';'",
                  sizeof column.name - 1);
        return;
    }
    const char *comma = strchr(value, ',');
    const bool good =
        comma != NULL &&
        take_piece(column.mean_text, sizeof column.mean_text, value, (size_t)(comma - value)) &&
        take_piece(column.scale_text, sizeof column.scale_text, comma + 1, strlen(comma + 1)) &&
        fedl_decimal_parse(&mean_q20, fedl_bytes_of(column.mean_text, strlen(column.mean_text))) ==
            FEDL_OK &&
        fedl_decimal_parse(&scale_q20,
                           fedl_bytes_of(column.scale_text, strlen(column.scale_text))) == FEDL_OK;
    if (!good) {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                  "column '%s': expected two decimal numbers: mean, scale, not '%.60s'",
                  column.name, value);
        return;
    }
    if (scale_q20 <= 0) {
        plan_fail(draft, FEDL_ERR_RANGE, draft->line,
                  "column '%s': the scale must be at least 0.000001", column.name);
        return;
    }
    fedl_data_column *place = place_of(draft, column.name);
    if (place != NULL) {
        *place = column;
    }
}

/* Columns of a file without header are called "#0", "#1", …; with a header no name is special. */
static bool name_is_number(const char *name)
{
    const size_t digits = strspn(name + 1, "0123456789");
    return name[0] == '#' && digits >= 1 && digits <= 6 && name[1 + digits] == '\0';
}

static void finish_csv(plan_draft *draft)
{
    const fedl_data_config *data = draft->data;
    if (!plan_given(draft, "data", "label")) {
        plan_fail(draft, FEDL_ERR_FORMAT, 0, "'label' in [data] is missing");
    } else if (strchr(data->label_column, ';') != NULL) {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "data", "label"),
                  "'label' in [data] may not hold ';'");
    } else if (data->column_count == 0) {
        plan_fail(draft, FEDL_ERR_FORMAT, 0, "[data] has no 'column NAME = MEAN, SCALE'");
    }
    for (uint32_t i = 0; i < data->column_count; i++) {
        if (!data->header && !name_is_number(data->columns[i].name)) {
            plan_fail(draft, FEDL_ERR_FORMAT, draft->column_line[i],
                      "column '%s': without a header, columns are called #0, #1, …",
                      data->columns[i].name);
        }
        if (strcmp(data->columns[i].name, data->label_column) == 0) {
            plan_fail(draft, FEDL_ERR_FORMAT, draft->column_line[i],
                      "column '%s' is the label, it can't be an input", data->columns[i].name);
        }
    }
    if (!data->header && !name_is_number(data->label_column)) {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "data", "label"),
                  "label '%s': without a header, columns are called #0, #1, …", data->label_column);
    }
}

void plan_data_finish(plan_draft *draft)
{
    static const char *const csv_keys[] = {"header", "separator", "label", "classes", "column"};
    fedl_data_config *data = draft->data;
    if (data->format == FEDL_DATA_CSV) {
        finish_csv(draft);
        return;
    }
    for (size_t i = 0; i < sizeof csv_keys / sizeof csv_keys[0]; i++) {
        if (plan_given(draft, "data", csv_keys[i])) {
            plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "data", csv_keys[i]),
                      "'%s' in [data] needs format = csv", csv_keys[i]);
        }
    }
    data->header = false;
    data->separator = '\0';
}

static const char *separator_name(char separator)
{
    switch (separator) {
    case ';':
        return "semicolon";
    case '\t':
        return "tab";
    case ' ':
        return "space";
    default:
        return "comma";
    }
}

typedef struct line_writer {
    char *text;
    size_t text_bytes;
    size_t used;
} line_writer;

__attribute__((format(printf, 2, 3))) static void put(line_writer *writer, const char *format, ...)
{
    if (writer->used < writer->text_bytes) {
        va_list arguments;
        va_start(arguments, format);
        const int n = vsnprintf(writer->text + writer->used, writer->text_bytes - writer->used,
                                format, arguments);
        va_end(arguments);
        writer->used += n > 0 ? (size_t)n : 0;
    }
}

size_t plan_data_write(char *text, size_t text_bytes, const fedl_data_config *data)
{
    line_writer writer = {text, text_bytes, 0};
    if (data->format == FEDL_DATA_IDX) {
        put(&writer, "format = idx\n");
    } else {
        put(&writer, "format = csv\nheader = %s\nseparator = %s\nlabel = %s\n",
            data->header ? "yes" : "no", separator_name(data->separator), data->label_column);
        for (uint32_t i = 0; i < data->class_count; i++) {
            put(&writer, "%s%s%s", i == 0 ? "classes = " : ",", data->class_names[i],
                i + 1 == data->class_count ? "\n" : "");
        }
        for (uint32_t i = 0; i < data->column_count; i++) {
            put(&writer, "column %s = %s, %s\n", data->columns[i].name, data->columns[i].mean_text,
                data->columns[i].scale_text);
        }
    }
    return writer.used < text_bytes ? writer.used : 0;
}
