/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to open the vector of one device, beyond what the parameters promise: with how many
 * of its neighbours on its side can a server do it? Constructive, so each number is an attack that
 * works, not a bound.
 */
#ifndef FEDL_PORT_ISOLATION_H
#define FEDL_PORT_ISOLATION_H

#include <stdint.h>

/**
 * A server that lies about who survived while devices don't compare what they were told (trust =
 * curious): the fewest colluding neighbours of one device with which it opens its vector. 0: it
 * needs nobody. n, k, t as fedli_params_for() gives them.
 *
 * Two ways. It tells half of the device's neighbours that it vanished: with the colluding ones,
 * which give both kinds of share, 2t ≤ k + c. Or it calls the device alive, and each of its
 * neighbours dead to t neighbours of that one, nobody seeing more than k − t dead: then every edge
 * of the device is known (tests/secagg/test_party_views.c does it). Viewers are taken greedily,
 * the freest first, on the ring in its own order (all rings are alike).
 */
uint32_t fedl_isolation_lying(uint32_t n, uint32_t k, uint32_t t);

#endif
