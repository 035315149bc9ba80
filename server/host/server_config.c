/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. One table row per key; the table is the reference of names and ranges. */
#include "host/server_config.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum value_kind {
    VALUE_URL = 1,
    VALUE_COUNT = 2,
    VALUE_FORMAT = 3,
    VALUE_LEVEL = 4,
    VALUE_PATH = 5,
} value_kind;

typedef struct key_row {
    const char *section;
    const char *name;
    value_kind kind;
    size_t offset;
    uint32_t value_min;
    uint32_t value_max;
} key_row;

#define COUNT_KEY(section, name, low, high)                                                        \
    {                                                                                              \
        section, #name, VALUE_COUNT, offsetof(fedl_server_config, name), low, high                 \
    }

static const key_row keys[] = {
    {"server", "listen", VALUE_URL, offsetof(fedl_server_config, listen), 0, 0},
    {"server", "advertise", VALUE_URL, offsetof(fedl_server_config, advertise), 0, 0},
    {"server", "helper_url", VALUE_URL, offsetof(fedl_server_config, helper_url), 0, 0},
    {"server", "helper_cert", VALUE_PATH, offsetof(fedl_server_config, helper_cert), 0, 0},
    {"log", "format", VALUE_FORMAT, offsetof(fedl_server_config, log_format), 0, 0},
    {"log", "level", VALUE_LEVEL, offsetof(fedl_server_config, log_level), 0, 0},
    COUNT_KEY("limits", devices_max, 1, 100000),
    COUNT_KEY("limits", sessions_max, 4, 200000),
    COUNT_KEY("limits", requests_max, 8, 400000),
    COUNT_KEY("limits", tasks_max, 1, 64),
    COUNT_KEY("limits", staging_mb, 1, 65536),
    COUNT_KEY("limits", poll_ms_max, 100, 60000),
    COUNT_KEY("limits", session_idle_ms, 1000, 604800000),
    COUNT_KEY("limits", upload_idle_ms, 100, 3600000),
    COUNT_KEY("limits", refusals_per_s, 1, 100000),
    COUNT_KEY("limits", compute_threads, 0, 16),
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

typedef struct parse_state {
    fedl_server_config *config;
    fedl_config_error *error;
    const char *text;
    size_t size;
    size_t at;
    uint32_t line;
    bool seen[KEY_COUNT];
    fedl_status status;
} parse_state;

void fedl_server_config_default(fedl_server_config *config)
{
    memset(config, 0, sizeof *config);
    (void)snprintf(config->listen, sizeof config->listen, "%s", FEDL_SERVER_LISTEN);
    config->log_format = FEDL_LOG_TEXT;
    config->log_level = FEDL_LEVEL_INFO;
    config->devices_max = 10000;
    config->sessions_max = 4096;
    config->requests_max = 8192;
    config->tasks_max = 8;
    config->staging_mb = 2;
    config->poll_ms_max = 30000;
    config->session_idle_ms = 3600000;
    config->upload_idle_ms = 30000;
    config->refusals_per_s = 100;
    config->compute_threads = 0;
}

static fedl_status fail(parse_state *state, fedl_status status, const char *what, const char *about)
{
    if (state->status == FEDL_OK) {
        state->status = status;
        state->error->line = state->line;
        (void)snprintf(state->error->text, sizeof state->error->text, "%s '%.60s'", what, about);
    }
    return status;
}

/* One line for libinih. Its buffer holds `room` bytes with the newline and the final zero. */
static char *read_line(char *out, int room, void *stream)
{
    parse_state *state = stream;
    if (state->at >= state->size || state->status != FEDL_OK) {
        return NULL;
    }
    const char *start = state->text + state->at;
    const char *end = memchr(start, '\n', state->size - state->at);
    size_t length = end != NULL ? (size_t)(end - start) + 1 : state->size - state->at;
    state->line++;
    if (length + 1 > (size_t)room) {
        char head[24];
        (void)snprintf(head, sizeof head, "%.20s", start);
        (void)fail(state, FEDL_ERR_FULL, "line too long (180 characters at most), it starts with",
                   head);
        return NULL;
    }
    if (memchr(start, '\0', length) != NULL) {
        (void)fail(state, FEDL_ERR_FORMAT, "zero byte in", "the text");
        return NULL;
    }
    memcpy(out, start, length);
    out[length] = '\0';
    state->at += length;
    return out;
}

fedl_status fedl_server_url_check(const char *url, fedl_config_error *error)
{
    const char *why = NULL;
    const char *port = strrchr(url, ':');
    if (strlen(url) >= FEDL_URL_BYTES_MAX) {
        why = "too long";
    } else if (strncmp(url, "tls+tcp://", 10) == 0 || strncmp(url, "ws", 2) == 0) {
        why = "not supported: fedl encrypts by itself, use tcp://";
    } else if (strncmp(url, "ipc:///", 7) == 0) {
        return FEDL_OK;
    } else if (strncmp(url, "tcp://", 6) != 0) {
        why = "must start with tcp:// or ipc:///";
    } else if (port == NULL || port < url + 6 || port[1] == '\0' ||
               strspn(port + 1, "0123456789") != strlen(port + 1) || strlen(port + 1) > 5 ||
               atoi(port + 1) > 65535) {
        why = "needs a port from 0 to 65535, as in tcp://0.0.0.0:7070";
    }
    if (why == NULL) {
        return FEDL_OK;
    }
    error->line = 0;
    (void)snprintf(error->text, sizeof error->text, "URL '%.60s' %s", url, why);
    return FEDL_ERR_FORMAT;
}

static fedl_status set_url(parse_state *state, char *out, const char *value)
{
    fedl_config_error why;
    fedl_status status = fedl_server_url_check(value, &why);
    if (status != FEDL_OK) {
        state->status = status;
        state->error->line = state->line;
        memcpy(state->error->text, why.text, sizeof why.text);
        return status;
    }
    (void)snprintf(out, FEDL_URL_BYTES_MAX, "%s", value);
    return FEDL_OK;
}

static fedl_status set_count(parse_state *state, const key_row *row, uint32_t *out,
                             const char *value)
{
    char range[96];
    char *end = NULL;
    unsigned long long number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || number < row->value_min ||
        number > row->value_max) {
        (void)snprintf(range, sizeof range, "%s must be a whole number from %u to %u, not",
                       row->name, (unsigned)row->value_min, (unsigned)row->value_max);
        return fail(state, FEDL_ERR_RANGE, range, value);
    }
    *out = (uint32_t)number;
    return FEDL_OK;
}

/* Index of value in names (from 1), 0 when it is none of them. */
static int choice(const char *value, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(value, names[i]) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static fedl_status set_value(parse_state *state, const key_row *row, const char *value)
{
    static const char *const formats[] = {"text", "logfmt", "json"};
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    char *base = (char *)state->config;
    int index = 0;
    switch (row->kind) {
    case VALUE_URL:
        return set_url(state, base + row->offset, value);
    case VALUE_COUNT:
        return set_count(state, row, (uint32_t *)(void *)(base + row->offset), value);
    case VALUE_PATH:
        if (strlen(value) >= FEDL_URL_BYTES_MAX) {
            return fail(state, FEDL_ERR_RANGE, "path too long:", value);
        }
        (void)snprintf(base + row->offset, FEDL_URL_BYTES_MAX, "%s", value);
        return FEDL_OK;
    case VALUE_FORMAT:
        index = choice(value, formats, 3);
        state->config->log_format = (fedl_log_format)index;
        return index != 0 ? FEDL_OK
                          : fail(state, FEDL_ERR_FORMAT, "format is one of text, logfmt, json, not",
                                 value);
    case VALUE_LEVEL:
        index = choice(value, levels, 4);
        state->config->log_level = (fedl_log_level)index;
        return index != 0 ? FEDL_OK
                          : fail(state, FEDL_ERR_FORMAT,
                                 "level is one of error, warn, info, debug, not", value);
    }
    return FEDL_ERR_ARGUMENT;
}

/* libinih's callback: 1 = go on. After the first error every further line is skipped. */
static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    parse_state *state = user;
    bool section_known = false;
    if (state->status != FEDL_OK) {
        return 0;
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) != 0) {
            continue;
        }
        section_known = true;
        if (strcmp(keys[i].name, name) == 0) {
            if (state->seen[i]) {
                return fail(state, FEDL_ERR_FORMAT, "key given twice:", name) == FEDL_OK;
            }
            state->seen[i] = true;
            return set_value(state, &keys[i], value) == FEDL_OK;
        }
    }
    if (!section_known) {
        (void)fail(state, FEDL_ERR_FORMAT,
                   "unknown section (there are server, log, limits):", section);
    } else {
        (void)fail(state, FEDL_ERR_FORMAT, "unknown key (docs/server.md lists all):", name);
    }
    return 0;
}

fedl_status fedl_server_config_parse(fedl_server_config *config, fedl_bytes text,
                                     fedl_config_error *error)
{
    fedl_server_config parsed;
    fedl_server_config_default(&parsed);
    memset(error, 0, sizeof *error);
    parse_state state = {
        .config = &parsed, .error = error, .text = (const char *)text.data, .size = text.size};
    if (text.size > FEDL_CONFIG_BYTES_MAX) {
        return fail(&state, FEDL_ERR_FULL, "file longer than 64 KB:", FEDL_SERVER_CONFIG_FILE);
    }
    int line = ini_parse_stream(read_line, &state, on_pair, &state);
    if (state.status == FEDL_OK && line > 0) {
        state.line = (uint32_t)line;
        return fail(&state, FEDL_ERR_FORMAT, "neither a [section] nor a", "key = value");
    }
    if (state.status == FEDL_OK && line < 0) {
        return fail(&state, FEDL_ERR_NO_MEMORY, "out of memory in", "libinih");
    }
    if (state.status == FEDL_OK) {
        *config = parsed;
    }
    return state.status;
}
