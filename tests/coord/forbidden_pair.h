/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forbidden pair: both kinds of share of one device in one attempt. A server that ever holds t
 * of each takes all masks off that device's vector. This looks for it: it is given the secrets of
 * all devices, and then whatever memory the server has, as often as one likes. What was seen once
 * counts for ever.
 */
#ifndef FEDL_TESTS_FORBIDDEN_PAIR_H
#define FEDL_TESTS_FORBIDDEN_PAIR_H

#include "secagg/share.h"

#include <stddef.h>

#define FORBIDDEN_OWNERS_MAX 512u
#define FORBIDDEN_SHARES_MAX 16u

typedef struct forbidden_owner {
    uint32_t device_id;
    uint32_t attempt;
    uint32_t share_count;
    uint8_t shares[2][FORBIDDEN_SHARES_MAX][FEDLI_SHARE_BYTES]; /* kind b, kind d */
    bool seen[2];
} forbidden_owner;

typedef struct forbidden_pair {
    uint32_t count;
    forbidden_owner owners[FORBIDDEN_OWNERS_MAX];
    uint8_t starts[65536]; /* first two bytes of any share */
} forbidden_pair;

void forbidden_pair_init(forbidden_pair *pair);
/* A device's secrets of one attempt, shared with neighbours x = 1 … share_count, threshold t. */
void forbidden_pair_add(forbidden_pair *pair, uint32_t device_id, uint32_t attempt,
                        const fedli_attempt_secrets *secrets, uint32_t t, uint32_t share_count);
void forbidden_pair_scan(forbidden_pair *pair, const void *memory, size_t size);
/* The first device of which both kinds were seen; 0 = none. */
uint32_t forbidden_pair_found(const forbidden_pair *pair);
/* Of how many devices (and attempts) this kind was seen. */
uint32_t forbidden_pair_seen(const forbidden_pair *pair, fedli_share_kind kind);

#endif
