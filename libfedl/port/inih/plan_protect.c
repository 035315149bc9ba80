/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking in a plan file: its defaults and the checks that need two keys.
 *
 * A plain plan may hold keys of masking: they are ignored, so that one override turns a plan from
 * masked to plain. The plan that travels has zeros there.
 */
#include "inih/plan_draft.h"
#include "secagg/params.h"
#include "secagg/params_table.h"

#include <string.h>

#define USUAL_COHORT 5u

_Static_assert(FEDL_TAIL_LOSS_Q16_MAX <= INT64_MAX / FEDL_COHORT_MAX,
               "sums of the tail's largest words stay below 2^63");

/* Fewest devices whose sum hides each of two honest ones from all the others that collude. */
static uint32_t cohort_floor(const fedl_task_config *config)
{
    return fedli_colluding(config->round.clients_goal, config->plan.secagg.gamma_permille) + 2u;
}

void plan_protect_finish(plan_draft *draft)
{
    fedl_task_config *config = draft->config;
    fedl_secagg_config *secagg = &config->plan.secagg;
    if (config->plan.aggregation == FEDL_AGGREGATION_PLAIN) {
        memset(secagg, 0, sizeof *secagg);
        return;
    }
    const uint32_t clients = config->round.clients_goal;
    if (!plan_given(draft, "aggregation", "min_cohort")) {
        const uint32_t least = cohort_floor(config);
        const uint32_t usual = least > USUAL_COHORT ? least : USUAL_COHORT;
        secagg->min_cohort = (uint16_t)(usual < clients ? usual : clients);
    }
    if (!plan_given(draft, "round", "min_reports") &&
        config->round.reports_min < secagg->min_cohort && secagg->min_cohort <= clients) {
        config->round.reports_min = secagg->min_cohort;
    }
}

static void check_cohort(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_secagg_config *secagg = &config->plan.secagg;
    const uint32_t clients = config->round.clients_goal;
    const uint32_t line = plan_line_of(draft, "aggregation", "min_cohort");
    const uint32_t floor = cohort_floor(config);
    if (clients < FEDL_COHORT_MIN) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "round", "clients"),
                  "mode = masked or helper needs at least %u clients in [round], not %u",
                  FEDL_COHORT_MIN, clients);
    }
    if (clients < secagg->min_cohort) {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "min_cohort in [aggregation] (%u) is above clients in [round] (%u)",
                  secagg->min_cohort, clients);
    }
    if (secagg->min_cohort < floor) {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "min_cohort in [aggregation] (%u) must exceed the %u of %u clients that may "
                  "collude (gamma) by two: use %u",
                  secagg->min_cohort, floor - 2u, clients, floor);
    }
    if (config->round.reports_min < secagg->min_cohort) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "round", "min_reports"),
                  "min_reports in [round] (%u) is below min_cohort in [aggregation] (%u)",
                  config->round.reports_min, secagg->min_cohort);
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
static bool has_graphs(const fedl_task_config *config, uint32_t delta_permille)
{
    static const uint32_t bands[FEDLI_PARAMS_BAND_COUNT] = FEDLI_PARAMS_BANDS;
    const fedl_secagg_config *secagg = &config->plan.secagg;
    const uint32_t most = config->round.clients_goal;
    const uint32_t least = config->round.reports_min;
    bool good = has_graph(secagg, most, delta_permille);
    for (uint32_t b = 0; b < FEDLI_PARAMS_BAND_COUNT; b++) {
        const uint32_t last = b + 1 < FEDLI_PARAMS_BAND_COUNT ? bands[b + 1] - 1 : FEDL_COHORT_MAX;
        if (bands[b] <= most && last >= least) {
            good = good && has_graph(secagg, bands[b], delta_permille);
        }
    }
    return good;
}

/* Drop-outs that no threshold bears; the nearest that one does. Without any drop-out there is
 * always a graph: the table begins with γ = 333 ‰ at δ = 10 ‰ for all cohorts. */
static void check_dropout(plan_draft *draft)
{
    const fedl_task_config *config = draft->config;
    const fedl_secagg_config *secagg = &config->plan.secagg;
    const uint32_t given = secagg->delta_permille;
    uint32_t most = given;
    while (most > 0 && !has_graphs(config, most)) {
        most--;
    }
    if (most == given) {
        return;
    }
    const uint32_t line = plan_line_of(draft, "aggregation", "step_dropout");
    if (secagg->gamma_permille + 2u * given >= 1000u) {
        plan_fail(draft, FEDL_ERR_RANGE, line,
                  "gamma %u.%u%% + 2 · step_dropout %u.%u%% in [aggregation] must be below 100%%: "
                  "use step_dropout = %u.%u%%",
                  secagg->gamma_permille / 10u, secagg->gamma_permille % 10u, given / 10u,
                  given % 10u, most / 10u, most % 10u);
    }
    plan_fail(draft, FEDL_ERR_RANGE, line,
              "cohorts of %u to %u devices, gamma = %u.%u%% of them colluding, can't lose "
              "step_dropout = %u.%u%% in [aggregation]: use step_dropout = %u.%u%%",
              config->round.reports_min, config->round.clients_goal, secagg->gamma_permille / 10u,
              secagg->gamma_permille % 10u, given / 10u, given % 10u, most / 10u, most % 10u);
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
