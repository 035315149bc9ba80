/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded inbox of the server: one slot per request that is waiting to be handled or waiting
 * for its answer (a long-poll). Fixed memory: when all slots are taken, the transport stops
 * receiving, and what devices send waits in their own sockets.
 *
 *   FREE ──put──► QUEUED ──next──► TAKEN ──release──► FREE
 *                    └── its connection went away: next() skips it
 *   TAKEN and its connection went away: next_gone() tells it once and frees the slot.
 *
 * A handle is never used twice, so a late answer to an old handle finds nothing. Not thread-safe:
 * the transport holds its lock around every call.
 */
#ifndef FEDL_HOST_REQUEST_TABLE_H
#define FEDL_HOST_REQUEST_TABLE_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#include <stdbool.h>

#define FEDL_ROUTE_BYTES_MAX 64u

typedef struct fedl_request_slot {
    uint64_t handle; /* 0: free */
    uint32_t pipe;   /* connection it came by */
    bool taken;
    bool gone;
    uint8_t route[FEDL_ROUTE_BYTES_MAX]; /* header that leads the answer back */
    size_t route_bytes;
    void *message; /* owned by the transport; NULL once handled */
} fedl_request_slot;

typedef struct fedl_request_table fedl_request_table;

/** Errors: ERR_RANGE (0 or more than 2^20 slots), ERR_NO_MEMORY. */
FEDL_NODISCARD fedl_status fedl_request_table_create(fedl_request_table **table,
                                                     uint32_t slot_count);
/** All messages must have been taken out before (fedl_request_table_any). */
void fedl_request_table_destroy(fedl_request_table *table);

bool fedl_request_table_full(const fedl_request_table *table);
uint32_t fedl_request_table_count(const fedl_request_table *table);
/** Queues a message. Errors: ERR_FULL, ERR_RANGE (route too long): the message stays the caller's.
 */
FEDL_NODISCARD fedl_status fedl_request_table_put(fedl_request_table *table, void *message,
                                                  fedl_bytes route, uint32_t pipe);
/** Oldest queued request, or NULL. Requests whose connection is gone come with gone = true: the
 * caller frees the message and releases the slot. */
fedl_request_slot *fedl_request_table_next(fedl_request_table *table);
/** The slot of a handle, or NULL when it is not under way any more. */
fedl_request_slot *fedl_request_table_find(fedl_request_table *table, uint64_t handle);
void fedl_request_table_release(fedl_request_table *table, fedl_request_slot *slot);
/** Marks everything that came by pipe. */
void fedl_request_table_mark_gone(fedl_request_table *table, uint32_t pipe);
/** Handle of a TAKEN request whose connection went away, told once; false: none. The slot is free
 * afterwards. */
bool fedl_request_table_next_gone(fedl_request_table *table, uint64_t *handle);
/** Any slot that still owns a message, for closing; NULL: none. */
fedl_request_slot *fedl_request_table_any(fedl_request_table *table);

#endif
