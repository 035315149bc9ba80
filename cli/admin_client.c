/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

cJSON *fedl_admin_request(const char *name)
{
    cJSON *request = cJSON_CreateObject();
    if (request == NULL || cJSON_AddStringToObject(request, "cmd", name) == NULL) {
        fprintf(stderr, "fedl: out of memory\n");
        exit(FEDL_EXIT_SERVER);
    }
    return request;
}

int fedl_admin_check(const cJSON *json)
{
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ok"))) {
        return FEDL_EXIT_OK;
    }
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "error"));
    const char *remedy = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "remedy"));
    fprintf(stderr, "fedl: %s%s%s\n", error != NULL ? error : "the server's reply makes no sense",
            remedy != NULL && remedy[0] != '\0' ? ": " : "", remedy != NULL ? remedy : "");
    return FEDL_EXIT_REFUSED;
}

static int dial(const char *home)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", home);
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        fprintf(stderr,
                "fedl: the path of the home is too long for a socket (limit %zu): use a shorter "
                "--home\n",
                sizeof address.sun_path - 12);
        return -1;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        const int why = errno;
        if (why == EACCES) {
            fprintf(stderr, "fedl: no permission to open %s: run as the user of fedl-server\n",
                    address.sun_path);
        } else if (why == ENOENT && access(home, F_OK) != 0) {
            fprintf(
                stderr,
                "fedl: there is no folder %s: give the server's home with --home or FEDL_HOME\n",
                home);
        } else if (why == ENOENT || why == ECONNREFUSED) {
            fprintf(stderr,
                    "fedl: no server is running on %s: start it with 'fedl-server run --home %s'\n",
                    home, home);
        } else {
            fprintf(stderr, "fedl: %s: %s\n", address.sun_path, strerror(why));
        }
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        const ssize_t sent = send(fd, p, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        p += sent;
        size -= (size_t)sent;
    }
    return true;
}

int fedl_admin_open(fedl_admin_link *link, const char *home, cJSON *request, fedl_bytes payload)
{
    memset(link, 0, sizeof *link);
    if (payload.size > 0) {
        (void)cJSON_AddNumberToObject(request, "bytes", (double)payload.size);
    }
    char *line = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    link->fd = dial(home);
    const bool sent = line != NULL && link->fd >= 0 && send_all(link->fd, line, strlen(line)) &&
                      send_all(link->fd, "\n", 1) && send_all(link->fd, payload.data, payload.size);
    cJSON_free(line);
    if (!sent) {
        if (link->fd >= 0) {
            fprintf(stderr, "fedl: the server closed the connection\n");
            (void)close(link->fd);
        }
        return FEDL_EXIT_SERVER;
    }
    return FEDL_EXIT_OK;
}

/* Receives more bytes into the buffer; false at the end of the stream, on errors, or beyond the
 * limit. */
static bool receive_more(fedl_admin_link *link)
{
    if (link->used == link->capacity) {
        const size_t capacity = link->capacity == 0 ? 65536 : 2 * link->capacity;
        char *buffer =
            capacity > 2u * FEDL_ADMIN_PAYLOAD_BYTES_MAX ? NULL : realloc(link->buffer, capacity);
        if (buffer == NULL) {
            return false;
        }
        link->buffer = buffer;
        link->capacity = capacity;
    }
    ssize_t got;
    do {
        got = recv(link->fd, link->buffer + link->used, link->capacity - link->used, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return false;
    }
    link->used += (size_t)got;
    return true;
}

static void drop_front(fedl_admin_link *link, size_t size)
{
    memmove(link->buffer, link->buffer + size, link->used - size);
    link->used -= size;
}

cJSON *fedl_admin_next(fedl_admin_link *link)
{
    size_t searched = 0;
    for (;;) {
        const char *end = link->used > searched
                              ? memchr(link->buffer + searched, '\n', link->used - searched)
                              : NULL;
        if (end != NULL) {
            const size_t length = (size_t)(end - link->buffer);
            cJSON *json = cJSON_ParseWithLength(link->buffer, length);
            drop_front(link, length + 1);
            return json;
        }
        searched = link->used;
        if (link->used > FEDL_ADMIN_LINE_BYTES_MAX || !receive_more(link)) {
            return NULL;
        }
    }
}

void fedl_admin_close(fedl_admin_link *link)
{
    (void)close(link->fd);
    free(link->buffer);
    link->buffer = NULL;
}

static bool read_payload(fedl_admin_link *link, fedl_admin_reply *reply)
{
    const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(reply->json, "bytes");
    if (bytes == NULL) {
        return true;
    }
    if (!cJSON_IsNumber(bytes) || bytes->valuedouble < 0 ||
        bytes->valuedouble > FEDL_ADMIN_PAYLOAD_BYTES_MAX) {
        return false;
    }
    const size_t size = (size_t)bytes->valuedouble;
    while (link->used < size) {
        if (!receive_more(link)) {
            return false;
        }
    }
    reply->payload = malloc(size + 1);
    if (reply->payload == NULL) {
        return false;
    }
    if (size > 0) {
        memcpy(reply->payload, link->buffer, size);
    }
    reply->payload[size] = 0;
    reply->payload_bytes = size;
    return true;
}

int fedl_admin_call(fedl_admin_reply *reply, const char *home, cJSON *request, fedl_bytes payload)
{
    fedl_admin_link link;
    memset(reply, 0, sizeof *reply);
    int code = fedl_admin_open(&link, home, request, payload);
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    reply->json = fedl_admin_next(&link);
    if (reply->json == NULL || !read_payload(&link, reply)) {
        fprintf(stderr, "fedl: the server ended before it had answered: look into its log\n");
        code = FEDL_EXIT_SERVER;
    } else {
        code = fedl_admin_check(reply->json);
    }
    fedl_admin_close(&link);
    if (code != FEDL_EXIT_OK) {
        fedl_admin_reply_free(reply);
    }
    return code;
}

void fedl_admin_reply_free(fedl_admin_reply *reply)
{
    cJSON_Delete(reply->json);
    free(reply->payload);
    memset(reply, 0, sizeof *reply);
}
