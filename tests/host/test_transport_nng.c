/* SPDX-License-Identifier: Apache-2.0 */
/* The server's transport against real nng REQ sockets over loopback. */
#include "host/transport_nng.h"

#include "cmocka_all.h"

#include <arpa/inet.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS_MAX 4u
#define BYTES_MAX    1000u

static sem_t woken;
static fedl_transport *transport;
static char text[256];

static void wake(void *context)
{
    (void)context;
    (void)sem_post(&woken);
}

static int open_transport(void **state)
{
    (void)state;
    assert_int_equal(sem_init(&woken, 0, 0), 0);
    assert_int_equal(fedl_transport_open(&transport, "tcp://127.0.0.1:0", REQUESTS_MAX, BYTES_MAX,
                                         wake, NULL, text),
                     FEDL_OK);
    return 0;
}

static int close_transport(void **state)
{
    (void)state;
    fedl_transport_close(transport);
    return sem_destroy(&woken);
}

/* Waits for the next arrival; the loop of the real server does the same by uv_async. */
static fedl_arrival wait_arrival(void)
{
    fedl_arrival arrival;
    while (!fedl_transport_next(transport, &arrival)) {
        assert_int_equal(sem_wait(&woken), 0);
    }
    return arrival;
}

static nng_socket dial(void)
{
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
    assert_int_equal(nng_dial(socket, fedl_transport_url(transport), NULL, 0), 0);
    return socket;
}

static void say(nng_socket socket, const char *words)
{
    char copy[64];
    (void)snprintf(copy, sizeof copy, "%s", words);
    assert_int_equal(nng_send(socket, copy, strlen(copy), 0), 0);
}

static void hear(nng_socket socket, const char *words)
{
    char reply[64] = "";
    size_t size = sizeof reply - 1;
    assert_int_equal(nng_recv(socket, reply, &size, 0), 0);
    assert_int_equal(size, strlen(words));
    assert_memory_equal(reply, words, size);
}

static bool same(fedl_bytes bytes, const char *words)
{
    return bytes.size == strlen(words) && memcmp(bytes.data, words, bytes.size) == 0;
}

static fedl_bytes bytes_of(const char *words)
{
    return fedl_bytes_of(words, strlen(words));
}

static void answers_find_their_way(void **state)
{
    (void)state;
    nng_socket a = dial();
    nng_socket b = dial();
    say(a, "from a");
    fedl_arrival first = wait_arrival();
    assert_int_equal(first.kind, FEDL_ARRIVAL_MESSAGE);
    assert_true(same(first.bytes, "from a"));
    say(b, "from b");
    fedl_arrival second = wait_arrival();
    assert_true(same(second.bytes, "from b"));
    assert_int_equal(fedl_transport_pending(transport), 2);
    assert_int_equal(fedl_transport_send(transport, second.request, bytes_of("to b")), FEDL_OK);
    hear(b, "to b");
    assert_int_equal(fedl_transport_send(transport, first.request, bytes_of("to a")), FEDL_OK);
    hear(a, "to a");
    /* A second answer to the same request goes nowhere. */
    assert_int_equal(fedl_transport_send(transport, first.request, bytes_of("again")), FEDL_OK);
    assert_int_equal(fedl_transport_pending(transport), 0);
    assert_int_equal(nng_close(a), 0);
    assert_int_equal(nng_close(b), 0);
}

static void a_lost_connection_is_told(void **state)
{
    (void)state;
    nng_socket a = dial();
    say(a, "long poll");
    fedl_arrival held = wait_arrival();
    assert_int_equal(nng_close(a), 0);
    fedl_arrival gone = wait_arrival();
    assert_int_equal(gone.kind, FEDL_ARRIVAL_GONE);
    assert_int_equal(gone.request, held.request);
    assert_int_equal(fedl_transport_pending(transport), 0);
}

static void a_full_table_holds_the_rest_back(void **state)
{
    nng_socket sockets[REQUESTS_MAX + 2];
    uint64_t held[REQUESTS_MAX];
    fedl_arrival arrival;
    (void)state;
    for (uint32_t i = 0; i < REQUESTS_MAX + 2; i++) {
        char words[16];
        sockets[i] = dial();
        (void)snprintf(words, sizeof words, "%u", (unsigned)i);
        say(sockets[i], words);
        if (i < REQUESTS_MAX) {
            held[i] = wait_arrival().request;
        }
    }
    assert_int_equal(fedl_transport_pending(transport), REQUESTS_MAX);
    assert_false(fedl_transport_next(transport, &arrival)); /* full: nothing more is received */
    assert_int_equal(fedl_transport_send(transport, held[1], bytes_of("done")), FEDL_OK);
    hear(sockets[1], "done");
    arrival = wait_arrival();
    assert_int_equal(fedl_transport_pending(transport), REQUESTS_MAX);
    fedl_transport_drop(transport, held[0]);
    fedl_arrival last = wait_arrival();
    assert_true(same(last.bytes, "4") || same(last.bytes, "5"));
    for (uint32_t i = 0; i < REQUESTS_MAX + 2; i++) {
        assert_int_equal(nng_close(sockets[i]), 0);
    }
}

/*
 * A bare TCP peer that speaks the greeting of SP (protocol REQ, 0x30) by hand. Not an nng socket:
 * its dialer would dial again as soon as the server closes, and nng 1.5.2 leaks a pipe when the
 * socket is closed in the middle of that.
 */
static int dial_bare(void)
{
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    static const uint8_t expected[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    uint8_t answer[8];
    const char *port = strrchr(fedl_transport_url(transport), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
    assert_memory_equal(answer, expected, sizeof expected);
    return fd;
}

static void oversized_messages_close_their_connection(void **state)
{
    /* A length of 64 bits, most significant byte first: 8 bytes of request id and one too many. */
    const uint8_t length[8] = {0, 0, 0, 0, 0, 0, (BYTES_MAX + 9u) >> 8, (BYTES_MAX + 9u) & 255u};
    uint8_t end;
    (void)state;
    const int a = dial_bare();
    nng_socket b = dial();
    assert_int_equal(send(a, length, sizeof length, MSG_NOSIGNAL), sizeof length);
    assert_int_equal(recv(a, &end, 1, 0), 0); /* closed by the server */
    say(b, "after it");
    assert_true(same(wait_arrival().bytes, "after it"));
    assert_int_equal(close(a), 0);
    assert_int_equal(nng_close(b), 0);
}

static void the_largest_message_passes(void **state)
{
    char large[BYTES_MAX];
    (void)state;
    nng_socket a = dial();
    memset(large, 'y', sizeof large);
    assert_int_equal(nng_send(a, large, sizeof large, 0), 0);
    assert_int_equal(wait_arrival().bytes.size, BYTES_MAX);
    assert_int_equal(nng_close(a), 0);
}

static void bad_addresses_are_explained(void **state)
{
    fedl_transport *second = NULL;
    (void)state;
    assert_int_equal(
        fedl_transport_open(&second, fedl_transport_url(transport), 4, 100, wake, NULL, text),
        FEDL_ERR_BUSY);
    assert_non_null(strstr(text, "another program listens there"));
    assert_int_not_equal(
        fedl_transport_open(&second, "tcp://192.0.2.1:7070", 4, 100, wake, NULL, text), FEDL_OK);
    assert_non_null(strstr(text, "192.0.2.1"));
    assert_int_not_equal(fedl_transport_open(&second, "nonsense", 4, 100, wake, NULL, text),
                         FEDL_OK);
    assert_int_equal(fedl_transport_open(&second, "tcp://127.0.0.1:0", 0, 100, wake, NULL, text),
                     FEDL_ERR_RANGE);
    assert_null(second);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, open_transport, close_transport)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_find_their_way),           CASE(a_lost_connection_is_told),
        CASE(a_full_table_holds_the_rest_back), CASE(oversized_messages_close_their_connection),
        CASE(the_largest_message_passes),       CASE(bad_addresses_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
