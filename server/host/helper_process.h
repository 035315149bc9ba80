/* SPDX-License-Identifier: Apache-2.0 */
/* `fedl-server helper …`: the second party of helper rounds as a process (docs/server.md). */
#ifndef FEDL_HOST_HELPER_PROCESS_H
#define FEDL_HOST_HELPER_PROCESS_H

/** Runs the command: argv[0] is `helper`. Returns the exit code (host/exit_code.h). */
int fedl_helper_main(int argc, char **argv);

#endif
