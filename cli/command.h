/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of fedl: one row each, parsed arguments in, exit code out. */
#ifndef FEDL_CLI_COMMAND_H
#define FEDL_CLI_COMMAND_H

#include "admin_client.h"
#include "inih/plan_file.h"

#define FEDL_POSITIONAL_MAX 65 /* a plan and an override of each key, more or less */

/* Everything a command line can say; what a command does not use must not be given. */
typedef struct fedl_arguments {
    const char *home;
    bool json;
    bool help;
    const char *positional[FEDL_POSITIONAL_MAX]; /* after the command's words */
    int positional_count;
    const char *task;
    const char *version;
    const char *data;
    const char *labels;
    const char *out;
    const char *valid;
    const char *limit;
    const char *key;
} fedl_arguments;

typedef struct fedl_command {
    const char *words; /* "device add" */
    const char *usage; /* what follows the words */
    const char *summary;
    const char *details; /* whole lines for its own --help, or "" */
    int positional_min;
    int positional_max;
    const char
        *options; /* letters: t(ask) v(ersion) d(ata) l(abels) o(ut) V(alid) n (limit) k(ey) */
    int (*run)(const fedl_arguments *arguments);
} fedl_command;

extern const fedl_command fedl_commands[];
extern const size_t fedl_command_count;

int fedl_cmd_status(const fedl_arguments *arguments);
int fedl_cmd_device_add(const fedl_arguments *arguments);
int fedl_cmd_device_list(const fedl_arguments *arguments);
int fedl_cmd_device_revoke(const fedl_arguments *arguments);
int fedl_cmd_device_readmit(const fedl_arguments *arguments);
int fedl_cmd_plan_check(const fedl_arguments *arguments);
int fedl_cmd_device_pending(const fedl_arguments *arguments);
int fedl_cmd_device_certify(const fedl_arguments *arguments);
int fedl_cmd_ca_sign(const fedl_arguments *arguments);
int fedl_cmd_task_add(const fedl_arguments *arguments);
int fedl_cmd_task_list(const fedl_arguments *arguments);
int fedl_cmd_task_show(const fedl_arguments *arguments);
int fedl_cmd_task_pause(const fedl_arguments *arguments);
int fedl_cmd_task_resume(const fedl_arguments *arguments);
int fedl_cmd_task_watch(const fedl_arguments *arguments);
int fedl_cmd_model_list(const fedl_arguments *arguments);
int fedl_cmd_model_show(const fedl_arguments *arguments);
int fedl_cmd_model_export(const fedl_arguments *arguments);
int fedl_cmd_model_eval(const fedl_arguments *arguments);
int fedl_cmd_audit_list(const fedl_arguments *arguments);
int fedl_cmd_audit_verify(const fedl_arguments *arguments);

/** Prints why a plan was refused; FEDL_EXIT_UNSAFE, or FEDL_EXIT_FILE when it can't be read. */
int fedl_plan_refused(const char *path, const fedl_plan_error *error, fedl_status status);
/** A request with the task (when given) and the version (when given; exits on a bad number). */
cJSON *fedl_request_of(const char *name, const fedl_arguments *arguments);
/** A whole number in [low, high], or exits with FEDL_EXIT_USAGE and a line that names the option.
 */
long fedl_number_of(const char *text, const char *option, long low, long high);

#endif
