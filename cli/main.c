/* SPDX-License-Identifier: Apache-2.0 */
/* fedl: the operator's command line. Talks to fedl-server through the admin socket in the server's
 * home. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const fedl_command commands[] = {
    {"status", "", "the server, its tasks and devices at a glance", 0, 0, "", fedl_cmd_status},
    {"device add", "NAME [--valid TIME]", "invite a device: prints its one-time token", 1, 1, "V",
     fedl_cmd_device_add},
    {"device list", "", "all devices and when they were last seen", 0, 0, "", fedl_cmd_device_list},
    {"device revoke", "DEVICE", "shut a device out, at once and for good", 1, 1, "",
     fedl_cmd_device_revoke},
    {"device readmit", "DEVICE", "let a device that was found lying take part again", 1, 1, "",
     fedl_cmd_device_readmit},
    {"plan check", "PLAN [SECTION.KEY=VALUE …]", "is a plan safe, and what does it cost?", 1,
     FEDL_POSITIONAL_MAX, "", fedl_cmd_plan_check},
    {"device pending", "[--out FILE]", "devices that wait for a certificate; FILE: to be signed", 0,
     0, "o", fedl_cmd_device_pending},
    {"device certify", "FILE", "bring in what fedl ca sign has made", 1, 1, "",
     fedl_cmd_device_certify},
    {"ca sign", "REQUESTS --key FILE --out FILE",
     "sign certificates with the fleet's CA key, on a machine of its own", 1, 1, "ko",
     fedl_cmd_ca_sign},
    {"task add", "PLAN", "start a task from a plan file", 1, 1, "", fedl_cmd_task_add},
    {"task list", "", "all tasks and where they stand", 0, 0, "", fedl_cmd_task_list},
    {"task show", "[TASK]", "one task with its plan", 0, 1, "t", fedl_cmd_task_show},
    {"task pause", "[TASK]", "stop after the attempt under way, which is given up", 0, 1, "t",
     fedl_cmd_task_pause},
    {"task resume", "[TASK]", "go on with a paused task", 0, 1, "t", fedl_cmd_task_resume},
    {"task watch", "[TASK]", "follow the rounds until the task ends", 0, 1, "t",
     fedl_cmd_task_watch},
    {"model list", "[--task TASK]", "all versions of the model", 0, 0, "t", fedl_cmd_model_list},
    {"model show", "[VERSION] [--task TASK]", "one version (default: the newest)", 0, 1, "t",
     fedl_cmd_model_show},
    {"model export", "[VERSION] --out FILE [--task TASK]", "write a version's container to a file",
     0, 1, "to", fedl_cmd_model_export},
    {"model eval", "[VERSION] --data FILE [--labels FILE] [--task TASK]",
     "accuracy and loss of a version on your data", 0, 1, "tdl", fedl_cmd_model_eval},
    {"audit list", "[--limit N]", "the newest entries of the audit log", 0, 0, "n",
     fedl_cmd_audit_list},
    {"audit verify", "", "check the hash chain of the audit log", 0, 0, "", fedl_cmd_audit_verify},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void help(FILE *out)
{
    (void)fprintf(out, "fedl: operate a federated-learning server\n\n"
                       "usage: fedl [--home DIR] [--json] COMMAND …\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char left[96];
        (void)snprintf(left, sizeof left, "%s %s", commands[i].words, commands[i].usage);
        if (strlen(left) > 34) {
            (void)fprintf(out, "  %s\n  %-34s %s\n", left, "", commands[i].summary);
        } else {
            (void)fprintf(out, "  %-34s %s\n", left, commands[i].summary);
        }
    }
    (void)fprintf(out, "\nDEVICE and TASK are an id or a name; TASK may be left out when the "
                       "server has only one.\n"
                       "\n  --home DIR   home of fedl-server (default: $FEDL_HOME, else ~/.fedl)"
                       "\n  --json       one flat JSON object per line instead of tables"
                       "\n  --help, --version\n"
                       "\nexit status: 0 done, 2 wrong command line, 3 no server answers, 4 the "
                       "server refused, 5 a file is "
                       "missing or wrong\n"
                       "\nfirst steps:\n"
                       "  fedl-server init --home srv && fedl-server run --home srv &\n"
                       "  fedl --home srv device add pump-17\n"
                       "  fedl plan check plan.ini\n"
                       "  fedl --home srv task add plan.ini && fedl --home srv task watch\n");
}

_Noreturn static void usage_error(const char *problem, const char *what)
{
    (void)fprintf(stderr, "fedl: %s: %s (fedl --help shows all commands)\n", problem, what);
    exit(FEDL_EXIT_USAGE);
}

long fedl_number_of(const char *text, const char *option, long low, long high)
{
    char *end = NULL;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < low || value > high) {
        (void)fprintf(stderr, "fedl: %s wants a whole number from %ld to %ld, not '%s'\n", option,
                      low, high, text);
        exit(FEDL_EXIT_USAGE);
    }
    return value;
}

cJSON *fedl_request_of(const char *name, const fedl_arguments *arguments)
{
    cJSON *request = fedl_admin_request(name);
    if (arguments->task != NULL) {
        (void)cJSON_AddStringToObject(request, "task", arguments->task);
    }
    if (arguments->version != NULL) {
        (void)cJSON_AddNumberToObject(
            request, "version",
            (double)fedl_number_of(arguments->version, "VERSION", 0, INT32_MAX));
    }
    return request;
}

/* The option's field, or NULL when the command does not know it. */
static const char **field_of(fedl_arguments *arguments, int letter)
{
    switch (letter) {
    case 't':
        return &arguments->task;
    case 'd':
        return &arguments->data;
    case 'l':
        return &arguments->labels;
    case 'o':
        return &arguments->out;
    case 'V':
        return &arguments->valid;
    case 'n':
        return &arguments->limit;
    case 'k':
        return &arguments->key;
    default:
        return NULL;
    }
}

static const struct option long_options[] = {
    {"home", required_argument, NULL, 'h'},   {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, '?'},         {"version", no_argument, NULL, 'v'},
    {"task", required_argument, NULL, 't'},   {"data", required_argument, NULL, 'd'},
    {"labels", required_argument, NULL, 'l'}, {"out", required_argument, NULL, 'o'},
    {"valid", required_argument, NULL, 'V'},  {"limit", required_argument, NULL, 'n'},
    {"key", required_argument, NULL, 'k'},    {NULL, 0, NULL, 0}};

/* Reads all options; the letters that were given go to seen. */
static void read_options(fedl_arguments *arguments, char *seen, size_t seen_size, int argc,
                         char **argv)
{
    size_t seen_count = 0;
    int letter;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        const char *given = argv[optind - 1];
        const char **field = field_of(arguments, letter);
        if (letter == 'h') {
            arguments->home = optarg;
        } else if (letter == 'j') {
            arguments->json = true;
        } else if (letter == 'v') {
            (void)puts("fedl " FEDL_VERSION_TEXT);
            exit(0);
        } else if (letter == '?' && strcmp(given, "--help") == 0) {
            help(stdout);
            exit(0);
        } else if (field == NULL) {
            usage_error("unknown option or missing value", given);
        } else {
            *field = optarg;
            if (seen_count + 1 < seen_size) {
                seen[seen_count++] = (char)letter;
            }
        }
    }
    seen[seen_count] = '\0';
}

static const fedl_command *find_command(int argc, char **argv, int *words_used)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char words[32];
        (void)snprintf(words, sizeof words, "%s", commands[i].words);
        char *second = strchr(words, ' ');
        if (second != NULL) {
            *second++ = '\0';
        }
        if (argc >= 1 && strcmp(argv[0], words) == 0 &&
            (second == NULL || (argc >= 2 && strcmp(argv[1], second) == 0))) {
            *words_used = second == NULL ? 1 : 2;
            return &commands[i];
        }
    }
    return NULL;
}

static const char *default_home(void)
{
    static char path[512];
    const char *home = getenv("FEDL_HOME");
    if (home != NULL && home[0] != '\0') {
        return home;
    }
    home = getenv("HOME");
    (void)snprintf(path, sizeof path, "%s/.fedl", home != NULL ? home : ".");
    return path;
}

int main(int argc, char **argv)
{
    fedl_arguments arguments = {.home = default_home()};
    char seen[16];
    int words_used = 0;
    read_options(&arguments, seen, sizeof seen, argc, argv);
    argc -= optind;
    argv += optind;
    if (argc == 0) {
        help(stderr);
        return FEDL_EXIT_USAGE;
    }
    const fedl_command *command = find_command(argc, argv, &words_used);
    if (command == NULL) {
        usage_error("unknown command", argv[0]);
    }
    if (argc - words_used < command->positional_min ||
        argc - words_used > command->positional_max) {
        (void)fprintf(stderr, "fedl: usage: fedl %s %s\n", command->words, command->usage);
        return FEDL_EXIT_USAGE;
    }
    for (const char *letter = seen; *letter != '\0'; letter++) {
        if (strchr(command->options, *letter) == NULL) {
            (void)fprintf(stderr, "fedl: an option does not belong here; usage: fedl %s %s\n",
                          command->words, command->usage);
            return FEDL_EXIT_USAGE;
        }
    }
    for (int i = words_used; i < argc; i++) {
        arguments.positional[arguments.positional_count++] = argv[i];
    }
    const int code = command->run(&arguments);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("fedl: standard output");
        return code == FEDL_EXIT_OK ? FEDL_EXIT_FILE : code;
    }
    return code;
}
