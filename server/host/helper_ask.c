/* SPDX-License-Identifier: Apache-2.0 */
/* The server's way to its helper: FEDL_ACTION_HELPER on one of libuv's threads. */
#include "host/helper_home.h"
#include "host/helper_wire.h"
#include "host/host_state.h"

#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct question {
    uv_work_t work; /* data points back here */
    fedl_host *host;
    uint64_t ticket;
    uint32_t task_id;
    uint32_t round;
    fedl_helper_link link;
    fedl_status status;
    uint8_t *reply;
    size_t reply_size;
    size_t request_size;
    uint8_t request[];
} question;

fedl_status fedli_host_helper_open(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES])
{
    fedl_coord_config *cfg = &host->coord_config;
    fedl_helper_grant grant;
    const bool url = host->config.helper_url[0] != '\0';
    const bool cert = host->config.helper_cert[0] != '\0';
    if (!url && !cert) {
        return FEDL_OK;
    }
    if (!url || !cert) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s: helper_url and helper_cert go together; see docs/server.md",
                       host->home.config_path);
        return FEDL_ERR_FORMAT;
    }
    const fedl_status status =
        fedl_helper_grant_read(&grant, host->crypto, host->config.helper_cert, text);
    if (status != FEDL_OK) {
        return status;
    }
    if (memcmp(grant.fleet_id, cfg->identity.fleet_id, 16) != 0 ||
        memcmp(grant.ca_public, cfg->identity.ca_public, 32) != 0 ||
        memcmp(grant.server_public, cfg->identity.noise_public, 32) != 0) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s: it is for another fleet or server",
                       host->config.helper_cert);
        return FEDL_ERR_MISMATCH;
    }
    host->helper = calloc(1, sizeof *host->helper);
    if (host->helper == NULL) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "out of memory");
        return FEDL_ERR_NO_MEMORY;
    }
    host->helper->crypto = host->crypto;
    (void)snprintf(host->helper->url, sizeof host->helper->url, "%s", host->config.helper_url);
    memcpy(host->helper->fleet_id, grant.fleet_id, 16);
    memcpy(host->helper->server_secret, cfg->identity.noise_secret, 32);
    memcpy(host->helper->helper_public, grant.helper_public, 32);
    cfg->has_helper = true;
    memcpy(cfg->helper_cert, grant.helper_cert, sizeof cfg->helper_cert);
    return FEDL_OK;
}

void fedli_host_helper_close(fedl_host *host)
{
    if (host->helper != NULL) {
        fedli_wipe(host->helper, sizeof *host->helper);
        free(host->helper);
        host->helper = NULL;
    }
}

static void run(uv_work_t *work)
{
    question *q = work->data;
    q->status = q->host->helper == NULL
                    ? FEDL_ERR_NOT_FOUND
                    : fedl_helper_call(&q->link, &q->reply, &q->reply_size,
                                       fedl_bytes_of(q->request, q->request_size));
}

static const char *failure_text(fedl_status status)
{
    return status == FEDL_ERR_AUTH ? "it is not the helper of helper_cert, or has a grant for "
                                     "another server"
                                   : fedl_status_text(status);
}

static void done(uv_work_t *work, int code)
{
    question *q = work->data;
    fedl_host *host = q->host;
    fedl_log_line line;
    (void)code; /* ECANCELED only: nobody cancels */
    host->helper_out--;
    if (q->status != FEDL_OK) {
        fedl_log_begin(&line, &host->log, FEDL_LEVEL_WARN, "helper.failed");
        fedl_log_u64(&line, "task", q->task_id);
        fedl_log_u64(&line, "round", q->round);
        fedl_log_str(&line, "text", failure_text(q->status));
        fedl_log_end(&line, "the helper at %s: %s; it is asked again", host->config.helper_url,
                     failure_text(q->status));
    }
    if (!host->broken && !host->stopping) {
        fedl_event event = {.kind = FEDL_EVENT_HELPER, .ticket = q->ticket, .status = q->status};
        event.bytes = fedl_bytes_of(q->reply, q->reply_size);
        fedli_host_step(host, &event);
        fedli_host_settle(host);
    }
    if (q->reply != NULL) {
        fedli_wipe(q->reply, q->reply_size); /* the sum of the masks */
        free(q->reply);
    }
    fedli_wipe(&q->link, sizeof q->link);
    free(q);
    fedli_host_stop_when_idle(host);
}

void fedli_host_helper_ask(fedl_host *host, const fedl_action *action)
{
    question *q = calloc(1, sizeof *q + action->bytes.size);
    if (q == NULL) {
        abort(); /* the masked sum is stored, the next start asks again */
    }
    q->work.data = q;
    q->host = host;
    q->ticket = action->ticket;
    q->task_id = action->task_id;
    q->round = action->round;
    if (host->helper != NULL) {
        q->link = *host->helper;
    }
    q->request_size = action->bytes.size;
    memcpy(q->request, action->bytes.data, action->bytes.size);
    host->helper_out++;
    /* Fails for a missing callback only. */
    (void)uv_queue_work(&host->loop, &q->work, run, done);
}
