/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COLUMNS_MAX   16u
#define CELL_TEXT_MAX 96u

static void format_bytes(char *text, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(text, CELL_TEXT_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void format_ago(char *text, double seconds)
{
    if (seconds < 120) {
        (void)snprintf(text, CELL_TEXT_MAX, "%.0f s ago", seconds);
    } else if (seconds < 7200) {
        (void)snprintf(text, CELL_TEXT_MAX, "%.0f min ago", seconds / 60);
    } else {
        (void)snprintf(text, CELL_TEXT_MAX, "%.0f h ago", seconds / 3600);
    }
}

static void format_time(char *text, double utc_s)
{
    const time_t t = (time_t)utc_s;
    struct tm parts;
    if (utc_s <= 0 || gmtime_r(&t, &parts) == NULL ||
        strftime(text, CELL_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        (void)snprintf(text, CELL_TEXT_MAX, "-");
    }
}

static void format_number(char *text, fedl_cell cell, double x)
{
    switch (cell) {
    case FEDL_CELL_PERCENT:
        (void)snprintf(text, CELL_TEXT_MAX, "%.2f %%", 100 * x);
        break;
    case FEDL_CELL_BYTES:
        format_bytes(text, x);
        break;
    case FEDL_CELL_TIME:
        format_time(text, x);
        break;
    case FEDL_CELL_AGO:
        format_ago(text, x);
        break;
    case FEDL_CELL_MILLI:
        (void)snprintf(text, CELL_TEXT_MAX, "%.2f s", x / 1000);
        break;
    case FEDL_CELL_REAL:
        (void)snprintf(text, CELL_TEXT_MAX, "%.5g", x);
        break;
    case FEDL_CELL_TEXT:
    case FEDL_CELL_NUMBER:
    case FEDL_CELL_DIGEST:
    case FEDL_CELL_BOOL:
        (void)snprintf(text, CELL_TEXT_MAX,
                       x < 1e15 && x > -1e15 && x == (double)(int64_t)x ? "%.0f" : "%.4f", x);
        break;
    }
}

/* Text from a peer or a file goes to a terminal: control characters become '?'. */
static void format_text(char *text, fedl_cell cell, const char *value)
{
    (void)snprintf(text, cell == FEDL_CELL_DIGEST ? 13 : CELL_TEXT_MAX, "%s", value);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 32 || *p == 127) {
            *p = '?';
        }
    }
}

static void format_cell(char *text, const cJSON *row, const fedl_column *column)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, column->key);
    if (cJSON_IsNumber(item)) {
        format_number(text, column->cell, item->valuedouble);
    } else if (cJSON_IsString(item) && item->valuestring[0] != '\0') {
        format_text(text, column->cell, item->valuestring);
    } else if (cJSON_IsBool(item)) {
        (void)snprintf(text, CELL_TEXT_MAX, "%s", cJSON_IsTrue(item) ? "yes" : "no");
    } else {
        (void)snprintf(text, CELL_TEXT_MAX, "-");
    }
}

static void print_json(const cJSON *object)
{
    cJSON *copy = cJSON_Duplicate(object, 1);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "ok");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "bytes");
    char *line = cJSON_PrintUnformatted(copy);
    if (line != NULL) {
        (void)puts(line);
    }
    cJSON_free(line);
    cJSON_Delete(copy);
}

static bool is_left(fedl_cell cell)
{
    return cell == FEDL_CELL_TEXT || cell == FEDL_CELL_DIGEST || cell == FEDL_CELL_TIME ||
           cell == FEDL_CELL_BOOL;
}

static void print_line(const fedl_column *columns, size_t count, const size_t *width,
                       char (*cells)[CELL_TEXT_MAX])
{
    for (size_t c = 0; c < count; c++) {
        const int w = (int)width[c];
        const char *gap = c + 1 < count ? "  " : "";
        if (is_left(columns[c].cell) && c + 1 == count) {
            (void)printf("%s", cells[c]);
        } else {
            (void)printf(is_left(columns[c].cell) ? "%-*s%s" : "%*s%s", w, cells[c], gap);
        }
    }
    (void)putchar('\n');
}

void fedl_print_rows(const cJSON *rows, const fedl_column *columns, size_t count, bool json,
                     const char *empty)
{
    char cells[COLUMNS_MAX][CELL_TEXT_MAX];
    size_t width[COLUMNS_MAX];
    const cJSON *row = NULL;
    if (json) {
        cJSON_ArrayForEach(row, rows) print_json(row);
        return;
    }
    if (cJSON_GetArraySize(rows) == 0) {
        (void)puts(empty);
        return;
    }
    count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    for (size_t c = 0; c < count; c++) {
        width[c] = strlen(columns[c].header);
        cJSON_ArrayForEach(row, rows)
        {
            format_cell(cells[c], row, &columns[c]);
            width[c] = strlen(cells[c]) > width[c] ? strlen(cells[c]) : width[c];
        }
        (void)snprintf(cells[c], CELL_TEXT_MAX, "%s", columns[c].header);
    }
    print_line(columns, count, width, cells);
    cJSON_ArrayForEach(row, rows)
    {
        for (size_t c = 0; c < count; c++) {
            format_cell(cells[c], row, &columns[c]);
        }
        print_line(columns, count, width, cells);
    }
}

void fedl_print_object(const cJSON *object, const fedl_column *columns, size_t count, bool json)
{
    if (json) {
        print_json(object);
        return;
    }
    size_t width = 0;
    for (size_t c = 0; c < count; c++) {
        width = strlen(columns[c].header) > width ? strlen(columns[c].header) : width;
    }
    for (size_t c = 0; c < count; c++) {
        char text[CELL_TEXT_MAX];
        format_cell(text, object, &columns[c]);
        (void)printf("%-*s  %s\n", (int)width, columns[c].header, text);
    }
}
