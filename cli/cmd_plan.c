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

typedef struct checked_plan {
    fedl_task_config config;
    fedl_plan_report report;
    uint64_t server_bytes;
} checked_plan;

static cJSON *json_of(const checked_plan *plan)
{
    const fedl_plan_report *r = &plan->report;
    const fedl_secagg_config *secagg = &plan->config.plan.secagg;
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(json, "safe", true);
    (void)cJSON_AddStringToObject(json, "task", plan->config.name);
    (void)cJSON_AddStringToObject(json, "aggregation",
                                  r->masked   ? "masked"
                                  : r->helped ? "helper"
                                              : "plain");
    (void)cJSON_AddNumberToObject(json, "parameters", r->parameter_count);
    (void)cJSON_AddNumberToObject(json, "clients", r->cohort);
    (void)cJSON_AddNumberToObject(json, "select", plan->config.round.select_count);
    (void)cJSON_AddNumberToObject(json, "cohort_min", r->cohort_min);
    (void)cJSON_AddNumberToObject(json, "ring_bits", plan->config.plan.update.ring_bits);
    (void)cJSON_AddNumberToObject(json, "coordinate_max",
                                  ldexp(r->q_max, plan->config.plan.update.update_exp));
    (void)cJSON_AddNumberToObject(json, "model_bytes", (double)r->model_bytes);
    (void)cJSON_AddNumberToObject(json, "vector_bytes", (double)r->vector_bytes);
    (void)cJSON_AddNumberToObject(json, "server_bytes", (double)plan->server_bytes);
    (void)cJSON_AddBoolToObject(json, "devices_take_part", r->usual_refusal == FEDL_REFUSAL_NONE);
    if (r->usual_refusal != FEDL_REFUSAL_NONE) {
        (void)cJSON_AddStringToObject(json, "devices_refuse", fedl_refusal_text(r->usual_refusal));
    }
    if (r->masked) {
        (void)cJSON_AddStringToObject(json, "trust",
                                      secagg->trust == FEDL_TRUST_ACTIVE ? "active" : "curious");
        (void)cJSON_AddNumberToObject(json, "min_cohort", secagg->min_cohort);
        (void)cJSON_AddStringToObject(json, "graph", r->complete ? "complete" : "ring");
        (void)cJSON_AddNumberToObject(json, "k", r->k);
        (void)cJSON_AddNumberToObject(json, "t", r->t);
        (void)cJSON_AddNumberToObject(json, "gamma", secagg->gamma_permille / 1000.0);
        (void)cJSON_AddNumberToObject(json, "colluding", r->colluding);
        (void)cJSON_AddNumberToObject(json, "step_dropout", secagg->delta_permille / 1000.0);
        (void)cJSON_AddNumberToObject(json, "vanish_max", r->vanish_max);
        (void)cJSON_AddNumberToObject(json, "failure", r->failure);
        (void)cJSON_AddNumberToObject(json, "masking_bytes_up", (double)r->masking_up_bytes);
        (void)cJSON_AddNumberToObject(json, "masking_bytes_down", (double)r->masking_down_bytes);
        (void)cJSON_AddNumberToObject(json, "agreements", r->agreement_count);
        (void)cJSON_AddNumberToObject(json, "signature_checks", r->signature_count);
        (void)cJSON_AddNumberToObject(json, "mask_bytes", (double)r->mask_bytes);
    }
    if (plan->config.plan.privacy.mode != FEDL_PRIVACY_NONE) {
        (void)cJSON_AddNumberToObject(json, "rho_round", r->rho_round);
        (void)cJSON_AddNumberToObject(json, "delta", plan->config.privacy_delta);
        (void)cJSON_AddNumberToObject(json, "epsilon_round", r->epsilon_round);
        (void)cJSON_AddNumberToObject(json, "epsilon_task", r->epsilon_task);
        (void)cJSON_AddNumberToObject(json, "budget_rounds", r->budget_rounds);
    }
    return json;
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

static void refuse(const char *path, const fedl_plan_error *error, fedl_status status, bool json)
{
    const char *why = error->text[0] != '\0' ? error->text : fedl_status_text(status);
    if (error->line > 0) {
        (void)fprintf(stderr, "fedl: %s:%u: %s\n", path, error->line, why);
    } else {
        (void)fprintf(stderr, "fedl: %s: %s\n", path, why);
    }
    if (json) {
        cJSON *object = cJSON_CreateObject();
        (void)cJSON_AddBoolToObject(object, "safe", false);
        (void)cJSON_AddNumberToObject(object, "line", error->line);
        (void)cJSON_AddStringToObject(object, "reason", why);
        print_json(object);
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

int fedl_cmd_plan_check(const fedl_arguments *arguments)
{
    fedl_plan_override overrides[FEDL_POSITIONAL_MAX];
    fedl_plan_error error = {0, ""};
    const char *path = arguments->positional[0];
    checked_plan *plan = calloc(1, sizeof *plan);
    for (int i = 1; i < arguments->positional_count; i++) {
        overrides[i - 1].text = arguments->positional[i];
    }
    const fedl_status status =
        plan == NULL ? FEDL_ERR_NO_MEMORY
                     : fedl_plan_file_read(&plan->config, path, overrides,
                                           (size_t)arguments->positional_count - 1, &error);
    if (status != FEDL_OK) {
        refuse(path, &error, status, arguments->json);
        free(plan);
        return FEDL_EXIT_FILE;
    }
    fedl_plan_report_make(&plan->report, &plan->config.plan, &plan->config.round,
                          plan->config.privacy_delta);
    plan->server_bytes = server_bytes_of(&plan->config);
    if (arguments->json) {
        print_json(json_of(plan));
    } else {
        fedl_plan_words(&plan->config, &plan->report, plan->server_bytes);
    }
    free(plan);
    return FEDL_EXIT_OK;
}
