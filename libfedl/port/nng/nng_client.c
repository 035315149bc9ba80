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

/* How long close() waits for nng. nng 1.5.2 has a race between nng_close() and a pipe that is being
 * reaped, after which nng_close() never returns: a lost socket is better than a frozen device. */
#define CLOSE_WAIT_S 2

/*
 * One connection: everything that nng's threads, the dialling thread and the closing thread touch.
 * The closing thread owns it from its start on; whoever is later of that thread and the waiting
 * owner frees it. Rejected: one struct with the client, which a hanging close would keep alive.
 */
typedef struct connection {
    nng_socket socket;
    nng_dialer dialer; /* written before it is started, so before any pipe exists */
    uint32_t generation;
    int notify_fd;
    int receive_fd;
    bool dialling; /* dial_thread exists */
    pthread_t dial_thread;
    char url[FEDL_URL_BYTES_MAX];
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool closed;    /* under lock: nothing of nng or of a thread touches this any more */
    bool abandoned; /* under lock: the owner went on without it */
} connection;

struct fedl_nng_client {
    connection *connection; /* NULL: none */
    bool connected;         /* CONNECTED was reported */
    bool left_behind;       /* a close did not return in time */
    uint32_t generation;
    int notify_read_fd;
    int notify_write_fd;
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
    connection *made = context;
    int error = nng_dialer_create(&made->dialer, made->socket, made->url);
    if (error == 0) {
        error = nng_dialer_start(made->dialer, 0); /* waits for the connection, or its failure */
    }
    tell(made->notify_fd, made->generation, (int32_t)error);
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
    const connection *made = context;
    (void)pipe;
    (void)event;
    (void)nng_dialer_close(made->dialer);
    tell(made->notify_fd, made->generation, GONE);
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

static connection *connection_new(void)
{
    pthread_condattr_t attributes;
    connection *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->receive_fd = -1;
    /* None of these fails with glibc and valid arguments. */
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&made->ended, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

static void connection_free(connection *old)
{
    (void)pthread_cond_destroy(&old->ended);
    (void)pthread_mutex_destroy(&old->lock);
    free(old);
}

static void *close_connection(void *context)
{
    connection *old = context;
    (void)nng_close(old->socket); /* also ends a dialling that still waits */
    if (old->dialling) {
        (void)pthread_join(old->dial_thread, NULL);
    }
    (void)pthread_mutex_lock(&old->lock);
    old->closed = true;
    const bool abandoned = old->abandoned;
    (void)pthread_cond_signal(&old->ended);
    (void)pthread_mutex_unlock(&old->lock);
    if (abandoned) {
        connection_free(old);
    }
    return NULL;
}

/* Closes within CLOSE_WAIT_S; false: it goes on, or hangs, on its own. old is gone either way. */
static bool close_bounded(connection *old)
{
    pthread_t closer;
    struct timespec until = {0, 0};
    if (pthread_create(&closer, NULL, close_connection, old) != 0) {
        return false; /* no thread to be had: closing here could take for ever */
    }
    (void)pthread_detach(closer);
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_WAIT_S;
    (void)pthread_mutex_lock(&old->lock);
    int waited = 0;
    while (!old->closed && waited == 0) {
        waited = pthread_cond_timedwait(&old->ended, &old->lock, &until);
    }
    const bool closed = old->closed;
    old->abandoned = !closed;
    (void)pthread_mutex_unlock(&old->lock);
    if (closed) {
        connection_free(old);
    }
    return closed;
}

void fedl_nng_client_close(fedl_nng_client *client)
{
    notice n;
    if (client->connection != NULL && !close_bounded(client->connection)) {
        client->left_behind = true;
    }
    client->connection = NULL;
    client->connected = false;
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
    if (strlen(url) >= FEDL_URL_BYTES_MAX) {
        return FEDL_ERR_IO;
    }
    fedl_nng_client_close(client);
    connection *made = connection_new();
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    if (nng_req0_open(&made->socket) != 0) {
        connection_free(made);
        return FEDL_ERR_NO_MEMORY;
    }
    client->connection = made;
    client->generation++;
    made->generation = client->generation;
    made->notify_fd = client->notify_write_fd;
    memcpy(made->url, url, strlen(url) + 1u);
    int error = set_options(made->socket, client->message_bytes_max);
    if (error == 0) {
        error = nng_pipe_notify(made->socket, NNG_PIPE_EV_REM_POST, on_pipe_gone, made);
    }
    if (error == 0) {
        error = nng_socket_get_int(made->socket, NNG_OPT_RECVFD, &made->receive_fd);
    }
    if (error != 0 || pthread_create(&made->dial_thread, NULL, dial, made) != 0) {
        fedl_nng_client_close(client);
        return FEDL_ERR_IO;
    }
    made->dialling = true; /* read by the closing thread only, which starts later */
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
    if (nng_sendmsg(client->connection->socket, message, NNG_FLAG_NONBLOCK) != 0) {
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
        n.generation != client->generation || client->connection == NULL) {
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
    if (nng_recvmsg(client->connection->socket, &client->message, NNG_FLAG_NONBLOCK) != 0) {
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
            {.fd = client->connected ? client->connection->receive_fd : -1, .events = POLLIN}};
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

bool fedl_nng_client_destroy(fedl_nng_client *client)
{
    if (client == NULL) {
        return true;
    }
    fedl_nng_client_close(client);
    const bool ended = !client->left_behind;
    if (ended) { /* else a thread may still write to the pipe: its numbers must not be used again */
        (void)close(client->notify_read_fd);
        (void)close(client->notify_write_fd);
    }
    free(client);
    return ended;
}
