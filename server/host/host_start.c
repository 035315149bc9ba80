/* SPDX-License-Identifier: Apache-2.0 */
/* The first steps of a server, before the loop: config, keys, database, coordinator, restored
 * state. */
#include "base/secret.h"
#include "host/host_state.h"
#include "store/crash_point.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

fedl_exit fedli_host_exit_of(fedl_status status)
{
    switch ((int)status) {
    case FEDL_ERR_NO_SPACE:
        return FEDL_EXIT_NO_SPACE;
    case FEDL_ERR_READ_ONLY:
        return FEDL_EXIT_READ_ONLY;
    case FEDL_ERR_BUSY:
        return FEDL_EXIT_BUSY;
    case FEDL_ERR_FORMAT:
    case FEDL_ERR_VERSION:
    case FEDL_ERR_CORRUPT:
        return FEDL_EXIT_DATABASE;
    case FEDL_ERR_NOT_FOUND:
        return FEDL_EXIT_NO_HOME;
    default:
        return FEDL_EXIT_FAILED;
    }
}

fedl_exit fedli_host_open_home(fedl_host *host, const fedl_host_options *options,
                               char text[FEDL_HOME_TEXT_BYTES])
{
    char store_text[256];
    fedl_config_error error;
    fedl_status status =
        fedl_home_load_keys(&host->home, host->crypto, &host->coord_config.identity, text);
    if (status != FEDL_OK) {
        return status == FEDL_ERR_NOT_FOUND   ? FEDL_EXIT_NO_HOME
               : status == FEDL_ERR_READ_ONLY ? FEDL_EXIT_READ_ONLY
                                              : FEDL_EXIT_KEYS;
    }
    if (fedl_home_load_config(&host->home, &host->config, text) != FEDL_OK) {
        return FEDL_EXIT_CONFIG;
    }
    if (options->listen != NULL) {
        if (fedl_server_url_check(options->listen, &error) != FEDL_OK) {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "--listen: %s", error.text);
            return FEDL_EXIT_USAGE;
        }
        (void)snprintf(host->config.listen, sizeof host->config.listen, "%s", options->listen);
    }
    if (options->log_format != NULL) {
        host->config.log_format = strcmp(options->log_format, "json") == 0     ? FEDL_LOG_JSON
                                  : strcmp(options->log_format, "logfmt") == 0 ? FEDL_LOG_LOGFMT
                                                                               : FEDL_LOG_TEXT;
    }
    host->log.format = host->config.log_format;
    host->log.level = host->config.log_level;
    /* init makes the database before the keys: without it, something has been lost, and an empty
     * one would forget every device and every model without a word. */
    struct stat info = {0};
    const bool missing = stat(host->home.database_path, &info) != 0 && errno == ENOENT;
    if (missing || (S_ISREG(info.st_mode) && info.st_size == 0)) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s is %s, though its keys are there; restore it from a backup, or "
                       "begin anew with: fedl-server init --home OTHER",
                       host->home.database_path, missing ? "missing" : "empty");
        return FEDL_EXIT_DATABASE;
    }
    status =
        fedl_store_sqlite_open(&host->store, host->crypto, host->home.database_path, store_text);
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s", store_text);
        return fedli_host_exit_of(status);
    }
    return FEDL_EXIT_OK;
}

fedl_exit fedli_host_open_coordinator(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES])
{
    fedl_coord_config *cfg = &host->coord_config;
    fedl_server_identity identity = cfg->identity;
    fedl_coord_config_default(cfg);
    cfg->crypto = host->crypto;
    cfg->identity = identity;
    cfg->devices_max = host->config.devices_max;
    cfg->sessions_max = host->config.sessions_max;
    cfg->tasks_max = host->config.tasks_max;
    cfg->staging_bytes = (size_t)host->config.staging_mb << 20;
    cfg->poll_ms_max = host->config.poll_ms_max;
    cfg->session_idle_ms = host->config.session_idle_ms;
    cfg->upload_idle_ms = host->config.upload_idle_ms;
    cfg->refusals_per_s = host->config.refusals_per_s;
    fedli_wipe(&identity, sizeof identity);
    if (fedli_host_helper_open(host, text) != FEDL_OK) {
        return FEDL_EXIT_CONFIG;
    }
    size_t bytes = fedl_coord_size(cfg);
    if (bytes == 0) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s: the [limits] do not fit together; see "
                       "docs/server.md",
                       host->home.config_path);
        return FEDL_EXIT_CONFIG;
    }
    bytes = (bytes + 63) / 64 * 64;
    host->coord_block = aligned_alloc(64, bytes);
    if (host->coord_block == NULL ||
        fedl_coord_init(&host->coord, cfg, host->coord_block, bytes) != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "not enough memory for %u devices and %u sessions; lower the [limits] in %s",
                       (unsigned)cfg->devices_max, (unsigned)cfg->sessions_max,
                       host->home.config_path);
        return FEDL_EXIT_FAILED;
    }
    fedl_status status = fedli_host_restore(host, text);
    if (status != FEDL_OK) {
        return status == FEDL_ERR_NO_MEMORY ? FEDL_EXIT_FAILED : fedli_host_exit_of(status);
    }
    fedl_crash_at_host(FEDL_CRASH_START_AFTER_RESTORE);
    return FEDL_EXIT_OK;
}
