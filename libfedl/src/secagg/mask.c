/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks over parts of a vector (secagg/prg.h): what of a part is body and what is tail, and how the
 * work of unmasking is cut up.
 *
 * The last blocks of a body and the tail go through one short piece of keystream: a wide backend
 * makes 8 or 16 blocks for the price of one, and the tail alone would cost a second turn. (Not with
 * 24 bits, where the last turn would have to begin at a word.)
 */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/prg_backend.h"

#define BLOCK_BYTES FEDLI_PRG_BLOCK_BYTES
/* What the widest backend makes in one turn: 16 blocks. Less than one turn of body and the tail fit
 * into it. */
#define TURN_BYTES 1024u
/* Slices begin at multiples of one turn; with 24 bits of three, which are a multiple of 192. */
#define UNIT_BYTES    TURN_BYTES
#define UNIT_24_BYTES (3u * TURN_BYTES)
/* Piece of a slice that all keys run over before the next: fits the smallest first-level data cache
 * in use (32 KB) with room for everything else. */
#define PIECE_BYTES (5u * UNIT_24_BYTES)

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
    if (shape->ring_bits == 24 && body > 0) {
        FEDLI_CHECK(offset % 192u == 0 && (body == body_left || body % 192u == 0));
    }
    const uint32_t counter = (uint32_t)(offset / BLOCK_BYTES);
    const bool alone = size == body || shape->ring_bits == 24;
    const size_t wide = alone ? body : body - body % TURN_BYTES;
    if (wide > 0) {
        prg->add(part, wide / BLOCK_BYTES, key, counter, shape->ring_bits, subtract);
    }
    const size_t rest = size - wide;
    if (rest > 0) {
        uint8_t keystream[TURN_BYTES];
        prg->stream(keystream, rest / BLOCK_BYTES, key, counter + (uint32_t)(wide / BLOCK_BYTES));
        fedli_prg_lanes(part + wide, keystream, body - wide, shape->ring_bits, subtract);
        fedli_prg_lanes(part + body, keystream + (body - wide), size - body, 64, subtract);
        fedli_wipe(keystream, rest);
    }
}

void fedli_mask_slice(const fedli_prg *prg, const fedli_mask_shape *shape, uint8_t *vector,
                      const fedli_mask_key *keys, uint32_t key_count, uint32_t part, uint32_t parts)
{
    FEDLI_CHECK(part < parts);
    const size_t bytes = shape->vector_bytes;
    const size_t unit = shape->ring_bits == 24 ? UNIT_24_BYTES : UNIT_BYTES;
    const uint64_t units = (bytes + unit - 1) / unit;
    const size_t begin = (size_t)(units * part / parts) * unit;
    const size_t end = min_size(bytes, (size_t)(units * (part + 1u) / parts) * unit);
    for (size_t at = begin; at < end; at += PIECE_BYTES) {
        const size_t size = min_size(end - at, PIECE_BYTES);
        for (uint32_t i = 0; i < key_count; i++) {
            fedli_mask_apply(prg, shape, vector + at, at, size, keys[i].key, keys[i].subtract);
        }
    }
}
