/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coordinator, real parties and a real helper: what tests of helper rounds share. One of each per
 * process.
 */
#ifndef FEDL_TESTS_COORD_HELPER_H
#define FEDL_TESTS_COORD_HELPER_H

#include "coord_party.h"
#include "helper/helper_machine.h"

extern party_world p;
extern fedl_helper helper;
extern uint8_t helper_reply_bytes[8192];

/** A fleet of n whose plan wants a helper; parties_add_task() comes next. */
void open_fleet(uint32_t n);
/** Has the helper answer the question that is out, as its process does. Returns the size of the
 * reply. */
size_t helper_reply(fedl_helper_answer expected);
/** The question is over: status, and so many bytes of the reply. */
void helper_answers(fedl_status status, size_t size);
/** Runs until the helper is asked. */
void run_to_the_question(void);

#endif
