/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of devices until the goal-th answer has a negative binomial distribution:
 *   P(N = m) = C(m−1, goal−1) · q^goal · p^(m−goal),  q = 1 − p,
 * so its terms are added from m = goal on until they reach 0.999. They are kept as logarithms,
 * because q^goal underflows a double for large goals.
 */
#include "inih/select_count.h"

#include <math.h>

#define CONFIDENCE 0.999

uint32_t fedl_select_count(uint32_t goal, uint32_t dropout_permille)
{
    if (goal < 1 || goal > FEDL_SELECT_GOAL_MAX ||
        dropout_permille > FEDL_SELECT_DROPOUT_PERMILLE_MAX) {
        return 0;
    }
    if (dropout_permille == 0) {
        return goal;
    }
    const double log_p = log(dropout_permille / 1000.0);
    double log_term = goal * log1p(-(dropout_permille / 1000.0));
    double sum = exp(log_term);
    uint32_t n = goal;
    /* p ≤ 0.9: the mean is goal / q ≤ 10 goal, so this ends long before 2^32. */
    while (sum < CONFIDENCE) {
        log_term += log_p + log((double)n / (double)(n - goal + 1u));
        n++;
        sum += exp(log_term);
    }
    return n;
}
