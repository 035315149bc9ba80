/* SPDX-License-Identifier: Apache-2.0 */
/* Plan, tables and partition of an experiment: see sim_data.h. */
#include "sim_data.h"

#include "posix/durable_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

fedl_status fedl_sim_data_plan(fedl_sim_data *data, const char *path,
                               const fedl_plan_override *overrides, size_t override_count,
                               char text[FEDL_SIM_TEXT_BYTES])
{
    data->plan_path = path;
    data->task = calloc(1, sizeof *data->task);
    if (data->task == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_NO_MEMORY, "out of memory");
    }
    /* This comes first because its errors say more; paths in a plan are relative to its file. */
    fedl_plan_error error = {0};
    fedl_status status = fedl_plan_file_read(data->task, path, overrides, override_count, &error);
    if (status != FEDL_OK && error.line > 0) {
        return fedl_sim_fail(text, status, "%s:%u: %s", path, error.line, error.text);
    }
    if (status != FEDL_OK) {
        return fedl_sim_fail(text, status, "plan %s: %s", path, error.text);
    }
    status = fedl_file_read(&data->plan_text, &data->plan_bytes, path, FEDL_PLAN_TEXT_BYTES_MAX);
    return status == FEDL_OK
               ? status
               : fedl_sim_fail(text, status, "plan %s: %s", path,
                               status == FEDL_ERR_FORMAT ? "is a pipe or a device: give a plan file"
                                                         : fedl_status_text(status));
}

/* The folder of a data file names its data set; NULL when scripts/fetch-data does not know it. */
static const char *known_data_set(const char *path)
{
    static const char *const names[] = {"fashion-mnist", "digits", "breast-cancer", "heart-disease",
                                        "mnist"};
    const char *end = strrchr(path, '/');
    const char *begin = end;
    while (begin != NULL && begin > path && begin[-1] != '/') {
        begin--;
    }
    for (size_t i = 0; begin != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == (size_t)(end - begin) &&
            memcmp(names[i], begin, strlen(names[i])) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* key: of [experiment], the one that names the file. */
static fedl_status check_present(const char *path, const char *key, char text[FEDL_SIM_TEXT_BYTES])
{
    if (path[0] == '\0' || access(path, F_OK) == 0) {
        return FEDL_OK;
    }
    const char *name = known_data_set(path);
    if (name == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_NOT_FOUND,
                             "data file %s is not there: '%s' in [experiment] of the plan names it",
                             path, key);
    }
    return fedl_sim_fail(text, FEDL_ERR_NOT_FOUND,
                         "data file %s is not there: run scripts/fetch-data %s from the project's "
                         "folder",
                         path, name);
}

static fedl_status open_table(fedl_table **table, const fedl_sim_data *data, const char *path,
                              const char *labels_path, bool test, char text[FEDL_SIM_TEXT_BYTES])
{
    fedl_status status = check_present(path, test ? "test" : "train", text);
    if (status == FEDL_OK) {
        status = check_present(labels_path, test ? "test_labels" : "train_labels", text);
    }
    if (status != FEDL_OK) {
        return status;
    }
    const fedl_source_request request = {.data = &data->task->data,
                                         .model = &data->task->plan.model,
                                         .path = path,
                                         .labels_path =
                                             labels_path[0] == '\0' ? NULL : labels_path};
    char line[FEDL_SOURCE_TEXT_BYTES];
    status = fedl_source_open(table, &request, line);
    return status == FEDL_OK ? status : fedl_sim_fail(text, status, "%s", line);
}

fedl_status fedl_sim_data_tables(fedl_sim_data *data, bool with_test,
                                 char text[FEDL_SIM_TEXT_BYTES])
{
    const fedl_experiment_config *experiment = &data->task->experiment;
    if (experiment->train_path[0] == '\0') {
        return fedl_sim_fail(text, FEDL_ERR_NOT_FOUND,
                             "%s: [experiment] names no training data, so there is nothing to "
                             "simulate with",
                             data->plan_path);
    }
    fedl_status status = open_table(&data->train, data, experiment->train_path,
                                    experiment->train_labels_path, false, text);
    if (status == FEDL_OK && with_test && experiment->test_path[0] != '\0') {
        status = open_table(&data->test, data, experiment->test_path, experiment->test_labels_path,
                            true, text);
    }
    return status;
}

const int32_t *fedl_sim_data_classes(const fedl_sim_data *data, uint32_t *class_count)
{
    const fedl_model_spec *model = &data->task->plan.model;
    if (model->loss != FEDL_LOSS_SOFTMAX_CE || data->train->target_count != 1) {
        return NULL;
    }
    *class_count = fedl_model_output_count(model);
    return data->train->targets;
}

static fedl_status read_partition(fedl_sim_data *data, const char *path,
                                  char text[FEDL_SIM_TEXT_BYTES])
{
    char line[FEDL_SOURCE_TEXT_BYTES];
    fedl_status status = fedl_partition_read(&data->partition, path, line);
    for (uint32_t i = 0; status == FEDL_OK && i < data->partition.client_count; i++) {
        const uint32_t *rows;
        uint32_t count;
        status =
            fedl_partition_client(&data->partition, &rows, &count, i, data->train->row_count, line);
    }
    if (status != FEDL_OK) {
        return fedl_sim_fail(text, status, "%s", line);
    }
    if (data->partition.client_count != data->task->experiment.client_count) {
        return fedl_sim_fail(text, FEDL_ERR_MISMATCH,
                             "%s is for %u clients, but the plan says %u: make it again with "
                             "fedl-sim partition %s --out %s",
                             path, data->partition.client_count,
                             data->task->experiment.client_count, data->plan_path, path);
    }
    return FEDL_OK;
}

fedl_status fedl_sim_data_partition(fedl_sim_data *data, const char *path,
                                    char text[FEDL_SIM_TEXT_BYTES])
{
    if (path != NULL) {
        return read_partition(data, path, text);
    }
    const fedl_experiment_config *experiment = &data->task->experiment;
    const uint32_t batch_rows = data->task->plan.train.batch_rows;
    fedl_sim_partition_config cfg = {
        .client_count = experiment->client_count,
        .row_count = data->train->row_count,
        .rows_min = batch_rows > FEDL_SIM_ROWS_MIN ? batch_rows : FEDL_SIM_ROWS_MIN,
        .seed = experiment->partition_seed,
        .alpha =
            experiment->partition == FEDL_PARTITION_DIRICHLET ? experiment->dirichlet_alpha : 0.0};
    cfg.classes = fedl_sim_data_classes(data, &cfg.class_count);
    const fedl_status status = fedl_sim_partition_make(&data->partition, &cfg);
    if (status == FEDL_ERR_FULL) {
        return fedl_sim_fail(text, status,
                             "%u rows cannot give each of %u clients at least %u rows%s: take "
                             "fewer clients, a smaller batch%s",
                             cfg.row_count, cfg.client_count, cfg.rows_min,
                             cfg.alpha > 0.0 ? " with this Dirichlet alpha" : "",
                             cfg.alpha > 0.0 ? ", a larger alpha or another partition seed" : "");
    }
    if (status == FEDL_ERR_UNSUPPORTED) {
        return fedl_sim_fail(text, status,
                             "a Dirichlet partition needs class labels, and this plan is a "
                             "regression: use partition = iid");
    }
    return status == FEDL_OK
               ? status
               : fedl_sim_fail(text, status, "partition: %s", fedl_status_text(status));
}

void fedl_sim_data_close(fedl_sim_data *data)
{
    fedl_partition_free(&data->partition);
    fedl_table_destroy(data->train);
    fedl_table_destroy(data->test);
    free(data->plan_text);
    free(data->task);
    *data = (fedl_sim_data){0};
}
