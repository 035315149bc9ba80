/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_data.h"

#include "partition_file.h"
#include "posix/durable_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void agent_data_close(agent_data *data)
{
    fedl_table_destroy(data->table);
    free(data->config);
    data->table = NULL;
    data->config = NULL;
}

static bool same(const agent_data *data, const fedl_plan *plan)
{
    return data->table != NULL && data->text_size == plan->data.size &&
           memcmp(data->text, plan->data.data, plan->data.size) == 0 &&
           fedl_model_spec_equal(&data->model, &plan->model);
}

fedl_status agent_data_open(agent_data *data, const agent_options *options, const fedl_plan *plan,
                            bool labels_optional, char text[FEDL_SOURCE_TEXT_BYTES])
{
    fedl_plan_error error;
    fedl_partition partition = {0};
    if (same(data, plan)) {
        return FEDL_OK;
    }
    agent_data_close(data);
    data->config = calloc(1, sizeof *data->config);
    if (data->config == NULL) {
        return fedli_source_fail(text, FEDL_ERR_NO_MEMORY, "out of memory");
    }
    fedl_status status = fedl_plan_data_parse(data->config, plan->data, &error);
    if (status != FEDL_OK) {
        (void)fedli_source_fail(text, status, "the task's [data] section: %s", error.text);
    } else if (options->rows_path != NULL) {
        status = fedl_partition_read(&partition, options->rows_path, text);
    }
    if (status == FEDL_OK) {
        const fedl_source_request request = {
            .data = data->config,
            .model = &plan->model,
            .path = data->config->format == FEDL_DATA_IDX ? options->images : options->csv,
            .labels_path = options->labels,
            .labels_optional = labels_optional,
            .partition = options->rows_path == NULL ? NULL : &partition,
            .partition_client = options->rows_client};
        status = fedl_source_open(&data->table, &request, text);
    }
    if (options->rows_path != NULL) {
        fedl_partition_free(&partition);
    }
    if (status != FEDL_OK) {
        agent_data_close(data);
        return status;
    }
    data->model = plan->model;
    data->text_size = plan->data.size;
    memcpy(data->text, plan->data.data, plan->data.size);
    return FEDL_OK;
}

static fedl_status check_file(const char *option, const char *path,
                              char text[FEDL_SOURCE_TEXT_BYTES])
{
    struct stat info;
    if (path == NULL) {
        return FEDL_OK;
    }
    if (access(path, R_OK) != 0) {
        const int why = errno;
        return fedli_source_fail(text, fedl_status_of_errno(why),
                                 "%s: %s: check the path given with %s", path, strerror(why),
                                 option);
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                 "%s: is a folder: give the file itself with %s", path, option);
    }
    return FEDL_OK;
}

fedl_status agent_data_check(const agent_options *options, char text[FEDL_SOURCE_TEXT_BYTES])
{
    fedl_partition partition;
    fedl_status status = check_file("--images", options->images, text);
    if (status == FEDL_OK) {
        status = check_file("--labels", options->labels, text);
    }
    if (status == FEDL_OK) {
        status = check_file("--csv", options->csv, text);
    }
    if (status == FEDL_OK) {
        status = check_file("--rows", options->rows_path, text);
    }
    if (status != FEDL_OK || options->rows_path == NULL) {
        return status;
    }
    status = fedl_partition_read(&partition, options->rows_path, text);
    if (status != FEDL_OK) {
        return status;
    }
    if (options->rows_client >= partition.client_count) {
        status = fedli_source_fail(
            text, FEDL_ERR_RANGE, "%s: has clients 0 to %u, --rows names client %u",
            options->rows_path, partition.client_count - 1u, options->rows_client);
    }
    fedl_partition_free(&partition);
    return status;
}
