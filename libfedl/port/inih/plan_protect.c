/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking in a plan file: its defaults and the checks that need two keys.
 *
 * A plain plan may hold keys of masking: they are ignored, so that one override turns a plan from
 * masked to plain. The plan that travels has zeros there.
 */
#include "inih/plan_draft.h"

#include <string.h>

#define USUAL_COHORT 5u

/* Devices of a cohort of n that may collude: as fedli_colluding() counts them. */
static uint32_t colluding(uint32_t n, uint32_t gamma_permille)
{
    const uint32_t count = (n * gamma_permille + 999u) / 1000u; /* n < 2^16, γ < 2^10 */
    return count > 1 ? count : 1;
}

/* Fewest devices whose sum hides each of two honest ones from all the others that collude. */
static uint32_t cohort_floor(const fedl_task_config *config)
{
    return colluding(config->round.clients_goal, config->plan.secagg.gamma_permille) + 2u;
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
                  "mode = masked needs at least %u clients in [round], not %u", FEDL_COHORT_MIN,
                  clients);
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

/* Beyond it no threshold leaves out the colluding devices twice and still lets the rest unmask. */
static void check_dropout(plan_draft *draft)
{
    const fedl_secagg_config *secagg = &draft->config->plan.secagg;
    if (secagg->gamma_permille + 2u * secagg->delta_permille >= 1000u) {
        const uint32_t most = (999u - secagg->gamma_permille) / 2u;
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "step_dropout"),
                  "gamma %u.%u%% + 2 · step_dropout %u.%u%% in [aggregation] must be below 100%%: "
                  "use step_dropout = %u.%u%%",
                  secagg->gamma_permille / 10u, secagg->gamma_permille % 10u,
                  secagg->delta_permille / 10u, secagg->delta_permille % 10u, most / 10u,
                  most % 10u);
    }
}

void plan_protect_check(plan_draft *draft)
{
    if (draft->config->plan.aggregation == FEDL_AGGREGATION_PLAIN) {
        return;
    }
    check_cohort(draft);
    check_dropout(draft);
}
