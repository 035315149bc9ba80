/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_file.h"

#include "posix/durable_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 12u /* "1000000\n" and some room */
#define HEAD_BYTES_MAX 96u

fedl_status fedl_partition_make(fedl_partition *partition, const uint32_t *client_of_row,
                                uint32_t row_count, uint32_t client_count)
{
    if (row_count == 0 || row_count > FEDL_TABLE_ROWS_MAX || client_count == 0 ||
        client_count > FEDL_PARTITION_CLIENTS_MAX) {
        return FEDL_ERR_RANGE;
    }
    fedl_partition made = {.row_count = row_count, .client_count = client_count};
    made.first = calloc((size_t)client_count + 2u, sizeof *made.first);
    made.rows = calloc(row_count, sizeof *made.rows);
    if (made.first == NULL || made.rows == NULL) {
        fedl_partition_free(&made);
        return FEDL_ERR_NO_MEMORY;
    }
    /* Counting sort: first[c + 2] counts, becomes first[c + 1] as the place of the next row. */
    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t client = client_of_row[i];
        if (client == FEDL_PARTITION_NOBODY) {
            continue;
        }
        if (client >= client_count) {
            fedl_partition_free(&made);
            return FEDL_ERR_RANGE;
        }
        made.first[client + 2u]++;
    }
    for (uint32_t c = 0; c < client_count; c++) {
        made.first[c + 2u] += made.first[c + 1u];
    }
    for (uint32_t i = 0; i < row_count; i++) {
        if (client_of_row[i] != FEDL_PARTITION_NOBODY) {
            made.rows[made.first[client_of_row[i] + 1u]++] = i;
        }
    }
    *partition = made;
    return FEDL_OK;
}

void fedl_partition_free(fedl_partition *partition)
{
    free(partition->first);
    free(partition->rows);
    partition->first = NULL;
    partition->rows = NULL;
}

/* Reads a decimal number; false when there is none or it passes UINT32_MAX − 1. */
static bool take_number(const char **p, uint32_t *value)
{
    uint64_t number = 0;
    const char *q = *p;
    while (*q >= '0' && *q <= '9' && number < UINT32_MAX) {
        number = number * 10u + (uint64_t)(*q - '0');
        q++;
    }
    if (q == *p || number >= UINT32_MAX) {
        return false;
    }
    *p = q;
    *value = (uint32_t)number;
    return true;
}

static bool take_word(const char **p, const char *word)
{
    const size_t size = strlen(word);
    if (strncmp(*p, word, size) != 0) {
        return false;
    }
    *p += size;
    return true;
}

static bool take_line_end(const char **p)
{
    return take_word(p, "\n") || take_word(p, "\r\n");
}

static fedl_status parse_head(const char **p, uint32_t *row_count, uint32_t *client_count,
                              const char *path, char text[FEDL_SOURCE_TEXT_BYTES])
{
    uint32_t version = 0;
    if (!take_word(p, "fedl-partition ") || !take_number(p, &version)) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                 "%s:1: not a partition file: it must begin with "
                                 "'fedl-partition 1 rows N clients N'",
                                 path);
    }
    if (version != 1) {
        return fedli_source_fail(text, FEDL_ERR_VERSION,
                                 "%s:1: partition format %u is unknown here: update fedl", path,
                                 version);
    }
    if (!take_word(p, " rows ") || !take_number(p, row_count) || !take_word(p, " clients ") ||
        !take_number(p, client_count) || !take_line_end(p)) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                 "%s:1: expected 'fedl-partition 1 rows N clients N'", path);
    }
    if (*row_count == 0 || *row_count > FEDL_TABLE_ROWS_MAX || *client_count == 0 ||
        *client_count > FEDL_PARTITION_CLIENTS_MAX) {
        return fedli_source_fail(
            text, FEDL_ERR_RANGE, "%s:1: %u rows and %u clients: 1 … %u and 1 … %u are possible",
            path, *row_count, *client_count, FEDL_TABLE_ROWS_MAX, FEDL_PARTITION_CLIENTS_MAX);
    }
    return FEDL_OK;
}

static fedl_status parse_rows(const char *p, uint32_t *client_of_row, uint32_t row_count,
                              uint32_t client_count, const char *path,
                              char text[FEDL_SOURCE_TEXT_BYTES])
{
    for (uint32_t i = 0; i < row_count; i++) {
        client_of_row[i] = FEDL_PARTITION_NOBODY;
        if (*p == 0) {
            return fedli_source_fail(text, FEDL_ERR_TRUNCATED,
                                     "%s:%u: the file ends, %u rows were announced: write it "
                                     "again",
                                     path, i + 2u, row_count);
        }
        if (!take_word(&p, "-") && !take_number(&p, &client_of_row[i])) {
            return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                     "%s:%u: a client number or '-' expected", path, i + 2u);
        }
        if (!take_line_end(&p) && *p != 0) {
            return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                     "%s:%u: one client number a line expected", path, i + 2u);
        }
        if (client_of_row[i] != FEDL_PARTITION_NOBODY && client_of_row[i] >= client_count) {
            return fedli_source_fail(text, FEDL_ERR_RANGE,
                                     "%s:%u: client %u: the header announces clients 0 … %u", path,
                                     i + 2u, client_of_row[i], client_count - 1u);
        }
    }
    if (*p != 0) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT, "%s:%u: more than the announced %u rows",
                                 path, row_count + 2u, row_count);
    }
    return FEDL_OK;
}

fedl_status fedl_partition_read(fedl_partition *partition, const char *path,
                                char text[FEDL_SOURCE_TEXT_BYTES])
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint32_t row_count = 0;
    uint32_t client_count = 0;
    uint32_t *client_of_row = NULL;
    fedl_status status = fedli_source_file(&bytes, &size, path, "partition", text);
    if (status != FEDL_OK) {
        return status;
    }
    const char *p = (const char *)bytes;
    status = parse_head(&p, &row_count, &client_count, path, text);
    /* Every row takes two bytes at least: a huge announcement gets no memory. */
    if (status == FEDL_OK && row_count > size) {
        status = fedli_source_fail(text, FEDL_ERR_TRUNCATED,
                                   "%s: %u rows announced, the file is too short for them: write "
                                   "it again",
                                   path, row_count);
    }
    if (status == FEDL_OK) {
        client_of_row = malloc((size_t)row_count * sizeof *client_of_row);
        status = client_of_row == NULL
                     ? fedli_source_fail(text, FEDL_ERR_NO_MEMORY, "%s: out of memory", path)
                     : parse_rows(p, client_of_row, row_count, client_count, path, text);
    }
    if (status == FEDL_OK) {
        status = fedl_partition_make(partition, client_of_row, row_count, client_count);
        if (status != FEDL_OK) {
            (void)fedli_source_fail(text, status, "%s: %s", path, fedl_status_text(status));
        }
    }
    free(client_of_row);
    free(bytes);
    return status;
}

fedl_status fedl_partition_write(const fedl_partition *partition, const char *path,
                                 char text[FEDL_SOURCE_TEXT_BYTES])
{
    const size_t capacity = HEAD_BYTES_MAX + (size_t)partition->row_count * LINE_BYTES_MAX;
    char *lines = malloc(capacity);
    uint32_t *client_of_row = malloc((size_t)partition->row_count * sizeof *client_of_row);
    if (lines == NULL || client_of_row == NULL) {
        free(lines);
        free(client_of_row);
        return fedli_source_fail(text, FEDL_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    memset(client_of_row, 0xff, (size_t)partition->row_count * sizeof *client_of_row);
    for (uint32_t c = 0; c < partition->client_count; c++) {
        for (uint32_t i = partition->first[c]; i < partition->first[c + 1u]; i++) {
            client_of_row[partition->rows[i]] = c;
        }
    }
    int used = snprintf(lines, capacity, "fedl-partition 1 rows %u clients %u\n",
                        partition->row_count, partition->client_count);
    size_t at = (size_t)used;
    for (uint32_t i = 0; i < partition->row_count; i++) {
        used = client_of_row[i] == FEDL_PARTITION_NOBODY
                   ? snprintf(lines + at, capacity - at, "-\n")
                   : snprintf(lines + at, capacity - at, "%u\n", client_of_row[i]);
        at += (size_t)used;
    }
    const fedl_status status = fedl_file_output(path, fedl_bytes_of(lines, at), 0644);
    free(lines);
    free(client_of_row);
    if (status != FEDL_OK) {
        return fedli_source_fail(text, status, "%s: %s", path, fedl_status_text(status));
    }
    return FEDL_OK;
}

fedl_status fedl_partition_client(const fedl_partition *partition, const uint32_t **rows,
                                  uint32_t *count, uint32_t client, uint32_t row_count,
                                  char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (row_count != partition->row_count) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "the partition is for %u rows, the data has %u: give the data it "
                                 "was made from",
                                 partition->row_count, row_count);
    }
    if (client >= partition->client_count) {
        return fedli_source_fail(text, FEDL_ERR_RANGE,
                                 "client %u wanted: the partition has clients 0 … %u", client,
                                 partition->client_count - 1u);
    }
    if (partition->first[client] == partition->first[client + 1u]) {
        return fedli_source_fail(text, FEDL_ERR_RANGE, "client %u of the partition has no row",
                                 client);
    }
    *rows = partition->rows + partition->first[client];
    *count = partition->first[client + 1u] - partition->first[client];
    return FEDL_OK;
}
