/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

void fedli_arena_init(fedli_arena *arena, void *block, size_t block_bytes)
{
    arena->block = (uint8_t *)block;
    arena->block_bytes = block == NULL ? SIZE_MAX : block_bytes;
    arena->used_bytes = 0;
    /* A misaligned block would silently misalign every piece. */
    arena->failed = ((uintptr_t)block % FEDLI_ARENA_ALIGN) != 0;
}

void *fedli_arena_take(fedli_arena *arena, size_t count, size_t piece_bytes)
{
    const size_t mask = FEDLI_ARENA_ALIGN - 1u;
    if (arena->failed) {
        return NULL;
    }
    if (piece_bytes != 0 && count > (SIZE_MAX - mask) / piece_bytes) {
        arena->failed = true;
        return NULL;
    }
    const size_t run_bytes = (count * piece_bytes + mask) & ~mask;
    if (run_bytes > arena->block_bytes - arena->used_bytes) {
        arena->failed = true;
        return NULL;
    }
    uint8_t *piece = arena->block == NULL ? NULL : arena->block + arena->used_bytes;
    arena->used_bytes += run_bytes;
    return piece;
}

size_t fedli_arena_size(const fedli_arena *arena)
{
    return arena->failed ? 0 : arena->used_bytes;
}
