/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for the helper's work, which live as long as the work. Rejected: threads that wait for
 * the next question (they would sleep for minutes to save 0.1 ms).
 */
#ifndef FEDL_HOST_HELPER_THREADS_H
#define FEDL_HOST_HELPER_THREADS_H

#include "helper/helper_machine.h"

/** fedl_helper_config.spread: part 0 on the calling thread, a thread each for the others; what
 * can't be started is done here too. parts ≤ FEDL_HELPER_PARTS_MAX. */
void fedl_helper_spread(void *context, fedl_helper_work work, void *job, uint32_t parts);

#endif
