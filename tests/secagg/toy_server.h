/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest server that a masked attempt can have, for tests of the device's side: it holds
 * blobs in arrays, passes shares on and takes the masks off. It knows nothing of server/coord, so
 * that devices are tested against two servers.
 *
 * Devices are named by their position in the roster. A test may change everything in here between
 * two steps; that is what the attacks do.
 */
#ifndef FEDL_TESTS_TOY_SERVER_H
#define FEDL_TESTS_TOY_SERVER_H

#include "fedl/plan.h"
#include "secagg/binding.h"
#include "secagg/graph.h"
#include "secagg/prg.h"

#define TOY_DEVICES_MAX 320u

typedef struct toy_blob {
    uint8_t *data; /* malloc; NULL: not there */
    size_t size;
} toy_blob;

typedef struct toy_server {
    const fedl_crypto *crypto;
    const fedl_plan *plan;
    fedli_attempt attempt;
    uint32_t n;
    uint32_t k;
    uint32_t t;
    uint32_t ids[TOY_DEVICES_MAX];
    toy_blob ready[TOY_DEVICES_MAX];
    toy_blob shares[TOY_DEVICES_MAX];
    toy_blob vector[TOY_DEVICES_MAX];
    toy_blob confirm[TOY_DEVICES_MAX];
    toy_blob unmask[TOY_DEVICES_MAX];
    uint32_t complaints;
    uint32_t blamed;
    toy_blob roster;
    uint8_t rb[32];
    uint16_t words[2 * TOY_DEVICES_MAX];
    fedli_graph graph;
    bool u2_frozen;
    bool u3_frozen;
    bool confirms_frozen;
    bool in_u2[TOY_DEVICES_MAX];
    bool in_u3[TOY_DEVICES_MAX];
    /* What a lying server shows instead: [viewer][member]; NULL: the truth. */
    bool (*u3_shown)[TOY_DEVICES_MAX];
} toy_server;

void toy_init(toy_server *toy, const fedl_crypto *crypto, const fedl_plan *plan,
              const fedli_attempt *attempt, uint32_t n, uint32_t k, uint32_t t);
void toy_deinit(toy_server *toy);

void toy_put(toy_server *toy, uint32_t position, fedl_group_item item, fedl_bytes blob);
void toy_put_vector(toy_server *toy, uint32_t position, fedl_bytes vector);
/** A fresh copy of the item (to be freed); data NULL: not there yet. */
toy_blob toy_get(const toy_server *toy, uint32_t position, fedl_group_item item);

/** The roster of all READYs, its graph and binding. */
void toy_freeze_roster(toy_server *toy);
/** U2 = who sent SHARES; U3 = who of them sent a vector. */
void toy_freeze_u2(toy_server *toy);
void toy_freeze_u3(toy_server *toy);

/** Whether `member` stands in the U3 that `viewer` was shown. */
bool toy_shows_u3(const toy_server *toy, uint32_t viewer, uint32_t member);
/** Opens b (kind 1) or d (kind 2) of a device from t shares in UNMASK blobs; checks every share's
 * tag. False: fewer than t shares of this kind. */
bool toy_open_secret(const toy_server *toy, uint8_t secret[32], uint32_t position, uint32_t kind);
/** Takes the own mask of a device of U3 off a sum, or the masks between a device that fell out and
 * those of U3. False: too few shares. */
bool toy_take_self(const toy_server *toy, uint8_t *sum, uint32_t position);
bool toy_take_edges(const toy_server *toy, uint8_t *sum, uint32_t position);
/** Sum of U3's vectors without masks, `vector_bytes` of the plan. False: something is missing. */
bool toy_unmask(const toy_server *toy, uint8_t *sum);

fedli_mask_shape toy_shape(const fedl_plan *plan);
/** sum += vector, in the ring of the plan; written apart from mask.c. */
void toy_vector_add(const fedl_plan *plan, uint8_t *sum, const uint8_t *vector);

#endif
