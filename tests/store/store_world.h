/* SPDX-License-Identifier: Apache-2.0 */
/* One store of either kind per test, and how the suites for every store speak to it. */
#ifndef FEDL_TESTS_STORE_WORLD_H
#define FEDL_TESTS_STORE_WORLD_H

#include "store_scene.h"

typedef struct world {
    bool on_disk;
    char folder[256];
    fedl_store *store;
    store_scene *scene;
} world;

int world_open(void **state, bool on_disk);
int world_open_mem(void **state);
int world_open_sqlite(void **state);
int world_close(void **state);
fedl_status world_apply(world *w, fedl_store_op op);
/* The first count ops of the history; all succeed. */
void world_play(world *w, uint32_t count);
/* op is refused with expected, and nothing at all has changed. */
void world_refuse(world *w, fedl_store_op op, fedl_status expected);

#define WORLD_CASE(function)                                                                       \
    {"mem: " #function, function, world_open_mem, world_close, NULL},                              \
    {                                                                                              \
        "sqlite: " #function, function, world_open_sqlite, world_close, NULL                       \
    }

#endif
