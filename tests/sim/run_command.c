/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of fedl-sim inside a test: see run_command.h. */
#include "run_command.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <unistd.h>

#define ARGUMENTS_MAX 24

fedl_status parse(fedl_sim_options *options, char text[FEDL_SIM_TEXT_BYTES],
                  const char *const *words)
{
    char *argv[ARGUMENTS_MAX] = {(char *)"fedl-sim"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    }
    text[0] = '\0';
    return fedl_sim_options_parse(options, argc, argv, text);
}

int run(const char *const *words, char said[1024])
{
    fedl_sim_options options;
    char text[FEDL_SIM_TEXT_BYTES];
    if (parse(&options, text, words) != FEDL_OK) {
        fail_msg("%s", text);
    }
    FILE *file = tmpfile();
    const int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    const int result = options.command == FEDL_SIM_COMMAND_RUN ? fedl_sim_command_run(&options)
                       : options.command == FEDL_SIM_COMMAND_PARTITION
                           ? fedl_sim_command_partition(&options)
                           : fedl_sim_command_baseline(&options);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    said[fread(said, 1, 1023, file)] = '\0';
    fclose(file);
    return result;
}
