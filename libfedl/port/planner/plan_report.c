/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/plan_report.h"

#include "client/client_state.h"
#include "planner/accountant.h"
#include "planner/attempt_failure.h"
#include "planner/isolation.h"
#include "secagg/item.h"
#include "secagg/params.h"

#include <string.h>

static void report_graph(fedl_plan_report *report, const fedl_secagg_config *secagg)
{
    const uint32_t n = report->cohort;
    fedli_params params = {0, 0, 0};
    if (fedli_params_for(&params, n, secagg->gamma_permille, secagg->delta_permille,
                         secagg->trust) != FEDL_OK) {
        return; /* no accepted plan comes here */
    }
    report->complete = n <= FEDL_COMPLETE_GRAPH_MAX;
    report->k = params.k;
    report->t = params.t;
    report->colluding = fedli_colluding(n, secagg->gamma_permille);
    report->vanish_max = fedl_vanish_max(n, report->cohort_min, secagg);
    report->failure = fedl_attempt_failure(n, report->cohort_min, secagg);
    if (!report->complete) {
        report->attack_bits = secagg->trust == FEDL_TRUST_ACTIVE ? 80 : 40;
    }
    report->opened_by_following = params.t;
    report->opened_by_lying = secagg->trust == FEDL_TRUST_ACTIVE
                                  ? 2 * params.t - params.k
                                  : fedl_isolation_lying(n, params.k, params.t);
}

/* An item of so many bytes, read or written in pieces. */
static void add_item(fedl_plan_step *step, uint64_t bytes)
{
    step->bytes += bytes;
    step->message_count += (bytes + FEDL_PIECE_BYTES - 1) / FEDL_PIECE_BYTES;
    step->small_message_count += (bytes + FEDL_PIECE_BYTES_MIN - 1) / FEDL_PIECE_BYTES_MIN;
}

/* What a device moves while step_timeout runs; the order is that of docs/protocol.md. */
static void report_steps(fedl_plan_report *report, const fedl_secagg_config *secagg)
{
    const uint64_t k = report->k;
    const uint64_t bitmap = fedli_bitmap_bytes(report->cohort);
    const uint64_t roster = fedli_roster_bytes(report->cohort);
    add_item(&report->shares_step, roster);
    if (!report->complete) {
        add_item(&report->shares_step, roster); /* a ring's place is known after a pass */
    }
    add_item(&report->shares_step, FEDLI_CERT_PAIR_BYTES * k);
    add_item(&report->shares_step, fedli_shares_bytes(report->k));
    add_item(&report->vector_step, bitmap + FEDLI_FORWARD_EACH_BYTES * k);
    add_item(&report->vector_step, report->vector_bytes);
    if (secagg->trust == FEDL_TRUST_ACTIVE) {
        add_item(&report->confirm_step, bitmap);
        add_item(&report->confirm_step, FEDLI_CONFIRM_TAG_BYTES * k);
        add_item(&report->unmask_step, fedli_bitmap_bytes(report->k) + FEDLI_CONFIRM_TAG_BYTES * k);
    } else {
        add_item(&report->unmask_step, bitmap);
    }
    add_item(&report->unmask_step, FEDLI_SHARE_BYTES * k);
}

static void report_cost(fedl_plan_report *report, const fedl_secagg_config *secagg)
{
    const bool active = secagg->trust == FEDL_TRUST_ACTIVE;
    const uint64_t k = report->k;
    report_steps(report, secagg);
    report->masking_up_bytes = FEDLI_READY_BYTES + fedli_shares_bytes(report->k) +
                               (active ? FEDLI_CONFIRM_TAG_BYTES * k : 0) + FEDLI_SHARE_BYTES * k;
    report->masking_down_bytes = report->shares_step.bytes + report->vector_step.bytes +
                                 report->confirm_step.bytes + report->unmask_step.bytes +
                                 FEDLI_READY_BYTES - report->vector_bytes -
                                 report->masking_up_bytes;
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
