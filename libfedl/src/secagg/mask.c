/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks over parts of a vector (secagg/prg.h): what of a part is body and what is tail, where
 * 24-bit words need the keystream in memory, and how the work of unmasking is cut up.
 *
 * The last blocks of a body and the tail go through one short piece of keystream: a wide backend
 * makes 8 or 16 blocks for the price of one, and the tail alone would cost a second turn.
 */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/prg_backend.h"

#define BLOCK_BYTES FEDLI_PRG_BLOCK_BYTES
/* What the widest backend makes in one turn: 16 blocks. */
#define TURN_BYTES 1024u
/* Keystream on the stack: 24 blocks, a multiple of 192 bytes, so that 24-bit words don't cross its
 * end. Enough for less than one turn of body and the tail. */
#define BUFFER_BYTES 1536u
/* Slices begin at multiples of this: a multiple of one turn, and of 192 for 24-bit words. */
#define SLICE_UNIT_BYTES 3072u
/* Piece of a slice that all keys run over before the next: fits the smallest first-level data cache
 * in use (32 KB) with room for everything else. */
#define PIECE_BYTES (5u * SLICE_UNIT_BYTES)

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

void fedli_mask_apply(const fedli_prg *prg, const fedli_mask_shape *shape, uint8_t *part,
                      size_t offset, size_t size, const uint8_t key[32], bool subtract)
{
    FEDLI_CHECK(shape->body_bytes % BLOCK_BYTES == 0);
    FEDLI_CHECK(shape->vector_bytes == shape->body_bytes + BLOCK_BYTES);
    FEDLI_CHECK(offset % BLOCK_BYTES == 0 && size % BLOCK_BYTES == 0);
    FEDLI_CHECK(offset <= shape->vector_bytes && size <= shape->vector_bytes - offset);
    /* Block counters are 32 bits wide: vectors end long before they could wrap. */
    FEDLI_CHECK(shape->vector_bytes / BLOCK_BYTES <= UINT32_MAX);
    const size_t body_left = offset < shape->body_bytes ? shape->body_bytes - offset : 0;
    const size_t body = min_size(size, body_left);
    const bool wide = shape->ring_bits == 24;
    if (wide && body > 0) {
        FEDLI_CHECK(offset % 192u == 0 && (body == body_left || body % 192u == 0));
    }
    uint8_t buffer[BUFFER_BYTES];
    size_t at = 0;
    if (!wide) {
        /* Without the tail the backend may have all of it. */
        at = body == size ? body : body - body % TURN_BYTES;
        if (at > 0) {
            prg->add(part, at / BLOCK_BYTES, key, (uint32_t)(offset / BLOCK_BYTES),
                     shape->ring_bits, subtract);
        }
    }
    const size_t buffered = size - at;
    while (at < size) {
        const size_t step = min_size(size - at, sizeof buffer);
        const size_t step_body = at < body ? min_size(body - at, step) : 0;
        prg->stream(buffer, step / BLOCK_BYTES, key, (uint32_t)((offset + at) / BLOCK_BYTES));
        fedli_prg_lanes(part + at, buffer, step_body, shape->ring_bits, subtract);
        fedli_prg_lanes(part + at + step_body, buffer + step_body, step - step_body, 64, subtract);
        at += step;
    }
    fedli_wipe(buffer, min_size(buffered, sizeof buffer));
}

void fedli_mask_slice(const fedli_prg *prg, const fedli_mask_shape *shape, uint8_t *vector,
                      const fedli_mask_key *keys, uint32_t key_count, uint32_t part, uint32_t parts)
{
    FEDLI_CHECK(part < parts);
    const size_t bytes = shape->vector_bytes;
    const uint64_t units = (bytes + SLICE_UNIT_BYTES - 1) / SLICE_UNIT_BYTES;
    const size_t begin = (size_t)(units * part / parts * SLICE_UNIT_BYTES);
    const size_t end = min_size(bytes, (size_t)(units * (part + 1u) / parts * SLICE_UNIT_BYTES));
    for (size_t at = begin; at < end; at += PIECE_BYTES) {
        const size_t size = min_size(end - at, PIECE_BYTES);
        for (uint32_t i = 0; i < key_count; i++) {
            fedli_mask_apply(prg, shape, vector + at, at, size, keys[i].key, keys[i].subtract);
        }
    }
}
