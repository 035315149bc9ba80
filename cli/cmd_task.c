/* SPDX-License-Identifier: Apache-2.0 */
/* task add | list | show | pause | resume | watch */
#include "command.h"
#include "inih/plan_file.h"
#include "planner/plan_report.h"
#include "posix/durable_file.h"
#include "task_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const fedl_column fedl_task_columns[] = {
    {"task_id", "id", FEDL_CELL_NUMBER},
    {"name", "task", FEDL_CELL_TEXT},
    {"state", "state", FEDL_CELL_TEXT},
    {"phase", "phase", FEDL_CELL_TEXT},
    {"round", "round", FEDL_CELL_NUMBER},
    {"rounds", "of", FEDL_CELL_NUMBER},
    {"attempt", "attempt", FEDL_CELL_NUMBER},
    {"pool", "pool", FEDL_CELL_NUMBER},
    {"members", "chosen", FEDL_CELL_NUMBER},
    {"reports", "reports", FEDL_CELL_NUMBER},
    {"version", "version", FEDL_CELL_NUMBER},
    {"digest", "digest", FEDL_CELL_DIGEST},
    {"parameters", "parameters", FEDL_CELL_NUMBER},
    {"aggregation", "aggregation", FEDL_CELL_TEXT},
    {"min_cohort", "min cohort", FEDL_CELL_NUMBER},
    {"survivors", "survivors", FEDL_CELL_NUMBER},
};
const size_t fedl_task_column_count = sizeof fedl_task_columns / sizeof fedl_task_columns[0];

static const fedl_column show_columns[] = {
    {"task_id", "id", FEDL_CELL_NUMBER},
    {"name", "task", FEDL_CELL_TEXT},
    {"state", "state", FEDL_CELL_TEXT},
    {"phase", "phase", FEDL_CELL_TEXT},
    {"round", "round", FEDL_CELL_NUMBER},
    {"rounds", "of", FEDL_CELL_NUMBER},
    {"attempt", "attempt", FEDL_CELL_NUMBER},
    {"pool", "pool", FEDL_CELL_NUMBER},
    {"members", "chosen", FEDL_CELL_NUMBER},
    {"reports", "reports", FEDL_CELL_NUMBER},
    {"version", "version", FEDL_CELL_NUMBER},
    {"digest", "digest", FEDL_CELL_TEXT},
    {"parameters", "parameters", FEDL_CELL_NUMBER},
    {"aggregation", "aggregation", FEDL_CELL_TEXT},
    {"trust", "server trust", FEDL_CELL_TEXT},
    {"min_cohort", "smallest cohort", FEDL_CELL_NUMBER},
    {"cohort_round", "last masked round", FEDL_CELL_NUMBER},
    {"cohort", "its cohort", FEDL_CELL_NUMBER},
    {"shared", "sent shares", FEDL_CELL_NUMBER},
    {"survivors", "are in the sum", FEDL_CELL_NUMBER},
    {"privacy", "noise", FEDL_CELL_TEXT},
    {"clip", "clip of the round", FEDL_CELL_REAL},
    {"rho_spent", "privacy spent (rho)", FEDL_CELL_REAL},
    {"rho_budget", "privacy budget (rho)", FEDL_CELL_REAL},
    {"delta", "delta", FEDL_CELL_REAL},
    {"epsilon_spent", "epsilon spent", FEDL_CELL_REAL},
    {"epsilon_budget", "epsilon of the budget", FEDL_CELL_REAL},
};

/* Why devices with the default policy take no part, FEDL_REFUSAL_NONE when they do. */
static fedl_refusal usual_refusal(const fedl_task_config *config)
{
    fedl_plan_report report;
    fedl_plan_report_make(&report, &config->plan, &config->round, config->privacy_delta);
    return report.usual_refusal;
}

/* Reads and checks the plan here too, so that its errors come with the file's line, before anything
 * is sent. */
static int read_plan(uint8_t **text, size_t *size, fedl_refusal *refusal, const char *path)
{
    fedl_plan_error error = {0};
    fedl_task_config *config = calloc(1, sizeof *config);
    fedl_status status =
        config == NULL ? FEDL_ERR_NO_MEMORY : fedl_plan_file_check(config, path, NULL, 0, &error);
    if (status == FEDL_OK) {
        *refusal = usual_refusal(config);
    }
    free(config);
    if (status != FEDL_OK) {
        return fedl_plan_refused(path, &error, status);
    }
    status = fedl_file_read(text, size, path, FEDL_PLAN_TEXT_BYTES_MAX);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl: %s: %s\n", path, fedl_status_text(status));
        return FEDL_EXIT_FILE;
    }
    return FEDL_EXIT_OK;
}

int fedl_cmd_task_add(const fedl_arguments *arguments)
{
    uint8_t *text = NULL;
    size_t size = 0;
    fedl_admin_reply reply;
    fedl_refusal refusal = FEDL_REFUSAL_NONE;
    int code = read_plan(&text, &size, &refusal, arguments->positional[0]);
    if (code == FEDL_EXIT_OK) {
        code = fedl_admin_call(&reply, arguments->home, fedl_admin_request("task.add"),
                               fedl_bytes_of(text, size));
    }
    free(text);
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    /* A task that no device takes looks like one that waits; why it does stands in their logs. */
    if (refusal != FEDL_REFUSAL_NONE) {
        (void)fprintf(stderr, "fedl: devices refuse this unless their owners allow it: %s\n",
                      fedl_refusal_text(refusal));
    }
    if (arguments->json) {
        fedl_print_object(reply.json, NULL, 0, true);
    } else {
        const char *name =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply.json, "name"));
        (void)printf(
            "task %.0f '%s' runs, %.0f parameters; follow it with: fedl task watch %s\n",
            cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(reply.json, "task_id")),
            name != NULL ? name : "?",
            cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(reply.json, "parameters")),
            name != NULL ? name : "");
    }
    fedl_admin_reply_free(&reply);
    return FEDL_EXIT_OK;
}

int fedl_cmd_task_list(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const int code = fedl_admin_call(&reply, arguments->home, fedl_admin_request("task.list"),
                                     fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        fedl_print_rows(cJSON_GetObjectItemCaseSensitive(reply.json, "rows"), fedl_task_columns,
                        fedl_task_column_count, arguments->json,
                        "no task yet: fedl task add PLAN starts one");
        fedl_admin_reply_free(&reply);
    }
    return code;
}

static fedl_arguments with_task(const fedl_arguments *arguments)
{
    fedl_arguments copy = *arguments;
    if (copy.positional_count > 0) {
        copy.task = copy.positional[0];
    }
    return copy;
}

int fedl_cmd_task_show(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const fedl_arguments named = with_task(arguments);
    const int code = fedl_admin_call(&reply, named.home, fedl_request_of("task.show", &named),
                                     fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        if (named.json && reply.payload != NULL) {
            (void)cJSON_AddStringToObject(reply.json, "plan", (const char *)reply.payload);
        }
        fedl_print_object(reply.json, show_columns, sizeof show_columns / sizeof show_columns[0],
                          named.json);
        if (!named.json && reply.payload != NULL) {
            (void)putchar('\n');
            (void)fwrite(reply.payload, 1, reply.payload_bytes, stdout);
        }
        fedl_admin_reply_free(&reply);
    }
    return code;
}

static int change_state(const fedl_arguments *arguments, const char *request, const char *done)
{
    fedl_admin_reply reply;
    const fedl_arguments named = with_task(arguments);
    const int code = fedl_admin_call(&reply, named.home, fedl_request_of(request, &named),
                                     fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        if (named.json) {
            fedl_print_object(reply.json, NULL, 0, true);
        } else {
            (void)printf(
                "task %.0f %s\n",
                cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(reply.json, "task_id")),
                done);
        }
        fedl_admin_reply_free(&reply);
    }
    return code;
}

int fedl_cmd_task_pause(const fedl_arguments *arguments)
{
    return change_state(arguments, "task.pause", "is paused");
}

int fedl_cmd_task_resume(const fedl_arguments *arguments)
{
    return change_state(arguments, "task.resume", "goes on");
}

static double number_in(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void print_event(const cJSON *event, const char *what)
{
    if (strcmp(what, "round") == 0) {
        const cJSON *accuracy = cJSON_GetObjectItemCaseSensitive(event, "held_out_accuracy");
        const cJSON *loss = cJSON_GetObjectItemCaseSensitive(event, "train_loss");
        (void)printf("round %3.0f  version %3.0f  %3.0f reports", number_in(event, "round"),
                     number_in(event, "version"), number_in(event, "reports"));
        if (cJSON_IsNumber(loss)) {
            (void)printf("  loss %.4f", loss->valuedouble);
        } else {
            (void)printf("  loss -"); /* devices that add noise don't tell */
        }
        if (cJSON_IsNumber(accuracy)) {
            (void)printf("  held-out accuracy before %.2f %%", 100 * accuracy->valuedouble);
        }
        (void)printf("  %.2f s\n", number_in(event, "duration_ms") / 1000);
    } else if (strcmp(what, "abort") == 0) {
        const char *reason =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "reason"));
        (void)printf("round %3.0f  attempt %.0f given up: %s\n", number_in(event, "round"),
                     number_in(event, "attempt"), reason != NULL ? reason : "?");
    } else if (strcmp(what, "burn") == 0 || strcmp(what, "exclude") == 0) {
        const char *reason =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "reason"));
        (void)printf("round %3.0f  attempt %.0f %s", number_in(event, "round"),
                     number_in(event, "attempt"),
                     what[0] == 'b' ? "burnt" : "goes on without a device");
        if (number_in(event, "device_id") > 0) {
            (void)printf(", device %.0f", number_in(event, "device_id"));
        }
        (void)printf(": %s\n", reason != NULL ? reason : "?");
    }
    (void)fflush(stdout);
}

/* What is under way before the first event comes: most often it is waiting for devices. */
static void print_standing(const cJSON *task)
{
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(task, "state"));
    const char *phase = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(task, "phase"));
    if (state == NULL || phase == NULL || strcmp(state, "running") != 0) {
        return;
    }
    (void)printf("round %3.0f of %.0f: %s", number_in(task, "round"), number_in(task, "rounds"),
                 phase);
    if (strcmp(phase, "waiting for devices") == 0) {
        (void)printf(", %.0f there", number_in(task, "pool"));
    }
    (void)puts("; Ctrl-C ends the watching, not the task");
    (void)fflush(stdout);
}

int fedl_cmd_task_watch(const fedl_arguments *arguments)
{
    fedl_admin_link link;
    const fedl_arguments named = with_task(arguments);
    if (!named.json) {
        fedl_admin_reply reply;
        const int shown = fedl_admin_call(&reply, named.home, fedl_request_of("task.show", &named),
                                          fedl_bytes_of(NULL, 0));
        if (shown != FEDL_EXIT_OK) {
            return shown;
        }
        print_standing(reply.json);
        fedl_admin_reply_free(&reply);
    }
    int code = fedl_admin_open(&link, named.home, fedl_request_of("task.watch", &named),
                               fedl_bytes_of(NULL, 0));
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    cJSON *line = fedl_admin_next(&link);
    code = line == NULL ? FEDL_EXIT_SERVER : fedl_admin_check(line);
    bool ended = false;
    while (code == FEDL_EXIT_OK && !ended) {
        cJSON_Delete(line);
        line = fedl_admin_next(&link);
        const char *what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "event"));
        if (line == NULL || what == NULL) {
            (void)fprintf(stderr, "fedl: the server ended before the task did: the task goes on "
                                  "when it runs again\n");
            code = FEDL_EXIT_SERVER;
        } else if (named.json) {
            fedl_print_object(line, NULL, 0, true);
            (void)fflush(stdout);
        } else {
            print_event(line, what);
        }
        ended = what != NULL && strcmp(what, "end") == 0;
    }
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "state"));
    if (ended && !named.json && state != NULL) {
        (void)printf("the task is %s\n", state);
    }
    cJSON_Delete(line);
    fedl_admin_close(&link);
    return code;
}
