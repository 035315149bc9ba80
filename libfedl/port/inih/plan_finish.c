/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs more than one key: defaults that follow from other keys, then the checks, each with a
 * sentence that names the keys. fedl_plan_check() and fedl_round_config_check() come last, as a
 * net.
 */
#include "inih/plan_draft.h"
#include "inih/select_count.h"
#include "posix/plural.h"

#include <string.h>

static void default_u32(plan_draft *draft, const char *section, const char *name, uint32_t *field,
                        uint32_t value)
{
    if (!plan_given(draft, section, name)) {
        *field = value;
    }
}

static void finish_model(plan_draft *draft)
{
    fedl_model_spec *model = &draft->config->plan.model;
    const fedl_data_config *data = draft->data;
    const bool csv = data->format == FEDL_DATA_CSV;
    if (!plan_given(draft, "model", "inputs")) {
        if (!csv) {
            plan_fail(draft, FEDL_ERR_FORMAT, 0, "'inputs' in [model] is missing");
        }
        model->input_count = data->column_count;
    } else if (csv && model->input_count != data->column_count) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "model", "inputs"),
                  "'inputs' in [model] is %u, but [data] has %u column%s", model->input_count,
                  data->column_count, fedl_plural(data->column_count));
        plan_suggest(draft, "model", "inputs", "%u", data->column_count);
    }
    if (!plan_given(draft, "model", "input_exp")) {
        model->input_exp = csv ? -5 : -7;
    }
    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (model->layers[i].kind == FEDL_LAYER_DENSE) {
            model->layers[i].weight_exp =
                i + 1 == model->layer_count ? draft->output_weight_exp : draft->weight_exp;
        }
    }
}

static void check_model(plan_draft *draft)
{
    const fedl_model_spec *model = &draft->config->plan.model;
    const fedl_data_config *data = draft->data;
    const uint32_t line = plan_line_of(draft, "model", "layers");
    const uint32_t outputs = model->layers[model->layer_count - 1].units;
    uint64_t parameter_count = 0;
    uint64_t width = model->input_count;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (model->layers[i].kind == FEDL_LAYER_DENSE) {
            parameter_count += (width + 1u) * model->layers[i].units;
            width = model->layers[i].units;
        }
    }
    if (parameter_count > FEDL_PARAMETERS_MAX) {
        plan_fail(draft, FEDL_ERR_RANGE, line, "the model has %llu parameters; at most %u can be",
                  (unsigned long long)parameter_count, FEDL_PARAMETERS_MAX);
    }
    if (model->loss == FEDL_LOSS_SOFTMAX_CE) {
        if (outputs < 2) {
            plan_fail(draft, FEDL_ERR_RANGE, line, "loss = softmax needs at least 2 outputs");
        }
        if (data->class_count != 0 && data->class_count != outputs) {
            plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "data", "classes"),
                      "%u classes, but the last layer has %u outputs", data->class_count, outputs);
        }
    } else {
        if (outputs != 1) {
            plan_fail(draft, FEDL_ERR_RANGE, line,
                      "loss = mse predicts one number: the last layer must be dense 1");
        }
        if (data->class_count != 0) {
            plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "data", "classes"),
                      "'classes' in [data] makes no sense with loss = mse");
        }
    }
    const fedl_train_config *train = &draft->config->plan.train;
    if ((uint64_t)train->lr_q24 * train->prox_mu_q16 > 1ull << 40) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "train", "prox_mu"),
                  "lr · prox_mu in [train] is above 1");
        const uint32_t mu_q16 = (uint32_t)((1ull << 40) / train->lr_q24);
        plan_suggest(draft, "train", "prox_mu", "%u", mu_q16 >> 16);
    }
}

static void finish_rounds(plan_draft *draft)
{
    fedl_round_config *round = &draft->config->round;
    fedl_update_config *update = &draft->config->plan.update;
    default_u32(draft, "round", "min_reports", &round->reports_min,
                (round->clients_goal + 1u) / 2u);
    default_u32(draft, "round", "select", &round->select_count,
                fedl_select_count(round->clients_goal, draft->config->dropout_permille));
    default_u32(draft, "round", "pool", &round->pool_min, round->select_count);
    default_u32(draft, "aggregation", "clients_max", &update->clients_max, round->clients_goal);
    default_u32(draft, "aggregation", "w_max", &update->w_max, update->w_unit == 0 ? 1 : 8);
    default_u32(draft, "experiment", "clients", &draft->config->experiment.client_count,
                round->select_count);
}

/* value must be at least other; both are keys of [round]. */
static void check_not_below(plan_draft *draft, const char *name, uint32_t value, const char *other,
                            uint32_t other_value)
{
    if (value < other_value) {
        const uint32_t line = plan_line_of(draft, "round", name);
        plan_fail(draft, FEDL_ERR_RANGE, line != 0 ? line : plan_line_of(draft, "round", other),
                  "%s (%u) is below %s (%u)", name, value, other, other_value);
        plan_suggest(draft, "round", name, "%u", other_value);
        plan_suggest(draft, "round", other, "%u", value);
    }
}

static void check_rounds(plan_draft *draft)
{
    const fedl_round_config *round = &draft->config->round;
    const fedl_experiment_config *experiment = &draft->config->experiment;
    check_not_below(draft, "clients", round->clients_goal, "min_reports", round->reports_min);
    check_not_below(draft, "select", round->select_count, "clients", round->clients_goal);
    check_not_below(draft, "pool", round->pool_min, "select", round->select_count);
    if (round->clients_goal > draft->config->plan.update.clients_max) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "clients_max"),
                  "clients in [round] (%u) is above clients_max in [aggregation] (%u)",
                  round->clients_goal, draft->config->plan.update.clients_max);
        plan_suggest(draft, "aggregation", "clients_max", "%u", round->clients_goal);
        plan_suggest(draft, "round", "clients", "%u", draft->config->plan.update.clients_max);
    }
    if (experiment->client_count < round->clients_goal) {
        plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "experiment", "clients"),
                  "clients in [experiment] (%u) is below clients in [round] (%u)",
                  experiment->client_count, round->clients_goal);
        plan_suggest(draft, "experiment", "clients", "%u", round->clients_goal);
    }
}

/*
 * The ring must hold clients_max · w_max updates of at least one step each, and the squared length
 * of an update must fit 63 bits: coarse weights move in larger steps of the finest grid.
 */
static void check_update(plan_draft *draft)
{
    fedl_update_config update = draft->config->plan.update;
    if (fedl_update_q_max(&update) >= 1) {
        if (fedl_model_spec_check(&draft->config->plan.model) == FEDL_OK &&
            fedl_update_config_check(&update, &draft->config->plan.model) != FEDL_OK) {
            const uint32_t line = plan_line_of(draft, "model", "weight_exp");
            plan_fail(draft, FEDL_ERR_RANGE,
                      line != 0 ? line : plan_line_of(draft, "model", "output_weight_exp"),
                      "weight_exp = %d with output_weight_exp = %d is too coarse for %u "
                      "parameters; -14 and -13 always fit",
                      draft->weight_exp, draft->output_weight_exp,
                      fedl_model_parameter_count(&draft->config->plan.model));
            plan_suggest(draft, "model", "weight_exp", "-14");
            plan_suggest(draft, "model", "output_weight_exp", "-13");
        }
        return;
    }
    const uint32_t given = update.ring_bits;
    while (update.ring_bits < 32 && fedl_update_q_max(&update) == 0) {
        update.ring_bits = (uint8_t)(update.ring_bits + 8u);
    }
    plan_fail(draft, FEDL_ERR_RANGE, plan_line_of(draft, "aggregation", "ring_bits"),
              "clients_max · w_max = %u updates do not fit ring_bits = %u",
              update.clients_max * update.w_max, given);
    plan_suggest(draft, "aggregation", "ring_bits", "%u", update.ring_bits);
}

static void check_experiment(plan_draft *draft)
{
    const fedl_experiment_config *experiment = &draft->config->experiment;
    const bool idx = draft->data->format == FEDL_DATA_IDX;
    if (idx && (experiment->train_path[0] != '\0') != (experiment->train_labels_path[0] != '\0')) {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "experiment", "train"),
                  "idx data in [experiment] needs both train and train_labels");
    }
    if (idx && (experiment->test_path[0] != '\0') != (experiment->test_labels_path[0] != '\0')) {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "experiment", "test"),
                  "idx data in [experiment] needs both test and test_labels");
    }
}

static void check_name(plan_draft *draft)
{
    const char *name = draft->config->name;
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";
    if (strspn(name, allowed) != strlen(name) || name[0] == '.') {
        plan_fail(draft, FEDL_ERR_FORMAT, plan_line_of(draft, "task", "name"),
                  "'name' in [task]: letters, digits, '-', '_' and '.', not '%.40s'", name);
    }
}

static void write_data(plan_draft *draft)
{
    fedl_task_config *config = draft->config;
    char text[FEDL_PLAN_DATA_BYTES_MAX + 1]; /* one more for vsnprintf's final zero */
    const size_t size = plan_data_write(text, sizeof text, &config->data);
    if (size == 0) {
        plan_fail(draft, FEDL_ERR_FULL, 0,
                  "[data] takes more than %u bytes: fewer columns or shorter names",
                  FEDL_PLAN_DATA_BYTES_MAX);
        return;
    }
    memcpy(config->data_text, text, size);
    config->plan.data = fedl_bytes_of(config->data_text, size);
}

void plan_finish(plan_draft *draft)
{
    plan_data_finish(draft);
    if (draft->status != FEDL_OK) {
        return;
    }
    finish_model(draft);
    finish_rounds(draft);
    plan_protect_finish(draft);
    plan_privacy_finish(draft);
    fedl_plan_settle(&draft->config->plan);
    check_name(draft);
    check_model(draft);
    check_rounds(draft);
    plan_privacy_check(draft);
    check_update(draft);
    plan_protect_check(draft);
    plan_works_check(draft);
    check_experiment(draft);
    if (draft->status == FEDL_OK) {
        write_data(draft);
    }
    if (draft->status == FEDL_OK) {
        fedl_status status = fedl_plan_check(&draft->config->plan);
        if (status == FEDL_OK) {
            status = fedl_round_config_check(&draft->config->round, &draft->config->plan);
        }
        if (status != FEDL_OK) {
            plan_fail(draft, status, 0, "the plan as a whole breaks a limit of fedl: %s",
                      fedl_status_text(status));
        }
    }
}
