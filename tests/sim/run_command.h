/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of fedl-sim inside a test. */
#ifndef FEDL_TESTS_RUN_COMMAND_H
#define FEDL_TESTS_RUN_COMMAND_H

#include "sim_options.h"

/** words: what follows the program's name, NULL at the end; at most 22. Errors: those of
 * fedl_sim_options_parse(). */
fedl_status parse(fedl_sim_options *options, char text[FEDL_SIM_TEXT_BYTES],
                  const char *const *words);

/** Runs a command with stderr in a file; said gets its text. Gives the exit status. */
int run(const char *const *words, char said[1024]);

#endif
