/* SPDX-License-Identifier: Apache-2.0 */
#include "nng/nng_client.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the dialling thread and nng's threads tell the owner, through a pipe: one word each. */
typedef struct notice {
    uint32_t generation; /* of the connection; notices of older ones are ignored */
    int32_t error;       /* 0: connected; else nng's error, or GONE */
} notice;

#define GONE (-1)

/* What threads may outlive is passed by value: everything they need. */
typedef struct dial_job {
    nng_socket socket;
    nng_dialer dialer; /* written before it is started, so before any pipe exists */
    uint32_t generation;
    int notify_fd;
    char url[FEDL_URL_BYTES_MAX];
} dial_job;

struct fedl_nng_client {
    nng_socket socket;
    bool open;      /* socket exists */
    bool connected; /* CONNECTED was reported */
    bool thread_running;
    pthread_t thread;
    dial_job job;
    uint32_t generation;
    int notify_read_fd;
    int notify_write_fd;
    int receive_fd;
    size_t message_bytes_max;
    nng_msg *message; /* the last one handed out */
};

static void tell(int fd, uint32_t generation, int32_t error)
{
    const notice n = {generation, error};
    ssize_t written;
    do { /* smaller than PIPE_BUF: whole or not at all */
        written = write(fd, &n, sizeof n);
    } while (written < 0 && errno == EINTR);
}

static void *dial(void *context)
{
    dial_job *job = context;
    int error = nng_dialer_create(&job->dialer, job->socket, job->url);
    if (error == 0) {
        error = nng_dialer_start(job->dialer, 0); /* waits for the connection, or its failure */
    }
    tell(job->notify_fd, job->generation, (int32_t)error);
    return NULL;
}

/*
 * The pipe ended. The dialer goes with it, since only the machine decides when to try again:
 * RECONNMINT alone does not stop nng. Up to 1.5.2 it takes a random word modulo the pause as a
 * SIGNED number, so that every second time the pause is negative and nng dials again at once. Such
 * a connection surprises the server, and leaks inside nng when the socket closes while the two
 * sides still greet each other (the pipe then waits for a match for ever). This runs before nng
 * starts the timer; closing a dialer neither waits nor takes the lock that callbacks run under.
 */
static void on_pipe_gone(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    const dial_job *job = context;
    (void)pipe;
    (void)event;
    (void)nng_dialer_close(job->dialer);
    tell(job->notify_fd, job->generation, GONE);
}

fedl_status fedl_nng_client_create(fedl_nng_client **client, size_t message_bytes_max)
{
    int fds[2];
    fedl_nng_client *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(made);
        return FEDL_ERR_IO;
    }
    made->notify_read_fd = fds[0];
    made->notify_write_fd = fds[1];
    made->receive_fd = -1;
    made->message_bytes_max = message_bytes_max;
    *client = made;
    return FEDL_OK;
}

static void release_message(fedl_nng_client *client)
{
    if (client->message != NULL) {
        nng_msg_free(client->message);
        client->message = NULL;
    }
}

void fedl_nng_client_close(fedl_nng_client *client)
{
    notice n;
    if (client->open) {
        (void)nng_close(client->socket); /* also ends a dialling that still waits */
    }
    if (client->thread_running) {
        (void)pthread_join(client->thread, NULL);
    }
    client->open = false;
    client->connected = false;
    client->thread_running = false;
    client->receive_fd = -1;
    release_message(client);
    /* Whatever was told about this connection is old now. */
    while (read(client->notify_read_fd, &n, sizeof n) == (ssize_t)sizeof n) {
    }
}

static int set_options(nng_socket socket, size_t message_bytes_max)
{
    int error = nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (error == 0) {
        error = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, message_bytes_max);
    }
    if (error == 0) {
        error = nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, 3600000);
    }
    if (error == 0) {
        error = nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, 3600000);
    }
    if (error == 0) {
        /* Finds a dead peer on an idle long-poll, by the system's timers; not all transports. */
        (void)nng_socket_set_bool(socket, NNG_OPT_TCP_KEEPALIVE, true);
    }
    return error;
}

fedl_status fedl_nng_client_connect(fedl_nng_client *client, const char *url)
{
    if (strlen(url) >= sizeof client->job.url) {
        return FEDL_ERR_IO;
    }
    fedl_nng_client_close(client);
    if (nng_req0_open(&client->socket) != 0) {
        return FEDL_ERR_NO_MEMORY;
    }
    client->open = true;
    client->generation++;
    client->job.socket = client->socket;
    client->job.generation = client->generation;
    client->job.notify_fd = client->notify_write_fd;
    memcpy(client->job.url, url, strlen(url) + 1u);
    int error = set_options(client->socket, client->message_bytes_max);
    if (error == 0) {
        error = nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, on_pipe_gone, &client->job);
    }
    if (error == 0) {
        error = nng_socket_get_int(client->socket, NNG_OPT_RECVFD, &client->receive_fd);
    }
    if (error != 0 || pthread_create(&client->thread, NULL, dial, &client->job) != 0) {
        fedl_nng_client_close(client);
        return FEDL_ERR_IO;
    }
    client->thread_running = true;
    return FEDL_OK;
}

fedl_status fedl_nng_client_send(fedl_nng_client *client, fedl_bytes bytes)
{
    nng_msg *message = NULL;
    if (!client->connected) {
        return FEDL_ERR_CONNECTION;
    }
    if (nng_msg_alloc(&message, 0) != 0 || nng_msg_append(message, bytes.data, bytes.size) != 0) {
        nng_msg_free(message);
        return FEDL_ERR_NO_MEMORY;
    }
    /* Not waiting: an outstanding request is replaced, which is what the machine means. */
    if (nng_sendmsg(client->socket, message, NNG_FLAG_NONBLOCK) != 0) {
        nng_msg_free(message);
        return FEDL_ERR_CONNECTION;
    }
    return FEDL_OK;
}

/* Reads one notice; true when it is about the present connection. */
static bool take_notice(fedl_nng_client *client, fedl_nng_event *event)
{
    notice n;
    if (read(client->notify_read_fd, &n, sizeof n) != (ssize_t)sizeof n ||
        n.generation != client->generation || !client->open) {
        return false;
    }
    if (n.error == 0) {
        client->connected = true;
        event->kind = FEDL_NNG_CONNECTED;
        return true;
    }
    event->kind = FEDL_NNG_DISCONNECTED;
    event->reason = n.error == GONE ? "the server ended the connection" : nng_strerror(n.error);
    fedl_nng_client_close(client);
    return true;
}

static bool take_message(fedl_nng_client *client, fedl_nng_event *event)
{
    if (nng_recvmsg(client->socket, &client->message, NNG_FLAG_NONBLOCK) != 0) {
        client->message = NULL;
        return false;
    }
    event->kind = FEDL_NNG_MESSAGE;
    event->bytes = fedl_bytes_of(nng_msg_body(client->message), nng_msg_len(client->message));
    return true;
}

static int64_t now_ms(void)
{
    struct timespec ts = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

fedl_status fedl_nng_client_wait(fedl_nng_client *client, fedl_nng_event *event, int64_t timeout_ms,
                                 int wake_fd)
{
    const int64_t end_ms = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
    memset(event, 0, sizeof *event);
    release_message(client);
    for (;;) {
        struct pollfd fds[3] = {
            {.fd = client->notify_read_fd, .events = POLLIN},
            {.fd = wake_fd, .events = POLLIN},
            {.fd = client->connected ? client->receive_fd : -1, .events = POLLIN}};
        int64_t left_ms = timeout_ms < 0 ? -1 : end_ms - now_ms();
        left_ms = timeout_ms >= 0 && left_ms < 0 ? 0 : left_ms;
        const int ready = poll(fds, 3, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (ready < 0 && errno != EINTR) {
            return FEDL_ERR_IO;
        }
        if (ready < 0) {
            continue;
        }
        if (ready == 0) {
            event->kind = FEDL_NNG_TIMEOUT;
            return FEDL_OK;
        }
        if (fds[1].revents != 0) {
            event->kind = FEDL_NNG_WOKEN;
            return FEDL_OK;
        }
        /* A reply that came before the connection ended is read before the end is reported. */
        if (fds[2].revents != 0 && take_message(client, event)) {
            return FEDL_OK;
        }
        if (fds[0].revents != 0 && take_notice(client, event)) {
            return FEDL_OK;
        }
    }
}

void fedl_nng_client_destroy(fedl_nng_client *client)
{
    if (client == NULL) {
        return;
    }
    fedl_nng_client_close(client);
    (void)close(client->notify_read_fd);
    (void)close(client->notify_write_fd);
    free(client);
}
