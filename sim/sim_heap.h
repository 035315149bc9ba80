/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agenda of the virtual world: a binary heap of events, earliest first. Events of the same
 * instant leave in the order in which they were pushed, so the order never depends on addresses or
 * on threads.
 *
 * Memory: the array doubles when it is full; one world holds a few events per client. Rejected: a
 * calendar queue (faster only from some 100,000 events on, and the heap is far from the profile).
 */
#ifndef FEDL_SIM_HEAP_H
#define FEDL_SIM_HEAP_H

#include "fedl/client.h"

typedef enum fedl_sim_event_kind {
    FEDL_SIM_CLIENT_TICK = 1,
    FEDL_SIM_CLIENT_CONNECTED = 2,
    FEDL_SIM_CLIENT_DISCONNECTED = 3,
    FEDL_SIM_CLIENT_MESSAGE = 4, /* bytes, connection, request = number of the exchange */
    FEDL_SIM_CLIENT_MEMORY = 5,
    FEDL_SIM_CLIENT_TRAINED = 6,
    FEDL_SIM_CLIENT_STORED = 7,
    FEDL_SIM_CLIENT_RETURN = 8, /* a dropped-out device is switched on again */
    FEDL_SIM_SERVER_TICK = 9,
    FEDL_SIM_SERVER_MESSAGE = 10,  /* bytes, request */
    FEDL_SIM_SERVER_GONE = 11,     /* request */
    FEDL_SIM_SERVER_STORED = 12,   /* ticket */
    FEDL_SIM_SERVER_COMPUTED = 13, /* ticket */
    FEDL_SIM_HELPER_ASKED = 14,    /* bytes, ticket */
    FEDL_SIM_SERVER_HELPED = 15,   /* ticket, status, bytes */
    FEDL_SIM_SERVER_LOADED = 16,   /* ticket */
} fedl_sim_event_kind;

typedef struct fedl_sim_event {
    fedl_instant_ns at_ns;
    uint64_t sequence; /* set by push */
    fedl_sim_event_kind kind;
    uint32_t client;     /* index, device id − 1 */
    uint32_t life;       /* of the client or server; drop-outs and crashes begin a new one */
    uint32_t connection; /* which connection of that client */
    uint64_t request;    /* or ticket */
    uint8_t *bytes;      /* owned by the event; free() */
    size_t size;
    fedl_status status;
} fedl_sim_event;

typedef struct fedl_sim_heap {
    fedl_sim_event *items;
    size_t count;
    size_t capacity;
    uint64_t sequence_next;
} fedl_sim_heap;

void fedl_sim_heap_init(fedl_sim_heap *heap);
/** Adds a copy of event; its bytes then belong to the heap. Errors: ERR_NO_MEMORY (bytes stay the
 * caller's). */
FEDL_NODISCARD fedl_status fedl_sim_heap_push(fedl_sim_heap *heap, const fedl_sim_event *event);
/** Takes the earliest event out; its bytes belong to the caller. False: the heap is empty. */
bool fedl_sim_heap_pop(fedl_sim_heap *heap, fedl_sim_event *event);
/** Frees everything, bytes of the events included. */
void fedl_sim_heap_deinit(fedl_sim_heap *heap);

#endif
