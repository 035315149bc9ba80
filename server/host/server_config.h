/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fedl.ini of a server home: INI through libinih, with our own line reader in front of it that
 * counts lines and refuses over-long ones (libinih would cut them). Unknown sections and keys,
 * duplicates and values out of range are errors with their line. Reference: docs/server.md.
 */
#ifndef FEDL_HOST_SERVER_CONFIG_H
#define FEDL_HOST_SERVER_CONFIG_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#define FEDL_URL_BYTES_MAX      160u
#define FEDL_CONFIG_BYTES_MAX   (64u * 1024u)
#define FEDL_SERVER_LISTEN      "tcp://0.0.0.0:7070"
#define FEDL_SERVER_CONFIG_FILE "fedl.ini"

typedef enum fedl_log_format {
    FEDL_LOG_TEXT = 1, /* for people */
    FEDL_LOG_LOGFMT = 2,
    FEDL_LOG_JSON = 3, /* one object per line */
} fedl_log_format;

typedef enum fedl_log_level {
    FEDL_LEVEL_ERROR = 1,
    FEDL_LEVEL_WARN = 2,
    FEDL_LEVEL_INFO = 3,
    FEDL_LEVEL_DEBUG = 4,
} fedl_log_level;

typedef struct fedl_server_config {
    char listen[FEDL_URL_BYTES_MAX];
    char advertise[FEDL_URL_BYTES_MAX];   /* URL that devices are told; empty: none */
    char helper_url[FEDL_URL_BYTES_MAX];  /* empty: no tasks with a helper */
    char helper_cert[FEDL_URL_BYTES_MAX]; /* its grant: host/helper_home.h */
    fedl_log_format log_format;
    fedl_log_level log_level;
    uint32_t devices_max;
    uint32_t sessions_max;
    uint32_t requests_max; /* requests held at once, long-polls included */
    uint32_t tasks_max;
    uint32_t staging_mb;
    uint32_t poll_ms_max;
    uint32_t session_idle_ms;
    uint32_t upload_idle_ms;
    uint32_t refusals_per_s;
    uint32_t compute_threads; /* that take the masks off a sum; 0 = one per CPU, at most 16 */
} fedl_server_config;

typedef struct fedl_config_error {
    uint32_t line; /* 0 = the file as a whole */
    char text[200];
} fedl_config_error;

void fedl_server_config_default(fedl_server_config *config);
/** Parses text over the defaults. Errors: ERR_FORMAT, ERR_RANGE, ERR_FULL (too long); error says
 * where and why. */
FEDL_NODISCARD fedl_status fedl_server_config_parse(fedl_server_config *config, fedl_bytes text,
                                                    fedl_config_error *error);
/** Checks a URL as --listen and listen take it ("tcp://address:port", "ipc:///path",
 * "tls+tcp://…" is refused with a reason). Errors: ERR_FORMAT, error->text says why. */
FEDL_NODISCARD fedl_status fedl_server_url_check(const char *url, fedl_config_error *error);

#endif
