/* SPDX-License-Identifier: Apache-2.0 */
#include "store_world.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int world_open(void **state, bool on_disk)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->on_disk = on_disk;
    w->scene = calloc(1, sizeof *w->scene);
    assert_non_null(w->scene);
    if (on_disk) {
        char path[300];
        char text[256];
        scene_folder_make(w->folder);
        (void)snprintf(path, sizeof path, "%s/fedl.db", w->folder);
        assert_int_equal(fedl_store_sqlite_open(&w->store, scene_crypto(), path, text), FEDL_OK);
    } else {
        assert_int_equal(fedl_store_mem_open(&w->store, scene_crypto()), FEDL_OK);
    }
    *state = w;
    return 0;
}

int world_open_mem(void **state)
{
    return world_open(state, false);
}

int world_open_sqlite(void **state)
{
    return world_open(state, true);
}

int world_close(void **state)
{
    world *w = *state;
    w->store->ops->close(w->store);
    if (w->on_disk) {
        scene_folder_remove(w->folder);
    }
    free(w->scene);
    free(w);
    return 0;
}

fedl_status world_apply(world *w, fedl_store_op op)
{
    return w->store->ops->apply(w->store, &op);
}

void world_play(world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        fedl_store_op op = scene_history_op(w->scene, i);
        assert_int_equal(world_apply(w, op), FEDL_OK);
    }
}

/* op is refused with expected, and nothing at all has changed. */
void world_refuse(world *w, fedl_store_op op, fedl_status expected)
{
    uint8_t before[32];
    uint8_t after[32];
    scene_fingerprint(before, w->store);
    assert_int_equal(world_apply(w, op), expected);
    assert_true(strlen(w->store->ops->error_text(w->store)) > 0);
    scene_fingerprint(after, w->store);
    assert_memory_equal(before, after, 32);
}
