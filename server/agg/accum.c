/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/accum.h"

#include "agg/accum_fold.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

#define TAIL_BYTES (FEDL_TAIL_WORDS * 8u)
/* What is added and then wiped while it is in the first-level cache, sums and all: 8 to 32 KB. */
#define PIECE_WORDS 2048u

static size_t word_bytes_of(uint8_t ring_bits)
{
    return ring_bits == 8 ? 1u : ring_bits == 16 ? 2u : 4u;
}

size_t fedl_accum_size(const fedl_update_config *cfg, uint32_t parameter_count)
{
    fedli_arena arena;
    fedli_arena_init(&arena, NULL, 0);
    (void)fedli_arena_take(&arena, fedl_update_word_count(cfg, parameter_count),
                           word_bytes_of(cfg->ring_bits));
    return fedli_arena_size(&arena);
}

fedl_status fedl_accum_init(fedl_accum *accum, const fedl_update_config *cfg,
                            uint32_t parameter_count, void *block, size_t block_bytes)
{
    const uint8_t bits = cfg->ring_bits;
    if ((bits != 8 && bits != 16 && bits != 24 && bits != 32) || parameter_count == 0 ||
        parameter_count > FEDL_PARAMETERS_MAX) {
        return FEDL_ERR_RANGE;
    }
    fedli_arena arena;
    fedli_arena_init(&arena, block, block_bytes);
    const uint32_t word_count = fedl_update_word_count(cfg, parameter_count);
    void *words = block == NULL ? NULL : fedli_arena_take(&arena, word_count, word_bytes_of(bits));
    if (words == NULL) {
        return FEDL_ERR_SIZE;
    }
    accum->ring_bits = bits;
    accum->parameter_count = parameter_count;
    accum->word_count = word_count;
    accum->clients_max = cfg->clients_max;
    accum->w_max = cfg->w_max;
    accum->vector_bytes = fedl_update_vector_size(cfg, parameter_count);
    accum->words = words;
    fedl_accum_clear(accum);
    return FEDL_OK;
}

void fedl_accum_clear(fedl_accum *accum)
{
    accum->count = 0;
    fedli_wipe(accum->words, accum->word_count * word_bytes_of(accum->ring_bits));
    memset(accum->tail, 0, sizeof accum->tail);
}

/* count words that begin at bytes to the sums from word first on; first is even. */
static void fold_words(fedl_accum *accum, size_t first, const uint8_t *bytes, size_t count)
{
    if (accum->ring_bits == 8) {
        fedli_fold_u8((uint8_t *)accum->words + first, bytes, count);
    } else if (accum->ring_bits == 16) {
        fedli_fold_u16((uint16_t *)accum->words + first, bytes, count);
    } else if (accum->ring_bits == 24) {
        /* The tail follows the body: bytes after the last word can be read. */
        fedli_fold_u24((uint32_t *)accum->words + first, bytes, count);
    } else {
        fedli_fold_u32((uint32_t *)accum->words + first, bytes, count);
    }
}

static void fold_tail(fedl_accum *accum, const uint8_t *vector)
{
    const uint8_t *tail = vector + (accum->vector_bytes - TAIL_BYTES);
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        accum->tail[i] += fedli_load_u64(tail + 8 * i);
    }
}

static fedl_status check_room(const fedl_accum *accum, size_t vector_bytes)
{
    return vector_bytes != accum->vector_bytes  ? FEDL_ERR_MISMATCH
           : accum->count >= accum->clients_max ? FEDL_ERR_FULL
                                                : FEDL_OK;
}

fedl_status fedl_accum_add(fedl_accum *accum, fedl_bytes vector)
{
    const fedl_status status = check_room(accum, vector.size);
    if (status != FEDL_OK) {
        return status;
    }
    fold_words(accum, 0, vector.data, accum->word_count);
    fold_tail(accum, vector.data);
    accum->count++;
    return FEDL_OK;
}

fedl_status fedl_accum_take(fedl_accum *accum, uint8_t *vector, size_t vector_bytes)
{
    const fedl_status status = check_room(accum, vector_bytes);
    if (status != FEDL_OK) {
        return status;
    }
    const size_t word_bytes = accum->ring_bits / 8u;
    for (size_t at = 0; at < accum->word_count; at += PIECE_WORDS) {
        const size_t left = accum->word_count - at;
        const size_t count = left < PIECE_WORDS ? left : PIECE_WORDS;
        uint8_t *bytes = vector + at * word_bytes;
        fold_words(accum, at, bytes, count);
        fedli_wipe(bytes, count * word_bytes);
    }
    fold_tail(accum, vector);
    const size_t words_size = accum->word_count * word_bytes;
    fedli_wipe(vector + words_size, vector_bytes - words_size);
    accum->count++;
    return FEDL_OK;
}

/* Word index in Z_{2^b} as a number in [0, 2^b). */
static uint32_t word_at(const fedl_accum *accum, uint32_t index)
{
    if (accum->ring_bits == 8) {
        return ((const uint8_t *)accum->words)[index];
    }
    if (accum->ring_bits == 16) {
        return ((const uint16_t *)accum->words)[index];
    }
    const uint32_t word = ((const uint32_t *)accum->words)[index];
    return accum->ring_bits == 24 ? word & 0xffffffu : word;
}

int64_t fedl_accum_sum(const fedl_accum *accum, uint32_t index)
{
    FEDLI_CHECK(index < accum->word_count);
    const int64_t word = word_at(accum, index);
    const int64_t half = (int64_t)1 << (accum->ring_bits - 1);
    return word < half ? word : word - 2 * half;
}

fedl_status fedl_accum_export(const fedl_accum *accum, uint8_t *out, size_t out_bytes)
{
    if (out_bytes < accum->vector_bytes) {
        return FEDL_ERR_SIZE;
    }
    const size_t word_bytes = accum->ring_bits / 8u;
    for (uint32_t i = 0; i < accum->word_count; i++) {
        const uint32_t word = word_at(accum, i);
        for (size_t byte = 0; byte < word_bytes; byte++) {
            out[i * word_bytes + byte] = (uint8_t)(word >> (8 * byte));
        }
    }
    const size_t words_size = accum->word_count * word_bytes;
    const size_t body_size = accum->vector_bytes - TAIL_BYTES;
    memset(out + words_size, 0, body_size - words_size);
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        fedli_store_u64(out + body_size + 8 * i, accum->tail[i]);
    }
    return FEDL_OK;
}

fedl_status fedl_accum_import(fedl_accum *accum, fedl_bytes vector, uint32_t count)
{
    if (vector.size != accum->vector_bytes) {
        return FEDL_ERR_MISMATCH;
    }
    if (count > accum->clients_max) {
        return FEDL_ERR_RANGE;
    }
    fedl_accum_clear(accum);
    fold_words(accum, 0, vector.data, accum->word_count);
    fold_tail(accum, vector.data);
    accum->count = count;
    return FEDL_OK;
}
