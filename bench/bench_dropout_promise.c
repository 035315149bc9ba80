/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How likely an attempt succeeds when each of n devices vanishes with probability p in one step.
 *
 *   READY   the roster needs min_cohort devices
 *   SHARES  min_cohort must be left, each with t neighbours that are left
 *   MASKED  the same, and t survivors must be neighbours of each that vanished, too
 *   CONFIRM, UNMASK  t of those that are left must be neighbours of each survivor
 *
 * In a complete graph k = n − 1, so all but READY ask for t + 1 devices (each needs t others), and
 * the number that is left is binomial. In a ring the finder bounds the chance that any device is
 * short of neighbours when exactly L have vanished; the promise sums that bound over the binomial
 * L. The bound counts every device by itself, while neighbours on the ring share most of their own
 * neighbours: what is to be expected lies well above it, and is drawn here.
 *
 * SHARES leaves out a device that is short of neighbours, but in a ring that rarely helps: the
 * devices beside it lose a neighbour each, and once the gap is some places wide the devices at its
 * edge have neighbours on one side only, k/2 < t. The gap then eats the whole ring.
 */
#include "bench_dropout.h"

#include "base/rng.h"
#include "planner/finder.h"

#include <math.h>

#define RINGS 1000u /* drawn for an expectation: good to about 1.5 % */

static double binomial(uint32_t n, uint32_t lost, double p)
{
    if (p <= 0.0) {
        return lost == 0 ? 1.0 : 0.0;
    }
    return exp(lgamma(n + 1.0) - lgamma(lost + 1.0) - lgamma(n - lost + 1.0) + lost * log(p) +
               (n - lost) * log1p(-p));
}

/* Bound on the chance that a device has fewer than t of its k neighbours left. */
static double short_of_neighbours(const dropout_cell *cell, const fedli_params *params,
                                  uint32_t lost)
{
    fedl_finder_config config =
        fedl_finder_config_default(cell->n, cell->gamma_permille, cell->delta_permille);
    config.delta_permille = (lost * 1000u + cell->n - 1u) / cell->n; /* ⌊δn⌋ = lost, n ≤ 1000 */
    if (lost > cell->n - params->k) { /* outside the formula, and hopeless */
        return 1.0;
    }
    return fmin(1.0, exp(fedl_finder_log_failure(&config, params->k, params->t)));
}

/* Places of a ring whose order is random, or of which a random set has vanished: the same. */
typedef struct ring {
    bool alive[DROPOUT_CLIENTS_MAX];
    uint32_t n;
    uint32_t k;
    uint32_t left;
} ring;

static uint32_t degree(const ring *r, uint32_t place)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= r->k / 2u; i++) {
        count += r->alive[(place + i) % r->n] + r->alive[(place + r->n - i) % r->n];
    }
    return count;
}

static void vanish(ring *r, double p, fedli_rng *rng)
{
    r->left = 0;
    for (uint32_t place = 0; place < r->n; place++) {
        r->alive[place] = (double)fedli_rng_u32(rng) >= p * 4294967296.0;
        r->left += r->alive[place];
    }
}

/* SHARES: takes away who is short until nobody is. */
static void prune(ring *r, uint32_t t)
{
    bool stable = false;
    while (!stable) {
        stable = true;
        for (uint32_t place = 0; place < r->n; place++) {
            if (r->alive[place] && degree(r, place) < t) {
                r->alive[place] = false;
                r->left--;
                stable = false;
            }
        }
    }
}

static bool has_short(const ring *r, uint32_t t)
{
    for (uint32_t place = 0; place < r->n; place++) {
        if (degree(r, place) < t) {
            return true;
        }
    }
    return false;
}

/* Share of random rings in which the attempt succeeds. */
static double draw_rings(const dropout_cell *cell, const dropout_promise *promise)
{
    const uint32_t t = promise->params.t;
    ring r = {.n = cell->n, .k = promise->params.k};
    uint32_t good = 0;
    fedli_rng rng;
    fedli_rng_init(&rng, cell->seed);
    for (uint32_t i = 0; i < RINGS; i++) {
        vanish(&r, cell->loss_permille / 1000.0, &rng);
        if (cell->step == FEDL_SIM_SHARES) {
            prune(&r, t);
            good += r.left >= promise->cohort_min;
        } else {
            good += r.left >= promise->alive_min && !has_short(&r, t);
        }
    }
    return (double)good / RINGS;
}

fedl_status dropout_promise_make(dropout_promise *promise, const dropout_cell *cell)
{
    const uint32_t colluding = fedli_colluding(cell->n, cell->gamma_permille);
    const uint32_t floor_count =
        colluding + 2u > FEDL_COHORT_MIN ? colluding + 2u : FEDL_COHORT_MIN;
    const double p = cell->loss_permille / 1000.0;
    *promise = (dropout_promise){.complete = cell->n <= FEDL_COMPLETE_GRAPH_MAX};
    const fedl_status status = fedli_params_for(&promise->params, cell->n, cell->gamma_permille,
                                                cell->delta_permille, cell->trust);
    if (status != FEDL_OK) {
        return status;
    }
    promise->cohort_min = floor_count < cell->n ? floor_count : cell->n;
    promise->alive_min = promise->params.t + 1u;
    const bool counts_reports = cell->step <= FEDL_SIM_MASKED;
    if (cell->step == FEDL_SIM_READY ||
        (counts_reports && promise->alive_min < promise->cohort_min)) {
        promise->alive_min = promise->cohort_min;
    }
    for (uint32_t lost = 0; lost <= cell->n; lost++) {
        const uint32_t left = cell->n - lost;
        double good = left >= promise->alive_min ? 1.0 : 0.0;
        if (!promise->complete && cell->step != FEDL_SIM_READY && lost > 0 && good > 0.0) {
            good = 1.0 - short_of_neighbours(cell, &promise->params, lost);
        }
        promise->success += good * binomial(cell->n, lost, p);
    }
    promise->success = fmin(1.0, promise->success);
    promise->expected = promise->complete || cell->step == FEDL_SIM_READY
                            ? promise->success
                            : draw_rings(cell, promise);
    return FEDL_OK;
}
