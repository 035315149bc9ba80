/* SPDX-License-Identifier: Apache-2.0 */
/* Flat JSON: see sim_json.h. */
#include "sim_json.h"

#include "posix/durable_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

fedl_status fedl_sim_json_begin(fedl_sim_json *json)
{
    *json = (fedl_sim_json){.first = true};
    json->stream = open_memstream(&json->text, &json->size);
    if (json->stream == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    fputc('{', json->stream);
    return FEDL_OK;
}

static void put_string(FILE *stream, const char *value)
{
    fputc('"', stream);
    for (const char *at = value; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            fprintf(stream, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(stream, "\\u%04x", c);
        } else {
            fputc(c, stream);
        }
    }
    fputc('"', stream);
}

static void put_name(fedl_sim_json *json, const char *name)
{
    if (!json->first) {
        fputs(", ", json->stream);
    }
    json->first = false;
    put_string(json->stream, name);
    fputs(": ", json->stream);
}

void fedl_sim_json_string(fedl_sim_json *json, const char *name, const char *value)
{
    put_name(json, name);
    put_string(json->stream, value);
}

void fedl_sim_json_count(fedl_sim_json *json, const char *name, uint64_t value)
{
    put_name(json, name);
    fprintf(json->stream, "%llu", (unsigned long long)value);
}

void fedl_sim_json_null(fedl_sim_json *json, const char *name)
{
    put_name(json, name);
    fputs("null", json->stream);
}

void fedl_sim_json_number(fedl_sim_json *json, const char *name, double value)
{
    if (!isfinite(value)) {
        fedl_sim_json_null(json, name);
        return;
    }
    put_name(json, name);
    fprintf(json->stream, "%.6f", value);
}

void fedl_sim_json_real(fedl_sim_json *json, const char *name, double value)
{
    if (!isfinite(value)) {
        fedl_sim_json_null(json, name);
        return;
    }
    put_name(json, name);
    fprintf(json->stream, "%.6g", value);
}

/* Ends the stream; text and size are then whole. */
static fedl_status close_stream(fedl_sim_json *json)
{
    fputs("}\n", json->stream);
    const bool good = ferror(json->stream) == 0;
    const bool closed = fclose(json->stream) == 0;
    json->stream = NULL;
    return good && closed ? FEDL_OK : FEDL_ERR_NO_MEMORY;
}

fedl_status fedl_sim_json_print(fedl_sim_json *json, FILE *stream)
{
    fedl_status status = close_stream(json);
    if (status == FEDL_OK &&
        (fwrite(json->text, 1, json->size, stream) != json->size || fflush(stream) != 0)) {
        status = fedl_status_of_errno(errno);
    }
    free(json->text);
    json->text = NULL;
    return status;
}

fedl_status fedl_sim_json_write(fedl_sim_json *json, const char *path)
{
    if (strcmp(path, "-") == 0) {
        return fedl_sim_json_print(json, stdout);
    }
    fedl_status status = close_stream(json);
    if (status == FEDL_OK) {
        status = fedl_file_output(path, fedl_bytes_of(json->text, json->size), 0644);
    }
    free(json->text);
    json->text = NULL;
    return status;
}
