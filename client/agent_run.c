/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: events in, actions out, on one thread. Signals only set a flag and write to a pipe that
 * the wait watches, so a stop comes between two steps or between two slices of training. A second
 * signal ends the process at once: every file is replaced whole, so nothing can break.
 */
#include "agent_run.h"

#include "agent_policy.h"
#include "agent_state.h"
#include "base/secret.h"
#include "posix/durable_file.h"
#include "posix/host_clock.h"
#include "wire/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS      INT64_C(1000000)
#define TOKEN_FILE_MAX 4096u

static volatile sig_atomic_t stop_flag;
static int stop_pipe[2] = {-1, -1};

bool agent_stopped(void)
{
    return stop_flag != 0;
}

static void on_signal(int number)
{
    const int saved = errno;
    if (stop_flag != 0) {
        _exit(128 + number); /* whoever asks twice does not want to wait */
    }
    stop_flag = 1;
    const ssize_t written = write(stop_pipe[1], "!", 1); /* full: the reader wakes anyway */
    (void)written;
    errno = saved;
}

static bool catch_signals(void)
{
    struct sigaction action;
    if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return false;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    return true;
}

/* Milliseconds until the machine wants a TICK, rounded up; −1: not before another event. */
static int64_t wait_ms(const agent_state *a, fedl_instant_ns give_up_ns)
{
    const fedl_instant_ns now_ns = fedl_host_now_ns();
    fedl_instant_ns until_ns = fedl_client_deadline_ns(&a->client);
    if (give_up_ns < until_ns) {
        until_ns = give_up_ns;
    }
    if (until_ns == FEDL_NEVER_NS) {
        return -1;
    }
    return until_ns <= now_ns ? 0 : (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* Fills the next event: an answer that is due, or what the network says. False: stopped. */
static bool next_event(agent_state *a, fedl_client_event *event, fedl_instant_ns give_up_ns)
{
    fedl_nng_event arrived;
    if (a->queue_count > 0) {
        event->kind = a->queue[0].kind;
        event->status = a->queue[0].status;
        event->block = a->queue[0].block;
        event->block_bytes = a->queue[0].block_bytes;
        a->queue_count--;
        memmove(&a->queue[0], &a->queue[1], a->queue_count * sizeof a->queue[0]);
        return true;
    }
    if (fedl_nng_client_wait(a->nng, &arrived, wait_ms(a, give_up_ns), stop_pipe[0]) != FEDL_OK) {
        return false;
    }
    switch (arrived.kind) {
    case FEDL_NNG_TIMEOUT:
        event->kind = FEDL_CLIENT_TICK;
        return true;
    case FEDL_NNG_CONNECTED:
        event->kind = FEDL_CLIENT_CONNECTED;
        return true;
    case FEDL_NNG_DISCONNECTED:
        a->log.reason = arrived.reason;
        event->kind = FEDL_CLIENT_DISCONNECTED;
        return true;
    case FEDL_NNG_MESSAGE:
        event->kind = FEDL_CLIENT_MESSAGE;
        event->bytes = arrived.bytes;
        return true;
    case FEDL_NNG_WOKEN:
        return false;
    }
    return false;
}

static bool step(agent_state *a, fedl_client_event *event)
{
    fedl_client_actions actions;
    event->now_ns = fedl_host_now_ns();
    event->utc_s = fedl_host_utc_s();
    fedl_host_entropy(event->entropy, sizeof event->entropy);
    const fedl_status status = fedl_client_step(&a->client, event, &actions);
    fedli_wipe(event->entropy, sizeof event->entropy);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl-client: internal error: %s\n", fedl_status_text(status));
        a->code = AGENT_EXIT_FAILED;
        return false;
    }
    for (uint32_t i = 0; i < actions.count; i++) {
        bool trains_next = false;
        for (uint32_t k = i + 1u; k < actions.count; k++) {
            trains_next = trains_next || actions.items[k].kind == FEDL_CLIENT_TRAIN;
        }
        agent_act(a, &actions.items[i], trains_next);
    }
    return true;
}

static void loop(agent_state *a)
{
    const agent_options *o = a->options;
    const bool limited = o->command == AGENT_JOIN || o->command == AGENT_LEAVE;
    const fedl_instant_ns give_up_ns =
        limited ? fedl_host_now_ns() + (fedl_instant_ns)o->timeout_s * 1000 * NS_PER_MS
                : FEDL_NEVER_NS;
    while (!a->finished && !agent_stopped()) {
        fedl_client_event event;
        memset(&event, 0, sizeof event);
        if (limited && fedl_host_now_ns() >= give_up_ns) {
            (void)fprintf(stderr,
                          "fedl-client: no server answered at %s within %u s: check the "
                          "address and that the server runs\n",
                          a->url, o->timeout_s);
            a->code = AGENT_EXIT_NO_SERVER;
            return;
        }
        if (next_event(a, &event, give_up_ns) && !step(a, &event)) {
            return;
        }
    }
    if (!a->finished) {
        agent_log_line(&a->log, "stopped", "stopped");
        a->code = limited ? AGENT_EXIT_FAILED : AGENT_EXIT_OK;
    }
}

/* The token from the command line or a file; wiped by the caller. */
static agent_exit read_token(const agent_options *o, char *token, size_t token_bytes,
                             char text[AGENT_TEXT_BYTES])
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (o->token != NULL) {
        (void)snprintf(token, token_bytes, "%s", o->token);
        return AGENT_EXIT_OK;
    }
    const fedl_status status = fedl_file_read(&bytes, &size, o->token_file, TOKEN_FILE_MAX);
    if (status != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "%s: %s", o->token_file, fedl_status_text(status));
        return AGENT_EXIT_USAGE;
    }
    (void)snprintf(token, token_bytes, "%.*s", (int)strcspn((char *)bytes, " \t\r\n"),
                   (char *)bytes);
    fedli_wipe(bytes, size);
    free(bytes);
    return AGENT_EXIT_OK;
}

static agent_exit prepare_join(agent_state *a, fedl_client_config *cfg, char *token,
                               size_t token_bytes, char text[AGENT_TEXT_BYTES])
{
    char why[FEDL_URL_ERROR_BYTES];
    if (fedl_client_url(a->url, a->options->url, why) != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "%s", why);
        return AGENT_EXIT_USAGE;
    }
    agent_exit code = agent_home_open(&a->home, a->options->home, true, true, text);
    if (code != AGENT_EXIT_OK) {
        return code;
    }
    if (agent_home_joined(&a->home)) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: this home belongs to a device already: leave first (fedl-client leave "
                       "--home %s), or give another --home",
                       a->home.path, a->home.path);
        return AGENT_EXIT_EXISTS;
    }
    cfg->mode = FEDL_CLIENT_JOIN;
    cfg->token = token;
    return read_token(a->options, token, token_bytes, text);
}

static agent_exit prepare_member(agent_state *a, fedl_client_config *cfg,
                                 char text[AGENT_TEXT_BYTES])
{
    agent_exit code = agent_home_open(&a->home, a->options->home, false, true, text);
    if (code == AGENT_EXIT_OK) {
        code = agent_home_load(&a->home, &cfg->identity, a->url, &cfg->progress, a->crypto, text);
    }
    cfg->mode = a->options->command == AGENT_LEAVE ? FEDL_CLIENT_LEAVE : FEDL_CLIENT_RUN;
    if (code == AGENT_EXIT_OK && cfg->mode == FEDL_CLIENT_RUN) {
        code = agent_policy_load(&cfg->policy, &a->home, a->options, text);
    }
    cfg->memory_bytes_max = a->options->memory_bytes_max;
    cfg->chunk_bytes_max = a->options->chunk_bytes_max;
    a->device_id = cfg->identity.device_id;
    if (code == AGENT_EXIT_OK && a->options->command == AGENT_RUN &&
        agent_data_check(a->options, text) != FEDL_OK) {
        code = AGENT_EXIT_DATA;
    }
    return code;
}

static agent_exit start_machine(agent_state *a, const fedl_client_config *cfg,
                                char text[AGENT_TEXT_BYTES])
{
    const size_t bytes = fedl_client_size(cfg);
    a->block = aligned_alloc(16, bytes);
    if (a->block == NULL || fedl_nng_client_create(&a->nng, FEDLI_ENVELOPE_BYTES_MAX) != FEDL_OK ||
        !catch_signals()) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "out of memory or file descriptors");
        return AGENT_EXIT_FAILED;
    }
    const fedl_status status = fedl_client_init(&a->client, cfg, a->block, bytes);
    if (status == FEDL_ERR_FORMAT || status == FEDL_ERR_MISMATCH) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "the token is mistyped: copy it whole, letters and "
                       "digits; dashes and case don't matter");
        return AGENT_EXIT_TOKEN;
    }
    if (status != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "%s", fedl_status_text(status));
        return AGENT_EXIT_FAILED;
    }
    return AGENT_EXIT_OK;
}

static void finish_leave(agent_state *a)
{
    if (a->code != AGENT_EXIT_OK || !a->finished) {
        return;
    }
    const fedl_status status = agent_home_forget(&a->home);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl-client: %s: the identity can't be destroyed: %s\n",
                      a->home.path, fedl_status_text(status));
        a->code = agent_exit_of(status);
    }
}

agent_exit agent_run(const agent_options *options, const fedl_crypto *crypto)
{
    char text[AGENT_TEXT_BYTES] = "";
    char token[128] = "";
    fedl_client_config cfg;
    agent_state *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return AGENT_EXIT_FAILED;
    }
    a->options = options;
    a->crypto = crypto;
    a->home.lock_fd = -1;
    a->log.out = stdout;
    a->log.json = options->log_json;
    a->log.url = a->url;
    fedl_client_config_default(&cfg);
    cfg.crypto = crypto;
    a->code = options->command == AGENT_JOIN ? prepare_join(a, &cfg, token, sizeof token, text)
                                             : prepare_member(a, &cfg, text);
    if (a->code == AGENT_EXIT_OK) {
        a->code = start_machine(a, &cfg, text);
    }
    fedli_wipe(&cfg, sizeof cfg);
    fedli_wipe(token, sizeof token);
    if (a->code == AGENT_EXIT_OK) {
        loop(a);
        if (options->command == AGENT_LEAVE) {
            finish_leave(a);
        }
    } else {
        (void)fprintf(stderr, "fedl-client: %s\n", text);
    }
    const agent_exit code = a->code;
    fedl_client_deinit(&a->client);
    const bool closed = fedl_nng_client_destroy(a->nng);
    agent_data_close(&a->data);
    agent_home_close(&a->home);
    free(a->task_block);
    free(a->block);
    free(a);
    if (!closed) {
        (void)fflush(NULL);
        _exit((int)code);
    }
    return code;
}
