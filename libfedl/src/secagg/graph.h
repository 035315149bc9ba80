/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who masks with whom. Positions are indices into the roster (rising device id).
 *
 * n ≤ 128: complete graph, k = n − 1, neighbours in roster order without oneself.
 * n > 128: Harary ring of even k over the Fisher–Yates permutation keyed by
 * H("fedl.grph.v1", roster_root ‖ beacon) (docs/protocol.md says how numbers are drawn from the
 * keystream); neighbour order −k/2 … −1, +1 … +k/2 around the ring.
 */
#ifndef FEDL_SECAGG_GRAPH_H
#define FEDL_SECAGG_GRAPH_H

#include "fedl/crypto.h"

typedef struct fedli_graph {
    uint32_t n;
    uint32_t k;
    uint16_t *ring;     /* [n] ring place → roster position; NULL: complete graph */
    uint16_t *place_of; /* [n] roster position → ring place */
} fedli_graph;

/** uint16 words that `words` of init needs: 0 for a complete graph, else 2·n. */
size_t fedli_graph_words(uint32_t n);
/** words outlives the graph. Errors: ERR_RANGE (n < 3, n > 65535, k odd or ≥ n or > 254 for a ring;
 * k ≠ n − 1 for a complete graph). */
FEDL_NODISCARD fedl_status fedli_graph_init(fedli_graph *graph, const fedl_crypto *crypto,
                                            uint32_t n, uint32_t k, const uint8_t roster_root[32],
                                            const uint8_t beacon[32], uint16_t *words);
/** Roster position of neighbour index (0 … k − 1) of the device at position. */
uint32_t fedli_graph_neighbour(const fedli_graph *graph, uint32_t position, uint32_t index);
/** Index of `other` in the neighbour order of `owner`; UINT32_MAX: not neighbours. The Shamir
 * coordinate of other's share of owner's secrets is 1 + this index. */
uint32_t fedli_graph_index(const fedli_graph *graph, uint32_t owner, uint32_t other);

#endif
