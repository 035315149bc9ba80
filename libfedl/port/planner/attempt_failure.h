/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often an attempt at a masked round fails because devices vanish after training. Float, for
 * tools and plan files; nothing in a round depends on it.
 */
#ifndef FEDL_PORT_ATTEMPT_FAILURE_H
#define FEDL_PORT_ATTEMPT_FAILURE_H

#include "fedl/secagg.h"

#include <stdbool.h>
#include <stdint.h>

/* Plans of which attempts, or rounds with all their attempts, fail more often are refused to
 * operators (inih/plan_file.h). A round that fails pauses its task. */
#define FEDL_ATTEMPT_FAILURE_MAX 0.5
#define FEDL_ROUND_FAILURE_MAX   (1.0 / 64)

/* Most devices of n that may vanish after READY, all the others getting their sum: what cohort_min
 * (fewest in a sum) and, up to 128 devices, the threshold leave. For a ring what cohort_min leaves
 * of step_dropout: beyond it only chance decides. 0 when there is no graph. */
uint32_t fedl_vanish_max(uint32_t n, uint32_t cohort_min, const fedl_secagg_config *secagg);
/**
 * Bound on P[an attempt with n devices ends without its sum], each of them vanishing with
 * step_dropout on its own: fewer than cohort_min are left, or some device has fewer than t
 * neighbours left (ring: union bound over the devices). 1 when there is no graph.
 */
double fedl_attempt_failure(uint32_t n, uint32_t cohort_min, const fedl_secagg_config *secagg);
/** Whether both limits above hold. */
bool fedl_attempts_suffice(double attempt_failure, uint32_t attempts);

#endif
