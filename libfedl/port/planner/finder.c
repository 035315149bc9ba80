/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/finder.h"

#include "fedl/secagg.h"
#include "planner/hypergeometric.h"

#include <math.h>

#define N_MAX (1u << 20)

/* Of n devices, rounded down; n ≤ 2^20 and permille < 2^10. */
static uint32_t share_of(uint32_t n, uint32_t permille)
{
    return n * permille / 1000u;
}

fedl_finder_config fedl_finder_config_default(uint32_t n, uint32_t gamma_permille,
                                              uint32_t delta_permille)
{
    const fedl_finder_config config = {
        n, gamma_permille, delta_permille, FEDL_FINDER_SEMI_MALICIOUS, 40, 20, FEDL_NEIGHBOURS_MAX};
    return config;
}

static fedl_status config_check(const fedl_finder_config *config)
{
    if (config->n < FEDL_COHORT_MIN || config->n > N_MAX || config->gamma_permille >= 1000 ||
        config->delta_permille >= 1000) {
        return FEDL_ERR_RANGE;
    }
    const uint32_t lost = config->server == FEDL_FINDER_SEMI_MALICIOUS ? 2 * config->delta_permille
                                                                       : config->delta_permille;
    return config->gamma_permille + lost < 1000 ? FEDL_OK : FEDL_ERR_RANGE;
}

static bool connects(const fedl_finder_config *config, uint32_t k)
{
    const double n = config->n;
    const uint32_t bad =
        share_of(config->n, config->gamma_permille) + share_of(config->n, config->delta_permille);
    if (k > bad) {
        return true;
    }
    /* ln of n·(n−k−1)/2 · C(n−k, bad−k) / C(n, bad) */
    const double log_probability = log(n) + log(n - k - 1) - log(2) + lgamma(bad + 1.0) +
                                   lgamma(n - k + 1) - lgamma(n + 1) - lgamma(bad - k + 1.0);
    return log_probability < -(config->security_bits + 1.0) * log(2);
}

bool fedl_finder_thresholds(uint32_t *t_low, uint32_t *t_high, const fedl_finder_config *config,
                            uint32_t k)
{
    if (k + 1 >= config->n || !connects(config, k)) {
        return false;
    }
    const uint32_t n = config->n;
    const fedl_hypergeometric colluding = {n, share_of(n, config->gamma_permille), k};
    const fedl_hypergeometric alive = {n, n - share_of(n, config->delta_permille), k};
    const uint32_t c =
        fedl_hypergeometric_upper(&colluding, ldexp(1, -(int)config->security_bits - 1) / n);
    const uint32_t least = config->server == FEDL_FINDER_SEMI_MALICIOUS ? (k + c) / 2 + 1 : c + 1;
    /* A threshold of 1 would be no sharing at all: 2 even where `complete` allows 1 only, as the
     * public implementation does. Semi-malicious thresholds are above k/2 ≥ 1 anyway. */
    *t_low = least < 2 ? 2 : least;
    *t_high = fedl_hypergeometric_lower(&alive, ldexp(1, -(int)config->failure_bits) / n);
    return least <= *t_high;
}

static fedl_graph_choice chosen(const fedl_finder_config *config, uint32_t k, uint32_t t)
{
    const fedl_graph_choice choice = {
        k, t, config->server == FEDL_FINDER_SEMI_MALICIOUS ? 2 * t - k - 1 : t - 1};
    return choice;
}

fedl_status fedl_finder_find(fedl_graph_choice *choice, const fedl_finder_config *config)
{
    return fedl_finder_band(choice, config, config->n);
}

fedl_status fedl_finder_band(fedl_graph_choice *choice, const fedl_finder_config *config,
                             uint32_t n_last)
{
    fedl_status status = config_check(config);
    fedl_finder_config at = *config;
    uint32_t hard = config->n; /* the n that refused last is the first to be asked */
    if (status != FEDL_OK || n_last < config->n || n_last > N_MAX) {
        return FEDL_ERR_RANGE;
    }
    for (uint32_t k = 2; k <= config->k_max && k + 1 < config->n; k += 2) {
        uint32_t t_low = 0;
        uint32_t t_high = 0;
        at.n = hard;
        bool good = fedl_finder_thresholds(&t_low, &t_high, &at, k);
        for (at.n = config->n; good && at.n <= n_last; at.n++) {
            uint32_t low = 0;
            uint32_t high = 0;
            good = fedl_finder_thresholds(&low, &high, &at, k);
            t_low = low > t_low ? low : t_low;
            t_high = high < t_high ? high : t_high;
            good = good && (t_low <= t_high || t_low == 2);
            hard = good ? hard : at.n;
        }
        if (good) {
            *choice = chosen(config, k, t_low);
            return FEDL_OK;
        }
    }
    return FEDL_ERR_NOT_FOUND;
}

double fedl_finder_log_failure(const fedl_finder_config *config, uint32_t k, uint32_t t)
{
    const uint32_t n = config->n;
    const fedl_hypergeometric alive = {n, n - share_of(n, config->delta_permille), k};
    return log(n) + fedl_hypergeometric_log_below(&alive, t);
}

double fedl_finder_log_split(const fedl_finder_config *config, uint32_t k, uint32_t t)
{
    /* A device beside a gap sees at most k/2 places of its own side and the colluding ones in the
     * gap; when the smaller side has L ≤ (n − k)/2 places, at most L − 1 and those of both gaps. */
    const uint32_t n = config->n;
    const uint32_t side = (n - k) / 2;
    const uint32_t by_gap = 2 * t > k ? 2 * t - k : 0;
    const uint32_t by_side = t + 1 > side ? t + 1 - side : 0;
    const uint32_t needed = by_gap > by_side ? by_gap : by_side;
    const fedl_hypergeometric colluding = {n, share_of(n, config->gamma_permille), k};
    const double pairs = log(n) + log(n - k - 1) - log(2);
    return needed == 0 ? pairs : pairs + fedl_hypergeometric_log_above(&colluding, needed - 1);
}
