/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. A field that doesn't fit is left out whole; the line stays well formed. */
#include "host/host_log.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Kept free for the closing brace and the newline. */
#define TAIL_BYTES 4u

static const char *level_name(fedl_log_level level)
{
    switch (level) {
    case FEDL_LEVEL_ERROR:
        return "error";
    case FEDL_LEVEL_WARN:
        return "warn";
    case FEDL_LEVEL_INFO:
        return "info";
    case FEDL_LEVEL_DEBUG:
        return "debug";
    }
    return "info";
}

/* Appends one character, escaped for a quoted string; false when there is no room. */
static bool put_escaped(char *out, size_t room, size_t *used, unsigned char c)
{
    char piece[8];
    int length = 1;
    piece[0] = (char)c;
    if (c == '"' || c == '\\') {
        length = snprintf(piece, sizeof piece, "\\%c", c);
    } else if (c < 0x20u || c == 0x7fu) {
        length = snprintf(piece, sizeof piece, "\\u%04x", (unsigned)c);
    }
    if (*used + (size_t)length > room) {
        return false;
    }
    memcpy(out + *used, piece, (size_t)length);
    *used += (size_t)length;
    return true;
}

/* One field; quoted values are escaped. */
static void put_field(fedl_log_line *line, const char *key, const char *value, bool quoted)
{
    if (line->log == NULL || line->log->format == FEDL_LOG_TEXT) {
        return;
    }
    bool json = line->log->format == FEDL_LOG_JSON;
    size_t room = sizeof line->text - TAIL_BYTES;
    size_t used = line->used;
    int length = snprintf(line->text + used, room - used, json ? ",\"%s\":" : " %s=", key);
    if (length < 0 || (size_t)length >= room - used) {
        return;
    }
    used += (size_t)length;
    bool fits = true;
    if (quoted) {
        fits = used < room;
        if (fits) {
            line->text[used++] = '"';
        }
        for (const char *c = value; fits && *c != '\0'; c++) {
            fits = put_escaped(line->text, room - 1, &used, (unsigned char)*c);
        }
        if (fits) {
            line->text[used++] = '"';
        }
    } else {
        length = snprintf(line->text + used, room - used, "%s", value);
        fits = length >= 0 && (size_t)length < room - used;
        used += fits ? (size_t)length : 0;
    }
    if (fits) {
        line->used = used;
    }
}

static size_t put_time(char *out, size_t room, fedl_log_format format)
{
    struct timespec now;
    struct tm parts;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    size_t used = 0;
    if (format == FEDL_LOG_TEXT) {
        (void)localtime_r(&now.tv_sec, &parts);
        return strftime(out, room, "%H:%M:%S ", &parts);
    }
    (void)gmtime_r(&now.tv_sec, &parts);
    used = strftime(
        out, room, format == FEDL_LOG_JSON ? "{\"ts\":\"%Y-%m-%dT%H:%M:%S" : "ts=%Y-%m-%dT%H:%M:%S",
        &parts);
    int length = snprintf(out + used, room - used, ".%03ldZ%s", now.tv_nsec / 1000000,
                          format == FEDL_LOG_JSON ? "\"" : "");
    return used + (size_t)length;
}

void fedl_log_begin(fedl_log_line *line, const fedl_log *log, fedl_log_level level,
                    const char *event)
{
    line->log = level <= log->level ? log : NULL;
    line->level = level;
    line->used = 0;
    if (line->log == NULL) {
        return;
    }
    line->used = put_time(line->text, sizeof line->text, log->format);
    put_field(line, "level", level_name(level), log->format == FEDL_LOG_JSON);
    put_field(line, "event", event, log->format == FEDL_LOG_JSON);
}

void fedl_log_u64(fedl_log_line *line, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    put_field(line, key, text, false);
}

void fedl_log_null(fedl_log_line *line, const char *key)
{
    put_field(line, key, "null", false);
}

void fedl_log_decimal(fedl_log_line *line, const char *key, uint64_t value_e4)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64 ".%04u", value_e4 / 10000,
                   (unsigned)(value_e4 % 10000));
    put_field(line, key, text, false);
}

void fedl_log_str(fedl_log_line *line, const char *key, const char *value)
{
    put_field(line, key, value, true);
}

void fedl_log_hex(fedl_log_line *line, const char *key, const uint8_t *data, size_t size)
{
    char text[130];
    size = size < 64 ? size : 64;
    fedli_hex_encode(text, data, size);
    put_field(line, key, text, true);
}

static void write_whole(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);
        if (count <= 0) {
            return; /* a log that cannot be written is no reason to stop serving */
        }
        data += count;
        size -= (size_t)count;
    }
}

void fedl_log_end(fedl_log_line *line, const char *format, ...)
{
    if (line->log == NULL) {
        return;
    }
    if (line->log->format == FEDL_LOG_TEXT) {
        size_t room = sizeof line->text - line->used - TAIL_BYTES;
        va_list list;
        va_start(list, format);
        int length = vsnprintf(line->text + line->used, room, format, list);
        va_end(list);
        length = length < 0 ? 0 : length;
        size_t kept = (size_t)length < room ? (size_t)length : room - 1;
        for (size_t i = 0; i < kept; i++) {
            unsigned char c = (unsigned char)line->text[line->used + i];
            if (c < 0x20u || c == 0x7fu) {
                line->text[line->used + i] = '?';
            }
        }
        line->used += kept;
    } else if (line->log->format == FEDL_LOG_JSON) {
        line->text[line->used++] = '}';
    }
    line->text[line->used++] = '\n';
    write_whole(line->log->fd, line->text, line->used);
}
