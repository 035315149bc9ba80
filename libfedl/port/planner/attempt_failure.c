/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/attempt_failure.h"

#include "planner/hypergeometric.h"
#include "secagg/params.h"

#include <math.h>

#define LOG_NEGLIGIBLE                                                                             \
    (-120.0) /* e^-120 < 2^-170: 65,536 such terms change nothing that is shown */

static double log_binomial(uint32_t n, double p, uint32_t x)
{
    return lgamma(n + 1.0) - lgamma(x + 1.0) - lgamma(n - x + 1.0) + x * log(p) +
           (n - x) * log1p(-p);
}

static bool params_of(fedli_params *params, uint32_t n, const fedl_secagg_config *secagg)
{
    return fedli_params_for(params, n, secagg->gamma_permille, secagg->delta_permille,
                            secagg->trust) == FEDL_OK;
}

uint32_t fedl_vanish_max(uint32_t n, uint32_t cohort_min, const fedl_secagg_config *secagg)
{
    fedli_params params = {0, 0, 0};
    if (!params_of(&params, n, secagg) || cohort_min > n) {
        return 0;
    }
    const uint32_t spare = n - cohort_min;
    /* A complete graph: t of the others must answer, for the secrets of the answering ones too. */
    const uint32_t by_graph = n <= FEDL_COMPLETE_GRAPH_MAX
                                  ? params.k - params.t
                                  : (uint32_t)((uint64_t)n * secagg->delta_permille / 1000u);
    return by_graph < spare ? by_graph : spare;
}

/* P[some device has too few neighbours | x of n vanished], x ≤ spare. */
static double short_of_neighbours(uint32_t n, const fedli_params *params, uint32_t x)
{
    if (n <= FEDL_COMPLETE_GRAPH_MAX) {
        return x > params->k - params->t ? 1 : 0;
    }
    const fedl_hypergeometric left = {n, n - x, params->k};
    return x <= params->k - params->t
               ? 0
               : fmin(1, exp(log(n) + fedl_hypergeometric_log_below(&left, params->t)));
}

double fedl_attempt_failure(uint32_t n, uint32_t cohort_min, const fedl_secagg_config *secagg)
{
    const double p = secagg->delta_permille / 1000.0;
    fedli_params params = {0, 0, 0};
    if (!params_of(&params, n, secagg) || cohort_min > n) {
        return 1;
    }
    if (p <= 0) {
        return 0;
    }
    const uint32_t spare = n - cohort_min;
    double sum = 0;
    for (uint32_t x = n; x > 0; x--) { /* small terms first */
        const double log_here = log_binomial(n, p, x);
        if (log_here > LOG_NEGLIGIBLE) {
            sum += exp(log_here) * (x > spare ? 1 : short_of_neighbours(n, &params, x));
        }
    }
    return fmin(1, sum);
}

bool fedl_attempts_suffice(double attempt_failure, uint32_t attempts)
{
    return attempt_failure <= FEDL_ATTEMPT_FAILURE_MAX &&
           pow(attempt_failure, attempts) <= FEDL_ROUND_FAILURE_MAX;
}
