/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many neighbours k a device needs, and how many of them must help to unmask (threshold t).
 *
 * Bell, Bonawitz, Gascón, Lepoint, Raykova, "Secure Single-Server Aggregation with
 * (Poly)Logarithmic Overhead", CCS 2020, with the exact tails that Google's public
 * graph_parameter_finder takes in place of the paper's bounds. Of n devices ⌊γ·n⌋ collude and ⌊δ·n⌋
 * vanish; the graph is a Harary ring of degree k over a random order. Wanted:
 *
 *   connected   P[the ring falls apart without both kinds] < 2^-(s+1): it takes k/2 neighbouring
 *               places at two spots, n·(n−k−1)/2 pairs of spots, each with all k places bad;
 *   private     c = most colluding neighbours of any device but with 2^-(s+1):
 *               P[Hypergeometric(n, ⌊γn⌋, k) > c] < 2^-(s+1)/n, and
 *               t > c      when the server shows all devices the same survivors,
 *               2t > k + c when it may show each honest device one of two sets (semi-malicious);
 *   complete    t of each device's neighbours are still there but with 2^-f:
 *               P[Hypergeometric(n, n − ⌊δn⌋, k) < t] < 2^-f/n.
 *
 * The smallest even k that has such a t, and of these t the smallest. Float, so for tools only:
 * devices hold the table made from it (secagg/params_table.c).
 */
#ifndef FEDL_PORT_FINDER_H
#define FEDL_PORT_FINDER_H

#include "fedl/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum fedl_finder_server {
    FEDL_FINDER_CURIOUS = 1,        /* t > c */
    FEDL_FINDER_SEMI_MALICIOUS = 2, /* 2t > k + c: what fedl always uses */
} fedl_finder_server;

typedef struct fedl_finder_config {
    uint32_t n; /* devices, 3 … 2^20 */
    uint32_t gamma_permille;
    uint32_t delta_permille;
    fedl_finder_server server;
    uint32_t security_bits; /* s: 40, or 80 against devices that try many rosters */
    uint32_t failure_bits;  /* f: 20 */
    uint32_t k_max;         /* look no further; fedl: FEDL_NEIGHBOURS_MAX */
} fedl_finder_config;

typedef struct fedl_graph_choice {
    uint32_t k;
    uint32_t t;
    uint32_t c; /* colluding neighbours that t withstands: t − 1, or 2t − k − 1 */
} fedl_graph_choice;

/** Semi-malicious, 2^-40, 2^-20, k ≤ 254. */
fedl_finder_config fedl_finder_config_default(uint32_t n, uint32_t gamma_permille,
                                              uint32_t delta_permille);
/** Errors: ERR_RANGE (n; γ + δ, or γ + 2δ when semi-malicious, not below 1000 ‰), ERR_NOT_FOUND (no
 * even k below n − 1 and up to k_max does it). */
FEDL_NODISCARD fedl_status fedl_finder_find(fedl_graph_choice *choice,
                                            const fedl_finder_config *config);
/** Range of t that is private and complete with this k; false: empty, or k does not connect. */
bool fedl_finder_thresholds(uint32_t *t_low, uint32_t *t_high, const fedl_finder_config *config,
                            uint32_t k);
/**
 * One (k, t) that is good for every n from config->n to n_last: the smallest k, then the smallest
 * t. Checks each n. Errors: as find.
 */
FEDL_NODISCARD fedl_status fedl_finder_band(fedl_graph_choice *choice,
                                            const fedl_finder_config *config, uint32_t n_last);
/**
 * ln of the bound on P[a server that sees the graph first and then names freely who vanished can
 * part the ring, each device seeing t neighbours or more]. It needs two gaps of k/2 places, with
 * 2t − k colluding devices among their k places, more when n is small. Not in the paper: it shows
 * what the 80-bit rows are good for when server_trust = active.
 */
double fedl_finder_log_split(const fedl_finder_config *config, uint32_t k, uint32_t t);
/** ln of the bound on P[some device is left with fewer than t neighbours]. */
double fedl_finder_log_failure(const fedl_finder_config *config, uint32_t k, uint32_t t);

#endif
