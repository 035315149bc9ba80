/* SPDX-License-Identifier: Apache-2.0 */
/* fedl: the operator's command line. Talks to fedl-server through the admin socket in the server's
 * home. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void help(FILE *out)
{
    (void)fprintf(out, "fedl: operate a federated-learning server\n\n"
                       "usage: fedl [--home DIR] [--json] COMMAND …\n\n");
    for (size_t i = 0; i < fedl_command_count; i++) {
        char left[96];
        (void)snprintf(left, sizeof left, "%s %s", fedl_commands[i].words, fedl_commands[i].usage);
        if (strlen(left) > 34) {
            (void)fprintf(out, "  %s\n  %-34s %s\n", left, "", fedl_commands[i].summary);
        } else {
            (void)fprintf(out, "  %-34s %s\n", left, fedl_commands[i].summary);
        }
    }
    (void)fprintf(out,
                  "\nDEVICE and TASK are an id or a name; TASK may be left out when the "
                  "server has only one.\n"
                  "\n  --home DIR   home of fedl-server (default: $FEDL_HOME, else ~/.fedl)"
                  "\n  --json       one flat JSON object per line instead of tables"
                  "\n  --help       also behind a command: fedl task add --help"
                  "\n  --version\n"
                  "\nexit status: 0 done, 2 wrong command line, 3 no server answers, 4 the "
                  "server refused,\n  5 a file is missing or can't be read, 6 a plan is unsafe or "
                  "would hardly work\n"
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
            arguments->help = true;
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
    for (size_t i = 0; i < fedl_command_count; i++) {
        char words[32];
        (void)snprintf(words, sizeof words, "%s", fedl_commands[i].words);
        char *second = strchr(words, ' ');
        if (second != NULL) {
            *second++ = '\0';
        }
        if (argc >= 1 && strcmp(argv[0], words) == 0 &&
            (second == NULL || (argc >= 2 && strcmp(argv[1], second) == 0))) {
            *words_used = second == NULL ? 1 : 2;
            return &fedl_commands[i];
        }
    }
    return NULL;
}

/* "fedl task": the commands that begin so. false: none does. */
static bool help_of_group(FILE *out, const char *word)
{
    const size_t size = strlen(word);
    bool any = false;
    for (size_t i = 0; i < fedl_command_count; i++) {
        if (strncmp(fedl_commands[i].words, word, size) == 0 &&
            fedl_commands[i].words[size] == ' ') {
            (void)fprintf(out, "%s  fedl %s %s\n      %s\n", any ? "" : "usage:\n",
                          fedl_commands[i].words, fedl_commands[i].usage, fedl_commands[i].summary);
            any = true;
        }
    }
    return any;
}

/* One line: what would have been known. */
_Noreturn static void unknown_command(const char *word, const char *second)
{
    const size_t size = strlen(word);
    bool any = false;
    for (size_t i = 0; i < fedl_command_count; i++) {
        const char *words = fedl_commands[i].words;
        if (strncmp(words, word, size) == 0 && words[size] == ' ') {
            if (!any && second != NULL) {
                (void)fprintf(stderr, "fedl: there is no '%s %s': ", word, second);
            } else if (!any) {
                (void)fprintf(stderr, "fedl: '%s' wants another word: ", word);
            }
            (void)fprintf(stderr, "%s%s", any ? ", " : "", words);
            any = true;
        }
    }
    if (!any) {
        usage_error("unknown command", word);
    }
    (void)fprintf(stderr, " (fedl %s --help)\n", word);
    exit(FEDL_EXIT_USAGE);
}

static int help_of(const fedl_command *command, int argc, char **argv)
{
    if (command != NULL) {
        (void)printf("usage: fedl %s %s\n\n%s\n%s", command->words, command->usage,
                     command->summary, command->details);
    } else if (argc == 0) {
        help(stdout);
    } else if (!help_of_group(stdout, argv[0])) {
        usage_error("unknown command", argv[0]);
    }
    return FEDL_EXIT_OK;
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
    const fedl_command *command = find_command(argc, argv, &words_used);
    if (arguments.help) {
        return help_of(command, argc, argv);
    }
    if (argc == 0) {
        help(stderr);
        return FEDL_EXIT_USAGE;
    }
    if (command == NULL) {
        unknown_command(argv[0], argc > 1 ? argv[1] : NULL);
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
