/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "nng/nng_client.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 20000 /* a limit for a broken build, never reached */

static fedl_nng_event wait_event(fedl_nng_client *client)
{
    fedl_nng_event event;
    assert_int_equal(fedl_nng_client_wait(client, &event, PATIENCE_MS, -1), FEDL_OK);
    return event;
}

static nng_socket listen_on(const char *url)
{
    nng_socket server;
    assert_int_equal(nng_rep0_open(&server), 0);
    assert_int_equal(nng_listen(server, url, NULL, 0), 0);
    return server;
}

static void echo(nng_socket server, size_t expected)
{
    nng_msg *message = NULL;
    assert_int_equal(nng_recvmsg(server, &message, 0), 0);
    assert_int_equal(nng_msg_len(message), expected);
    assert_int_equal(nng_sendmsg(server, message, 0), 0);
}

static void requests_and_replies(void **state)
{
    (void)state;
    char url[FEDL_URL_BYTES_MAX];
    fedl_nng_client *client = NULL;
    (void)snprintf(url, sizeof url, "ipc:///tmp/fedl-nng-%d", (int)getpid());
    nng_socket server = listen_on(url);
    assert_int_equal(fedl_nng_client_create(&client, 70000), FEDL_OK);
    assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of("x", 1)), FEDL_ERR_CONNECTION);
    assert_int_equal(fedl_nng_client_connect(client, url), FEDL_OK);
    assert_int_equal(wait_event(client).kind, FEDL_NNG_CONNECTED);
    static uint8_t big[65551];
    big[65550] = 7;
    for (size_t size = 1; size <= sizeof big; size += 13110) {
        assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of(big, size)), FEDL_OK);
        echo(server, size);
        const fedl_nng_event event = wait_event(client);
        assert_int_equal(event.kind, FEDL_NNG_MESSAGE);
        assert_int_equal(event.bytes.size, size);
        assert_memory_equal(event.bytes.data, big, size);
    }
    /* A server that goes away is noticed without a request. */
    assert_int_equal(nng_close(server), 0);
    fedl_nng_event event = wait_event(client);
    assert_int_equal(event.kind, FEDL_NNG_DISCONNECTED);
    assert_non_null(event.reason);
    assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of("x", 1)), FEDL_ERR_CONNECTION);
    /* And is found again when it is back. */
    server = listen_on(url);
    assert_int_equal(fedl_nng_client_connect(client, url), FEDL_OK);
    assert_int_equal(wait_event(client).kind, FEDL_NNG_CONNECTED);
    assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of("again", 5)), FEDL_OK);
    echo(server, 5);
    assert_int_equal(wait_event(client).kind, FEDL_NNG_MESSAGE);
    fedl_nng_client_destroy(client);
    assert_int_equal(nng_close(server), 0);
    fedl_nng_client_destroy(NULL);
}

static void message_beyond_the_limit_ends_the_connection(void **state)
{
    (void)state;
    char url[FEDL_URL_BYTES_MAX];
    fedl_nng_client *client = NULL;
    (void)snprintf(url, sizeof url, "ipc:///tmp/fedl-nng-%d", (int)getpid());
    nng_socket server = listen_on(url);
    assert_int_equal(fedl_nng_client_create(&client, 1000), FEDL_OK);
    assert_int_equal(fedl_nng_client_connect(client, url), FEDL_OK);
    assert_int_equal(wait_event(client).kind, FEDL_NNG_CONNECTED);
    assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of("much, please", 12)), FEDL_OK);
    nng_msg *message = NULL;
    assert_int_equal(nng_recvmsg(server, &message, 0), 0);
    static uint8_t much[5000];
    assert_int_equal(nng_msg_append(message, much, sizeof much), 0);
    assert_int_equal(nng_sendmsg(server, message, 0), 0);
    assert_int_equal(wait_event(client).kind, FEDL_NNG_DISCONNECTED);
    fedl_nng_client_destroy(client);
    assert_int_equal(nng_close(server), 0);
}

static void count_connection(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    atomic_int *count = context;
    (void)pipe;
    (void)event;
    (void)atomic_fetch_add(count, 1);
}

/* nng must not dial again by itself: the server sees the connections that were asked for, and no
 * other. Many times, since nng's pause before it tries is random. */
static void only_the_machine_dials_again(void **state)
{
    (void)state;
    enum { CONNECTIONS = 30 };
    char url[FEDL_URL_BYTES_MAX];
    fedl_nng_client *client = NULL;
    nng_socket server;
    nng_msg *message = NULL;
    static atomic_int seen;
    static uint8_t much[5000];
    (void)snprintf(url, sizeof url, "ipc:///tmp/fedl-nng-%d", (int)getpid());
    assert_int_equal(nng_rep0_open(&server), 0);
    assert_int_equal(nng_socket_set_ms(server, NNG_OPT_RECVTIMEO, PATIENCE_MS), 0);
    assert_int_equal(nng_pipe_notify(server, NNG_PIPE_EV_ADD_PRE, count_connection, &seen), 0);
    assert_int_equal(nng_listen(server, url, NULL, 0), 0);
    assert_int_equal(fedl_nng_client_create(&client, 1000), FEDL_OK);
    for (int i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(fedl_nng_client_connect(client, url), FEDL_OK);
        assert_int_equal(wait_event(client).kind, FEDL_NNG_CONNECTED);
        assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of("much", 4)), FEDL_OK);
        assert_int_equal(nng_recvmsg(server, &message, 0), 0);
        assert_int_equal(nng_msg_append(message, much, sizeof much), 0);
        assert_int_equal(nng_sendmsg(server, message, 0), 0);
        assert_int_equal(wait_event(client).kind, FEDL_NNG_DISCONNECTED);
    }
    fedl_nng_client_destroy(client);
    assert_int_equal(nng_close(server), 0);
    assert_int_equal(atomic_load(&seen), CONNECTIONS);
}

static void nobody_listens(void **state)
{
    (void)state;
    fedl_nng_client *client = NULL;
    assert_int_equal(fedl_nng_client_create(&client, 1000), FEDL_OK);
    assert_int_equal(fedl_nng_client_connect(client, "ipc:///tmp/fedl-nng-nobody-here"), FEDL_OK);
    const fedl_nng_event event = wait_event(client);
    assert_int_equal(event.kind, FEDL_NNG_DISCONNECTED);
    assert_non_null(event.reason);
    fedl_nng_client_destroy(client);
}

static void closing_while_connecting_ends_it(void **state)
{
    (void)state;
    fedl_nng_client *client = NULL;
    fedl_nng_event event;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fedl_nng_client_create(&client, 1000), FEDL_OK);
    /* An address of the documentation network: nobody answers, or the route is refused. */
    assert_int_equal(fedl_nng_client_connect(client, "tcp://192.0.2.1:7"), FEDL_OK);
    fedl_nng_client_close(client);
    assert_int_equal(fedl_nng_client_wait(client, &event, 0, -1), FEDL_OK);
    assert_int_equal(event.kind, FEDL_NNG_TIMEOUT); /* nothing of it is reported */
    assert_int_equal(write(fds[1], "!", 1), 1);
    assert_int_equal(fedl_nng_client_wait(client, &event, -1, fds[0]), FEDL_OK);
    assert_int_equal(event.kind, FEDL_NNG_WOKEN);
    fedl_nng_client_destroy(client);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void addresses_as_people_write_them(void **state)
{
    (void)state;
    char url[FEDL_URL_BYTES_MAX];
    char text[FEDL_URL_ERROR_BYTES];
    const struct {
        const char *text;
        const char *url;
    } good[] = {
        {"edge", "tcp://edge:7070"},
        {"edge.example:80", "tcp://edge.example:80"},
        {"tcp://10.0.0.1:7071", "tcp://10.0.0.1:7071"},
        {"tcp://edge:1/", NULL},
        {"tcp://edge/", "tcp://edge:7070"},
        {"[::1]:7000", "tcp://[::1]:7000"},
        {"[::1]", "tcp://[::1]:7070"},
        {"ipc:///run/fedl.sock", "ipc:///run/fedl.sock"},
        {"", NULL},
        {":7070", NULL},
        {"edge:", NULL},
        {"edge:0", NULL},
        {"edge:65536", NULL},
        {"edge:99999999999999999999", NULL},
        {"edge:12x", NULL},
        {"my edge", NULL},
        {"[::1", NULL},
        {"[]", NULL},
        {"http://edge", NULL},
        {"tls+tcp://edge:1", NULL},
        {"ipc://relative", NULL},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        memset(text, 0, sizeof text);
        const fedl_status status = fedl_client_url(url, good[i].text, text);
        if (good[i].url != NULL) {
            assert_int_equal(status, FEDL_OK);
            assert_string_equal(url, good[i].url);
        } else {
            assert_int_not_equal(status, FEDL_OK);
            assert_true(strlen(text) > 10);
        }
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(fedl_client_url(url, longest, text), FEDL_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_replies),
        cmocka_unit_test(message_beyond_the_limit_ends_the_connection),
        cmocka_unit_test(only_the_machine_dials_again),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(closing_while_connecting_ends_it),
        cmocka_unit_test(addresses_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
