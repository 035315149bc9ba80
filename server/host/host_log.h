/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: one event name and some named fields, printed as text for people, logfmt or JSON.
 * A line is built in a fixed buffer and written by one write(2), so lines never mix. Values are
 * escaped; secrets are never passed in. Used by the loop's thread only.
 *
 *   fedl_log_begin(&line, log, FEDL_LEVEL_INFO, "round.committed");
 *   fedl_log_u64(&line, "round", 7);
 *   fedl_log_end(&line, "round 7 · …");      the text form, for format = text
 */
#ifndef FEDL_HOST_HOST_LOG_H
#define FEDL_HOST_HOST_LOG_H

#include "host/server_config.h"

#include <stdbool.h>

#define FEDL_LOG_LINE_BYTES 2048u

typedef struct fedl_log {
    int fd;
    fedl_log_format format;
    fedl_log_level level;
} fedl_log;

typedef struct fedl_log_line {
    const fedl_log *log; /* NULL: below the level, nothing is kept */
    fedl_log_level level;
    size_t used;
    char text[FEDL_LOG_LINE_BYTES];
} fedl_log_line;

void fedl_log_begin(fedl_log_line *line, const fedl_log *log, fedl_log_level level,
                    const char *event);
void fedl_log_u64(fedl_log_line *line, const char *key, uint64_t value);
/** A value that is not known: null. */
void fedl_log_null(fedl_log_line *line, const char *key);
/** A number with four decimals, value = number · 10^4. */
void fedl_log_decimal(fedl_log_line *line, const char *key, uint64_t value_e4);
void fedl_log_str(fedl_log_line *line, const char *key, const char *value);
void fedl_log_hex(fedl_log_line *line, const char *key, const uint8_t *data, size_t size);
/** Writes the line: readable in text format, the fields in the others. */
void fedl_log_end(fedl_log_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
