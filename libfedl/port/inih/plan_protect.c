/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking in a plan file: its defaults and the checks that need two keys.
 *
 * A plain plan may hold keys of masking: they are ignored, so that one override turns a plan from
 * masked to plain. The plan that travels has zeros there.
 */
#include "inih/plan_draft.h"
#include "planner/attempt_failure.h"
#include "secagg/params.h"
#include "secagg/params_table.h"

#include <math.h>
#include <string.h>

#define USUAL_COHORT       5u
#define USUAL_ATTEMPTS_MAX 10u

_Static_assert(FEDL_TAIL_LOSS_Q16_MAX <= INT64_MAX / FEDL_COHORT_MAX,
               "sums of the tail's largest words stay below 2^63");

/* Fewest devices whose sum hides each of two honest ones from all the others that collude. */
static uint32_t cohort_floor(const fedl_task_config *config, uint32_t clients)
{
    return fedli_colluding(clients, config->plan.secagg.gamma_permille) + 2u;
}

/* min_cohort and min_reports as they stand, or would stand by default, with so many clients. */
typedef struct cohort_sizes {
    uint32_t clients;
    uint32_t min_cohort;
    uint32_t reports_min;
} cohort_sizes;

static cohort_sizes sizes_with(const plan_draft *draft, uint32_t clients)
{
    const fedl_task_config *config = draft->config;
    cohort_sizes sizes = {clients, config->plan.secagg.min_cohort, config->round.reports_min};
    if (!plan_given(draft, "aggregation", "min_cohort")) {
        const uint32_t least = cohort_floor(config, clients);
        const uint32_t usual = least > USUAL_COHORT ? least : USUAL_COHORT;
        sizes.min_cohort = usual < clients ? usual : clients;
    }
    if (!plan_given(draft, "round", "min_reports")) {
        sizes.reports_min = (clients + 1u) / 2u;
        if (sizes.reports_min < sizes.min_cohort && sizes.min_cohort <= clients) {
            sizes.reports_min = sizes.min_cohort;
        }
    }
    return sizes;
}

void plan_protect_finish(plan_draft *draft)
{
    fedl_task_config *config = draft->config;
    fedl_secagg_config *secagg = &config->plan.secagg;
    if (config->plan.aggregation == FEDL_AGGREGATION_PLAIN) {
        memset(secagg, 0, sizeof *secagg);
        return;
    }
    const cohort_sizes sizes = sizes_with(draft, config->round.clients_goal);
    secagg->min_cohort = (uint16_t)sizes.min_cohort;
    config->round.reports_min = sizes.reports_min;
}

static void check_cohort(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_secagg_config *secagg = &config->plan.secagg;
    const uint32_t clients = config->round.clients_goal;
    const uint32_t line = plan_line_of(draft, "aggregation", "min_cohort");
    const uint32_t floor = cohort_floor(config, clients);
    if (clients < FEDL_COHORT_MIN) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "round", "clients"),
                  "mode = masked or helper needs at least %u clients in [round], not %u",
                  FEDL_COHORT_MIN, clients);
        plan_suggest(draft, "round", "clients", "%u", FEDL_COHORT_MIN);
    }
    if (clients < secagg->min_cohort) {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "min_cohort in [aggregation] (%u) is above clients in [round] (%u)",
                  secagg->min_cohort, clients);
        plan_suggest(draft, "round", "clients", "%u", secagg->min_cohort);
        plan_suggest(draft, "aggregation", "min_cohort", "%u", clients);
    }
    if (secagg->min_cohort < floor) {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "min_cohort in [aggregation] (%u) must exceed the %u of %u clients that may "
                  "collude (gamma) by two",
                  secagg->min_cohort, floor - 2u, clients);
        plan_suggest(draft, "aggregation", "min_cohort", "%u", floor);
    }
    if (config->round.reports_min < secagg->min_cohort) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "round", "min_reports"),
                  "min_reports in [round] (%u) is below min_cohort in [aggregation] (%u)",
                  config->round.reports_min, secagg->min_cohort);
        plan_suggest(draft, "round", "min_reports", "%u", secagg->min_cohort);
        if (config->round.reports_min >= floor) {
            plan_suggest(draft, "aggregation", "min_cohort", "%u", config->round.reports_min);
        }
    }
}

/* Whether a cohort of n has a graph, and one of at most 128 may lose δ of its devices. */
static bool has_graph(const fedl_secagg_config *secagg, uint32_t n, uint32_t delta_permille)
{
    fedli_params params;
    return fedli_params_for(&params, n, secagg->gamma_permille, delta_permille, secagg->trust) ==
               FEDL_OK &&
           (n > FEDL_COMPLETE_GRAPH_MAX || n * delta_permille / 1000u <= params.k - params.t);
}

/* The same for every cohort that a round may have: all of a band are alike. */
static bool has_graphs(const plan_draft *draft, const cohort_sizes *sizes, uint32_t delta_permille)
{
    static const uint32_t bands[FEDLI_PARAMS_BAND_COUNT] = FEDLI_PARAMS_BANDS;
    const fedl_secagg_config *secagg = &draft->config->plan.secagg;
    bool good = has_graph(secagg, sizes->clients, delta_permille);
    for (uint32_t b = 0; b < FEDLI_PARAMS_BAND_COUNT; b++) {
        const uint32_t last = b + 1 < FEDLI_PARAMS_BAND_COUNT ? bands[b + 1] - 1 : FEDL_COHORT_MAX;
        if (bands[b] <= sizes->clients && last >= sizes->reports_min) {
            good = good && has_graph(secagg, bands[b], delta_permille);
        }
    }
    return good;
}

/* Do attempts and rounds succeed often enough? */
static bool works(const plan_draft *draft, const cohort_sizes *sizes, uint32_t delta_permille)
{
    fedl_secagg_config secagg = draft->config->plan.secagg;
    secagg.delta_permille = (uint16_t)delta_permille;
    const uint32_t fewest =
        sizes->reports_min > sizes->min_cohort ? sizes->reports_min : sizes->min_cohort;
    return has_graphs(draft, sizes, delta_permille) &&
           fedl_attempts_suffice(fedl_attempt_failure(sizes->clients, fewest, &secagg),
                                 draft->config->round.attempt_max);
}

typedef bool good_fn(const plan_draft *draft, const cohort_sizes *sizes, uint32_t delta_permille);

/* The fewest clients, more than now, with which it is good; among rings about the fewest. 0: not
 * found. */
static uint32_t clients_for(const plan_draft *draft, good_fn *good)
{
    const uint32_t delta = draft->config->plan.secagg.delta_permille;
    const uint32_t clients = draft->config->round.clients_goal;
    for (uint32_t n = clients + 1u; n <= FEDL_COMPLETE_GRAPH_MAX; n++) {
        const cohort_sizes sizes = sizes_with(draft, n);
        if (good(draft, &sizes, delta)) {
            return n;
        }
    }
    uint32_t low = clients < FEDL_COMPLETE_GRAPH_MAX ? FEDL_COMPLETE_GRAPH_MAX : clients;
    uint32_t high = low > FEDL_COHORT_MAX / 2u ? FEDL_COHORT_MAX : 2u * low;
    const cohort_sizes most = sizes_with(draft, high);
    if (!good(draft, &most, delta)) {
        return 0;
    }
    while (low + 1u < high) { /* high is good */
        const uint32_t middle = low + (high - low) / 2u;
        const cohort_sizes sizes = sizes_with(draft, middle);
        *(good(draft, &sizes, delta) ? &high : &low) = middle;
    }
    return high;
}

/* Largest min_reports with which it works; 0: not even with min_cohort. */
static uint32_t reports_for(const plan_draft *draft)
{
    const uint32_t delta = draft->config->plan.secagg.delta_permille;
    cohort_sizes sizes = sizes_with(draft, draft->config->round.clients_goal);
    uint32_t high = sizes.reports_min; /* too many */
    uint32_t low = sizes.min_cohort;
    sizes.reports_min = low;
    if (low >= high || !works(draft, &sizes, delta)) {
        return 0;
    }
    while (low + 1u < high) {
        sizes.reports_min = low + (high - low) / 2u;
        *(works(draft, &sizes, delta) ? &low : &high) = sizes.reports_min;
    }
    return low;
}

/* Largest step_dropout, in permille, with which it is good; UINT32_MAX: not even without any. */
static uint32_t dropout_for(const plan_draft *draft, good_fn *good)
{
    const cohort_sizes sizes = sizes_with(draft, draft->config->round.clients_goal);
    uint32_t most = draft->config->plan.secagg.delta_permille;
    uint32_t low = 0;
    if (!good(draft, &sizes, 0)) {
        return UINT32_MAX;
    }
    while (low + 1u < most) { /* most is too much */
        const uint32_t middle = low + (most - low) / 2u;
        *(good(draft, &sizes, middle) ? &low : &most) = middle;
    }
    return low;
}

static void suggest_dropout(plan_draft *draft, good_fn *good)
{
    const uint32_t clients = clients_for(draft, good);
    const uint32_t dropout = dropout_for(draft, good);
    if (clients != 0) {
        plan_suggest(draft, "round", "clients", "%u", clients);
    }
    if (dropout != UINT32_MAX) {
        plan_suggest(draft, "aggregation", "step_dropout", "%g%%", dropout / 10.0);
    }
}

/* Drop-outs that no threshold bears. Without any drop-out there is always a graph: the table begins
 * with γ = 333 ‰ at δ = 10 ‰ for all cohorts. */
static void check_dropout(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_secagg_config *secagg = &config->plan.secagg;
    const uint32_t given = secagg->delta_permille;
    const cohort_sizes sizes = sizes_with(draft, config->round.clients_goal);
    if (has_graphs(draft, &sizes, given)) {
        return;
    }
    const uint32_t line = plan_line_of(draft, "aggregation", "step_dropout");
    if (secagg->gamma_permille + 2u * given >= 1000u) {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "gamma %u.%u%% + 2 · step_dropout %u.%u%% in [aggregation] must be below 100%%",
                  secagg->gamma_permille / 10u, secagg->gamma_permille % 10u, given / 10u,
                  given % 10u);
    } else {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "cohorts of %u to %u devices, gamma = %u.%u%% of them colluding, can't lose "
                  "step_dropout = %u.%u%% in [aggregation]",
                  config->round.reports_min, config->round.clients_goal,
                  secagg->gamma_permille / 10u, secagg->gamma_permille % 10u, given / 10u,
                  given % 10u);
    }
    suggest_dropout(draft, has_graphs);
}

void plan_protect_check(plan_draft *draft)
{
    if (draft->config->plan.aggregation == FEDL_AGGREGATION_PLAIN) {
        return;
    }
    check_cohort(draft);
    if (draft->status == FEDL_OK &&
        draft->config->plan.aggregation == FEDL_AGGREGATION_MASKED) { /* a helper needs no graph */
        check_dropout(draft);
    }
}

void plan_works_check(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_secagg_config *secagg = &config->plan.secagg;
    if (!draft->source->strict || draft->status != FEDL_OK ||
        config->plan.aggregation != FEDL_AGGREGATION_MASKED) {
        return;
    }
    const cohort_sizes sizes = sizes_with(draft, config->round.clients_goal);
    if (works(draft, &sizes, secagg->delta_permille)) {
        return;
    }
    const double failure = fedl_attempt_failure(sizes.clients, sizes.reports_min, secagg);
    plan_fail(
        draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "step_dropout"),
        "with step_dropout = %u.%u%% in [aggregation] %.0f of 100 attempts fail, and %u of 1000 "
        "rounds, as at most %u of %u devices may vanish",
        secagg->delta_permille / 10u, secagg->delta_permille % 10u, ceil(100 * failure),
        (uint32_t)ceil(1000 * pow(failure, config->round.attempt_max)),
        fedl_vanish_max(sizes.clients, sizes.reports_min, secagg), sizes.clients);
    const uint32_t reports = reports_for(draft);
    if (reports != 0) {
        plan_suggest(draft, "round", "min_reports", "%u", reports);
    }
    suggest_dropout(draft, works);
    uint32_t attempts = config->round.attempt_max;
    while (attempts < USUAL_ATTEMPTS_MAX && !fedl_attempts_suffice(failure, attempts)) {
        attempts++;
    }
    if (attempts < USUAL_ATTEMPTS_MAX) { /* else it is not their number */
        plan_suggest(draft, "round", "attempts", "%u", attempts);
    }
}
