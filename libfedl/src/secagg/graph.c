/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of a cohort. The permutation is drawn without bias: a word of the keystream that lies
 * in the incomplete last multiple of the range is thrown away, so every permutation of the ring is
 * as likely as the key is random.
 *
 * Rejected: sorting by a keyed hash of the id (n hashes on every device where this takes n / 16
 * keystream blocks), and a stateless permutation (each neighbour look-up would cost several
 * rounds of a cipher, and its distribution is only nearly uniform).
 */
#include "secagg/graph.h"

#include "base/check.h"
#include "base/cursor.h"
#include "fedl/secagg.h"
#include "secagg/binding.h"
#include "secagg/prg.h"

#include <string.h>

#define BATCH_BLOCKS 4u
#define BATCH_WORDS  (BATCH_BLOCKS * FEDLI_PRG_BLOCK_BYTES / 4u)

/* Words of the keystream, one after the other. */
typedef struct word_source {
    uint8_t key[32];
    uint32_t block; /* next block of the keystream */
    uint32_t used;  /* words of the batch */
    uint8_t batch[BATCH_WORDS * 4u];
} word_source;

static uint32_t next_word(word_source *source)
{
    if (source->used == BATCH_WORDS) {
        fedli_prg_portable.stream(source->batch, BATCH_BLOCKS, source->key, source->block);
        source->block += BATCH_BLOCKS;
        source->used = 0;
    }
    const uint32_t word = fedli_load_u32(source->batch + 4u * (size_t)source->used);
    source->used++;
    return word;
}

/* Uniform in [0, range), 1 ≤ range ≤ 65535. */
static uint32_t below(word_source *source, uint32_t range)
{
    const uint32_t rest = (UINT32_MAX % range + 1u) % range; /* 2^32 modulo range */
    uint32_t word = next_word(source);
    while (word > UINT32_MAX - rest) {
        word = next_word(source);
    }
    return word % range;
}

static void permute(fedli_graph *graph, const fedl_crypto *crypto, const uint8_t roster_root[32],
                    const uint8_t beacon[32])
{
    uint8_t text[64];
    word_source source;
    memcpy(text, roster_root, 32);
    memcpy(text + 32, beacon, 32);
    fedli_hash(crypto, source.key, "fedl.grph.v1", text, sizeof text);
    source.block = 0;
    source.used = BATCH_WORDS;
    for (uint32_t i = 0; i < graph->n; i++) {
        graph->ring[i] = (uint16_t)i;
    }
    for (uint32_t i = graph->n - 1; i > 0; i--) {
        const uint32_t j = below(&source, i + 1);
        const uint16_t other = graph->ring[j];
        graph->ring[j] = graph->ring[i];
        graph->ring[i] = other;
    }
    for (uint32_t i = 0; i < graph->n; i++) {
        graph->place_of[graph->ring[i]] = (uint16_t)i;
    }
}

size_t fedli_graph_words(uint32_t n)
{
    return n <= FEDL_COMPLETE_GRAPH_MAX ? 0 : 2 * (size_t)n;
}

fedl_status fedli_graph_init(fedli_graph *graph, const fedl_crypto *crypto, uint32_t n, uint32_t k,
                             const uint8_t roster_root[32], const uint8_t beacon[32],
                             uint16_t *words)
{
    if (n < FEDL_COHORT_MIN || n > FEDL_COHORT_MAX) {
        return FEDL_ERR_RANGE;
    }
    if (n <= FEDL_COMPLETE_GRAPH_MAX) {
        if (k != n - 1) {
            return FEDL_ERR_RANGE;
        }
        const fedli_graph complete = {n, k, NULL, NULL};
        *graph = complete;
        return FEDL_OK;
    }
    if (k == 0 || k % 2 != 0 || k >= n || k > FEDL_NEIGHBOURS_MAX) {
        return FEDL_ERR_RANGE;
    }
    const fedli_graph ring = {n, k, words, words + n};
    *graph = ring;
    permute(graph, crypto, roster_root, beacon);
    return FEDL_OK;
}

uint32_t fedli_graph_neighbour(const fedli_graph *graph, uint32_t position, uint32_t index)
{
    FEDLI_CHECK(position < graph->n && index < graph->k);
    if (graph->ring == NULL) {
        return index < position ? index : index + 1;
    }
    const uint32_t half = graph->k / 2;
    const uint32_t steps = index < half ? graph->n - half + index : index - half + 1;
    return graph->ring[(graph->place_of[position] + steps) % graph->n];
}

uint32_t fedli_graph_index(const fedli_graph *graph, uint32_t owner, uint32_t other)
{
    FEDLI_CHECK(owner < graph->n && other < graph->n);
    if (owner == other) {
        return UINT32_MAX;
    }
    if (graph->ring == NULL) {
        return other < owner ? other : other - 1;
    }
    const uint32_t half = graph->k / 2;
    const uint32_t ahead =
        (graph->place_of[other] + graph->n - graph->place_of[owner]) % graph->n; /* 1 … n − 1 */
    if (ahead <= half) {
        return half + ahead - 1;
    }
    const uint32_t behind = graph->n - ahead;
    return behind <= half ? half - behind : UINT32_MAX;
}
