/* SPDX-License-Identifier: Apache-2.0 */
/* fedl-sim partition, and what all commands share. */
#include "sim_data.h"
#include "sim_options.h"

#include "posix/durable_file.h"

#include <string.h>

int fedl_sim_complain(fedl_sim_exit exit_status, const char *text)
{
    fprintf(stderr, "fedl-sim: %s\n", text);
    return (int)exit_status;
}

fedl_status fedl_sim_check_outputs(const fedl_sim_options *options, char text[FEDL_SIM_TEXT_BYTES])
{
    const bool json = options->json_path != NULL && strcmp(options->json_path, "-") != 0;
    const char *const paths[] = {json ? options->json_path : NULL, options->curve_path,
                                 options->model_path, options->out_path};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char line[FEDL_OUTPUT_TEXT_BYTES];
        const fedl_status status =
            paths[i] == NULL ? FEDL_OK : fedl_file_output_check(paths[i], line);
        if (status != FEDL_OK) {
            return fedl_sim_fail(text, status, "%s", line);
        }
    }
    return FEDL_OK;
}

int fedl_sim_end_output(int exit_status)
{
    /* Progress was flushed round by round: an error may lie far back, and errno with it. */
    const bool flushed = fflush(stdout) == 0;
    if ((flushed && !ferror(stdout)) || exit_status != (int)FEDL_SIM_EXIT_OK) {
        return exit_status;
    }
    return fedl_sim_complain(FEDL_SIM_EXIT_FAILED,
                             "cannot write to standard output: is its disk full?");
}

int fedl_sim_command_partition(const fedl_sim_options *options)
{
    char text[FEDL_SIM_TEXT_BYTES];
    fedl_sim_data data = {0};
    if (fedl_sim_check_outputs(options, text) != FEDL_OK) {
        return fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    fedl_sim_exit result = FEDL_SIM_EXIT_PLAN;
    fedl_status status = fedl_sim_data_plan(&data, options->plan_path, options->overrides,
                                            options->override_count, text);
    if (status == FEDL_OK) {
        result = FEDL_SIM_EXIT_DATA;
        status = fedl_sim_data_tables(&data, false, text);
    }
    if (status == FEDL_OK) {
        status = fedl_sim_data_partition(&data, options->partition_path, text);
    }
    if (status == FEDL_OK) {
        char line[FEDL_SOURCE_TEXT_BYTES];
        result = FEDL_SIM_EXIT_FAILED;
        status = fedl_partition_write(&data.partition, options->out_path, line);
        if (status != FEDL_OK) {
            fedl_sim_fail(text, status, "%s", line);
        }
    }
    if (status == FEDL_OK) {
        result = FEDL_SIM_EXIT_OK;
        if (!options->quiet) {
            uint32_t class_count = 0;
            const int32_t *classes = fedl_sim_data_classes(&data, &class_count);
            fedl_sim_partition_print(stdout, &data.partition, classes, class_count);
            printf("written to %s\n", options->out_path);
        }
    } else {
        fedl_sim_complain(result, text);
    }
    fedl_sim_data_close(&data);
    return (int)result;
}
