/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of fedl-server: turns arrivals, timers and completed stores into events of the
 * coordinator, and its actions into the world. See host_state.h for the picture.
 *
 * Stopping: first nothing new comes in, then what is being stored or computed is finished, then the
 * process ends. A round under way is not waited for: the next start opens a new attempt, or goes on
 * with the masked sum that is stored.
 */
#include "host/server_host.h"
#include "base/secret.h"
#include "host/helper_wire.h"
#include "host/host_state.h"
#include "host/sd_notify.h"
#include "posix/host_clock.h"
#include "posix/plural.h"
#include "sodium/crypto_sodium.h"
#include "store/crash_point.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICKS_MAX 1000u /* ticks given in a row before the loop looks at its inputs again */

void fedli_host_stop_when_idle(fedl_host *host)
{
    if (host->stopping && host->stores_out == 0 && host->compute.jobs_out == 0 &&
        host->helper_out == 0) {
        uv_stop(&host->loop);
    }
}

static void submit_job(fedl_host *host, const fedl_action *action)
{
    fedl_crash_at_host(FEDL_CRASH_COMPUTE_BEFORE_QUEUE);
    if (fedl_compute_submit(&host->compute, action->job, action->ticket) != FEDL_OK) {
        abort(); /* 3 KB: no memory at all; the masked sum is stored, the next start takes it up */
    }
}

static void on_computed(void *context, uint64_t ticket)
{
    fedl_host *host = context;
    if (host->broken) {
        return;
    }
    fedl_event event = {.kind = FEDL_EVENT_COMPUTED, .ticket = ticket};
    fedl_crash_at_host(FEDL_CRASH_COMPUTED_BEFORE_STEP);
    fedli_host_step(host, &event);
    fedli_host_settle(host);
    fedli_host_stop_when_idle(host);
}

static void execute(fedl_host *host, const fedl_action *action)
{
    switch (action->kind) {
    case FEDL_ACTION_SEND:
        fedl_crash_at_host(FEDL_CRASH_REPLY_BEFORE_SEND);
        if (host->transport != NULL) {
            (void)fedl_transport_send(host->transport, action->request, action->bytes);
        }
        fedl_crash_at_host(FEDL_CRASH_REPLY_AFTER_SEND);
        break;
    case FEDL_ACTION_DROP:
        if (host->transport != NULL) {
            fedl_transport_drop(host->transport, action->request);
        }
        break;
    case FEDL_ACTION_STORE:
        fedli_host_store(host, action);
        break;
    case FEDL_ACTION_ADMIN_REPLY:
        fedli_admin_on_reply(host, action);
        break;
    case FEDL_ACTION_LOG:
        fedli_host_report(host, action);
        fedli_admin_on_log(host, action);
        break;
    case FEDL_ACTION_COMPUTE:
        submit_job(host, action);
        break;
    case FEDL_ACTION_HELPER:
        fedli_host_helper_ask(host, action);
        break;
    case FEDL_ACTION_LOAD:
        fedli_host_load(host, action);
        break;
    }
}

void fedli_host_step(fedl_host *host, fedl_event *event)
{
    event->now_ns = fedl_host_now_ns();
    event->utc_s = fedl_host_utc_s();
    fedl_host_entropy(event->entropy, sizeof event->entropy);
    fedl_status status = fedl_coord_step(&host->coord, event, &host->actions);
    fedli_wipe(event->entropy, sizeof event->entropy);
    if (status != FEDL_OK) {
        fedl_log_line line;
        fedl_log_begin(&line, &host->log, FEDL_LEVEL_ERROR, "host.contract");
        fedl_log_u64(&line, "event_kind", (uint64_t)event->kind);
        fedl_log_str(&line, "text", fedl_status_text(status));
        fedl_log_end(&line, "defect: the coordinator refused event %d: %s", (int)event->kind,
                     fedl_status_text(status));
        host->broken = true;
        uv_stop(&host->loop);
        return;
    }
    for (uint32_t i = 0; i < host->actions.count; i++) {
        execute(host, &host->actions.items[i]);
    }
}

static void on_timer(uv_timer_t *timer)
{
    fedli_host_settle(timer->data);
}

void fedli_host_settle(fedl_host *host)
{
    uint32_t ticks = 0;
    if (host->stopping || host->broken) {
        return;
    }
    fedl_instant_ns deadline_ns = fedl_coord_deadline_ns(&host->coord);
    while (deadline_ns <= fedl_host_now_ns() && ticks < TICKS_MAX && !host->broken) {
        fedl_event event = {.kind = FEDL_EVENT_TICK};
        fedli_host_step(host, &event);
        deadline_ns = fedl_coord_deadline_ns(&host->coord);
        ticks++;
    }
    if (deadline_ns == FEDL_NEVER_NS) {
        (void)uv_timer_stop(&host->timer);
        return;
    }
    int64_t wait_ns = deadline_ns - fedl_host_now_ns();
    uint64_t wait_ms = wait_ns > 0 ? ((uint64_t)wait_ns + 999999u) / 1000000u : 0;
    uv_update_time(&host->loop);
    (void)uv_timer_start(&host->timer, on_timer, wait_ms, 0);
}

/* Something came from nng's threads or from the store's. */
static void on_wake(uv_async_t *async)
{
    fedl_host *host = async->data;
    fedl_store_job *job = NULL;
    fedl_arrival arrival;
    while (!host->broken && (job = fedl_store_worker_next(host->worker)) != NULL) {
        job->done(job, host);
    }
    while (!host->broken && host->transport != NULL &&
           fedl_transport_next(host->transport, &arrival)) {
        fedl_event event = {.request = arrival.request};
        event.kind = arrival.kind == FEDL_ARRIVAL_GONE ? FEDL_EVENT_GONE : FEDL_EVENT_MESSAGE;
        event.bytes = arrival.bytes;
        fedl_crash_at_host(FEDL_CRASH_MESSAGE_BEFORE_STEP);
        fedli_host_step(host, &event);
    }
    fedli_host_settle(host);
    fedli_host_stop_when_idle(host);
}

static void wake_loop(void *context)
{
    (void)uv_async_send(&((fedl_host *)context)->wake);
}

static void begin_stop(fedl_host *host, const char *why)
{
    fedl_log_line line;
    if (host->stopping) {
        return;
    }
    host->stopping = true;
    (void)fedl_sd_notify("STOPPING=1");
    fedl_log_begin(&line, &host->log, FEDL_LEVEL_INFO, "server.stopping");
    fedl_log_str(&line, "why", why);
    fedl_log_end(&line, "stopping (%s)", why);
    (void)uv_timer_stop(&host->timer);
    if (host->transport != NULL) {
        fedl_transport_close(host->transport);
        host->transport = NULL;
    }
    fedli_admin_close(host);
    fedli_host_stop_when_idle(host);
}

static void on_signal(uv_signal_t *handle, int number)
{
    begin_stop(handle->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void close_one(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static fedl_exit open_loop(fedl_host *host, char *text)
{
    char line[256];
    host->compute = (fedl_compute_pool){.loop = &host->loop,
                                        .parts = fedl_compute_parts(host->config.compute_threads),
                                        .run = fedl_compute_run,
                                        .done = on_computed,
                                        .context = host};
    fedl_compute_reserve(host->compute.parts);
    (void)uv_async_init(&host->loop, &host->wake, on_wake);
    (void)uv_timer_init(&host->loop, &host->timer);
    (void)uv_signal_init(&host->loop, &host->on_term);
    (void)uv_signal_init(&host->loop, &host->on_int);
    host->wake.data = host;
    host->timer.data = host;
    host->on_term.data = host;
    host->on_int.data = host;
    (void)uv_signal_start(&host->on_term, on_signal, SIGTERM);
    (void)uv_signal_start(&host->on_int, on_signal, SIGINT);
    if (fedl_store_worker_open(&host->worker, host->store, wake_loop, host) != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "cannot start the store's thread");
        return FEDL_EXIT_FAILED;
    }
    fedl_status status =
        fedl_transport_open(&host->transport, host->config.listen, host->config.requests_max,
                            FEDLI_ENVELOPE_BYTES_MAX, wake_loop, host, line);
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s", line);
        return FEDL_EXIT_LISTEN;
    }
    status = fedli_admin_open(host, text);
    return status == FEDL_OK ? FEDL_EXIT_OK : fedli_host_exit_of(status);
}

static void say_ready(fedl_host *host)
{
    fedl_log_line line;
    const char *helper = host->helper == NULL ? "" : host->helper->url;
    fedl_log_begin(&line, &host->log, FEDL_LEVEL_INFO, "server.ready");
    fedl_log_str(&line, "version", FEDL_VERSION_TEXT);
    fedl_log_str(&line, "listen", fedl_transport_url(host->transport));
    fedl_log_str(&line, "home", host->home.path);
    fedl_log_u64(&line, "devices", fedl_coord_device_count(&host->coord));
    fedl_log_u64(&line, "tasks", fedl_coord_task_count(&host->coord));
    fedl_log_str(&line, "helper", helper);
    fedl_log_end(&line, "ready at %s · home %s · %u device%s · %u task%s%s%s",
                 fedl_transport_url(host->transport), host->home.path,
                 (unsigned)fedl_coord_device_count(&host->coord),
                 fedl_plural(fedl_coord_device_count(&host->coord)),
                 (unsigned)fedl_coord_task_count(&host->coord),
                 fedl_plural(fedl_coord_task_count(&host->coord)),
                 helper[0] == '\0' ? "" : " · helper at ", helper);
    (void)fedl_sd_notify("READY=1");
}

static void close_all(fedl_host *host, bool loop_open)
{
    if (host->transport != NULL) {
        fedl_transport_close(host->transport);
    }
    if (host->worker != NULL) {
        fedl_store_worker_stop(host->worker);
        fedl_store_job *job = NULL;
        while ((job = fedl_store_worker_next(host->worker)) != NULL) {
            free(job); /* only after a failed start or a defect; nobody waits for them */
        }
        fedl_store_worker_close(host->worker);
    }
    fedli_admin_close(host);
    if (loop_open) {
        uv_walk(&host->loop, close_one, NULL);
        (void)uv_run(&host->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&host->loop);
    }
    fedli_admin_free(host);
    if (host->coord.state != NULL) {
        fedl_coord_deinit(&host->coord);
    }
    while (host->tasks != NULL) {
        fedl_task_holder *holder = host->tasks;
        host->tasks = holder->next;
        fedli_host_task_free(holder);
    }
    if (host->store != NULL) {
        host->store->ops->close(host->store);
    }
    free(host->coord_block);
    fedli_host_helper_close(host);
    fedli_wipe(&host->coord_config.identity, sizeof host->coord_config.identity);
    free(host);
}

fedl_exit fedl_host_run(const fedl_host_options *options, char text[FEDL_HOME_TEXT_BYTES])
{
    fedl_host *host = calloc(1, sizeof *host);
    if (host == NULL || fedl_crypto_sodium_init() != FEDL_OK) {
        free(host);
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "no memory, or libsodium does not start");
        return FEDL_EXIT_FAILED;
    }
    host->crypto = fedl_crypto_sodium();
    host->home = options->home;
    host->log.fd = STDOUT_FILENO;
    host->started_s = fedl_host_utc_s();
    bool loop_open = uv_loop_init(&host->loop) == 0;
    fedl_exit code = loop_open ? fedli_host_open_home(host, options, text) : FEDL_EXIT_FAILED;
    if (code == FEDL_EXIT_OK) {
        code = fedli_host_open_coordinator(host, text);
    }
    if (code == FEDL_EXIT_OK) {
        code = open_loop(host, text);
    }
    if (code == FEDL_EXIT_OK) {
        say_ready(host);
        fedli_host_settle(host);
        (void)uv_run(&host->loop, UV_RUN_DEFAULT);
        if (host->broken) {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                           "stopped by a defect; please report the "
                           "log; a restart goes on from the store");
            code = FEDL_EXIT_FAILED;
        }
    }
    close_all(host, loop_open);
    return code;
}
