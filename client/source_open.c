/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include "posix/durable_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const fedl_source_format *const formats[] = {&fedl_source_idx, &fedl_source_csv};

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

fedl_status fedli_source_file(uint8_t **data, size_t *size, const char *path, const char *what,
                              char text[FEDL_SOURCE_TEXT_BYTES])
{
    uint8_t *bytes = NULL;
    size_t got = 0;
    const fedl_status status = fedl_file_read(&bytes, &got, path, FEDL_SOURCE_FILE_BYTES_MAX);
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
    if (status != FEDL_OK) {
        return fedli_source_fail(text, status, "%s: %s", path, fedl_status_text(status));
    }
    if (got >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) {
        free(bytes);
        return fedli_source_fail(text, FEDL_ERR_FORMAT, "%s: compressed: unpack it with gunzip",
                                 path);
    }
    *data = bytes;
    *size = got;
    return FEDL_OK;
}

bool fedli_source_reconstructs(const fedl_model_spec *model)
{
    return model->loss == FEDL_LOSS_MSE && model->input_count > 1 &&
           fedl_model_output_count(model) == model->input_count;
}
