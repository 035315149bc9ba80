/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A minimal firmware around fedl_client: no malloc, no operating system, one loop. What a board has
 * to bring is in sensor_platform; docs/embedding.md walks through the file.
 */
#ifndef FEDL_EXAMPLE_SENSOR_NODE_H
#define FEDL_EXAMPLE_SENSOR_NODE_H

#include "fedl/client.h"

#define SENSOR_INPUTS 8u
#define SENSOR_ROWS   60u

/* What the board can do. Nothing here blocks. */
typedef struct sensor_platform {
    void *context;
    fedl_instant_ns (*now_ns)(void *context);
    void (*entropy)(void *context, uint8_t out[FEDL_ENTROPY_BYTES]);
    void (*connect)(void *context); /* bring the link up; CONNECTED is assumed at once */
    void (*transmit)(void *context, fedl_bytes envelope);
    bool (*receive)(void *context, fedl_bytes *envelope); /* false: nothing there */
    fedl_status (*flash_write)(void *context, fedl_client_store_kind kind, fedl_bytes bytes);
    void (*sleep_until)(void *context, fedl_instant_ns until_ns); /* or until something arrives */
    void (*watchdog)(void *context);
} sensor_platform;

typedef enum sensor_state {
    SENSOR_RUNNING = 1,
    SENSOR_DONE = 2,   /* joined */
    SENSOR_BROKEN = 3, /* wrong token, or a defect */
} sensor_state;

/** Joins with a token (identity NULL), or takes part. progress: as flash_write() got it last, or
 * empty. */
fedl_status sensor_node_begin(const sensor_platform *platform, const fedl_crypto *crypto,
                              const char *token, const fedl_identity *identity,
                              fedl_bytes progress);
/** One turn of the main loop: at most one event, at most one batch of training. */
sensor_state sensor_node_turn(void);
/** Newest model version that this node has verified, 0 = none. */
uint32_t sensor_node_version(void);
void sensor_node_end(void);

#endif
