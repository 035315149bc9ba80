/* SPDX-License-Identifier: Apache-2.0 */
/* The second party of helper rounds as a process, and its commands (docs/server.md). */
#ifndef FEDL_HOST_HELPER_PROCESS_H
#define FEDL_HOST_HELPER_PROCESS_H

#include "fedl/status.h"
#include "host/exit_code.h"
#include "host/server_home.h"

typedef struct fedl_helper_run_options {
    const char *home;
    const char *listen;
    uint32_t min_cohort; /* FEDL_COHORT_MIN … FEDL_COHORT_MAX */
} fedl_helper_run_options;

/** `fedl-server helper …`: argv[0] is `helper`. Returns the exit code (host/exit_code.h). */
int fedl_helper_main(int argc, char **argv);
/** Serves until SIGTERM or SIGINT. text gets one line on errors. */
fedl_exit fedl_helper_run(const fedl_helper_run_options *options, char text[FEDL_HOME_TEXT_BYTES]);
/** The exit code for what a function of helper_home.h returned. */
fedl_exit fedl_helper_exit_of(fedl_status status);

#endif
