/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's way to a server over nng: one REQ socket per connection, one request outstanding.
 *
 * nng's own repetition and reconnecting are switched off: both belong to the machine, which knows
 * about sessions, offsets and pauses. Dialling runs on a thread of its own, because it blocks for
 * as long as the system tries to connect, and the program must stay answerable to signals. All
 * functions are for one thread.
 */
#ifndef FEDL_PORT_NNG_NNG_CLIENT_H
#define FEDL_PORT_NNG_NNG_CLIENT_H

#include "fedl/bytes.h"
#include "fedl/status.h"
#include "nng/client_url.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct fedl_nng_client fedl_nng_client;

typedef enum fedl_nng_event_kind {
    FEDL_NNG_TIMEOUT = 1,
    FEDL_NNG_CONNECTED = 2,
    FEDL_NNG_DISCONNECTED = 3, /* dialling failed, or the connection ended */
    FEDL_NNG_MESSAGE = 4,      /* bytes: until the next call of wait() or close() */
    FEDL_NNG_WOKEN = 5,        /* wake_fd is readable (nothing was read from it) */
} fedl_nng_event_kind;

typedef struct fedl_nng_event {
    fedl_nng_event_kind kind;
    fedl_bytes bytes;
    const char *reason; /* DISCONNECTED: nng's words; static */
} fedl_nng_event;

/** message_bytes_max: longer messages from the server end the connection. Errors: ERR_NO_MEMORY,
 * ERR_IO. */
FEDL_NODISCARD fedl_status fedl_nng_client_create(fedl_nng_client **client,
                                                  size_t message_bytes_max);
/** Begins to connect; CONNECTED or DISCONNECTED follows. An open connection is closed first.
 * Errors: ERR_NO_MEMORY, ERR_IO. */
FEDL_NODISCARD fedl_status fedl_nng_client_connect(fedl_nng_client *client, const char *url);
/** Closes the connection, or stops connecting; returns after 2 s at the latest. Nothing of it is
 * reported afterwards. */
void fedl_nng_client_close(fedl_nng_client *client);
/** Hands one message to the system; arrival is not promised. Errors: ERR_CONNECTION (not
 * connected), ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_nng_client_send(fedl_nng_client *client, fedl_bytes bytes);
/** Waits for the next event; timeout_ms < 0: for ever. wake_fd: another descriptor to watch, or
 * −1. Errors: ERR_IO. */
FEDL_NODISCARD fedl_status fedl_nng_client_wait(fedl_nng_client *client, fedl_nng_event *event,
                                                int64_t timeout_ms, int wake_fd);
/** Closes and frees; NULL is allowed. False: a close has not returned and its thread still runs;
 * end the process with _exit() then, since nng's own clean-up at exit could wait for it. */
bool fedl_nng_client_destroy(fedl_nng_client *client);

#endif
