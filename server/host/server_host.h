/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fedl-server as a whole: opens a home, restores what the store knows, serves until SIGTERM or
 * SIGINT, finishes what is being stored and leaves.
 */
#ifndef FEDL_HOST_SERVER_HOST_H
#define FEDL_HOST_SERVER_HOST_H

#include "host/exit_code.h"
#include "host/server_home.h"

typedef struct fedl_host_options {
    fedl_home home;
    const char *listen;     /* NULL: as in fedl.ini */
    const char *log_format; /* NULL: as in fedl.ini; else text, logfmt or json */
} fedl_host_options;

/** Runs a server. On a failure text is one line that says what to do. */
fedl_exit fedl_host_run(const fedl_host_options *options, char text[FEDL_HOME_TEXT_BYTES]);

#endif
