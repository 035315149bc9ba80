/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A close that nng never finishes. The linker gives this program its own nng_close(), which stands
 * still until it is told to go on, and its own pthread_cond_timedwait(), for which the time is up
 * at once: the test takes no time and depends on none.
 */
#include "cmocka_all.h"

#include "nng/nng_client.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000 /* a limit for a broken build, never reached */

int __real_nng_close(nng_socket socket);
int __wrap_nng_close(nng_socket socket);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);

static atomic_bool hang;
static sem_t standing; /* a close has begun and stands still */
static sem_t go_on;
static sem_t gone_on;
static struct timespec waited_until;

int __wrap_nng_close(nng_socket socket)
{
    if (!atomic_load(&hang)) {
        return __real_nng_close(socket);
    }
    (void)sem_post(&standing);
    while (sem_wait(&go_on) != 0) {
    }
    const int error = __real_nng_close(socket);
    (void)sem_post(&gone_on);
    return error;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    if (!atomic_load(&hang)) {
        return __real_pthread_cond_timedwait(cond, mutex, until);
    }
    while (sem_wait(&standing) != 0) {
    }
    waited_until = *until;
    return ETIMEDOUT;
}

static fedl_nng_client *connected_to(const char *url)
{
    fedl_nng_client *client = NULL;
    fedl_nng_event event;
    assert_int_equal(fedl_nng_client_create(&client, 1000), FEDL_OK);
    assert_int_equal(fedl_nng_client_connect(client, url), FEDL_OK);
    assert_int_equal(fedl_nng_client_wait(client, &event, PATIENCE_MS, -1), FEDL_OK);
    assert_int_equal(event.kind, FEDL_NNG_CONNECTED);
    return client;
}

static void close_that_hangs_is_left_behind(void **state)
{
    (void)state;
    char url[FEDL_URL_BYTES_MAX];
    nng_socket server;
    fedl_nng_event event;
    struct timespec before;
    (void)snprintf(url, sizeof url, "ipc:///tmp/fedl-nng-close-%d", (int)getpid());
    assert_int_equal(nng_rep0_open(&server), 0);
    assert_int_equal(nng_listen(server, url, NULL, 0), 0);
    fedl_nng_client *client = connected_to(url);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    atomic_store(&hang, true);
    fedl_nng_client_close(client); /* comes back, though nng_close() stands still */
    assert_true(waited_until.tv_sec >= before.tv_sec + 2); /* what it was ready to wait */
    atomic_store(&hang, false);

    /* The device goes on with a fresh connection; the old one has nothing to say any more. */
    assert_int_equal(fedl_nng_client_connect(client, url), FEDL_OK);
    assert_int_equal(fedl_nng_client_wait(client, &event, PATIENCE_MS, -1), FEDL_OK);
    assert_int_equal(event.kind, FEDL_NNG_CONNECTED);
    assert_int_equal(fedl_nng_client_send(client, fedl_bytes_of("on", 2)), FEDL_OK);
    nng_msg *message = NULL;
    assert_int_equal(nng_recvmsg(server, &message, 0), 0);
    assert_int_equal(nng_sendmsg(server, message, 0), 0);
    assert_int_equal(fedl_nng_client_wait(client, &event, PATIENCE_MS, -1), FEDL_OK);
    assert_int_equal(event.kind, FEDL_NNG_MESSAGE);

    assert_false(fedl_nng_client_destroy(client)); /* tells that something is still there */
    assert_int_equal(sem_post(&go_on), 0);
    while (sem_wait(&gone_on) != 0) {
    }
    assert_int_equal(nng_close(server), 0);
}

static void lost_connection_is_left_behind_too(void **state)
{
    (void)state;
    char url[FEDL_URL_BYTES_MAX];
    nng_socket server;
    fedl_nng_event event;
    (void)snprintf(url, sizeof url, "ipc:///tmp/fedl-nng-close-%d", (int)getpid());
    assert_int_equal(nng_rep0_open(&server), 0);
    assert_int_equal(nng_listen(server, url, NULL, 0), 0);
    fedl_nng_client *client = connected_to(url);
    assert_int_equal(nng_close(server), 0);
    atomic_store(&hang, true);
    assert_int_equal(fedl_nng_client_wait(client, &event, PATIENCE_MS, -1), FEDL_OK);
    assert_int_equal(event.kind, FEDL_NNG_DISCONNECTED);
    atomic_store(&hang, false);
    assert_false(fedl_nng_client_destroy(client));
    assert_int_equal(sem_post(&go_on), 0);
    while (sem_wait(&gone_on) != 0) {
    }
}

static void close_that_ends_leaves_nothing(void **state)
{
    (void)state;
    fedl_nng_client *client = NULL;
    assert_true(fedl_nng_client_destroy(NULL));
    assert_int_equal(fedl_nng_client_create(&client, 1000), FEDL_OK);
    assert_int_equal(fedl_nng_client_connect(client, "ipc:///tmp/fedl-nng-nobody-here"), FEDL_OK);
    assert_true(fedl_nng_client_destroy(client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_that_hangs_is_left_behind),
        cmocka_unit_test(lost_connection_is_left_behind_too),
        cmocka_unit_test(close_that_ends_leaves_nothing),
    };
    if (sem_init(&standing, 0, 0) != 0 || sem_init(&go_on, 0, 0) != 0 ||
        sem_init(&gone_on, 0, 0) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
