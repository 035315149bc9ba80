/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "device_saved.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

uint8_t saved[SAVED_MAX];
size_t saved_size;

void put_away(world *w)
{
    const size_t size = fedl_client_save_bytes(&w->client);
    assert_in_range(size, 1, SAVED_MAX);
    assert_int_equal(fedl_client_save(&w->client, saved, size, &saved_size), FEDL_OK);
    assert_int_equal(saved_size, size);
    const fedli_client_group *g = &w->client.state->group;
    for (size_t at = 0; at < g->block_bytes; at++) {
        assert_int_equal(((const uint8_t *)g->block)[at], 0);
    }
    for (uint32_t i = 0; i < g->cache_count; i++) {
        assert_int_equal(g->cache[i].device_id, 0);
    }
}

void forget_machine(world *w)
{
    fedl_client_deinit(&w->client);
    free(w->task_block);
    free(w->block);
    w->task_block = NULL;
    w->queue_count = 0;
    w->wire_used = 0;
    w->server.session = false;
    w->block = aligned_alloc(16, w->block_bytes);
    assert_non_null(w->block);
    memset(w->block, 0xcd, w->block_bytes);
    assert_int_equal(
        fedl_client_progress_decode(&w->cfg.progress,
                                    fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
        FEDL_OK);
}

fedl_status take_up(world *w)
{
    return fedl_client_restore(&w->client, &w->cfg, w->block, w->block_bytes,
                               fedl_bytes_of(saved, saved_size));
}
