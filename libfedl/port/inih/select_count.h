/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over-selection: how many devices to ask so that enough of them answer.
 *
 * Float, so it lives with the tools: a plan carries the number, never the formula.
 */
#ifndef FEDL_PORT_SELECT_COUNT_H
#define FEDL_PORT_SELECT_COUNT_H

#include <stdint.h>

#define FEDL_SELECT_GOAL_MAX             100000u
#define FEDL_SELECT_DROPOUT_PERMILLE_MAX 900u

/**
 * Smallest n with P(Binomial(n, 1 − dropout) ≥ goal) ≥ 0.999: devices drop out independently, each
 * with dropout_permille / 1000. 0 when goal is not 1 … FEDL_SELECT_GOAL_MAX or dropout_permille is
 * above its maximum.
 */
uint32_t fedl_select_count(uint32_t goal, uint32_t dropout_permille);

#endif
