/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/hypergeometric.h"

#include <math.h>

static double log_choose(double n, double k)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

static uint32_t smallest(const fedl_hypergeometric *h)
{
    const uint32_t unmarked = h->total - h->marked;
    return h->drawn > unmarked ? h->drawn - unmarked : 0;
}

static uint32_t largest(const fedl_hypergeometric *h)
{
    return h->drawn < h->marked ? h->drawn : h->marked;
}

double fedl_hypergeometric_log_pmf(const fedl_hypergeometric *h, uint32_t x)
{
    if (x < smallest(h) || x > largest(h)) {
        return -(double)INFINITY;
    }
    return log_choose(h->marked, x) + log_choose(h->total - h->marked, h->drawn - x) -
           log_choose(h->total, h->drawn);
}

/* P[X = x + 1] / P[X = x] */
static double ratio_up(const fedl_hypergeometric *h, uint32_t x)
{
    const double rest = (double)h->total - h->marked - h->drawn + x + 1.0;
    return ((double)h->marked - x) * ((double)h->drawn - x) / ((x + 1.0) * rest);
}

/* Where the tail is e^-40 of probability: what lies outside does not change the sum. The mass is
 * rising from both ends, so that bisection finds it. */
static uint32_t start_up(const fedl_hypergeometric *h, double log_least)
{
    uint32_t low = smallest(h);
    uint32_t high = (uint32_t)((double)h->marked * h->drawn / h->total);
    high = high < low ? low : high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (fedl_hypergeometric_log_pmf(h, middle) < log_least) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t fedl_hypergeometric_lower(const fedl_hypergeometric *h, double probability)
{
    uint32_t x = start_up(h, log(probability) - 40.0);
    double mass = exp(fedl_hypergeometric_log_pmf(h, x));
    double sum = mass;
    /* sum = P[X ≤ x] */
    while (sum < probability && x < largest(h)) {
        mass *= ratio_up(h, x);
        sum += mass;
        x++;
    }
    return x;
}

/* The same of the devices that are not marked: X > c means that fewer than drawn − c of those drawn
 * are unmarked. */
static fedl_hypergeometric mirror(const fedl_hypergeometric *h)
{
    const fedl_hypergeometric other = {h->total, h->total - h->marked, h->drawn};
    return other;
}

uint32_t fedl_hypergeometric_upper(const fedl_hypergeometric *h, double probability)
{
    const fedl_hypergeometric unmarked = mirror(h);
    return h->drawn - fedl_hypergeometric_lower(&unmarked, probability);
}

double fedl_hypergeometric_log_below(const fedl_hypergeometric *h, uint32_t t)
{
    if (t == 0 || t <= smallest(h)) {
        return -(double)INFINITY;
    }
    /* Down from t − 1, relative to its own mass; beyond the mode the terms grow first. */
    uint32_t x = t - 1 < largest(h) ? t - 1 : largest(h);
    const double top = fedl_hypergeometric_log_pmf(h, x);
    double mass = 1;
    double sum = 1;
    while (x > smallest(h)) {
        x--;
        mass /= ratio_up(h, x);
        sum += mass;
        if (mass < sum * 1e-18) {
            break;
        }
    }
    return top + log(sum);
}

double fedl_hypergeometric_log_above(const fedl_hypergeometric *h, uint32_t c)
{
    if (c >= h->drawn) {
        return -(double)INFINITY;
    }
    const fedl_hypergeometric unmarked = mirror(h);
    return fedl_hypergeometric_log_below(&unmarked, h->drawn - c);
}
