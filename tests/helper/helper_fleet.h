/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper, its fleet and six devices whose seeds make up requests: what tests of the helper's
 * machine share. One of each per process; helper_fleet_setup() makes everything anew.
 */
#ifndef FEDL_TESTS_HELPER_FLEET_H
#define FEDL_TESTS_HELPER_FLEET_H

#include "helper/helper_machine.h"

#include "secure/cert.h"

#define DEVICES     6u
#define TASK        7u
#define UTC_S       1700000000u
#define REQUEST_MAX (FEDL_HELPER_HEAD_BYTES + DEVICES * FEDL_HELPER_ENTRY_BYTES + 32u)

typedef struct sender {
    uint32_t id;
    uint8_t id_secret[64];
    uint8_t id_public[32];
    uint8_t noise_secret[32];
    fedli_seed seed;
    uint8_t item[FEDLI_SEED_ITEM_BYTES];
} sender;

extern const fedl_crypto *crypto;
extern fedl_helper helper; /* min_cohort 3, keeps nothing, one part */
extern uint8_t fleet_id[16];
extern uint8_t ca_secret[64];
extern uint8_t helper_public[32];
extern sender senders[DEVICES];
extern fedl_helper_request request; /* of the first five devices: what pack() writes */
extern uint8_t bytes[REQUEST_MAX];
extern uint32_t revoked[1];

/** A setup function of cmocka. */
int helper_fleet_setup(void **state);
void certify(sender *s, const uint8_t *by, fedl_cert_role role, uint64_t not_after_s);
void seal(sender *s);
/** All senders agree on the attempt of request; their seeds are sealed anew. */
void seal_all(void);
/** request with the senders' items, in bytes. */
fedl_bytes pack(void);

#endif
