/* SPDX-License-Identifier: Apache-2.0 */
/* One lie of a server to device 0 of a small cohort, and the refusal that it must meet. */
#ifndef FEDL_TESTS_PARTY_ATTACK_H
#define FEDL_TESTS_PARTY_ATTACK_H

#include "party_world.h"

#define ATTACK_DEVICES 5u

typedef struct attack {
    const char *name;
    fedl_group_item item;
    void (*spoil)(world *w, toy_blob *blob);
    fedl_refusal expected;
} attack;

/** A cohort of n; everything but the lie is honest. Device 0 must refuse with the expected name and
 * hold no secret; without it the others go on (their sum is checked). */
void attack_run(const attack *lie, uint32_t n);
/** The same in a world that the test has set up; world_begin() was not called yet. */
void attack_in(world *w, const attack *lie);

/** What world.tamper is then; world.tamper_context = the attack. */
void attack_tell(world *w, uint32_t position, fedl_group_item item, toy_blob *blob);

/* For the lies: entry i of a roster, another size of a blob. */
uint8_t *attack_entry(const toy_blob *roster, uint32_t i);
void attack_resize(toy_blob *blob, size_t size);

#endif
