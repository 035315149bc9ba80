/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include "partition_file.h"
#include "posix/durable_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const fedl_source_format *const formats[] = {&fedl_source_idx, &fedl_source_csv};

/* Formats without a fixed row size are decoded whole; the other rows go afterwards. */
fedl_status fedli_source_keep(fedl_table *table, const fedl_source_request *request,
                              char text[FEDL_SOURCE_TEXT_BYTES])
{
    const uint32_t *rows = NULL;
    uint32_t count = 0;
    if (request->partition == NULL) {
        return FEDL_OK;
    }
    fedl_status status = fedl_partition_client(request->partition, &rows, &count,
                                               request->partition_client, table->row_count, text);
    if (status == FEDL_OK) {
        status = fedl_table_keep(table, rows, count);
        if (status != FEDL_OK) {
            (void)fedli_source_fail(text, status, "%s: %s", request->path,
                                    fedl_status_text(status));
        }
    }
    return status;
}

fedl_status fedl_source_open(fedl_table **table, const fedl_source_request *request,
                             char text[FEDL_SOURCE_TEXT_BYTES])
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i]->format == request->data->format) {
            return formats[i]->open(table, request, text);
        }
    }
    return fedli_source_fail(text, FEDL_ERR_UNSUPPORTED,
                             "the task's data format is unknown here: update fedl-client");
}

fedl_status fedli_source_fail(char text[FEDL_SOURCE_TEXT_BYTES], fedl_status status,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, FEDL_SOURCE_TEXT_BYTES, format, arguments);
    va_end(arguments);
    return status;
}

static fedl_status explain(fedl_status status, const char *path, const char *what,
                           char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (status == FEDL_ERR_NOT_FOUND) {
        return fedli_source_fail(text, status, "%s: no such file: check the path of the %s", path,
                                 what);
    }
    if (status == FEDL_ERR_READ_ONLY) {
        return fedli_source_fail(text, status, "%s: no permission to read the %s", path, what);
    }
    if (status == FEDL_ERR_FORMAT) {
        return fedli_source_fail(text, status, "%s: not a regular file: give the file with the %s",
                                 path, what);
    }
    if (status == FEDL_ERR_FULL) {
        return fedli_source_fail(text, status, "%s: larger than 2 GiB: split the %s", path, what);
    }
    return fedli_source_fail(text, status, "%s: %s", path, fedl_status_text(status));
}

static fedl_status refuse_compressed(const uint8_t *bytes, size_t size, const char *path,
                                     char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT, "%s: compressed: unpack it with gunzip",
                                 path);
    }
    return FEDL_OK;
}

fedl_status fedli_source_file(uint8_t **data, size_t *size, const char *path, const char *what,
                              char text[FEDL_SOURCE_TEXT_BYTES])
{
    uint8_t *bytes = NULL;
    size_t got = 0;
    fedl_status status = fedl_file_read(&bytes, &got, path, FEDL_SOURCE_FILE_BYTES_MAX);
    if (status != FEDL_OK) {
        return explain(status, path, what, text);
    }
    status = refuse_compressed(bytes, got, path, text);
    if (status != FEDL_OK) {
        free(bytes);
        return status;
    }
    *data = bytes;
    *size = got;
    return FEDL_OK;
}

fedl_status fedli_source_begin(int *fd, size_t *size, uint8_t *head, size_t *head_size,
                               const char *path, const char *what,
                               char text[FEDL_SOURCE_TEXT_BYTES])
{
    int opened = -1;
    size_t file_size = 0;
    fedl_status status = fedl_file_open(&opened, &file_size, path, FEDL_SOURCE_FILE_BYTES_MAX);
    if (status != FEDL_OK) {
        return explain(status, path, what, text);
    }
    const size_t wanted = file_size < *head_size ? file_size : *head_size;
    status = fedl_file_read_at(opened, head, wanted, 0);
    status = status == FEDL_OK ? refuse_compressed(head, wanted, path, text)
                               : explain(status, path, what, text);
    if (status != FEDL_OK) {
        (void)close(opened);
        return status;
    }
    *fd = opened;
    *size = file_size;
    *head_size = wanted;
    return FEDL_OK;
}

bool fedli_source_reconstructs(const fedl_model_spec *model)
{
    return model->loss == FEDL_LOSS_MSE && model->input_count > 1 &&
           fedl_model_output_count(model) == model->input_count;
}
