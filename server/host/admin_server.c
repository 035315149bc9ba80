/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. A connection has one request under way at a time; further lines wait. */
#include "host/admin_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNREAD_BYTES_MAX (4u << 20)
#define BUFFER_BYTES_MAX (2u * FEDL_ADMIN_PAYLOAD_BYTES_MAX)

struct fedl_admin_connection {
    uv_pipe_t pipe;
    fedl_admin_connection *next;
    fedl_admin_server *server;
    char *buffer;
    size_t used;
    size_t capacity;
    fedl_admin_work *work; /* under way */
    bool awaits_payload;   /* work has not begun: its payload is still coming */
    bool deaf;             /* after a line that made no sense nothing more is read */
    bool processing;       /* process_lines() is running further up the stack */
    bool closing;
};

struct fedl_admin_server {
    uv_pipe_t listener;
    fedl_host *host;
    fedl_admin_connection *connections;
    uint32_t connection_count;
    fedl_admin_work *waiting; /* for ADMIN_REPLY */
    uint64_t ticket_next;
    bool open;
};

typedef struct pending_write {
    uv_write_t request;
    char *line;
    uint8_t *raw;
} pending_write;

static void process_lines(fedl_admin_connection *connection);

static void on_closed(uv_handle_t *handle)
{
    fedl_admin_connection *connection = handle->data;
    fedl_admin_connection **at = &connection->server->connections;
    while (*at != connection) {
        at = &(*at)->next;
    }
    *at = connection->next;
    connection->server->connection_count--;
    free(connection->buffer);
    free(connection);
}

static void close_connection(fedl_admin_connection *connection)
{
    if (!connection->closing) {
        connection->closing = true;
        fedl_admin_work *work = connection->work;
        connection->work = NULL;
        if (work != NULL) {
            work->connection = NULL;
            if (connection->awaits_payload) {
                fedli_admin_forget(work);
            } else if (work->watching) {
                fedli_admin_watch_drop(work);
            }
        }
        uv_close((uv_handle_t *)&connection->pipe, on_closed);
    }
}

static void on_written(uv_write_t *request, int code)
{
    pending_write *pending = (pending_write *)request;
    fedl_admin_connection *connection = request->handle->data;
    free(pending->line);
    free(pending->raw);
    free(pending);
    if (code < 0) {
        close_connection(connection);
    }
}

static void send_reply(fedl_admin_connection *connection, char *line, uint8_t *raw,
                       size_t raw_bytes)
{
    pending_write *pending = calloc(1, sizeof *pending);
    if (pending == NULL || line == NULL) {
        free(pending);
        free(line);
        free(raw);
        close_connection(connection);
        return;
    }
    pending->line = line;
    pending->raw = raw;
    uv_buf_t parts[2] = {uv_buf_init(line, (unsigned)strlen(line)),
                         uv_buf_init((char *)raw, (unsigned)raw_bytes)};
    if (uv_write(&pending->request, (uv_stream_t *)&connection->pipe, parts, raw != NULL ? 2 : 1,
                 on_written) != 0) {
        free(pending->line);
        free(pending->raw);
        free(pending);
        close_connection(connection);
    }
}

/* The object as one line with its newline; NULL when there is no memory. */
static char *print_line(const cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    size_t size = text != NULL ? strlen(text) : 0;
    char *line = text != NULL ? malloc(size + 2) : NULL;
    if (line != NULL) {
        memcpy(line, text, size);
        memcpy(line + size, "\n", 2);
    }
    cJSON_free(text);
    return line;
}

void fedli_admin_forget(fedl_admin_work *work)
{
    cJSON_Delete(work->reply);
    cJSON_Delete(work->watch_pending);
    free(work->raw);
    free(work->payload);
    fedli_host_task_free(work->holder);
    free(work);
}

void fedli_admin_push(fedl_admin_work *work, cJSON *object)
{
    fedl_admin_connection *connection = work->connection;
    if (connection != NULL &&
        uv_stream_get_write_queue_size((uv_stream_t *)&connection->pipe) > UNREAD_BYTES_MAX) {
        close_connection(connection); /* a watcher that does not read */
    } else if (connection != NULL) {
        send_reply(connection, print_line(object), NULL, 0);
    }
    cJSON_Delete(object);
}

void fedli_admin_finish(fedl_admin_work *work)
{
    fedl_admin_connection *connection = work->connection;
    if (connection != NULL) {
        connection->work = NULL;
        send_reply(connection, print_line(work->reply), work->raw, work->raw_bytes);
        work->raw = NULL;
    }
    fedli_admin_forget(work);
    if (connection != NULL && !connection->closing) {
        process_lines(connection);
    }
}

void fedli_admin_fail(fedl_admin_work *work, fedl_status status, const char *error,
                      const char *remedy)
{
    cJSON_Delete(work->reply);
    free(work->raw);
    work->raw = NULL;
    work->reply = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(work->reply, "ok", false);
    (void)cJSON_AddNumberToObject(work->reply, "status", (double)status);
    (void)cJSON_AddStringToObject(work->reply, "error", error);
    (void)cJSON_AddStringToObject(work->reply, "remedy", remedy);
    fedli_admin_finish(work);
}

void fedli_admin_await(fedl_admin_work *work)
{
    fedl_admin_server *server = work->host->admin;
    work->ticket = server->ticket_next++;
    work->next = server->waiting;
    server->waiting = work;
}

void fedli_admin_on_reply(fedl_host *host, const fedl_action *action)
{
    fedl_admin_work **at = &host->admin->waiting;
    while (*at != NULL && (*at)->ticket != action->ticket) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        fedl_admin_work *work = *at;
        *at = work->next;
        fedli_admin_coord_reply(work, action);
    }
}

/* Begins the request of one line, or waits for its payload. */
static void process_line(fedl_admin_connection *connection, const char *line, size_t size)
{
    char text[200];
    fedl_admin_work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        close_connection(connection);
        return;
    }
    work->host = connection->server->host;
    work->connection = connection;
    connection->work = work;
    work->reply = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(work->reply, "ok", true);
    fedl_status status = fedl_admin_request_parse(&work->request, line, size, text);
    if (status != FEDL_OK) {
        connection->deaf = true;
        fedli_admin_fail(work, status, text, "docs/server.md describes the protocol");
        return;
    }
    connection->awaits_payload = true; /* possibly of zero bytes */
}

/* Drops size bytes at the front of the buffer. */
static void consume(fedl_admin_connection *connection, size_t size)
{
    connection->used -= size;
    memmove(connection->buffer, connection->buffer + size, connection->used);
}

/* Takes the payload when all of it has come, and begins; false: not yet. */
static bool take_payload(fedl_admin_connection *connection)
{
    fedl_admin_work *work = connection->work;
    size_t size = work->request.payload_bytes;
    if (connection->used < size) {
        return false;
    }
    work->payload = malloc(size + 1);
    if (work->payload == NULL) {
        close_connection(connection);
        return false;
    }
    if (size > 0) {
        memcpy(work->payload, connection->buffer, size);
        consume(connection, size);
    }
    work->payload[size] = 0;
    connection->awaits_payload = false;
    fedli_admin_begin(work);
    return true;
}

/* Begins one request out of the buffer; false: there is none, or one is under way. */
static bool next_request(fedl_admin_connection *connection)
{
    if (connection->awaits_payload) {
        return take_payload(connection);
    }
    const char *end = connection->work == NULL && connection->used > 0
                          ? memchr(connection->buffer, '\n', connection->used)
                          : NULL;
    if (end == NULL) {
        return false;
    }
    char line[FEDL_ADMIN_LINE_BYTES_MAX];
    size_t size = (size_t)(end - connection->buffer);
    if (size >= sizeof line) {
        close_connection(connection);
        return false;
    }
    memcpy(line, connection->buffer, size);
    line[size] = '\0';
    consume(connection, size + 1);
    process_line(connection, line, size);
    return true;
}

/* Handles what the buffer holds while no request is under way. */
static void process_lines(fedl_admin_connection *connection)
{
    if (connection->processing) {
        return; /* an answer given at once: the loop further up goes on with the next line */
    }
    connection->processing = true;
    while (!connection->closing && !connection->deaf && next_request(connection)) {
    }
    connection->processing = false;
}
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    fedl_admin_connection *connection = handle->data;
    (void)suggested;
    if (connection->capacity - connection->used < 4096 && connection->capacity < BUFFER_BYTES_MAX) {
        size_t wanted = connection->capacity == 0 ? 8192 : connection->capacity * 2;
        char *grown = realloc(connection->buffer, wanted);
        if (grown != NULL) {
            connection->buffer = grown;
            connection->capacity = wanted;
        }
    }
    *out = uv_buf_init(connection->buffer + connection->used,
                       (unsigned)(connection->capacity - connection->used));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    fedl_admin_connection *connection = stream->data;
    (void)buffer;
    if (count < 0) {
        /* Also UV_ENOBUFS: a line longer than the limit. */
        close_connection(connection);
        return;
    }
    connection->used += (size_t)count;
    process_lines(connection);
    fedli_host_settle(connection->server->host);
}

static void on_connection(uv_stream_t *listener, int code)
{
    fedl_admin_server *server = listener->data;
    fedl_admin_connection *connection = code == 0 ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        return;
    }
    connection->server = server;
    connection->next = server->connections;
    server->connections = connection;
    server->connection_count++;
    (void)uv_pipe_init(&server->host->loop, &connection->pipe, 0);
    connection->pipe.data = connection;
    if (uv_accept(listener, (uv_stream_t *)&connection->pipe) != 0 ||
        server->connection_count > FEDL_ADMIN_CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&connection->pipe, on_alloc, on_read) != 0) {
        close_connection(connection);
    }
}

fedl_status fedli_admin_open(fedl_host *host, char text[FEDL_HOME_TEXT_BYTES])
{
    fedl_admin_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    host->admin = server;
    server->host = host;
    server->ticket_next = 1;
    (void)uv_pipe_init(&host->loop, &server->listener, 0);
    server->listener.data = server;
    server->open = true;
    /* The database's lock says that no other server lives here: a socket file is left over. */
    (void)unlink(host->home.socket_path);
    mode_t before = umask(0177);
    int code = uv_pipe_bind(&server->listener, host->home.socket_path);
    (void)umask(before);
    if (code == 0) {
        code = uv_listen((uv_stream_t *)&server->listener, 8, on_connection);
    }
    if (code != 0) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "cannot make the admin socket %s: %s",
                       host->home.socket_path, uv_strerror(code));
        return code == UV_EACCES || code == UV_EROFS ? FEDL_ERR_READ_ONLY : FEDL_ERR_IO;
    }
    return FEDL_OK;
}

void fedli_admin_close(fedl_host *host)
{
    fedl_admin_server *server = host->admin;
    if (server == NULL || !server->open) {
        return;
    }
    server->open = false;
    uv_close((uv_handle_t *)&server->listener, NULL);
    (void)unlink(host->home.socket_path);
    for (fedl_admin_connection *c = server->connections; c != NULL; c = c->next) {
        close_connection(c);
    }
}

void fedli_admin_free(fedl_host *host)
{
    fedl_admin_server *server = host->admin;
    while (server != NULL && server->waiting != NULL) {
        fedl_admin_work *work = server->waiting;
        server->waiting = work->next;
        fedli_admin_forget(work);
    }
    free(server);
    host->admin = NULL;
}
