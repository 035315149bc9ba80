/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of fedl-sim. */
#ifndef FEDL_SIM_OPTIONS_H
#define FEDL_SIM_OPTIONS_H

#include "sim_world.h"

#define FEDL_SIM_OVERRIDES_MAX 64u

/* Numbered exits; also in --help and docs/simulator.md. */
typedef enum fedl_sim_exit {
    FEDL_SIM_EXIT_OK = 0,
    FEDL_SIM_EXIT_FAILED = 1,        /* something went wrong while running */
    FEDL_SIM_EXIT_USAGE = 2,         /* the command line is wrong */
    FEDL_SIM_EXIT_PLAN = 3,          /* the plan was refused */
    FEDL_SIM_EXIT_DATA = 4,          /* data or partition missing or broken */
    FEDL_SIM_EXIT_INCOMPLETE = 5,    /* the task did not reach its last round */
    FEDL_SIM_EXIT_INTERRUPTED = 130, /* Ctrl-C: what was reached has been written */
} fedl_sim_exit;

typedef enum fedl_sim_command {
    FEDL_SIM_COMMAND_RUN = 1,
    FEDL_SIM_COMMAND_PARTITION = 2,
    FEDL_SIM_COMMAND_BASELINE = 3,
    FEDL_SIM_COMMAND_HELP = 4,
    FEDL_SIM_COMMAND_VERSION = 5,
} fedl_sim_command;

typedef struct fedl_sim_options {
    fedl_sim_command command;
    const char *plan_path;
    fedl_plan_override overrides[FEDL_SIM_OVERRIDES_MAX];
    size_t override_count;
    const char *json_path;
    const char *curve_path;
    const char *partition_path;
    const char *model_path; /* where run writes the last model */
    const char *out_path;
    uint32_t threads; /* 0 = one per processor */
    bool has_seed;
    uint64_t seed;
    uint32_t seeds; /* baseline: number of repetitions */
    bool quiet;
    fedl_sim_enrol enrol;
    fedl_sim_net net;
} fedl_sim_options;

/** Reads argv. text: one line on errors. Errors: ERR_ARGUMENT (unknown or missing option),
 * ERR_RANGE (a value), ERR_FULL (too many --set). */
FEDL_NODISCARD fedl_status fedl_sim_options_parse(fedl_sim_options *options, int argc, char **argv,
                                                  char text[FEDL_SIM_TEXT_BYTES]);
/** The text of --help. */
const char *fedl_sim_help(void);

/* One function per command; each prints its own errors and returns an exit status. */
int fedl_sim_command_run(const fedl_sim_options *options);
int fedl_sim_command_partition(const fedl_sim_options *options);
int fedl_sim_command_baseline(const fedl_sim_options *options);

/** Says before the work whether the files that the options name can be written. text: one line on
 * errors, which are those of fedl_file_output_check(). */
FEDL_NODISCARD fedl_status fedl_sim_check_outputs(const fedl_sim_options *options,
                                                  char text[FEDL_SIM_TEXT_BYTES]);

/** Empties the buffer of stdout. Returns exit_status, or FEDL_SIM_EXIT_FAILED after a line on
 * stderr when the command succeeded but some of its words could not be written. */
int fedl_sim_end_output(int exit_status);

/** Prints "fedl-sim: text" to stderr and returns exit_status. */
int fedl_sim_complain(fedl_sim_exit exit_status, const char *text);

#endif
