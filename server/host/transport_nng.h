/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where devices come in: an nng REP socket in raw mode, so that thousands of long-polls can be
 * outstanding. nng's threads only put messages into the bounded request table and wake the loop;
 * everything else happens on the loop's thread.
 *
 * Facts this rests on (measured): raw REP drops a reply in silence when the peer reads slowly, so a
 * reply is never assumed to have arrived; clients keep one request outstanding and repeat it.
 */
#ifndef FEDL_HOST_TRANSPORT_NNG_H
#define FEDL_HOST_TRANSPORT_NNG_H

#include "fedl/bytes.h"
#include "fedl/status.h"
#include "host/server_config.h"

#include <stdbool.h>

typedef struct fedl_transport fedl_transport;

/* Called from nng's threads whenever there is something to fetch; must be quick. */
typedef void (*fedl_transport_wake)(void *context);

typedef enum fedl_arrival_kind {
    FEDL_ARRIVAL_MESSAGE = 1, /* request, bytes: valid until the next call of next() */
    FEDL_ARRIVAL_GONE = 2,    /* request: its connection is gone */
} fedl_arrival_kind;

typedef struct fedl_arrival {
    fedl_arrival_kind kind;
    uint64_t request;
    fedl_bytes bytes;
} fedl_arrival;

/**
 * Listens at url. Messages above envelope_bytes_max close their connection. Errors: ERR_BUSY (the
 * address is in use), ERR_CONNECTION (no such address), ERR_READ_ONLY (not permitted),
 * ERR_FORMAT, ERR_RANGE, ERR_NO_MEMORY, ERR_IO; text is one line with a remedy.
 */
FEDL_NODISCARD fedl_status fedl_transport_open(fedl_transport **transport, const char *url,
                                               uint32_t requests_max, size_t envelope_bytes_max,
                                               fedl_transport_wake wake, void *context,
                                               char text[256]);
/** The address in use; a port 0 is replaced by the one that was given. */
const char *fedl_transport_url(const fedl_transport *transport);
/** Takes what has arrived; false: nothing more. */
bool fedl_transport_next(fedl_transport *transport, fedl_arrival *arrival);
/** Answers a request, once. A request that is gone is ignored. Errors: ERR_NO_MEMORY, ERR_IO. */
fedl_status fedl_transport_send(fedl_transport *transport, uint64_t request, fedl_bytes bytes);
/** Forgets a request without an answer. */
void fedl_transport_drop(fedl_transport *transport, uint64_t request);
/** Requests held at this moment. */
uint32_t fedl_transport_pending(fedl_transport *transport);
void fedl_transport_close(fedl_transport *transport);

#endif
