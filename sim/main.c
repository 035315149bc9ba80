/* SPDX-License-Identifier: Apache-2.0 */
/* fedl-sim: the simulator's command line. */
#include "sim_options.h"

#include <stdio.h>

#define LIBRARY_VERSION "0.1.0"

static int execute(const fedl_sim_options *options)
{
    switch (options->command) {
    case FEDL_SIM_COMMAND_RUN:
        return fedl_sim_command_run(options);
    case FEDL_SIM_COMMAND_PARTITION:
        return fedl_sim_command_partition(options);
    case FEDL_SIM_COMMAND_BASELINE:
        return fedl_sim_command_baseline(options);
    case FEDL_SIM_COMMAND_HELP:
        fputs(fedl_sim_help(), stdout);
        return FEDL_SIM_EXIT_OK;
    case FEDL_SIM_COMMAND_VERSION:
        puts("fedl-sim " LIBRARY_VERSION);
        return FEDL_SIM_EXIT_OK;
    }
    return FEDL_SIM_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    fedl_sim_options options;
    char text[FEDL_SIM_TEXT_BYTES];
    if (fedl_sim_options_parse(&options, argc, argv, text) != FEDL_OK) {
        return fedl_sim_complain(FEDL_SIM_EXIT_USAGE, text);
    }
    return fedl_sim_end_output(execute(&options));
}
