/* SPDX-License-Identifier: Apache-2.0 */
#include "nng/client_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static fedl_status wrong(char error_text[FEDL_URL_ERROR_BYTES], fedl_status status,
                         const char *text, const char *why)
{
    (void)snprintf(error_text, FEDL_URL_ERROR_BYTES, "'%.200s': %s", text, why);
    return status;
}

static bool host_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

/* Length of the host at the front; 0: none. IPv6 stands in brackets. */
static size_t host_size(const char *text)
{
    size_t size = 0;
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        return end == NULL || end == text + 1 ? 0 : (size_t)(end - text) + 1u;
    }
    while (host_letter(text[size])) {
        size++;
    }
    return size;
}

/* Port 1 … 65535 without anything after it; 0: it is none. */
static unsigned read_port(const char *text)
{
    unsigned port = 0;
    if (text[0] == 0) {
        return 0;
    }
    for (const char *p = text; *p != 0; p++) {
        if (*p < '0' || *p > '9') {
            return 0;
        }
        port = port * 10u + (unsigned)(*p - '0');
        if (port > 65535u) {
            return 0;
        }
    }
    return port;
}

fedl_status fedl_client_url(char url[FEDL_URL_BYTES_MAX], const char *text,
                            char error_text[FEDL_URL_ERROR_BYTES])
{
    const char *host = text;
    const char *scheme_end = strstr(text, "://");
    if (strlen(text) >= FEDL_URL_BYTES_MAX - 16u) {
        return wrong(error_text, FEDL_ERR_RANGE, text, "too long for an address");
    }
    if (strncmp(text, "ipc://", 6) == 0 && text[6] == '/') {
        (void)snprintf(url, FEDL_URL_BYTES_MAX, "%s", text);
        return FEDL_OK;
    }
    if (scheme_end != NULL) {
        if (strncmp(text, "tcp://", 6) != 0) {
            return wrong(error_text, FEDL_ERR_UNSUPPORTED, text,
                         "only tcp://host:port and ipc:///path are spoken here");
        }
        host = scheme_end + 3;
    }
    const size_t size = host_size(host);
    if (size == 0) {
        return wrong(error_text, FEDL_ERR_FORMAT, text,
                     "no address: write host:port, for example edge.example:7070");
    }
    unsigned port = FEDL_PORT_NUMBER;
    if (host[size] == ':') {
        port = read_port(host + size + 1);
        if (port == 0) {
            return wrong(error_text, FEDL_ERR_RANGE, text, "the port must be a number 1 … 65535");
        }
    } else if (host[size] != 0 && !(host[size] == '/' && host[size + 1] == 0)) {
        return wrong(error_text, FEDL_ERR_FORMAT, text,
                     "no address: write host:port, for example edge.example:7070");
    }
    (void)snprintf(url, FEDL_URL_BYTES_MAX, "tcp://%.*s:%u", (int)size, host, port);
    return FEDL_OK;
}
