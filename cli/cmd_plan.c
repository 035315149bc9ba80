/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan check: is a plan safe, and what does it cost? Needs no server. The checks are those of the
 * plan reader, which `task add`, fedl-server and fedl-sim use too; this command adds the numbers.
 */
#include "command.h"
#include "coord/coord.h"
#include "inih/plan_file.h"
#include "plan_words.h"
#include "planner/plan_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct checked_plan {
    fedl_task_config config;
    fedl_plan_report report;
    uint64_t server_bytes;
    fedl_plan_notes notes;
} checked_plan;

static void add_text(cJSON *json, const char *name, const char *text)
{
    (void)cJSON_AddStringToObject(json, name, text);
}

static void add_number(cJSON *json, const char *name, double number)
{
    (void)cJSON_AddNumberToObject(json, name, number);
}

static void json_of_step(cJSON *json, const char *name, const fedl_plan_step *step)
{
    cJSON *object = cJSON_AddObjectToObject(json, name);
    add_number(object, "bytes", (double)step->bytes);
    add_number(object, "messages", (double)step->message_count);
    add_number(object, "messages_of_256_bytes", (double)step->small_message_count);
}

static void json_of_masking(cJSON *json, const checked_plan *plan)
{
    const fedl_plan_report *r = &plan->report;
    const fedl_secagg_config *secagg = &plan->config.plan.secagg;
    const bool active = secagg->trust == FEDL_TRUST_ACTIVE;
    add_text(json, "trust", active ? "active" : "curious");
    add_number(json, "min_cohort", secagg->min_cohort);
    add_number(json, "gamma", secagg->gamma_permille / 1000.0);
    add_number(json, "colluding", r->colluding);
    add_number(json, "step_dropout", secagg->delta_permille / 1000.0);
    add_text(json, "graph", r->complete ? "complete" : "ring");
    add_number(json, "k", r->k);
    add_number(json, "t", r->t);
    add_number(json, "vanish_max", r->vanish_max);
    add_number(json, "failure", r->failure);
    add_number(json, "attack_bits", r->attack_bits);
    add_number(json, "opened_by_following", r->opened_by_following);
    add_number(json, "opened_by_lying", r->opened_by_lying);
    add_number(json, "masking_bytes_up", (double)r->masking_up_bytes);
    add_number(json, "masking_bytes_down", (double)r->masking_down_bytes);
    add_number(json, "agreements", r->agreement_count);
    add_number(json, "signature_checks", r->signature_count);
    add_number(json, "mask_bytes", (double)r->mask_bytes);
    add_number(json, "step_timeout_s", secagg->step_ms / 1000.0);
    json_of_step(json, "step_shares", &r->shares_step);
    json_of_step(json, "step_vector", &r->vector_step);
    if (active) {
        json_of_step(json, "step_confirm", &r->confirm_step);
    }
    json_of_step(json, "step_unmask", &r->unmask_step);
}

static void json_of_privacy(cJSON *json, const checked_plan *plan)
{
    const fedl_plan_report *r = &plan->report;
    if (plan->config.plan.privacy.mode == FEDL_PRIVACY_NONE) {
        add_text(json, "privacy", "none");
        (void)cJSON_AddNullToObject(json, "epsilon_round");
        (void)cJSON_AddNullToObject(json, "epsilon_task");
        return;
    }
    add_text(json, "privacy",
             plan->config.plan.privacy.mode == FEDL_PRIVACY_DISTRIBUTED ? "distributed"
                                                                        : "central");
    add_number(json, "rho_round", r->rho_round);
    add_number(json, "delta", plan->config.privacy_delta);
    add_number(json, "epsilon_round", r->epsilon_round);
    add_number(json, "epsilon_task", r->epsilon_task);
    add_number(json, "budget_rounds", r->budget_rounds);
}

/* Everything that is known of a plan that can be read. */
static void json_of(cJSON *json, const checked_plan *plan)
{
    const fedl_plan_report *r = &plan->report;
    const double up = (double)(r->vector_bytes + r->masking_up_bytes);
    add_text(json, "task", plan->config.name);
    add_text(json, "aggregation", r->masked ? "masked" : r->helped ? "helper" : "plain");
    add_number(json, "parameters", r->parameter_count);
    add_number(json, "rounds", plan->config.round.round_count);
    add_number(json, "clients", r->cohort);
    add_number(json, "select", plan->config.round.select_count);
    add_number(json, "expected_dropout", plan->config.dropout_permille / 1000.0);
    add_number(json, "cohort_min", r->cohort_min);
    add_number(json, "ring_bits", plan->config.plan.update.ring_bits);
    add_number(json, "coordinate_max", ldexp(r->q_max, plan->config.plan.update.update_exp));
    add_number(json, "vector_bytes", (double)r->vector_bytes);
    add_number(json, "bytes_up", up);
    add_number(json, "bytes_down", (double)(r->model_bytes + r->masking_down_bytes));
    add_number(json, "bits_per_parameter", 8 * up / r->parameter_count);
    add_number(json, "model_bytes", (double)r->model_bytes);
    add_number(json, "server_bytes", (double)plan->server_bytes);
    if (r->masked) {
        json_of_masking(json, plan);
    }
    json_of_privacy(json, plan);
    (void)cJSON_AddBoolToObject(json, "devices_take_part", r->usual_refusal == FEDL_REFUSAL_NONE);
    if (r->usual_refusal != FEDL_REFUSAL_NONE) {
        add_text(json, "devices_refuse", fedl_refusal_text(r->usual_refusal));
    }
    cJSON *notes = cJSON_AddArrayToObject(json, "notes");
    for (uint32_t i = 0; i < plan->notes.count; i++) {
        (void)cJSON_AddItemToArray(notes, cJSON_CreateString(plan->notes.text[i]));
    }
}

static void print_json(cJSON *json)
{
    char *line = cJSON_PrintUnformatted(json);
    if (line != NULL) {
        (void)puts(line);
    }
    cJSON_free(line);
    cJSON_Delete(json);
}

static void json_of_refusal(cJSON *json, const fedl_plan_error *error, const char *why)
{
    char reason[sizeof error->text];
    (void)snprintf(reason, sizeof reason, "%.*s",
                   error->text[0] != '\0' ? (int)error->reason_bytes : (int)strlen(why), why);
    add_number(json, "line", error->line);
    add_text(json, "reason", reason);
    cJSON *remedies = cJSON_AddArrayToObject(json, "remedies");
    for (uint32_t i = 0; i < error->remedy_count; i++) {
        (void)cJSON_AddItemToArray(remedies, cJSON_CreateString(error->remedies[i]));
    }
}

/* Memory of the task in a server with default limits; 0: it would not take the plan. */
static uint64_t server_bytes_of(const fedl_task_config *config)
{
    fedl_coord_config limits;
    fedl_coord_config_default(&limits);
    limits.has_helper = true; /* whether this server has one, it says itself */
    return fedl_coord_task_size(&limits, &config->plan, &config->round);
}

static void make_report(checked_plan *plan)
{
    fedl_plan_report_make(&plan->report, &plan->config.plan, &plan->config.round,
                          plan->config.privacy_delta);
    plan->server_bytes = server_bytes_of(&plan->config);
    fedl_plan_notes_make(&plan->notes, &plan->config, &plan->report, plan->server_bytes);
}

int fedl_plan_refused(const char *path, const fedl_plan_error *error, fedl_status status)
{
    const char *why = error->text[0] != '\0' ? error->text : fedl_status_text(status);
    if (error->line > 0) {
        (void)fprintf(stderr, "fedl: %s:%u: %s\n", path, error->line, why);
    } else {
        (void)fprintf(stderr, "fedl: %s: %s\n", path, why);
    }
    return status == FEDL_ERR_RANGE ? FEDL_EXIT_UNSAFE : FEDL_EXIT_FILE;
}

/* A plan that is read but would hardly work has numbers all the same. */
static int refuse(checked_plan *plan, const fedl_plan_override *overrides, size_t override_count,
                  const fedl_plan_error *error, fedl_status status, const fedl_arguments *arguments)
{
    const char *path = arguments->positional[0];
    const int code = fedl_plan_refused(path, error, status);
    if (!arguments->json) {
        return code;
    }
    cJSON *json = cJSON_CreateObject();
    fedl_plan_error ignored;
    (void)cJSON_AddBoolToObject(json, "safe", false);
    add_text(json, "verdict", code == FEDL_EXIT_UNSAFE ? "refused" : "unreadable");
    json_of_refusal(json, error, error->text[0] != '\0' ? error->text : fedl_status_text(status));
    if (code == FEDL_EXIT_UNSAFE &&
        fedl_plan_file_read(&plan->config, path, overrides, override_count, &ignored) == FEDL_OK) {
        make_report(plan);
        json_of(json, plan);
    }
    print_json(json);
    return code;
}

int fedl_cmd_plan_check(const fedl_arguments *arguments)
{
    fedl_plan_override overrides[FEDL_POSITIONAL_MAX];
    fedl_plan_error error = {0};
    const char *path = arguments->positional[0];
    const size_t override_count = (size_t)arguments->positional_count - 1;
    checked_plan *plan = calloc(1, sizeof *plan);
    for (size_t i = 0; i < override_count; i++) {
        overrides[i].text = arguments->positional[i + 1];
    }
    if (plan == NULL) {
        return fedl_plan_refused(path, &error, FEDL_ERR_NO_MEMORY);
    }
    const fedl_status status =
        fedl_plan_file_check(&plan->config, path, overrides, override_count, &error);
    int code = FEDL_EXIT_OK;
    if (status != FEDL_OK) {
        code = refuse(plan, overrides, override_count, &error, status, arguments);
    } else {
        make_report(plan);
        if (arguments->json) {
            cJSON *json = cJSON_CreateObject();
            (void)cJSON_AddBoolToObject(json, "safe", true);
            add_text(json, "verdict", "safe");
            json_of(json, plan);
            print_json(json);
        } else {
            fedl_plan_words(&plan->config, &plan->report, &plan->notes, plan->server_bytes);
        }
    }
    free(plan);
    return code;
}
