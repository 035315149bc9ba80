/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for protobuf-c without malloc: a ProtobufCAllocator over a block that the caller owns. One
 * message = one arena; giving memory back does nothing, the block is simply used again for the next
 * message.
 *
 * Rejected: protobuf-c's system allocator (unbounded, and firmware has none).
 */
#ifndef FEDL_WIRE_PB_ARENA_H
#define FEDL_WIRE_PB_ARENA_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>

typedef struct fedli_pb_arena {
    fedli_arena arena;
    ProtobufCAllocator allocator; /* allocator_data points to arena: do not copy the struct */
} fedli_pb_arena;

/** Starts over block (16-byte aligned, owned by the caller, outlives everything unpacked into it).
 * A NULL or misaligned block gives an arena that has failed. */
void fedli_pb_arena_init(fedli_pb_arena *pb_arena, void *block, size_t block_bytes);
/** size bytes from the block, cleared; NULL when they do not fit. */
void *fedli_pb_arena_take(fedli_pb_arena *pb_arena, size_t size);
/** True when something did not fit since init. */
bool fedli_pb_arena_failed(const fedli_pb_arena *pb_arena);

#endif
