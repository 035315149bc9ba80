/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/plan_report.h"

#include "client/client_state.h"
#include "planner/accountant.h"
#include "planner/finder.h"
#include "secagg/item.h"
#include "secagg/params.h"

#include <math.h>
#include <string.h>

/* P[Binomial(n, p) > most] */
static double binomial_above(uint32_t n, double p, uint32_t most)
{
    double sum = 0;
    if (p <= 0) {
        return 0;
    }
    for (uint32_t x = n; x > most; x--) { /* small terms first */
        sum += exp(lgamma(n + 1.0) - lgamma(x + 1.0) - lgamma(n - x + 1.0) + x * log(p) +
                   (n - x) * log1p(-p));
    }
    return sum < 1 ? sum : 1;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void report_graph(fedl_plan_report *report, const fedl_secagg_config *secagg)
{
    const uint32_t n = report->cohort;
    fedli_params params = {0, 0, 0};
    if (fedli_params_for(&params, n, secagg->gamma_permille, secagg->delta_permille,
                         secagg->trust) != FEDL_OK) {
        return; /* no accepted plan comes here */
    }
    const uint32_t spare = n - report->cohort_min;
    report->complete = n <= FEDL_COMPLETE_GRAPH_MAX;
    report->k = params.k;
    report->t = params.t;
    report->colluding = fedli_colluding(n, secagg->gamma_permille);
    report->vanish_design = n * secagg->delta_permille / 1000u;
    if (report->complete) {
        /* t of the others must answer, for the secrets of the answering ones too. */
        report->vanish_max = smaller(params.k - params.t, spare);
        report->failure = binomial_above(n, secagg->delta_permille / 1000.0, report->vanish_max);
        return;
    }
    const fedl_finder_config config =
        fedl_finder_config_default(n, secagg->gamma_permille, secagg->delta_permille);
    report->attack_bits = secagg->trust == FEDL_TRUST_ACTIVE ? 80 : 40;
    report->vanish_max = smaller(report->vanish_design, spare);
    report->failure = report->vanish_max < report->vanish_design
                          ? 1
                          : fmin(1, exp(fedl_finder_log_failure(&config, params.k, params.t)));
}

static void report_cost(fedl_plan_report *report, const fedl_secagg_config *secagg)
{
    const uint64_t n = report->cohort;
    const uint64_t k = report->k;
    const bool active = secagg->trust == FEDL_TRUST_ACTIVE;
    const uint64_t bitmap = fedli_bitmap_bytes(report->cohort);
    const uint64_t roster = fedli_roster_bytes(report->cohort);
    report->masking_up_bytes = FEDLI_READY_BYTES + fedli_shares_bytes(report->k) +
                               (active ? FEDLI_CONFIRM_TAG_BYTES * k : 0) + FEDLI_SHARE_BYTES * k;
    report->masking_down_bytes =
        roster * (n > FEDL_COMPLETE_GRAPH_MAX ? 2 : 1) + /* a ring's place is known after a pass */
        FEDLI_CERT_PAIR_BYTES * k + bitmap + FEDLI_FORWARD_EACH_BYTES * k + bitmap +
        (active ? fedli_bitmap_bytes(report->k) + FEDLI_CONFIRM_TAG_BYTES * k : 0);
    report->agreement_count = report->k;
    report->signature_count = 2 * report->k;
    report->mask_bytes = (k + 1) * report->vector_bytes;
}

static void report_privacy(fedl_plan_report *report, const fedl_plan *plan,
                           const fedl_round_config *round, double delta)
{
    /* Devices check their own min_cohort, not min_reports: they charge for the smaller sum. */
    const uint64_t charge =
        fedl_privacy_charge(plan, plan->secagg.min_cohort, plan->secagg.gamma_permille);
    report->rho_round = fedl_zcdp_from_units(charge);
    report->epsilon_round = fedl_zcdp_epsilon(report->rho_round, delta);
    report->epsilon_task = fedl_zcdp_epsilon(report->rho_round * round->round_count, delta);
    const uint64_t attempts = plan->privacy.rho_budget / (charge == 0 ? 1 : charge);
    report->budget_rounds = attempts < UINT32_MAX ? (uint32_t)attempts : UINT32_MAX;
}

void fedl_plan_report_make(fedl_plan_report *report, const fedl_plan *plan,
                           const fedl_round_config *round, double delta)
{
    memset(report, 0, sizeof *report);
    report->parameter_count = fedl_model_parameter_count(&plan->model);
    report->cohort = round->clients_goal;
    report->cohort_min = round->reports_min;
    report->q_max = fedl_update_q_max(&plan->update);
    report->model_bytes = fedl_container_size(&plan->model);
    report->vector_bytes = fedl_update_vector_size(&plan->update, report->parameter_count);
    fedl_site_policy usual;
    fedl_site_policy_default(&usual);
    report->usual_refusal = fedli_policy_check(&usual, plan);
    report->masked = plan->aggregation == FEDL_AGGREGATION_MASKED;
    report->helped = plan->aggregation == FEDL_AGGREGATION_HELPER;
    if (report->cohort_min < plan->secagg.min_cohort) { /* 0 when it is plain */
        report->cohort_min = plan->secagg.min_cohort;
    }
    if (report->masked) {
        report_graph(report, &plan->secagg);
        report_cost(report, &plan->secagg);
    }
    if (plan->privacy.mode != FEDL_PRIVACY_NONE) {
        report_privacy(report, plan, round, delta);
    }
}
