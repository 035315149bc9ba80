/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocator over a block that the caller owns: "ask, give, use" with ONE layout function.
 *
 * A layout function takes pieces from an arena. Over a NULL block the arena only counts, so the
 * same function answers "how many bytes?" and, later, hands out the pieces: the two can't disagree.
 * Pieces are aligned to 16 bytes. Nothing is ever freed; resetting is the caller's affair.
 */
#ifndef FEDL_BASE_ARENA_H
#define FEDL_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEDLI_ARENA_ALIGN 16u

typedef struct fedli_arena {
    uint8_t *block; /* NULL: counting only */
    size_t block_bytes;
    size_t used_bytes;
    bool failed; /* a piece did not fit, or the size overflowed; sticky */
} fedli_arena;

/** Starts an arena over block, or a counting one when block is NULL (block_bytes is then ignored).
 */
void fedli_arena_init(fedli_arena *arena, void *block, size_t block_bytes);

/**
 * Takes count pieces of piece_bytes each, in one run, aligned to FEDLI_ARENA_ALIGN, not cleared.
 * Returns NULL while counting, and NULL with failed = true when the run does not fit.
 */
void *fedli_arena_take(fedli_arena *arena, size_t count, size_t piece_bytes);

/** Bytes needed so far, rounded up to the alignment; 0 when the arena has failed. */
size_t fedli_arena_size(const fedli_arena *arena);

#endif
