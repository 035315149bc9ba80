/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_arena.h"

#include <string.h>

static void *arena_alloc(void *allocator_data, size_t size)
{
    fedli_arena *arena = (fedli_arena *)allocator_data;
    return fedli_arena_take(arena, 1, size);
}

static void arena_free(void *allocator_data, void *pointer)
{
    (void)allocator_data;
    (void)pointer;
}

void fedli_pb_arena_init(fedli_pb_arena *pb_arena, void *block, size_t block_bytes)
{
    fedli_arena_init(&pb_arena->arena, block, block_bytes);
    /* Over NULL a fedli_arena only counts and hands out NULL: here that is no memory at all. */
    pb_arena->arena.failed = pb_arena->arena.failed || block == NULL;
    pb_arena->allocator.alloc = arena_alloc;
    pb_arena->allocator.free = arena_free;
    pb_arena->allocator.allocator_data = &pb_arena->arena;
}

void *fedli_pb_arena_take(fedli_pb_arena *pb_arena, size_t size)
{
    void *piece = fedli_arena_take(&pb_arena->arena, 1, size);
    if (piece != NULL) {
        memset(piece, 0, size);
    }
    return piece;
}

bool fedli_pb_arena_failed(const fedli_pb_arena *pb_arena)
{
    return pb_arena->arena.failed;
}
