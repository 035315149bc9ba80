/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the machine of a world away in the middle of an attempt, and taking it up again. */
#ifndef FEDL_TESTS_DEVICE_SAVED_H
#define FEDL_TESTS_DEVICE_SAVED_H

#include "device_group.h"

#define SAVED_MAX 32768u

extern uint8_t saved[SAVED_MAX];
extern size_t saved_size;

/** Saves the machine, which must be possible now; no secret of the attempt stays in it. */
void put_away(world *w);
/** Everything of the old machine is gone, and what was on its way to it. */
void forget_machine(world *w);
/** A new machine from what was saved and what is stored. */
fedl_status take_up(world *w);

#endif
