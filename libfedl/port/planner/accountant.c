/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/accountant.h"

#include <math.h>

/* The bound at α = 1 + e^x: x covers α from 1 + 10^-13 to 10^26. */
#define X_LOW  (-30.0)
#define X_HIGH 60.0

static double bound_at(double x, double rho, double delta)
{
    const double less = exp(x); /* α − 1 */
    const double alpha = 1 + less;
    /* ln(1 − 1/α) = ln((α − 1)/α) = x − ln α, without cancellation */
    return rho * alpha + (-log(alpha * delta)) / less + (x - log1p(less));
}

/* Golden section: the bound falls, then rises, in α. */
double fedl_zcdp_epsilon(double rho, double delta)
{
    if (!(rho >= 0) || !(delta > 0) || !(delta < 1) || isinf(rho)) {
        return (double)INFINITY;
    }
    const double golden = (sqrt(5) - 1) / 2;
    double low = X_LOW;
    double high = X_HIGH;
    double left = high - golden * (high - low);
    double right = low + golden * (high - low);
    double at_left = bound_at(left, rho, delta);
    double at_right = bound_at(right, rho, delta);
    while (high - low > 1e-9) {
        if (at_left < at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - golden * (high - low);
            at_left = bound_at(left, rho, delta);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + golden * (high - low);
            at_right = bound_at(right, rho, delta);
        }
    }
    const double epsilon = at_left < at_right ? at_left : at_right;
    return epsilon > 0 ? epsilon : 0;
}

double fedl_zcdp_rho(double epsilon, double delta)
{
    if (!(epsilon > 0) || !(delta > 0) || !(delta < 1)) {
        return 0;
    }
    double low = 0;
    double high = 1;
    while (fedl_zcdp_epsilon(high, delta) <= epsilon && high < 1e12) {
        low = high;
        high *= 2;
    }
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (fedl_zcdp_epsilon(middle, delta) <= epsilon) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

double fedl_zcdp_sensitivity2(double clip_steps, double dimension)
{
    /* √(2·ln(1/β)) is 1 at β = e^-1/2. */
    return clip_steps * clip_steps + dimension / 4 + clip_steps + sqrt(dimension) / 2;
}

double fedl_zcdp_rho_of_sum(double sensitivity2, double n_eff, double sigma2)
{
    return sensitivity2 / (2 * n_eff * sigma2);
}

double fedl_zcdp_exact_delta(double sigma2, double epsilon)
{
    /* Beyond 40 σ a term is below e^-800. */
    const double reach = ceil(40 * sqrt(sigma2)) + 2;
    double total = 0;
    double excess = 0;
    for (double x = -reach; x <= reach; x++) {
        const double here = exp(-x * x / (2 * sigma2));
        const double moved = exp(epsilon - (x - 1) * (x - 1) / (2 * sigma2));
        total += here;
        excess += here > moved ? here - moved : 0;
    }
    return excess / total;
}

uint64_t fedl_zcdp_units_up(double rho)
{
    const double units = ceil(rho * (double)FEDL_RHO_ONE);
    return units >= 0 && units < 0x1p63 ? (uint64_t)units : UINT64_MAX;
}

uint64_t fedl_zcdp_units_down(double rho)
{
    const double units = floor(rho * (double)FEDL_RHO_ONE);
    return units >= 0x1p63 ? UINT64_MAX : units > 0 ? (uint64_t)units : 0;
}

double fedl_zcdp_from_units(uint64_t units)
{
    return (double)units / (double)FEDL_RHO_ONE;
}
