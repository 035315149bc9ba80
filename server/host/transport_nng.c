/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. One receive is armed while the table has room; its callback arms the next one.
 * When the table is full the callback leaves it unarmed, and the release of a slot arms it again.
 */
#include "host/transport_nng.h"
#include "host/request_table.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fedl_transport {
    nng_socket socket;
    nng_aio *aio;
    bool socket_open;
    pthread_mutex_t lock; /* guards table and armed */
    fedl_request_table *table;
    bool armed;
    nng_msg *current; /* message whose bytes the loop is looking at */
    fedl_transport_wake wake;
    void *context;
    char url[FEDL_URL_BYTES_MAX];
};

/* nng's thread: a message has come, or the socket is closing. */
static void on_receive(void *argument)
{
    fedl_transport *t = argument;
    int code = nng_aio_result(t->aio);
    if (code == NNG_ECLOSED || code == NNG_ECANCELED) {
        return;
    }
    bool again = true;
    if (code == 0) {
        nng_msg *message = nng_aio_get_msg(t->aio);
        nng_pipe pipe = nng_msg_get_pipe(message);
        fedl_bytes route = fedl_bytes_of(nng_msg_header(message), nng_msg_header_len(message));
        (void)pthread_mutex_lock(&t->lock);
        fedl_status status =
            fedl_request_table_put(t->table, message, route, (uint32_t)nng_pipe_id(pipe));
        again = !fedl_request_table_full(t->table);
        t->armed = again;
        (void)pthread_mutex_unlock(&t->lock);
        if (status == FEDL_OK) {
            t->wake(t->context);
        } else {
            nng_msg_free(message); /* a route that no client of ours makes */
        }
    }
    if (again) {
        nng_recv_aio(t->socket, t->aio);
    }
}

/* nng's thread: a connection has ended. */
static void on_pipe_gone(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    fedl_transport *t = argument;
    (void)event;
    (void)pthread_mutex_lock(&t->lock);
    fedl_request_table_mark_gone(t->table, (uint32_t)nng_pipe_id(pipe));
    (void)pthread_mutex_unlock(&t->lock);
    t->wake(t->context);
}

static fedl_status explain(int code, const char *url, char text[256])
{
    fedl_status status = FEDL_ERR_IO;
    const char *todo = "see docs/server.md";
    switch (code) {
    case NNG_EADDRINUSE:
        status = FEDL_ERR_BUSY;
        todo = "another program listens there; stop it or give another --listen";
        break;
    case NNG_EADDRINVAL:
    case NNG_ENOTSUP:
        status = FEDL_ERR_FORMAT;
        todo = "give an address of this machine, as in --listen tcp://0.0.0.0:7070";
        break;
    case NNG_EPERM:
        status = FEDL_ERR_READ_ONLY;
        todo = "ports below 1024 need a privilege; give a higher one";
        break;
    case NNG_ENOMEM:
        status = FEDL_ERR_NO_MEMORY;
        break;
    default:
        break;
    }
    (void)snprintf(text, 256, "cannot listen at %.100s: %.40s; %s", url, nng_strerror(code), todo);
    return status;
}

static int start(fedl_transport *t, const char *url, size_t envelope_bytes_max)
{
    nng_listener listener;
    int port = 0;
    int code = nng_rep0_open_raw(&t->socket);
    if (code != 0) {
        return code;
    }
    t->socket_open = true;
    /* The request id of the REQ protocol travels in front of the envelope. */
    code = nng_socket_set_size(t->socket, NNG_OPT_RECVMAXSZ, envelope_bytes_max + 8);
    if (code == 0) {
        code = nng_pipe_notify(t->socket, NNG_PIPE_EV_REM_POST, on_pipe_gone, t);
    }
    if (code == 0) {
        code = nng_aio_alloc(&t->aio, on_receive, t);
    }
    if (code == 0) {
        code = nng_listen(t->socket, url, &listener, 0);
    }
    if (code != 0) {
        return code;
    }
    (void)snprintf(t->url, sizeof t->url, "%s", url);
    char *colon = strrchr(t->url, ':');
    if (strncmp(url, "tcp://", 6) == 0 && strcmp(colon, ":0") == 0 &&
        nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0) {
        (void)snprintf(colon, sizeof t->url - (size_t)(colon - t->url), ":%d", port);
    }
    t->armed = true;
    nng_recv_aio(t->socket, t->aio);
    return 0;
}

fedl_status fedl_transport_open(fedl_transport **transport, const char *url, uint32_t requests_max,
                                size_t envelope_bytes_max, fedl_transport_wake wake, void *context,
                                char text[256])
{
    fedl_transport *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&t->lock, NULL);
    t->wake = wake;
    t->context = context;
    fedl_status status = fedl_request_table_create(&t->table, requests_max);
    if (status == FEDL_OK) {
        int code = start(t, url, envelope_bytes_max);
        status = code == 0 ? FEDL_OK : explain(code, url, text);
    }
    if (status != FEDL_OK) {
        fedl_transport_close(t);
        return status;
    }
    *transport = t;
    return FEDL_OK;
}

const char *fedl_transport_url(const fedl_transport *transport)
{
    return transport->url;
}

/* Arms the receive again when there is room; called after slots were released. */
static void rearm(fedl_transport *t)
{
    (void)pthread_mutex_lock(&t->lock);
    bool arm = !t->armed && !fedl_request_table_full(t->table);
    t->armed = t->armed || arm;
    (void)pthread_mutex_unlock(&t->lock);
    if (arm) {
        nng_recv_aio(t->socket, t->aio);
    }
}

bool fedl_transport_next(fedl_transport *transport, fedl_arrival *arrival)
{
    fedl_transport *t = transport;
    if (t->current != NULL) {
        nng_msg_free(t->current);
        t->current = NULL;
    }
    bool found = false;
    bool released = false;
    (void)pthread_mutex_lock(&t->lock);
    while (!found) {
        fedl_request_slot *slot = fedl_request_table_next(t->table);
        if (slot == NULL) {
            break;
        }
        if (slot->gone) {
            nng_msg_free(slot->message);
            fedl_request_table_release(t->table, slot);
            released = true;
            continue;
        }
        t->current = slot->message;
        slot->message = NULL;
        *arrival = (fedl_arrival){.kind = FEDL_ARRIVAL_MESSAGE, .request = slot->handle};
        arrival->bytes = fedl_bytes_of(nng_msg_body(t->current), nng_msg_len(t->current));
        found = true;
    }
    uint64_t handle = 0;
    if (!found && fedl_request_table_next_gone(t->table, &handle)) {
        *arrival = (fedl_arrival){.kind = FEDL_ARRIVAL_GONE, .request = handle};
        found = true;
        released = true;
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (released) {
        rearm(t);
    }
    return found;
}

/* Frees the slot of request and gives its route; false when the request is not under way. */
static bool take_route(fedl_transport *t, uint64_t request, uint8_t route[FEDL_ROUTE_BYTES_MAX],
                       size_t *route_bytes)
{
    (void)pthread_mutex_lock(&t->lock);
    fedl_request_slot *slot = fedl_request_table_find(t->table, request);
    if (slot != NULL) {
        memcpy(route, slot->route, slot->route_bytes);
        *route_bytes = slot->route_bytes;
        fedl_request_table_release(t->table, slot);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (slot != NULL) {
        rearm(t);
    }
    return slot != NULL;
}

fedl_status fedl_transport_send(fedl_transport *transport, uint64_t request, fedl_bytes bytes)
{
    uint8_t route[FEDL_ROUTE_BYTES_MAX];
    size_t route_bytes = 0;
    nng_msg *message = NULL;
    if (!take_route(transport, request, route, &route_bytes)) {
        return FEDL_OK;
    }
    if (nng_msg_alloc(&message, 0) != 0) {
        return FEDL_ERR_NO_MEMORY;
    }
    if (nng_msg_append(message, bytes.data, bytes.size) != 0 ||
        nng_msg_header_append(message, route, route_bytes) != 0) {
        nng_msg_free(message);
        return FEDL_ERR_NO_MEMORY;
    }
    /* Raw REP never waits: the message is queued for its connection or dropped. */
    if (nng_sendmsg(transport->socket, message, 0) != 0) {
        nng_msg_free(message);
        return FEDL_ERR_IO;
    }
    return FEDL_OK;
}

void fedl_transport_drop(fedl_transport *transport, uint64_t request)
{
    uint8_t route[FEDL_ROUTE_BYTES_MAX];
    size_t route_bytes = 0;
    (void)take_route(transport, request, route, &route_bytes);
}

uint32_t fedl_transport_pending(fedl_transport *transport)
{
    (void)pthread_mutex_lock(&transport->lock);
    uint32_t count = fedl_request_table_count(transport->table);
    (void)pthread_mutex_unlock(&transport->lock);
    return count;
}

void fedl_transport_close(fedl_transport *transport)
{
    fedl_transport *t = transport;
    if (t->socket_open) {
        (void)nng_close(t->socket);
    }
    if (t->aio != NULL) {
        nng_aio_stop(t->aio);
        nng_aio_free(t->aio);
    }
    if (t->current != NULL) {
        nng_msg_free(t->current);
    }
    for (fedl_request_slot *slot = NULL;
         t->table != NULL && (slot = fedl_request_table_any(t->table)) != NULL;) {
        nng_msg_free(slot->message);
        slot->message = NULL;
        fedl_request_table_release(t->table, slot);
    }
    fedl_request_table_destroy(t->table);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
